"""RELIABILITY.md §6 at the staff's own doors: B-107 to B-112, each refusal with a sentence.

What is refused leaves the note a draft, or no appointment at all. B-55 is in
tests/security/test_staff_door.py, and every case of a note in tests/documentation.
"""

from typing import Any
from uuid import UUID

import httpx
import pytest

from contracts.codes import Role
from contracts.events import SessionLogged
from services.chassis.db import Pool
from tests.badinput.rows import another_child
from tests.documentation.builders import Child, Mentor, begin, rated, session, states, talk
from tests.documentation.conftest import rig
from tests.documentation.rig import Rig, at
from tests.referral.desk import Office, refer
from tests.referral.rig import Hub
from tests.referral.test_mapping_reads import confirm, payer_of
from tests.scheduling import builders as scheduling
from tests.scheduling.conftest import child, door, pool
from tests.scheduling.door import Door
from tests.scheduling.test_api import new_appointment

__all__ = ["child", "door", "pool", "rig"]  # a documentation and a scheduling service
FROM, UNTIL = "2026-11-19 16:00", "2026-11-19 17:00"


def is_a_sentence(answer: httpx.Response) -> bool:
    text = str(answer.json()["message"])
    return not text[0].islower() and text.endswith(".") and " " in text


# --- B-107: goals and the plan -------------------------------------------------------------------


async def test_b107_a_goal_that_is_not_in_the_hubs_plan_is_not_billed(rig: Rig) -> None:
    youth, mentor = Child(), Mentor(rig)
    await begin(rig, youth)
    body = session(youth, FROM, UNTIL, goals=[rated(talk(), 2)])
    session_id = await mentor.drafts(body)

    refused = await mentor.signs(session_id)
    assert (refused.status_code, refused.json()["code"]) == (422, "goal-not-on-plan")
    assert is_a_sentence(refused)
    assert await states(rig) == ["draft"]
    await mentor.revises(session_id, body | {"billable": False})
    await mentor.signs(session_id)

    assert (await mentor.cosigned(session_id)).json()["units"] == 0


async def test_b107_a_plan_that_does_not_name_mentoring_is_incomplete(
    office: Office, riverbend: Hub
) -> None:
    """None of its goals is ours: the referral is kept, and the hub is told what is missing."""
    bundle = another_child()
    plan, request = (bundle["entry"][n]["resource"] for n in (11, 14))
    for resource, element in ((plan, "activity"), (request, "extension")):
        resource.pop(element, None)

    known = await refer(riverbend, bundle)

    assert await office.state(known.referral_id) == "incomplete"
    task = (await riverbend.read(f"Task/{known.task_id}")).json()
    assert task["businessStatus"]["coding"][0]["code"] == "awaiting-information"


# --- B-108: times that are none ------------------------------------------------------------------

ABSURD = {
    "B-108 negative": (FROM, "2026-11-19 15:00", "session-ends-before-it-begins"),
    "B-108 26 hours": (FROM, "2026-11-20 18:00", "session-crosses-midnight"),
    "B-108 over midnight": ("2026-11-19 23:30", "2026-11-20 00:30", "session-crosses-midnight"),
    "B-108 future": ("2026-11-22 18:00", "2026-11-22 19:00", "session-in-the-future"),
    "B-108 after discharge": ("2026-11-21 16:00", "2026-11-21 17:00", "episode-closed"),
}


@pytest.mark.parametrize("id_", ABSURD)
async def test_no_note_is_signed_of_a_time_that_cannot_be(rig: Rig, id_: str) -> None:
    start, end, code = ABSURD[id_]
    youth, mentor = Child(), Mentor(rig)
    await begin(rig, youth)
    if "discharge" in id_:
        await rig.tell(youth.closed("goals-met"))
    body = session(youth, start, end)

    answer = await rig.staff("mentor-77", {Role.MENTOR}, "POST", "sessions", json=body)
    if answer.status_code == 201:
        answer = await mentor.signs(answer.json()["session_id"])

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert is_a_sentence(answer)
    assert set(await states(rig)) <= {"draft"}
    assert await rig.told(SessionLogged) == []


async def test_b108_a_session_that_overlaps_is_not_signed(rig: Rig) -> None:
    one, other, mentor = Child(), Child(), Mentor(rig)
    await begin(rig, one)
    await begin(rig, other)
    await mentor.logs(session(one, FROM, UNTIL))

    refused = await mentor.signs(
        await mentor.drafts(session(other, "2026-11-19 16:59", "2026-11-19 17:30"))
    )

    assert (refused.status_code, refused.json()["code"]) == (409, "mentor-sessions-overlap")
    assert is_a_sentence(refused)


async def test_b108_a_session_over_the_change_of_clocks_is_fine(rig: Rig) -> None:
    """The hour from one to two comes twice on 2026-11-01, and both count."""
    youth = Child(opened_on=at("2026-10-20 09:00").date())
    know_early = youth.planned(effective="2026-10-20")
    await begin(rig, youth, opened=False)
    await rig.tell(know_early, youth.assigned(), youth.opened(), at=at("2026-10-20 09:00"))

    note = await Mentor(rig).logs(
        session(youth, "2026-11-01 00:30", "2026-11-01 02:00", billable=False)
    )

    assert (note["state"], note["minutes"]) == ("final", 150)


