"""Task and CoverageEligibility* for the hub that sent the referral, and its one change: cancel."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from contracts.codes import PartnerKind, TaskStatus
from services.chassis.auth import Partner
from services.chassis.db import Connection
from services.chassis.fhir import guard
from services.chassis.fhir.outcome import FhirRefused, Issue, refusal
from services.chassis.fhir.search import Filters, Match, Reference, Resource, Search, Token, as_uuid
from services.chassis.fhir.server import FhirRouter, change, respond, touch
from services.referral.commands import close
from services.referral.commands.eligibility import standing_rules
from services.referral.domain.payer import Asked
from services.referral.domain.states import TaskRow
from services.referral.mapping.coverage_eligibility import (
    request_from_inquiry,
    response_from_inquiry,
)
from services.referral.mapping.mirror import mirror_from_stored
from services.referral.mapping.task import MAY_CHANGE, Parties, changed_elements, task_from_row
from services.referral.store import eligibility, mirror, payers, people, tasks

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
VERSION = re.compile(r'(?:W/)?"([1-9][0-9]{0,8})"')


def add_tasks(router: FhirRouter) -> None:
    """Give a router the reads and searches of Task, what a hub may change, and the payers' part."""
    router.read("Task", kinds=HUBS)(read_task)
    router.search(
        "Task",
        FILTERS,
        kinds=HUBS,
        include=("Task:focus",),
        together=(("patient", "status"), ("owner", "status")),
    )(search_tasks)
    router.write("PUT", "/fhir/Task/{id_}", scope="Task.u", kinds=HUBS)(put_task)
    router.read("CoverageEligibilityRequest", kinds=HUBS)(read_eligibility_request)
    router.read("CoverageEligibilityResponse", kinds=HUBS)(read_eligibility_response)


# --- Task ---------------------------------------------------------------------------------------


async def read_task(conn: Connection, partner: Partner, id_: str, *, on: date) -> Resource | None:
    """A Task of this hub's own referrals."""
    task_id = as_uuid(id_)
    row = task_id and await tasks.task_by_id(conn, task_id, partner.organisation_id)
    return await shown(conn, row) if row else None


async def search_tasks(conn: Connection, partner: Partner, search: Search) -> Sequence[Match]:
    """The Tasks of this hub's own referrals, oldest change first."""
    if not await names_us(conn, partner, search):
        return []
    rows = await tasks.list_tasks(
        conn, tasks.Wanted(**wanted(search), organisation_id=partner.organisation_id)
    )
    return [await match(conn, row, search) for row in rows]


async def names_us(conn: Connection, partner: Partner, search: Search) -> bool:
    """Whether owner, requester and code are those that every Task of this hub has."""
    agency = await payers.agency(conn)
    owners, requesters = search.uuids("owner"), search.uuids("requester")
    codes = search.tokens("code")
    fulfil = codes is None or any(
        token.system in (None, FULFILL[0]) and token.code in (None, FULFILL[1]) for token in codes
    )
    ours = owners is None or (agency is not None and agency.organisation_id in owners)
    return fulfil and ours and (requesters is None or partner.organisation_id in requesters)


def wanted(search: Search) -> dict[str, Any]:
    return {
        "task_ids": search.uuids("_id"),
        "statuses": search.get("status"),
        "referral_ids": search.uuids("focus"),
        "youth_ids": search.uuids("patient"),
        "numbers": None
        if (tokens := search.tokens("identifier")) is None
        else tuple((token.system, token.code) for token in tokens),
        "since": search.last_updated.low,
        "before": search.last_updated.high,
        "after_at": search.after_at,
        "after_id": search.after_id,
        "limit": search.limit,
    }


async def match(conn: Connection, row: TaskRow, search: Search) -> Match:
    included = []
    if "Task:focus" in search.include:
        stored = await mirror.mirror_by_id(
            conn, row.organisation_id, "ServiceRequest", str(row.referral_id)
        )
        included = [mirror_from_stored(stored)] if stored else []
    return Match(await shown(conn, row), row.updated_at, str(row.task_id), included)


