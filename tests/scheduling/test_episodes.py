"""What follows from the facts, whatever order they come in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.codes import Attestation
from services.scheduling.domain.episodes import (
    ALL_ATTESTED,
    Act,
    EligibilityLost,
    EpisodeState,
    GateOne,
    HoldReason,
    HubSpan,
    Standing,
    WaitState,
    next_act,
    reason_to_hold,
)
from tests.scheduling.builders import LATER, TODAY, Child

HUB = HubSpan(date(2026, 10, 1), None)


def make_standing(**changes: Any) -> Standing:
    """A referral whose episode has everything that it needs to open."""
    given: dict[str, Any] = {
        "referral_id": UUID(int=1),
        "received_on": date(2026, 11, 10),
        "gate_one": GateOne(True, TODAY, LATER),
        "attested": ALL_ATTESTED,
        "hubs": (HUB,),
        "assigned": True,
        "wait": WaitState.MATCHED,
        "episode": EpisodeState.PENDING,
    }
    return Standing(**{**given, **changes})


def act(**changes: Any) -> Act | None:
    return next_act(make_standing(**changes), on=TODAY)


def test_with_everything_there_the_episode_opens() -> None:
    assert act() == Act.OPEN_EPISODE


@pytest.mark.parametrize("kind", list(Attestation))
def test_each_attestation_is_needed(kind: Attestation) -> None:
    assert act(attested=ALL_ATTESTED - {kind}) is None


@pytest.mark.parametrize(
    "gate",
    [
        None,
        GateOne(False),
        GateOne(True, TODAY + timedelta(days=1), LATER),
        GateOne(True, None, TODAY - timedelta(days=1)),
    ],
    ids=["unknown", "denied", "not-yet", "over"],
)
def test_gate_one_must_hold_on_the_day(gate: GateOne | None) -> None:
    assert act(gate_one=gate) is None


def test_a_window_without_ends_covers_every_day() -> None:
    assert act(gate_one=GateOne(True)) == Act.OPEN_EPISODE


OPEN = {"episode": EpisodeState.OPEN}
HELD = {"episode": EpisodeState.ON_HOLD}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ended": True}, HoldReason.REFERRAL_ENDED),
        ({"treatment_revoked": True}, HoldReason.CONSENT_REVOKED),
        ({"hubs": (HubSpan(None, TODAY),)}, HoldReason.HUB_INACTIVE),
        ({"gate_one": GateOne(False)}, HoldReason.ELIGIBILITY_LOST),
    ],
)
def test_an_open_episode_is_held_for_its_reason(
    changes: dict[str, Any], reason: HoldReason
) -> None:
    assert act(**OPEN, **changes) == Act.HOLD_EPISODE
    assert reason_to_hold(make_standing(**OPEN, **changes), on=TODAY) == reason
    assert act(**HELD, **changes) is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hubs": ()},
        {"hubs": (HubSpan(None, TODAY), HUB)},
        {"hubs": (HubSpan(HUB.engaged, TODAY + timedelta(days=1)),)},
        {"gate_one": GateOne(False), "policy": EligibilityLost.CONTINUE_UNBILLED},
    ],
    ids=["nothing", "no-hub-told", "another-hub", "hub-ends-tomorrow", "policy-continues"],
)
def test_an_open_episode_goes_on_while_nothing_speaks_against_it(changes: dict[str, Any]) -> None:
    assert act(**OPEN, **changes) is None


def test_a_held_episode_resumes_when_its_reason_is_gone() -> None:
    assert act(**HELD) == Act.RESUME_EPISODE


def test_a_held_episode_waits_for_gate_one_too() -> None:
    later = GateOne(False)

    assert act(**HELD, gate_one=later, policy=EligibilityLost.CONTINUE_UNBILLED) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"wait": None}, Act.JOIN_WAITLIST),
        ({"wait": WaitState.HELD}, Act.JOIN_WAITLIST),
        ({"wait": WaitState.WAITING}, None),
        ({"wait": WaitState.WAITING, "gate_one": GateOne(False)}, Act.HOLD_WAIT),
        ({"wait": WaitState.HELD, "gate_one": GateOne(False)}, None),
        ({"wait": None, "received_on": None}, None),
        ({"wait": None, "gate_one": None}, None),
        ({"wait": WaitState.WAITING, "ended": True}, Act.LEAVE_WAITLIST),
        ({"wait": WaitState.HELD, "ended": True}, Act.LEAVE_WAITLIST),
        ({"wait": WaitState.LEFT, "ended": True}, None),
        ({"wait": None, "ended": True}, None),
    ],
)
def test_a_referral_without_a_mentor_waits_is_held_or_leaves(
    changes: dict[str, Any], expected: Act | None
) -> None:
    assert act(assigned=False, episode=None, **changes) == expected


def test_a_referral_that_ends_before_service_closes_its_episode() -> None:
    assert act(ended=True) == Act.CLOSE_PENDING


# --- Any order -----------------------------------------------------------------------------------

EFFECTS: dict[Act, dict[str, Any]] = {
    Act.JOIN_WAITLIST: {"wait": WaitState.WAITING},
    Act.OPEN_EPISODE: {"episode": EpisodeState.OPEN},
}
Fact = Callable[[Standing], Standing]
HUB_ENGAGED: Fact = lambda s: replace(s, hubs=(HUB,))  # noqa: E731
NEEDED: tuple[Fact, ...] = (
    lambda s: replace(s, received_on=date(2026, 11, 10)),
    lambda s: replace(s, gate_one=GateOne(True, TODAY, LATER)),
    *(lambda s, kind=kind: replace(s, attested=s.attested | {kind}) for kind in Attestation),
)


def settled(facts: Standing, done: list[Act]) -> Standing:
    while found := next_act(facts, on=TODAY):
        done.append(found)
        facts = replace(facts, **EFFECTS[found])
    return facts


def assigned_if_waiting(facts: Standing) -> Standing:
    if facts.wait != WaitState.WAITING:
        return facts
    return replace(facts, assigned=True, wait=WaitState.MATCHED, episode=EpisodeState.PENDING)


@pytest.mark.parametrize("eager", [True, False], ids=["assigned-at-once", "assigned-last"])
def test_in_each_of_all_orders_the_episode_opens_once_and_not_before(eager: bool) -> None:
    """5,040 orders: the six facts that are needed, and a hub that is told of at any time."""
    for order in permutations((*NEEDED, HUB_ENGAGED)):
        done: list[Act] = []
        facts, missing = Standing(UUID(int=1)), set(NEEDED)
        for fact in order:
            missing.discard(fact)
            facts = settled(fact(facts), done)
            if eager:
                facts = settled(assigned_if_waiting(facts), done)
            assert Act.OPEN_EPISODE not in done or not missing
        settled(assigned_if_waiting(facts), done)
        assert done == [Act.JOIN_WAITLIST, Act.OPEN_EPISODE]


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(order=st.permutations(range(7)), assigned_after=st.integers(0, 6))
async def test_stored_facts_open_the_episode_once_in_any_order(
    child: Child, order: list[int], assigned_after: int
) -> None:
    one = Child(child.pool)
    facts = [*one.gate_one, *one.gate_two]
    has_mentor = False

    for place, number in enumerate(order):
        await one.hear(facts[number])
        if not has_mentor and place >= assigned_after and await one.told():
            await one.assign()
            has_mentor = True

    told = await one.told()
    assert (told[0], sorted(told[1:])) == (
        "ReferralWaitlisted",
        ["EpisodeOpened", "MentorAssigned"],
    )
    assert told.index("MentorAssigned") < told.index("EpisodeOpened")
