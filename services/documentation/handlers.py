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
    AssignmentEnded,
    CoverageChanged,
    CoverageLapsed,
    EligibilityConfirmed,
    EpisodeClosed,
    EpisodeOnHold,
    EpisodeOpened,
    EpisodeResumed,
    HubDisengaged,
    HubEngaged,
    HubPlanUpdated,
    MentorAssigned,
    MentorStandingChanged,
    ReferralReceived,
)
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.envelope import Envelope, handling
from services.chassis.fhir import readers
from services.chassis.inbox import Handlers
from services.chassis.rule_packs import in_force
from services.documentation.commands import facts, overdue, plan
from services.documentation.domain.goals import PlannedGoal, PlanVersion
from services.documentation.domain.notes import Assignment, Episode
from services.documentation.store.facts import Appointment, EligibilityWindow

events = Handlers()
events.project(readers.PROJECTION)


def told_at() -> datetime:
    """When the event at hand happened: a replay, however late, comes to the same rows."""
    return cast(Envelope, handling.get()).occurred_at  # the inbox sets it for every handler


@events.on(ReferralReceived)
async def note_who_referred(conn: Connection, event: ReferralReceived) -> None:
    """Only the hub that sent a referral is pointed to it."""
    await facts.note_referral(conn, event.referral_id, event.youth_id, event.organisation_id)


@events.on(HubEngaged)
async def note_active_hub(conn: Connection, event: HubEngaged) -> None:
    await facts.note_hub(
        conn, event.youth_id, event.organisation_id, event.hub_service, begins=event.effective
    )


@events.on(HubDisengaged)
async def note_ended_hub(conn: Connection, event: HubDisengaged) -> None:
    await facts.end_hub(
        conn, event.youth_id, event.organisation_id, event.hub_service, ends=event.effective
    )


@events.on(EligibilityConfirmed)
async def note_eligible_days(conn: Connection, event: EligibilityConfirmed) -> None:
    window = EligibilityWindow(
        event.youth_id,
        event.payer,
        event.referral_id,
        event.product,
        event.valid_from,
        event.valid_to,
    )
    await facts.note_eligibility(conn, window)


@events.on(CoverageLapsed)
async def end_eligible_days(conn: Connection, event: CoverageLapsed) -> None:
    await facts.end_eligibility(conn, event.youth_id, event.payer, effective=event.effective)


@events.on(CoverageChanged)
async def end_days_of_former_payer(conn: Connection, event: CoverageChanged) -> None:
    """The new payer's days come with the EligibilityConfirmed that follows."""
    if event.payer != event.new_payer:
        await facts.end_eligibility(conn, event.youth_id, event.payer, effective=event.effective)


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
    given = Assignment(
        mentor_id=event.mentor_id,
        supervisor_id=event.supervisor_id,
        assigned_on=agency_day(told_at()),
        standing_until=event.standing_until,
    )
    await facts.note_assignment(conn, event.assignment_id, event.referral_id, event.youth_id, given)


@events.on(MentorStandingChanged)
async def note_mentors_standing(conn: Connection, event: MentorStandingChanged) -> None:
    """Notes of days out of good standing are not signed, and lines of such days are held."""
    await facts.note_standing(
        conn,
        event.assignment_id,
        effective=event.effective,
        supervisor_id=event.supervisor_id,
        standing=event.standing,
        standing_until=event.standing_until,
    )


@events.on(AssignmentEnded)
async def note_assignments_end(conn: Connection, event: AssignmentEnded) -> None:
    """Notes of sessions before it stay the mentor's to write and to sign."""
    await facts.end_assignment(conn, event.assignment_id, ended_on=event.effective)


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
