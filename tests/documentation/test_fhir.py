"""Who may read what under /fhir, and how searches and versions behave."""

from typing import Any
from uuid import uuid4

import pytest
from fhir.resources.R4B.bundle import Bundle

from contracts.codes import ConsentKind, HubService, PartnerKind
from contracts.events import ConsentRevoked, CoverageLapsed, HubDisengaged
from services.documentation.domain.goals import care_plan_id
from tests.documentation.builders import (
    Child,
    Mentor,
    begin,
    hub_reads,
    payer_reads,
    session,
)
from tests.documentation.rig import Rig, at, day

FROM, UNTIL = "2026-11-19 16:00", "2026-11-19 17:00"
TYPES = ("Encounter", "Goal", "CarePlan")


async def logged(rig: Rig, child: Child) -> dict[str, str]:
    """A child with one session; the id of one resource of each type."""
    await begin(rig, child)
    note = await Mentor(rig).logs(session(child, FROM, UNTIL))
    return {
        "Encounter": note["session_id"],
        "Goal": str(child.goals[0].goal_id),
        "CarePlan": str(care_plan_id(child.referral_id)),
    }


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    Bundle.model_validate(bundle)
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


async def sees(rig: Rig, child: Child, id_of: dict[str, str]) -> dict[str, tuple[int, int]]:
    """By type: the status of a read and the number of hits of a search."""
    found = {}
    for type_ in TYPES:
        read = await hub_reads(rig, child, f"{type_}/{id_of[type_]}")
        hits = ids(await hub_reads(rig, child, f"{type_}?patient={child.youth_id}"))
        found[type_] = (read.status_code, len(hits))
    return found


ALL = {"Encounter": (200, 1), "Goal": (200, 2), "CarePlan": (200, 1)}
NOTHING = dict.fromkeys(TYPES, (404, 0))


# --- Who reads -----------------------------------------------------------------------------------


async def test_a_hub_reads_its_own_children_and_no_others(rig: Rig) -> None:
    mine, theirs = Child(), Child()
    mine_ids, theirs_ids = await logged(rig, mine), {}
    await begin(rig, theirs)
    later = session(theirs, "2026-11-20 16:00", "2026-11-20 17:00")
    theirs_ids = {
        "Encounter": (await Mentor(rig).logs(later))["session_id"],
        "Goal": str(theirs.goals[0].goal_id),
        "CarePlan": str(care_plan_id(theirs.referral_id)),
    }

    assert await sees(rig, mine, mine_ids) == ALL
    for type_ in TYPES:
        foreign = await hub_reads(rig, mine, f"{type_}/{theirs_ids[type_]}")
        absent = await hub_reads(rig, mine, f"{type_}/{uuid4()}")
        nonsense = await hub_reads(rig, mine, f"{type_}/nonsense")
        assert (foreign.status_code, foreign.json()) == (404, absent.json())
        assert nonsense.json() == absent.json()
        by_patient = await hub_reads(rig, mine, f"{type_}?patient={theirs.youth_id}")
        by_id = await hub_reads(rig, mine, f"{type_}?_id={theirs_ids[type_]}")
        everything = await hub_reads(rig, mine, type_)
        assert (ids(by_patient), ids(by_id)) == ([], [])
        assert theirs_ids[type_] not in ids(everything)


async def test_without_a_release_a_hub_reads_nothing(rig: Rig) -> None:
    child = Child()
    id_of = await logged(rig, child)

    await rig.tell(
        ConsentRevoked(
            youth_id=child.youth_id,
            kind=ConsentKind.ROI_HUB,
            organisation_id=child.hub,
            effective_at=at("2026-11-22 14:02"),
        )
    )
    assert await sees(rig, child, id_of) == NOTHING

    await rig.tell(child.released())
    assert await sees(rig, child, id_of) == ALL


