"""Reading one resource: versions, and one answer for what is absent and what is not yours."""

from uuid import UUID, uuid4

import pytest

from tests.chassis.fhir.conftest import add_basic
from tests.security.world import HUB, INSURER, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_read_carries_its_version(world: World, ours: UUID) -> None:
    id_ = await add_basic(world.pool, ours)

    answer = await world.public.get(f"/fhir/Basic/{id_}", headers=world.partner())

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json; fhirVersion=4.0"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["last-modified"].endswith("GMT")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["id"] == str(id_)


@pytest.mark.parametrize("tag", ['W/"1"', '"1"', 'W/"7", W/"1"', "*"])
async def test_a_version_already_held_is_not_sent_again(world: World, ours: UUID, tag: str) -> None:
    id_ = await add_basic(world.pool, ours)
    headers = world.partner() | {"If-None-Match": tag}

    answer = await world.public.get(f"/fhir/Basic/{id_}", headers=headers)

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", 'W/"1"')


async def test_an_old_version_is_replaced(world: World, ours: UUID) -> None:
    id_ = await add_basic(world.pool, ours)
    headers = world.partner() | {"If-None-Match": 'W/"0"'}

    answer = await world.public.get(f"/fhir/Basic/{id_}", headers=headers)

    assert answer.status_code == 200


async def test_foreign_and_absent_are_the_same_answer(world: World, theirs: UUID) -> None:
    foreign = await add_basic(world.pool, theirs)

    answers = [
        await world.public.get(f"/fhir/Basic/{id_}", headers=world.partner())
        for id_ in (foreign, uuid4(), "no-id-of-ours", "x" * 64, str(foreign).upper())
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["issue"][0]["code"] == "not-found"


async def test_to_a_payer_there_is_nothing_where_hubs_read(world: World, ours: UUID) -> None:
    id_ = await add_basic(world.pool, ours)
    absent = await world.public.get(f"/fhir/Basic/{uuid4()}", headers=world.partner(HUB))

    answers = [
        await world.public.get(path, headers=world.partner(INSURER))
        for path in (f"/fhir/Basic/{id_}", "/fhir/Basic", "/fhir/Basic?patient=x", "/fhir/Goal/h-1")
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.content for answer in answers} == {absent.content}


@pytest.mark.parametrize(
    "id_",
    ["%2e%2e%2fadmin", "a;b", "%00", "x" * 65, "%c0%ae", "a b", "/"],
)
async def test_an_id_that_is_none_is_absent(world: World, id_: str) -> None:
    answer = await world.public.get(f"/fhir/Basic/{id_}", headers=world.partner())

    assert answer.status_code in (400, 404)
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_what_a_hub_sent_is_read_by_its_own_id(world: World) -> None:
    found = await world.public.get("/fhir/Goal/h-1", headers=world.partner())
    none = await world.public.get("/fhir/Basic/h-2", headers=world.partner())

    assert (found.status_code, found.json()["resourceType"]) == (200, "Goal")
    assert none.status_code == 404


async def test_a_read_takes_no_filter(world: World, ours: UUID) -> None:
    id_ = await add_basic(world.pool, ours)

    answer = await world.public.get(f"/fhir/Basic/{id_}?_elements=id", headers=world.partner())

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "not-supported")
