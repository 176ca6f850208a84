"""A hub's endpoint: a stranger's word, and a stranger's answers."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import logging
import math
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
import httpx

from services.chassis import telemetry
from services.notifications.domain.attempts import Answered, Failed, Unsent
from services.notifications.domain.endpoints import endpoint_fault, header_pair, may_connect
from services.notifications.domain.subscriptions import Channel

log = logging.getLogger(__name__)

LONGEST_ANSWER = 65_536
BODY_SECONDS = 2.0
RESOLVE_SECONDS = 1.0
KEPT = 64  # connections that wait for the next message to their endpoint
KEPT_SECONDS = 4.0  # while idle: most servers close after five
OLDEST_SECONDS = 60.0  # then the name is looked up and judged again, however busy it is
FHIR_JSON = "application/fhir+json"

BROKEN = (httpcore.NetworkError, httpcore.ProtocolError)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class Forbidden(Exception):
    """The endpoint's name now leads somewhere that we must not call."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, IPv4 first: not every machine of ours speaks IPv6."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return sorted({str(one[4][0]) for one in found}, key=lambda address: (":" in address, address))


async def leads_inside(endpoint: str, *, loopback: bool) -> bool:
    """True when an endpoint's name leads to an address that we must not call.

    A name that is not known yet may be named: each connection asks again.
    """
    url = httpx.URL(endpoint)
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            addresses = await resolve(url.host, url.port or 443)
    except (TimeoutError, OSError, UnicodeError):
        return False
    return not all(may_connect(address, loopback=loopback) for address in addresses)


class Judged(httpcore.AnyIOBackend):
    """Connects to a name's address once every address that the name has was judged."""

    def __init__(self, resolve: Resolve, *, loopback: bool) -> None:
        self.resolve, self.loopback = resolve, loopback
        self.opened_at: dict[str, float] = {}  # by host: its newest connection

    async def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> Any:
        if opened := _opened.get(None):
            opened.set()
        self.opened_at[host] = time.monotonic()
        addresses = await self.resolve(host, port)
        if not addresses or not all(may_connect(a, loopback=self.loopback) for a in addresses):
            raise Forbidden
        return await super().connect_tcp(addresses[0], port, *args, **options)

    def opened_before(self, host: str, seconds: float) -> bool:
        return time.monotonic() - self.opened_at.get(host, math.inf) > seconds


_opened: ContextVar[asyncio.Event] = ContextVar("opened")  # set: this call has a new connection


class Hook:
    """Posts to hubs' endpoints; trusts neither their names nor their answers."""

    def __init__(
        self, *, loopback: bool, resolve: Resolve = resolve, trust: ssl.SSLContext | None = None
    ) -> None:
        self.loopback = loopback
        # Connections are kept by name, never by address: two names may share an address. Nothing of
        # the environment: a proxy would look the name up a second time, and could be told another.
        self.judged = Judged(resolve, loopback=loopback)
        self.http = httpcore.AsyncConnectionPool(
            ssl_context=trust or httpx.create_ssl_context(trust_env=False),
            max_connections=None,
            max_keepalive_connections=KEPT,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=self.judged,
        )

    async def post(
        self,
        channel: Channel,
        *,
        id_: str,
        stamp: datetime,
        secret: bytes,
        body: bytes,
        causes: Sequence[Mapping[str, str]] = (),
    ) -> Answered | Failed:
        """Send a signed message; only an answer in time counts as one, and its body for nothing.

        `causes` are traces, beside the current one, that led to it.
        """
        seconds = int(stamp.timestamp())
        headers = dict(pair for line in channel.headers if (pair := header_pair(line)))
        headers |= {
            "Content-Type": FHIR_JSON,
            "Accept-Encoding": "identity",
            "User-Agent": "Waypost",
            "webhook-id": id_,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signature(secret, id_, seconds, body),
        }
        with telemetry.asking("hub", "tell hub", also=causes):
            return await self.within(channel, headers | telemetry.carried(), body)

    async def within(
        self, channel: Channel, headers: dict[str, str], body: bytes
    ) -> Answered | Failed:
        try:
            async with asyncio.timeout(channel.timeout_seconds):
                return await self.send(channel.endpoint, headers, body)
        except Forbidden:
            log.error("endpoint-forbidden", extra={"webhook_id": headers["webhook-id"]})
            return Failed(Unsent.FORBIDDEN)
        except TimeoutError:
            return Failed(Unsent.TIMEOUT)
        except (*BROKEN, httpcore.TimeoutException, httpx.InvalidURL, OSError, UnicodeError):
            return Failed(Unsent.UNREACHABLE)

    async def send(self, endpoint: str, headers: dict[str, str], body: bytes) -> Answered:
        """Over a kept connection or a new one; a kept one may have been closed just now."""
        if endpoint_fault(endpoint, loopback=self.loopback):
            raise Forbidden
        opened = asyncio.Event()
        _opened.set(opened)
        try:
            return await self.ask(endpoint, headers, body)
        except BROKEN:
            if opened.is_set():
                raise
        return await self.ask(endpoint, headers, body)  # the same id: who has it already knows it

    async def ask(self, endpoint: str, headers: dict[str, str], body: bytes) -> Answered:
        url = httpx.URL(endpoint)
        where = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        headers = {"Host": url.netloc.decode(), "Content-Length": str(len(body)), **headers}
        if self.judged.opened_before(url.raw_host.decode(), OLDEST_SECONDS):
            headers["Connection"] = "close"  # its name may lead elsewhere by now
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        request = httpcore.Request("POST", where, headers=pairs, content=body)
        response = await self.http.handle_async_request(request)
        try:
            await swallow(response)
        finally:
            await response.aclose()
        return Answered(response.status, retry_after(response))

    async def close(self) -> None:
        await self.http.aclose()


async def swallow(response: httpcore.Response) -> None:
    """Take a little of the body, for a moment, so that a well-behaved endpoint can end.

    Raw, so that nothing is unpacked. The answer is known already, however long its body drips.
    """
    taken = 0
    with contextlib.suppress(TimeoutError, *BROKEN):
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in response.aiter_stream():
                taken += len(chunk)
                if taken >= LONGEST_ANSWER:
                    return


def retry_after(response: httpcore.Response, *, now: datetime | None = None) -> timedelta | None:
    """What the endpoint asks for with a 429 or 503, in seconds or as a date of its own clock."""
    if response.status not in (429, 503):
        return None
    said = [value for name, value in response.headers if name.lower() == b"retry-after"]
    text = b", ".join(said).decode("latin-1")
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:9]))
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:  # RFC 9110: a date without a zone is in GMT all the same
        until = until.replace(tzinfo=UTC)
    return max(until - (now or datetime.now(UTC)), timedelta())


def signature(secret: bytes, id_: str, stamp: int, body: bytes) -> str:
    """A Standard Webhooks signature, version 1: over id, stamp and body."""
    signed = b".".join([id_.encode(), str(stamp).encode(), body])
    digest = hmac.digest(secret, signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