async def test_a_hub_that_ended_reads_nothing_from_its_first_day_without(rig: Rig) -> None:
    child = Child()
    id_of = await logged(rig, child)
    ended = HubDisengaged(
        youth_id=child.youth_id,
        organisation_id=child.hub,
        hub_service=HubService.IN_HOME_THERAPY,
        effective=day("2026-11-23"),
    )
    await rig.tell(ended)

    assert await sees(rig, child, id_of) == ALL
    rig.clock.at = at("2026-11-23 00:01")
    assert await sees(rig, child, id_of) == NOTHING


async def test_another_hub_of_the_youth_is_pointed_to_nothing_that_it_cannot_open(
    rig: Rig,
) -> None:
    child, other = Child(), uuid4()
    id_of = await logged(rig, child)
    await rig.tell(child.engaged(organisation_id=other), child.released(other))

    read = {type_: (await rig.partner(other, f"{type_}/{id_of[type_]}")).json() for type_ in TYPES}

    assert "basedOn" not in read["Encounter"]
    assert read["Encounter"]["participant"]
    assert {"expressedBy", "addresses"}.isdisjoint(read["Goal"])
    assert "basedOn" not in read["CarePlan"]
    assert not any("reference" in one for one in read["CarePlan"]["activity"])
    # Its own number of the youth is not known yet, and the other hub's is not shown.
    assert all(r["subject"] == {"reference": f"Patient/{child.youth_id}"} for r in read.values())


async def test_a_payer_reads_sessions_in_its_coverage_and_nothing_else(rig: Rig) -> None:
    child = Child()
    id_of = await logged(rig, child)

    assert (await payer_reads(rig, child, f"Encounter/{id_of['Encounter']}")).status_code == 200
    assert ids(await payer_reads(rig, child, "Encounter")) == [id_of["Encounter"]]
    for type_ in ("Goal", "CarePlan"):
        for path in (f"{type_}/{id_of[type_]}", f"{type_}?patient={child.youth_id}"):
            assert (await payer_reads(rig, child, path)).status_code == 404
    lapsed = CoverageLapsed(
        youth_id=child.youth_id, payer=child.payer, effective=day("2026-11-19"), retro=True
    )
    await rig.tell(lapsed)
    assert (await payer_reads(rig, child, f"Encounter/{id_of['Encounter']}")).status_code == 404
    assert ids(await payer_reads(rig, child, "Encounter")) == []


async def test_a_hub_is_no_payer_of_the_same_organisation(rig: Rig) -> None:
    child = Child()
    id_of = await logged(rig, child)

    answer = await rig.partner(child.hub, f"Encounter/{id_of['Encounter']}", kind=PartnerKind.PAYER)

    assert answer.status_code == 404


