"""A hub's endpoint: a stranger's word, and a stranger's answers."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from services.chassis import telemetry
from services.notifications.domain.attempts import Answered, Failed, Unsent
from services.notifications.domain.endpoints import endpoint_fault, header_pair, may_connect
from services.notifications.domain.subscriptions import Channel

log = logging.getLogger(__name__)

LONGEST_ANSWER = 65_536
BODY_SECONDS = 2.0
RESOLVE_SECONDS = 1.0
FHIR_JSON = "application/fhir+json"

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


class Hook:
    """Posts to hubs' endpoints; trusts neither their names nor their answers."""

    def __init__(
        self, *, loopback: bool, resolve: Resolve = resolve, trust: ssl.SSLContext | None = None
    ) -> None:
        self.loopback, self.resolve = loopback, resolve
        # A connection for each message: one that was opened for another name may share an address.
        # No environment: a proxy would look the name up a second time, and could be told another.
        self.http = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            verify=trust or True,
            timeout=None,  # noqa: S113 (the whole call has a deadline)
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def post(
        self, channel: Channel, *, id_: str, stamp: datetime, secret: bytes, body: bytes
    ) -> Answered | Failed:
        """Send a signed message; only an answer in time counts as one, and its body for nothing."""
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
        with telemetry.asking("hub", "tell hub"):
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
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError):
            return Failed(Unsent.UNREACHABLE)

    async def send(self, endpoint: str, headers: dict[str, str], body: bytes) -> Answered:
        """Look the name up once, judge every address, connect to the one that was judged."""
        if endpoint_fault(endpoint, loopback=self.loopback):
            raise Forbidden
        url = httpx.URL(endpoint)
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await self.resolve(url.host, port)
        if not addresses or not all(may_connect(a, loopback=self.loopback) for a in addresses):
            raise Forbidden
        headers["Host"] = url.netloc.decode()
        request = self.http.build_request(
            "POST",
            url.copy_with(host=addresses[0]),
            headers=headers,
            content=body,
            # The certificate has to be the name's, though we connect to the address.
            extensions={"sni_hostname": url.host},
        )
        response = await self.http.send(request, stream=True)
        try:
            await swallow(response)
        finally:
            await response.aclose()
        return Answered(response.status_code, retry_after(response))

    async def close(self) -> None:
        await self.http.aclose()


async def swallow(response: httpx.Response) -> None:
    """Take a little of the body, for a moment, so that a well-behaved endpoint can end.

    Raw, so that nothing is unpacked. The answer is known already, however long its body drips.
    """
    taken = 0
    with contextlib.suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in response.aiter_raw():
                taken += len(chunk)
                if taken >= LONGEST_ANSWER:
                    return


def retry_after(response: httpx.Response, *, now: datetime | None = None) -> timedelta | None:
    """What the endpoint asks for with a 429 or 503, in seconds or as a date of its own clock."""
    text = response.headers.get("retry-after", "")
    if response.status_code not in (429, 503):
        return None
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
