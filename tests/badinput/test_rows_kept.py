"""RELIABILITY.md §6: what is unusual and kept, kept with a warning, or depends on what is here."""

import copy
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
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


async def test_b54_two_goals_under_one_number_are_kept_with_a_warning(
    rows: tuple[Office, Hub],
) -> None:
    """While the hub can still mend it: later a condition by that number is refused."""
    bundle = another_child()
    number = bundle["entry"][9]["resource"]["identifier"]
    twice = with_("entry.10.resource.identifier", number, unconditional(bundle, 9, 10))

    alike, fine = await rows[1].refer(twice), await rows[1].refer(another_child())

    assert alike.status_code == fine.status_code == 200
    assert ("warning", "informational") in told(alike, 10)
    assert "same number" not in json.dumps([alike.json()["entry"][9], fine.json()])


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


# --- What is unusual ------------------------------------------------------------------------------

FLAG = {
    "resource": {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/1"},
    },
    "request": {"method": "POST", "url": "Flag"},
}


async def test_b26_a_type_that_we_do_not_use_is_mirrored(rows: tuple[Office, Hub]) -> None:
    bundle = another_child()
    bundle["entry"].append(FLAG)

    answer = await rows[1].refer(bundle)

    assert ("information", "informational") in told(answer, 16)
    assert answer.json()["entry"][16]["response"]["location"].startswith("Flag/h-")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("patientInstruction", "\u202eabc", id="B-11 right to left"),
        pytest.param("authoredOn", "2016-12-31T23:59:60Z", id="B-33 leap second"),
        pytest.param("authoredOn", "0001-01-01T00:00:00+14:00", id="B-33 the first year"),
        pytest.param("authoredOn", "9999-12-31T23:59:59-13:00", id="B-33 the last year"),
        pytest.param(
            "occurrenceTiming",
            {"repeat": {"dayOfWeek": ["mon"], "timeOfDay": ["16:00:00"], "duration": 1e308,
                        "durationUnit": "h"}},
            id="B-07 an endless window",
        ),
    ],
)  # fmt: skip
async def test_what_is_unusual_is_kept(rows: tuple[Office, Hub], path: str, value: Any) -> None:
    bundle = another_child()
    request = bundle["entry"][14]["resource"]
    if path.startswith("occurrence"):
        request.pop("occurrencePeriod", None)
    request[path] = value

    answer = await rows[1].refer(bundle)

    assert answer.status_code == 200, answer.text
    kept = (await rows[1].read(located(answer.json(), "ServiceRequest"))).json()
    assert kept[path] == value


@pytest.mark.parametrize("number", ["1.00", "12345678901234567890.5", "1E+308", "1E-999"])
async def test_b36_numbers_keep_their_digits(rows: tuple[Office, Hub], number: str) -> None:
    """B-07, B-36; in a goal's target too, which goes on to documentation."""
    bundle = another_child()
    bundle["entry"][9]["resource"]["target"][0] = {
        "measure": {"text": "x"},
        "detailQuantity": {"value": "NUMBER"},
    }
    body = json.dumps(bundle).replace('"NUMBER"', number).encode()

    answer = await rows[1].send("POST", "/fhir", body)

    assert answer.status_code == 200, answer.text
    place = answer.json()["entry"][9]["response"]["location"].split("/_history")[0]
    read = json.loads((await rows[1].read(place)).content, parse_float=Decimal)
    assert read["target"][0]["detailQuantity"]["value"] == Decimal(number)
    assert body in [
        row["bytes"] for row in await rows[0].pool.fetch("SELECT bytes FROM submission")
    ]


@pytest.mark.parametrize(
    ("birth_date", "state"),
    [
        pytest.param("2005-11-09", "ineligible", id="B-34 21 today"),
        pytest.param("2005-11-10", "pending_eligibility", id="B-34 21 tomorrow"),
        pytest.param("2008-02-29", "pending_eligibility", id="B-34 29 February"),
        pytest.param("2008-02", "incomplete", id="B-34 partial"),
    ],
)
async def test_b34_an_age_is_judged_by_rule_and_never_refused(
    rows: tuple[Office, Hub], birth_date: str, state: str
) -> None:
    office, hub = rows

    answer = await hub.refer(another_child(entry__5__resource__birthDate=birth_date))

    assert answer.status_code == 200
    details = json.dumps(answer.json()["entry"][14])
    assert ("gap-birth-date" in details) == (state == "incomplete")
    assert await office.state(located(answer.json(), "ServiceRequest").split("/")[1]) == state


