"""Who may come in at /fhir, what may be carried, and what every error looks like."""

import logging
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response

from contracts.codes import PartnerKind, Role
from services.chassis import audit, auth, doors
from services.chassis.auth import Partner
from services.chassis.doors import NoPolicy
from services.chassis.fhir.server import FhirRouter
from services.chassis.internal import InternalRouter
from services.chassis.staff import StaffRouter
from tests.chassis.fhir.conftest import add_basic
from tests.security.world import EVERYTHING, INSURER, World, access_token, bearer

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"Content-Type": "application/fhir+json"}


def code_of(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/fhir+json; fhirVersion=4.0"
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    return str(outcome["issue"][0]["code"])


NOBODY = {
    "no token": lambda w: {},
    "garbage": lambda w: bearer("garbage"),
    "basic": lambda w: {"Authorization": "Basic YTpi"},
    "B-70 expired": lambda w: w.partner(exp=1),
    "B-70 early": lambda w: w.partner(nbf=2**33),
    "B-70 another audience": lambda w: w.partner(aud="https://elsewhere.test/fhir"),
    "B-70 another issuer": lambda w: w.partner(iss="https://elsewhere.test/auth/token"),
    "B-70 an unknown kind": lambda w: w.partner(kind="bank"),
    "B-77 a staff token": lambda w: w.staff(Role.ADMIN),
    "B-77 a peer's assertion": lambda w: w.peer("referral"),
    "B-77 the right claims, no access token": lambda w: w.peer(
        "referral", **claims_of(access_token(INSURER))
    ),
}


def claims_of(token: str) -> dict[str, object]:
    return auth.unverified(token)[1]


@pytest.mark.parametrize("case", NOBODY.values(), ids=NOBODY.keys())
async def test_who_is_nobody_is_asked_to_say_who(world: World, case: object) -> None:
    assert callable(case)

    answer = await world.public.get("/fhir/Basic", headers=case(world))

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert code_of(answer) in ("login", "expired")


async def test_two_authorizations_are_none(world: World) -> None:
    headers = [*world.partner().items(), *world.partner().items()]

    assert (await world.public.get("/fhir/Basic", headers=headers)).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/fhir/Basic/x", "system/Basic.s"),
        ("GET", "/fhir/Basic", "system/Basic.r"),
        ("GET", "/fhir/Basic/x", "system/Task.rs"),
        ("GET", "/fhir/Goal/h-1", "system/Basic.rs"),
        ("POST", "/fhir/Basic", "system/Basic.rs"),
        ("POST", "/fhir/Basic/_search", "system/Basic.c"),
    ],
)
async def test_a_scope_that_does_not_reach_is_403(
    world: World, method: str, path: str, scope: str
) -> None:
    headers = world.partner(scope=scope) | JSON

    answer = await world.public.request(method, path, headers=headers)

    assert (answer.status_code, code_of(answer)) == (403, "forbidden")


@pytest.mark.parametrize("scope", ["system/Basic.rs", "system/*.read", EVERYTHING])
async def test_a_scope_that_reaches_opens(world: World, scope: str) -> None:
    answer = await world.public.get("/fhir/Basic", headers=world.partner(scope=scope))

    assert answer.status_code == 200


async def test_a_payer_may_not_write(world: World) -> None:
    headers = world.partner(INSURER) | JSON

    answer = await world.public.post("/fhir/Basic", content=b"{}", headers=headers)

    assert (answer.status_code, code_of(answer)) == (403, "forbidden")


