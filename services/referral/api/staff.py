"""What staff do with referrals: look, attest, add facts, close, judge duplicates (DOMAIN.md §9)."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field

from contracts.codes import (
    Attestation,
    Gap,
    HubService,
    Ineligibility,
    OpenItem,
    ReferralState,
    Role,
    TaskStatus,
)
from contracts.events import MentorGender, Window
from services.chassis.auth import Staff
from services.chassis.db import Connection
from services.chassis.doors import Forbidden
from services.chassis.errors import NotFound
from services.chassis.staff import Caller, Conn, StaffRouter, touch
from services.referral.commands import attest, close, facts
from services.referral.commands.attest import Act
from services.referral.commands.facts import PayerAnswer
from services.referral.commands.tasks import standing_of, task_of
from services.referral.domain.states import CloseReason
from services.referral.store import attestations, eligibility, standings, work_items, worklist
from services.referral.store.worklist import Listed

staff = StaffRouter(prefix="/api/referral")

READERS = frozenset({Role.COORDINATOR, Role.SUPERVISOR})
MOST_LISTED = 200


class Body(BaseModel):
    """Unknown fields are refused: a misspelt one must not be lost in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class NewAttestation(Body):
    kind: Attestation
    stands: bool = True
    given_by: Annotated[str | None, Field(max_length=200)] = None
    given_on: date | None = None
    evidence: Annotated[str | None, Field(max_length=2000)] = None


class Attested(BaseModel):
    attestation_id: UUID


class YouthFacts(Body):
    birth_date: date | None = None
    deceased: bool | None = None


class HubFacts(Body):
    """A hub service that the hub confirmed; without an organisation it is the asking one's."""

    hub_service: HubService
    organisation_id: UUID | None = None
    begins: date | None = None
    ends: Annotated[date | None, Field(description="Last day.")] = None


class CoverageFacts(Body):
    payer_id: Annotated[UUID, Field(description="A registered payer.")]
    member_id: Annotated[str, Field(min_length=1, max_length=80)]
    rank: Annotated[int, Field(ge=1, le=9)] = 1


class GoalFacts(Body):
    """Goals of the hub's plan that it says are for Therapeutic Mentoring."""

    goal_ids: Annotated[list[UUID], Field(min_length=1, max_length=50)]


class Wishes(Body):
    mentor_gender: MentorGender | None = None
    windows: Annotated[list[Window] | None, Field(max_length=50)] = None
    hours_per_week: Annotated[float | None, Field(gt=0, le=40)] = None


class PayerAnswerFacts(Body):
    """What a payer told a person; `product` is a code of the rule pack."""

    coverage_id: UUID
    is_active: bool
    product: str | None = None
    begins: date | None = None
    ends: Annotated[date | None, Field(description="Last day.")] = None


class NewFacts(Body):
    """What staff learned; what is left out stays as it is."""

    youth: YouthFacts | None = None
    hub: HubFacts | None = None
    coverage: CoverageFacts | None = None
    tm_goals: GoalFacts | None = None
    wishes: Wishes | None = None
    payer_answer: PayerAnswerFacts | None = None


class Closing(Body):
    """`text` is shown to the hub in its Task."""

    reason: CloseReason
    text: Annotated[str | None, Field(max_length=1000)] = None


class DuplicateJudgement(Body):
    """The first version knows one answer: it is another child. Joining two comes later."""

    distinct: Annotated[bool, Field(description="True: another child; the referral goes on.")]


class StateView(BaseModel):
    referral_id: UUID
    state: ReferralState


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


@staff.post("/referrals/{referral_id}/attestations", roles=READERS, status_code=201)
async def add_attestation(
    referral_id: UUID, body: NewAttestation, conn: Conn, caller: Caller, request: Request
) -> Attested:
    """A coordinator attests consents and documents, a licensed supervisor medical necessity."""
    refuse_other_roles(body.kind, caller)
    touch(request, f"ServiceRequest/{referral_id}")
    act = Act(
        *(body.kind, body.stands, caller.staff_id),
        *(body.given_by, body.given_on, body.evidence),
    )
    id_ = await attest.attest(conn, referral_id, act, now=now_of(request))
    return Attested(attestation_id=id_)


def refuse_other_roles(kind: Attestation, caller: Staff) -> None:
    necessity = kind is Attestation.MEDICAL_NECESSITY
    needed = Role.SUPERVISOR if necessity else Role.COORDINATOR
    if needed not in caller.roles:
        raise Forbidden


@staff.post("/referrals/{referral_id}/facts", roles={Role.COORDINATOR})
async def add_facts(
    referral_id: UUID, body: NewFacts, conn: Conn, caller: Caller, request: Request
) -> StateView:
    """Keep what was learned; gate 1 runs again. With nothing in it, it only runs again."""
    touch(request, f"ServiceRequest/{referral_id}")
    learned = body.model_dump(mode="json", exclude_none=True, exclude={"payer_answer"})
    told = body.payer_answer
    await facts.learn(
        conn,
        referral_id,
        learned,
        answer=PayerAnswer(**told.model_dump()) if told else None,
        staff_id=caller.staff_id,
        now=now_of(request),
    )
    return await state_of(conn, referral_id)


@staff.post("/referrals/{referral_id}/close", roles={Role.COORDINATOR})
async def close_referral(
    referral_id: UUID, body: Closing, conn: Conn, caller: Caller, request: Request
) -> StateView:
    """End a referral that is not in service, or confirm that it is withdrawn."""
    touch(request, f"ServiceRequest/{referral_id}")
    now = now_of(request)
    if body.reason is CloseReason.WITHDRAWN:
        await close.withdraw(conn, referral_id, now=now, text=body.text, by_staff=True)
    else:
        await close.close(conn, referral_id, body.reason, text=body.text, now=now)
    return await state_of(conn, referral_id)


@staff.post("/referrals/{referral_id}/duplicate-review", roles={Role.COORDINATOR})
async def judge_duplicate(
    referral_id: UUID, body: DuplicateJudgement, conn: Conn, caller: Caller, request: Request
) -> StateView:
    """Say that a referral under duplicate review is another child's."""
    touch(request, f"ServiceRequest/{referral_id}")
    if body.distinct:
        await close.clear_duplicate(conn, referral_id, now=now_of(request))
    return await state_of(conn, referral_id)


async def state_of(conn: Connection, referral_id: UUID) -> StateView:
    state = await standings.lock_referral(conn, referral_id)
    if state is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    return StateView(referral_id=referral_id, state=state)


def now_of(request: Request) -> datetime:
    now: datetime = request.app.state.context.clock.now()
    return now
