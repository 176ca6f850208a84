"""Where a referral should be, by the word of others; each planted wrong is said in a sentence."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.demo.account.line import Line
from deploy.demo.account.partners import answered, ask, hear
from deploy.demo.account.verdict import judge

ATTESTED = frozenset({"consent-treatment", "consent-roi-hub", "documents", "medical-necessity"})
GOAL, SESSION, TIME = UUID(int=1), "00000000-0000-0000-0000-000000000002", UUID(int=3)


def line(**changes: Any) -> Line:
    """A child in service: one session held, everybody told."""
    good = Line(
        placer="urn:hub|REF-1",
        referral_id=uuid4(),
        youth_id=uuid4(),
        task_id=uuid4(),
        hub="Riverbend",
        state="admitted",
        task="in-progress",
        business="5.1.4",
        attested=ATTESTED,
        members=frozenset({"100000000001"}),
        telling={"ReferralStatusChanged.v1": 5},
        determinations=1,
        payer_says="yes",
        assigned=True,
        episode="open",
        booked=1,
        over=frozenset({TIME}),
        written=frozenset({TIME}),
        session_ids=frozenset({SESSION}),
        planned=frozenset({GOAL}),
        active=frozenset({GOAL}),
        heard_of_task=5,
        heard_of_sessions=1,
    )
    return replace(good, **changes)


def before_service(state: str, task: str, business: str, **changes: Any) -> Line:
    nothing: Any = frozenset()
    early = line(state=state, task=task, business=business, assigned=False, episode="-")
    early = replace(early, session_ids=nothing, written=nothing, over=nothing, active=nothing)
    return replace(early, booked=0, determinations=0, heard_of_sessions=0, **changes)


RIGHT = {
    "in service": line(),
    "in service, nothing held yet": line(
        task="accepted",
        business="5.1.1",
        over=frozenset(),
        written=frozenset(),
        session_ids=frozenset(),
        heard_of_sessions=0,
    ),
    "of a hub whose log is not here": line(heard_of_task=0, heard_of_sessions=0, has_witness=False),
    "lapsed": line(payer_says="no", items=frozenset({"coverage-lapsed"})),
    "on hold with its episode": line(state="on_hold", task="on-hold", episode="on_hold"),
    "asked for more": before_service(
        "incomplete", "requested", "awaiting-information", gaps=("tm-goal",), payer_says=None
    ),
    "payer silent": before_service(
        "pending_eligibility", "requested", "eligibility-review", payer_says="nothing"
    ),
    "payer means another child": before_service(
        "pending_eligibility", "requested", "eligibility-review", payer_says="rejects"
    ),
    "payer says no": before_service(
        "ineligible",
        "requested",
        "eligibility-problem",
        payer_says="no",
        failures=("coverage-not-active",),
    ),
    "excluded plan": before_service(
        "ineligible", "requested", "eligibility-problem", payer_says="excluded"
    ),
    "second of two hubs": before_service(
        "duplicate_review", "requested", "eligibility-review", alike=1, payer_says=None
    ),
    "waiting for a mentor": replace(
        before_service("waitlisted", "accepted", "waitlisted"), determinations=1
    ),
    "mentor, not all attested": replace(
        before_service("accepted", "accepted", "mentor-assigned"),
        determinations=1,
        assigned=True,
        episode="pending",
        attested=frozenset({"documents"}),
    ),
    "closed by a person": before_service(
        "closed",
        "rejected",
        "4.0",
        telling={"ReferralStatusChanged.v1": 5, "ReferralClosed.v1": 1},
    ),
}


@pytest.mark.parametrize("found", RIGHT.values(), ids=RIGHT.keys())
def test_what_is_where_the_records_say_has_no_problem(found: Line) -> None:
    judge(found)

    assert found.problems == []


WRONG = {
    "eligible without an answer": (
        replace(RIGHT["waiting for a mentor"], determinations=0, payer_says="nothing"),
        "it is waitlisted, and should be pending_eligibility",
    ),
    "denied although the payer was silent": (
        replace(RIGHT["payer says no"], failures=(), payer_says="nothing"),
        "it is ineligible, and should be pending_eligibility",
    ),
    "stuck before its answer": (
        replace(RIGHT["payer silent"], payer_says="yes"),
        "it is pending_eligibility, and should be eligible",
    ),
    "never asked for what it lacks": (
        replace(RIGHT["asked for more"], state="pending_eligibility"),
        "it is pending_eligibility, and should be incomplete",
    ),
    "attested, matched, and not opened": (
        replace(RIGHT["mentor, not all attested"], attested=ATTESTED),
        "it is accepted, and should be open: all four are attested",
    ),
    "left on the list with an open episode": (
        line(state="waitlisted", task="accepted", business="waitlisted"),
        "it is waitlisted, and should be admitted",
    ),
    "of two hubs both go on": (
        replace(RIGHT["payer silent"], alike=1),
        "it is pending_eligibility, and should be duplicate_review",
    ),
    "ended by a machine": (
        replace(RIGHT["closed by a person"], telling={"ReferralStatusChanged.v1": 5}),
        "it is closed, and should be open: no event ends it",
    ),
    "a Task left behind": (line(task="accepted"), "its Task is accepted, not in-progress"),
    "a Task that asks for nothing": (
        replace(RIGHT["asked for more"], business="eligibility-review"),
        "its Task says eligibility-review, not awaiting-information",
    ),
    "a Task of an ended referral": (
        replace(RIGHT["closed by a person"], task="requested"),
        "its Task is requested, although the referral is closed",
    ),
    "a hub not told of a change": (
        line(heard_of_task=4),
        "its Task changed 5 times, its hub heard of 4",
    ),
    "a hub not told of a session": (
        line(heard_of_sessions=0),
        "of 1 sessions its hub was told of 0",
    ),
    "nothing told at all": (line(telling={}), "nothing was ever told of its Task"),
    "a signed session that is gone": (
        line(undone=1),
        "1 sessions were co-signed and still wait for it",
    ),
    "a goal lost": (
        line(active=frozenset()),
        "1 goals of the hub's plan are not in its care plan",
    ),
    "a goal kept that was dropped": (
        line(planned=frozenset()),
        "1 goals are worked on that the hub's plan no longer has",
    ),
    "a mentor without eligibility": (
        line(determinations=0),
        "it has a mentor, and no determination says that it is eligible",
    ),
    "a lapse that nobody looks at": (
        line(payer_says="no"),
        "the payer says no, and nobody was asked to look",
    ),
    "a lapse of which the payer knows nothing": (
        line(items=frozenset({"coverage-lapsed"})),
        "its coverage is said to have lapsed, and the payer says nothing of it",
    ),
}


@pytest.mark.parametrize(("found", "said"), WRONG.values(), ids=WRONG.keys())
def test_each_planted_wrong_is_said(found: Line, said: str) -> None:
    judge(found)

    assert said in found.problems


def test_a_session_that_nobody_wrote_down_is_left_to_people_and_wrongs_nobody() -> None:
    found = line(written=frozenset())

    judge(found)

    assert found.problems == []
    assert found.notices == ["1 sessions are over, and nobody has written them down"]


# --- What partners wrote down --------------------------------------------------------------------


def asked(mode: str = "normal", **changes: Any) -> dict[str, Any]:
    answer = {"aaa": [], "eb01": ["1", "MC"], "eb05": ["MassHealth Standard", "MBHP"]}
    entry = {"kind": "asked", "mode": mode, "member_id": "100000000001"}
    return entry | answer | {"service_date": "2026-11-22"} | changes


@pytest.mark.parametrize(
    ("log", "word"),
    [
        ([], None),
        ([asked()], "yes"),
        ([asked(), asked(eb01=["6"])], "no"),
        ([asked(eb01=["6"]), asked()], "yes"),
        ([asked(mode="silent")], "nothing"),
        ([asked(mode="503")], "nothing"),
        ([asked(mode="aaa42", aaa=["42"], eb01=[])], "nothing"),
        ([asked(aaa=["71"], eb01=[])], "rejects"),
        ([asked(eb05=["MassHealth Family Assistance"])], "excluded"),
        ([asked(member_id="100000000002")], None),
    ],
)
def test_the_payers_last_word_is_the_one_it_wrote_down(log: list[Any], word: str | None) -> None:
    found = line(payer_says="?")

    ask([found], log)

    assert found.payer_says == word


def received(number: int, focus: str, **changes: Any) -> dict[str, Any]:
    event = {"number": number, "focus": f"http://here/fhir/{focus}"}
    entry = {"kind": "received", "answered": 200, "subscription": "Subscription/1"}
    return entry | {"webhook_id": f"w{number}", "events": [event]} | changes


def test_a_hub_has_heard_what_it_answered_with_200_and_a_repeat_counts_once() -> None:
    found = line(heard_of_task=0, heard_of_sessions=0)
    task, session = f"Task/{found.task_id}", f"Encounter/{SESSION}"
    log = [received(1, task), received(1, task), received(2, task, answered="500")]
    log += [received(3, session), {"kind": "sent", "status": 200}]

    hear([found], {"riverbend": log})

    assert (found.heard_of_task, found.heard_of_sessions) == (1, 1)


def test_what_a_hub_sent_is_accepted_or_refused_by_the_answer_in_its_own_log() -> None:
    sent = [("a", 201), ("b", 422), ("b", 200), ("c", 422), ("d", 503), ("e", 200)]
    log = [{"kind": "sent", "placers": [p], "status": status} for p, status in sent]

    accepted, declined = answered({"riverbend": log})

    assert accepted == {"a", "b", "e"}
    assert declined - accepted == {"c"}
