"""What is due: payers to be asked, checks to be repeated, senders to be reminded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from services.chassis.clock import Clock, agency_day
from services.chassis.context import Context
from services.chassis.db import Connection
from services.chassis.rule_packs import in_force
from services.chassis.work import Call, Do, Item
from services.referral.commands import eligibility, hub_days, new_rules, triage
from services.referral.commands.eligibility import Reply
from services.referral.commands.gate_1_ends import look_when_gate_1_ends
from services.referral.commands.verdict import GATE_1_ENDS
from services.referral.domain.payer import Answer, Outcome, Question, Reading, read
from services.referral.partners import Desk, HttpPayer, PayerEligibility, PayerUnavailable
from services.referral.store import payers

UNASKED = Reading(Outcome.UNCLEAR, code="payer-answer-wanted")


def work(context: Context) -> tuple[Mapping[str, Do], Mapping[str, Call]]:
    """The kinds of work of this service."""
    desk = AskPayer(HttpPayer(context.http), context.clock, context.settings.agency_npi)
    inside = {
        "remind": remind(context.clock),
        "recheck": recheck(context.clock),
        "hub-day": hub_day(context.clock),
        GATE_1_ENDS: gate_1_ended(context.clock),
        new_rules.CHANGED: rules_changed(context.clock),
        new_rules.LOOK_AGAIN: look_again(context.clock),
    }
    return inside, {"ask-payer": desk.kind}


def remind(clock: Clock) -> Do:
    async def do(conn: Connection, item: Item) -> None:
        await triage.remind(conn, UUID(item.payload["referral_id"]), now=clock.now())

    return do


def recheck(clock: Clock) -> Do:
    async def do(conn: Connection, item: Item) -> None:
        await eligibility.recheck(conn, UUID(item.payload["referral_id"]), now=clock.now())

    return do


def gate_1_ended(clock: Clock) -> Do:
    async def do(conn: Connection, item: Item) -> None:
        referral_id = UUID(item.payload["referral_id"])
        made = UUID(item.payload["determination"])
        await look_when_gate_1_ends(conn, referral_id, made, now=clock.now())

    return do


def hub_day(clock: Clock) -> Do:
    async def do(conn: Connection, item: Item) -> None:
        await hub_days.turn_day(conn, UUID(item.payload["referral_id"]), now=clock.now())

    return do


def rules_changed(clock: Clock) -> Do:
    async def do(conn: Connection, item: Item) -> None:
        await new_rules.look_at_all_again(conn, now=clock.now())

    return do


def look_again(clock: Clock) -> Do:
    async def do(conn: Connection, item: Item) -> None:
        await new_rules.look_again(conn, UUID(item.payload["referral_id"]), now=clock.now())

    return do


@dataclass(frozen=True, slots=True)
class Asking:
    """A question on its way; `desk` is None when this payer answers people alone."""

    question: Question
    desk: Desk | None
    coverage_id: UUID
    payer_id: UUID
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back: an answer, or the code of why there is none."""

    asking: Asking
    answer: Answer | None
    code: str | None = None


class AskPayer:
    """Read the question, ask outside any transaction, record what came back."""

    def __init__(self, payer: PayerEligibility, clock: Clock, provider_npi: str) -> None:
        self.payer, self.clock, self.provider_npi = payer, clock, provider_npi

    @property
    def kind(self) -> Call:
        return Call(self.read, self.call, self.record)

    async def read(self, conn: Connection, item: Item) -> Asking | None:
        """The question as of now; None when nobody waits for its answer any more."""
        payload = item.payload
        found = await payers.inquirable_by_coverage(
            conn, UUID(payload["referral_id"]), UUID(payload["coverage_id"]), payload["round"]
        )
        if found is None:
            return None
        now = self.clock.now()
        question = Question(
            trace=str(uuid4()),
            payer_identifier=found.payer_identifier,
            provider_npi=self.provider_npi,
            member_id=found.member_id,
            first_name=found.first_name,
            last_name=found.last_name,
            birth_date=found.birth_date,
            gender=found.gender,
            service_date=agency_day(now),
        )
        desk = Desk(found.url, found.token or "") if found.url else None
        return Asking(question, desk, found.coverage_id, found.payer_id, now)

    async def call(self, asking: Asking | None) -> Heard | None:
        """Silence is an outcome of its own: it comes back as a code, never as an answer."""
        if asking is None:
            return None
        if asking.desk is None:
            return Heard(asking, None)
        try:
            return Heard(asking, await self.payer.ask(asking.desk, asking.question))
        except PayerUnavailable as error:
            return Heard(asking, None, error.code)

    async def record(self, conn: Connection, item: Item, heard: Heard | None) -> None:
        if heard is None:
            return
        asking, answer = heard.asking, heard.answer
        reply = Reply(
            coverage_id=asking.coverage_id,
            payer_id=asking.payer_id,
            round=item.payload["round"],
            attempt=item.payload["attempt"],
            service_date=asking.question.service_date,
            trace=asking.question.trace,
            asked_at=asking.asked_at,
            reading=reading_of(heard, asking.question),
            answer_trace=answer.trace if answer else None,
            messages=answer.messages if answer else (),
        )
        referral_id = UUID(item.payload["referral_id"])
        await eligibility.record_answer(conn, referral_id, reply, now=self.clock.now())


def reading_of(heard: Heard, question: Question) -> Reading:
    if heard.answer:
        return read(heard.answer, on=question.service_date, rules=in_force())
    return Reading(Outcome.PAYER_UNAVAILABLE, code=heard.code) if heard.code else UNASKED
