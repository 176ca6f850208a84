"""Other parties' keys: kept for a while, asked for again when needed, and never guessed."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from services.chassis.auth import (
    ACCESS_TOKEN,
    KeysUnavailable,
    Unauthenticated,
    public_keys,
    sign,
)
from services.chassis.errors import PeerUnavailable
from services.chassis.keys import FRESH_SECONDS, KEPT_SECONDS, UNKNOWN_SECONDS, Keys, Verifier
from services.chassis.peers import Peers

FIRST = ECKey.generate_key("P-384", {"use": "sig"}, auto_kid=True)
SECOND = ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True)
SHORT = RSAKey.generate_key(2048, auto_kid=True).as_dict(private=False)


class Issuer:
    """An issuer's JWKS over HTTP, and a clock that the test moves."""

    def __init__(self, *keys: ECKey) -> None:
        self.now, self.asked = 0.0, 0
        self.answer = httpx.Response(200, json=shown(*keys))
        self.keys = Keys(
            "https://issuer.test/jwks",
            httpx.AsyncClient(transport=httpx.MockTransport(self.serve)),
            clock=lambda: self.now,
        )

    def serve(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(
            self.answer.status_code, headers=self.answer.headers, content=self.answer.content
        )

    def show(self, *keys: ECKey) -> None:
        self.answer = httpx.Response(200, json=shown(*keys))

    def fail(self) -> None:
        self.answer = httpx.Response(500)


def shown(*keys: ECKey) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def kid(key: ECKey) -> str:
    assert key.kid
    return key.kid


async def test_a_known_key_is_not_asked_for_again() -> None:
    issuer = Issuer(FIRST)

    await issuer.keys.get(kid(FIRST))
    await issuer.keys.get(kid(FIRST))

    assert issuer.asked == 1


async def test_a_new_key_is_found_without_waiting_for_the_old_ones_to_age() -> None:
    issuer = Issuer(FIRST)
    await issuer.keys.get(kid(FIRST))
    issuer.show(FIRST, SECOND)
    issuer.now += UNKNOWN_SECONDS

    assert await issuer.keys.get(kid(SECOND))


async def test_unknown_kids_do_not_make_us_ask_all_the_time() -> None:
    issuer = Issuer(FIRST)

    for n in range(20):
        with pytest.raises(Unauthenticated):
            await issuer.keys.get(f"unknown-{n}")

    assert issuer.asked == 1


async def test_a_removed_key_is_gone_when_the_others_are_renewed() -> None:
    issuer = Issuer(FIRST, SECOND)
    await issuer.keys.get(kid(SECOND))
    issuer.show(FIRST)
    issuer.now += FRESH_SECONDS

    with pytest.raises(Unauthenticated):
        await issuer.keys.get(kid(SECOND))


async def test_an_issuer_that_is_away_is_bridged_for_a_bounded_time() -> None:
    issuer = Issuer(FIRST)
    await issuer.keys.get(kid(FIRST))
    issuer.fail()

    issuer.now = KEPT_SECONDS - 1
    assert await issuer.keys.get(kid(FIRST))
    issuer.now = KEPT_SECONDS + 10
    with pytest.raises(KeysUnavailable):
        await issuer.keys.get(kid(FIRST))


async def test_an_issuer_that_was_never_heard_verifies_nothing() -> None:
    issuer = Issuer(FIRST)
    issuer.fail()

    with pytest.raises(KeysUnavailable):
        await issuer.keys.get(kid(FIRST))


ANSWERS = {
    "B-97 huge": httpx.Response(200, content=json.dumps(shown(FIRST)).encode() + b" " * 70_000),
    "B-97 redirect": httpx.Response(302, headers={"location": "http://169.254.169.254/"}),
    "no JSON": httpx.Response(200, content=b"<html>"),
    "B-97 a private key": httpx.Response(200, json={"keys": [FIRST.as_dict(private=True)]}),
    "no set": httpx.Response(200, json=["keys"]),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
async def test_what_is_no_key_set_gives_no_key(answer: httpx.Response) -> None:
    issuer = Issuer(FIRST)
    issuer.answer = answer

    with pytest.raises(KeysUnavailable):
        await issuer.keys.get(kid(FIRST))


SETS: dict[str, list[Any]] = {
    "B-97 oct": [{**OctKey.generate_key(256).as_dict(), "kid": "a"}],
    "B-96 two keys one kid": [{**shown(k)["keys"][0], "kid": "a"} for k in (FIRST, SECOND)],
    "B-96 no kid": [{k: v for k, v in SHORT.items() if k != "kid"}],
    "no key": ["x"],
    "too many": [{**SHORT, "kid": str(n)} for n in range(30)],
}


@pytest.mark.parametrize("keys", SETS.values(), ids=SETS.keys())
def test_a_set_that_cannot_be_trusted_is_refused_whole(keys: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"^[a-z-]+$"):
        public_keys({"keys": keys})


POINT = shown(FIRST)["keys"][0]
PASSED_OVER: dict[str, dict[str, Any]] = {
    "B-98 RSA below 2048": {
        "kty": "RSA",
        "kid": "a",
        "e": "AQAB",
        # A modulus of 1024 bits.
        "n": "gMGLT2sDMwlmFdbYkqJmnOSJyTiJgZ0zDZfNsy7ItnDCGIKSBPBPHo6mDLRnSnXSGL0cZ-OJ3s5OyMaRHFAm"
        "f1J0Uj3kKm0sFQnJKzqMXzzQ4T3aV7dWWGzvVbQbU6Jtv0wCkEhO7v4TQw3nVq1VEc5bMvN8S9LSwuw4wDaKoJ8",
    },
    "B-98 e=1": {**SHORT, "kid": "a", "e": "AQ"},
    "B-98 off the curve": {
        **shown(FIRST)["keys"][0],
        "kid": "a",
        "x": shown(FIRST)["keys"][0]["y"],
    },
    "an encryption key": {**SHORT, "kid": "a", "use": "enc"},
    "a curve that we do not use": {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "a"},
}


@pytest.mark.parametrize("key", PASSED_OVER.values(), ids=PASSED_OVER.keys())
def test_a_key_that_nobody_should_trust_is_none(key: dict[str, Any]) -> None:
    assert public_keys({"keys": [key]}) == {}


# --- A token that was verified before -------------------------------------------------------------


class Clock:
    """The time of day that tokens are judged by."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("services.chassis.auth.time", clock)
    return clock


def door(issuer: Issuer) -> Verifier:
    url = "https://referral.test"
    urls = ("https://token.test", "https://base.test", {"referral": url})
    staff = ("https://staff.test", "https://staff.test/jwks", "waypost")
    source = {f"{url}/internal/jwks": issuer.keys}
    return Verifier("referral", issuer.keys.http, *urls, *staff, sources=source)


def token_of(key: ECKey) -> str:
    claims = {"iss": "https://token.test", "aud": "https://base.test", "client_id": "a"}
    claims |= {"organisation_id": str(UUID(int=1)), "kind": "hub", "scope": "system/*.r"}
    return sign(key, claims, lives_seconds=300, typ=ACCESS_TOKEN)


async def test_a_token_that_was_good_is_refused_once_it_has_expired(clock: Clock) -> None:
    verifier, token = door(Issuer(FIRST)), token_of(FIRST)
    assert await verifier.partner(token) == await verifier.partner(token)
    clock.now += 301

    with pytest.raises(Unauthenticated):
        await verifier.partner(token)


async def test_a_token_that_was_good_is_refused_once_its_key_means_another(clock: Clock) -> None:
    issuer, token = Issuer(FIRST), token_of(FIRST)
    verifier = door(issuer)
    await verifier.partner(token)
    issuer.show(ECKey.generate_key("P-384", {"use": "sig", "kid": kid(FIRST)}))
    issuer.now += FRESH_SECONDS + 1

    with pytest.raises(Unauthenticated):
        await verifier.partner(token)


async def test_a_token_is_not_taken_for_another_of_the_same_claims(clock: Clock) -> None:
    verifier, token = door(Issuer(FIRST)), token_of(FIRST)
    await verifier.partner(token)
    head, body, signature = token.split(".")
    forged = ".".join((head, body, signature[::-1]))

    with pytest.raises(Unauthenticated):
        await verifier.partner(forged)


async def test_no_more_tokens_are_remembered_than_fit(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.keys.MOST_TOKENS", 2)
    verifier = door(Issuer(FIRST))

    for _ in range(4):
        await verifier.partner(token_of(FIRST))

    assert len(verifier.seen) == 2


async def test_what_is_known_as_a_peers_assertion_is_no_access_token(clock: Clock) -> None:
    """Even one that says what an access token says: its type is none."""
    verifier = door(Issuer(FIRST))
    claims = {"iss": "referral", "aud": ["referral", "https://base.test"]}
    token = sign(FIRST, claims, lives_seconds=60)
    assert (await verifier.peer(token)).name == "referral"

    with pytest.raises(Unauthenticated, match="wrong-type"):
        await verifier.partner(token)


async def test_an_assertion_serves_for_many_questions_until_it_is_refused() -> None:
    sent, answer = list[str](), [200]

    def peer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["authorization"])
        return httpx.Response(answer[0], json={})

    async with httpx.AsyncClient(transport=httpx.MockTransport(peer)) as http:
        peers = Peers("referral", {"scheduling": "http://peer.test"}, FIRST, http)
        await peers.get("scheduling", "/internal/a")
        await peers.get("scheduling", "/internal/b")
        answer[0] = 401  # its clock, or ours, was set
        with pytest.raises(PeerUnavailable):
            await peers.get("scheduling", "/internal/c")
        answer[0] = 200
        await peers.get("scheduling", "/internal/d")

    assert sent[0] == sent[1] == sent[2] != sent[3]
