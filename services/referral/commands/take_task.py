"""A hub sends a Task for a referral that is here: it is the Task that we have made already."""

from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

from contracts.codes import TaskStatus
from services.chassis.db import Connection
from services.chassis.fhir.outcome import FhirRefused, Issue
from services.chassis.fhir.search import as_uuid
from services.referral.commands.case import Sender
from services.referral.commands.tasks import adopt_placer, task_of
from services.referral.domain.intake import KnownReferral
from services.referral.domain.states import Placer, TaskRow
from services.referral.mapping.inbound import task_alone as said
from services.referral.mapping.inbound.task_alone import Pointer, TaskAsk
from services.referral.mapping.terms import NPI
from services.referral.store import mirror, organisations, standings, youths


async def take_task(conn: Connection, ask: TaskAsk, *, sender: Sender, now: datetime) -> TaskRow:
    """Put the hub's number on the referral's one Task; the same Task again changes nothing.

    Raises FhirRefused with all that is wrong at once, 409 where it has another number of the
    hub's already (FHIR.md §7.1).
    """
    known = await focused(conn, ask.focus, sender)
    if known is None:
        raise FhirRefused(422, [said.no_focus()])
    await standings.lock_referral(conn, known.referral_id)
    task = await task_of(conn, known.referral_id)
    if wrong := [issue async for issue in refusals(conn, ask, known, task, sender)]:
        raise FhirRefused(422, wrong)
    number = Placer(*ask.placer) if ask.placer else None
    if number is None or task.placer == number:
        return task
    if task.placer is not None:
        raise FhirRefused(409, [said.other_number()])
    return await adopt_placer(conn, known.referral_id, number, now=now)


async def focused(conn: Connection, focus: Pointer, sender: Sender) -> KnownReferral | None:
    """The sender's own referral that a focus means."""
    if focus.number:
        return await mirror.known_by_key(conn, sender.organisation_id, focus.number)
    id_ = focus.id_of("ServiceRequest")
    if id_ is None:
        return None
    row = await mirror.mirror_by_id(conn, sender.organisation_id, "ServiceRequest", id_)
    return KnownReferral(row.referral_id, row.youth_id, row.version, "") if row else None


async def refusals(
    conn: Connection, ask: TaskAsk, known: KnownReferral, task: TaskRow, sender: Sender
) -> AsyncIterator[Issue]:
    is_new = ask.placer is None or task.placer is None
    if is_new and ask.status != TaskStatus.REQUESTED:
        yield said.not_requested()
    if ask.youth and (issue := await wrong_youth(conn, ask.youth, known, sender)):
        yield issue
    if ask.requester and (issue := await wrong_requester(conn, ask.requester, sender)):
        yield issue
    if ask.owner and await is_other(conn, ask.owner, sender.agency.organisation_id, sender):
        yield said.other_owner()


async def wrong_youth(
    conn: Connection, youth: Pointer, known: KnownReferral, sender: Sender
) -> Issue | None:
    if youth.number:
        found = await youths.youths_by_mrn(conn, sender.organisation_id, [youth.number])
    else:
        id_ = youth.id_of("Patient")
        row = id_ and await mirror.mirror_by_id(conn, sender.organisation_id, "Patient", id_)
        found = {row.youth_id} if row else set()
    if not found:
        return said.nothing_here("for")
    return None if known.youth_id in found else said.other_child()


async def wrong_requester(conn: Connection, requester: Pointer, sender: Sender) -> Issue | None:
    """A clinician of the hub's own, as it sent her, is as good as the organisation itself."""
    type_, _, id_ = (requester.ref or "").partition("/")
    if requester.ref and type_ != "Organization":
        row = await mirror.mirror_by_id(conn, sender.organisation_id, type_, id_)
        return None if row else said.nothing_here("requester")
    if await is_other(conn, requester, sender.organisation_id, sender):
        return said.other_requester()
    known = requester.number or await organisation_of(conn, requester)
    return None if known else said.nothing_here("requester")


async def is_other(conn: Connection, named: Pointer, wanted: UUID, sender: Sender) -> bool:
    """Whether an organisation is named that is known here and is not the one that is wanted."""
    ours = named.number is not None and named.number == (NPI, sender.agency.npi)
    found = sender.agency.organisation_id if ours else await organisation_of(conn, named)
    if named.id_of("Organization") == str(sender.agency.organisation_id):
        found = sender.agency.organisation_id
    return found is not None and found != wanted


async def organisation_of(conn: Connection, named: Pointer) -> UUID | None:
    id_ = as_uuid(named.id_of("Organization") or "")
    numbers = [named.number] if named.number else []
    found = await organisations.list_organisations(conn, ids=[id_] if id_ else [], numbers=numbers)
    return found[0].organisation_id if found else None
