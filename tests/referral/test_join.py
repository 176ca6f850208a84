"""Two referrals of one child: joined by a person, separated again, and opened after an end."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.events import (
    EligibilityConfirmed,
    Event,
    HubDisengaged,
    HubEngaged,
    ReferralAmended,
    ReferralDuplicateSuspected,
    ReferralMerged,
    ReferralReopened,
    ReferralStatusChanged,
    YouthIdentityMerged,
    YouthIdentityUnmerged,
)
from tests.referral.bundles import entry_of, make_bundle, of
from tests.referral.desk import Office, Referred, refer
from tests.referral.rig import Hub
from tests.referral.test_following import Story

HARBOR_NPI = "1295797405"


@pytest.fixture
async def harbor(office: Office) -> Hub:
    """The CSA that coordinates care for the same child."""
    return await office.hub(name="Harbor CSA", npi=HARBOR_NPI)


@pytest.fixture
async def first(office: Office, riverbend: Hub) -> Referred:
    """The In-Home Therapy hub's referral, eligible."""
    found = await refer(riverbend)
    await office.work_until_done()
    return found


@pytest.fixture
async def second(office: Office, harbor: Hub, first: Referred) -> Referred:
    """Intensive Care Coordination asks for the same child a moment later (S14)."""
    return await refer(harbor, of_harbor())


def of_harbor() -> Any:
    text = json.dumps(make_bundle(number="HB-1", mrn="HB-204417", npi=HARBOR_NPI))
    for name in ("in-home-therapy", "In-Home Therapy"):
        better = {"in-home-therapy": "intensive-care-coordination"}.get(name, "ICC")
        text = text.replace(name, better)
    return json.loads(text)


def path(referred: Referred, act: str) -> str:
    return f"/api/referral/referrals/{referred.referral_id}/{act}"


async def join(office: Office, joined: Referred, survivor: Referred) -> Any:
    body = {"survivor": survivor.referral_id}
    return await office.as_staff("POST", path(joined, "merge"), body)


async def task(hub: Hub, referred: Referred) -> Any:
    return (await hub.read(f"Task/{referred.task_id}")).json()


async def streams(office: Office, type_: type[Event]) -> set[str]:
    rows = await office.pool.fetch("SELECT stream_id FROM event WHERE event_type = $1", type_.type)
    return {str(row["stream_id"]) for row in rows}


async def test_two_hubs_refer_one_child_and_a_person_joins_them(
    office: Office, riverbend: Hub, harbor: Hub, first: Referred, second: Referred
) -> None:
    """S14: both senders are told, and the more intensive hub service speaks for the child."""
    assert await office.state(second.referral_id) == "duplicate_review"
    version = (await task(riverbend, first))["meta"]["versionId"]

    answer = await join(office, second, first)

    assert (answer.status_code, answer.json()["state"]) == (200, "merged")
    cancelled, going_on = await task(harbor, second), await task(riverbend, first)
    assert cancelled["status"] == "cancelled"
    assert cancelled["statusReason"]["text"] == "Joined with a referral already in service."
    assert going_on["status"] == "accepted"
    assert int(going_on["meta"]["versionId"]) > int(version)
    assert "joined" in going_on["note"][0]["text"]
    assert await office.items(second.referral_id) == set()
    both = {first.youth_id, second.youth_id}
    assert len(both) == 2
    assert await streams(office, ReferralMerged) == await streams(office, YouthIdentityMerged)
    assert await streams(office, ReferralMerged) == both
    told = [
        event for event in await office.told(HubEngaged) if str(event.youth_id) == first.youth_id
    ]
    assert [event.hub_service for event in told] == [
        *("in-home-therapy", "intensive-care-coordination"),
    ]
    amended = (await office.told(ReferralAmended))[-1]
    assert (str(amended.referral_id), amended.hub_service) == (
        first.referral_id,
        "intensive-care-coordination",
    )
    confirmed = (await office.told(EligibilityConfirmed))[-1]
    assert confirmed.hub_service == "intensive-care-coordination"
    assert {str(e.referral_id) for e in (await office.told(ReferralStatusChanged))[-2:]} <= {
        *(first.referral_id, second.referral_id),
    }


async def test_joining_twice_changes_nothing(
    office: Office, first: Referred, second: Referred
) -> None:
    await join(office, second, first)
    events = await office.count("event")

    again = await join(office, second, first)

    assert (again.status_code, await office.count("event")) == (200, events)


