"""Task and CoverageEligibility* for the hub that sent the referral, and its one change: cancel."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from contracts.codes import PartnerKind, TaskStatus
from services.chassis.auth import Partner
from services.chassis.db import Connection
from services.chassis.fhir.guard import check_off_loop
from services.chassis.fhir.outcome import FhirRefused, Issue, refusal
from services.chassis.fhir.search import (
    Filters,
    Match,
    Reference,
    Resource,
    Search,
    Token,
    as_uuid,
)
from services.chassis.fhir.server import FhirRouter, change, respond, touch
from services.chassis.rule_packs import in_force
from services.referral.commands import close
from services.referral.domain.payer import Asked
from services.referral.domain.states import TaskRow
from services.referral.mapping.coverage_eligibility import (
    request_from_inquiry,
    response_from_inquiry,
)
from services.referral.mapping.mirror import mirror_from_stored
from services.referral.mapping.task import MAY_CHANGE, Parties, changed_elements, task_from_row
from services.referral.store import eligibility, mirror, payers, people, tasks
from services.referral.store.payers import Named

HUBS = frozenset({PartnerKind.HUB})
FULFILL = ("http://hl7.org/fhir/CodeSystem/task-code", "fulfill")
FILTERS: Filters = {
    "code": Token,
    "owner": Reference(("Organization",)),
    "requester": Reference(("Organization",)),
    "status": Token,
    "focus": Reference(("ServiceRequest",)),
    "identifier": Token,
    "patient": Reference(("Patient",)),
}
TOGETHER = (("patient", "status"), ("owner", "status"))
VERSION = re.compile(r'(?:W/)?"([1-9][0-9]{0,8})"')


def add_tasks(router: FhirRouter, agency: Named) -> None:
    """Give a router the reads and searches of Task, what a hub may change, and the payers' part."""
    door = Door(agency)
    router.read("Task", kinds=HUBS)(door.read_task)
    router.search("Task", FILTERS, kinds=HUBS, include=("Task:focus",), together=TOGETHER)(
        door.search_tasks
    )
    router.write("PUT", "/fhir/Task/{id_}", scope="Task.u", kinds=HUBS)(door.put_task)
    router.read("CoverageEligibilityRequest", kinds=HUBS)(door.read_eligibility_request)
    router.read("CoverageEligibilityResponse", kinds=HUBS)(door.read_eligibility_response)


