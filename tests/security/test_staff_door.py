"""The staff's door: by role, once per Idempotency-Key, and no token of another door opens it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import BaseModel, ConfigDict

from contracts.codes import Role
from services.chassis.errors import Conflict, Refused
from services.chassis.internal import InternalRouter
from services.chassis.staff import Caller, Conn, StaffRouter
from tests.postgres import Server
from tests.security.world import World, database, open_world, staff_id_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

staff = StaffRouter(prefix="/api/scheduling")
internal = InternalRouter()


class Held:
    """The one slow note: where it is, and when it may go on."""

    in_hand: asyncio.Event
    go_on: asyncio.Event


class NewNote(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    slow: bool = False


@staff.post("/notes", roles={Role.SCHEDULER}, status_code=201)
async def add_note(body: NewNote, conn: Conn, caller: Caller) -> dict[str, Any]:
    if body.text == "refuse":
        raise Refused("no-such-thing", "There is no such thing.")
    if body.text == "conflict":
        raise Conflict("taken", "It is taken.")
    if body.slow:
        Held.in_hand.set()
        await Held.go_on.wait()
    number = await conn.fetchval("INSERT INTO note (text) VALUES ($1) RETURNING id", body.text)
    return {"number": number, "by": str(caller.staff_id)}


@staff.get("/notes", roles={Role.SCHEDULER, Role.COORDINATOR})
async def list_notes(conn: Conn) -> list[str]:
    return [row["text"] for row in await conn.fetch("SELECT text FROM note ORDER BY id")]


@internal.get("/internal/notes", peers={"documentation"})
async def tell_notes(conn: Conn) -> list[str]:
    return [row["text"] for row in await conn.fetch("SELECT text FROM note ORDER BY id")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(server: Server) -> AsyncIterator[World]:
    async with database(server, "staff_door") as pool:
        await pool.execute(
            "CREATE TABLE note (id bigint GENERATED ALWAYS AS IDENTITY, text text NOT NULL)"
        )
        async with open_world("scheduling", pool, doors=[staff], internal=[internal]) as world:
            yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(opened: World) -> World:
    await opened.pool.execute("TRUNCATE note, idempotency")
    return opened


async def add(world: World, text: str = "a", key: str | None = None, **more: Any) -> httpx.Response:
    headers = world.staff(Role.SCHEDULER) | ({"Idempotency-Key": key} if key else {})
    return await world.public.post(
        "/api/scheduling/notes", json={"text": text, **more}, headers=headers
    )


async def notes(world: World) -> int:
    count: int = await world.pool.fetchval("SELECT count(*) FROM note")
    return count


async def test_a_role_opens_its_routes(world: World) -> None:
    answer = await add(world)

    assert answer.status_code == 201
    assert answer.json()["by"] == str(staff_id_of("sam"))
    assert answer.headers["cache-control"] == "no-store"


NOBODY = {
    "no token": lambda w: {},
    "a partner's token": lambda w: w.partner(),
    "a peer's assertion": lambda w: w.peer("referral"),
    "expired": lambda w: w.staff(Role.SCHEDULER, exp=1),
    "another audience": lambda w: w.staff(Role.SCHEDULER, aud="elsewhere"),
    "another issuer": lambda w: w.staff(Role.SCHEDULER, iss="https://elsewhere.test"),
    "no subject": lambda w: w.staff(Role.SCHEDULER, sub=""),
    "roles no list": lambda w: w.staff(roles="scheduler"),
}


@pytest.mark.parametrize("case", NOBODY.values(), ids=NOBODY.keys())
async def test_who_is_nobody_gets_401(world: World, case: Any) -> None:
    answer = await world.public.get("/api/scheduling/notes", headers=case(world))

    assert answer.status_code == 401
    assert answer.json()["code"] == "login"
    assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("roles", [[], [Role.MENTOR], ["janitor"], [["scheduler"], 7]])
async def test_another_role_gets_403_and_changes_nothing(world: World, roles: list[Any]) -> None:
    headers = world.staff(roles=roles)

    answer = await world.public.post("/api/scheduling/notes", json={"text": "a"}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert await notes(world) == 0


async def test_the_same_command_again_gives_the_same_answer(world: World) -> None:
    first, second = await add(world, key="k1"), await add(world, key="k1")

    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert await notes(world) == 1


async def test_without_a_key_a_command_is_done_again(world: World) -> None:
    await add(world)
    await add(world)

    assert await notes(world) == 2


async def test_b55_a_key_belongs_to_one_command(world: World) -> None:
    await add(world, key="k1")

    other = await add(world, "b", key="k1")

    assert (other.status_code, other.json()["code"]) == (422, "key-used-before")


async def test_a_key_belongs_to_who_chose_it(world: World) -> None:
    await add(world, key="k1")
    headers = world.staff(Role.SCHEDULER, sub="kim") | {"Idempotency-Key": "k1"}

    other = await world.public.post("/api/scheduling/notes", json={"text": "b"}, headers=headers)

    assert other.status_code == 201


async def test_b55_while_a_command_is_being_done_it_is_409(world: World) -> None:
    Held.in_hand, Held.go_on = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(add(world, key="k1", slow=True))
    async with asyncio.timeout(60):
        await Held.in_hand.wait()

    answers = await asyncio.gather(*(add(world, key="k1", slow=True) for _ in range(3)))
    Held.go_on.set()

    assert [answer.status_code for answer in answers] == [409] * 3
    assert (await first).status_code == 201
    assert await notes(world) == 1


@pytest.mark.parametrize("key", ["race-1", "race-2", "race-3"])
async def test_fifty_at_once_under_one_key_are_done_once(world: World, key: str) -> None:
    """Who is told 409 or 503 sends again, as the contract says, and gets the first one's answer."""

    async def insist() -> bytes:
        async with asyncio.timeout(300):
            while (answer := await add(world, key=key)).status_code in (409, 503):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        assert answer.status_code == 201
        return answer.content

    answers = await asyncio.gather(*(insist() for _ in range(50)))

    assert await notes(world) == 1
    assert len(set(answers)) == 1


