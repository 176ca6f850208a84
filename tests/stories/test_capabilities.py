"""The CapabilityStatement as its address gives it: what it claims answers, and nothing else does.

That each type can be read by its id, and no other way, is the crawler's: it has ids that exist.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

from deploy.demo.actors import World
from deploy.demo.cast import Cast
from services.cli.r4_types import RESOURCE_TYPES
from tests.stories.crawling import ABSENT

AT_ONCE = 8
VALUES = {"token": ABSENT, "reference": f"Patient/{ABSENT}", "date": "ge2026-01-01"}
NOT_SERVED = {404, 405}


class Wish(NamedTuple):
    method: str
    path: str


# By interaction: one request that finds nothing, or has an empty body.
ASKED = {
    "search-type": ("GET", "?_id={id}"),
    "create": ("POST", ""),
    "update": ("PUT", "?identifier=urn:x|{id}"),
}
BY_ID = {"Task", "Subscription"}  # their update is of one that exists


def wish(type_: str, interaction: str) -> Wish:
    method, rest = ASKED[interaction]
    return Wish(method, type_ + rest.format(id=ABSENT))


async def test_what_is_claimed_answers(cast: Cast, world: World) -> None:
    hub = cast.hub_names[0]
    [rest] = (await world.read(hub, "metadata"))["rest"]

    found = await ask(world, hub, [one for about in rest["resource"] for one in searches(about)])
    writes = [one for about in rest["resource"] for one in claimed_writes(about)]
    written = await ask(world, hub, [*writes, Wish("POST", "")])

    assert {one: answer for one, answer in found.items() if answer[0] != 200} == {}
    assert {one: answer for one, answer in written.items() if answer[0] not in (400, 422)} == {}


async def test_what_is_not_claimed_does_not_answer(cast: Cast, world: World) -> None:
    hub = cast.hub_names[0]
    [rest] = (await world.read(hub, "metadata"))["rest"]
    known = {about["type"]: {i["code"] for i in about["interaction"]} for about in rest["resource"]}

    wishes = [wish(type_, i) for type_, has in known.items() for i in ASKED if i not in has]
    unknown = sorted(RESOURCE_TYPES - known.keys())
    wishes += [wish(type_, i) for type_ in unknown for i in ("search-type", "create")]
    wishes += [Wish("GET", ""), Wish("GET", "_history"), Wish("DELETE", "Task")]
    answers = await ask(world, hub, wishes)
    filters = await ask(
        world,
        hub,
        [Wish("GET", f"{t}?bogus=1") for t, has in known.items() if "search-type" in has],
    )

    assert {one: told for one, told in answers.items() if told[0] not in NOT_SERVED} == {}
    assert set(filters.values()) == {(400, "not-supported")}


def searches(about: Any) -> Iterator[Wish]:
    """By each parameter, by each combination, and with all that can be brought along."""
    type_, parameters = about["type"], about.get("searchParam", ())
    kinds = {one["name"]: one["type"] for one in parameters}
    combined = [
        [one["valueString"] for one in extension["extension"]]
        for extension in about.get("extension", ())
        if "extension" in extension
    ]
    for names in [*([name] for name in kinds), *combined]:
        query = "&".join(f"{name}={VALUES.get(kinds[name], 'nobody')}" for name in names)
        yield Wish("GET", f"{type_}?{query}")
    for how, name in (("searchInclude", "_include"), ("searchRevInclude", "_revinclude")):
        for brought in about.get(how, ()):
            yield Wish("GET", f"{type_}?_id={ABSENT}&{name}={brought}")


def claimed_writes(about: Any) -> Iterator[Wish]:
    has = {one["code"] for one in about["interaction"]}
    for interaction in {"create", "update"} & has:
        if interaction == "create" or about["type"] not in BY_ID:
            yield wish(about["type"], interaction)


async def ask(world: World, hub: str, wishes: list[Wish]) -> dict[Wish, tuple[int, str]]:
    """Each with its status and the code of its first issue."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(wish: Wish) -> tuple[int, str]:
        body: dict[str, Any] = {} if wish.method == "GET" else {"body": {}}
        async with turn:
            answer = await world.hub(hub, "send", wish._asdict() | body)
        issues = answer.body.get("issue") if isinstance(answer.body, dict) else None
        return answer.status, issues[0]["code"] if issues else ""

    return dict(zip(wishes, await asyncio.gather(*map(one, wishes)), strict=True))
