"""A mail server on a real socket, families with addresses, and the events that are letters."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from contracts.codes import Modality, Overdue, PlaceOfService, Role
from contracts.events import (
    AppointmentBooked,
    AppointmentCancelled,
    Event,
    MentorAssigned,
    NoteOverdue,
)
from services.chassis.auth import Staff
from services.notifications.work import measures
from tests.notifications.rig import NOW, Child, Rig
from tests.simulators.rig import Simulator

MENTOR, SUPERVISOR = uuid4(), uuid4()
START = datetime(2026, 12, 1, 20, 30, tzinfo=UTC)  # half past three in the afternoon
# Nothing that tells what kind of help it is, or for whom.
UNSAID = ("therap", "mentoring", "health", "hub", "referral", "jordan", "okafor")


class Post:
    """The mail server, and what people read there."""

    def __init__(self, simulator: Simulator, smtp_port: int) -> None:
        self.simulator, self.smtp_port = simulator, smtp_port

    def behave(self, mode: str, *, times: int | None = None, to: str | None = None) -> None:
        self.simulator.post("/behaviour", {"mode": mode, "times": times, "to": to})

    def to(self, address: str) -> list[Any]:
        return [one for one in self.simulator.get("/log") if one["to"] == [address]]

    def subjects(self, address: str) -> list[str]:
        return [one["subject"] for one in self.to(address)]


def address(who: str) -> str:
    return f"{who}-{uuid4().hex[:8]}@family.example"


def family(rig: Rig, child: Child, *languages: str, people: int = 1) -> list[str]:
    """People who speak for a child, and agreed to e-mail: their addresses."""
    found = [address(f"parent{number}") for number in range(people)]
    rig.referral.families[child.youth_id] = [
        {"recipient": str(uuid4()), "address": one, "languages": languages or ("en",)}
        for one in found
    ]
    return found


def assigned(child: Child) -> Event:
    return MentorAssigned(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        assignment_id=uuid4(),
        mentor_id=MENTOR,
        supervisor_id=SUPERVISOR,
        standing_until=None,
    )


def booked(child: Child, appointment_id: UUID, start: datetime = START) -> Event:
    return AppointmentBooked(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        appointment_id=appointment_id,
        episode_id=uuid4(),
        mentor_id=MENTOR,
        start=start,
        end=start + timedelta(hours=1),
        place_of_service=PlaceOfService.HOME,
        modality=Modality.IN_PERSON,
        planned_units=4,
    )


def cancelled(child: Child, appointment_id: UUID) -> Event:
    return AppointmentCancelled(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        appointment_id=appointment_id,
        episode_id=uuid4(),
        mentor_id=MENTOR,
        reason="family",
    )


def overdue(child: Child, level: Overdue) -> Event:
    return NoteOverdue(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        episode_id=uuid4(),
        session_id=None,
        appointment_id=None,
        ended_at=NOW - timedelta(days=2),
        level=level,
        mentor_id=MENTOR,
        supervisor_id=SUPERVISOR,
    )


async def states(rig: Rig) -> list[str]:
    rows = await rig.pool.fetch("SELECT state FROM mail ORDER BY occurred_at, mail_id")
    return [row["state"] for row in rows]


async def measured(rig: Rig) -> list[tuple[str, float]]:
    async with rig.pool.acquire() as conn:
        return [(metric.name, value) for metric, value, _ in await measures(conn)]


async def as_staff(
    rig: Rig,
    method: str,
    path: str,
    body: Any = None,
    *,
    role: Role = Role.COORDINATOR,
    staff_id: UUID | None = None,
) -> Any:
    token = f"staff-{uuid4()}"
    rig.staff_members[token] = Staff("pat", staff_id or uuid4(), frozenset({role}))
    headers = {"Authorization": f"Bearer {token}"}
    return await rig.http.request(method, f"/api/notifications/{path}", json=body, headers=headers)
