"""What a hub reads of notes beside the Encounter: ratings, summaries, signatures, versions."""

from base64 import b64decode
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.encounter import Encounter
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.provenance import Provenance

from contracts.codes import PartnerKind, Role
from services.documentation.domain.goals import care_plan_id
from services.documentation.store import reads
from services.documentation.store.reads import Asked
from tests.documentation.builders import (
    Child,
    Mentor,
    begin,
    hub_reads,
    know,
    payer_reads,
    rated,
    session,
)
from tests.documentation.rig import Rig, person

FROM, UNTIL = "2026-11-19 16:00", "2026-11-19 17:00"
MODELS: dict[str, Any] = {
    "Encounter": Encounter,
    "Observation": Observation,
    "DocumentReference": DocumentReference,
    "Provenance": Provenance,
}


async def hits(rig: Rig, child: Child, query: str) -> list[dict[str, Any]]:
    """The resources that a search of the child's hub brings, each valid."""
    answer = await hub_reads(rig, child, query)
    assert answer.status_code == 200, answer.text
    Bundle.model_validate(answer.json())
    found = [entry["resource"] for entry in answer.json().get("entry", [])]
    for resource in found:
        MODELS[resource["resourceType"]].model_validate(resource)
    return found


async def logged(rig: Rig, child: Child, **changes: Any) -> str:
    await begin(rig, child)
    body = session(child, FROM, UNTIL, goals=[rated(goal, 2) for goal in child.goals]) | changes
    found: str = (await Mentor(rig).logs(body))["session_id"]
    return found


async def corrects(rig: Rig, child: Child, session_id: str, **changes: Any) -> None:
    mentor, body = Mentor(rig), session(child, FROM, "2026-11-19 16:45", **changes)
    path, wrong = f"sessions/{session_id}/amend", body | {"reason": "time"}
    await rig.staff("mentor-77", {Role.MENTOR}, "POST", path, json=wrong)
    assert (await mentor.signs(session_id)).status_code == 200
    assert (await mentor.cosigned(session_id)).status_code == 200


async def voids(rig: Rig, session_id: str) -> None:
    path, body = f"sessions/{session_id}/void", {"reason": "wrong_youth"}
    answer = await rig.staff("supervisor-4", {Role.SUPERVISOR}, "POST", path, json=body)
    assert answer.status_code == 200, answer.text


# --- Ratings -------------------------------------------------------------------------------------


async def test_each_rated_goal_is_an_observation_that_its_goal_and_plan_name(rig: Rig) -> None:
    child = Child()
    session_id = await logged(rig, child)

    found = await hits(rig, child, f"Observation?patient={child.youth_id}&category=survey")

    by_goal = {one["focus"][0]["reference"]: one for one in found}
    assert by_goal.keys() == {f"Goal/{goal.goal_id}" for goal in child.goals}
    assert {one["encounter"]["reference"] for one in found} == {f"Encounter/{session_id}"}
    goal = (await hub_reads(rig, child, f"Goal/{child.goals[0].goal_id}")).json()
    plan = (await hub_reads(rig, child, f"CarePlan/{care_plan_id(child.referral_id)}")).json()
    for outcome in [goal["outcomeReference"], plan["activity"][0]["outcomeReference"]]:
        assert (await hub_reads(rig, child, outcome[0]["reference"])).json() == by_goal[
            f"Goal/{child.goals[0].goal_id}"
        ]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("code=skill-practice-rating", 1),
        ("code=https://waypost.example/fhir/CodeSystem/tm-progress-scale|gas", 1),
        ("code=8480-6", 0),
        ("category=vital-signs", 0),
        ("category=survey&date=2026-11-19", 2),
        ("category=survey&date=gt2026-11-19", 0),
    ],
)
async def test_ratings_are_found_by_code_category_and_date(
    rig: Rig, query: str, count: int
) -> None:
    child = Child()
    one, other = child.goals
    await logged(rig, child, goals=[rated(one, 2), rated(other, -1, "gas")])

    found = await hits(rig, child, f"Observation?patient={child.youth_id}&{query}")

    assert len(found) == count


async def test_a_corrected_rating_is_amended_and_one_left_out_was_an_error(rig: Rig) -> None:
    child = Child()
    one, other = child.goals
    session_id = await logged(rig, child)
    before = await hits(rig, child, f"Observation?patient={child.youth_id}")

    await corrects(rig, child, session_id, goals=[rated(one, 3)])

    after = await hits(rig, child, f"Observation?patient={child.youth_id}")
    assert {r["id"] for r in after} == {r["id"] for r in before}
    told = {r["focus"][0]["reference"]: (r["status"], r["valueInteger"]) for r in after}
    assert told == {
        f"Goal/{one.goal_id}": ("amended", 3),
        f"Goal/{other.goal_id}": ("entered-in-error", 2),
    }
    assert {r["meta"]["versionId"] for r in after} == {"2"}