@dataclass(frozen=True, slots=True)
class Door:
    """Everything here is of the asking hub's own referrals; another's and none are alike."""

    agency: Named

    async def read_task(
        self, conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        row = await own_task(conn, partner, id_)
        return await self.shown(conn, row) if row else None

    async def search_tasks(
        self, conn: Connection, partner: Partner, search: Search
    ) -> Sequence[Match]:
        if not names_both_sides(search, owner=self.agency, requester=partner):
            return []
        rows = await tasks.list_tasks(conn, wanted(search, partner))
        return [await self.match(conn, row, search) for row in rows]

    async def match(self, conn: Connection, row: TaskRow, search: Search) -> Match:
        stored = None
        if "Task:focus" in search.include:
            stored = await mirror.mirror_by_id(
                conn, row.organisation_id, "ServiceRequest", str(row.referral_id)
            )
        included = [mirror_from_stored(stored)] if stored else []
        return Match(await self.shown(conn, row), row.updated_at, str(row.task_id), included)

    async def put_task(self, request: Request, partner: Partner) -> Response:
        """Cancel, say why, add notes; `If-Match` is needed (FHIR.md §7.1)."""
        checked = await check_off_loop(await request.body(), expect={"Task"})
        sent, id_ = checked.resource, request.path_params["id_"]
        now = request.app.state.context.clock.now()
        async with change(request, partner) as conn:
            found = await own_task(conn, partner, id_)
            if found is None:
                raise refusal(404, "There is nothing here that you may read.")
            touch(request, f"Task/{id_}")
            await tasks.lock_task(conn, found.task_id)
            row = await own_task(conn, partner, id_) or found
            check_version(request.headers.get("if-match"), row)
            refuse_other_changes(await self.shown(conn, row), sent)
            change_ = close.HubChange(
                *(sent["status"] == TaskStatus.CANCELLED, reason_text(sent)),
                tuple(sent.get("note", ())),
            )
            await close.change_by_hub(conn, row, change_, now=now)
            after = await self.shown(conn, await own_task(conn, partner, id_) or row)
        return respond(request, after)

    async def read_eligibility_request(
        self, conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        """A question put to a payer."""
        asked = await own_inquiry(conn, partner, id_)
        if asked is None or str(asked.inquiry_id) != id_:
            return None
        return request_from_inquiry(asked, await self.parties(conn, asked.youth_id, partner))

    async def read_eligibility_response(
        self, conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        """Its answer, as we read it."""
        asked = await own_inquiry(conn, partner, id_)
        if asked is None or str(asked.response_id) != id_:
            return None
        payer = await payers.organisation_by_id(conn, asked.payer_id)
        return response_from_inquiry(
            asked,
            await self.parties(conn, asked.youth_id, partner),
            payer_name=payer.name if payer else "",
            rules=in_force(),
        )

    async def shown(self, conn: Connection, row: TaskRow) -> Resource:
        sender = await payers.organisation_by_id(conn, row.organisation_id)
        mrn = await people.number_by_reader(conn, row.youth_id, row.organisation_id)
        return task_from_row(row, self.beside(sender or Named(row.organisation_id, ""), mrn))

    async def parties(self, conn: Connection, youth_id: UUID, partner: Partner) -> Parties:
        mrn = await people.number_by_reader(conn, youth_id, partner.organisation_id)
        return self.beside(Named(partner.organisation_id, ""), mrn)

    def beside(self, sender: Named, mrn: tuple[str, str] | None) -> Parties:
        return Parties(
            agency_id=self.agency.organisation_id,
            agency_name=self.agency.name,
            requester_id=sender.organisation_id,
            requester_name=sender.name,
            mrn=mrn,
        )


async def own_task(conn: Connection, partner: Partner, id_: str) -> TaskRow | None:
    task_id = as_uuid(id_)
    return await tasks.task_by_id(conn, task_id, partner.organisation_id) if task_id else None


async def own_inquiry(conn: Connection, partner: Partner, id_: str) -> Asked | None:
    if (uuid := as_uuid(id_)) is None:
        return None
    return await eligibility.inquiry_by_id(conn, uuid, partner.organisation_id)


# --- Searches -----------------------------------------------------------------------------------


def names_both_sides(search: Search, *, owner: Named, requester: Partner) -> bool:
    """Whether owner, requester and code are those that every Task of this hub has."""
    owners, requesters = search.uuids("owner"), search.uuids("requester")
    codes = search.tokens("code")
    fulfil = codes is None or any(
        token.system in (None, FULFILL[0]) and token.code in (None, FULFILL[1]) for token in codes
    )
    ours = owners is None or owner.organisation_id in owners
    return fulfil and ours and (requesters is None or requester.organisation_id in requesters)


def wanted(search: Search, partner: Partner) -> tasks.Wanted:
    numbers = search.tokens("identifier")
    return tasks.Wanted(
        organisation_id=partner.organisation_id,
        task_ids=search.uuids("_id"),
        statuses=search.get("status"),
        referral_ids=search.uuids("focus"),
        youth_ids=search.uuids("patient"),
        numbers=None if numbers is None else tuple((n.system, n.code) for n in numbers),
        since=search.last_updated.low,
        before=search.last_updated.high,
        after_at=search.after_at,
        after_id=search.after_id,
        limit=search.limit,
    )


# --- A hub's PUT --------------------------------------------------------------------------------


def check_version(header: str | None, row: TaskRow) -> None:
    if header is None:
        text = "A Task is changed with If-Match: send the version that you have read."
        raise refusal(412, text)
    found = VERSION.fullmatch(header.strip())
    if found is None:
        raise refusal(400, "If-Match takes one version as in the ETag.", code="invalid")
    if int(found[1]) != row.version:
        text = "The Task has changed since you read it: read it again, then decide."
        raise refusal(412, text)


def refuse_other_changes(shown: Resource, sent: Resource) -> None:
    """Everything but status → cancelled, statusReason and note is ours to set (B-141)."""
    wrong = [name for name in changed_elements(shown, sent) if name not in MAY_CHANGE]
    if sent.get("status") not in (shown["status"], TaskStatus.CANCELLED.value):
        wrong.append("status")
    if wrong:
        text = "A hub may change only status to cancelled, statusReason and note."
        issues = [Issue("error", "business-rule", text, f"Task.{name}") for name in wrong]
        raise FhirRefused(422, issues)


def reason_text(sent: dict[str, Any]) -> str | None:
    text: str | None = sent.get("statusReason", {}).get("text")
    return text
