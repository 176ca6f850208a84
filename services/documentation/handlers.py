"""What documentation hears: each event becomes rows that its rules ask for.

Not asked for: ReferralMerged and YouthIdentity…, because a merge moves nothing: sessions stay with
the youth under whom they were written, and new ones are written under the survivor, whose stream
tells its new hubs; CoverageReinstated, because EligibilityConfirmed follows with the days;
ReferralReopened, because EpisodeOpened, told anew, opens the care plan again.
"""

from datetime import datetime
from typing import cast

from contracts.events import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentNoShow,
    EpisodeClosed,
    EpisodeOnHold,
    EpisodeOpened,
    EpisodeResumed,
    HubPlanUpdated,
    MentorAssigned,
)
from services.chassis.db import Connection
from services.chassis.envelope import Envelope, handling
from services.chassis.fhir import readers
from services.chassis.inbox import Handlers
from services.chassis.rule_packs import in_force
from services.documentation.commands import facts, overdue, plan, told
from services.documentation.domain.goals import PlannedGoal, PlanVersion
from services.documentation.domain.notes import Episode
from services.documentation.store.facts import Appointment

events = Handlers()
events.project(readers.PROJECTION)
events.project(told.PROJECTION)


def told_at() -> datetime:
    """When the event at hand happened: a replay, however late, comes to the same rows."""
    return cast(Envelope, handling.get()).occurred_at  # the inbox sets it for every handler


@events.on(HubPlanUpdated)
async def take_up_hub_plan(conn: Connection, event: HubPlanUpdated) -> None:
    """Retire what the plan dropped, and ask for the words of what it says."""
    version = PlanVersion(
        version=event.version,
        effective=event.effective,
        period_start=event.period_start,
        period_end=event.period_end,
        goals=tuple(PlannedGoal(g.goal_id, g.tm_assigned, g.status) for g in event.goals),
    )
    await plan.hear_plan(conn, event.youth_id, event.referral_id, version, at=told_at())


@events.on(MentorAssigned)
async def name_mentor_in_care_plan(conn: Connection, event: MentorAssigned) -> None:
    await facts.name_mentor(conn, event.referral_id)


@events.on(EpisodeOpened)
async def activate_care_plan(conn: Connection, event: EpisodeOpened) -> None:
    episode = Episode(event.episode_id, event.youth_id, event.referral_id, event.effective)
    await facts.open_episode(conn, episode)
    await plan.settle_again(conn, event.youth_id, event.referral_id, at=told_at())


@events.on(EpisodeOnHold)
async def hold_care_plan(conn: Connection, event: EpisodeOnHold) -> None:
    await facts.hold_episode(
        conn,
        event.episode_id,
        event.referral_id,
        reason=event.reason,
        effective=event.effective,
    )


@events.on(EpisodeResumed)
async def resume_care_plan(conn: Connection, event: EpisodeResumed) -> None:
    await facts.resume_episode(conn, event.episode_id, event.referral_id)


@events.on(EpisodeClosed)
async def complete_care_plan(conn: Connection, event: EpisodeClosed) -> None:
    """Plan and goals are over with the episode; notes of its days may still be written."""
    await facts.close_episode(
        conn, event.episode_id, closed_on=event.effective, reason=event.reason
    )
    await plan.settle_again(conn, event.youth_id, event.referral_id, at=told_at())


@events.on(AppointmentBooked)
async def note_planned_session(conn: Connection, event: AppointmentBooked) -> None:
    booked = Appointment(
        event.appointment_id, event.episode_id, event.mentor_id, event.start, event.end
    )
    await facts.note_appointment(conn, booked)
    await overdue.watch(conn, event.appointment_id, event.end, in_force())


@events.on(AppointmentCancelled)
async def note_cancelled_session(conn: Connection, event: AppointmentCancelled) -> None:
    await facts.cancel_appointment(conn, event.appointment_id)


@events.on(AppointmentNoShow)
async def note_no_show(conn: Connection, event: AppointmentNoShow) -> None:
    await facts.record_no_show(conn, event.appointment_id)