async def test_whose_rating_it_is_stands_in_its_text(rig: Rig) -> None:
    child = Child()
    by_youth = rated(child.goals[0], 4, "self_report") | {"measured_by": "youth"}
    await logged(rig, child, goals=[by_youth])

    (found,) = await hits(rig, child, f"Observation?patient={child.youth_id}")

    assert found["code"]["text"] == "Youth-reported rating of how it is going, 1-5"
    assert found["code"]["coding"][0]["code"] == "self_report"


async def test_a_count_that_is_no_whole_number_is_a_quantity(rig: Rig) -> None:
    child = Child()
    await logged(rig, child, goals=[rated(child.goals[0], 2.5, "frequency")])

    (found,) = await hits(rig, child, f"Observation?patient={child.youth_id}")

    assert found["valueQuantity"] == {"value": 2.5}


# --- Summaries and signatures --------------------------------------------------------------------


async def test_a_summary_says_attendance_and_goals_and_no_word_of_the_note(rig: Rig) -> None:
    child, marker = Child(), "MARKER-7f3a"
    texts = dict.fromkeys(("intervention", "response", "family_contact", "next_plan"), marker)
    await logged(rig, child, texts=texts, late_reason=marker)

    answer = await hub_reads(rig, child, f"DocumentReference?patient={child.youth_id}")

    (entry,) = answer.json()["entry"]
    data = b64decode(entry["resource"]["content"][0]["attachment"]["data"]).decode()
    assert data.splitlines()[:2] == [
        "Session of 2026-11-19, 60 minutes, in the community.",
        "Goals worked on: G-881, rating 2 of 4; G-882, rating 2 of 4.",
    ]
    assert marker not in answer.text + data


async def test_a_correction_replaces_the_summary_and_the_old_one_stays(rig: Rig) -> None:
    child = Child()
    session_id = await logged(rig, child)
    (first,) = await hits(rig, child, f"DocumentReference?patient={child.youth_id}")

    await corrects(rig, child, session_id)

    old, new = await hits(rig, child, f"DocumentReference?patient={child.youth_id}")
    old, new = (old, new) if old["id"] == first["id"] else (new, old)
    assert (old["id"], old["status"], old["meta"]["versionId"]) == (first["id"], "superseded", "2")
    assert (new["status"], new["meta"]["versionId"]) == ("current", "1")
    target = {"reference": f"DocumentReference/{old['id']}"}
    assert new["relatesTo"] == [{"code": "replaces", "target": target}]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("category=clinical-note", 1),
        ("category=clinical-note&date=2026-11-22", 1),
        ("category=clinical-note&date=lt2026-11-22", 0),
        ("type=http://loinc.org|11506-3", 1),
        ("type=34133-9", 0),
    ],
)
async def test_summaries_are_found_by_category_date_and_type(
    rig: Rig, query: str, count: int
) -> None:
    child = Child()
    await logged(rig, child)

    found = await hits(rig, child, f"DocumentReference?patient={child.youth_id}&{query}")

    assert len(found) == count


async def test_who_signed_comes_along_when_it_is_asked_for(rig: Rig) -> None:
    child = Child()
    session_id = await logged(rig, child)
    ours = f"patient={child.youth_id}&_revinclude=Provenance:target"

    for type_, count in [("Encounter", 1), ("Observation", 2), ("DocumentReference", 1)]:
        *found, provenance = await hits(rig, child, f"{type_}?{ours}")
        assert [one["resourceType"] for one in found] == [type_] * count
        targets = {target["reference"] for target in provenance["target"]}
        assert {f"{type_}/{one['id']}" for one in found} <= targets
        agents = {a["type"]["coding"][0]["code"]: a["who"] for a in provenance["agent"]}
        assert agents["author"] == {"reference": f"PractitionerRole/{person('mentor-77')}"}
        assert agents["verifier"] == {"reference": f"PractitionerRole/{person('supervisor-4')}"}
        alone = await hub_reads(rig, child, f"Provenance/{provenance['id']}")
        assert alone.json() == provenance
    assert [one["id"] for one in await hits(rig, child, f"Encounter?patient={child.youth_id}")] == [
        session_id
    ]


async def test_without_its_scope_no_provenance_comes_along(rig: Rig) -> None:
    child = Child()
    await logged(rig, child)

    answer = await rig.partner(
        child.hub,
        f"Encounter?patient={child.youth_id}&_revinclude=Provenance:target",
        scope="system/Encounter.rs",
    )

    assert [one["resource"]["resourceType"] for one in answer.json()["entry"]] == ["Encounter"]


# --- Versions ------------------------------------------------------------------------------------


