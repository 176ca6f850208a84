"""Take in what a hub sent: a new referral, the same one again, or an amendment of a known one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from contracts.rules import RulePack
from services.chassis.auth import Partner
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.fhir.outcome import FhirRefused, Issue
from services.referral.commands import keep
from services.referral.domain.intake import Identifier, KnownReferral, Organisation, Stored
from services.referral.mapping.inbound.entries import Entry, Submission, content_of
from services.referral.mapping.inbound.graph import Directory, Graph
from services.referral.mapping.inbound.judge import Agency, Reading, judge
from services.referral.mapping.inbound.remarks import (
    differing,
    known_other_content,
    stale,
    unknown_update,
)
from services.referral.mapping.inbound.resolve import (
    IMPERSONAL,
    Asked,
    Found,
    Matching,
    asked,
    names_in,
    raise_if_refused,
)
from services.referral.mapping.terms import NPI
from services.referral.mapping.transaction import Answer
from services.referral.store import mirror, organisations, referrals, tasks, youths

ORGANISATION = re.compile(r'"Organization/([0-9a-f-]{36})"')


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent it, by its token, and to whom: what every answer depends on."""

    partner: Partner
    agency: Agency
    base_url: str

    @property
    def organisation_id(self) -> UUID:
        return self.partner.organisation_id


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is answered. `is_new`: the referral was not here before."""

    referral_id: UUID
    version: int
    is_new: bool
    answers: tuple[Answer, ...]


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
    found = await what_is_here(conn, question, known, directory, sender)
    resolved = Matching(submission, found, base_url=sender.base_url, mint=uuid4).run()
    graph = Graph([e for e in submission.all if takes_effect(e)], found.stored, found.directory)
    reading = Reading(
        *(submission, resolved, graph, sender.agency, sender.organisation_id),
        agency_day(now),
        known is not None,
    )
    issues = [*warnings, *resolved.issues, *judge(reading), *stale_versions(submission)]
    raise_if_refused(resolved, issues)
    case = keep.Case(reading, issues, body, sender.partner, mrn_system, now, machine_now, rules)
    request = submission.one("ServiceRequest")
    if known is None:
        return Receipt(*await keep.first_receipt(conn, case))
    task = await tasks.task_by_referral(conn, known.referral_id)
    if request and request.method == "POST":
        unchanged = same_or_refused(submission, request)
        return Receipt(
            known.referral_id, known.version, False, keep.answers(case, unchanged, task=task)
        )
    return Receipt(*await keep.amendment(conn, case, known, found.stored, task))


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
    return [*(str(n) for n in [*numbers, *question.mrns]), *question.conditions]


async def known_referral(
    conn: Connection, submission: Submission, question: Asked, sender: Sender
) -> KnownReferral | None:
    """The referral that is meant, locked. An update without its ServiceRequest must find one."""
    if submission.one("ServiceRequest"):
        if question.key is None:
            return None
        return await mirror.known_by_key(conn, sender.organisation_id, question.key)
    found = await mirror.known_by_conditions(conn, sender.organisation_id, question.conditions)
    if len(found) == 1:
        return found[0]
    if submission.is_bundle and not question.conditions:
        return None  # judged: a submission holds one referral
    raise FhirRefused(*unknown_update(submission.entries[0], many=len(found) > 1))


async def what_is_here(
    conn: Connection,
    question: Asked,
    known: KnownReferral | None,
    directory: Directory,
    sender: Sender,
) -> Found:
    youth_id = known.youth_id if known else None
    if youth_id is None and question.mrns:
        youth_id = await youths.youth_by_mrn(conn, sender.organisation_id, question.mrns)
    stored = await mirror.list_stored(
        conn,
        sender.organisation_id,
        youth_id=youth_id,
        ids=question.ids,
        identifiers=question.identifiers,
        impersonal=IMPERSONAL,
    )
    if stored:
        ids = {UUID(id_) for row in stored for id_ in ORGANISATION.findall(row.body)}
        more = await organisations.list_organisations(conn, ids=ids, numbers=())
        directory = directory.with_more(more)
    return Found(known, youth_id, stored, directory)


# --- The same, other, or new ----------------------------------------------------------------------


def takes_effect(entry: Entry) -> bool:
    """False for what is only to be created and is here already: the stored one counts."""
    return not (entry.only_if_new and entry.stored)


def is_same(entry: Entry) -> bool:
    if entry.organisation:
        return True
    return entry.stored is not None and entry.stored.content == content_of(entry)


def same_or_refused(submission: Submission, request: Entry) -> list[Issue]:
    """Remarks on what differs from a known referral that was posted again; [] if nothing does.

    Raises FhirRefused (409) when it was not sent with `ifNoneExist`.
    """
    other = [entry for entry in submission.all if not is_same(entry)]
    if not other:
        return []
    if not request.only_if_new:
        raise FhirRefused(409, [known_other_content(f"{request.path}.identifier")])
    return [differing(entry) for entry in other]


def stale_versions(submission: Submission) -> Sequence[Issue]:
    """An amendment that names a version is made on that version or not at all (412)."""
    late = [
        entry
        for entry in submission.all
        if entry.if_match is not None
        and (entry.stored is None or entry.stored.version != entry.if_match)
    ]
    if late:
        raise FhirRefused(412, [stale(entry) for entry in late])
    return ()


__all__ = ["Receipt", "Sender", "Stored", "receive"]
