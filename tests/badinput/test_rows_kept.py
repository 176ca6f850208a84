"""RELIABILITY.md §6: what is kept with a warning, or depends on what is here (B-40, B-42, B-54)."""

import copy
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.badinput.rows import (
    EPISODE,
    GOAL,
    REQUEST,
    another_child,
    at,
    rows_of,
    said,
    told,
    with_,
)
from tests.postgres import Server
from tests.referral.bundles import Bundle
from tests.referral.desk import Office
from tests.referral.rig import Hub, located

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
LABELS = {
    "R": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
    **{"PSY": ACT_CODE, "ETH": ACT_CODE, "42CFRPart2": ACT_CODE},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rows(server: Server) -> AsyncIterator[tuple[Office, Hub]]:
    async with rows_of(server) as opened:
        yield opened


# --- B-40: a code whose words are another's -----------------------------------------------------


@pytest.mark.parametrize(
    ("path", "entry", "place"),
    [
        pytest.param(f"{REQUEST}.resource.code.coding.1.display", 14, "code.coding[1]", id="code"),
        pytest.param(
            f"{EPISODE}.resource.type.0.coding.0.display", 12, "type[0].coding[0]", id="hub"
        ),
    ],
)
async def test_b40_words_of_another_code_are_a_warning(
    rows: tuple[Office, Hub], path: str, entry: int, place: str
) -> None:
    bundle = with_(path, "Applied Behavior Analysis", another_child())

    answer = await rows[1].refer(bundle)

    assert answer.status_code == 200, answer.text
    assert ("warning", "informational") in told(answer, entry)
    assert f"{place}.display" in json.dumps(answer.json()["entry"][entry])
    assert "Applied" not in answer.text


async def test_b40_the_same_words_otherwise_written_are_none(rows: tuple[Office, Hub]) -> None:
    bundle = with_(
        f"{REQUEST}.resource.code.coding.1.display", "THERAPEUTIC  mentoring", another_child()
    )

    answer = await rows[1].refer(bundle)

    assert "display" not in json.dumps(answer.json()["entry"][14])


# --- B-42: confidential ------------------------------------------------------------------------


def labelled(code: str, bundle: Bundle) -> Bundle:
    """The second goal of the plan says of itself that it is confidential."""
    label = {"system": LABELS[code], "code": code}
    return with_("entry.10.resource.meta", {"security": [label]}, bundle)


@pytest.mark.parametrize("code", list(LABELS))
async def test_b42_what_is_labelled_is_kept_with_its_label(
    rows: tuple[Office, Hub], code: str
) -> None:
    _, hub = rows

    answer = await hub.refer(labelled(code, another_child()))

    assert answer.status_code == 200, answer.text
    severity = "warning" if code in ("ETH", "42CFRPart2") else "information"
    assert (severity, "informational") in told(answer, 10)
    goal = answer.json()["entry"][10]["response"]["location"].split("/_history")[0]
    read = (await hub.read(goal)).json()
    assert read["meta"]["security"][0]["code"] == code


@pytest.mark.parametrize("code", ["ETH", "42CFRPart2"])
async def test_b42_part_2_leaves_the_mirror_for_nobody(rows: tuple[Office, Hub], code: str) -> None:
    """S29: absent from the plan that others are told of and ask for; the referral goes on."""
    office, hub = rows
    bundle = labelled(code, another_child())
    secret = bundle["entry"][10]["resource"]["description"]["text"]

    answer = await hub.refer(bundle)

    youth_id = located(answer.json(), "Patient").split("/")[1]
    plan = (await office.as_peer(f"/internal/hub-plans/{youth_id}/1")).json()
    assert len(plan["goals"]) == 1
    assert secret not in json.dumps(plan)
    events = await office.pool.fetch(
        "SELECT convert_from(body, 'utf8') AS body FROM event WHERE stream_id = $1::text::uuid",
        youth_id,
    )
    (told_plan,) = [json.loads(e["body"]) for e in events if '"goals"' in e["body"]]
    assert [goal["goal_id"] for goal in told_plan["goals"]] == [
        goal["goal_id"] for goal in plan["goals"]
    ]
    assert not any(code in event["body"] for event in events)


# --- B-54: a condition with none, one and two matches -------------------------------------------


def unconditional(bundle: Bundle, *places: int) -> Bundle:
    copied = copy.deepcopy(bundle)
    for place in places:
        copied["entry"][place]["request"].pop("ifNoneExist", None)
    return copied


async def test_b54_none_creates_and_one_is_found(rows: tuple[Office, Hub]) -> None:
    bundle = another_child()

    first, second = await rows[1].refer(bundle), await rows[1].refer(bundle)

    statuses = [answer.json()["entry"][9]["response"]["status"][:3] for answer in (first, second)]
    assert statuses == ["201", "200"]


@pytest.mark.parametrize("way", ["ifNoneExist", "PUT"])
async def test_b54_a_condition_that_two_match_names_none(
    rows: tuple[Office, Hub], way: str
) -> None:
    """The hub sent one number on two goals of one child: which is meant?"""
    office, hub = rows
    bundle = another_child()
    number = bundle["entry"][9]["resource"]["identifier"]
    twice: Any = with_("entry.10.resource.identifier", number, unconditional(bundle, 9, 10))
    first = await hub.refer(twice)
    assert first.status_code == 200, first.text
    before = await office.count("event")

    if way == "PUT":
        goal = twice["entry"][9]["resource"]
        goal = goal | {"subject": {"reference": located(first.json(), "Patient")}}
        path = f"/fhir/Goal?identifier={number[0]['system']}|{number[0]['value']}"
        answer = await hub.send("PUT", path, {k: v for k, v in goal.items() if k != "expressedBy"})
    else:
        answer = await hub.refer(with_(f"{GOAL}.request.ifNoneExist", condition(number[0]), twice))

    assert answer.status_code == 412, answer.text
    assert "duplicate" in [code for code, _ in said(answer)]
    assert await office.count("event") == before


def condition(number: dict[str, str]) -> str:
    return f"identifier={number['system']}|{number['value']}"


async def test_b54_the_number_of_another_client_counts_for_nothing(
    rows: tuple[Office, Hub],
) -> None:
    office, hub = rows
    bundle = another_child()
    await hub.refer(bundle)
    npi = f"10000{len(await office.pool.fetch('SELECT FROM partner_organisation')):02}"
    other = await office.hub(npi=npi, name="Another")
    bundle["entry"][14]["resource"].pop("requester")
    bundle["entry"][15]["resource"].pop("requester")

    answer = await other.refer(bundle)

    assert answer.status_code == 200, answer.text
    assert answer.json()["entry"][9]["response"]["status"].startswith("201")
    assert at(GOAL) not in answer.text