async def test_every_version_of_a_session_can_be_read(rig: Rig) -> None:
    child = Child()
    session_id = await logged(rig, child)
    first = (await hub_reads(rig, child, f"Encounter/{session_id}")).json()
    await corrects(rig, child, session_id)
    second = (await hub_reads(rig, child, f"Encounter/{session_id}")).json()
    await voids(rig, session_id)
    third = (await hub_reads(rig, child, f"Encounter/{session_id}")).json()

    history = (await hub_reads(rig, child, f"Encounter/{session_id}/_history")).json()

    Bundle.model_validate(history)
    assert [entry["resource"] for entry in history["entry"]] == [third, second, first]
    assert [entry["response"]["etag"] for entry in history["entry"]] == [
        'W/"3"',
        'W/"2"',
        'W/"1"',
    ]
    assert [one["status"] for one in (first, second, third)] == [
        *("finished", "finished", "entered-in-error")
    ]
    assert [one["length"]["value"] for one in (first, second, third)] == [60, 45, 45]
    for number, version in enumerate((first, second, third), start=1):
        read = await hub_reads(rig, child, f"Encounter/{session_id}/_history/{number}")
        assert (read.json(), read.headers["etag"]) == (version, f'W/"{number}"')
    absent = await hub_reads(rig, child, f"Encounter/{session_id}/_history/4")
    assert absent.status_code == 404


async def test_a_version_in_work_is_nobodys_to_read(rig: Rig) -> None:
    child = Child()
    session_id = await logged(rig, child)
    body = session(child, FROM, "2026-11-19 16:45") | {"reason": "time"}
    path = f"sessions/{session_id}/amend"
    await rig.staff("mentor-77", {Role.MENTOR}, "POST", path, json=body)
    await Mentor(rig).signs(session_id)

    history = (await hub_reads(rig, child, f"Encounter/{session_id}/_history")).json()

    assert [one["resource"]["meta"]["versionId"] for one in history["entry"]] == ["1"]
    assert (await hub_reads(rig, child, f"Encounter/{session_id}")).json()["length"]["value"] == 60


async def test_nothing_of_a_void_session_stands(rig: Rig) -> None:
    child = Child()
    session_id = await logged(rig, child)
    await corrects(rig, child, session_id)
    await voids(rig, session_id)

    ratings = await hits(rig, child, f"Observation?patient={child.youth_id}")
    documents = await hits(rig, child, f"DocumentReference?patient={child.youth_id}")
    (encounter,) = await hits(rig, child, f"Encounter?patient={child.youth_id}")

    assert {one["status"] for one in (*ratings, *documents, encounter)} == {"entered-in-error"}
    assert (len(ratings), len(documents)) == (2, 2)


async def test_a_payer_reads_the_versions_of_a_session_and_no_rating(rig: Rig) -> None:
    child = Child()
    session_id = await logged(rig, child)
    await corrects(rig, child, session_id)
    (rating, *_) = await hits(rig, child, f"Observation?patient={child.youth_id}")

    history = await payer_reads(rig, child, f"Encounter/{session_id}/_history")
    include = await payer_reads(rig, child, "Encounter?_revinclude=Provenance:target")

    assert [len(one["resource"].get("participant", [])) for one in history.json()["entry"]] == [
        0,
        0,
    ]
    assert len(include.json()["entry"]) == 1
    assert (await payer_reads(rig, child, f"Observation/{rating['id']}")).status_code == 404


async def test_what_is_for_hubs_no_query_gives_to_a_payer(rig: Rig) -> None:
    """The door keeps payers out already; the rows do, too."""
    child = Child()
    await logged(rig, child)
    asked = Asked(child.payer, PartnerKind.PAYER, rig.clock.at.date(), limit=10)

    async with rig.pool.acquire() as conn:
        for find in (
            reads.list_observations,
            reads.list_documents,
            reads.list_provenances,
            reads.list_goals,
            reads.list_care_plans,
        ):
            assert await find(conn, asked) == [], find.__name__
        assert len(await reads.list_sessions(conn, asked)) == 1


async def test_another_hub_reads_no_version(rig: Rig) -> None:
    child, stranger = Child(), Child()
    session_id = await logged(rig, child)
    await begin(rig, stranger)

    for path in ("_history", "_history/1"):
        foreign = await hub_reads(rig, stranger, f"Encounter/{session_id}/{path}")
        assert foreign.status_code == 404


# --- Digits --------------------------------------------------------------------------------------


async def test_a_targets_decimals_keep_their_digits(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    know(rig, child, version=2)
    target = rig.stand_in.plans[str(child.youth_id), "2"]["goals"][0]["target"][0]
    del target["detailString"]
    target["detailQuantity"] = {"value": Decimal("1.00"), "unit": "prompts"}

    await rig.tell(child.planned(version=2))
    await rig.work()

    answer = await hub_reads(rig, child, f"Goal/{child.goals[0].goal_id}")
    assert '"value":1.00}' in answer.text