@pytest.mark.parametrize("text", ["refuse", "conflict"])
async def test_a_refusal_is_not_kept(world: World, text: str) -> None:
    refused = await add(world, text, key="k1")

    assert refused.status_code in (409, 422)
    assert await world.pool.fetchval("SELECT count(*) FROM idempotency") == 0


@pytest.mark.parametrize(
    "key", ["", " ", "k" * 300, "a b"], ids=["B-55 empty", "B-55 blank", "B-55 300", "B-55 two"]
)
async def test_a_key_that_is_none_is_refused(world: World, key: str) -> None:
    headers = world.staff(Role.SCHEDULER) | {"Idempotency-Key": key}

    answer = await world.public.post("/api/scheduling/notes", json={"text": "a"}, headers=headers)

    assert answer.status_code == 400
    assert await notes(world) == 0


@pytest.mark.parametrize(
    "body", [{"text": 7}, {}, {"text": "a", "Marisol": 1}, ["Marisol"]], ids=str
)
async def test_a_wrong_body_is_422_without_what_was_sent(world: World, body: Any) -> None:
    answer = await world.public.post(
        "/api/scheduling/notes", json=body, headers=world.staff(Role.SCHEDULER)
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert "Marisol" not in answer.text


async def test_a_character_that_no_record_keeps_is_422(world: World) -> None:
    answer = await add(world, "a\x00b")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert await notes(world) == 0


async def test_each_staff_access_is_on_record(world: World) -> None:
    before = await world.pool.fetchval("SELECT count(*) FROM audit")

    await add(world)
    await add(world, "refuse")
    await world.public.get("/api/scheduling/notes", headers=world.staff(Role.MENTOR))

    rows = await world.pool.fetch("SELECT principal, status FROM audit ORDER BY at")
    assert [tuple(row) for row in rows[before:]] == [("sam", 201), ("sam", 422), ("sam", 403)]


# --- The door between services --------------------------------------------------------------------


async def test_a_peer_that_may_ask_is_answered_on_the_ops_port_only(world: World) -> None:
    await add(world)
    headers = world.peer("documentation")

    assert (await world.ops.get("/internal/notes", headers=headers)).json() == ["a"]
    assert (await world.public.get("/internal/notes", headers=headers)).status_code == 404


STRANGERS = {
    "no token": (lambda w: {}, 401),
    "a partner": (lambda w: w.partner(), 401),
    "staff": (lambda w: w.staff(Role.ADMIN), 401),
    "another peer": (lambda w: w.peer("notifications"), 403),
    "meant for another service": (lambda w: w.peer("documentation", aud="referral"), 401),
    "too long a life": (lambda w: w.peer("documentation", exp=2**33), 401),
    "a service that there is not": (lambda w: w.peer("notifications", iss="billing"), 401),
    "another's name": (lambda w: w.peer("notifications", iss="documentation"), 401),
}


@pytest.mark.parametrize(("case", "status"), STRANGERS.values(), ids=STRANGERS.keys())
async def test_who_may_not_ask_is_told_nothing(world: World, case: Any, status: int) -> None:
    answer = await world.ops.get("/internal/notes", headers=case(world))

    assert answer.status_code == status
    assert set(answer.json()) == {"code", "message"}


async def test_keys_are_fetched_once_for_many_requests(world: World) -> None:
    for _ in range(5):
        await world.ops.get("/internal/notes", headers=world.peer("documentation"))

    assert world.asked_keys.count("http://documentation.test/internal/jwks") <= 1