async def test_a_joined_child_is_separated_again(
    office: Office, riverbend: Hub, harbor: Hub, first: Referred, second: Referred
) -> None:
    """It was the twin with the wrong name: both go on, each with its own hub, in a new Task."""
    await join(office, second, first)
    office.clock.at += timedelta(hours=1)

    answer = await office.as_staff("POST", path(second, "unmerge"))
    await office.work_until_done()

    assert answer.status_code == 200, answer.text
    assert (await task(harbor, second))["status"] == "cancelled"
    found = (await harbor.read(f"Task?focus=ServiceRequest/{second.referral_id}")).json()
    old, new = sorted(
        (entry["resource"] for entry in found["entry"]), key=lambda one: one["authoredOn"]
    )
    assert (old["id"], old["status"], new["status"]) == (second.task_id, "cancelled", "accepted")
    assert old["identifier"] == new["identifier"]
    assert await office.state(second.referral_id) == "eligible"
    (reopened,) = await office.told(ReferralReopened)
    assert (str(reopened.referral_id), reopened.reason) == (second.referral_id, "merged")
    assert await streams(office, YouthIdentityUnmerged) == {first.youth_id, second.youth_id}
    (ended,) = await office.told(HubDisengaged)
    assert (str(ended.youth_id), ended.hub_service) == (
        first.youth_id,
        "intensive-care-coordination",
    )
    assert "separate" in (await task(riverbend, first))["note"][1]["text"]
    last = [e for e in await office.told(EligibilityConfirmed) if str(e.youth_id) == first.youth_id]
    assert last[-1].hub_service == "in-home-therapy"
    again = await office.as_staff("POST", path(second, "unmerge"))
    assert (again.status_code, again.json()["code"]) == (409, "not-merged")


async def test_the_joined_hub_reads_the_child_once_it_is_released_to(
    office: Office, harbor: Hub, riverbend: Hub, first: Referred, second: Referred
) -> None:
    """It knows the child by its own number, whatever the other hub calls it."""
    foreign = await harbor.read(f"Patient/{first.youth_id}")
    await join(office, second, first)
    body = {"kind": "consent-roi-hub", "organisation_id": str(harbor.organisation_id)}
    attested = await office.as_staff("POST", path(first, "attestations"), body)

    patient = (await harbor.read(f"Patient/{first.youth_id}")).json()
    number = await office.as_peer(
        f"/internal/youths/{first.youth_id}/identifiers/{harbor.organisation_id}"
    )
    consent = await office.as_peer(
        f"/internal/consents/{first.youth_id}?kind=roi_hub&organisation_id={harbor.organisation_id}"
    )

    assert (foreign.status_code, attested.status_code) == (404, 201)
    assert (patient["id"], patient["link"]) == (
        first.youth_id,
        [{"other": {"reference": f"Patient/{second.youth_id}"}, "type": "seealso"}],
    )
    assert "RB-204417" not in json.dumps(patient)
    assert number.json()["value"] == "HB-204417"
    assert (consent.json()["stands"], consent.json()["hub_active"]) == (True, True)


async def test_a_release_goes_to_a_hub_of_the_youth_only(
    office: Office, harbor: Hub, first: Referred
) -> None:
    body = {"kind": "consent-roi-hub", "organisation_id": str(harbor.organisation_id)}
    refused = await office.as_staff("POST", path(first, "attestations"), body)
    misplaced = await office.as_staff(
        "POST", path(first, "attestations"), body | {"kind": "documents"}
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "no-hub-of-the-youth")
    assert misplaced.json()["code"] == "organisation-not-wanted"


