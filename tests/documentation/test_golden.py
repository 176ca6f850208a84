"""What we emit, whole, beside the samples in contracts/fhir/examples.

Ids, versions and times of storage are ours and differ; what else differs is listed here.
"""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fhir.resources.R4B.careplan import CarePlan
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.encounter import Encounter
from fhir.resources.R4B.goal import Goal
from fhir.resources.R4B.observation import Observation

from contracts.codes import GoalStatus, PartnerKind, ProgressScale
from services.documentation.domain.goals import Achievement, care_plan_id
from services.documentation.domain.views import GoalView, RatingView, Reader
from services.documentation.mapping.goal import goal_from_view
from tests.documentation.builders import (
    MRN,
    Child,
    HubGoal,
    Mentor,
    begin,
    hub_reads,
    payer_reads,
    rated,
    routine,
    session,
    talk,
)
from tests.documentation.rig import AGENCY_ID, Rig, at, day, person

EXAMPLES = Path(__file__).parents[2] / "contracts/fhir/examples"
MODELS: dict[str, Any] = {
    "Encounter": Encounter,
    "Goal": Goal,
    "CarePlan": CarePlan,
    "Observation": Observation,
    "DocumentReference": DocumentReference,
}
TALK, ROUTINE = (UUID(f"e4b71a90-6d3c-4852-9bf1-08d5c7e2088{n}") for n in (1, 2))


