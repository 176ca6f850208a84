"""One child's story as documentation hears it, valid by default: a test changes what matters."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from contracts.codes import (
    ConsentKind,
    GoalStatus,
    HubService,
    Modality,
    PartnerKind,
    PlaceOfService,
    Role,
)
from contracts.events import (
    AppointmentBooked,
    ConsentGranted,
    EligibilityConfirmed,
    EpisodeClosed,
    EpisodeOnHold,
    EpisodeOpened,
    EpisodeResumed,
    HubEngaged,
    HubPlanUpdated,
    MentorAssigned,
    PlanGoal,
    ReferralReceived,
)
from tests.documentation.rig import Rig, at, day, person

OPENED = day("2026-11-10")
MRN = {"system": "https://ehr.riverbend.example/ids/mrn", "value": "RB-204417"}
MEMBER = {"system": "https://waypost.example/ids/masshealth-member", "value": "100023456789"}
MEASURE = {
    "coding": [
        {
            "system": "https://waypost.example/fhir/CodeSystem/goal-measure",
            "code": "skill-practice-rating",
            "display": "Skill practice rating (0-4)",
        }
    ],
    "text": "Mentor-observed rating of the practised skill, 0-4",
}
BEHAVIORAL = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/goal-category",
            "code": "behavioral",
            "display": "Behavioral",
        }
    ]
}


@dataclass(frozen=True)
class HubGoal:
    """A goal of the hub's plan: what the event says of it, and what its owner tells when asked."""

    text: str
    number: str
    due: str = "2027-01-31"
    goal_id: UUID = field(default_factory=uuid4)
    status: GoalStatus = GoalStatus.ACTIVE
    tm_assigned: bool = True

    def told(self) -> PlanGoal:
        return PlanGoal(goal_id=self.goal_id, tm_assigned=self.tm_assigned, status=self.status)

    def worded(self) -> dict[str, Any]:
        return {
            "goal_id": str(self.goal_id),
            "tm_assigned": self.tm_assigned,
            "status": self.status.value,
            "text": self.text,
            "category": [BEHAVIORAL],
            "target": [
                {
                    "measure": MEASURE,
                    "detailString": "Rating 3 or higher in 4 consecutive sessions",
                    "dueDate": self.due,
                }
            ],
            "start_date": "2026-09-14",
            "identifiers": [
                {"system": "https://ehr.riverbend.example/ids/goal", "value": self.number}
            ],
            "expressed_by": "PractitionerRole/h-1d0c5f72-84b9-4e3a-a6f1-92c7d85e0006",
        }


def talk() -> HubGoal:
    text = (
        "Start a conversation with a peer at least 3 times per week with no more than one prompt."
    )
    return HubGoal(text, "G-881")


def routine() -> HubGoal:
    text = "Follow an evening routine of four steps on 5 of 7 days."
    return HubGoal(text, "G-882", due="2027-02-28")


