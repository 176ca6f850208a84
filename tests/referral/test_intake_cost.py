"""What a referral costs the database must not grow with those that came before. Rows, not time."""

from uuid import UUID

import pytest

from services.chassis.db import Connection, Pool, transaction
from services.referral.domain.intake import Identifier
from services.referral.mapping.terms import IMPERSONAL
from services.referral.store import duplicates, mirror, youths
from tests.databases import Databases
from tests.referral.bundles import make_bundle
from tests.referral.rig import Hub, Rig, located

FIRST, OTHERS = 8, 12
MRN = "https://ehr.riverbend.example/ids/mrn"
# Of a few hundred rows PostgreSQL may rightly read all, once it has counted them: the question is
# whether an index leads to those that are asked for.
BY_INDEX = "SET LOCAL enable_seqscan = off"
ROWS = "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM"


async def send(hub: Hub, number: int) -> UUID:
    """One more child, alike to none; returns its youth."""
    bundle = make_bundle(number=f"REF-{number}", mrn=f"M-{number}", member=f"1{number:011}")
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"]["name"] = [
                {"family": f"Sampl{'e' * (number + 1)}", "given": ["Child"]}
            ]
    answer = await hub.refer(bundle)
    assert answer.status_code == 200
    return UUID(located(answer.json(), "Patient").partition("/")[2])


@pytest.fixture(autouse=True)
def never_used(databases: Databases) -> None:
    """A database of which the planner has learned nothing from the tests before."""
    databases.made.pop("test_referral", None)


@pytest.fixture
async def child(rig: Rig, hub: Hub) -> UUID:
    """One of many children of a hub. The connection's plans are as old as the tables."""
    return [await send(hub, number) for number in range(FIRST + OTHERS)][3]


async def so_far(conn: Connection) -> int:
    """Rows that this transaction has read, whichever way."""
    number: int = await conn.fetchval(f"{ROWS} pg_stat_xact_user_tables")
    return number


async def in_all(pool: Pool) -> int:
    """Rows that all transactions have read; the pool has one connection where nobody waits."""
    await pool.execute("SELECT pg_stat_force_next_flush()")
    number: int = await pool.fetchval(f"{ROWS} pg_stat_user_tables")
    return number


async def test_the_last_of_many_referrals_reads_as_few_rows_as_the_first(
    rig: Rig, hub: Hub
) -> None:
    read = []
    for number in range(FIRST + OTHERS):
        before = await in_all(rig.pool)
        await send(hub, number)
        read.append(await in_all(rig.pool) - before)

    assert max(read[FIRST:]) <= max(read[1:FIRST]) + 5


async def test_what_is_stored_of_a_child_is_found_without_reading_others(
    rig: Rig, hub: Hub, child: UUID
) -> None:
    async with transaction(rig.pool) as conn:
        await conn.execute(BY_INDEX)
        own = await conn.fetchval("SELECT count(*) FROM mirror WHERE youth_id = $1", child)
        clinician = "SELECT identifiers[1] FROM mirror WHERE type = 'Practitioner'"
        npi = await conn.fetchval(clinician)
        before = await so_far(conn)

        rows = await mirror.list_stored(
            conn,
            hub.organisation_id,
            youth_id=None,
            ids=[str(child)],
            numbers=[("Practitioner", npi), ("Location", f"{MRN}|nobody")],
            impersonal=IMPERSONAL,
        )

        assert len(rows) == own + 1
        assert await so_far(conn) - before <= own + 5


async def test_a_child_is_found_by_number_without_reading_others(
    rig: Rig, hub: Hub, child: UUID
) -> None:
    async with transaction(rig.pool) as conn:
        await conn.execute(BY_INDEX)
        before = await so_far(conn)

        known = await youths.youths_by_mrn(conn, hub.organisation_id, [Identifier(MRN, "M-3")])
        named = await mirror.youths_by_conditions(
            conn, hub.organisation_id, [("Patient", f"{MRN}|M-3")]
        )

        assert known == {child}
        assert named == [child]
        assert await so_far(conn) - before <= 4


async def test_a_likely_duplicate_is_found_without_reading_others(
    rig: Rig, hub: Hub, child: UUID
) -> None:
    find = "SELECT referral_id FROM referral WHERE youth_id = $1"
    async with transaction(rig.pool) as conn:
        await conn.execute(BY_INDEX)
        referral_id = await conn.fetchval(find, child)
        before = await so_far(conn)

        assert await duplicates.list_alike(conn, referral_id) == ()

        assert await so_far(conn) - before <= 10


async def test_a_number_that_an_amendment_dropped_names_nobody(rig: Rig, hub: Hub) -> None:
    await send(hub, 1)
    await rig.pool.execute(
        "UPDATE mirror SET identifiers = $1 WHERE type = 'Patient'", [f"{MRN}|new"]
    )

    async with transaction(rig.pool) as conn:
        for number, found in (("M-1", 0), ("new", 1)):
            named = await mirror.youths_by_conditions(
                conn, hub.organisation_id, [("Patient", f"{MRN}|{number}")]
            )
            assert len(named) == found