async def shown(conn: Connection, row: TaskRow) -> Resource:
    return task_from_row(row, await parties(conn, row.youth_id, row.organisation_id))


async def parties(conn: Connection, youth_id: UUID, organisation_id: UUID) -> Parties:
    """Names of both sides, and the sender's own number of the youth."""
    agency = await payers.agency(conn)
    sender = await payers.organisation_by_id(conn, organisation_id)
    if agency is None or sender is None:
        raise LookupError("The agency and its partners are registered before anything else.")
    return Parties(
        *(agency.organisation_id, agency.name, sender.organisation_id, sender.name),
        await people.number_by_reader(conn, youth_id, organisation_id),
    )


async def put_task(request: Request, partner: Partner) -> Response:
    """A hub may cancel its Task, say why, and add notes; `If-Match` is needed (FHIR.md §7.1)."""
    checked = await guard.check_off_loop(await request.body(), expect={"Task"})
    sent, id_ = checked.resource, request.path_params["id_"]
    now = request.app.state.context.clock.now()
    async with change(request, partner) as conn:
        task_id = as_uuid(id_)
        row = task_id and await tasks.task_by_id(conn, task_id, partner.organisation_id)
        if not row:
            raise refusal(404, "There is nothing here that you may read.")
        touch(request, f"Task/{id_}")
        await tasks.lock_task(conn, row.task_id)
        row = await tasks.task_by_id(conn, row.task_id, partner.organisation_id) or row
        check_version(request.headers.get("if-match"), row)
        refuse_other_changes(await shown(conn, row), sent)
        if sent.get("note", []) != list(row.note):
            await tasks.update_note(conn, row.task_id, sent.get("note", []))
        if sent["status"] == TaskStatus.CANCELLED and row.view.status is not TaskStatus.CANCELLED:
            await close.withdraw(conn, row.referral_id, now=now, text=reason_text(sent))
        after = await tasks.task_by_id(conn, row.task_id, partner.organisation_id) or row
        resource = await shown(conn, after)
    return respond(request, resource)


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


def refuse_other_changes(shown_now: Resource, sent: Resource) -> None:
    """Everything but status → cancelled, statusReason and note is ours to set (B-141)."""
    wrong = [name for name in changed_elements(shown_now, sent) if name not in MAY_CHANGE]
    if sent.get("status") not in (shown_now["status"], TaskStatus.CANCELLED.value):
        wrong.append("status")
    if wrong:
        text = "A hub may change only status to cancelled, statusReason and note."
        raise FhirRefused(
            422, [Issue("error", "business-rule", text, f"Task.{name}") for name in wrong]
        )


def reason_text(sent: Resource) -> str | None:
    text: str | None = sent.get("statusReason", {}).get("text")
    return text


# --- Coverage eligibility -----------------------------------------------------------------------


async def read_eligibility_request(
    conn: Connection, partner: Partner, id_: str, *, on: date
) -> Resource | None:
    """A question put to a payer for this hub's own referral."""
    asked = await inquiry(conn, partner, id_)
    if asked is None or str(asked.inquiry_id) != id_:
        return None
    return request_from_inquiry(asked, await parties(conn, asked.youth_id, partner.organisation_id))


async def read_eligibility_response(
    conn: Connection, partner: Partner, id_: str, *, on: date
) -> Resource | None:
    """Its answer, as we read it."""
    asked = await inquiry(conn, partner, id_)
    if asked is None or str(asked.response_id) != id_:
        return None
    payer = await payers.organisation_by_id(conn, asked.payer_id)
    return response_from_inquiry(
        asked,
        await parties(conn, asked.youth_id, partner.organisation_id),
        payer_name=payer.name if payer else "",
        rules=standing_rules(),
    )


async def inquiry(conn: Connection, partner: Partner, id_: str) -> Asked | None:
    if (uuid := as_uuid(id_)) is None:
        return None
    return await eligibility.inquiry_by_id(conn, uuid, partner.organisation_id)
