"""What a request costs: one service in this process, its PostgreSQL beside it, no socket between.

CPU is that of this process and of all PostgreSQL's; HTTP parsing by the server is left out. Other
work on the machine lengthens CPU times, too (two hyperthreads of one core): compare in one run.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Scope

from tests.postgres import Server

TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Meter:
    """CPU-milliseconds and wall times of what is done through `each`."""

    server: Server
    times: list[float] = field(default_factory=list)

    async def each(
        self, acts: Sequence[Callable[[], Awaitable[object]]], *, at_once: int = 1
    ) -> str:
        """Do them all, so many at once; what one costs, in words."""
        queue = list(reversed(acts))
        self.times = []

        async def some() -> None:
            while queue:
                act, begin = queue.pop(), time.perf_counter()
                await act()
                self.times.append((time.perf_counter() - begin) * 1000)

        await asyncio.sleep(0.2)
        service, database = time.process_time(), postgres_seconds(self.server.process.pid)
        await asyncio.gather(*(some() for _ in range(at_once)))
        self.service = (time.process_time() - service) * 1000 / len(acts)
        await asyncio.sleep(0.2)  # until PostgreSQL has written what it does behind the answer
        spent = postgres_seconds(self.server.process.pid) - database
        self.database = spent * 1000 / len(acts)
        middle = sorted(self.times)[len(self.times) // 2]
        return (
            f"{self.cost:.2f} CPU-ms ({self.service:.2f} service, {self.database:.2f} PostgreSQL),"
            f" p50 {middle:.1f} ms"
        )

    @property
    def cost(self) -> float:
        return self.service + self.database


def postgres_seconds(pid: int) -> float:
    """User and system time of a server and of its processes, those that ended among them."""
    total = 0
    for one in tree(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += sum(map(int, fields[11:15] if one == pid else fields[11:13]))
    return total / TICK


def tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from tree(int(child))


async def ask(app: ASGIApp, method: str, url: str, token: str, body: bytes = b"") -> bytes:
    """The body of an answer; an error when it is not 200."""
    parts = urlsplit(url)
    headers = {
        "host": "waypost.test",
        "authorization": f"Bearer {token}",
        "content-type": "application/fhir+json",
        "content-length": str(len(body)),
    }
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    told: list[Any] = []
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)
        told.append(message.get("body", b""))

    await app(scope, receive, send)
    answer = b"".join(told)
    assert status == 200, (status, answer[:500])
    return answer
