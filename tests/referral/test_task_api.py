"""Task for hubs: read, found, cancelled; another hub's child is not there (FHIR.md §4, §7.1)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.codes import PartnerKind
from contracts.events import ReferralStatusChanged, ReferralWithdrawn
from tests.referral.desk import Desk, Office, Referred, refer
from tests.referral.rig import AGENCY_ID, Hub, issues


@pytest.fixture
async def referred(office: Office, riverbend: Hub) -> Referred:
    return await refer(riverbend)


async def task_of(hub: Hub, referred: Referred) -> Any:
    return (await hub.read(f"Task/{referred.task_id}")).json()


async def put(hub: Hub, task: Any, *, version: str | None = None) -> httpx.Response:
    headers = {} if version is None else {"if_match": version}
    return await hub.send("PUT", f"/fhir/Task/{task['id']}", task, **headers)


def current(task: Any) -> str:
    return f'W/"{task["meta"]["versionId"]}"'


# --- Reading ------------------------------------------------------------------------------------


async def test_a_task_is_read_with_its_version(riverbend: Hub, referred: Referred) -> None:
    answer = await riverbend.read(f"Task/{referred.task_id}")
    again = await riverbend.send(
        "GET", f"/fhir/Task/{referred.task_id}", if_none_match=answer.headers["etag"]
    )

    assert answer.headers["etag"] == 'W/"1"'
    assert again.status_code == 304
    task = answer.json()
    assert task["for"]["identifier"]["value"] == "RB-204417"
    assert task["owner"]["reference"] == f"Organization/{AGENCY_ID}"
    assert task["identifier"][0]["value"] == "T-90417"
    assert task["identifier"][1]["value"] == referred.referral_id


@pytest.mark.parametrize("kind", [PartnerKind.HUB, PartnerKind.PAYER])
async def test_another_partner_finds_nothing(
    office: Office, riverbend: Hub, referred: Referred, kind: PartnerKind
) -> None:
    await office.work_until_done()
    task = await task_of(riverbend, referred)
    response = task["output"][0]["valueReference"]["reference"]
    other = Hub(office.http, uuid4(), kind)

    read = [await other.read(path) for path in (f"Task/{referred.task_id}", response)]
    sent = await put(other, task | {"status": "cancelled"}, version=current(task))

    assert [answer.status_code for answer in read] == [404, 404]
    assert sent.status_code in (403, 404)
    if kind is PartnerKind.HUB:
        assert (await other.read("Task")).json()["total"] == 0


async def test_question_and_answer_of_the_payer_are_read(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    await office.work_until_done()
    task = await task_of(riverbend, referred)

    answer = (await riverbend.read(task["output"][0]["valueReference"]["reference"])).json()
    question = (await riverbend.read(answer["request"]["reference"])).json()

    assert answer["insurance"][0]["inforce"] is True
    assert answer["insurer"]["display"] == "MassHealth"
    assert question["insurance"][0]["coverage"] == answer["insurance"][0]["coverage"]
    crossed = await riverbend.read(f"CoverageEligibilityRequest/{answer['id']}")
    assert crossed.status_code == 404


# --- Searching ----------------------------------------------------------------------------------


async def searched(office: Office, hub: Hub, query: str) -> Any:
    """Searches answer up to five seconds ago; a test moves its rows there."""
    await office.pool.execute("UPDATE task SET updated_at = updated_at - interval '10 s'")
    answer = await hub.read(f"Task?{query}")
    assert answer.status_code == 200, answer.json()
    return answer.json()


@pytest.mark.parametrize(
    "query",
    [
        "",
        "_id={task_id}",
        "patient={youth_id}",
        "patient=Patient/{youth_id}&status=requested",
        "status=requested,accepted",
        "code=fulfill",
        "code=http://hl7.org/fhir/CodeSystem/task-code|fulfill",
        "owner=Organization/{agency}&status=requested",
        "requester=Organization/{hub}",
        "focus=ServiceRequest/{referral_id}",
        "identifier=https://ehr.riverbend.example/ids/task|T-90417",
        "identifier=T-90417",
        "identifier=https://waypost.example/ids/referral|{referral_id}",
        "_lastUpdated=gt2026-01-01",
    ],
)
async def test_a_task_is_found(
    office: Office, riverbend: Hub, referred: Referred, query: str
) -> None:
    names = {**vars(referred), "agency": AGENCY_ID, "hub": riverbend.organisation_id}

    found = await searched(office, riverbend, query.format(**names))

    assert [entry["resource"]["id"] for entry in found["entry"]] == [referred.task_id]


@pytest.mark.parametrize(
    "query",
    [
        "status=accepted",
        "code=other",
        "identifier=another|T-90417",
        "owner=Organization/{hub}",
        "requester=Organization/{agency}",
        "patient={task_id}",
        "_lastUpdated=lt2026-01-01",
    ],
)
async def test_what_does_not_match_is_not_found(
    office: Office, riverbend: Hub, referred: Referred, query: str
) -> None:
    names = {**vars(referred), "agency": AGENCY_ID, "hub": riverbend.organisation_id}

    found = await searched(office, riverbend, query.format(**names))

    assert found.get("entry", []) == []


async def test_the_request_comes_with_its_task(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    found = await searched(office, riverbend, "_include=Task:focus")

    modes = {e["resource"]["resourceType"]: e["search"]["mode"] for e in found["entry"]}
    assert modes == {"Task": "match", "ServiceRequest": "include"}


async def test_an_unknown_filter_is_refused(riverbend: Hub, referred: Referred) -> None:
    answer = await riverbend.read("Task?bogus=1")

    assert answer.status_code == 400


# --- A hub's PUT --------------------------------------------------------------------------------


async def test_a_hub_cancels_its_task(office: Office, riverbend: Hub, referred: Referred) -> None:
    task = await task_of(riverbend, referred)
    sent = task | {"status": "cancelled", "statusReason": {"text": "The family moved away."}}

    answer = await put(riverbend, sent, version=current(task))

    assert answer.status_code == 200, answer.json()
    assert answer.headers["etag"] == 'W/"2"'
    after = answer.json()
    assert (after["status"], after["statusReason"]["text"]) == (
        "cancelled",
        "The family moved away.",
    )
    assert after["businessStatus"]["coding"][0]["code"] == "6.0"
    assert await office.state(referred.referral_id) == "withdrawn"
    assert len(await office.told(ReferralWithdrawn)) == 1


async def test_a_withdrawn_referral_is_not_decided_any_more(
    office: Office, riverbend: Hub, referred: Referred, desk: Desk
) -> None:
    task = await task_of(riverbend, referred)
    await put(riverbend, task | {"status": "cancelled"}, version=current(task))

    await office.work_until_done()

    assert desk.asked == []
    assert (await task_of(riverbend, referred))["status"] == "cancelled"


async def test_after_the_first_session_staff_confirm(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    await office.work_until_done()
    await office.pool.execute("UPDATE standing SET first_session = now()")
    task = await task_of(riverbend, referred)
    task = (await put(riverbend, task | {"status": "cancelled"}, version=current(task))).json()
    asked = (task["status"], task["businessStatus"]["coding"][0]["code"])
    path = f"/api/referral/referrals/{referred.referral_id}/close"

    confirmed = await office.as_staff("POST", path, {"reason": "withdrawn"})

    assert asked == ("in-progress", "5.2")
    assert confirmed.json()["state"] == "withdrawn"
    assert (await task_of(riverbend, referred))["status"] == "cancelled"


async def test_a_note_makes_a_new_version_and_is_told(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    task = await task_of(riverbend, referred)
    sent = task | {"note": [{"text": "Please call after four."}]}

    answer = await put(riverbend, sent, version=current(task))
    same = await put(riverbend, answer.json(), version=answer.headers["etag"])

    assert answer.json()["note"] == sent["note"]
    assert answer.headers["etag"] == same.headers["etag"] == 'W/"2"'
    assert [e.version for e in await office.told(ReferralStatusChanged)] == [1, 2]


@pytest.mark.parametrize(
    ("version", "status"),
    [(None, 412), ('W/"9"', 412), ('W/"0"', 400), ("1", 400), ('W/"1", W/"2"', 400)],
    ids=["missing", "stale", "zero", "bare", "two"],
)
async def test_a_task_is_changed_on_the_version_that_was_read(
    riverbend: Hub, referred: Referred, version: str | None, status: int
) -> None:
    task = await task_of(riverbend, referred)

    answer = await put(riverbend, task | {"status": "cancelled"}, version=version)

    assert answer.status_code == status
    assert (await task_of(riverbend, referred))["status"] == "requested"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"status": "accepted"}, "Task.status"),
        ({"status": "completed"}, "Task.status"),
        ({"priority": "stat"}, "Task.priority"),
        ({"output": []}, "Task.output"),
        ({"owner": {"display": "Somebody else"}}, "Task.owner"),
        ({"businessStatus": {"text": "Accepted"}}, "Task.businessStatus"),
    ],
    ids=["accept", "complete", "priority", "output", "owner", "business-status"],
)
async def test_what_is_ours_to_set_is_refused_where_it_stands(
    riverbend: Hub, referred: Referred, change: dict[str, Any], place: str
) -> None:
    """B-141."""
    task = await task_of(riverbend, referred)
    sent = {k: v for k, v in (task | change).items() if v != []}

    answer = await put(riverbend, sent, version=current(task))

    assert answer.status_code == 422
    assert issues(answer) == [("error", "business-rule", place)]


async def test_two_hubs_that_write_at_once_do_not_overwrite_each_other(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    task = await task_of(riverbend, referred)
    await office.work_until_done()
    office.clock.at += timedelta(minutes=1)

    late = await put(riverbend, task | {"status": "cancelled"}, version=current(task))

    assert late.status_code == 412
    assert await office.state(referred.referral_id) == "eligible"
