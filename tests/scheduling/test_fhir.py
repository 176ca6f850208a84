"""What partners read of scheduling, compared with the samples, and what they never see."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.codes import ConsentKind, PlaceOfService
from contracts.events import ConsentRevoked
from services.chassis.db import Pool
from services.documentation.mapping.terms import PLACES as NAMED_BY_DOCUMENTATION
from services.scheduling.mapping import fhir as mapping
from tests.scheduling.builders import (
    MENTOR,
    NOW,
    SUPERVISOR,
    Child,
    make_mentor,
    make_plan,
    register,
)
from tests.scheduling.door import AGENCY, Door, work_off
from tests.scheduling.test_leaving import leave

SAMPLES = Path(__file__).parents[2] / "contracts/fhir/examples"


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / name).read_text())
    return found


def with_ids(resource: dict[str, Any], ids: dict[str, str]) -> Any:
    """The sample with our ids in the place of its own."""
    text = json.dumps(resource)
    for theirs, ours in ids.items():
        text = text.replace(theirs, ours)
    return json.loads(text)


def without_meta(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name != "meta"}


@pytest.fixture
async def hub(door: Door, child: Child) -> str:
    """The token of the hub that refers the child and may know of it."""
    return door.hub(child.hub)


IDS = {"mentor-77": str(MENTOR), "northlight": str(AGENCY)}


# --- Like the samples ----------------------------------------------------------------------------


async def test_a_mentor_is_a_practitioner_without_an_npi(door: Door, hub: str) -> None:
    found = (await door.get(f"/fhir/Practitioner/{MENTOR}", by=hub)).json()

    expected = with_ids(sample("25-practitioner-mentor-no-npi.json"), IDS)
    assert without_meta(found) == without_meta(expected)
    assert found["meta"]["profile"] == expected["meta"]["profile"]


async def test_a_mentors_role_has_the_id_of_the_mentor(door: Door, hub: str) -> None:
    found = (await door.get(f"/fhir/PractitionerRole/{MENTOR}", by=hub)).json()

    expected = with_ids(sample("26-practitionerrole-mentor.json"), IDS)
    assert without_meta(found) == without_meta(expected)


async def test_a_supervisor_has_another_role(door: Door, hub: str) -> None:
    found = (await door.get(f"/fhir/PractitionerRole/{SUPERVISOR}", by=hub)).json()

    assert found["code"][0]["coding"][0]["code"] == "clinical-supervisor"


async def test_the_community_is_a_kind_of_place_without_an_address(door: Door, hub: str) -> None:
    found = (await door.get("/fhir/Location/loc-community", by=hub)).json()

    expected = with_ids(sample("14-location-community.json"), IDS)
    assert without_meta(found) == without_meta(expected)


async def test_a_missed_appointment_is_like_the_sample(
    door: Door, pool: Pool, child: Child, hub: str
) -> None:
    await child.admit()
    appointment_id = await child.book(make_plan("2026-12-03T16:00"), now=BOOKED)
    door.clock.at = NOW + timedelta(days=15)
    await door.ask("POST", f"/appointments/{appointment_id}/no-show", by="scheduler:s", json={})
    await pool.execute("UPDATE reader SET system = $1, value = 'RB-204417'", RIVERBEND)

    found = (await door.get(f"/fhir/Appointment/{appointment_id}", by=hub)).json()

    ids = {
        "8b15e6d2-f047-4c9a-9d38-63a2f7c50004": str(appointment_id),
        "3f0b8c52-7d4e-4a19-8b6c-90e2d7a50042": str(child.youth_id),
        "a1c4e7d0-52b3-4f86-9e21-7d0c3b5a0042": str(child.referral_id),
    }
    expected = with_ids(sample("15-appointment-noshow.json"), {**IDS, **ids})
    assert without_meta(found) == without_meta(expected)


BOOKED = datetime(2026, 11, 20, 14, tzinfo=UTC)
RIVERBEND = "https://ehr.riverbend.example/ids/mrn"


async def test_an_open_episode_names_its_supervisor_and_its_referral(
    door: Door, child: Child, hub: str
) -> None:
    episode_id = await child.admit()

    found = (await door.get(f"/fhir/EpisodeOfCare/{episode_id}", by=hub)).json()

    assert found["status"] == "active"
    assert found["patient"] == {"reference": f"Patient/{child.youth_id}"}
    assert found["referralRequest"] == [{"reference": f"ServiceRequest/{child.referral_id}"}]
    assert found["careManager"] == {"reference": f"PractitionerRole/{SUPERVISOR}"}
    assert found["period"] == {"start": "2026-11-22"}


async def test_a_read_has_a_version_and_is_304_while_it_stays(door: Door, hub: str) -> None:
    path = f"/fhir/Practitioner/{MENTOR}"
    first = await door.get(path, by=hub)

    again = await door.http.get(
        path, headers={"Authorization": f"Bearer {hub}", "If-None-Match": first.headers["etag"]}
    )

    assert first.headers["etag"] == 'W/"1"'
    assert again.status_code == 304


def test_there_is_one_kind_of_place_for_each_place_of_service() -> None:
    assert sorted(place for place, _, _ in mapping.PLACES.values()) == sorted(PlaceOfService)


def test_every_place_that_an_encounter_names_is_that_kind_of_place() -> None:
    for place, (_, location, name) in NAMED_BY_DOCUMENTATION.items():
        assert mapping.PLACES[location][:2] == (place, name)


# --- Who sees it ---------------------------------------------------------------------------------


@pytest.fixture
async def paths(child: Child) -> list[str]:
    """What there is to read of one child."""
    episode_id = await child.admit()
    appointment_id = await child.book(make_plan())
    return [f"/fhir/EpisodeOfCare/{episode_id}", f"/fhir/Appointment/{appointment_id}"]


async def statuses(door: Door, paths: list[str], token: str) -> set[int]:
    return {(await door.get(path, by=token)).status_code for path in paths}


async def test_the_hub_of_the_child_reads_it(door: Door, hub: str, paths: list[str]) -> None:
    assert await statuses(door, paths, hub) == {200}


async def test_another_hub_finds_nothing(door: Door, paths: list[str]) -> None:
    assert await statuses(door, paths, door.hub(uuid4())) == {404}


async def test_foreign_and_absent_look_alike(door: Door, paths: list[str]) -> None:
    stranger = door.hub(uuid4())
    absent = (await door.get(f"/fhir/Appointment/{uuid4()}", by=stranger)).text

    assert (await door.get(paths[1], by=stranger)).text == absent


async def test_the_childs_payer_finds_nothing(door: Door, child: Child, paths: list[str]) -> None:
    assert await statuses(door, paths, door.payer(child.payer)) == {404}


async def test_a_revoked_release_ends_the_hubs_reading_and_not_the_service(
    door: Door, child: Child, hub: str, paths: list[str]
) -> None:
    await child.hear(
        ConsentRevoked(
            youth_id=child.youth_id,
            kind=ConsentKind.ROI_HUB,
            organisation_id=child.hub,
            effective_at=NOW,
        )
    )

    assert await statuses(door, paths, hub) == {404}
    assert await child.pool.fetchval("SELECT state FROM episode") == "open"


async def test_a_hub_that_ended_reads_nothing_more(
    door: Door, child: Child, hub: str, paths: list[str]
) -> None:
    await child.hear(child.disengaged())

    assert await statuses(door, paths, hub) == {404}


async def test_a_second_hub_of_the_child_is_shown_no_referral_that_it_cannot_open(
    door: Door, child: Child, paths: list[str]
) -> None:
    second = uuid4()
    engaged = child.engaged().model_copy(update={"organisation_id": second})
    released = child.granted(ConsentKind.ROI_HUB).model_copy(update={"organisation_id": second})
    await child.hear(engaged, released)
    token = door.hub(second)

    episode, appointment = [(await door.get(path, by=token)).json() for path in paths]

    assert "referralRequest" not in episode
    assert "basedOn" not in appointment


@pytest.mark.parametrize("type_", ["Practitioner", "PractitionerRole"])
async def test_a_payer_sees_no_staff(door: Door, child: Child, type_: str) -> None:
    payer = door.payer(child.payer)

    found = await statuses(door, [f"/fhir/{type_}/{MENTOR}", f"/fhir/{type_}"], payer)

    assert found == {404}


async def test_a_payer_may_look_up_a_kind_of_place(door: Door, child: Child) -> None:
    payer = door.payer(child.payer)

    assert (await door.get("/fhir/Location/loc-home", by=payer)).status_code == 200


@pytest.mark.parametrize("type_", ["Appointment", "EpisodeOfCare"])
async def test_what_is_read_by_id_cannot_be_searched(door: Door, hub: str, type_: str) -> None:
    assert (await door.get(f"/fhir/{type_}?patient=x", by=hub)).status_code in (404, 405)


async def test_an_id_that_is_none_of_ours_is_not_found(door: Door, hub: str) -> None:
    types = ("Practitioner", "PractitionerRole", "Location", "Appointment", "EpisodeOfCare")
    ids = ("x", "0", "a" * 64, "loc-nowhere", "%00", str(uuid4()).upper())

    assert await statuses(door, [f"/fhir/{t}/{id_}" for t in types for id_ in ids], hub) == {404}


# --- Searches ------------------------------------------------------------------------------------


async def ids(door: Door, path: str, by: str) -> list[str]:
    answer = await door.get(path, by=by)
    assert answer.status_code == 200, answer.text
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=pier", [MENTOR]),
        ("name=dev", [MENTOR, SUPERVISOR]),
        ("name=ier", []),
        ("identifier=https://waypost.example/ids/staff|NL-0077", [MENTOR]),
        ("identifier=NL-0077,NL-0012", [MENTOR, SUPERVISOR]),
        ("identifier=https://elsewhere.example|NL-0077", []),
        ("identifier=https://waypost.example/ids/staff|", [MENTOR, SUPERVISOR]),
        (f"_id={MENTOR}", [MENTOR]),
    ],
)
async def test_staff_are_found_by_name_and_number(
    door: Door, hub: str, query: str, found: list[UUID]
) -> None:
    assert sorted(await ids(door, f"/fhir/Practitioner?{query}", hub)) == sorted(map(str, found))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"practitioner=Practitioner/{MENTOR}", [MENTOR]),
        (f"practitioner={MENTOR}&_id={SUPERVISOR}", []),
        ("specialty=101Y00000X", []),
    ],
)
async def test_roles_are_found_by_their_person(
    door: Door, hub: str, query: str, found: list[UUID]
) -> None:
    assert await ids(door, f"/fhir/PractitionerRole?{query}", hub) == [str(id_) for id_ in found]


async def test_a_role_brings_its_person_along(door: Door, hub: str) -> None:
    path = f"/fhir/PractitionerRole?_id={MENTOR}&_include=PractitionerRole:practitioner"

    entries = (await door.get(path, by=hub)).json()["entry"]

    assert [entry["search"]["mode"] for entry in entries] == ["match", "include"]
    assert entries[1]["resource"]["resourceType"] == "Practitioner"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=tele", ["loc-telehealth", "loc-telehealth-home"]),
        ("_id=loc-home,loc-office", ["loc-home", "loc-office"]),
        ("address=Springfield", []),
    ],
)
async def test_places_are_found_by_name(door: Door, hub: str, query: str, found: list[str]) -> None:
    assert await ids(door, f"/fhir/Location?{query}", hub) == found


@pytest.mark.parametrize("type_", ["Practitioner", "Location"])
async def test_pages_join_up_to_the_whole(door: Door, pool: Pool, hub: str, type_: str) -> None:
    for n in range(200, 204):
        await register(pool, make_mentor(mentor_id=UUID(int=n)))
    whole = await ids(door, f"/fhir/{type_}", hub)

    joined, url = [], f"/fhir/{type_}?_count=2"
    while url:
        bundle = (await door.get(url, by=hub)).json()
        joined += [entry["resource"]["id"] for entry in bundle["entry"]]
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        url = links.get("next", "").removeprefix("http://testserver")

    assert joined == whole
    assert len(whole) > 4


async def test_an_unknown_filter_is_refused(door: Door, hub: str) -> None:
    assert (await door.get("/fhir/Practitioner?bogus=1", by=hub)).status_code == 400


# --- Every reference resolves --------------------------------------------------------------------

SERVED_HERE = ("Practitioner", "PractitionerRole", "Location", "Appointment", "EpisodeOfCare")
SERVED_BY_REFERRAL = ("Patient", "ServiceRequest", "Organization")  # the stories crawl these


def references(resource: Any) -> set[str]:
    if isinstance(resource, list):
        return set().union(*map(references, resource), set())
    if not isinstance(resource, dict):
        return set()
    found = {resource["reference"]} if "reference" in resource else set()
    return found.union(*map(references, resource.values()))


async def crawl(door: Door, hub: str, *paths: str) -> set[str]:
    """All that leads from these paths on; fails at the first reference that this hub cannot open.

    Those of another service are gathered, not followed.
    """
    seen, ahead, foreign = set(paths), list(paths), set()
    while ahead:
        path = ahead.pop()
        answer = await door.get(f"/fhir/{path}", by=hub)
        assert answer.status_code == 200, path
        for reference in references(answer.json()) - seen:
            type_ = reference.partition("/")[0]
            assert type_ in (*SERVED_HERE, *SERVED_BY_REFERRAL), reference
            if type_ in SERVED_BY_REFERRAL:
                foreign.add(reference)
            else:
                seen.add(reference)
                ahead.append(reference)
    return foreign


async def test_every_reference_of_a_child_in_service_resolves(door: Door, child: Child) -> None:
    episode_id = await child.admit()
    appointment_id = await child.book(make_plan())

    led_to = await crawl(
        door, door.hub(child.hub), f"EpisodeOfCare/{episode_id}", f"Appointment/{appointment_id}"
    )

    assert led_to == {
        f"Patient/{child.youth_id}",
        f"ServiceRequest/{child.referral_id}",
        f"Organization/{AGENCY}",
    }


async def test_every_reference_resolves_after_the_mentor_has_left(door: Door, child: Child) -> None:
    episode_id = await child.admit()
    appointment_id = await child.book(make_plan())
    hub = door.hub(child.hub)

    await leave(door)
    await work_off(child.pool)

    await crawl(door, hub, f"EpisodeOfCare/{episode_id}", f"Appointment/{appointment_id}")
    role = (await door.get(f"/fhir/PractitionerRole/{MENTOR}", by=hub)).json()
    episode = (await door.get(f"/fhir/EpisodeOfCare/{episode_id}", by=hub)).json()
    assert (role["active"], role["meta"]["versionId"]) == (False, "2")
    assert episode["status"] == "onhold"


async def test_a_hub_that_did_not_refer_is_led_to_no_referral(door: Door, child: Child) -> None:
    episode_id = await child.admit()
    second = Child(child.pool, youth_id=child.youth_id, numbers=child.numbers)
    await second.hear(second.engaged(), second.granted(ConsentKind.ROI_HUB))

    led_to = await crawl(door, door.hub(second.hub), f"EpisodeOfCare/{episode_id}")

    assert led_to == {f"Patient/{child.youth_id}", f"Organization/{AGENCY}"}
