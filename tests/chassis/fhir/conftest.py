"""A service that serves one type, Basic: each belongs to a youth, and its hub may read it."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from fastapi import Request
from starlette.responses import Response

from contracts.codes import PartnerKind
from services.chassis.auth import Partner
from services.chassis.db import Connection, Pool
from services.chassis.fhir.search import instant
from services.chassis.fhir.server import (
    Date,
    FhirRouter,
    Match,
    Reference,
    Resource,
    Search,
    Text,
    Token,
    as_uuid,
    change,
    respond,
    touch,
)
from tests.postgres import Server
from tests.security.world import OTHER_HUB, OUR_HUB, World, database, open_world

HUBS = frozenset({PartnerKind.HUB})
EVERYBODY = frozenset(PartnerKind)
ROW = "SELECT id, youth_id, code, day, version, updated_at FROM basic b JOIN reader r"
MAY = "r.stream_id = b.youth_id AND r.organisation_id = $1 AND r.kind = 'hub' AND r.released"


def router() -> FhirRouter:
    fhir = FhirRouter()

    @fhir.read("Basic", kinds=HUBS)
    async def read_basic(
        conn: Connection, partner: Partner, id_: str, *, on: date
    ) -> Resource | None:
        row = await conn.fetchrow(
            f"{ROW} ON {MAY} AND r.reads @> $2::date WHERE b.id = $3",
            *(partner.organisation_id, on, as_uuid(id_)),
        )
        return basic(row) if row else None

    filters = {"patient": Reference, "code": Token, "date": Date, "name": Text}

    @fhir.search("Basic", filters, kinds=HUBS, include=("Basic:subject",))
    async def search_basics(conn: Connection, partner: Partner, search: Search) -> Sequence[Match]:
        rows = await conn.fetch(
            f"{ROW} ON {MAY} AND r.reads @> $2::date"
            " WHERE ($3::uuid[] IS NULL OR b.youth_id = ANY ($3))"
            " AND ($4::text[] IS NULL OR b.code = ANY ($4))"
            " AND ($5::date IS NULL OR b.day >= $5) AND ($6::date IS NULL OR b.day < $6)"
            " AND ($7::timestamptz IS NULL OR updated_at >= $7)"
            " AND ($8::timestamptz IS NULL OR updated_at < $8)"
            " AND ($9::timestamptz IS NULL OR (updated_at, id) > ($9, $10::uuid))"
            " ORDER BY updated_at, id LIMIT $11",
            *(partner.organisation_id, search.on, search.uuids("patient"), search.get("code")),
            *(search.dates("date").first_day, search.dates("date").day_after),
            *(search.last_updated.low, search.last_updated.high),
            *(search.after_at, search.after_id, search.limit),
        )
        with_subject = "Basic:subject" in search.include
        return [
            Match(
                basic(row),
                row["updated_at"],
                str(row["id"]),
                [patient(row["youth_id"])] if with_subject else (),
            )
            for row in rows
        ]

    @fhir.write("POST", "/fhir/Basic", scope="Basic.c", kinds=HUBS)
    async def create_basic(request: Request, partner: Partner) -> Response:
        async with change(request, partner, status=201) as conn:
            id_ = await add_basic(conn, uuid4())
            touch(request, f"Basic/{id_}")
        if b"trip" in await request.body():
            raise RuntimeError("a name: Marisol")
        return respond(request, {"resourceType": "Basic", "id": str(id_)}, 201)

    @fhir.read_mirror(kinds=HUBS)
    async def read_mirror(
        conn: Connection, partner: Partner, type_: str, id_: str, *, on: date
    ) -> Resource | None:
        return {"resourceType": type_, "id": id_} if id_ == "h-1" else None

    return fhir


def basic(row: Any) -> Resource:
    return {
        "resourceType": "Basic",
        "id": str(row["id"]),
        "meta": {"versionId": str(row["version"]), "lastUpdated": instant(row["updated_at"])},
        "subject": {"reference": f"Patient/{row['youth_id']}"},
        "code": {"text": row["code"]},
    }


def patient(youth_id: UUID) -> Resource:
    return {"resourceType": "Patient", "id": str(youth_id)}


async def add_basic(
    conn: Any,
    youth_id: UUID,
    *,
    code: str = "a",
    day: date = date(2026, 3, 10),
    updated_at: datetime | None = None,
) -> UUID:
    id_ = uuid4()
    await conn.execute(
        "INSERT INTO basic (id, youth_id, code, day, updated_at)"
        " VALUES ($1, $2, $3, $4, coalesce($5, now() - interval '1 hour'))",
        *(id_, youth_id, code, day, updated_at),
    )
    return id_


async def let_read(pool: Pool, youth_id: UUID, organisation_id: UUID) -> None:
    await pool.execute(
        "INSERT INTO reader (stream_id, organisation_id, kind, reads, released)"
        " VALUES ($1, $2, 'hub', '{[2020-01-01,)}', true)",
        *(youth_id, organisation_id),
    )


# One database for a module, emptied before each test: making one takes longer than a test.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(server: Server) -> AsyncIterator[World]:
    async with database(server, "doors") as pool:
        await pool.execute(
            "CREATE TABLE basic (id uuid PRIMARY KEY, youth_id uuid, code text, day date,"
            " version integer DEFAULT 1, updated_at timestamptz)"
        )
        async with open_world("documentation", pool, doors=[router()]) as world:
            yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(opened: World) -> World:
    await opened.pool.execute("TRUNCATE basic, reader")
    return opened


@pytest_asyncio.fixture(loop_scope="module")
async def ours(world: World) -> UUID:
    """A youth whom our hub may read."""
    youth_id = uuid4()
    await let_read(world.pool, youth_id, OUR_HUB)
    return youth_id


@pytest_asyncio.fixture(loop_scope="module")
async def theirs(world: World) -> UUID:
    """A youth whom only another hub may read."""
    youth_id = uuid4()
    await let_read(world.pool, youth_id, OTHER_HUB)
    return youth_id
