"""What a referral's receipt and amendments are told as: ids, codes, dates and numbers."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from contracts.codes import HubService
from contracts.events import (
    HubDisengaged,
    HubEngaged,
    HubPlanUpdated,
    MentorGender,
    PlanGoal,
    ReferralAmended,
    ReferralReceived,
    Window,
)
from services.chassis import outbox
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.referral.commands.case import Case
from services.referral.domain.eligibility import HubEnrolment
from services.referral.domain.intake import Referral, SentPlan
from services.referral.store.hubs import Engaged


def received(referral: Referral) -> ReferralReceived:
    return ReferralReceived(**wanted(referral))


def amended(referral: Referral, changed: tuple[str, ...]) -> ReferralAmended:
    return ReferralAmended(version=referral.version, changed_fields=changed, **wanted(referral))


def wanted(referral: Referral) -> dict[str, Any]:
    """The fields of ReferralReceived as they now stand."""
    gender = MentorGender(
        required=referral.mentor_gender_required, preferred=referral.mentor_gender_preferred
    )
    return {
        "youth_id": referral.youth_id,
        "referral_id": referral.referral_id,
        "organisation_id": referral.organisation_id,
        "hub_service": referral.hub_service,
        "priority": referral.priority,
        "received_on": referral.received_on,
        "gaps": referral.gaps,
        "languages": referral.languages,
        "interpreter_needed": referral.interpreter_needed,
        "mentor_gender": gender,
        "area": referral.area,
        "hours_per_week": referral.hours_per_week,
        "windows": tuple(
            Window(weekday=w.weekday, begins=w.begins, ends=w.ends) for w in referral.windows
        ),
    }


# --- Hub services ---------------------------------------------------------------------------------


def active(named: Sequence[HubEnrolment], today: date) -> dict[UUID, date]:
    """The hub services that hold today, each with the day since when."""
    return {hub.enrolment_id: hub.begins or today for hub in named if hub.covers(today)}


async def tell_hubs(
    conn: Connection,
    youth_id: UUID,
    named: Sequence[HubEnrolment],
    *,
    was: Sequence[Engaged],
    now: datetime,
) -> bool:
    """One HubEngaged per hub service that became active, one HubDisengaged per one that ended.

    True when there was anything to tell. `was`: what has been told before.
    """
    today = agency_day(now)
    since = active(named, today)
    before = {(e.organisation_id, e.hub_service) for e in was}
    holds = {
        (h.organisation_id, h.hub_service): since[h.enrolment_id]
        for h in named
        if h.hub_service and h.enrolment_id in since
    }
    told: list[HubEngaged | HubDisengaged] = [
        HubEngaged(
            youth_id=youth_id, organisation_id=hub[0], hub_service=hub[1], effective=holds[hub]
        )
        for hub in sorted(holds.keys() - before)
    ]
    told += [
        HubDisengaged(
            youth_id=youth_id,
            organisation_id=organisation_id,
            hub_service=service,
            effective=first_day_without(named, service, today),
        )
        for organisation_id, service in sorted(before - holds.keys())
    ]
    for event in told:
        await outbox.append(conn, event, at=now)
    return bool(told)


def first_day_without(named: Sequence[HubEnrolment], service: HubService, today: date) -> date:
    """The day after the end that was given, else today."""
    ends = [h.ends for h in named if h.hub_service is service and h.ends]
    return max(ends) + timedelta(days=1) if ends and max(ends) < today else today


# --- The hub's plan -------------------------------------------------------------------------------


async def tell_plan(
    conn: Connection, case: Case, plan: SentPlan | None, version: int | None
) -> None:
    """HubPlanUpdated for a new version of the plan; a goal that it dropped is simply absent."""
    if version is None:
        return
    event = HubPlanUpdated(
        youth_id=case.youth_id,
        referral_id=case.referral_id,
        version=version,
        period_start=plan.begins if plan else None,
        period_end=plan.ends if plan else None,
        effective=case.today,
        goals=goals_of(plan, case.today) if plan else (),
    )
    await outbox.append(conn, event, at=case.now)


def goals_of(plan: SentPlan, today: date) -> tuple[PlanGoal, ...]:
    return tuple(
        PlanGoal(
            goal_id=goal.goal_id,
            tm_assigned=plan.assigned_on(goal, today),
            status=goal.status,
        )
        for goal in plan.goals
    )
