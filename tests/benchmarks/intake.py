"""What the intake of one referral costs: `python -m tests.benchmarks.intake`.

Sample 01 (16 entries) under other numbers each time, with full validation, 16 at once, as a hub's
token sends it; beside the floor, the same bytes as one row of PostgreSQL. What the referral sets
off later (payer, events, notifications) is not in it: `tests.benchmarks.thread` has that.
"""

import json
from functools import partial
from itertools import count

import uvloop

from contracts.codes import PartnerKind
from services.chassis import auth
from services.chassis.auth import ACCESS_TOKEN
from services.chassis.db import Pool, open_pool
from services.chassis.fhir import guard
from services.chassis.migrate import migrate
from services.chassis.process import settle
from services.referral.mapping.inbound.remarks import USED
from tests.benchmarks.meter import Meter, ask
from tests.conftest import run
from tests.postgres import Server
from tests.referral.bundles import make_bundle
from tests.referral.rig import BASE, KEY, rig_of

WARM, REFERRALS, AT_ONCE = 200, 1000, 16
NUMBERS = count(1)


def bodies(number: int) -> list[bytes]:
    """So many referrals, of as many children."""
    drawn = (next(NUMBERS) for _ in range(number))
    made = [make_bundle(number=f"REF-{n}", mrn=f"M-{n}", member=f"1{n:011}") for n in drawn]
    return [json.dumps(bundle).encode() for bundle in made]


async def main(server: Server) -> None:
    guard.prepare({"Bundle", *USED})
    await run(server, "postgres", "CREATE DATABASE intake")
    await migrate("referral", server.dsn("intake"))
    pool = await open_pool(server.dsn("intake"))
    meter = Meter(server)
    await measure_floor(pool, meter)
    async with rig_of(pool) as rig:
        hub, _ = await rig.hub(), await rig.payer()
        claims = {"iss": "test", "aud": BASE, "client_id": "hub", "kind": PartnerKind.HUB.value}
        claims |= {"organisation_id": str(hub.organisation_id), "scope": "system/*.cruds"}
        token = auth.sign(KEY, claims, lives_seconds=3000, typ=ACCESS_TOKEN)
        sends = partial(ask, rig.app, "POST", "/fhir", token)
        await meter.each([partial(sends, body) for body in bodies(WARM)])
        settle()
        words = await meter.each([partial(sends, b) for b in bodies(REFERRALS)], at_once=AT_ONCE)
        print(f"intake of {len(bodies(1)[0]) / 1024:.1f} KiB: {words}")
        found = await rig.count("referral")
        assert found == WARM + REFERRALS, found
    pool.terminate()


async def measure_floor(pool: Pool, meter: Meter) -> None:
    await pool.execute("CREATE TABLE raw_body (id serial PRIMARY KEY, bytes bytea NOT NULL)")
    insert = partial(pool.execute, "INSERT INTO raw_body (bytes) VALUES ($1)")
    words = await meter.each([partial(insert, b) for b in bodies(REFERRALS)], at_once=AT_ONCE)
    print(f"floor, one row of the same bytes: {words}")


if __name__ == "__main__":
    server = Server()
    try:
        uvloop.run(main(server))
    finally:
        server.stop()