@pytest.mark.parametrize(
    ("accept", "query", "status"),
    [
        ("*/*", "", 200),
        ("application/json", "", 200),
        ("application/fhir+json; fhirVersion=4.0", "", 200),
        ("application/fhir+xml;q=1.0, application/fhir+json;q=1.0", "", 200),
        ("text/html", "", 406),
        ("application/fhir+xml", "", 406),
        ("application/fhir+json; fhirVersion=5.0", "", 406),
        ("application/fhir+xml", "?_format=json", 200),
        ("*/*", "?_format=xml", 406),
    ],
)
async def test_what_an_answer_may_be(world: World, accept: str, query: str, status: int) -> None:
    headers = world.partner() | {"Accept": accept}

    answer = await world.public.get(f"/fhir/Basic{query}", headers=headers)

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 201),
        ({"Content-Type": "application/fhir+json; charset=UTF-8; fhirVersion=4.0"}, 201),
        ({"Content-Type": "application/fhir+json", "Content-Encoding": "identity"}, 201),
        ({"Content-Type": "text/plain"}, 415),
        ({}, 415),
        ({"Content-Type": "application/fhir+xml"}, 415),
        ({"Content-Type": "application/fhir+json; fhirVersion=5.0"}, 415),
        ({"Content-Type": "application/fhir+json; charset=latin-1"}, 415),
        ({"Content-Type": "application/fhir+json", "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "application/fhir+json", "Content-Encoding": "br,gzip"}, 415),
    ],
)
async def test_what_a_body_may_be(world: World, headers: dict[str, str], status: int) -> None:
    answer = await world.public.post(
        "/fhir/Basic", content=b"{}", headers=world.partner() | headers
    )

    assert answer.status_code == status


async def test_a_body_that_never_ends_is_cut_off(world: World) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"a" * 100_000

    answer = await world.public.post(
        "/fhir/Basic", content=endless(), headers=world.partner() | JSON
    )

    assert (answer.status_code, code_of(answer)) == (413, "too-costly")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fhir/Nothing", 404),
        ("GET", "/fhir", 404),
        ("GET", "/fhir//Basic", 404),
        ("PATCH", "/fhir/Basic/x", 405),
        ("TRACE", "/fhir/Basic", 405),
        ("DELETE", "/fhir/Basic/x", 405),
    ],
)
async def test_what_is_not_served_is_said_in_fhir(
    world: World, method: str, path: str, status: int
) -> None:
    answer = await world.public.request(method, path, headers=world.partner())

    assert answer.status_code == status
    assert code_of(answer) in ("not-found", "not-supported")


async def test_outside_fhir_errors_are_plain_json(world: World) -> None:
    answer = await world.public.get("/api/nothing")

    assert answer.status_code == 404
    assert answer.json() == {"code": "not-found", "message": doors.TEXTS[404]}


async def test_what_nobody_foresaw_is_a_500_without_its_text(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = await world.public.post(
            "/fhir/Basic", content=b"trip", headers=world.partner() | JSON
        )

    assert (answer.status_code, code_of(answer)) == (500, "exception")
    told = answer.text + caplog.text + str([record.__dict__ for record in caplog.records])
    assert "Marisol" not in told
    assert "RuntimeError" in told


async def test_without_a_connection_it_is_503_and_when_to_ask_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.db.ACQUIRE_SECONDS", 0.05)
    held = [await world.pool.acquire() for _ in range(world.pool.get_max_size())]
    try:
        answer = await world.public.get("/fhir/Basic", headers=world.partner())
    finally:
        for conn in held:
            await world.pool.release(conn)

    assert (answer.status_code, code_of(answer)) == (503, "transient")
    assert int(answer.headers["retry-after"]) > 0


async def test_who_comes_when_the_house_is_full_is_sent_away_at_once() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError

    threshold = doors.Threshold(app, most_requests=0)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(threshold), base_url="https://waypost.test"
    ) as client:
        answer = await client.get("/fhir/Basic")

    assert (answer.status_code, code_of(answer)) == (503, "transient")


# --- Default deny (B-72) --------------------------------------------------------------------------


async def bare(request: Request) -> Response:
    return Response()


