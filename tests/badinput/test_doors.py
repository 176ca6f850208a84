"""Whole folders and seeded mutations thrown at every route by which partners write.

Never a 5xx, always a located OperationOutcome, nothing written by a refusal, nothing repeated.
Each run sends a share of the mutations; `DOOR_MUTATIONS=6700` sends 20,000 in ten minutes.
"""

import json
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.badinput.doors import Door, beside, marked, notifications_door, referral_door
from tests.badinput.samples import OURS, THIRD_PARTY, folder, need, ours
from tests.badinput.test_corpora import mutated
from tests.notifications.rig import Rig as Notifications
from tests.referral.bundles import alone, make_bundle
from tests.referral.desk import Office
from tests.referral.rig import Hub

SEED = int(os.environ.get("SEED", "20261122"))
MUTATIONS = int(os.environ.get("DOOR_MUTATIONS", "300"))
FOLDERS = ("nasty-fhir-test-cases", "valid-fhir-test-cases")


@pytest.fixture
async def referral(office: Office, riverbend: Hub) -> Door:
    return await referral_door(office, riverbend)


@pytest.fixture
async def notifications(rig_of_notifications: Notifications) -> Door:
    return await notifications_door(rig_of_notifications)


def bodies() -> Iterator[tuple[str, bytes]]:
    """Every third-party file made to be hard, our own samples, and the seeded defects."""
    for name in FOLDERS:
        for file in need(folder(name), name):
            yield file.name, file.read_bytes()
    for file in sorted(OURS.glob("*.json")):
        yield file.name, file.read_bytes()
    seeded = THIRD_PARTY / "packages/seeded-errors-59.json"
    for case in json.loads(seeded.read_bytes()) if seeded.exists() else ():
        yield case["name"], json.dumps(case["resource"]).encode()


async def test_every_file_at_every_route_of_referral(referral: Door) -> None:
    for name, body in bodies():
        for method, path in referral.routes:
            try:
                await referral.knock(method, path, body)
            except AssertionError as error:
                raise AssertionError(f"{name} at {method} {path}") from error


async def test_every_file_beside_a_good_referral(referral: Door) -> None:
    for name, body in bodies():
        try:
            resource = json.loads(body)
        except ValueError:
            continue
        try:
            await referral.knock("POST", "/fhir", beside(resource))
        except AssertionError as error:
            raise AssertionError(name) from error


async def test_every_file_at_every_route_of_notifications(notifications: Door) -> None:
    for name, body in bodies():
        for method, path in notifications.routes:
            try:
                await notifications.knock(method, path, body)
            except AssertionError as error:
                raise AssertionError(f"{name} at {method} {path}") from error


async def test_mutated_referrals_are_taken_or_refused(referral: Door) -> None:
    draw = random.Random(SEED)
    samples = [marked(make_bundle()), marked(ours("28"))]
    for number in range(MUTATIONS):
        bundle = fresh(draw, mutated(draw, draw.choice(samples)))
        await at(referral, "POST", "/fhir", bundle, f"SEED={SEED} mutation {number}")


async def test_mutated_requests_and_updates_are_taken_or_refused(referral: Door) -> None:
    draw = random.Random(SEED + 1)
    bundle = make_bundle()
    by_type = {entry["resource"]["resourceType"]: entry["resource"] for entry in bundle["entry"]}
    samples = {"ServiceRequest": alone(bundle)}
    for number in range(MUTATIONS):
        method, path = draw.choice([r for r in referral.routes if r[1] not in ("/fhir", "/fhir/")])
        type_ = path.removeprefix("/fhir/").partition("?")[0].partition("/")[0]
        sample = samples.get(type_, by_type[type_]) if method == "POST" else by_type[type_]
        resource = (
            fresh(draw, mutated(draw, marked(sample)))
            if method == "POST"
            else mutated(draw, marked(sample))
        )
        await at(referral, method, path, resource, f"SEED={SEED} mutation {number}")


async def test_mutated_subscriptions_are_taken_or_refused(notifications: Door) -> None:
    draw = random.Random(SEED + 2)
    for number in range(MUTATIONS):
        method, path = draw.choice(notifications.routes)
        sample = {**ours("21"), "id": path.rpartition("/")[2]} if method == "PUT" else ours("21")
        await at(notifications, method, path, mutated(draw, sample), f"mutation {number}")


async def at(door: Door, method: str, path: str, resource: Any, what: str) -> None:
    try:
        await door.knock(method, path, json.dumps(resource).encode())
    except AssertionError as error:
        raise AssertionError(f"{what} at {method} {path}") from error


def fresh(draw: random.Random, resource: Any) -> Any:
    """The same of another child, half of the time: first receipts too, not only replays."""
    if draw.random() < 0.5:
        return resource
    text, number = json.dumps(resource), f"{draw.randrange(10**6):06}"
    for old in ("REF-2026-11-0042", "RB-204417"):
        text = text.replace(old, old[:-6] + number)
    return json.loads(text)