@pytest.mark.parametrize(
    ("hour", "state"),
    [(datetime(2026, 11, 10, 4, 59, tzinfo=UTC), "pending_eligibility"),
     (datetime(2026, 11, 10, 5, 1, tzinfo=UTC), "ineligible")],
    ids=["B-34 still the ninth in New York", "B-34 the tenth in New York"],
)  # fmt: skip
async def test_b34_a_birthday_begins_at_midnight_in_new_york(
    rows: tuple[Office, Hub], hour: datetime, state: str
) -> None:
    office, hub = rows
    before, office.clock.at = office.clock.at, hour

    answer = await hub.refer(another_child(entry__5__resource__birthDate="2005-11-10"))
    office.clock.at = before

    assert await office.state(located(answer.json(), "ServiceRequest").split("/")[1]) == state


async def test_b37_an_unsafe_narrative_is_left_out_with_a_warning(
    rows: tuple[Office, Hub],
) -> None:
    text = {"status": "generated", "div": "<div><script>x</script></div>"}

    answer = await rows[1].refer(another_child(entry__5__resource__text=text))

    assert ("warning", "informational") in told(answer, 5)
    assert "text" not in (await rows[1].read(located(answer.json(), "Patient"))).json()


@pytest.mark.parametrize("alike", ["B-41 Medicaid number", "B-41 name and birth date"])
async def test_b41_the_second_of_two_that_are_alike_is_looked_at_by_a_person(
    rows: tuple[Office, Hub], alike: str
) -> None:
    one, two = another_child(), another_child()
    patients = [bundle["entry"][5]["resource"] for bundle in (one, two)]
    if "Medicaid" in alike:
        two = json.loads(
            json.dumps(two).replace(
                patients[1]["identifier"][1]["value"], patients[0]["identifier"][1]["value"]
            )
        )
    else:
        patients[1]["name"] = patients[0]["name"]

    answers = [await rows[1].refer(bundle) for bundle in (one, two)]

    ids = [located(answer.json(), "ServiceRequest").split("/")[1] for answer in answers]
    states = [await rows[0].state(id_) for id_ in ids]
    assert states[0] != "duplicate_review"
    assert states[1] == "duplicate_review"


@pytest.mark.parametrize("label", ["R", "PSY", "ETH"])
async def test_b42_a_label_stays_on_what_it_labels(rows: tuple[Office, Hub], label: str) -> None:
    system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
    system = system if label == "R" else "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    security = [{"system": system, "code": label}]

    answer = await rows[1].refer(another_child(entry__8__resource__meta={"security": security}))

    assert answer.status_code == 200
    place = answer.json()["entry"][8]["response"]["location"].split("/_history")[0]
    assert (await rows[1].read(place)).json()["meta"]["security"] == security


@pytest.mark.parametrize(
    ("where", "length"),
    [
        ("MRN", 100_000),
        ("referral number", 20_000),
        ("family name", 100_000),
        ("goal number", 20_000),
    ],
)
async def test_a_very_long_number_or_name_is_answered(
    rows: tuple[Office, Hub], where: str, length: int
) -> None:
    """Text that no index can hold: refused with its place, or kept; never a 500."""
    long = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))
    place = {
        "MRN": "entry.5.resource.identifier.0.value",
        "family name": "entry.5.resource.name.0.family",
        "goal number": "entry.9.resource.identifier.0.value",
        "referral number": "entry.14.resource.identifier.0.value",
    }[where]

    answer = await rows[1].refer(another_child(**{place.replace(".", "__"): long}))

    assert answer.status_code in (200, 422), answer.text
    assert long[:50] not in answer.text
