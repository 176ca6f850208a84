"""Take in what a hub sent: a new referral, the same one again, or an amendment of a known one."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from contracts.rules import RulePack
from services.chassis import outbox
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.fhir.outcome import FhirRefused, Issue
from services.referral.commands import announce
from services.referral.commands.amend import amend
from services.referral.commands.answers import answers
from services.referral.commands.case import (
    Case,
    Receipt,
    Sender,
    is_same,
    off_loop,
    referral_from,
    takes_effect,
)
from services.referral.commands.keep import keep_bytes, keep_entries, keep_facts
from services.referral.commands.tasks import open_task
from services.referral.commands.triage import triage
from services.referral.domain.intake import Identifier, KnownReferral, Organisation
from services.referral.mapping.inbound.asked import Asked, asked, key_of, names_in, placer_of
from services.referral.mapping.inbound.entries import Entry, Submission, bundle_digest
from services.referral.mapping.inbound.graph import Directory, Graph
from services.referral.mapping.inbound.judge import Agency, Reading, is_update, judge
from services.referral.mapping.inbound.remarks import (
    differing,
    known_other_content,
    remarks,
    stale,
    two_children,
    unknown_update,
)
from services.referral.mapping.inbound.resolve import Found, Matching, raise_if_refused
from services.referral.mapping.terms import IMPERSONAL, NPI
from services.referral.store import mirror, organisations, referrals, submissions, tasks, youths
from services.referral.store.tasks import Placer, TaskRow

ORGANISATION = re.compile(r'"Organization/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')


async def receive(
    conn: Connection,
    submission: Submission,
    *,
    body: bytes,
    warnings: Sequence[Issue],
    sender: Sender,
    now: datetime,
    rules: RulePack,
) -> Receipt:
    """Record what a hub sent and announce it; the same content again changes nothing.

    Asks nobody: the payer is due work, so that a slow payer delays no answer to a hub. Raises
    FhirRefused with all that is wrong at once (FHIR.md §4); then nothing is written.
    """
    directory, mrn_system = await directory_for(conn, submission, sender)
    question = asked(submission, base_url=sender.base_url, mrn_system=mrn_system)
    machine_now = await referrals.lock_numbers(conn, locks(question))
    known = await known_referral(conn, submission, question, sender)
    task = await tasks.task_by_referral(conn, known.referral_id) if known else None
    found = await what_is_here(conn, question, known, directory, sender)
    if fresh := persons_unmet(submission, found, sender):
        # Two first referrals at once must not each make the clinician whom both name.
        await referrals.lock_numbers(conn, fresh)
        found = await what_is_here(conn, question, known, directory, sender)
    found = replace(found, task_id=task.task_id if task else None)
    matching = Matching(submission, found, base_url=sender.base_url, mint=uuid4)
    resolved = await off_loop(submission, matching.run)
    graph = Graph([e for e in submission.all if takes_effect(e)], found.stored, found.directory)
    parties = (sender.agency, sender.organisation_id)
    reading = Reading(submission, resolved, graph, *parties, agency_day(now), known is not None)
    judged = await off_loop(submission, lambda: list(judge(reading)), stored=found.stored)
    raise_if_refused(resolved, judged, warnings)
    refuse_stale(submission)
    issues = [*warnings, *resolved.issues]
    case = Case(reading, issues, body, sender.partner, mrn_system, now, machine_now, rules)
    if known is None:
        return await first_receipt(conn, case)
    request = submission.one("ServiceRequest")
    if request and request.method == "POST":
        return await same_again(conn, case, known, request, task)
    return await amend(conn, case, known, stored=found.stored, task=task)


async def first_receipt(conn: Connection, case: Case) -> Receipt:
    """Store a new referral, announce it, open its Task and see what becomes of it."""
    submission, now = case.reading.submission, case.now
    intake = case.intake(case.reading.graph)
    request = submission.one("ServiceRequest")
    key = key_of(request) if request else None
    if key is None:
        raise AssertionError("a referral without a number is refused before")
    referral = referral_from(case, intake, key, version=1, received_at=now)
    await youths.add_youth(conn, intake.youth, case.organisation_id)
    await referrals.add_referral(conn, referral)
    await keep_entries(conn, case)
    plan_version = await keep_facts(conn, case, intake, before=None)
    await keep_bytes(conn, case, 1)
    await outbox.append(conn, announce.received(referral), at=now)
    await announce.tell_hubs(conn, case.youth_id, intake.hubs, was=(), now=now)
    await announce.tell_plan(conn, case, intake.plan, plan_version)
    number = placer_of(submission)
    placer = Placer(*number) if number else None
    await open_task(conn, case.referral_id, case.reading.resolved.task_id, placer=placer, now=now)
    await triage(conn, case.referral_id, now=now, rules=case.rules)
    said = remarks(submission, intake, gaps=referral.gaps, items=referral.open_items)
    return Receipt(case.referral_id, 1, True, answers(case, said))


async def same_again(
    conn: Connection, case: Case, known: KnownReferral, request: Entry, task: TaskRow | None
) -> Receipt:
    """A known referral posted again: the same answer, or what differs and how to change it.

    Raises FhirRefused (409) when it differs and was not sent with `ifNoneExist`.
    """
    submission = case.reading.submission
    other = [entry for entry in submission.all if not is_same(entry)]
    content = bundle_digest(submission)
    if other and await submissions.is_current(conn, known.referral_id, known.version, content):
        other = []  # what it brought for other children too has changed since, not the referral
    if other and not request.only_if_new:
        raise FhirRefused(409, [known_other_content(f"{request.path}.identifier")])
    said = answers(case, map(differing, other), task=task, is_replay=True)
    return Receipt(known.referral_id, known.version, False, said)


# --- What is already here -------------------------------------------------------------------------


async def directory_for(
    conn: Connection, submission: Submission, sender: Sender
) -> tuple[Directory, str | None]:
    """The registered organisations that the submission names, and the system of the hub's MRNs."""
    numbers, ids = names_in(submission)
    registered = await organisations.list_organisations(
        conn, ids=[*ids, sender.organisation_id], numbers=numbers
    )
    own = next((o for o in registered if o.organisation_id == sender.organisation_id), None)
    mrn_system = own.mrn_system if own else None
    return Directory([agency_itself(sender.agency), *registered]), mrn_system


