"""Every referral state as the hub's Task says it, row by row of FHIR.md §7.3."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codes import (
    Check,
    Gap,
    HubService,
    Ineligibility,
    OpenItem,
    ReferralState,
    TaskStatus,
)
from services.referral.domain.states import (
    Approval,
    Business,
    CloseReason,
    Standing,
    View,
    fresh_view,
    may_follow,
    view_of,
)

S, T, B = ReferralState, TaskStatus, Business
DAY = date(2026, 11, 9)
FIRST = datetime(2026, 11, 19, 21, tzinfo=UTC)
APPROVAL = Approval(UUID(int=1), HubService.IN_HOME_THERAPY, date(2026, 8, 20), tuple(Check))


def standing(state: ReferralState, **changes: Any) -> Standing:
    return replace(Standing(state, failed_on=DAY), **changes)


def accepted(state: ReferralState, **changes: Any) -> Standing:
    return standing(state, approval=APPROVAL, **changes)


def held(state: ReferralState, **changes: Any) -> Standing:
    """With a first session behind it."""
    return accepted(state, first_session=FIRST, first_session_on=FIRST.date(), **changes)


ROWS = [
    ("received", standing(S.RECEIVED), T.REQUESTED, B.ELIGIBILITY_REVIEW, False),
    ("triage", standing(S.TRIAGE), T.REQUESTED, B.ELIGIBILITY_REVIEW, False),
    ("duplicate", standing(S.DUPLICATE_REVIEW), T.REQUESTED, B.ELIGIBILITY_REVIEW, False),
    ("pending", standing(S.PENDING_ELIGIBILITY), T.REQUESTED, B.ELIGIBILITY_REVIEW, False),
    (
        "incomplete",
        standing(S.INCOMPLETE, gaps=(Gap.HUB_SERVICE,)),
        T.REQUESTED,
        B.AWAITING_INFORMATION,
        True,
    ),
    (
        "ineligible",
        standing(S.INELIGIBLE, failures=(Ineligibility.AGE_LIMIT,)),
        T.REQUESTED,
        B.ELIGIBILITY_PROBLEM,
        True,
    ),
    ("eligible", accepted(S.ELIGIBLE), T.ACCEPTED, B.ACCEPTED, False),
    ("waitlisted", accepted(S.WAITLISTED), T.ACCEPTED, B.WAITLISTED, False),
    ("offered", accepted(S.OFFERED), T.ACCEPTED, B.WAITLISTED, False),
    ("mentor", accepted(S.ACCEPTED, has_mentor=True), T.ACCEPTED, B.MENTOR_ASSIGNED, False),
    ("episode", accepted(S.ADMITTED, has_mentor=True), T.ACCEPTED, B.MENTOR_ASSIGNED, False),
    ("booked", accepted(S.ADMITTED, last_visit=B.BOOKED), T.ACCEPTED, B.BOOKED, False),
    ("no-show", accepted(S.ADMITTED, last_visit=B.NO_SHOW), T.ACCEPTED, B.NO_SHOW, False),
    (
        "cancelled-visit",
        accepted(S.ADMITTED, last_visit=B.VISIT_CANCELLED),
        T.ACCEPTED,
        B.VISIT_CANCELLED,
        False,
    ),
    ("session", held(S.ADMITTED, last_visit=B.HELD), T.IN_PROGRESS, B.HELD, False),
    ("booked-again", held(S.ADMITTED, last_visit=B.BOOKED), T.IN_PROGRESS, B.BOOKED, False),
    ("on-hold", accepted(S.ON_HOLD, hold_reason="gate-1"), T.ON_HOLD, None, True),
    ("episode-held", held(S.ON_HOLD, hold_reason="hub_inactive"), T.ON_HOLD, None, True),
    (
        "declined",
        standing(S.CLOSED, close_reason=CloseReason.DECLINED),
        T.REJECTED,
        B.DECLINED,
        True,
    ),
    (
        "ended-without-service",
        accepted(S.CLOSED, close_reason=CloseReason.NO_RESPONSE),
        T.FAILED,
        None,
        True,
    ),
    (
        "aged-out-waiting",
        accepted(S.CLOSED, close_reason=CloseReason.AGED_OUT),
        T.FAILED,
        None,
        True,
    ),
    ("merged", standing(S.MERGED), T.CANCELLED, None, True),
    ("withdrawn", standing(S.WITHDRAWN), T.CANCELLED, B.WITHDRAWN, True),
    (
        "withdrawal-asked",
        held(S.ADMITTED, withdrawal_asked=True),
        T.IN_PROGRESS,
        B.WITHDRAWAL_ASKED,
        False,
    ),
    (
        "discharged",
        held(S.CLOSED, close_reason=CloseReason.DISCHARGED),
        T.COMPLETED,
        B.COMPLETED,
        False,
    ),
    (
        "wrong-patient",
        accepted(S.CLOSED, close_reason=CloseReason.WRONG_PATIENT),
        T.ENTERED_IN_ERROR,
        None,
        True,
    ),
]


@pytest.mark.parametrize(
    ("one", "status", "business", "has_reason"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_the_task_says_where_the_referral_stands(
    one: Standing, status: TaskStatus, business: Business | None, has_reason: bool
) -> None:
    view = fresh_view(one)

    assert (view.status, view.business) == (status, business)
    assert bool(view.reason) is has_reason
    assert view.reason is None or view.reason.text.strip()
    assert (view.business is None) == (view.business_text is None)


def test_a_visit_that_is_booked_again_leaves_the_task_in_progress() -> None:
    assert fresh_view(held(S.ADMITTED, last_visit=B.NO_SHOW)).status is T.IN_PROGRESS


@pytest.mark.parametrize("first", [None, FIRST], ids=["before-service", "in-service"])
def test_on_hold_goes_back_to_where_it_was(first: datetime | None) -> None:
    on_hold = view_of(accepted(S.ON_HOLD, first_session=first))
    back = view_of(accepted(S.ACCEPTED, first_session=first), T.ON_HOLD)

    assert on_hold is not None
    assert on_hold.status is T.ON_HOLD
    assert back is not None
    assert back.status is (T.IN_PROGRESS if first else T.ACCEPTED)


def test_all_gaps_and_failures_are_listed_at_once() -> None:
    failures = (Ineligibility.AGE_LIMIT, Ineligibility.NO_ACTIVE_HUB_SERVICE)

    view = fresh_view(standing(S.INELIGIBLE, failures=failures, gaps=(Gap.TM_GOAL,)))

    assert view.reason is not None
    assert view.reason.codes == failures
    assert "21" not in view.reason.text
    assert "2026-11-09" in view.reason.text
    assert "No goal is assigned" in view.reason.text


@pytest.mark.parametrize("state", [S.RECEIVED, S.INCOMPLETE, S.ELIGIBLE, S.ADMITTED, S.ON_HOLD])
def test_open_items_stand_until_they_are_attested(state: ReferralState) -> None:
    items = (OpenItem.CANS, OpenItem.CONSENT_ROI_HUB)

    view = fresh_view(accepted(state, open_items=items, gaps=(Gap.COVERAGE,)))

    assert view.open_items == items


def test_our_care_plan_stands_in_a_completed_task_alone() -> None:
    plan = UUID(int=9)

    done = fresh_view(held(S.CLOSED, close_reason=CloseReason.DISCHARGED, care_plan_id=plan))
    declined = fresh_view(standing(S.CLOSED, care_plan_id=plan))

    assert done.care_plan_id == plan
    assert declined.care_plan_id is None


ENDS = (T.REJECTED, T.FAILED, T.COMPLETED, T.CANCELLED, T.ENTERED_IN_ERROR)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("after", list(T))
def test_an_ended_task_never_reopens(end: TaskStatus, after: TaskStatus) -> None:
    """One that failed for want of a session is completed when that session is told late."""
    told_late = (end, after) == (T.FAILED, T.COMPLETED)

    assert may_follow(end, after) is (end is after or told_late)


RANK = {T.REQUESTED: 0, T.ACCEPTED: 1, T.ON_HOLD: 1, T.IN_PROGRESS: 2}


@given(
    before=st.sampled_from(list(T)),
    state=st.sampled_from(list(S)),
    is_accepted=st.booleans(),
    is_held=st.booleans(),
    visit=st.sampled_from([None, B.BOOKED, B.HELD, B.NO_SHOW]),
)
def test_no_status_ever_goes_backwards(
    before: TaskStatus,
    state: ReferralState,
    is_accepted: bool,
    is_held: bool,
    visit: Business | None,
) -> None:
    one = replace(
        standing(state, last_visit=visit),
        approval=APPROVAL if is_accepted else None,
        first_session=FIRST if is_held else None,
        first_session_on=DAY,
    )

    view: View | None = view_of(one, before)

    if view is not None and before in RANK and view.status in RANK:
        goes_on = RANK[view.status] >= RANK[before]
        assert goes_on or view.status is T.ON_HOLD
        assert view.status is not T.REQUESTED or before is T.REQUESTED
    if view is not None and before in ENDS:
        assert view.status is before
