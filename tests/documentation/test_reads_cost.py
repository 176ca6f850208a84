"""What a read costs the database must not grow with other children's sessions. Rows, not time."""

from itertools import pairwise
from uuid import UUID

from contracts.codes import PartnerKind
from services.chassis.db import Connection, transaction
from services.documentation.store import reads
from services.documentation.store.reads import Asked
from tests.benchmarks.reads import fill
from tests.conftest import OpenDatabase
from tests.documentation.rig import TODAY

CHILD = UUID("b0000000-0000-4000-8000-000000000007")
PLAN = UUID("d0000000-0000-4000-8000-000000000007")
HUB = UUID("a0000000-0000-4000-8000-000000000000")


async def read(conn: Connection) -> list[int]:
    """Rows that one CarePlan and the sessions of one child touch, whichever way."""
    who = (HUB, PartnerKind.HUB, TODAY.date())
    touched = [await so_far(conn)]
    assert len(await reads.list_care_plans(conn, Asked(*who, ids=[PLAN]))) == 1
    touched.append(await so_far(conn))
    found = await reads.list_sessions(conn, Asked(*who, youths=[CHILD], limit=21))
    assert len(found) == 20
    touched.append(await so_far(conn))
    return [after - before for before, after in pairwise(touched)]


async def so_far(conn: Connection) -> int:
    number: int = await conn.fetchval(
        "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))"
        " FROM pg_stat_xact_user_tables"
    )
    return number


async def test_ten_times_as_many_sessions_are_not_read(open_service_database: OpenDatabase) -> None:
    pool = await open_service_database("documentation")
    touched = []
    for first, last in ((0, 19), (500, 699)):
        async with pool.acquire() as conn:
            await fill(conn, first, last)
            await conn.execute("ANALYZE")
        for _ in range(8):  # more than PostgreSQL plans anew before it keeps a plan
            async with transaction(pool) as conn:
                # A small table is rightly read whole; asked is what is read of a large one.
                await conn.execute("SET LOCAL enable_seqscan = off")
                rows = await read(conn)
        touched.append(rows)

    (plan, sessions), (plan_among_many, sessions_among_many) = touched
    assert plan_among_many <= plan + 5
    assert sessions_among_many <= sessions + 5
    assert sessions_among_many <= 70