def agency_itself(agency: Agency) -> Organisation:
    return Organisation(agency.organisation_id, None, agency.name, Identifier(NPI, agency.npi))


def locks(question: Asked) -> list[str]:
    """What two requests must not take in at the same time: a referral, a child."""
    numbers = [question.key] if question.key else []
    conditions = [condition for _, condition in question.conditions]
    return [*map(str, [*numbers, *question.mrns]), *conditions]


def persons_unmet(submission: Submission, found: Found, sender: Sender) -> list[str]:
    """The numbers of clinicians, places and strange organisations that this hub names first."""
    met = {(row.type, number) for row in found.stored for number in row.identifiers}
    return [
        f"{sender.organisation_id} {entry.type} {number}"
        for entry in submission.all
        if entry.type in IMPERSONAL and not found.directory.named(entry.identifiers)
        for number in map(str, entry.identifiers)
        if (entry.type, number) not in met
    ]


async def known_referral(
    conn: Connection, submission: Submission, question: Asked, sender: Sender
) -> KnownReferral | None:
    """The referral that is meant, locked. An update without its ServiceRequest must find one."""
    if submission.one("ServiceRequest"):
        if question.key is None:
            return None
        return await mirror.known_by_key(conn, sender.organisation_id, question.key)
    if not question.conditions or not is_update(submission):
        return None  # judged: a submission holds one referral
    children = await mirror.youths_by_conditions(conn, sender.organisation_id, question.conditions)
    if len(children) == 1:
        found = await mirror.known_by_youth(conn, sender.organisation_id, children[0])
        if found:
            return found
    raise FhirRefused(*unknown_update(submission.entries[0], many=len(children) > 1))


async def what_is_here(
    conn: Connection,
    question: Asked,
    known: KnownReferral | None,
    directory: Directory,
    sender: Sender,
) -> Found:
    youth_id = known.youth_id if known else None
    if youth_id is None and question.mrns:
        children = await youths.youths_by_mrn(conn, sender.organisation_id, question.mrns)
        if len(children) > 1:
            raise FhirRefused(412, [two_children()])
        youth_id = next(iter(children), None)
    stored = await mirror.list_stored(
        conn,
        sender.organisation_id,
        youth_id=youth_id,
        ids=question.ids,
        numbers=question.numbers,
        impersonal=IMPERSONAL,
    )
    if stored:
        ids = {UUID(id_) for row in stored for id_ in ORGANISATION.findall(row.body)}
        more = await organisations.list_organisations(conn, ids=ids, numbers=())
        directory = directory.with_more(more)
    return Found(known, youth_id, stored, directory)


def refuse_stale(submission: Submission) -> None:
    """An amendment that names a version is made on that version or not at all (412)."""
    late = [
        entry
        for entry in submission.all
        if entry.if_match is not None
        and (entry.stored is None or entry.stored.version != entry.if_match)
    ]
    if late:
        raise FhirRefused(412, [stale(entry) for entry in late])
