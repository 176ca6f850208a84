"""What other services told, kept as rows: nothing here decides, all may be told again."""

from datetime import date, timedelta
from uuid import UUID

from contracts.codes import HubService
from services.chassis.db import Connection
from services.documentation.domain.notes import AppointmentState, Assignment, Episode
from services.documentation.store import facts as store
from services.documentation.store import plan as plans
from services.documentation.store.facts import Appointment, EligibilityWindow


async def note_referral(
    conn: Connection, referral_id: UUID, youth_id: UUID, organisation_id: UUID
) -> None:
    await store.add_referral(conn, referral_id, youth_id, organisation_id)


async def note_hub(
    conn: Connection, youth_id: UUID, organisation_id: UUID, service: HubService, *, begins: date
) -> None:
    await store.add_hub_engagement(conn, youth_id, organisation_id, service, begins=begins)


async def end_hub(
    conn: Connection, youth_id: UUID, organisation_id: UUID, service: HubService, *, ends: date
) -> None:
    """`ends` is the first day without the hub."""
    await store.update_hub_engagement_ended(conn, youth_id, organisation_id, service, ends=ends)


async def note_eligibility(conn: Connection, window: EligibilityWindow) -> None:
    """The latest determination of a referral and payer counts from its own first day on."""
    await store.delete_eligibility_since(conn, window)
    await store.update_eligibility_until(conn, window)
    await store.add_eligibility_window(conn, window)


async def end_eligibility(
    conn: Connection, youth_id: UUID, payer: UUID, *, effective: date
) -> None:
    await store.update_eligibility_lapsed(conn, youth_id, payer, effective=effective)


async def note_appointment(conn: Connection, booked: Appointment) -> None:
    await store.add_appointment(conn, booked)


async def note_assignment(
    conn: Connection, assignment_id: UUID, referral_id: UUID, youth_id: UUID, given: Assignment
) -> None:
    """A mentor was assigned."""
    await store.add_assignment(conn, assignment_id, referral_id, youth_id, given)


async def name_mentor(conn: Connection, referral_id: UUID) -> None:
    """The care plan names the mentor and her supervisor from now on."""
    await plans.update_care_plan_version(conn, referral_id)


async def note_standing(
    conn: Connection,
    assignment_id: UUID,
    *,
    effective: date,
    supervisor_id: UUID,
    standing: bool,
    standing_until: date | None,
) -> None:
    """From `effective` on a mentor stands otherwise; no day before it is mended or spoilt."""
    until = standing_until if standing else effective - timedelta(days=1)
    await store.remove_standings(conn, assignment_id, since=effective)
    await store.add_standing(
        conn,
        assignment_id,
        effective=effective,
        supervisor_id=supervisor_id,
        standing_until=until,
    )


async def end_assignment(conn: Connection, assignment_id: UUID, *, ended_on: date) -> None:
    await store.update_assignment_ended(conn, assignment_id, ended_on=ended_on)


async def open_episode(conn: Connection, episode: Episode) -> None:
    """Service may begin: our care plan is active."""
    await store.add_episode(conn, episode)
    await plans.update_care_plan_version(conn, episode.referral_id)


async def hold_episode(
    conn: Connection,
    episode_id: UUID,
    referral_id: UUID,
    *,
    reason: str,
    effective: date,
) -> None:
    """Nothing new is booked, and our care plan is on hold."""
    await store.update_episode_held(conn, episode_id, reason=reason, effective=effective)
    await plans.update_care_plan_version(conn, referral_id)


async def resume_episode(conn: Connection, episode_id: UUID, referral_id: UUID) -> None:
    """Service goes on, and our care plan is active."""
    await store.update_episode_resumed(conn, episode_id)
    await plans.update_care_plan_version(conn, referral_id)


async def close_episode(
    conn: Connection, episode_id: UUID, *, closed_on: date, reason: str
) -> None:
    """Service has ended; `closed_on` is its last day."""
    await store.update_episode_closed(conn, episode_id, closed_on=closed_on, reason=reason)


async def cancel_appointment(conn: Connection, appointment_id: UUID) -> None:
    await store.update_appointment(conn, appointment_id, AppointmentState.CANCELLED)


async def record_no_show(conn: Connection, appointment_id: UUID) -> None:
    await store.update_appointment(conn, appointment_id, AppointmentState.NO_SHOW)
