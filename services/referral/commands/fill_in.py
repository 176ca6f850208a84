"""Lay what staff learned over what the hub says: now, and after each of the hub's amendments."""

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from contracts.codes import GoalStatus, HubService
from contracts.events import HubEngaged, HubPlanUpdated, PlanGoal
from services.chassis import outbox
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import Refused
from services.referral.domain.eligibility import Facts
from services.referral.store import payers, referrals, staff_facts
from services.referral.store.staff_facts import LearnedCoverage, LearnedHub

DEAD_GOALS = frozenset({GoalStatus.CANCELLED, GoalStatus.ENTERED_IN_ERROR, GoalStatus.REJECTED})


async def fill_in(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """Lay what staff learned over what the hub says; nothing happens where there is none."""
    learned = await staff_facts.list_staff_facts(conn, referral_id)
    if not learned:
        return
    facts = await referrals.referral_facts(conn, referral_id)
    if value := learned.get("youth"):
        await fill_youth(conn, facts, value)
    if value := learned.get("hub"):
        await fill_hub(conn, facts, value, now=now)
    if value := learned.get("coverage"):
        await fill_coverage(conn, facts, value)
    if value := learned.get("identities"):
        await fill_links(conn, facts, value)
    if value := learned.get("tm_goals"):
        await fill_goals(conn, facts, value, now=now)
    if value := learned.get("wishes"):
        await fill_wishes(conn, facts, value)


async def fill_youth(conn: Connection, facts: Facts, value: dict[str, Any]) -> None:
    if born := value.get("birth_date"):
        await staff_facts.update_birth_date(conn, facts.youth_id, date.fromisoformat(born))
    if value.get("deceased") is not None:
        await staff_facts.update_deceased(conn, facts.youth_id, deceased=value["deceased"])


async def fill_hub(conn: Connection, facts: Facts, value: dict[str, Any], *, now: datetime) -> None:
    """A hub service is announced like one that the hub itself names, once."""
    hub = LearnedHub(
        staff_facts.staff_hub_id(facts.referral_id),
        UUID(value["organisation_id"]) if value.get("organisation_id") else facts.organisation_id,
        HubService(value["hub_service"]),
        day_of(value.get("begins")),
        day_of(value.get("ends")),
    )
    announced = await staff_facts.add_hub(conn, facts.referral_id, facts.youth_id, hub)
    today = agency_day(now)
    covers = (hub.begins or date.min) <= today <= (hub.ends or date.max)
    if announced or not covers:
        return
    effective = hub.begins or today
    await staff_facts.update_engaged(conn, hub.enrolment_id, effective)
    event = HubEngaged(
        youth_id=facts.youth_id,
        organisation_id=hub.organisation_id,
        hub_service=hub.hub_service,
        effective=effective,
    )
    await outbox.append(conn, event, at=now)


async def fill_coverage(conn: Connection, facts: Facts, value: dict[str, Any]) -> None:
    """The payer is a registered one: who asks it must know where."""
    payer = await payers.organisation_by_id(conn, UUID(value["payer_id"]))
    if payer is None:
        raise Refused("payer-unknown", "Register the payer first, then name it by its id.")
    number = f"staff-coverage/{value['payer_id']}/{value['member_id']}"
    coverage = LearnedCoverage(
        uuid5(facts.referral_id, number),
        payer.organisation_id,
        value["member_id"],
        value.get("rank", 1),
    )
    await staff_facts.add_coverage(conn, facts.referral_id, facts.youth_id, coverage)


async def fill_links(conn: Connection, facts: Facts, value: dict[str, Any]) -> None:
    """Each linked number that stands is asked about beside those that the hub names."""
    for link in value["links"]:
        if link["stands"]:
            coverage = LearnedCoverage(
                link_coverage_id(facts, link), UUID(link["payer_id"]), link["member_id"], 2
            )
            await staff_facts.add_coverage(conn, facts.referral_id, facts.youth_id, coverage)


def link_coverage_id(facts: Facts, link: dict[str, Any]) -> UUID:
    return uuid5(facts.referral_id, f"linked-coverage/{link['identity_id']}")


async def fill_goals(
    conn: Connection, facts: Facts, value: dict[str, Any], *, now: datetime
) -> None:
    """Goals that the hub says are ours make a new version of the plan, if it lacks them."""
    meant = {UUID(id_) for id_ in value["goal_ids"]}
    goals = await staff_facts.list_goals(conn, facts.youth_id)
    alive = {goal.goal_id for goal in goals if goal.status not in DEAD_GOALS}
    missing = [g.goal_id for g in goals if g.goal_id in meant & alive and not g.tm_assigned]
    if not missing:
        return
    today = agency_day(now)
    plan = await staff_facts.add_plan_with_goals(conn, facts.youth_id, missing, effective=today)
    if plan is None:
        return
    event = HubPlanUpdated(
        youth_id=facts.youth_id,
        referral_id=facts.referral_id,
        version=plan.version,
        period_start=plan.begins,
        period_end=plan.ends,
        effective=today,
        goals=tuple(
            PlanGoal(
                goal_id=goal.goal_id,
                tm_assigned=goal.tm_assigned or goal.goal_id in missing,
                status=goal.status,
            )
            for goal in goals
        ),
    )
    await outbox.append(conn, event, at=now)


async def fill_wishes(conn: Connection, facts: Facts, value: dict[str, Any]) -> None:
    gender = value.get("mentor_gender") or {}
    await staff_facts.update_wishes(
        conn,
        facts.referral_id,
        gender_required=gender.get("required"),
        gender_preferred=gender.get("preferred"),
        windows=value.get("windows"),
        hours_per_week=value.get("hours_per_week"),
    )


def day_of(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
