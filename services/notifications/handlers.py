"""What notifications hears: whose referral it is, what became of it, what happened in care.

Not asked for here: NoteOverdue, which concerns staff and no hub.
"""

from contracts.events import (
    Event,
    GoalAchieved,
    GoalAdded,
    GoalProgressUpdated,
    GoalRetired,
    GoalStalled,
    HubEngaged,
    ReferralReceived,
    ReferralStatusChanged,
    SessionLogged,
    SessionNoteAmended,
    SessionVoided,
)
from services.chassis.db import Connection
from services.chassis.envelope import handling
from services.chassis.fhir import readers
from services.chassis.inbox import Handlers
from services.notifications.commands import queueing
from services.notifications.domain.subscriptions import Focus, Happening, Topic

events = Handlers()
events.on_each(readers.EVENTS, readers.note)


@events.on(ReferralReceived)
async def note_sender_when_received(conn: Connection, event: ReferralReceived) -> None:
    """Remember which hub is told of this referral's Task."""
    await queueing.note_sender(conn, event.referral_id, event.youth_id, event.organisation_id)


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


def happening(topic: Topic, event: Event, *focus: Focus) -> Happening:
    """The event in hand, as subscribers of a topic are told of it."""
    envelope = handling.get()
    assert envelope  # noqa: S101 (the inbox sets it around every handler)
    return Happening(topic, event.youth_id, envelope.event_id, envelope.occurred_at, focus)
