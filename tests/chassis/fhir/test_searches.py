"""Searching: what is found, in which order, by pages that nobody can forge, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest

from tests.chassis.fhir.conftest import add_basic
from tests.security.world import BASE, STRANGER, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


async def ask(world: World, query: str, **who: Any) -> httpx.Response:
    headers = world.partner(**who)
    return await world.public.get(f"/fhir/Basic{query}", headers=headers)


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


def next_of(answer: httpx.Response) -> str | None:
    links = {link["relation"]: link["url"] for link in answer.json()["link"]}
    return links["next"].removeprefix(f"{BASE}/Basic") if "next" in links else None


async def test_a_search_finds_what_the_reader_may_read(
    world: World, ours: UUID, theirs: UUID
) -> None:
    mine = await add_basic(world.pool, ours)
    await add_basic(world.pool, theirs)

    found = await ask(world, "")

    assert ids(found) == [str(mine)]
    assert found.json()["total"] == 1
    assert found.json()["entry"][0]["fullUrl"] == f"{BASE}/Basic/{mine}"
    assert ids(await ask(world, f"?patient={theirs}")) == []


async def test_a_post_finds_the_same(world: World, ours: UUID) -> None:
    mine = await add_basic(world.pool, ours)

    found = await world.public.post(
        "/fhir/Basic/_search", data={"patient": f"Patient/{ours}"}, headers=world.partner()
    )

    assert ids(found) == [str(mine)]


@pytest.mark.parametrize(
    ("form", "found"),
    [
        ("{id}", True),
        ("Patient/{id}", True),
        (BASE + "/Patient/{id}", True),
        ("Patient/{id}/_history/1", True),
        ("PATIENT/{id}", False),
        ("Group/{id}", False),
        ("https://elsewhere.test/fhir/Patient/{id}", False),
        ("urn:uuid:{id}", False),
        ("nobody,{id}", True),
    ],
)
async def test_forms_of_a_reference(world: World, ours: UUID, form: str, found: bool) -> None:
    mine = await add_basic(world.pool, ours)

    answer = await ask(world, f"?patient={quote(form.format(id=ours))}")

    assert ids(answer) == ([str(mine)] if found else [])


async def test_pages_follow_each_other_without_gap_or_repeat(world: World, ours: UUID) -> None:
    same_moment = datetime(2026, 1, 1, tzinfo=UTC)
    every = {str(await add_basic(world.pool, ours, updated_at=same_moment)) for _ in range(5)}

    seen: list[str] = []
    query: str | None = "?_count=2"
    while query:
        page = await ask(world, query)
        assert "total" not in page.json()
        seen += ids(page)
        query = next_of(page)

    assert len(seen) == 5
    assert set(seen) == every


async def test_b49_a_page_holds_a_hundred_whatever_is_asked_for(world: World, ours: UUID) -> None:
    for _ in range(101):
        await add_basic(world.pool, ours)

    found = await ask(world, "?_count=1000000")

    assert len(ids(found)) == 100
    assert next_of(found)


async def test_a_page_is_this_clients_and_this_searchs(world: World, ours: UUID) -> None:
    for _ in range(3):
        await add_basic(world.pool, ours)
    following = next_of(await ask(world, "?_count=1"))
    assert following

    stranger = await ask(world, following, who=STRANGER)
    other_search = await ask(world, following.replace("_count=1", "code=a&_count=1"))
    forged = await ask(world, following[:-2] + "xx")
    nonsense = await ask(world, "?_page=a.b.c")

    answers = (stranger, other_search, forged, nonsense)
    assert [answer.status_code for answer in answers] == [400] * 4


async def test_included_resources_come_behind_their_matches(world: World, ours: UUID) -> None:
    await add_basic(world.pool, ours)
    await add_basic(world.pool, ours)

    found = (await ask(world, "?_include=Basic:subject")).json()

    assert [entry["search"]["mode"] for entry in found["entry"]] == ["match", "match", "include"]


async def test_by_last_updated_only_what_is_settled_is_told(world: World, ours: UUID) -> None:
    """W25: a row of a transaction that is still open would never be seen by who polls on."""
    old = await add_basic(world.pool, ours, updated_at=datetime(2026, 1, 1, tzinfo=UTC))
    before = await world.pool.fetchval("SELECT now()")
    fresh = before + timedelta(minutes=1)  # however long it takes to ask
    new = await add_basic(world.pool, ours, updated_at=fresh)

    everything = await ask(world, "")
    polled = await ask(world, "?_lastUpdated=ge2025-01-01")
    after = await world.pool.fetchval("SELECT now()")

    assert ids(everything) == [str(old), str(new)]
    assert ids(polled) == [str(old)]
    bound = datetime.fromisoformat(polled.json()["meta"]["lastUpdated"].replace("Z", "+00:00"))
    assert before <= bound + timedelta(seconds=5) <= after


async def test_contradicting_dates_find_nothing(world: World, ours: UUID) -> None:
    await add_basic(world.pool, ours)

    assert ids(await ask(world, "?date=gt2026-05-01&date=lt2026-04-01")) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("date=2026-03-10", True),
        ("date=2026-03", True),
        ("date=2026", True),
        ("date=2026-03-09", False),
        ("date=ge2026-03-10", True),
        ("date=gt2026-03-10", False),
        ("date=gt2026-02", True),
        ("date=le2026-03-10", True),
        ("date=lt2026-03-10", False),
        ("date=ge2026-03-01&date=lt2026-04-01", True),
        ("code=a", True),
        ("code=b,a", True),
        ("code=http://x|a", True),
        ("code=b", False),
        ("code=a&code=b", False),
    ],
)
async def test_filters(world: World, ours: UUID, query: str, found: bool) -> None:
    await add_basic(world.pool, ours, day=date(2026, 3, 10))

    assert bool(ids(await ask(world, f"?{query}"))) is found


REFUSED = {
    "B-44 unknown filter": ("?bogus=1", "not-supported"),
    "B-44 _elements": ("?_elements=id", "not-supported"),
    "B-44 _summary": ("?_summary=count", "not-supported"),
    "B-45 sort": ("?_sort=name;drop%20table", "invalid"),
    "B-45 500 keys": ("?" + "&".join(f"k{i}=1" for i in range(500)), "invalid"),
    "B-45 __proto__": ("?__proto__=1", "not-supported"),
    "B-46 _has": ("?_has:Task:focus:status=1", "not-supported"),
    "B-46 chain": ("?patient.name=x", "not-supported"),
    "B-46 modifier": ("?subject:Patient.identifier=x", "not-supported"),
    "B-48 include": ("?_include=Basic:author", "not-supported"),
    "B-48 iterate": ("?_include:iterate=Basic:subject", "not-supported"),
    "B-48 revinclude": ("?_revinclude=Task:focus", "not-supported"),
    "B-48 _filter": ("?_filter=x", "not-supported"),
    "B-48 _contained": ("?_contained=true", "not-supported"),
    "B-49 count negative": ("?_count=-1", "invalid"),
    "B-49 count no number": ("?_count=abc", "invalid"),
    "B-49 count nothing": ("?_count=0", "invalid"),
    "B-49 count twice": ("?_count=1&_count=2", "invalid"),
    "B-52 bar alone": ("?code=|", "invalid"),
    "B-52 three bars": ("?code=%7C%7C", "invalid"),
    "an empty value": ("?code=", "invalid"),
    "an empty item": ("?code=a,,b", "invalid"),
    "a NUL": ("?code=%00", "invalid"),
    "not UTF-8": ("?code=%ff", "invalid"),
    "a month that is none": ("?date=2026-13-01", "invalid"),
    "a day that is none": ("?date=2026-02-30", "invalid"),
    "year 0000": ("?date=0000", "invalid"),
    "year 9999": ("?date=9999", "invalid"),
    "a zone that is none": ("?date=2026-01-01T00:00:00%2B99:99", "invalid"),
    "a prefix that is none": ("?date=xx2026", "invalid"),
    "an id that is none": ("?patient=../../x", "invalid"),
    "total": ("?_total=all", "invalid"),
}


@pytest.mark.parametrize(("query", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_search_that_cannot_be_understood_is_refused(
    world: World, query: str, code: str
) -> None:
    answer = await ask(world, query)

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, code)
    assert "bogus" not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "_format=json",
        "_format=application/fhir%2Bjson",
        "_pretty=true",
        "_count=1000000",
        "_sort=_lastUpdated",
        "_total=accurate",
        "_revinclude=Provenance:target",
        "_id=x",
        "code=\\|",
        "code='%20OR%201=1--",
        "name=%25",
    ],
)
async def test_what_every_search_knows(world: World, query: str) -> None:
    assert ids(await ask(world, f"?{query}")) == []


async def test_an_address_that_nobody_can_print_is_on_record_all_the_same(world: World) -> None:
    count = "SELECT count(*) FROM audit WHERE act = 'GET /fhir/Basic/a?b'"
    before = await world.pool.fetchval(count)

    answer = await world.public.get("/fhir/Basic/a%00b", headers=world.partner())

    assert answer.status_code == 404
    assert await world.pool.fetchval(count) == before + 1


async def test_a_very_long_query_is_414(world: World) -> None:
    answer = await ask(world, "?code=" + "a" * 10_000)

    assert answer.status_code == 414
