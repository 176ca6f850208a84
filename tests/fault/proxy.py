"""A TCP proxy on loopback that does to connections what networks do: cut, stall, slow down."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PIECE = 65_536


class Proxy:
    """Passes on to `port`, both ways, as its switches stand; connections may begin at any time."""

    def __init__(self, port: int, *, listen: int = 0) -> None:
        self.to, self.port = port, listen
        self.refuses = False
        self.delay_seconds = 0.0  # for each piece, in each direction
        self.passing = asyncio.Event()  # cleared: connected, and nothing comes through
        self.passing.set()
        self.writers: set[asyncio.StreamWriter] = set()

    def reset(self) -> None:
        """Break off every connection at once, with RST and not with an end."""
        for writer in list(self.writers):
            writer.transport.abort()

    def cut(self) -> None:
        """Break off everything, and let nobody in until `heal`."""
        self.refuses = True
        self.reset()

    def stall(self) -> None:
        """Nothing is broken off, and nothing arrives any more."""
        self.passing.clear()

    def heal(self) -> None:
        self.refuses, self.delay_seconds = False, 0.0
        self.passing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, back}
        self.writers |= ends
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self.copy(reader, back))
                both.create_task(self.copy(there, writer))
        except* OSError:
            pass
        finally:
            self.writers -= ends
            for end in ends:
                end.transport.abort()

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            await self.passing.wait()
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            writer.write(piece)
            await writer.drain()
        raise ConnectionResetError  # one side has ended: so has the other


@asynccontextmanager
async def proxy_to(port: int, *, listen: int = 0) -> AsyncIterator[Proxy]:
    proxy = Proxy(port, listen=listen)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", listen)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.heal()
        proxy.reset()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await server.wait_closed()