@dataclass(frozen=True)
class Child:
    """One youth with a referral, a hub, a payer and a mentor."""

    youth_id: UUID = field(default_factory=uuid4)
    referral_id: UUID = field(default_factory=uuid4)
    hub: UUID = field(default_factory=uuid4)
    payer: UUID = field(default_factory=uuid4)
    episode_id: UUID = field(default_factory=uuid4)
    mentor: str = "mentor-77"
    supervisor: str = "supervisor-4"
    goals: tuple[HubGoal, ...] = field(default_factory=lambda: (talk(), routine()))
    opened_on: date = OPENED
    standing_until: date | None = None

    # --- What the others tell ------------------------------------------------------------------

    def referred(self) -> ReferralReceived:
        return ReferralReceived(
            youth_id=self.youth_id,
            referral_id=self.referral_id,
            organisation_id=self.hub,
            hub_service=HubService.IN_HOME_THERAPY,
            received_on=day("2026-11-09"),
        )

    def engaged(self, **changes: Any) -> HubEngaged:
        return HubEngaged(
            youth_id=self.youth_id,
            organisation_id=changes.get("organisation_id", self.hub),
            hub_service=HubService.IN_HOME_THERAPY,
            effective=day("2026-09-14"),
        )

    def eligible(
        self, *, since: str = "2026-11-01", until: str = "2027-03-31"
    ) -> EligibilityConfirmed:
        return EligibilityConfirmed(
            youth_id=self.youth_id,
            referral_id=self.referral_id,
            determination_id=uuid4(),
            payer=self.payer,
            product="MassHealth Standard",
            hub_service=HubService.IN_HOME_THERAPY,
            valid_from=day(since),
            valid_to=day(until),
            checks=(),
            rule_pack_version="0",
        )

    def released(self, organisation_id: UUID | None = None) -> ConsentGranted:
        return ConsentGranted(
            youth_id=self.youth_id,
            kind=ConsentKind.ROI_HUB,
            organisation_id=organisation_id or self.hub,
            effective_at=at("2026-11-10 09:00"),
        )

    def planned(
        self,
        *goals: HubGoal,
        version: int = 1,
        effective: str = "2026-11-09",
        period_end: str | None = "2027-03-13",
    ) -> HubPlanUpdated:
        return HubPlanUpdated(
            youth_id=self.youth_id,
            referral_id=self.referral_id,
            version=version,
            period_start=day("2026-09-14"),
            period_end=day(period_end) if period_end else None,
            effective=day(effective),
            goals=tuple(goal.told() for goal in goals or self.goals),
        )

    def assigned(self, **changes: Any) -> MentorAssigned:
        mentor = changes.pop("mentor", self.mentor)
        supervisor = changes.pop("supervisor", self.supervisor)
        return MentorAssigned(
            youth_id=self.youth_id,
            referral_id=self.referral_id,
            assignment_id=uuid4(),
            mentor_id=person(mentor),
            supervisor_id=person(supervisor),
            standing_until=changes.pop("standing_until", self.standing_until),
        )

    def opened(self) -> EpisodeOpened:
        return EpisodeOpened(
            youth_id=self.youth_id,
            referral_id=self.referral_id,
            episode_id=self.episode_id,
            effective=self.opened_on,
            mentor_id=person(self.mentor),
            supervisor_id=person(self.supervisor),
        )

    def held(self, reason: str, effective: str = "2026-11-20") -> EpisodeOnHold:
        return EpisodeOnHold(
            youth_id=self.youth_id,
            referral_id=self.referral_id,
            episode_id=self.episode_id,
            reason=reason,
            effective=day(effective),
        )

    def resumed(self, reason: str, effective: str = "2026-11-21") -> EpisodeResumed:
        return EpisodeResumed(
            youth_id=self.youth_id,
            referral_id=self.referral_id,
            episode_id=self.episode_id,
            reason=reason,
            effective=day(effective),
        )

    def closed(self, reason: str, effective: str = "2026-11-20") -> EpisodeClosed:
        return EpisodeClosed(
            youth_id=self.youth_id,
            referral_id=self.referral_id,
            episode_id=self.episode_id,
            reason=reason,
            effective=day(effective),
        )

    def booked(self, appointment_id: UUID, start: datetime, end: datetime) -> AppointmentBooked:
        return AppointmentBooked(
            youth_id=self.youth_id,
            referral_id=self.referral_id,
            appointment_id=appointment_id,
            episode_id=self.episode_id,
            mentor_id=person(self.mentor),
            start=start,
            end=end,
            place_of_service=PlaceOfService.OTHER,
            modality=Modality.IN_PERSON,
            planned_units=4,
        )

    # --- What referral answers -----------------------------------------------------------------

    def worded(self, *goals: HubGoal, version: int = 1) -> dict[str, Any]:
        return {
            "youth_id": str(self.youth_id),
            "version": version,
            "referral_id": str(self.referral_id),
            "organisation_id": str(self.hub),
            "hub_service": "in-home-therapy",
            "plan_reference": "CarePlan/h-1d0c5f72-84b9-4e3a-a6f1-92c7d85e0011",
            "plan_title": "In-Home Therapy behavioral treatment plan",
            "author_reference": "PractitionerRole/h-1d0c5f72-84b9-4e3a-a6f1-92c7d85e0006",
            "period": {"start": "2026-09-14", "end": "2027-03-13"},
            "goals": [goal.worded() for goal in goals or self.goals],
        }

    def without(self, goal: HubGoal) -> "Child":
        return replace(self, goals=tuple(one for one in self.goals if one != goal))