@pytest.mark.parametrize(
    "router",
    [FhirRouter(), StaffRouter(prefix="/api/x"), InternalRouter()],
    ids=["fhir", "staff", "internal"],
)
async def test_a_router_takes_no_route_without_a_policy(router: doors.GuardedRouter) -> None:
    with pytest.raises(NoPolicy):
        router.add_api_route("/x", bare, methods=["GET"])
    with pytest.raises(NoPolicy):
        router.delete("/x")(bare)
    with pytest.raises(NoPolicy):
        router.add_route("/x", bare)
    with pytest.raises(NoPolicy):
        router.mount("/x", FastAPI())


async def test_a_policy_for_nobody_is_none() -> None:
    with pytest.raises(NoPolicy):
        StaffRouter(prefix="/api/x").get("/x", roles=[])(bare)


async def test_an_application_does_not_start_with_a_bare_route(world: World) -> None:
    app = FastAPI(openapi_url=None)
    app.get("/fhir/Everything")(bare)

    with pytest.raises(NoPolicy, match="/fhir/Everything"):
        doors.install(app, world.apps[0].state.verifier)


# --- The record of each access (P16) --------------------------------------------------------------


async def test_every_access_leaves_one_record(world: World, ours: UUID) -> None:
    id_ = await add_basic(world.pool, ours)
    before = await world.pool.fetchval("SELECT count(*) FROM audit")

    asked = [
        await world.public.get(f"/fhir/Basic/{id_}", headers=world.partner()),
        await world.public.get(f"/fhir/Basic/{uuid4()}", headers=world.partner()),
        await world.public.get("/fhir/Basic", headers=world.partner()),
        await world.public.get("/fhir/Basic?bogus=1", headers=world.partner()),
        await world.public.get("/fhir/Basic"),
        await world.public.get("/fhir/Basic", headers=world.partner(scope="system/Task.r")),
        await world.public.post("/fhir/Basic", content=b"{}", headers=world.partner() | JSON),
    ]

    rows = await world.pool.fetch("SELECT status, resources FROM audit ORDER BY at")
    assert [row["status"] for row in rows[before:]] == [answer.status_code for answer in asked]
    assert rows[before]["resources"] == rows[before + 2]["resources"] == [f"Basic/{id_}"]


async def test_without_its_record_nothing_is_disclosed(
    world: World, ours: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await add_basic(world.pool, ours)

    async def broken(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(audit, "record", broken)
    answer = await world.public.get(f"/fhir/Basic/{id_}", headers=world.partner())

    assert answer.status_code == 503
    assert str(ours) not in answer.text


async def test_a_changed_record_shows(world: World) -> None:
    await world.public.get("/fhir/Basic")
    assert await audit.broken(world.pool) == []  # type: ignore[arg-type]  # asks like a connection

    row = await world.pool.fetchrow("SELECT chain, number FROM audit LIMIT 1")
    assert row
    await world.pool.execute("ALTER TABLE audit DISABLE RULE audit_is_not_changed")
    await world.pool.execute("UPDATE audit SET status = 299 WHERE (chain, number) = ($1, $2)", *row)
    broken = await audit.broken(world.pool)  # type: ignore[arg-type]
    await world.pool.execute("ALTER TABLE audit ENABLE RULE audit_is_not_changed")

    assert broken == [tuple(row)]


async def test_a_record_is_neither_changed_nor_removed(world: World) -> None:
    await world.public.get("/fhir/Basic")
    before = await world.pool.fetch("SELECT * FROM audit ORDER BY at")

    await world.pool.execute("UPDATE audit SET status = 200")
    await world.pool.execute("DELETE FROM audit")

    assert await world.pool.fetch("SELECT * FROM audit ORDER BY at") == before


async def test_what_is_served_can_be_told() -> None:
    fhir = FhirRouter()

    @fhir.write("POST", "/fhir", scope=None, kinds={PartnerKind.HUB})
    async def transaction(request: Request, partner: Partner) -> Response:
        return Response()

    assert fhir.describe() == {"interaction": ["transaction"], "resource": []}
