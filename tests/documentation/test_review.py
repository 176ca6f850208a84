"""What stands in the way of a signature, rule by rule, as of the date of service."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from contracts import rules
from contracts.codes import GoalStatus, MeasuredBy, Modality, PlaceOfService, ProgressScale
from services.chassis.errors import Refused
from services.documentation.domain import notes
from services.documentation.domain import review as judging
from services.documentation.domain.goals import PlannedGoal, PlanVersion, Rating
from services.documentation.domain.notes import (
    AppointmentState,
    Assignment,
    CitedGoal,
    Episode,
    HubDays,
    Note,
)
from services.documentation.domain.review import Circumstances, Review, rules_on
from tests.documentation.rig import at

MENTOR, SUPERVISOR, YOUTH, GOAL = uuid4(), uuid4(), uuid4(), uuid4()
DAY = date(2026, 11, 19)
NOW = at("2026-11-22 15:00")
RULES = rules_on(rules.load(), DAY, "MassHealth Standard")
EPISODE = Episode(uuid4(), YOUTH, uuid4(), date(2026, 11, 10))
ASSIGNED = Assignment(MENTOR, SUPERVISOR, date(2026, 11, 9), None)
PLAN = PlanVersion(
    *(1, date(2026, 11, 9), date(2026, 9, 14), date(2027, 3, 13)),
    (PlannedGoal(GOAL, tm_assigned=True, status=GoalStatus.ACTIVE),),
)
FACTS = Circumstances(EPISODE, [ASSIGNED], [PLAN], [HubDays(date(2026, 9, 14), None)])


def make_note(**changes: Any) -> Note:
    begins: datetime = changes.pop("starts_at", at("2026-11-19 16:00"))
    note = Note(
        session_id=uuid4(),
        youth_id=YOUTH,
        referral_id=EPISODE.referral_id,
        episode_id=EPISODE.episode_id,
        appointment_id=None,
        mentor_id=MENTOR,
        supervisor_id=None,
        starts_at=begins,
        ends_at=begins + timedelta(minutes=75),
        place_of_service=PlaceOfService.OTHER,
        modality=Modality.IN_PERSON,
        billable=True,
        goals=(CitedGoal(GOAL),),
        texts={"intervention": "Role-play.", "response": "Joined in."},
        late_reason="The mentor was ill.",
    )
    return replace(note, **changes)


def review(note: Note | None = None, *, now: datetime = NOW, **facts: Any) -> Review:
    return judging.review(note or make_note(), replace(FACTS, **facts), RULES, now=now)


def problems(found: Review) -> list[str]:
    return [one.code for one in found.problems]


def warnings(found: Review) -> list[str]:
    return [one.code for one in found.warnings]


def test_a_good_note_may_be_signed_and_names_its_supervisor() -> None:
    found = review()

    judging.demand(found)
    assert (found.problems, found.warnings) == ((), ())
    assert (found.supervisor_id, found.billable) == (SUPERVISOR, True)


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = review(make_note(texts={}, goals=()), assignments=[])

    with pytest.raises(Refused) as refused:
        judging.demand(found)

    assert problems(found) == ["note-incomplete", "mentor-not-assigned", "no-goal-cited"]
    assert refused.value.code == "note-incomplete"
    assert all(one.sentence in str(refused.value) for one in found.problems)


# --- Times ---------------------------------------------------------------------------------------


def test_a_session_that_has_not_ended_cannot_be_signed() -> None:
    assert problems(review(now=at("2026-11-19 17:14"))) == ["session-in-the-future"]
    assert problems(review(now=at("2026-11-19 17:15"))) == []


def test_a_session_ends_at_midnight_in_new_york_at_the_latest() -> None:
    until_midnight = make_note(starts_at=at("2026-11-19 22:45"), ends_at=at("2026-11-20 00:00"))
    over_midnight = replace(until_midnight, ends_at=at("2026-11-20 00:01"))

    assert problems(review(until_midnight)) == []
    assert problems(review(over_midnight)) == ["session-crosses-midnight"]


def test_a_session_of_26_hours_is_refused() -> None:
    assert "session-crosses-midnight" in problems(review(make_note(ends_at=at("2026-11-20 18:00"))))


def test_a_session_across_the_change_of_clocks_is_fine() -> None:
    note = make_note(starts_at=at("2026-11-01 00:30"), ends_at=at("2026-11-01 02:00"))
    early = replace(ASSIGNED, assigned_on=date(2026, 10, 1))
    facts: dict[str, Any] = {
        "episode": replace(EPISODE, opened_on=date(2026, 10, 1)),
        "assignments": [early],
        "plan": [replace(PLAN, effective=date(2026, 10, 1))],
    }

    assert problems(review(note, **facts)) == []


def test_a_session_longer_than_four_hours_warns() -> None:
    assert warnings(review(make_note(ends_at=at("2026-11-19 20:00")))) == []
    assert warnings(review(make_note(ends_at=at("2026-11-19 20:01")))) == ["session-is-long"]


def test_a_time_that_runs_backwards_is_not_even_a_draft() -> None:
    with pytest.raises(Refused) as refused:
        notes.check_draft(make_note(ends_at=at("2026-11-19 16:00")))

    assert refused.value.code == "session-ends-before-it-begins"


# --- Place, appointment, episode, hub ------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "modality", "fine"),
    [
        (PlaceOfService.TELEHEALTH_AT_HOME, Modality.VIDEO, True),
        (PlaceOfService.TELEHEALTH_ELSEWHERE, Modality.AUDIO, True),
        (PlaceOfService.HOME, Modality.IN_PERSON, True),
        (PlaceOfService.HOME, Modality.VIDEO, False),
        (PlaceOfService.TELEHEALTH_AT_HOME, Modality.IN_PERSON, False),
    ],
)
def test_place_and_modality_go_together(
    place: PlaceOfService, modality: Modality, fine: bool
) -> None:
    found = review(make_note(place_of_service=place, modality=modality))

    assert problems(found) == ([] if fine else ["place-and-modality-differ"])


@pytest.mark.parametrize("state", [AppointmentState.CANCELLED, AppointmentState.NO_SHOW])
def test_an_appointment_that_did_not_take_place_has_no_session(state: AppointmentState) -> None:
    assert problems(review(appointment=state)) == ["appointment-did-not-take-place"]
    assert problems(review(appointment=AppointmentState.BOOKED)) == []


def test_a_session_before_the_episode_opened_is_refused() -> None:
    late = replace(EPISODE, opened_on=date(2026, 11, 20))

    assert problems(review(episode=late)) == ["episode-not-open"]


def test_a_session_while_the_episode_is_on_hold_is_refused() -> None:
    held = replace(EPISODE, held_from=DAY, hold_reason="consent_revoked")

    assert problems(review(episode=held)) == ["episode-on-hold"]
    assert problems(review(episode=replace(held, held_from=DAY + timedelta(days=1)))) == []


@pytest.mark.parametrize(
    ("first_day_without", "codes"),
    [(DAY + timedelta(days=1), []), (DAY, []), (DAY - timedelta(days=29), [])],
)
def test_a_session_within_the_grace_days_of_a_hub_that_ended_is_documented(
    first_day_without: date, codes: list[str]
) -> None:
    held = replace(EPISODE, held_from=first_day_without, hold_reason="hub_inactive")
    found = review(episode=held, hub_days=[HubDays(date(2026, 9, 14), first_day_without)])

    assert problems(found) == codes
    assert found.billable is (first_day_without > DAY)
    assert warnings(found) == ([] if first_day_without > DAY else ["hub-ended"])


def test_after_the_grace_days_no_session_is_documented() -> None:
    ended = HubDays(date(2026, 9, 14), DAY - timedelta(days=30))

    assert problems(review(hub_days=[ended])) == ["hub-not-active"]
    assert problems(review(hub_days=[])) == ["hub-not-active"]


def test_another_hub_that_is_active_that_day_is_enough() -> None:
    days = [HubDays(date(2026, 1, 1), date(2026, 2, 1)), HubDays(DAY, DAY + timedelta(days=1))]

    assert review(hub_days=days).billable


def test_a_day_without_confirmed_coverage_warns() -> None:
    assert warnings(review(coverage_confirmed=False)) == ["coverage-not-confirmed"]


# --- Supervision ---------------------------------------------------------------------------------


def test_a_credential_is_good_on_its_last_day_and_not_after() -> None:
    until = replace(ASSIGNED, standing_until=DAY)
    before = replace(ASSIGNED, standing_until=DAY - timedelta(days=1))

    assert problems(review(assignments=[until])) == []
    assert problems(review(assignments=[before])) == ["mentor-without-standing"]


def test_nobody_supervises_herself() -> None:
    own = replace(ASSIGNED, supervisor_id=MENTOR)

    assert problems(review(assignments=[own])) == ["supervisor-is-author"]


def test_an_assignment_counts_from_its_day() -> None:
    later = replace(ASSIGNED, assigned_on=DAY + timedelta(days=1))

    assert problems(review(assignments=[later])) == ["mentor-not-assigned"]


def test_the_supervisor_of_the_latest_assignment_answers_for_the_note() -> None:
    newer = replace(ASSIGNED, assigned_on=DAY, supervisor_id=uuid4())

    assert review(assignments=[newer, ASSIGNED]).supervisor_id == newer.supervisor_id


# --- G1 and G2 -----------------------------------------------------------------------------------


def without_goal(effective: date) -> PlanVersion:
    return replace(PLAN, version=2, effective=effective, goals=())


def test_a_goal_dropped_before_the_session_cannot_be_billed() -> None:
    dropped = [PLAN, without_goal(DAY)]

    assert problems(review(plan=dropped)) == ["goal-not-on-plan"]
    found = review(make_note(billable=False), plan=dropped)
    assert (problems(found), warnings(found)) == ([], ["goal-not-on-plan"])
    assert found.citable == frozenset()


def test_a_goal_dropped_after_the_session_was_active_in_it() -> None:
    assert problems(review(plan=[PLAN, without_goal(DAY + timedelta(days=1))])) == []


def test_a_billable_session_cites_a_goal() -> None:
    assert problems(review(make_note(goals=()))) == ["no-goal-cited"]
    assert problems(review(make_note(goals=(), billable=False))) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"period_end": DAY}, None),
        ({"period_end": None}, None),
        ({"period_start": None}, None),
        ({"period_end": DAY - timedelta(days=1)}, "plan-expired"),
        ({"period_start": DAY + timedelta(days=1)}, "no-plan-on-the-day"),
    ],
)
def test_the_plan_covers_the_date_of_service(changes: dict[str, Any], code: str | None) -> None:
    plan = [replace(PLAN, **changes)]

    assert problems(review(plan=plan)) == ([code] if code else [])
    assert warnings(review(make_note(billable=False), plan=plan)) == ([code] if code else [])


def test_without_any_plan_there_is_none_to_cite_from() -> None:
    assert problems(review(plan=[])) == ["goal-not-on-plan", "no-plan-on-the-day"]


def test_a_note_cites_each_goal_once() -> None:
    with pytest.raises(Refused) as refused:
        notes.check_draft(make_note(goals=(CitedGoal(GOAL), CitedGoal(GOAL))))

    assert refused.value.code == "goal-cited-twice"


def test_a_value_off_its_scale_is_not_even_a_draft() -> None:
    off = CitedGoal(GOAL, Rating(ProgressScale.GAS, 9, MeasuredBy.MENTOR))

    with pytest.raises(Refused):
        notes.check_draft(make_note(goals=(off,)))