async def begin(rig: Rig, child: Child, *, opened: bool = True) -> None:
    """Tell all that comes before the first session, and do the work that follows from it."""
    know(rig, child)
    assigned_at = at("2026-11-09 12:00")
    await rig.tell(
        child.referred(),
        child.engaged(),
        child.planned(),
        child.eligible(),
        child.released(),
        child.assigned(),
        at=assigned_at,
    )
    if opened:
        await rig.tell(child.opened())
    await rig.work()


def know(rig: Rig, child: Child, *goals: HubGoal, version: int = 1) -> None:
    """Let referral know the child: the words of its plan, and what its readers call it."""
    youth = str(child.youth_id)
    rig.stand_in.plans[youth, str(version)] = child.worded(*goals, version=version)
    rig.stand_in.numbers[youth, str(child.hub)] = MRN
    rig.stand_in.numbers[youth, str(child.payer)] = MEMBER


def session(child: Child, start: str, end: str, **changes: Any) -> dict[str, Any]:
    """The body of a note, with one goal rated."""
    return {
        "episode_id": str(child.episode_id),
        "start": at(start).isoformat(),
        "end": at(end).isoformat(),
        "place_of_service": "99",
        "modality": "in-person",
        "goals": [rated(child.goals[0], 2)],
        "texts": {"intervention": "Role-play in the park.", "response": "Asked two peers to play."},
        # Only a late note needs it; a test of lateness takes it away.
        "late_reason": "The mentor was ill.",
    } | changes


def rated(goal: HubGoal, value: float, scale: str = "milestone") -> dict[str, Any]:
    return {
        "goal_id": str(goal.goal_id),
        "scale": scale,
        "value": value,
        "measured_by": "mentor",
    }


@dataclass(frozen=True)
class Mentor:
    """A mentor and her supervisor at their screens."""

    rig: Rig
    mentor: str = "mentor-77"
    supervisor: str = "supervisor-4"

    async def drafts(self, body: dict[str, Any]) -> str:
        answer = await self.rig.staff(self.mentor, {Role.MENTOR}, "POST", "sessions", json=body)
        assert answer.status_code == 201, answer.text
        session_id: str = answer.json()["session_id"]
        return session_id

    async def revises(self, session_id: str, body: dict[str, Any]) -> Any:
        path = f"sessions/{session_id}"
        return await self.rig.staff(self.mentor, {Role.MENTOR}, "PUT", path, json=body)

    async def signs(self, session_id: str) -> Any:
        path = f"sessions/{session_id}/sign"
        return await self.rig.staff(self.mentor, {Role.MENTOR}, "POST", path)

    async def cosigned(self, session_id: str) -> Any:
        path = f"sessions/{session_id}/cosign"
        return await self.rig.staff(self.supervisor, {Role.SUPERVISOR}, "POST", path)

    async def logs(self, body: dict[str, Any]) -> dict[str, Any]:
        """Draft, sign, co-sign: the whole way of a note; gives the final one."""
        session_id = await self.drafts(body)
        signed = await self.signs(session_id)
        assert signed.status_code == 200, signed.text
        final = await self.cosigned(session_id)
        assert final.status_code == 200, final.text
        note: dict[str, Any] = final.json()
        return note


async def hub_reads(rig: Rig, child: Child, path: str, **options: Any) -> Any:
    return await rig.partner(child.hub, path, **options)


async def payer_reads(rig: Rig, child: Child, path: str, **options: Any) -> Any:
    return await rig.partner(child.payer, path, kind=PartnerKind.PAYER, **options)


async def states(rig: Rig) -> list[str]:
    """Where the notes stand, in the order of their sessions."""
    rows = await rig.pool.fetch("SELECT state FROM session ORDER BY starts_at, ends_at")
    return [row["state"] for row in rows]
