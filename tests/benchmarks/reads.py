"""What reads cost among few and many sessions: `python -m tests.benchmarks.reads`.

A hub of 500 children with 20 sessions each reads one CarePlan, the sessions of one child, and the
first 20 of all its own: alone in the database, and beside 99 more such hubs (1,000,000 sessions).
Rows are made by SQL; what keeps sessions from overlapping is taken away first, for it reads nothing
and would take the filling hours.
"""

import json
import random
import tempfile
from functools import partial
from pathlib import Path
from uuid import UUID

import asyncpg
import uvloop
from fastapi import FastAPI

from contracts.codes import PartnerKind
from services.chassis import auth
from services.chassis.auth import ACCESS_TOKEN
from services.chassis.context import Context
from services.chassis.db import Connection, open_pool
from services.chassis.doors import install, verifier_for
from services.chassis.migrate import migrate
from services.chassis.peers import Peers
from services.chassis.process import settle
from services.documentation.api.fhir import fhir_router
from services.documentation.domain.views import Agency
from tests.benchmarks.meter import Meter, ask
from tests.conftest import run
from tests.documentation.rig import AGENCY_ID, BASE, KEY, TOKENS, SetClock, settings_for
from tests.postgres import Server

HUBS, CHILDREN, SESSIONS = 100, 500, 20
REQUESTS = 400
CHECKS = ("session_mentor_overlap", "session_youth_overlap", "session_of_appointment")
FILL = Path(__file__).with_name("reads.sql")
ID = """
    CREATE FUNCTION pg_temp.id(kind text, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT (kind || '0000000-0000-4000-8000-' || lpad(to_hex(number), 12, '0'))::uuid $$
"""


async def fill(conn: Connection, first: int, last: int) -> None:
    """Children from `first` to `last`, 500 of a hub, over a superuser's connection."""
    await conn.execute("SET session_replication_role = replica")  # rows that fit by construction
    for check in CHECKS:
        await conn.execute(f"ALTER TABLE session DROP CONSTRAINT IF EXISTS {check}")
    await conn.execute("DROP FUNCTION IF EXISTS pg_temp.id")
    await conn.execute(ID)
    for statement in FILL.read_text().split(";\n"):
        await conn.execute(statement, first, last, timeout=1200)
    await conn.execute("RESET session_replication_role")


async def main(server: Server) -> None:
    await run(server, "postgres", "CREATE DATABASE reads")
    await migrate("documentation", server.dsn("reads"))
    costs: dict[str, list[float]] = {}
    for hubs in (1, HUBS):
        conn = await asyncpg.connect(server.dsn("reads"))
        await fill(conn, 0 if hubs == 1 else CHILDREN, hubs * CHILDREN - 1)
        await conn.execute("VACUUM ANALYZE", timeout=600)
        await conn.close()
        for name, (cost, words) in (await measure(server)).items():
            costs.setdefault(name, []).append(cost)
            print(f"{hubs * CHILDREN * SESSIONS:9,} sessions, {name}: {words}", flush=True)
    for name, (few, many) in costs.items():
        print(f"{name}: {many / few:.2f} times as much among a hundred times as many")


async def measure(server: Server) -> dict[str, tuple[float, str]]:
    pool = await open_pool(server.dsn("reads"))
    settings = settings_for("http://127.0.0.1:9", Path(tempfile.gettempdir()) / "unused")
    peers = Peers("documentation", settings.peers, KEY, None)  # type: ignore[arg-type]
    app = fitted(Context(pool, SetClock(), settings, peers, None))  # type: ignore[arg-type]
    hub = UUID("a0000000-0000-4000-8000-000000000000")
    claims = {"iss": TOKENS, "aud": BASE, "client_id": "hub", "organisation_id": str(hub)}
    claims |= {"kind": PartnerKind.HUB.value, "scope": "system/*.rs"}
    token = auth.sign(KEY, claims, lives_seconds=3000, typ=ACCESS_TOKEN)
    draw = random.Random(1)
    some = [draw.randrange(CHILDREN) for _ in range(REQUESTS)]
    asked = {
        "CarePlan": [f"/fhir/CarePlan/d0000000-0000-4000-8000-{c:012x}" for c in some],
        "Encounter of a child": [
            f"/fhir/Encounter?patient=b0000000-0000-4000-8000-{c:012x}&_count=20" for c in some
        ],
        "Encounter, first 20 of the hub's 10,000": ["/fhir/Encounter?_count=20" for _ in some],
    }
    found, meter = {}, Meter(server)
    settle()
    for name, urls in asked.items():
        acts = [partial(ask, app, "GET", url, token) for url in urls]
        bundle = json.loads(await acts[0]())
        assert bundle["resourceType"] == "CarePlan" or len(bundle["entry"]) == SESSIONS
        await meter.each(acts[:50])
        found[name] = (meter.cost, words) if (words := await meter.each(acts)) else (0.0, "")
    pool.terminate()
    return found


def fitted(context: Context) -> FastAPI:
    """The door for partners as its process fits it, with the key of our tokens known."""
    app = FastAPI(openapi_url=None)
    app.state.context = context
    app.include_router(fhir_router(Agency(AGENCY_ID, "Northlight Therapeutic Mentoring")))
    verifier = verifier_for("documentation", context)
    keys = verifier.keys(context.settings.peers["referral"] + "/internal/jwks")
    keys.keys, keys.fetched_at = {KEY.kid or "": KEY}, keys.clock()
    install(app, verifier)
    return app


if __name__ == "__main__":
    server = Server()
    try:
        uvloop.run(main(server))
    finally:
        server.stop()
