"""S11: the hub closes while a youth is in service, and is heard of late."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from contracts.codes import HubService, Modality, PlaceOfService
from contracts.events import HubEngaged, SessionLogged
from services.chassis.db import Pool
from tests.scheduling.builders import MENTOR, SUPERVISOR, Child, make_plan
from tests.scheduling.door import Door
from tests.scheduling.test_close import close

FRIDAY, TUESDAY = date(2026, 12, 4), datetime(2026, 12, 8, 15, tzinfo=UTC)
LATER = TUESDAY + timedelta(days=12)
MONDAY_SESSION = "2026-12-07T16:00"


async def states(pool: Pool) -> list[str]:
    rows = await pool.fetch("SELECT state FROM appointment ORDER BY lower(during)")
    return [row["state"] for row in rows]


async def in_service(child: Child) -> tuple[UUID, UUID]:
    """The episode, with sessions on Monday, in the week after and next year; Monday's id."""
    episode_id = await child.admit()
    monday = await child.book(make_plan(MONDAY_SESSION))
    for day in ("2026-12-14T16:00", "2027-01-04T16:00"):
        await child.book(make_plan(day))
    return episode_id, monday


def outpatient(child: Child) -> HubEngaged:
    return HubEngaged(
        youth_id=child.youth_id,
        organisation_id=uuid4(),
        hub_service=HubService.OUTPATIENT_THERAPY,
        effective=LATER.date(),
    )


def logged(child: Child, episode_id: UUID, appointment_id: UUID) -> SessionLogged:
    plan = make_plan(MONDAY_SESSION)
    return SessionLogged(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        session_id=uuid4(),
        version=1,
        episode_id=episode_id,
        appointment_id=appointment_id,
        start=plan.slot.start,
        end=plan.slot.end,
        place_of_service=PlaceOfService.OTHER,
        modality=Modality.IN_PERSON,
        units=4,
        billable=False,
        goal_ids=(),
        mentor_id=MENTOR,
        supervisor_id=SUPERVISOR,
        rule_pack_version="test",
    )


async def test_what_is_to_come_freezes_and_mondays_session_is_still_written_down(
    child: Child, pool: Pool
) -> None:
    episode_id, monday = await in_service(child)

    await child.hear(child.disengaged(FRIDAY), at=TUESDAY)
    await child.hear(logged(child, episode_id, monday), at=TUESDAY)

    assert await states(pool) == ["completed", "frozen", "frozen"]
    assert (await child.body("EpisodeOnHold"))["reason"] == "hub_inactive"


async def test_a_new_hub_with_a_confirmed_goal_thaws_what_is_still_to_come(
    child: Child, pool: Pool
) -> None:
    await in_service(child)
    await child.hear(child.disengaged(FRIDAY), child.denied(), at=TUESDAY)

    await child.hear(outpatient(child), at=LATER)
    before = await states(pool)
    await child.hear(child.confirmed(), at=LATER)

    assert before == ["booked", "frozen", "frozen"]
    assert await states(pool) == ["booked", "cancelled", "booked"]
    assert (await child.told())[-2:] == ["AppointmentCancelled", "EpisodeResumed"]
    assert (await child.body("AppointmentCancelled"))["reason"] == "agency"


async def test_without_another_hub_a_person_closes_the_episode(
    child: Child, door: Door, pool: Pool
) -> None:
    episode_id, _ = await in_service(child)
    await child.hear(child.disengaged(FRIDAY), child.denied(), at=TUESDAY)
    door.clock.at = LATER

    answer = await close(door, episode_id, "hub_ended")

    assert (answer.status_code, answer.json()["close_reason"]) == (200, "hub_ended")
    assert await states(pool) == ["booked", "cancelled", "cancelled"]
