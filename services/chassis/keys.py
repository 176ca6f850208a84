"""Other parties' public keys: fetched when needed, kept for a bounded time, and never guessed."""

import asyncio
import hashlib
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.chassis.auth import (
    ACCESS_TOKEN,
    PEER_ALGORITHMS,
    STAFF_ALGORITHMS,
    TOKEN_ALGORITHMS,
    Key,
    KeysUnavailable,
    Partner,
    Peer,
    Staff,
    Unauthenticated,
    check_times,
    is_for,
    lives_at_most,
    partner_of,
    public_keys,
    staff_of,
    unverified,
    verified,
)

log = logging.getLogger(__name__)

FRESH_SECONDS = 300  # after so long the issuer is asked again: a key that it removed is gone
KEPT_SECONDS = 900  # while it does not answer, what we have counts so long; then nothing does
UNKNOWN_SECONDS = 10  # a kid that is not there is not asked for again so soon
FAILED_SECONDS = 2
FETCH_SECONDS = 2.0
MOST_BYTES = 65_536
PEER_SECONDS = 60
MOST_TOKENS = 1_000  # of partners and peers, remembered as verified


Seen = tuple[bytes, tuple[str, ...]]


class Keys:
    """The JWKS at one address."""

    def __init__(
        self,
        url: str,
        http: httpx.AsyncClient,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url, self.http, self.clock = url, http, clock
        self.keys: Mapping[str, Key] = {}
        self.fetched_at = self.tried_at = float("-inf")
        self.lock = asyncio.Lock()

    async def get(self, kid: str) -> Key:
        """The key of that kid. `Unauthenticated` when there is none, `KeysUnavailable` when the
        issuer cannot be asked and what we know is too old."""
        if not self.knows(kid):
            async with self.lock:  # who waited here finds what the first one fetched
                if not self.knows(kid) and self.may_ask(kid):
                    await self.fetch()
        if self.clock() - self.fetched_at > KEPT_SECONDS:
            raise KeysUnavailable
        if kid not in self.keys:
            raise Unauthenticated("unknown-kid")
        return self.keys[kid]

    def knows(self, kid: str) -> bool:
        return kid in self.keys and self.clock() - self.fetched_at < FRESH_SECONDS

    def may_ask(self, kid: str) -> bool:
        failed = self.tried_at > self.fetched_at
        pause = FAILED_SECONDS if failed else UNKNOWN_SECONDS
        return self.clock() - self.tried_at >= pause

    async def fetch(self) -> None:
        self.tried_at = self.clock()
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                self.keys = public_keys(json.loads(await fetched(self.http, self.url)))
        except (httpx.HTTPError, ValueError, RecursionError, TimeoutError, OSError) as error:
            log.warning("keys-not-fetched", extra={"reason": type(error).__name__})
        else:
            self.fetched_at = self.tried_at


async def fetched(http: httpx.AsyncClient, url: str) -> bytes:
    """The body at an address: at most 64 KiB, and no redirect is followed."""
    async with http.stream("GET", url, follow_redirects=False, timeout=FETCH_SECONDS) as answer:
        if answer.status_code != 200:
            raise ValueError("status")
        body = b""
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > MOST_BYTES:
                raise ValueError("too-large")
        return body


@dataclass
class Verifier:
    """Tells who a bearer token speaks for, at the three doors of one service."""

    name: str
    http: httpx.AsyncClient
    token_url: str
    base_url: str
    peers: Mapping[str, str]
    staff_issuer: str
    staff_jwks_url: str
    staff_audience: str
    sources: dict[str, Keys] = field(default_factory=dict)
    seen: "OrderedDict[Seen, tuple[Key, dict[str, Any]]]" = field(default_factory=OrderedDict)

    def keys(self, url: str) -> Keys:
        return self.sources.setdefault(url, Keys(url, self.http))

    async def partner(self, token: str) -> Partner:
        """The partner of an access token that referral's token endpoint gave out."""
        kid, _ = unverified(token)
        key = await self.keys(self.peers["referral"] + "/internal/jwks").get(kid)
        claims = self.verified_once(token, key, algorithms=TOKEN_ALGORITHMS, typ=(ACCESS_TOKEN,))
        return partner_of(claims, issuer=self.token_url, audience=self.base_url)

    def verified_once(
        self, token: str, key: Key, *, algorithms: Collection[str], typ: Collection[str] = ()
    ) -> dict[str, Any]:
        """The claims of a token; its signature is computed once for each fetch of the key.

        Who asks sends one token for minutes, and the signature costs more than all else at the
        door. Its times are looked at each time, and a key that its issuer took away counts no more.
        """
        # What was verified as one kind of token is not thereby another.
        seen = (hashlib.sha256(token.encode()).digest(), tuple(typ))
        if (found := self.seen.get(seen)) and found[0] is key:
            check_times(found[1])
            return found[1]
        claims = verified(token, key, algorithms=algorithms, typ=typ)
        self.seen[seen] = key, claims
        if len(self.seen) > MOST_TOKENS:
            self.seen.popitem(last=False)
        return claims

    async def staff(self, token: str) -> Staff:
        """The member of staff that the configured issuer's token names."""
        kid, _ = unverified(token)
        key = await self.keys(self.staff_jwks_url).get(kid)
        claims = verified(token, key, algorithms=STAFF_ALGORITHMS)
        return staff_of(claims, issuer=self.staff_issuer, audience=self.staff_audience)

    async def peer(self, token: str) -> Peer:
        """The service that signed an assertion for us, and for the next minute only."""
        kid, stated = unverified(token)
        name = stated.get("iss")
        if not isinstance(name, str) or name not in self.peers:
            raise Unauthenticated("unknown-peer")
        key = await self.keys(self.peers[name] + "/internal/jwks").get(kid)
        claims = self.verified_once(token, key, algorithms=PEER_ALGORITHMS)
        if not is_for(claims, self.name) or not lives_at_most(claims, PEER_SECONDS):
            raise Unauthenticated("audience-or-life")
        return Peer(name)
