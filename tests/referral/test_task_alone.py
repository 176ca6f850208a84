"""A Task that a hub sends alone finds the Task that its referral has already (sample 02)."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.events import ReferralStatusChanged
from tests.referral.bundles import make_bundle, without
from tests.referral.desk import Office, Referred, refer
from tests.referral.rig import AGENCY_ID, AGENCY_NPI, BASE, NPI, Hub, example, issues

KEY = {"system": "https://ehr.riverbend.example/ids/referral", "value": "REF-2026-11-0042"}


@pytest.fixture
async def referred(office: Office, riverbend: Hub) -> Referred:
    """A referral without a Task of the hub's."""
    answer = await riverbend.refer(without(make_bundle(), "Task"))
    assert answer.status_code == 200
    row = await office.pool.fetchrow("SELECT referral_id, task_id, youth_id FROM task")
    assert row
    return Referred(*map(str, row.values()))


def sample(riverbend: Hub, referred: Referred, **changes: Any) -> dict[str, Any]:
    """Sample 02 with the ids of this test."""
    return example("02") | {
        "focus": {"reference": f"ServiceRequest/{referred.referral_id}"},
        "for": {"reference": f"Patient/{referred.youth_id}"},
        "requester": {"reference": f"Organization/{riverbend.organisation_id}"},
        "owner": {"reference": f"Organization/{AGENCY_ID}"},
        **changes,
    }


async def post(hub: Hub, task: object, **headers: str) -> httpx.Response:
    return await hub.send("POST", "/fhir/Task", task, **headers)


async def test_it_is_adopted_once_and_found_by_both_numbers(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    first = await post(riverbend, sample(riverbend, referred))
    again = await post(riverbend, sample(riverbend, referred))

    assert (first.status_code, again.status_code) == (200, 200), first.text
    assert first.headers["location"] == f"{BASE}/Task/{referred.task_id}/_history/2"
    assert first.headers["location"] == again.headers["location"]
    assert first.json() == again.json()
    assert [i["value"] for i in first.json()["identifier"]] == ["T-90417", referred.referral_id]
    told = await office.told(ReferralStatusChanged)
    assert [event.version for event in told] == [1, 2]
    assert await office.count("task") == 1


@pytest.mark.parametrize(
    "focus",
    [
        pytest.param("{base}/ServiceRequest/{id}", id="absolute"),
        pytest.param("ServiceRequest/{id}/_history/1", id="with a version"),
        pytest.param(
            "ServiceRequest?identifier=https://ehr.riverbend.example/ids/referral|REF-2026-11-0042",
            id="conditional",
        ),
        pytest.param(None, id="logical"),
    ],
)
async def test_the_focus_may_be_said_in_each_way(
    office: Office, riverbend: Hub, referred: Referred, focus: str | None
) -> None:
    key = await office.pool.fetchrow("SELECT system, value FROM referral")
    assert key
    said: dict[str, Any] = {"identifier": dict(key)}
    if focus:
        number = f"{KEY['system']}|{KEY['value']}"
        focus = focus.replace(number, f"{key['system']}|{key['value']}")
        said = {"reference": focus.format(base=BASE, id=referred.referral_id)}

    answer = await post(riverbend, sample(riverbend, referred, focus=said))

    assert (answer.status_code, answer.json().get("id")) == (200, referred.task_id)


async def test_a_second_number_is_a_conflict(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    await post(riverbend, sample(riverbend, referred))
    events = await office.count("event")
    other = sample(riverbend, referred, identifier=[{"system": "https://x.example", "value": "2"}])

    answer = await post(riverbend, other)

    assert answer.status_code == 409
    assert issues(answer) == [("error", "conflict", "Task.identifier")]
    assert (await office.count("event"), await office.count("intake_reject")) == (events, 1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"focus": {"reference": f"ServiceRequest/{uuid4()}"}},
            [("not-found", "Task.focus")],
            id="another focus",
        ),
        pytest.param(
            {"focus": {"reference": "https://elsewhere.example/fhir/ServiceRequest/1"}},
            [("not-found", "Task.focus")],
            id="a focus elsewhere",
        ),
        pytest.param({"focus": None}, [("not-found", "Task.focus")], id="no focus"),
        pytest.param(
            {
                "status": "in-progress",
                "for": {"reference": f"Patient/{uuid4()}"},
                "requester": {"reference": "Organization/riverbend"},
                "owner": {"identifier": {"system": NPI, "value": "1234567893"}},
            },
            [
                ("business-rule", "Task.status"),
                ("not-found", "Task.for"),
                ("not-found", "Task.requester"),
                ("business-rule", "Task.owner"),
            ],
            id="everything at once",
        ),
        pytest.param(
            {"requester": {"identifier": {"system": NPI, "value": AGENCY_NPI}}},
            [("business-rule", "Task.requester")],
            id="asked by us",
        ),
    ],
)
async def test_what_is_refused_is_located_and_changes_nothing(
    office: Office,
    riverbend: Hub,
    referred: Referred,
    changes: dict[str, Any],
    expected: list[tuple[str, str]],
) -> None:
    task = {k: v for k, v in sample(riverbend, referred, **changes).items() if v is not None}
    events = await office.count("event")

    answer = await post(riverbend, task)

    assert answer.status_code == 422, answer.text
    assert [(code, place) for _, code, place in issues(answer)] == expected
    assert (await office.count("event"), await office.count("intake_reject")) == (events, 1)


async def test_another_childs_referral_is_not_its_focus(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    twin = make_bundle(number="REF-2", mrn="RB-2", member="100023456790")
    other = await refer(riverbend, twin)
    youth = {"reference": f"Patient/{other.youth_id}"}

    answer = await post(riverbend, sample(riverbend, referred, **{"for": youth}))

    assert issues(answer) == [("error", "business-rule", "Task.for")]


async def test_another_hub_finds_no_focus(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    stranger = await office.hub(npi="1194723301", name="Stranger")

    answer = await post(stranger, sample(riverbend, referred))

    assert issues(answer) == [("error", "not-found", "Task.focus")]
