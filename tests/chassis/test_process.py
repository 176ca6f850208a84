"""A service as a process: what it answers without Kafka, and how it ends."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from services.chassis.db import Pool
from services.chassis.process import remember_missing
from tests.chassis.processes import Small, environments
from tests.chassis.waiting import until
from tests.postgres import Server
from tests.serving import NO_AUTHORITIES

Run = Callable[..., Small]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    started: list[Small] = []

    def run_(name: str, **dsns: str) -> Small:
        small = Small(name, tmp_path, environments(tmp_path, dsns)[name])
        started.append(small)
        small.until_ready()
        return small

    yield run_
    for small in started:
        small.end()


@pytest.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=60, verify=NO_AUTHORITIES) as client:
        yield client


async def test_without_kafka_a_service_answers_stores_and_does_its_work(
    run: Run, pool: Pool, server: Server, web: httpx.AsyncClient
) -> None:
    small = run("scheduling", scheduling=server.dsn("one"))

    answer = await web.post(f"{small.url}/notes/{uuid4()}/1")

    assert answer.json() == {"n": 1}
    await until(lambda: pool.fetchval("SELECT outcome FROM work"), "done")
    assert await pool.fetchval("SELECT count(*) FROM event WHERE published_at IS NULL") == 1
    parts = (await web.get(f"{small.ops}/health/ready")).json()["parts"]
    assert parts["consumer"] != "running"
    metrics = (await web.get(f"{small.ops}/metrics")).text
    assert 'waypost_events_unpublished{service="scheduling"} 1.0' in metrics


async def test_term_ends_a_process_with_status_0_and_its_log_is_json(
    run: Run, pool: Pool, server: Server, web: httpx.AsyncClient
) -> None:
    small = run("referral", referral=server.dsn("one"))

    assert small.end() == 0
    assert [line["event"] for line in small.lines][-1] == "stopped"


async def test_a_trace_goes_from_the_request_into_events_and_work(
    run: Run, pool: Pool, server: Server, web: httpx.AsyncClient
) -> None:
    small = run("referral", referral=server.dsn("one"))

    await web.post(f"{small.url}/notes/{uuid4()}/1", headers={"traceparent": PARENT})
    await web.post(f"{small.url}/notes/{uuid4()}/1", headers={"traceparent": "00-" + "0" * 99})

    for table in ("event", "work"):
        first, second = [
            row["headers"]["traceparent"].split("-")
            for row in await pool.fetch(f"SELECT headers FROM {table} ORDER BY 1")  # noqa: S608
        ]
        ours, made_up = (first, second) if first[1] == PARENT[3:35] else (second, first)
        assert ours[1] == PARENT[3:35]
        assert ours[2] != PARENT[36:52]
        assert made_up[1].strip("0")


async def test_internal_routes_and_metrics_are_on_the_ops_port_only(
    run: Run, pool: Pool, server: Server, web: httpx.AsyncClient
) -> None:
    small = run("referral", referral=server.dsn("one"))

    for path in ("/metrics", "/health/live", "/internal/jwks", "/internal/streams"):
        assert (await web.get(small.url + path)).status_code == 404
    (key,) = (await web.get(f"{small.ops}/internal/jwks")).json()["keys"]
    assert "d" not in key


async def test_a_peer_is_asked_with_a_signed_assertion(
    run: Run, pool: Pool, server: Server, web: httpx.AsyncClient
) -> None:
    small = run("referral", referral=server.dsn("one"))

    assert (await web.get(f"{small.ops}/internal/streams")).status_code == 401
    answer = await web.get(f"{small.url}/streams/of/referral")
    assert answer.json() == {"bound": 0, "heads": {}}


async def test_a_peer_tells_the_next_events_of_several_streams_at_once(
    run: Run, pool: Pool, server: Server, web: httpx.AsyncClient
) -> None:
    small, (one, other) = run("referral", referral=server.dsn("one")), (uuid4(), uuid4())
    for stream in (one, other):
        assert (await web.post(f"{small.url}/pairs/{stream}/0")).status_code == 200

    answer = await web.get(f"{small.url}/events/of/referral/{one}/{other}")

    assert answer.json() == [[str(one), 1], [str(one), 2], [str(other), 2]]
    assert (await web.get(f"{small.ops}/internal/events-of?after={one}:0")).status_code == 401


async def test_a_database_that_does_not_answer_is_503_within_seconds(
    run: Run, pool: Pool, server: Server, web: httpx.AsyncClient
) -> None:
    small = run("referral", referral=server.dsn("one"))
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await conn.execute("LOCK TABLE stream")
        answer = await web.post(f"{small.url}/notes/{uuid4()}/1")

    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_what_is_not_installed_is_looked_for_once() -> None:
    """An import that fails walks all folders of the path: httpcore does so at each request."""
    name = "waypost_has_no_such_module"
    try:
        remember_missing(name)
        with pytest.raises(ModuleNotFoundError, match=r"None in sys\.modules"):
            import_module(name)
        remember_missing("json")
        assert import_module("json").loads("1") == 1
    finally:
        sys.modules.pop(name, None)


def test_the_collector_leaves_alone_what_was_there_at_the_start() -> None:
    script = """
import gc
from services.chassis import process
process.settle()
started = gc.get_freeze_count()
assert started > 50_000, started
assert gc.get_threshold()[0] == process.COLLECT_AFTER
"""
    subprocess.run([sys.executable, "-c", script], check=True)
