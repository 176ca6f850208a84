"""Hubs' endpoints that misbehave in every way, on real sockets; each answer is scripted."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Endpoint:
    """Whatever listens at the other end; keeps what it was sent."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.answer: Answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?tenant=7"


@asynccontextmanager
async def endpoint(
    answer: Answer,
    *,
    tls: ssl.SSLContext | None = None,
    at: str = "127.0.0.1",
    keeps: bool = False,
) -> AsyncIterator[Endpoint]:
    """Listens while the block runs; `keeps`: its connections stay open after an answer."""
    there = Endpoint()
    there.answer = answer

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                there.requests.append(head + await reader.readexactly(length))
                await there.answer(writer)
                await writer.drain()
                if not keeps:
                    break
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, at, 0, ssl=tls)
    there.port = server.sockets[0].getsockname()[1]
    try:
        yield there
    finally:
        server.close()


def status(code: int, *headers: str) -> "Answer":
    lines = (f"HTTP/1.1 {code} As scripted", *headers, "Content-Length: 0", "", "")
    return saying("\r\n".join(lines).encode())


def in_turn(answers: "Iterable[Answer]") -> "Answer":
    """One answer after the other; 200 when the script is at its end."""
    script = iter(answers)

    async def answer(writer: asyncio.StreamWriter) -> None:
        await next(script, saying(OK))(writer)

    return answer


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """The connection ends, and nobody knows whether the message was taken."""
    writer.close()


def late(seconds: float) -> "Answer":
    async def answer(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        writer.write(OK)

    return answer


async def reset(writer: asyncio.StreamWriter) -> None:
    """RST: what was written on the way is lost."""
    there: socket.socket = writer.get_extra_info("socket")
    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def drip_head(writer: asyncio.StreamWriter) -> None:
    """A status line that never ends, a byte at a time."""
    for byte in b"HTTP/1.1 200 " + b"O" * 10_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


def saying(raw: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return answer


async def never(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def without_end(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"." * 65_536 + b"\r\n")
        await writer.drain()


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 9999\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.05)
