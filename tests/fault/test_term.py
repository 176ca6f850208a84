"""TERM in the middle of something (P8): what is in hand is finished, nothing is half done."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from uuid import UUID, uuid4

import httpx

from services.chassis.db import Pool
from tests.chassis.kafka_rig import World, upto
from tests.chassis.processes import Small, environments
from tests.chassis.waiting import until
from tests.kafka import Broker
from tests.postgres import Server

TERMS = 100
EACH = 4  # events of each of eight streams between two of them
MOST = 16  # events into a batch of up to thirty-two
END_SECONDS = 20.0
LIFE_SECONDS = 120  # a start on a machine that has other work, and an end
IN_HAND = 8


@contextmanager
def service(tmp_path: Path, settings: dict[str, str]) -> "Iterator[subprocess.Popen[str]]":
    with (tmp_path / "again.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fault.again", "scheduling"],
            env=os.environ | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    with process:
        try:
            yield process
        finally:
            os.killpg(process.pid, SIGKILL)  # with the life that it is in, should one hang


async def test_a_hundred_terms_in_mid_batch_repeat_and_lose_nothing(
    world: World, tmp_path: Path, server: Server, kafka: Broker
) -> None:
    """In each life some events are handled, and TERM comes with the batch still open."""
    dsns = {"scheduling": server.dsn("two"), "referral": server.dsn("one")}
    settings = environments(tmp_path, dsns, kafka=kafka.address)["scheduling"]
    chance = random.Random(8)
    world.start("relay")
    ends = list[tuple[int, float]]()
    with service(tmp_path, settings) as again:
        for _ in range(TERMS):
            # It starts while they are told.
            life = one_life(again, chance.randint(1, MOST))
            _, end = await asyncio.gather(world.append(EACH), life)
            ends.append(end)

    assert {status for status, _ in ends} == {0}
    assert max(seconds for _, seconds in ends) <= END_SECONDS
    last = Small("scheduling", tmp_path, settings)
    try:
        await asyncio.to_thread(last.until_ready)
        await until(world.numbers, upto(TERMS * EACH), seconds=120)
    finally:
        assert last.end() == 0


async def one_life(again: "subprocess.Popen[str]", events: int) -> tuple[int, float]:
    def lived() -> str:
        assert again.stdin
        assert again.stdout
        again.stdin.write(f"{events}\n")
        again.stdin.flush()
        return again.stdout.readline()

    told = asyncio.create_task(asyncio.to_thread(lived))
    done, _ = await asyncio.wait([told], timeout=LIFE_SECONDS)
    assert done, f"no end within {LIFE_SECONDS} seconds"
    status, seconds = told.result().split()
    return int(status), float(seconds)


async def test_what_is_in_hand_when_term_comes_is_finished_and_answered(
    tmp_path: Path, server: Server, pool: Pool
) -> None:
    settings = environments(tmp_path, {"referral": server.dsn("one")})["referral"]
    small = Small("referral", tmp_path, settings)
    small.until_ready()
    streams = [uuid4() for _ in range(IN_HAND)]
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        # Connections there and back are open: all of these begin before the first one ends.
        await asyncio.gather(*(http.post(f"{small.url}/slow/0.5") for _ in streams))
        asked = [
            asyncio.create_task(http.post(f"{small.url}/pairs/{stream}/1.5")) for stream in streams
        ]
        await until(lambda: sleeping(pool), IN_HAND)

        assert await asyncio.to_thread(small.end) == 0
        answers = await asyncio.gather(*asked)

    assert [answer.status_code for answer in answers] == [200] * IN_HAND
    assert await told(pool) == dict.fromkeys(streams, 2)


async def sleeping(pool: Pool) -> int:
    found: int = await pool.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = 'one' AND query LIKE '%pg_sleep($1)'"
        " AND state = 'active'"
    )
    return found


async def told(pool: Pool) -> dict[UUID, int]:
    rows = await pool.fetch("SELECT stream_id, count(*) FROM event GROUP BY 1")
    return {row[0]: row[1] for row in rows}
