"""Lay what a hub sends of a known referral over what is here (FHIR.md §7.1)."""

from collections.abc import Sequence
from dataclasses import fields, replace

from services.chassis import outbox
from services.chassis.db import Connection
from services.chassis.fhir.outcome import FhirRefused
from services.referral.commands import announce, hub_days
from services.referral.commands.answers import answers
from services.referral.commands.case import (
    Case,
    Receipt,
    is_same,
    is_written,
    off_loop,
    referral_from,
    takes_effect,
)
from services.referral.commands.close import withdraw
from services.referral.commands.keep import keep_bytes, keep_entries, keep_facts
from services.referral.commands.tasks import adopt_placer
from services.referral.commands.triage import triage
from services.referral.commands.verdict import raise_item
from services.referral.domain.intake import Intake, KnownReferral, Referral, Stored
from services.referral.domain.states import ENDED
from services.referral.mapping.inbound.asked import placer_of
from services.referral.mapping.inbound.entries import Entry
from services.referral.mapping.inbound.graph import Graph
from services.referral.mapping.inbound.remarks import differing, other_task_number, remarks
from services.referral.store import referrals, youths
from services.referral.store.referrals import referral_facts
from services.referral.store.tasks import Placer, TaskRow

TAKEN_BACK = frozenset({"revoked", "entered-in-error"})
FOR_A_PERSON = frozenset({"on-hold", "completed"})


async def amend(
    conn: Connection,
    case: Case,
    known: KnownReferral,
    *,
    stored: Sequence[Stored],
    task: TaskRow | None,
) -> Receipt:
    """Change a known referral; what did not come stays. The same content changes nothing.

    One that has ended is changed too, and a person looks at it; nobody else is told.
    """
    row = await referrals.referral_by_id(conn, known.referral_id)
    if row is None:
        raise AssertionError("the referral is locked")
    submission, graph = case.reading.submission, case.reading.graph
    after = await off_loop(submission, lambda: case.intake(graph), stored=stored)
    referral = amended(case, after, row)
    said = [
        *remarks(case.reading.submission, after, gaps=referral.gaps, items=referral.open_items),
        *(differing(entry) for entry in case.entries if is_left(entry)),
    ]
    task = await with_number(conn, case, task)
    if not any(map(is_written, case.entries)):
        return Receipt(known.referral_id, known.version, False, answers(case, said, task=task))
    as_it_was = Graph((), stored, graph.directory)
    before = await off_loop(submission, lambda: case.intake(as_it_was), stored=stored)
    told_of, was = await hub_days.told_of(conn, known.referral_id)
    await youths.add_youth(conn, after.youth, case.organisation_id)
    await referrals.update_referral(conn, referral)
    await keep_entries(conn, case)
    plan_version = await keep_facts(conn, case, after, before=before)
    await keep_bytes(conn, case, referral.version)
    if known.state not in ENDED:
        event = announce.amended(referral, changed_fields(before, after))
        await outbox.append(conn, event, at=case.now)
        stand = (await referral_facts(conn, known.referral_id)).hubs  # one that staff named, too
        await announce.tell_hubs(conn, case.youth_id, stand, was=was, now=case.now)
        await announce.tell_plan(conn, case, after.plan, plan_version)
    elif told_of != known.referral_id:
        await hub_days.tell_survivor(conn, told_of, was=was, now=case.now)
    if known.state in ENDED or not await took_back(conn, case, before, after):
        await triage(conn, known.referral_id, now=case.now, rules=case.rules)
    return Receipt(known.referral_id, referral.version, False, answers(case, said, task=task))


def amended(case: Case, intake: Intake, row: Referral) -> Referral:
    """The row with what was sent in it. The day of receipt, and what staff set, stay."""
    sent = referral_from(
        case, intake, row.key, version=row.version + 1, received_at=row.received_at
    )
    return replace(
        sent,
        received_on=row.received_on,
        windows=sent.windows or row.windows,
        mentor_gender_required=row.mentor_gender_required,
        mentor_gender_preferred=row.mentor_gender_preferred,
    )


def is_left(entry: Entry) -> bool:
    """Sent to be created only, here already with other content: it is not changed, and told so."""
    return not takes_effect(entry) and not is_same(entry)


def changed_fields(before: Intake, after: Intake) -> tuple[str, ...]:
    """Names of what is no longer as it was."""
    names = [field.name for field in fields(Intake) if field.compare]
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


async def took_back(conn: Connection, case: Case, before: Intake, after: Intake) -> bool:
    """True when the request was revoked, and so withdrawn; other ends are for a person to see."""
    if after.request_status == before.request_status:
        return False
    if after.request_status in TAKEN_BACK:
        await withdraw(conn, case.referral_id, now=case.now)
        return True
    if after.request_status in FOR_A_PERSON:
        await raise_item(conn, case.referral_id, "request-status-changed", now=case.now)
    return False


async def with_number(conn: Connection, case: Case, task: TaskRow | None) -> TaskRow | None:
    """The Task, under the hub's number too if this submission brings it; 409 for a second one."""
    number = placer_of(case.reading.submission)
    if number is None or task is None or task.placer == Placer(*number):
        return task
    if task.placer is not None:
        raise FhirRefused(409, [other_task_number(case.reading.submission)])
    return await adopt_placer(conn, case.referral_id, Placer(*number), now=case.now)
