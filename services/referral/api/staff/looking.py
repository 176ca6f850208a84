"""What staff see of referrals: the list, and one with all that holds it up."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel

from contracts.codes import (
    Attestation,
    Gap,
    HubService,
    Ineligibility,
    OpenItem,
    ReferralState,
    TaskStatus,
)
from services.chassis.db import Connection
from services.chassis.errors import NotFound
from services.chassis.staff import Caller, Conn, touch
from services.referral.api.staff.router import READERS, now_of, staff
from services.referral.commands.tasks import standing_of, task_of
from services.referral.store import attestations, eligibility, work_items, worklist
from services.referral.store.worklist import Listed

MOST_LISTED = 200


class NameView(BaseModel):
    given: list[str]
    family: str | None
    preferred: str | None


class ReferralView(BaseModel):
    """One line of the list."""

    referral_id: UUID
    youth_id: UUID
    organisation_id: UUID
    organisation: str | None
    name: NameView
    version: int
    state: ReferralState
    priority: str
    received_at: datetime
    received_on: date
    hub_service: HubService | None


class WorkItemView(BaseModel):
    kind: str
    due_on: date
    opened_at: datetime


class EligibilityView(BaseModel):
    determination_id: UUID
    payer: UUID
    product: str | None
    bh_admin: str | None
    valid_from: date | None
    valid_to: date | None
    conditions: list[str]
    rule_pack_version: str


class ReferralDetail(ReferralView):
    """All that a coordinator needs to see what holds a referral up."""

    birth_date: date | None
    do_not_contact: bool
    gaps: list[Gap]
    failures: list[Ineligibility]
    open_items: list[OpenItem]
    work_items: list[WorkItemView]
    attestations: dict[Attestation, bool]
    eligibility: EligibilityView | None
    task_id: UUID
    task_version: int
    task_status: TaskStatus
    hold_reason: str | None
    withdrawal_asked: bool


@staff.get("/referrals", roles=READERS)
async def list_referrals(
    conn: Conn,
    caller: Caller,
    request: Request,
    state: Annotated[list[ReferralState] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = MOST_LISTED,
) -> list[ReferralView]:
    """Referrals by state, the longest waiting first."""
    states = tuple(state) if state else None
    found = await worklist.list_referrals(conn, states=states, limit=limit)
    touch(request, *(f"ServiceRequest/{one.referral_id}" for one in found))
    return [ReferralView.model_validate(line(one)) for one in found]


@staff.get("/referrals/{referral_id}", roles=READERS)
async def read_referral(
    referral_id: UUID, conn: Conn, caller: Caller, request: Request
) -> ReferralDetail:
    """One referral with what is missing, what failed, what stands and what is to be done."""
    found = await worklist.referral_by_id(conn, referral_id)
    if found is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    touch(request, f"ServiceRequest/{referral_id}", f"Patient/{found.youth_id}")
    return await detail(conn, found, now=now_of(request))


async def detail(conn: Connection, found: Listed, *, now: datetime) -> ReferralDetail:
    standing = await standing_of(conn, found.referral_id, now=now)
    task = await task_of(conn, found.referral_id)
    items = await work_items.list_work_items(conn, found.referral_id)
    return ReferralDetail(
        **line(found),
        birth_date=found.birth_date,
        do_not_contact=found.do_not_contact,
        gaps=list(standing.gaps),
        failures=list(standing.failures),
        open_items=list(standing.open_items),
        work_items=[
            WorkItemView(kind=item.kind, due_on=item.due_on, opened_at=item.opened_at)
            for item in items
        ],
        attestations=await attestations.list_attestations(conn, found.referral_id),
        eligibility=await eligibility_view(conn, found),
        task_id=task.task_id,
        task_version=task.version,
        task_status=task.view.status,
        hold_reason=found.hold_reason,
        withdrawal_asked=found.withdrawal_asked,
    )


def line(found: Listed) -> dict[str, object]:
    name = {"given": list(found.given), "family": found.family, "preferred": found.preferred}
    return {
        "referral_id": found.referral_id,
        "youth_id": found.youth_id,
        "organisation_id": found.organisation_id,
        "organisation": found.organisation,
        "name": name,
        "version": found.version,
        "state": found.state,
        "priority": found.priority,
        "received_at": found.received_at,
        "received_on": found.received_on,
        "hub_service": found.hub_service,
    }


async def eligibility_view(conn: Connection, found: Listed) -> EligibilityView | None:
    if found.determination_id is None:
        return None
    confirmed = await eligibility.determination_by_id(conn, found.determination_id)
    if confirmed is None:
        return None
    made, reading = confirmed.determination, confirmed.reading
    return EligibilityView(
        determination_id=made.determination_id,
        payer=confirmed.payer_id,
        product=reading.product,
        bh_admin=reading.bh_admin,
        valid_from=made.valid_from,
        valid_to=made.valid_to,
        conditions=list(made.conditions),
        rule_pack_version=made.rule_pack_version,
    )
