"""More requests than a process can serve: each is answered soon, most of them with "not now"."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from contracts import telemetry as names
from services.chassis.db import Pool
from tests.chassis.processes import Small, environments
from tests.chassis.waiting import until
from tests.postgres import Server

REQUESTS = 200
WAIT_SECONDS = 3.0  # for a connection, of who was let in; everybody else is told at once
ANSWER_SECONDS = 10.0  # beyond what this machine takes for as many that wait for nothing
WORK_SECONDS = 0.15  # without any bound the last one would wait for fifteen seconds


@pytest.fixture
def busy(tmp_path: Path, server: Server, pool: Pool) -> Iterator[Small]:
    """A service with two connections to its database."""
    dsns = {"scheduling": server.dsn("one")}
    settings = environments(tmp_path, dsns, WAYPOST_POOL_SIZE="2")["scheduling"]
    small = Small("scheduling", tmp_path, settings)
    small.until_ready()
    yield small
    small.end()


async def test_two_hundred_requests_on_two_connections_are_all_answered_within_seconds(
    busy: Small, pool: Pool
) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=60, limits=limits, trust_env=False) as http:
        loop = asyncio.get_running_loop()

        async def ask(method: str, url: str) -> tuple[httpx.Response, float]:
            begun = loop.time()
            answer = await http.request(method, url)
            return answer, loop.time() - begun

        async def ask_all(method: str, url: str) -> list[tuple[httpx.Response, float]]:
            return await asyncio.gather(*(ask(method, url) for _ in range(REQUESTS)))

        floor = max(took for _, took in await ask_all("GET", f"{busy.ops}/health/live"))
        asked = await ask_all("POST", f"{busy.url}/slow/{WORK_SECONDS}")

        codes = Counter(answer.status_code for answer, _ in asked)
        assert set(codes) == {200, 503}
        assert all(a.headers["retry-after"] for a, _ in asked if a.status_code == 503)
        assert max(took for _, took in asked) - floor <= ANSWER_SECONDS
        # By the service's own watch: who waited was served, and who was turned away did not wait.
        assert await pool_waits(http, busy) <= codes[200] * WAIT_SECONDS
        await until(lambda: in_use(pool), 0)  # nothing of it goes on behind our back
        assert (await http.post(f"{busy.url}/slow/0")).status_code == 200


async def pool_waits(http: httpx.AsyncClient, service: Small) -> float:
    """Seconds for which all requests together have waited for a connection."""
    page = (await http.get(f"{service.ops}/metrics")).text
    [line] = [one for one in page.splitlines() if one.startswith(names.POOL_WAIT_SECONDS.name)]
    return float(line.split()[-1])


async def in_use(pool: Pool) -> int:
    found: int = await pool.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = 'one' AND query LIKE '%pg_sleep($1)'"
        " AND state <> 'idle'"
    )
    return found
