"""However large or hostile a body is, nobody else waits 100 ms: the whole way, to the answer.

Large bodies are read, mapped and stored beside the loop. What counts is how long this process
computes, in whichever thread, while its loop does not turn: a busy machine changes nothing of it.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from services.chassis.fhir.guard import check_off_loop
from services.chassis.fhir.outcome import FhirRefused
from tests.badinput.doors import Door, notifications_door, referral_door
from tests.badinput.rows import another_child
from tests.badinput.samples import ours
from tests.notifications.rig import Rig as Notifications
from tests.referral.bundles import alone
from tests.referral.desk import Office
from tests.referral.rig import Hub

LONGEST_SECONDS = 0.1
ATTEMPTS = 2
URN = "urn:uuid:99999999-0000-4000-8000-{:012}"
NOTES = [{"text": "x" * 2_200}] * 2_000
SMALL = {"url": "https://a.example/x", "valueBoolean": True}
MANY = [{"url": "https://a.example/y", "extension": [SMALL] * 60}] * 1_200


def bundle_of_many() -> tuple[str, str, Any]:
    bundle = another_child()
    subject = {"reference": bundle["entry"][5]["fullUrl"]}
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x" * 1_800},
        "subject": subject,
    }
    bundle["entry"] += [
        {
            "fullUrl": URN.format(number),
            "resource": {**observation, "identifier": [{"system": "x:y", "value": str(number)}]},
            "request": {"method": "POST", "url": "Observation"},
        }
        for number in range(1_900)
    ]
    return "POST", "/fhir", bundle


def bundle_of_documents() -> tuple[str, str, Any]:
    bundle = another_child()
    data = base64.b64encode(b"x" * 2_900_000).decode()
    resource = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"contentType": "application/pdf", "data": data}}],
    }
    request = {"method": "POST", "url": "DocumentReference"}
    bundle["entry"].append({"resource": resource, "request": request})
    return "POST", "/fhir", bundle


def bundle_of_extensions() -> tuple[str, str, Any]:
    return "POST", "/fhir", another_child(entry__5__resource__extension=MANY)


def request_with_notes() -> tuple[str, str, Any]:
    return "POST", "/fhir/ServiceRequest", {**alone(another_child()), "note": NOTES}


def full_of_problems() -> tuple[str, str, Any]:
    return "POST", "/fhir", another_child(entry__14__resource__note=[{"text": " " * 2_200}] * 2_000)


def full_of_wrong_codes() -> tuple[str, str, Any]:
    telecom = [{"system": "smoke", "value": "x" * 2_200}] * 2_000
    return "POST", "/fhir", another_child(entry__5__resource__telecom=telecom)


def brackets() -> tuple[str, str, Any]:
    return "POST", "/fhir", b"[" * 4_900_000


def one_text() -> tuple[str, str, Any]:
    return "POST", "/fhir", b'{"resourceType":"Bundle","id":"' + b"\\u00e9" * 800_000 + b'"}'


def patient_again() -> tuple[str, str, Any]:
    patient = {**another_child()["entry"][5]["resource"], "extension": MANY}
    number = patient["identifier"][0]
    return "PUT", f"/fhir/Patient?identifier={number['system']}|{number['value']}", patient


HOSTILE = [
    *(bundle_of_many, bundle_of_documents, bundle_of_extensions, request_with_notes),
    *(full_of_problems, full_of_wrong_codes, brackets, one_text, patient_again),
]


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
async def test_nobody_waits_for_a_large_referral(
    office: Office, riverbend: Hub, make: Callable[[], tuple[str, str, Any]]
) -> None:
    door = await referral_door(office, riverbend)

    assert await shortest(door, make) < LONGEST_SECONDS


async def test_nobody_waits_for_a_change_to_what_is_large(office: Office, riverbend: Hub) -> None:
    door = await referral_door(office, riverbend)
    bundle = another_child(entry__5__resource__extension=MANY)
    assert (await riverbend.refer(bundle)).status_code == 200
    patient = bundle["entry"][5]["resource"]
    number = patient["identifier"][0]
    path = f"/fhir/Patient?identifier={number['system']}|{number['value']}"

    seconds = await shortest(door, lambda: ("PUT", path, {**patient, "active": False}))

    assert seconds < LONGEST_SECONDS


async def test_nobody_waits_for_a_large_task(office: Office, riverbend: Hub) -> None:
    door = await referral_door(office, riverbend)
    path = next(path for method, path in door.routes if path.startswith("/fhir/Task/"))
    task = (await riverbend.read(path.removeprefix("/fhir/"))).json()
    note = [*NOTES[:1_999], {"text": "y" * 2_200}]

    assert await shortest(door, lambda: ("PUT", path, {**task, "note": note})) < LONGEST_SECONDS


async def test_nobody_waits_for_a_large_subscription(rig_of_notifications: Notifications) -> None:
    door = await notifications_door(rig_of_notifications)
    wish = {**ours("21"), "extension": MANY}

    seconds = await shortest(door, lambda: ("POST", "/fhir/Subscription", wish))

    assert seconds < LONGEST_SECONDS


async def shortest(door: Door, make: Callable[[], tuple[str, str, Any]]) -> float:
    """The longest time for which the loop did nothing else, in the better of two attempts."""
    with suppress(FhirRefused):
        await check_off_loop(b" " * 70_000)  # the process that reads is up
    found = []
    for _ in range(ATTEMPTS):
        method, path, content = make()
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        assert 1_000_000 < len(body) < 5_000_000
        found.append(await longest_pause(door, method, path, body))
        if found[-1] < LONGEST_SECONDS:
            break
    return min(found)


async def longest_pause(door: Door, method: str, path: str, body: bytes) -> float:
    longest = 0.0

    async def listen() -> None:
        nonlocal longest
        while True:
            begin = time.process_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.process_time() - begin)

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.01)
    answer = await door.send(method, path, body)
    listening.cancel()
    assert answer.status_code < 500, answer.text
    return longest
