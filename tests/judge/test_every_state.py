"""The official FHIR validator finds nothing wrong in Tasks, payers' answers and notifications.

In whichever state: a story shows but a few of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from services.notifications.domain.subscriptions import Focus, Kind, Status
from services.notifications.mapping.notifications import notification_bundle, status_bundle
from services.notifications.mapping.subscriptions import subscription_resource
from services.referral.domain.payer import Outcome
from services.referral.mapping.coverage_eligibility import request_from_inquiry
from tests.judge.validator import Judge
from tests.notifications.rig import BASE, NOW
from tests.notifications.test_mapping import YOUTH, delivery, subscription
from tests.referral.test_states import ROWS
from tests.referral.test_task_mapping import ASKED, PARTIES, answered, shown

pytestmark = pytest.mark.servers

SUBSCRIPTION = str(UUID(int=1))
FAULTS = {Status.ERROR: "endpoint-fails", Status.OFF: "endpoint-gone"}


def tasks() -> Iterator[tuple[str, Any]]:
    for name, standing, *_ in ROWS:
        yield f"task-{name}", shown(standing, "04")


def answers_of_payers() -> Iterator[tuple[str, Any]]:
    yield "eligibility-request", request_from_inquiry(ASKED, PARTIES)
    for outcome in Outcome:
        reading = replace(ASKED.reading, outcome=outcome)
        yield f"eligibility-{outcome}", answered(replace(ASKED, reading=reading))


def notifications() -> Iterator[tuple[str, Any]]:
    id_, at = UUID(int=9), "2026-11-20T14:05:00Z"
    told = delivery(id_, 1, at, Focus("Encounter", YOUTH, created=True), Focus("Goal", YOUTH))
    for kind in set(Kind) - {Kind.QUERY_STATUS}:
        stands = subscription(30, SUBSCRIPTION, last_number=2)
        sent = [told] if kind in (Kind.EVENT, Kind.QUERY_EVENT) else []
        yield (
            f"notification-{kind}",
            notification_bundle(stands, sent, id_=id_, kind=kind, base_url=BASE, at=NOW),
        )
    several = [told, delivery(UUID(int=10), 3, at, Focus("Encounter", YOUTH))]
    yield (
        "notification-of-several",
        notification_bundle(
            subscription(30, SUBSCRIPTION, last_number=3),
            several,
            id_=id_,
            kind=Kind.EVENT,
            base_url=BASE,
            at=NOW,
        ),
    )
    for status in Status:
        stands = subscription(21, SUBSCRIPTION, status=status, fault=FAULTS.get(status))
        yield f"subscription-{status}", subscription_resource(stands)
        yield f"status-{status}", status_bundle([stands], id_=id_, base_url=BASE, at=NOW)


def test_what_is_said_in_each_state_is_without_errors_and_a_wrong_one_is_not(judge: Judge) -> None:
    said = dict([*tasks(), *answers_of_payers(), *notifications()])
    wrong = {"wrong": {**said["task-merged"], "status": "merged"}}

    found = judge.errors(said | wrong, us_core={})

    assert set(found) == {"wrong"}, found
