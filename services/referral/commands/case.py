"""One readable submission, and all that it is stored, announced and answered with."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

from contracts.codes import HubService, ReferralState
from contracts.rules import RulePack
from services.chassis.auth import Partner
from services.chassis.fhir.guard import LOOP_BYTES
from services.chassis.fhir.outcome import Issue
from services.referral.domain import eligibility
from services.referral.domain.eligibility import Facts
from services.referral.domain.intake import Identifier, Intake, Referral, Stored, open_items
from services.referral.mapping.inbound.entries import Entry, Submission, content_of
from services.referral.mapping.inbound.facts import intake_from
from services.referral.mapping.inbound.graph import Graph
from services.referral.mapping.inbound.judge import Agency, Reading
from services.referral.mapping.transaction import Answer

MANY_ENTRIES = 100
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent it, by its token, and to whom."""

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


@dataclass(frozen=True, slots=True)
class Case:
    reading: Reading
    issues: list[Issue]  # warnings so far
    body: bytes
    partner: Partner
    mrn_system: str | None
    now: datetime  # business time
    machine_now: datetime  # what versions are dated by
    rules: RulePack

    @property
    def youth_id(self) -> UUID:
        return self.reading.resolved.youth_id

    @property
    def referral_id(self) -> UUID:
        return self.reading.resolved.referral_id

    @property
    def organisation_id(self) -> UUID:
        return self.partner.organisation_id

    @property
    def today(self) -> date:
        return self.reading.today

    @property
    def entries(self) -> list[Entry]:
        return self.reading.submission.all

    def intake(self, graph: Graph) -> Intake:
        """The referral as a graph of resources says it."""
        return intake_from(
            graph,
            referral_id=self.referral_id,
            youth_id=self.youth_id,
            organisation_id=self.organisation_id,
            mrn_system=self.mrn_system,
        )


async def off_loop(
    submission: Submission, work: Callable[[], T], *, stored: Sequence[Stored] = ()
) -> T:
    """Run it, beside the loop where there is so much to read that others would have to wait.

    `stored`: what is here already and is read with it.
    """
    size = sum(len(row.body) for row in stored)
    if len(submission.all) <= MANY_ENTRIES and size <= LOOP_BYTES:
        return work()
    return await asyncio.to_thread(work)


def takes_effect(entry: Entry) -> bool:
    """False for what is only to be created and is here already: the stored one counts."""
    if entry.type == "Task" and entry.stored:
        return False  # a Task is changed by itself, and by its hub only in part
    return not (entry.only_if_new and entry.stored)


def is_same(entry: Entry) -> bool:
    """Whether an entry says what is here already."""
    if entry.organisation:
        return True
    return entry.stored is not None and entry.stored.content == content_of(entry)


def is_written(entry: Entry) -> bool:
    """Whether an entry becomes a row, or the next version of one."""
    return takes_effect(entry) and not is_same(entry)


def referral_from(
    case: Case, intake: Intake, key: Identifier, *, version: int, received_at: datetime
) -> Referral:
    """The row of a referral: what it asks for, in codes, and what it lacks."""
    facts = Facts(
        referral_id=case.referral_id,
        youth_id=case.youth_id,
        organisation_id=case.organisation_id,
        state=ReferralState.RECEIVED,
        version=version,
        received_at=received_at,
        birth_date=intake.youth.birth_date,
        deceased=intake.youth.deceased,
        coverages=tuple(sent.fact for sent in intake.coverages),
        hubs=intake.hubs,
        plan=intake.plan.fact(1) if intake.plan else None,
    )
    return Referral(
        referral_id=case.referral_id,
        youth_id=case.youth_id,
        organisation_id=case.organisation_id,
        key=key,
        version=version,
        received_at=received_at,
        received_on=case.today,
        request_status=intake.request_status,
        priority=intake.priority,
        hub_service=service_named(facts, case.today),
        gaps=eligibility.gaps(facts, on=case.today),
        open_items=open_items(intake, on=case.today, rules=case.rules),
        hours_per_week=intake.hours_per_week,
        windows=intake.windows,
        do_not_contact=intake.do_not_contact,
        languages=intake.youth.languages,
        interpreter_needed=intake.youth.interpreter_needed,
        area=intake.youth.area,
    )


def service_named(facts: Facts, on: date) -> HubService | None:
    """The active hub service, else the first that was named."""
    hub = eligibility.hub_of_record(facts, on=on)
    if hub:
        return hub.hub_service
    return next((hub.hub_service for hub in facts.hubs if hub.hub_service), None)
