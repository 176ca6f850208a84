"""How long a restored database keeps the others waiting: `python -m tests.benchmarks.restore`.

A producer with 1,000,000 events (or as many as the argument says) of a tenth as many youths. Nine
tenths are in the copy, one tenth in the archived log up to the point, and a hundredth was told
beyond it, to a consumer that has applied all. The producer is restored; the consumer compares all
streams and freezes those that are ahead. Then the consumer is as an older copy of it would be: a
hundredth behind, to be caught up. Without HTTP and Kafka between them; with fsync off.
"""

import logging
import sys
import time
from collections.abc import Awaitable

import asyncpg
import uvloop

from services.chassis.catch_up import CatchUp
from services.chassis.db import Pool, connect, open_pool
from services.chassis.inbox import Handlers, Inbox
from tests.benchmarks.kernel import Told, handle
from tests.chassis.story import Owner
from tests.conftest import make_template
from tests.fault.backup import Archived
from tests.postgres import Server

DATABASE = "template_kernel"  # of a server of its own: made once, used as it is
EACH = 10  # events of a youth
GOAL_SECONDS = 900
YOUTH = "('c0000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid"
# Of youths 1 to $3, every $4th one: its events from number $1 to $2.
TELL = f"""
    WITH youth AS (
        SELECT {YOUTH} AS id FROM generate_series(1, $3::integer, $4::integer) AS i
    ), told AS (
        INSERT INTO stream (stream_id, last_sequence) SELECT id, $2::integer FROM youth
            ON CONFLICT (stream_id) DO UPDATE SET last_sequence = excluded.last_sequence
    )
    INSERT INTO event (event_id, event_type, stream_id, sequence, headers, body, occurred_at,
                       published_at)
    SELECT gen_random_uuid(), 'Told.v1', id, n, '{{}}',
           convert_to('{{"youth_id": "' || id || '", "n": ' || n || ', "filled": "'
                      || repeat('x', 900) || '"}}', 'UTF8'), now(), now()
      FROM generate_series($1::integer, $2::integer) AS n
     CROSS JOIN youth
"""  # noqa: S608 (constants)
HEARD = f"""
    INSERT INTO inbox_cursor (consumer, stream_id, producer, last_sequence)
    SELECT 'bench', {YOUTH}, 'referral', $1::integer
      FROM generate_series($4::integer, $2::integer, $3::integer) AS i
        ON CONFLICT (consumer, stream_id, producer)
        DO UPDATE SET last_sequence = excluded.last_sequence
"""  # noqa: S608 (constants)
STANDING = "SELECT count(*) FROM inbox_cursor WHERE frozen IS NOT NULL"
BEHIND = "SELECT count(*) FROM inbox_cursor WHERE frozen IS NULL AND last_sequence < $1"


async def main(archived: Archived, server: Server, events: int) -> None:
    logging.disable(logging.ERROR)  # a line for each stream that is frozen
    youths, ahead = events // EACH, 10
    await make_template(archived)
    await make_template(server)
    producer = await filler(archived)
    consumer = await filler(server)
    await producer.execute(TELL, 1, EACH - 1, youths, 1)
    copied = await timed(archived.back_up())
    await producer.execute(TELL, EACH, EACH, youths, 1)
    await archived.mark()
    await producer.execute(TELL, EACH + 1, EACH + 1, youths, ahead)
    await producer.close()
    await consumer.execute(HEARD, EACH, youths, 1, 1)
    await consumer.execute(HEARD, EACH + 1, youths, ahead, 1)

    restored = await timed(archived.restore())
    counting = await filler(archived)  # which may last longer than a service's statement
    assert await counting.fetchval("SELECT count(*) FROM event") == youths * EACH
    await counting.close()
    told = await open_pool(archived.dsn(DATABASE))
    pool = await open_pool(server.dsn(DATABASE))
    handlers = Handlers({Told.type: Told})
    handlers.on(Told)(handle)
    catch_up = CatchUp(pool, Inbox("bench", handlers), "referral", Owner(told), patience=0)
    looked = await timed(catch_up.look())
    frozen = await pool.fetchval(STANDING)
    assert frozen == -(-youths // ahead), frozen

    # Other streams than those that stand still: an older copy of the consumer lacks their last.
    await consumer.execute(HEARD, EACH - 1, youths, ahead, 2)
    behind = await pool.fetchval(BEHIND, EACH)
    older = CatchUp(pool, Inbox("bench", handlers), "referral", Owner(told), patience=0)
    caught = await timed(all_of(older, pool))
    say("copy of nine tenths", copied)
    say("restored, copy and log, until it takes writes", restored)
    say(f"{frozen:,} of {youths:,} streams found ahead and frozen", looked)
    say(f"{behind:,} events caught up by a restored consumer", caught)
    total = restored + looked + caught
    print(f"{events:,} events: {total:.0f} s without the copy (goal {GOAL_SECONDS})")
    pool.terminate()
    told.terminate()


async def filler(server: Server) -> "asyncpg.Connection[asyncpg.Record]":
    conn = await connect(server.dsn(DATABASE))
    await conn.execute("SET statement_timeout = 0")
    return conn


async def all_of(catch_up: CatchUp, pool: Pool) -> None:
    """As `loops.catch_up` does it, without its pauses: until nothing is behind."""
    await catch_up.look()
    while await catch_up.round():
        pass
    assert await pool.fetchval(BEHIND, EACH) == 0


async def timed(act: Awaitable[None]) -> float:
    begun = time.monotonic()
    await act
    return time.monotonic() - begun


def say(what: str, seconds: float) -> None:
    print(f"{what}: {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    archived, server = Archived(), Server()
    try:
        uvloop.run(main(archived, server, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
    finally:
        archived.stop()
        server.stop()
