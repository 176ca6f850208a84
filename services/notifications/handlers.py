"""What notifications hears: whose referral it is, what became of it, what happened in care.

Hubs are told by the topics to which they subscribe; coordinators, families and staff by letters.
"""

from collections.abc import Mapping
from uuid import UUID

from contracts.codes import Overdue
from contracts.events import (
    AppointmentBooked,
    AppointmentCancelled,
    Event,
    GoalAchieved,
    GoalAdded,
    GoalProgressUpdated,
    GoalRetired,
    GoalStalled,
    HubEngaged,
    MentorAssigned,
    MentorUnavailable,
    NoteOverdue,
    ReassignmentNeeded,
    ReferralInfoRequested,
    ReferralReceived,
    ReferralStatusChanged,
    SessionLogged,
    SessionNoteAmended,
    SessionVoided,
)
from services.chassis.db import Connection
from services.chassis.envelope import Envelope, handling
from services.chassis.fhir import readers
from services.chassis.inbox import Handlers
from services.notifications.commands import mailing, queueing
from services.notifications.commands.mailing import News
from services.notifications.domain.mail import Letter
from services.notifications.domain.subscriptions import Focus, Happening, Topic

events = Handlers()
events.project(readers.NUMBERLESS)
events.project(queueing.SENDERS)  # who is told of a referral's Task


@events.on(ReferralReceived)
async def write_when_received(conn: Connection, event: ReferralReceived) -> None:
    """Coordinators read that a referral has come."""
    facts = {
        "referral": str(event.referral_id),
        "priority": event.priority,
        "items": ", ".join(event.gaps),
    }
    await mailing.write(conn, news(Letter.REFERRAL_RECEIVED, event, event.referral_id, facts))


@events.on(HubEngaged)
async def tell_hub_of_its_days_before(conn: Connection, event: HubEngaged) -> None:
    """Topic care-progress: what documentation told of this hub's days before referral named it."""
    await queueing.tell_hub_of_before(conn, event.youth_id, event.organisation_id)


@events.on(ReferralStatusChanged)
async def tell_sender_of_its_task(conn: Connection, event: ReferralStatusChanged) -> None:
    """Topic referral-progress: to the referral's own hub, whatever else it may read."""
    task = Focus("Task", event.task_id, created=event.version == 1)
    told = happening(Topic.REFERRAL_PROGRESS, event, task)
    await queueing.tell_sender(conn, event.referral_id, told)


@events.on(SessionLogged)
async def tell_hubs_of_a_session(conn: Connection, event: SessionLogged) -> None:
    """Topic care-progress: a session stands as an Encounter."""
    await tell_hubs(conn, event, Focus("Encounter", event.session_id, created=event.version == 1))


@events.on(SessionNoteAmended)
async def tell_hubs_of_a_correction(conn: Connection, event: SessionNoteAmended) -> None:
    """Topic care-progress: the Encounter has a new version."""
    await tell_hubs(conn, event, Focus("Encounter", event.session_id))


@events.on(SessionVoided)
async def tell_hubs_of_an_error(conn: Connection, event: SessionVoided) -> None:
    """Topic care-progress: the Encounter was entered in error, and so were its ratings."""
    goals = (Focus("Goal", goal_id) for goal_id in event.goal_ids)
    plan = Focus("CarePlan", event.care_plan_id)
    await tell_hubs(conn, event, Focus("Encounter", event.session_id), *goals, plan)


@events.on(GoalAdded)
async def tell_hubs_of_a_new_goal(conn: Connection, event: GoalAdded) -> None:
    """Topic care-progress: the goal can be read, and the plan names it."""
    goal = Focus("Goal", event.goal_id, created=True)
    await tell_hubs(conn, event, goal, Focus("CarePlan", event.care_plan_id))


@events.on(GoalRetired)
async def tell_hubs_of_a_retired_goal(conn: Connection, event: GoalRetired) -> None:
    """Topic care-progress: goal and plan changed."""
    goal, plan = Focus("Goal", event.goal_id), Focus("CarePlan", event.care_plan_id)
    await tell_hubs(conn, event, goal, plan)


@events.on(GoalProgressUpdated)
async def tell_hubs_of_progress(conn: Connection, event: GoalProgressUpdated) -> None:
    """Topic care-progress: goal and plan changed."""
    goal, plan = Focus("Goal", event.goal_id), Focus("CarePlan", event.care_plan_id)
    await tell_hubs(conn, event, goal, plan)


