"""What hubs and payers read back: samples 35 and 36, and nobody else's child."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.codes import PartnerKind
from tests.referral.bundles import make_bundle, of
from tests.referral.rig import Hub, Rig, example, located

SAMPLE_IDS = {"Patient": "3f0b8c52-7d4e-4a19-8b6c-90e2d7a50042"}


def as_in_samples(resource: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """The same with the ids and times of the samples."""
    text = json.dumps(resource)
    for ours, theirs in ids.items():
        text = text.replace(ours, theirs)
    found: dict[str, Any] = json.loads(text)
    found["meta"]["lastUpdated"] = "2026-11-09T15:20:07-05:00"
    return found


def ids_by_place(answer: dict[str, Any]) -> dict[str, str]:
    """Our ids, each with that of sample 27 at the same place."""
    places = zip(answer["entry"], example("27")["entry"], strict=True)
    return {
        ours["response"]["location"].split("/")[1]: sample["response"]["location"].split("/")[1]
        for ours, sample in places
    }


async def test_a_hub_reads_its_patient_as_in_sample_35(rig: Rig, hub: Hub) -> None:
    answer = (await hub.refer(example("01"))).json()

    shown = await hub.read(located(answer, "Patient"))

    assert as_in_samples(shown.json(), ids_by_place(answer)) == example("35")


async def test_other_numbers_of_a_youth_are_shown_to_nobody(rig: Rig, hub: Hub) -> None:
    bundle = make_bundle()
    of(bundle, "Patient")["identifier"].append(
        {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "900-00-0000"}
    )
    answer = (await hub.refer(bundle)).json()

    shown = await hub.read(located(answer, "Patient"))

    assert [i["value"] for i in shown.json()["identifier"]] == ["RB-204417", "100023456789"]


async def test_a_hub_reads_its_goal_as_in_sample_36(rig: Rig, hub: Hub) -> None:
    answer = (await hub.refer(example("01"))).json()

    shown = await hub.read(located(answer, "Goal"))

    assert as_in_samples(shown.json(), ids_by_place(answer)) == example("36")


async def test_every_reference_from_the_answer_resolves_for_its_hub(rig: Rig, hub: Hub) -> None:
    answer = (await hub.refer(make_bundle())).json()
    to_read = {e["response"]["location"].split("/_history")[0] for e in answer["entry"]}
    to_read = {ref for ref in to_read if not ref.startswith("Task/")}
    seen: set[str] = set()

    while to_read - seen:
        ref = (to_read - seen).pop()
        shown = await hub.read(ref)
        assert shown.status_code == 200, ref
        seen.add(ref)
        to_read |= references(shown.json())

    assert len(seen) == 15


def references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(references, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
    return own.union(*map(references, value.values()))


async def test_another_hubs_child_is_absent_everywhere(rig: Rig, hub: Hub) -> None:
    other = await rig.hub("1000000491", "Lakeside")
    answer = (await hub.refer(make_bundle())).json()
    child = located(answer, "Patient")
    absent = await other.read(f"Patient/{uuid4()}")

    for entry in answer["entry"]:
        ref = entry["response"]["location"].split("/_history")[0]
        if not ref.startswith(("Organization/", "Task/")):
            shown = await other.read(ref)
            assert (shown.status_code, shown.content) == (404, absent.content), ref
    for type_ in ("ServiceRequest", "Coverage", "RelatedPerson"):
        assert (await other.read(f"{type_}?patient={child}")).json()["total"] == 0
    assert (await other.read("Patient?identifier=RB-204417")).json()["total"] == 0


async def test_numbers_keep_their_digits(rig: Rig, hub: Hub) -> None:
    bundle = make_bundle()
    target = of(bundle, "Goal")["target"][0]
    target.pop("detailString")
    target["detailQuantity"] = {"value": "DIGITS"}
    body = json.dumps(bundle).replace('"DIGITS"', "1.500").encode()
    answer = (await hub.refer(body)).json()

    shown = await hub.read(located(answer, "Goal"))

    assert '"value":1.500' in shown.text


async def test_a_payer_reads_the_patient_of_its_member_and_no_more(rig: Rig, hub: Hub) -> None:
    answer = (await hub.refer(make_bundle())).json()
    youth_id = UUID(located(answer, "Patient").split("/")[1])
    payer = await payer_of(rig)
    assert (await payer.read(f"Patient/{youth_id}")).status_code == 404

    await confirm(rig, youth_id, payer.organisation_id)
    shown = await payer.read(f"Patient/{youth_id}")

    assert shown.status_code == 200
    patient = shown.json()
    assert [i["value"] for i in patient["identifier"]] == ["100023456789"]
    assert set(patient) == {
        *("resourceType", "id", "meta", "identifier", "active", "name", "gender", "birthDate")
    }
    stranger = Hub(rig.http, await rig.payer("another"), PartnerKind.PAYER, "system/*.rs")
    assert (await stranger.read(f"Patient/{youth_id}")).status_code == 404
    for ref in (located(answer, "ServiceRequest"), located(answer, "Coverage")):
        assert (await payer.read(ref)).status_code == 404
    assert (await payer.read(located(answer, "Goal"))).status_code == 404


async def payer_of(rig: Rig) -> Hub:
    id_ = await rig.pool.fetchval(
        "SELECT organisation_id FROM partner_organisation WHERE kind = 'payer'"
    )
    return Hub(rig.http, id_, PartnerKind.PAYER, "system/*.rs")


async def confirm(rig: Rig, youth_id: UUID, payer_id: UUID) -> None:
    """What gate 1 leaves behind when it is passed."""
    inquiry = uuid4()
    await rig.pool.execute(
        """
        INSERT INTO eligibility_inquiry (inquiry_id, response_id, referral_id, youth_id,
               coverage_id, payer_id, rank, round, source, service_date, asked_at, answered_at,
               trace, outcome)
        SELECT $1, $2, referral_id, youth_id, coverage_id, $4, 1, 1, 'payer', '2026-11-09', now(),
               now(), 'trace', 'active'
          FROM coverage WHERE youth_id = $3
        """,
        *(inquiry, uuid4(), youth_id, payer_id),
    )
    await rig.pool.execute(
        """
        INSERT INTO eligibility_determination (determination_id, referral_id, youth_id, as_of,
               outcome, inquiry_id, rule_pack_version, recorded_at)
        SELECT $1, referral_id, youth_id, '2026-11-09', 'confirmed', $2, 'x', now()
          FROM referral WHERE youth_id = $3
        """,
        *(uuid4(), inquiry, youth_id),
    )


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("Patient?_id={patient}", 1),
        ("Patient?identifier=https://ehr.riverbend.example/ids/mrn|RB-204417", 1),
        ("Patient?identifier=RB-204417", 1),
        ("Patient?identifier=https://x.example|RB-204417", 0),
        ("Patient?name=okaf", 1),
        ("Patient?name=kafor", 0),
        ("Patient?birthdate=2013-03-09&name=jordan", 1),
        ("Patient?birthdate=lt2013-03-09&name=jordan", 0),
        ("Patient?gender=female&name=jo", 1),
        ("ServiceRequest?_id={request}", 1),
        ("ServiceRequest?patient={patient}", 1),
        ("ServiceRequest?patient=Patient/{patient}&category=http://snomed.info/sct|409063005", 1),
        ("ServiceRequest?patient={patient}&category=409073007", 0),
        ("ServiceRequest?patient={patient}&category=409063005&authored=ge2026-11-09", 1),
        ("ServiceRequest?patient={patient}&category=409063005&authored=gt2026-11-09", 0),
        ("ServiceRequest?patient={patient}&code=therapeutic-mentoring", 1),
        ("Coverage?patient={patient}", 1),
        ("RelatedPerson?patient={patient}", 1),
        ("Organization?name=north", 1),
        ("Organization?name=nowhere", 0),
        ("Organization?address=holyoke", 0),
    ],
)
async def test_searches_find_what_they_should(query: str, hits: int, rig: Rig, hub: Hub) -> None:
    answer = (await hub.refer(make_bundle())).json()
    ids = {
        "patient": located(answer, "Patient").split("/")[1],
        "request": located(answer, "ServiceRequest").split("/")[1],
    }

    found = await hub.read(query.format(**ids))

    assert found.status_code == 200, found.text
    assert found.json()["total"] == hits