async def test_a_note_that_is_not_final_is_no_encounter(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(session(child, FROM, UNTIL))
    await mentor.signs(session_id)

    assert (await hub_reads(rig, child, f"Encounter/{session_id}")).status_code == 404
    assert ids(await hub_reads(rig, child, "Encounter")) == []


async def test_a_token_without_the_scope_reads_nothing(rig: Rig) -> None:
    child = Child()
    id_of = await logged(rig, child)

    for type_ in TYPES:
        answer = await rig.partner(child.hub, f"{type_}/{id_of[type_]}", scope="system/Task.rs")
        assert answer.status_code == 403


# --- Searches ------------------------------------------------------------------------------------


async def test_sessions_are_found_by_day(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    by_day = {}
    for one in ("17", "18", "19"):
        body = session(child, f"2026-11-{one} 23:00", f"2026-11-{one} 23:45")
        by_day[one] = (await mentor.logs(body))["session_id"]

    async def on(query: str) -> set[str]:
        answer = await hub_reads(rig, child, f"Encounter?patient=Patient/{child.youth_id}&{query}")
        found = ids(answer)
        return {one for one, id_ in by_day.items() if id_ in found}

    assert await on("date=2026-11-18") == {"18"}
    assert await on("date=ge2026-11-18") == {"18", "19"}
    assert await on("date=lt2026-11-18") == {"17"}
    assert await on("date=ge2026-11-17&date=le2026-11-18") == {"17", "18"}
    assert await on("date=2026-11") == {"17", "18", "19"}
    assert await on("date=2027") == set()


@pytest.mark.parametrize(
    ("category", "found"),
    [
        ("assess-plan", True),
        ("http://hl7.org/fhir/us/core/CodeSystem/careplan-category|assess-plan", True),
        ("http://hl7.org/fhir/us/core/CodeSystem/careplan-category|", True),
        ("other,assess-plan", True),
        ("http://snomed.info/sct|assess-plan", False),
        ("|assess-plan", False),
    ],
)
async def test_the_care_plan_is_found_by_its_category(rig: Rig, category: str, found: bool) -> None:
    child = Child()
    await begin(rig, child)
    query = {"patient": str(child.youth_id), "category": category}

    answer = await hub_reads(rig, child, "CarePlan", params=query)

    assert ids(answer) == ([str(care_plan_id(child.referral_id))] if found else [])


async def test_an_unknown_filter_is_refused(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)

    for type_ in TYPES:
        assert (await hub_reads(rig, child, f"{type_}?bogus=1")).status_code == 400


async def test_pages_show_every_session_once(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    made = [
        (await mentor.logs(session(child, f"2026-11-1{n} 16:00", f"2026-11-1{n} 17:00")))[
            "session_id"
        ]
        for n in range(5)
    ]

    found, path = [], f"Encounter?patient={child.youth_id}&_count=2"
    while path:
        answer = await hub_reads(rig, child, path)
        found += ids(answer)
        links = {link["relation"]: link["url"] for link in answer.json()["link"]}
        path = links.get("next", "").partition("/fhir/")[2]

    assert found == made


async def test_what_changed_is_found_once_it_has_settled(rig: Rig) -> None:
    child = Child()
    await logged(rig, child)
    await rig.pool.execute("UPDATE session SET updated_at = now() - interval '1 minute'")
    await rig.pool.execute("UPDATE care_plan SET updated_at = now()")

    since = "_lastUpdated=ge2026-01-01"

    assert len(ids(await hub_reads(rig, child, f"Encounter?{since}"))) == 1
    # Younger than the longest transaction: something older may still be on its way.
    assert ids(await hub_reads(rig, child, f"CarePlan?{since}")) == []


# --- Versions ------------------------------------------------------------------------------------


async def test_a_version_that_the_reader_has_is_not_sent_again(rig: Rig) -> None:
    child = Child()
    id_of = await logged(rig, child)

    for type_ in TYPES:
        path = f"{type_}/{id_of[type_]}"
        first = await hub_reads(rig, child, path)
        etag = first.headers["etag"]
        again = await hub_reads(rig, child, path, headers={"if-none-match": etag})
        assert etag == f'W/"{first.json()["meta"]["versionId"]}"'
        assert (again.status_code, again.content) == (304, b"")

    await Mentor(rig).logs(session(child, "2026-11-20 16:00", "2026-11-20 17:00"))
    path = f"Goal/{id_of['Goal']}"
    assert (await hub_reads(rig, child, path)).json()["meta"]["versionId"] != "1"


async def test_a_further_rating_makes_a_new_version_even_where_the_trend_stays(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    versions = []
    for one in ("17", "18", "19"):
        await mentor.logs(session(child, f"2026-11-{one} 16:00", f"2026-11-{one} 17:00"))
        goal = (await hub_reads(rig, child, f"Goal/{child.goals[0].goal_id}")).json()
        versions.append((int(goal["meta"]["versionId"]), goal["note"][0]["text"]))

    assert versions == [
        (versions[0][0], "Rating 2 in one session."),
        (versions[0][0] + 1, "Rating stands at 2 after two sessions."),
        (versions[0][0] + 2, "Rating stands at 2 after three sessions."),
    ]