@events.on(GoalAchieved)
async def tell_hubs_of_an_achieved_goal(conn: Connection, event: GoalAchieved) -> None:
    """Topic care-progress: the goal's target is met, time to think of what comes after."""
    goal, plan = Focus("Goal", event.goal_id), Focus("CarePlan", event.care_plan_id)
    await tell_hubs(conn, event, goal, plan)


@events.on(GoalStalled)
async def tell_hubs_of_a_stalled_goal(conn: Connection, event: GoalStalled) -> None:
    """Topic care-progress: the goal does not get on, the hub is to be consulted."""
    goal, plan = Focus("Goal", event.goal_id), Focus("CarePlan", event.care_plan_id)
    await tell_hubs(conn, event, goal, plan)


async def tell_hubs(conn: Connection, event: Event, *focus: Focus) -> None:
    told = happening(Topic.CARE_PROGRESS, event, *focus)
    await queueing.tell_hubs(conn, told)


# --- Letters -------------------------------------------------------------------------------------


@events.on(ReferralInfoRequested)
async def write_when_information_is_missing(conn: Connection, event: ReferralInfoRequested) -> None:
    """Coordinators: somebody has to ask the hub."""
    facts = {
        "referral": str(event.referral_id),
        "items": ", ".join(event.items),
        "due": event.due.isoformat(),
    }
    await mailing.write(conn, news(Letter.INFORMATION_MISSING, event, event.referral_id, facts))


@events.on(MentorAssigned)
async def write_when_a_mentor_is_found(conn: Connection, event: MentorAssigned) -> None:
    """The family, and not by whom: the mentor says so."""
    told = news(Letter.MENTOR_FOUND, event, event.assignment_id, {})
    await mailing.write_to_family(conn, told, at=told.occurred_at)


@events.on(MentorUnavailable)
async def write_when_a_mentor_leaves(conn: Connection, event: MentorUnavailable) -> None:
    """The family, once: from which day on the mentor cannot come, and not why.

    Its hub reads so in the Task that is on hold, of which ReferralStatusChanged tells.
    """
    facts = {"from_day": event.effective.isoformat()}
    told = news(Letter.MENTOR_LEAVES, event, event.assignment_id, facts)
    await mailing.write_to_family(conn, told, at=told.occurred_at)


@events.on(ReassignmentNeeded)
async def write_when_another_mentor_is_sought(conn: Connection, event: ReassignmentNeeded) -> None:
    """Coordinators: a child in service waits for another mentor."""
    facts = {"referral": str(event.referral_id), "reason": event.reason}
    await mailing.write(conn, news(Letter.REASSIGNMENT_NEEDED, event, event.assignment_id, facts))


@events.on(AppointmentBooked)
async def write_before_an_appointment(conn: Connection, event: AppointmentBooked) -> None:
    """The family, two days before; of a whole series the next one only."""
    told = news(Letter.NEXT_APPOINTMENT, event, event.appointment_id, {})
    await mailing.announce(conn, told, event.start)


@events.on(AppointmentCancelled)
async def write_when_an_appointment_is_off(conn: Connection, event: AppointmentCancelled) -> None:
    """The family, if it has read of it."""
    await mailing.call_off(
        conn, news(Letter.APPOINTMENT_CANCELLED, event, event.appointment_id, {})
    )


@events.on(NoteOverdue)
async def write_when_a_note_is_overdue(conn: Connection, event: NoteOverdue) -> None:
    """First its mentor, then the supervisor beside, at last the supervisor alone."""
    facts = {
        "episode": str(event.episode_id),
        "level": event.level,
        "at": event.ended_at.isoformat(),
    }
    told = news(Letter.NOTE_OVERDUE, event, event.episode_id, facts)
    for recipient in concerned(event):
        await mailing.write(conn, told, recipient)


def concerned(event: NoteOverdue) -> list[UUID]:
    supervisor = [event.supervisor_id] if event.supervisor_id else []
    if event.level is Overdue.ESCALATED and supervisor:
        return supervisor
    return [event.mentor_id, *(supervisor if event.level is not Overdue.DUE else ())]


def news(letter: Letter, event: Event, about: UUID, facts: Mapping[str, str]) -> News:
    """The event in hand, as a letter tells it."""
    told = in_hand()
    return News(letter, event.youth_id, about, facts, told.event_id, told.occurred_at)


# --- The event in hand ---------------------------------------------------------------------------


def happening(topic: Topic, event: Event, *focus: Focus) -> Happening:
    """The event in hand, as subscribers of a topic are told of it."""
    told = in_hand()
    return Happening(topic, event.youth_id, told.event_id, told.occurred_at, focus)


def in_hand() -> Envelope:
    envelope = handling.get()
    assert envelope  # noqa: S101 (the inbox sets it around every handler)
    return envelope