BOOKINGS = {
    "B-108 negative": {"end": "2026-12-01T15:00:00-05:00"},
    "B-108 26 hours": {"end": "2026-12-02T18:00:00-05:00"},
    "B-108 over midnight": {"start": "2026-12-01T23:30-05:00", "end": "2026-12-02T00:30-05:00"},
}


@pytest.mark.parametrize("id_", BOOKINGS)
async def test_nothing_is_booked_at_a_time_that_cannot_be(
    door: Door, child: scheduling.Child, pool: Pool, id_: str
) -> None:
    episode_id = await child.admit()

    answer = await door.post(
        "/appointments", new_appointment(episode_id, **BOOKINGS[id_]), by="scheduler:sam"
    )

    assert answer.status_code == 422
    assert is_a_sentence(answer)
    assert await pool.fetchval("SELECT count(*) FROM appointment") == 0


# --- B-109, B-110: units and standing ------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "units"),
    [
        pytest.param(14, 0, id="B-109 14 minutes"),
        pytest.param(15, 1, id="B-109 15 minutes"),
        pytest.param(29, 1, id="B-109 29 minutes"),
        pytest.param(30, 2, id="B-109 30 minutes"),
    ],
)
async def test_units_are_computed_by_us(rig: Rig, minutes: int, units: int) -> None:
    youth = Child()
    await begin(rig, youth)

    note = await Mentor(rig).logs(session(youth, FROM, f"2026-11-19 16:{minutes}"))

    assert note["units"] == units


async def test_b109_units_that_a_client_sends_are_refused(rig: Rig) -> None:
    youth = Child()
    await begin(rig, youth)
    body = session(youth, FROM, UNTIL, units=40)

    answer = await rig.staff("mentor-77", {Role.MENTOR}, "POST", "sessions", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert await states(rig) == []


STANDING: dict[str, tuple[dict[str, Any], str]] = {
    "B-110 no credential that day": (
        {"standing_until": at("2026-11-18 00:00").date()},
        "mentor-without-standing",
    ),
    "B-110 supervisor is the mentor": ({"supervisor": "mentor-77"}, "supervisor-is-author"),
}


@pytest.mark.parametrize("id_", STANDING)
async def test_no_note_is_signed_by_whom_it_must_not(rig: Rig, id_: str) -> None:
    changes, code = STANDING[id_]
    youth, mentor = Child(**changes), Mentor(rig)
    await begin(rig, youth)

    answer = await mentor.signs(await mentor.drafts(session(youth, FROM, UNTIL)))

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert is_a_sentence(answer)
    assert await states(rig) == ["draft"]


# --- B-111, B-112: two hubs, and an address ------------------------------------------------------


async def test_b111_of_two_updates_on_one_version_the_second_is_refused(
    office: Office, riverbend: Hub
) -> None:
    """Two systems of one hub; another hub finds no Task there at all."""
    known = await refer(riverbend, another_child())
    other = await office.hub("1000000004", "Another hub")
    task = (await riverbend.read(f"Task/{known.task_id}")).json()
    path = f"/fhir/Task/{known.task_id}"
    stale = {"if_match": f'W/"{task["meta"]["versionId"]}"'}
    first, second = [{**task, "note": [{"text": text}]} for text in ("a", "b")]

    taken = await riverbend.send("PUT", path, first, **stale)
    refused = await riverbend.send("PUT", path, second, **stale)
    foreign = await other.send("PUT", path, second, **stale)

    assert (taken.status_code, refused.status_code, foreign.status_code) == (200, 412, 404)
    kept = (await riverbend.read(f"Task/{known.task_id}")).json()
    assert [note["text"] for note in kept["note"]] == ["a"]


async def test_b112_the_address_of_a_child_goes_to_nobody_but_its_hub(
    office: Office, riverbend: Hub
) -> None:
    """Confidential or not: neither its payer, nor another service, nor any event is told."""
    street = "7731 Zebra Lane"
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    known = await refer(
        riverbend,
        another_child(
            entry__5__resource__meta={"security": [label]},
            entry__5__resource__address=[{"line": [street], "city": "Holyoke", "state": "MA"}],
        ),
    )
    payer = await payer_of(office)
    await confirm(office, UUID(known.youth_id), payer.organisation_id)

    own = await riverbend.read(f"Patient/{known.youth_id}")
    by_payer = await payer.read(f"Patient/{known.youth_id}")
    by_peer = await office.as_peer(f"/internal/youths/{known.youth_id}", name="notifications")

    assert street in own.text
    assert (by_payer.status_code, by_peer.status_code) == (200, 200)
    events = await office.pool.fetch("SELECT convert_from(body, 'utf8') AS body FROM event")
    told = by_payer.text + by_peer.text + "".join(row["body"] for row in events)
    assert "Zebra" not in told
    assert "Holyoke" not in told
