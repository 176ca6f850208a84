"""Valid things to begin with; a test changes only what matters to it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from contracts.codes import (
    Attestation,
    ConsentKind,
    HubService,
    Modality,
    PlaceOfService,
    Priority,
)
from contracts.events import (
    AttestationRecorded,
    ConsentGranted,
    EligibilityConfirmed,
    EligibilityDenied,
    Event,
    HubDisengaged,
    HubEngaged,
    ReferralReceived,
)
from services.chassis.db import Connection, Pool, transaction
from services.chassis.envelope import Envelope, Stream
from services.chassis.inbox import Inbox
from services.scheduling.commands import people
from services.scheduling.commands.appointments import book
from services.scheduling.commands.assign import Assigned, assign, episode_id_of
from services.scheduling.domain.appointments import Plan, Slot, instant
from services.scheduling.domain.people import (
    LICENCE,
    Credential,
    Gender,
    Mentor,
    Paper,
    StaffMember,
    Supervisor,
    window,
)
from services.scheduling.handlers import events

NOW = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)  # still the 22nd in Massachusetts
TODAY = date(2026, 11, 22)
LATER = date(2027, 6, 30)
MENTOR, SUPERVISOR, SCHEDULER = UUID(int=77), UUID(int=12), UUID(int=3)
PAPERS = (Paper("cori", LATER), Paper("dcf", LATER), Paper("sori", LATER))


def make_mentor(**changes: Any) -> Mentor:
    given: dict[str, Any] = {
        "mentor_id": MENTOR,
        "credential": Credential.BACHELOR,
        "languages": ("en", "es"),
        "gender": Gender.FEMALE,
        "area": "springfield",
        "windows": (window(1, "15:00", "19:00"), window(3, "15:00", "19:00")),
        "max_hours": 20.0,
        "papers": PAPERS,
        "supervisor": Supervisor(SUPERVISOR, (Paper(LICENCE, LATER),)),
    }
    return Mentor(**{**given, **changes})


def make_person(staff_id: UUID = MENTOR, **changes: Any) -> StaffMember:
    given: dict[str, Any] = {
        "staff_id": staff_id,
        "staff_number": f"NL-{staff_id.int % 10_000:04d}",
        "given": ("Devon",),
        "family": "Pierre",
        "phone": "+1-413-555-0191",
    }
    return StaffMember(**{**given, **changes})


async def register(pool: Pool, mentor: Mentor | None = None) -> Mentor:
    """A mentor and her supervisor, in the database."""
    mentor = mentor or make_mentor()
    entry = people.MentorEntry(
        person=make_person(mentor.mentor_id),
        mentor=mentor,
        degree="BA Psychology",
        interests=("music",),
        supervisor_id=SUPERVISOR,
        supervised_from=date(2026, 1, 1),
    )
    async with transaction(pool) as conn:
        await people.register_supervisor(
            conn, make_person(SUPERVISOR, family="Okafor"), (Paper(LICENCE, LATER),)
        )
        await people.register_mentor(conn, entry)
    return mentor


def make_plan(begins: str = "2026-12-01T16:00", *, minutes: int = 60, **changes: Any) -> Plan:
    """A session at an agency local time."""
    start = instant(datetime.fromisoformat(begins))
    given: dict[str, Any] = {
        "slot": Slot(start, start + timedelta(minutes=minutes)),
        "place": PlaceOfService.OTHER,
        "modality": Modality.IN_PERSON,
    }
    return Plan(**{**given, **changes})


@dataclass
class Child:
    """One youth and its referral, and the events that referral would send about them."""

    pool: Pool
    youth_id: UUID = field(default_factory=uuid4)
    referral_id: UUID = field(default_factory=uuid4)
    hub: UUID = field(default_factory=uuid4)
    payer: UUID = field(default_factory=uuid4)
    numbers: dict[str, "count[int]"] = field(default_factory=lambda: defaultdict(lambda: count(1)))

    def received(self, **changes: Any) -> ReferralReceived:
        given: dict[str, Any] = {
            "organisation_id": self.hub,
            "hub_service": HubService.IN_HOME_THERAPY,
            "priority": Priority.ROUTINE,
            "received_on": date(2026, 11, 10),
            "languages": ("es", "en"),
        }
        return ReferralReceived(
            youth_id=self.youth_id, referral_id=self.referral_id, **{**given, **changes}
        )

    def confirmed(self, **changes: Any) -> EligibilityConfirmed:
        given: dict[str, Any] = {
            "determination_id": uuid4(),
            "payer": self.payer,
            "product": "masshealth-standard",
            "hub_service": HubService.IN_HOME_THERAPY,
            "valid_from": date(2026, 11, 10),
            "valid_to": LATER,
            "checks": (),
            "rule_pack_version": "test",
        }
        return EligibilityConfirmed(
            youth_id=self.youth_id, referral_id=self.referral_id, **{**given, **changes}
        )

    def denied(self) -> EligibilityDenied:
        return EligibilityDenied(
            youth_id=self.youth_id,
            referral_id=self.referral_id,
            reasons=(),
            rule_pack_version="test",
        )

    def engaged(self, effective: date = date(2026, 10, 1)) -> HubEngaged:
        return HubEngaged(
            youth_id=self.youth_id,
            organisation_id=self.hub,
            hub_service=HubService.IN_HOME_THERAPY,
            effective=effective,
        )

    def disengaged(self, effective: date = TODAY) -> HubDisengaged:
        return HubDisengaged(
            youth_id=self.youth_id,
            organisation_id=self.hub,
            hub_service=HubService.IN_HOME_THERAPY,
            effective=effective,
        )

    def granted(self, kind: ConsentKind, effective_at: datetime = NOW) -> ConsentGranted:
        release = self.hub if kind == ConsentKind.ROI_HUB else None
        return ConsentGranted(
            youth_id=self.youth_id, kind=kind, organisation_id=release, effective_at=effective_at
        )

    def attested(self, kind: Attestation, *, stands: bool = True) -> AttestationRecorded:
        return AttestationRecorded(
            youth_id=self.youth_id, referral_id=self.referral_id, kind=kind, stands=stands
        )

    @property
    def gate_one(self) -> tuple[Event, ...]:
        return (self.received(), self.engaged(), self.confirmed())

    @property
    def gate_two(self) -> tuple[Event, ...]:
        return (
            self.granted(ConsentKind.TREATMENT),
            self.granted(ConsentKind.ROI_HUB),
            self.attested(Attestation.DOCUMENTS),
            self.attested(Attestation.MEDICAL_NECESSITY),
        )

    async def hear(self, *told: Event, at: datetime = NOW) -> None:
        """Let the service hear events, as they come from the wire."""
        await Inbox("scheduling", events).receive(self.pool, list(self.sealed(told, at)))
        refused = await self.pool.fetchval(
            "SELECT array_agg(event_type || ' ' || reason) FROM inbox_waiting"
        )
        assert refused is None

    def sealed(self, told: Iterable[Event], at: datetime) -> Iterable[Envelope]:
        for event in told:
            stream = Stream(self.youth_id, event.topic.split(".")[0])
            body = event.model_dump_json().encode()
            yield Envelope(
                uuid4(), event.type, stream, next(self.numbers[stream.producer]), at, body
            )

    async def wait(self, **changes: Any) -> None:
        """Wait for a mentor."""
        await self.hear(self.received(**changes), self.engaged(), self.confirmed())

    async def assign(
        self,
        mentor_id: UUID = MENTOR,
        *,
        now: datetime = NOW,
        passed_reason: str | None = None,
    ) -> Assigned:
        async with transaction(self.pool) as conn:
            return await self.assign_in(conn, mentor_id, now=now, passed_reason=passed_reason)

    async def assign_in(
        self,
        conn: Connection,
        mentor_id: UUID = MENTOR,
        *,
        now: datetime = NOW,
        passed_reason: str | None = None,
    ) -> Assigned:
        """The same in a transaction that is not over yet."""
        return await assign(
            conn,
            self.referral_id,
            mentor_id,
            assignment_id=uuid4(),
            assigned_by=SCHEDULER,
            passed_reason=passed_reason,
            now=now,
        )

    async def admit(self) -> UUID:
        """Everything up to an open episode, whose id it gives. The mentor is registered."""
        await self.wait()
        await self.hear(*self.gate_two)
        assigned = await self.assign()
        assert assigned.episode == "open"
        return assigned.episode_id

    async def book(self, plan: Plan, *, now: datetime = NOW) -> UUID:
        """Book a session of the open episode; gives the appointment's id."""
        async with transaction(self.pool) as conn:
            booked = await book(
                conn,
                episode_id_of(self.referral_id),
                plan,
                appointment_id=uuid4(),
                booked_by=SCHEDULER,
                only_mentor=None,
                now=now,
            )
        return booked.appointment.appointment_id

    async def told(self) -> list[str]:
        """The types of the events that scheduling has told about the youth, in order."""
        rows = await self.pool.fetch(
            "SELECT event_type FROM event WHERE stream_id = $1 ORDER BY sequence", self.youth_id
        )
        return [row["event_type"].removesuffix(".v1") for row in rows]

    async def body(self, type_: str) -> dict[str, Any]:
        """The last event of a type, as JSON."""
        found: dict[str, Any] = await self.pool.fetchval(
            """
            SELECT convert_from(body, 'utf8')::jsonb
              FROM event
             WHERE stream_id = $1 AND event_type = $2
             ORDER BY sequence DESC LIMIT 1
            """,
            *(self.youth_id, f"{type_}.v1"),
        )
        return found
