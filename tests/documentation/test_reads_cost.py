"""What a read costs the database must not grow with sessions that it does not show. Rows, not time.

And what is read in that way is what sorting everything would have found.
"""

from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import pytest

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


ENDED = "UPDATE reader SET reads = '{}' WHERE value::integer % 4 = 3"
LATER = """
    INSERT INTO session (session_id, youth_id, referral_id, episode_id, mentor_id, supervisor_id,
                         starts_at, ends_at, place_of_service, modality, billable, texts, state,
                         units, rule_pack_version, updated_at)
    SELECT gen_random_uuid(), youth_id, referral_id, episode_id, mentor_id, supervisor_id,
           starts_at, ends_at, place_of_service, modality, billable, texts, state,
           units, rule_pack_version, updated_at + n * interval '1 year'
      FROM session, generate_series(1, 10) AS n
"""


async def test_a_page_of_all_children_reads_no_sessions_beyond_it(
    open_service_database: OpenDatabase,
) -> None:
    pool = await open_service_database("documentation")
    asked = Asked(HUB, PartnerKind.HUB, TODAY.date(), limit=21)
    touched = []
    for more in (False, True):
        async with pool.acquire() as conn:
            await (fill_again(conn) if more else fill(conn, 0, 39))
            await conn.execute(ENDED)
            await conn.execute("ANALYZE")
        for _ in range(8):  # more than PostgreSQL plans anew before it keeps a plan
            async with transaction(pool) as conn:
                await conn.execute("SET LOCAL enable_seqscan = off")
                before = await so_far(conn)
                assert len(await reads.list_sessions(conn, asked)) == 21
                rows = await so_far(conn) - before
        touched.append(rows)

    few, many = touched
    assert many <= few + 5
    assert many <= 150  # readers, the first session of each of 40 children, a page, its referrals


async def fill_again(conn: Connection) -> None:
    """Ten later sessions for each one."""
    await conn.execute("SET session_replication_role = replica")
    await conn.execute(LATER)
    await conn.execute("RESET session_replication_role")


# Who reads what: some no more, some not released, a payer on some days; sessions of all states, and
# many that changed at the same moment.
MIXED = """
    UPDATE reader SET reads = '{}' WHERE value::integer % 7 = 3;
    UPDATE reader SET released = false WHERE value::integer % 7 = 5;
    INSERT INTO reader (stream_id, organisation_id, kind, reads, released)
    SELECT stream_id, organisation_id, 'payer', '{[2026-02-01,2026-04-01)}', true
      FROM reader WHERE value::integer % 2 = 0;
    UPDATE session SET updated_at = to_timestamp(hashtext(session_id::text) % 20);
    UPDATE session SET state = 'voided' WHERE hashtext(session_id::text) % 5 = 1;
    UPDATE session SET state = 'draft' WHERE hashtext(session_id::text) % 5 = 2;
"""
SORTED = """
    SELECT s.session_id
      FROM session s
      JOIN reader r ON r.stream_id = s.youth_id AND r.kind = $1 AND r.released
     WHERE s.state IN ('final', 'voided')
       AND r.reads @> CASE r.kind WHEN 'hub' THEN $2::date
                      ELSE (s.starts_at AT TIME ZONE 'America/New_York')::date END
     ORDER BY s.updated_at, s.session_id
"""


@pytest.mark.parametrize("limit", [1, 7, 50])
@pytest.mark.parametrize("kind", [PartnerKind.HUB, PartnerKind.PAYER])
async def test_pages_over_all_children_are_everything_in_order(
    open_service_database: OpenDatabase, kind: PartnerKind, limit: int
) -> None:
    pool = await open_service_database("documentation")
    async with pool.acquire() as conn:
        await fill(conn, 0, 19)
        await conn.execute("SET session_replication_role = replica")
        await conn.execute(MIXED)
        await conn.execute("RESET session_replication_role")
        wanted = [row["session_id"] for row in await conn.fetch(SORTED, kind, TODAY.date())]

        asked, found = Asked(HUB, kind, TODAY.date(), limit=limit), list[UUID]()
        while rows := [row for row, _ in await reads.list_sessions(conn, asked)]:
            assert len(rows) == min(limit, len(wanted) - len(found))
            found += [row.session_id for row in rows]
            asked = replace(asked, after_at=rows[-1].updated_at, after_id=rows[-1].session_id)

    assert found == wanted
    assert len(found) > limit