async def test_what_the_joined_hub_says_later_is_told_of_the_survivor(
    office: Office, harbor: Hub, first: Referred, second: Referred
) -> None:
    await join(office, second, first)
    bundle = of_harbor()
    episode = of(bundle, "EpisodeOfCare")
    episode["period"]["end"], episode["status"] = "2026-11-08", "finished"
    number = episode["identifier"][0]

    answer = await harbor.send(
        "PUT",
        f"/fhir/EpisodeOfCare?identifier={number['system']}|{number['value']}",
        episode | {"patient": {"reference": f"Patient/{second.youth_id}"}},
    )
    await office.work_until_done()

    assert answer.status_code == 200, answer.text
    (ended,) = await office.told(HubDisengaged)
    assert (str(ended.youth_id), ended.hub_service) == (
        first.youth_id,
        "intensive-care-coordination",
    )
    confirmed = (await office.told(EligibilityConfirmed))[-1]
    assert confirmed.hub_service == "in-home-therapy"


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        pytest.param("itself", 422, "merge-with-itself", id="with itself"),
        pytest.param("unknown", 404, "referral-unknown", id="with none"),
        pytest.param("review", 409, "survivor-not-open", id="with one under review"),
        pytest.param("closed", 409, "survivor-not-open", id="with one that has ended"),
        pytest.param("ended", 409, "referral-ended", id="one that has ended"),
        pytest.param("service", 422, "in-service", id="one in service"),
    ],
)
async def test_what_is_not_joined(
    office: Office, first: Referred, second: Referred, wrong: str, status: int, code: str
) -> None:
    joined, survivor = second, first
    if wrong in ("itself", "unknown"):
        survivor = second if wrong == "itself" else Referred(str(uuid4()), "", "")
    elif wrong in ("review", "service"):
        joined, survivor = first, second
        if wrong == "service":
            story = Story(first)
            await office.hear(story.assigned(), story.opened(), story.held())
    else:
        gone = first if wrong == "closed" else second
        await office.as_staff("POST", path(gone, "close"), {"reason": "declined"})
    events = await office.count("event")

    answer = await join(office, joined, survivor)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await office.count("event") == events


async def test_what_others_were_joined_with_is_not_joined(
    office: Office, first: Referred, second: Referred
) -> None:
    await join(office, second, first)
    twin = json.loads(json.dumps(make_bundle(number="N", mrn="M", member="100023456790")))
    of(twin, "Patient")["name"][0]["given"] = ["Jaylen"]
    other = await refer(await office.hub(name="Elm", npi="1194723304"), renumbered(twin))

    answer = await join(office, first, other)

    assert (answer.status_code, answer.json()["code"]) == (409, "others-joined")


def renumbered(bundle: Any) -> Any:
    return json.loads(json.dumps(bundle).replace("1234567893", "1194723304"))


async def refer_renamed(office: Office, harbor: Hub) -> Referred:
    """Harbor's next referral corrects name and number: nothing else ties the two youths."""
    text = json.dumps(of_harbor()).replace("HB-1", "HB-2").replace("100023456789", "100099999999")
    other = json.loads(text)
    patient = of(other, "Patient")
    patient["name"][0] = {"use": "official", "family": "Else", "given": ["Sam"]}
    url = f"Patient?identifier={patient['identifier'][0]['system']}|HB-204417"
    entry_of(other, "Patient")["request"] = {"method": "PUT", "url": url}
    await office.pool.execute("DELETE FROM youth_identifier WHERE kind = 'medicaid'")
    found = await refer(harbor, other)
    assert len(await office.pool.fetch("SELECT DISTINCT name_key FROM youth")) == 2
    return found


async def candidates(office: Office) -> list[str]:
    return [str(id_) for id_ in (await office.told(ReferralDuplicateSuspected))[-1].candidates]


async def test_a_third_referral_of_the_joined_child_is_noticed_by_the_merge_alone(
    office: Office, harbor: Hub, first: Referred, second: Referred
) -> None:
    await join(office, second, first)

    third = await refer_renamed(office, harbor)

    assert third.youth_id == second.youth_id
    assert await office.state(third.referral_id) == "duplicate_review"
    assert await candidates(office) == [first.referral_id]


async def test_a_new_referral_of_the_survivor_is_tied_to_what_the_joined_child_has_open(
    office: Office, riverbend: Hub, harbor: Hub, first: Referred, second: Referred
) -> None:
    await join(office, second, first)
    await office.as_staff("POST", path(first, "close"), {"reason": "no_response"})
    third = await refer_renamed(office, harbor)

    fourth = await refer(riverbend, make_bundle(number="RB-2", member="100088888888"))

    assert (third.youth_id, fourth.youth_id) == (second.youth_id, first.youth_id)
    assert await office.state(third.referral_id) != "duplicate_review"
    assert await office.state(fourth.referral_id) == "duplicate_review"
    assert await candidates(office) == [third.referral_id]


