"""One service whose way to PostgreSQL and to Kafka leads through proxies, and so can be broken."""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

from deploy.local.kafka import Kafka
from tests.fault.proxy import Proxy, proxy_to

ANSWER_SECONDS = 30

T = TypeVar("T")


@dataclass(frozen=True)
class TwoDoors(Kafka):
    """A node with a second listener, which it tells its clients to find behind a proxy."""

    second: int = 0
    proxy: int = 0

    def said(self) -> str:
        text = super().said()
        text = re.sub(r"(?m)^listeners=(.*)$", rf"listeners=\1,P://127.0.0.1:{self.second}", text)
        text = re.sub(r"(?m)^(advertised\.listeners=.*)$", rf"\1,P://127.0.0.1:{self.proxy}", text)
        names = ",".join(f"{name}:PLAINTEXT" for name in ("PLAINTEXT", "CONTROLLER", "P"))
        return f"{text}listener.security.protocol.map={names}\n"


class Network:
    """Proxies by name, in a loop and a thread of their own: they outlive the loops of others.

    `ways` says for each name where the proxy listens, and to which port it leads.
    """

    def __init__(self, ways: Mapping[str, tuple[int, int]]) -> None:
        self.loop, self.opened = asyncio.new_event_loop(), AsyncExitStack()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.proxies = self.run(self.open(ways))

    async def open(self, ways: Mapping[str, tuple[int, int]]) -> dict[str, Proxy]:
        return {
            name: await self.opened.enter_async_context(proxy_to(to, listen=listen))
            for name, (listen, to) in ways.items()
        }

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(act, self.loop).result(ANSWER_SECONDS)

    def do(self, name: str, act: Callable[[Proxy], object]) -> None:
        """Let something happen on the way of that name; it has when this returns."""

        async def done() -> None:
            act(self.proxies[name])

        self.run(done())

    def heal(self) -> None:
        for name in self.proxies:
            self.do(name, Proxy.heal)

    def close(self) -> None:
        self.run(self.opened.aclose())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(ANSWER_SECONDS)
        self.loop.close()