def sample(number: int) -> dict[str, Any]:
    (file,) = EXAMPLES.glob(f"{number:02d}-*.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def make_child(opened_on: str = "2026-11-10") -> Child:
    """The child of the samples."""
    return Child(
        youth_id=UUID("3f0b8c52-7d4e-4a19-8b6c-90e2d7a50042"),
        referral_id=UUID("a1c4e7d0-52b3-4f86-9e21-7d0c3b5a0042"),
        goals=(
            HubGoal(talk().text, "G-881", goal_id=TALK),
            HubGoal(routine().text, "G-882", due="2027-02-28", goal_id=ROUTINE),
        ),
        opened_on=day(opened_on),
    )


def emitted(text: str, child: Child, *ids: str) -> dict[str, Any]:
    """Our resource under the samples' ids: what is left to differ is content."""
    names = {
        str(person(child.mentor)): "mentor-77",
        str(person(child.supervisor)): "supervisor-4",
        str(AGENCY_ID): "northlight",
        str(care_plan_id(child.referral_id)): "97f02c5b-a3e8-4d16-8c74-b1e60d390042",
    }
    for ours, theirs in [*names.items(), *zip(ids[::2], ids[1::2], strict=True)]:
        text = text.replace(ours, theirs)
    resource: dict[str, Any] = json.loads(text)
    MODELS[resource["resourceType"]].model_validate(resource)
    return resource


def compared(resource: dict[str, Any], *left_out: str) -> dict[str, Any]:
    """A resource without its storage's own facts, and without the paths named."""
    resource = json.loads(json.dumps(resource))
    for path in ("meta.versionId", "meta.lastUpdated", *left_out):
        *parents, last = path.split(".")
        inside: Any = resource
        for part in parents:
            inside = inside[int(part)] if part.isdigit() else inside[part]
        del inside[int(last) if last.isdigit() else last]
    return resource


@pytest.mark.parametrize(
    ("number", "body", "left_out"),
    [
        (11, {"start": "2026-11-19 16:00", "end": "2026-11-19 17:15"}, ()),
        # The sample's youth lives with a foster family; a place of service does not tell.
        (
            12,
            {
                "start": "2026-12-01 15:30",
                "end": "2026-12-01 16:30",
                "place_of_service": "12",
            },
            ("location.0.location.display",),
        ),
        (
            13,
            {
                "start": "2026-12-08 16:00",
                "end": "2026-12-08 16:45",
                "place_of_service": "10",
                "modality": "video",
            },
            (),
        ),
    ],
    ids=["community", "home", "telehealth"],
)
async def test_a_hub_reads_a_session_as_in_the_sample(
    rig: Rig, number: int, body: dict[str, Any], left_out: tuple[str, ...]
) -> None:
    child = make_child()
    await begin(rig, child)
    rig.clock.at = at("2026-12-09 09:30")
    note = await Mentor(rig).logs(session(child, **body))

    answer = await hub_reads(rig, child, f"Encounter/{note['session_id']}")

    ours = emitted(answer.text, child, note["session_id"], sample(number)["id"])
    assert compared(ours, *left_out) == compared(sample(number), *left_out)


async def test_a_payer_reads_a_session_as_in_the_sample(rig: Rig) -> None:
    child = make_child()
    await begin(rig, child)
    note = await Mentor(rig).logs(session(child, "2026-11-19 16:00", "2026-11-19 17:15"))

    answer = await payer_reads(rig, child, f"Encounter/{note['session_id']}")

    ours = emitted(answer.text, child, note["session_id"], sample(29)["id"])
    assert compared(ours) == compared(sample(29))


async def four_sessions(rig: Rig, child: Child) -> None:
    """A skill that is rated 2, 2, 2 and then 3, and a routine that is worked on, unrated."""
    mentor, conversation = Mentor(rig), child.goals[0]
    for month_day, value in [("11-19", 2), ("12-01", 2), ("12-08", 2), ("12-17", 3)]:
        start, end = f"2026-{month_day} 16:00", f"2026-{month_day} 17:00"
        rig.clock.at = at(f"2026-{month_day} 17:30")
        goals = [rated(conversation, value), {"goal_id": str(ROUTINE)}]
        await mentor.logs(session(child, start, end, goals=goals))


async def test_a_hub_reads_a_goal_as_in_the_sample(rig: Rig) -> None:
    child = make_child()
    await begin(rig, child)
    await four_sessions(rig, child)

    answer = await hub_reads(rig, child, f"Goal/{TALK}")

    # The sample's rating is an earlier one; ours is the last.
    ours, theirs = emitted(answer.text, child), sample(18)
    assert ours["outcomeReference"] != theirs["outcomeReference"]
    assert compared(ours, "outcomeReference") == compared(theirs, "outcomeReference")


async def test_a_hub_reads_the_care_plan_as_in_the_sample(rig: Rig) -> None:
    child = make_child(opened_on="2026-11-19")
    rig.clock.at = at("2026-11-18 10:00")
    await begin(rig, child)
    await four_sessions(rig, child)

    answer = await hub_reads(rig, child, f"CarePlan/{care_plan_id(child.referral_id)}")

    ours, theirs = emitted(answer.text, child), sample(20)
    (progress,) = ours["activity"][0]["progress"]
    assert progress.pop("text") == "Improving, rating 3 of 4."
    # The sample's words for the goal are a person's; ours are made of codes and numbers.
    assert theirs["activity"][0]["progress"][0].pop("text").endswith("improving, rating 3 of 4.")
    not_served = (
        "activity.0.outcomeReference",  # compared by itself
        "activity.0.detail.scheduledTiming",  # scheduling's fact, not told as a rule of time
        "activity.0.detail.description",  # free text of a person
    )
    (outcome,) = ours["activity"][0].pop("outcomeReference")
    assert (await hub_reads(rig, child, outcome["reference"])).json()["valueInteger"] == 3
    assert compared(ours) == compared(theirs, *not_served)


def test_an_achieved_goal_is_completed_as_in_the_sample() -> None:
    """People will say that a goal is met; how that reads is settled already."""
    child = make_child()
    theirs = sample(19)
    ratings = tuple(
        RatingView(uuid4(), ProgressScale.MILESTONE, value, uuid4(), at("2026-12-17 17:30"))
        for value in (2, 2, 2, 3)
    )
    goal = GoalView(
        goal_id=TALK,
        version=11,
        updated_at=datetime(2027, 1, 28, 23, 0, tzinfo=UTC),
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        description=child.goals[0].text,
        category=theirs["category"],
        target=theirs["target"],
        identifiers=theirs["identifier"],
        start_date="2026-09-14",
        expressed_by=theirs["expressedBy"]["reference"],
        lifecycle=GoalStatus.COMPLETED,
        achievement=Achievement.ACHIEVED,
        status_on=date(2027, 1, 28),
        status_reason=theirs["statusReason"],
        ratings=ratings,
    )

    ours = goal_from_view(goal, Reader(PartnerKind.HUB, True, MRN["system"], MRN["value"]))

    text = json.dumps(ours).replace(str(ratings[-1].mentor_id), "mentor-77")
    assert compared(emitted(text, child), "outcomeReference") == compared(
        theirs, "outcomeReference"
    )


async def test_a_hub_reads_a_rating_and_a_summary_as_in_the_samples(rig: Rig) -> None:
    child = make_child()
    await begin(rig, child)
    rig.clock.at = at("2026-11-20 09:05")
    body = session(child, "2026-11-19 16:00", "2026-11-19 17:15", goals=[rated(child.goals[0], 2)])
    session_id = (await Mentor(rig).logs(body))["session_id"]

    for type_, number in [("Observation", 16), ("DocumentReference", 17)]:
        theirs = sample(number)
        found = await hub_reads(rig, child, f"{type_}?patient={child.youth_id}")
        (entry,) = found.json()["entry"]
        encounter = "c7a90e14-3b62-4d8f-b1f5-20e94d610001"
        ids = (session_id, encounter, entry["resource"]["id"], theirs["id"])
        ours = emitted(json.dumps(entry["resource"]), child, *ids)
        moment = "issued" if type_ == "Observation" else "date"
        # The sample writes milliseconds; it is the same instant.
        assert ours.pop(moment) == theirs.pop(moment).replace(".000", "")
        assert compared(ours) == compared(theirs)