async def test_a_merge_that_was_undone_ties_nobody(
    office: Office, harbor: Hub, first: Referred, second: Referred
) -> None:
    await join(office, second, first)
    await office.as_staff("POST", path(second, "unmerge"))

    third = await refer_renamed(office, harbor)

    told = await office.told(ReferralDuplicateSuspected)
    of_third = [event for event in told if str(event.referral_id) == third.referral_id]
    assert first.referral_id not in [str(id_) for e in of_third for id_ in e.candidates]


async def test_a_machine_joins_nobody(office: Office, first: Referred, second: Referred) -> None:
    """Whatever looks alike waits for a person, for as long as it takes."""
    office.clock.at += timedelta(days=90)
    await office.work_until_done()

    assert await office.state(second.referral_id) == "duplicate_review"
    assert len(await office.told(ReferralDuplicateSuspected)) == 1
    assert await office.told(ReferralMerged) == []


# --- Opened again -------------------------------------------------------------------------------


async def test_a_closed_referral_goes_on_in_a_new_task(
    office: Office, riverbend: Hub, first: Referred
) -> None:
    received = await office.pool.fetchval("SELECT received_at FROM referral")
    await office.as_staff("POST", path(first, "close"), {"reason": "no_response"})
    closed = await task(riverbend, first)
    office.clock.at += timedelta(days=3)

    answer = await office.as_staff("POST", path(first, "reopen"))
    await office.work_until_done()

    assert answer.status_code == 200, answer.text
    assert await office.state(first.referral_id) == "eligible"
    assert await office.pool.fetchval("SELECT received_at FROM referral") == received
    assert await task(riverbend, first) == closed
    assert closed["status"] == "failed"
    found = (await riverbend.read("Task?status=accepted")).json()["entry"]
    new = found[0]["resource"]
    assert new["focus"] == closed["focus"]
    assert (new["identifier"], new["id"] != closed["id"]) == (closed["identifier"], True)
    told = [e for e in await office.told(ReferralStatusChanged) if str(e.task_id) == new["id"]]
    assert [(e.version, e.status) for e in told] == [(1, "requested"), (2, "accepted")]
    (reopened,) = await office.told(ReferralReopened)
    assert reopened.reason == "closed"


async def test_an_old_task_takes_no_change_and_old_visits_do_not_show(
    office: Office, riverbend: Hub, first: Referred
) -> None:
    story, before = Story(first), office.clock.now()
    await office.hear(story.assigned(), story.opened(), story.booked(), story.closed("moved"))
    closed = await task(riverbend, first)
    office.clock.at += timedelta(days=30)
    await office.as_staff("POST", path(first, "reopen"))
    await office.work_until_done()

    cancelled = await riverbend.send(
        "PUT",
        f"/fhir/Task/{first.task_id}",
        closed | {"status": "cancelled"},
        if_match=f'W/"{closed["meta"]["versionId"]}"',
    )
    await office.hear(story.no_show(), at=before + timedelta(days=1))
    await office.hear(story.logged())

    assert cancelled.status_code == 409
    assert await office.state(first.referral_id) == "eligible"
    (new,) = (await riverbend.read("Task?status=accepted")).json()["entry"]
    assert new["resource"]["businessStatus"]["coding"][0]["code"] == "3.0"


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        (None, 409, "not-closed"),
        ("withdrawn", 409, "not-closed"),
        ("wrong_patient", 422, "wrong-patient"),
    ],
    ids=["open", "withdrawn", "about somebody else"],
)
async def test_what_is_not_opened_again(
    office: Office, first: Referred, reason: str | None, status: int, code: str
) -> None:
    if reason:
        await office.as_staff("POST", path(first, "close"), {"reason": reason})

    answer = await office.as_staff("POST", path(first, "reopen"))

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_youth_has_one_open_referral(
    office: Office, riverbend: Hub, first: Referred
) -> None:
    await office.as_staff("POST", path(first, "close"), {"reason": "declined"})
    second = await refer(riverbend, make_bundle(number="REF-2"))
    assert second.youth_id == first.youth_id

    answer = await office.as_staff("POST", path(first, "reopen"))

    assert (answer.status_code, answer.json()["code"]) == (409, "one-open-referral")
    assert UUID(second.referral_id) != UUID(first.referral_id)
