"""What scheduling, documentation and notifications tell: each moves the referral and its Task.

Not asked for: SessionNoteAmended, whose session was told before; SessionVoided, because a Task
never goes back; NoteOverdue, which is the agency's own affair; what goals do, which CarePlan says;
MentorUnavailable and ReassignmentNeeded, because AssignmentEnded and EpisodeOnHold say what
follows: the Task waits again or is on hold, with the reason, and so its hub is told, once;
MentorStandingChanged, EpisodeClosing.
"""

from datetime import datetime

from contracts.events import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentNoShow,
    AssignmentEnded,
    EpisodeClosed,
    EpisodeOnHold,
    EpisodeOpened,
    EpisodeResumed,
    MentorAssigned,
    MentorDeclined,
    MentorProposed,
    NotificationFailed,
    ReferralWaitlisted,
    SessionLogged,
)
from services.chassis.db import Connection
from services.chassis.envelope import handling
from services.chassis.inbox import Handlers
from services.referral.commands import close, contact, mentors, service
from services.referral.domain.states import Business

events = Handlers()


def told_at() -> datetime:
    """When the event that is being handled happened: its business time is ours."""
    event = handling.get()
    assert event is not None  # noqa: S101 - handlers run inside the inbox only
    return event.occurred_at


@events.on(ReferralWaitlisted)
async def show_waiting_when_waitlisted(conn: Connection, event: ReferralWaitlisted) -> None:
    await service.join_waitlist(conn, event.referral_id, now=told_at())


@events.on(MentorProposed)
async def offer_when_proposed(conn: Connection, event: MentorProposed) -> None:
    await mentors.offer(conn, event.referral_id, now=told_at())


@events.on(MentorDeclined)
async def wait_again_when_declined(conn: Connection, event: MentorDeclined) -> None:
    """The place on the list is kept; a family that declines often is talked to."""
    await mentors.decline(
        conn,
        event.referral_id,
        by_family=event.reason in ("family", "youth"),
        declines=event.declines,
        now=told_at(),
    )


@events.on(MentorAssigned)
async def show_mentor_when_assigned(conn: Connection, event: MentorAssigned) -> None:
    await mentors.assign(conn, event.referral_id, now=told_at())


@events.on(AssignmentEnded)
async def wait_again_when_mentor_is_lost(conn: Connection, event: AssignmentEnded) -> None:
    await mentors.lose(conn, event.referral_id, now=told_at())


@events.on(EpisodeOpened)
async def admit_when_episode_opens(conn: Connection, event: EpisodeOpened) -> None:
    await service.open_episode(conn, event.referral_id, event.episode_id, now=told_at())


@events.on(EpisodeOnHold)
async def hold_when_episode_is_held(conn: Connection, event: EpisodeOnHold) -> None:
    await service.hold_episode(conn, event.referral_id, event.reason, now=told_at())


@events.on(EpisodeResumed)
async def go_on_when_episode_resumes(conn: Connection, event: EpisodeResumed) -> None:
    await service.resume_episode(conn, event.referral_id, now=told_at())


@events.on(EpisodeClosed)
async def close_when_episode_is_closed(conn: Connection, event: EpisodeClosed) -> None:
    """A person ended the episode, and the referral with it."""
    await close.discharge(conn, event.referral_id, event.reason, now=told_at())


@events.on(AppointmentBooked)
async def show_visit_when_booked(conn: Connection, event: AppointmentBooked) -> None:
    await service.book_visit(conn, event.referral_id, start=event.start, now=told_at())


@events.on(AppointmentCancelled)
async def show_visit_when_cancelled(conn: Connection, event: AppointmentCancelled) -> None:
    await service.note_visit(conn, event.referral_id, Business.VISIT_CANCELLED, now=told_at())


@events.on(AppointmentNoShow)
async def show_visit_when_nobody_came(conn: Connection, event: AppointmentNoShow) -> None:
    await service.note_visit(conn, event.referral_id, Business.NO_SHOW, now=told_at())


@events.on(SessionLogged)
async def show_session_when_logged(conn: Connection, event: SessionLogged) -> None:
    """Only the first version of a note is news: a corrected one tells of the same session."""
    if event.version == 1:
        await service.hold_session(conn, event.referral_id, start=event.start, now=told_at())


@events.on(NotificationFailed)
async def ask_for_a_call_when_a_hub_is_not_told(
    conn: Connection, event: NotificationFailed
) -> None:
    """A person tells the hub what its system did not take."""
    await contact.ask_for_a_call(conn, event.youth_id, event.organisation_id, now=told_at())
