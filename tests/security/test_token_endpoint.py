"""The token endpoint: who gets a token, for what, and every way in which one is refused."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from services.chassis import auth
from services.chassis.db import transaction
from services.referral.api.token import ASSERTION_TYPE
from services.referral.commands import clients
from tests.security.conftest import Desk, hub
from tests.security.world import BASE, TOKEN_URL, key_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

RSA = RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)
STRANGER = ECKey.generate_key("P-384", {"use": "sig"}, auto_kid=True)

Bend = Callable[["Assertion"], object]


class Assertion:
    """A right client assertion, to be bent by a test before it is signed."""

    def __init__(self, desk: Desk) -> None:
        now = int(time.time())
        self.desk = desk
        self.key: ECKey | RSAKey = desk.key
        self.header: dict[str, Any] = {"alg": "ES384", "kid": desk.key.kid, "typ": "JWT"}
        self.claims: dict[str, Any] = {
            "iss": desk.client_id,
            "sub": desk.client_id,
            "aud": TOKEN_URL,
            "exp": now + 240,
            "iat": now,
            "jti": str(uuid4()),
        }

    def signed(self) -> str:
        told = ".".join(text(json.dumps(part).encode()) for part in (self.header, self.claims))
        if self.header["alg"] == "none":
            return f"{told}."
        if self.header["alg"] == "HS256":
            pem = self.desk.key.as_pem(private=False)
            return f"{told}.{text(hmac.digest(pem, told.encode(), 'sha256'))}"
        algorithm = jws.JWSRegistry.algorithms[self.header["alg"]]
        return f"{told}.{text(algorithm.sign(told.encode(), self.key))}"


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def ask(desk: Desk, assertion: str, scope: str = "system/Task.rs") -> httpx.Response:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        "scope": scope,
    }
    return await desk.world.public.post("/auth/token", data=form)


async def test_a_client_that_proves_itself_gets_a_token_for_five_minutes(desk: Desk) -> None:
    answer = await ask(desk, Assertion(desk).signed())

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert (given["token_type"], given["expires_in"], given["scope"]) == (
        "bearer",
        300,
        "system/Task.rs",
    )
    partner = await desk.world.apps[0].state.verifier.partner(given["access_token"])
    assert partner.client_id == desk.client_id
    assert partner.organisation_id == desk.registered.organisation_id
    header = jws.extract_compact(given["access_token"].encode()).headers()
    assert (header["alg"], header["typ"]) == ("ES384", "at+jwt")


async def test_rs384_is_as_good_as_es384(desk: Desk) -> None:
    async with transaction(desk.world.pool) as conn:
        jwks = {"keys": [RSA.as_dict(private=False)]}
        await clients.register(conn, hub(desk.key, jwks=jwks))
    assertion = Assertion(desk)
    assertion.key, assertion.header = RSA, {"alg": "RS384", "kid": RSA.kid}

    answer = await ask(desk, assertion.signed())

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("system/Task.cruds", "system/Task.rs"),
        ("system/*.cruds", "system/ServiceRequest.crus system/Task.rs"),
        ("system/Task.read", "system/Task.rs"),
        ("system/ServiceRequest.write system/Patient.rs", "system/ServiceRequest.cu"),
    ],
)
async def test_a_scope_is_cut_to_what_was_granted(desk: Desk, asked: str, given: str) -> None:
    answer = await ask(desk, Assertion(desk).signed(), asked)

    assert answer.json()["scope"] == given


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "*",
        "system/Patient.rs",
        "patient/Task.rs",
        "user/Task.rs",
        "openid",
        "system/Task.",
        "system/Task.sr",
        "system/Task.rs?patient=1",
    ],
)
async def test_a_scope_that_is_none_or_was_not_granted_is_refused(desk: Desk, asked: str) -> None:
    answer = await ask(desk, Assertion(desk).signed(), asked)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def claims(**changes: Any) -> Bend:
    return lambda assertion: assertion.claims.update(changes)


def without(name: str) -> Bend:
    return lambda assertion: assertion.claims.pop(name)


def header(**changes: Any) -> Bend:
    return lambda assertion: assertion.header.update(changes)


def key(key_: Any, alg: str, kid: str | None = None) -> Bend:
    def bend(assertion: Assertion) -> None:
        assertion.key = key_
        assertion.header |= {"alg": alg} | ({"kid": kid} if kid else {})

    return bend


def pem_as_secret(assertion: Assertion) -> None:
    """The classic: our client's public key, taken for the secret of an HMAC."""
    assertion.header["alg"] = "HS256"


def soon(seconds: int) -> int:
    return int(time.time()) + seconds


REFUSED: dict[str, Bend] = {
    "B-70 expired": lambda a: a.claims.update(exp=soon(-1)),
    "B-70 not yet valid": lambda a: a.claims.update(nbf=soon(60)),
    "B-70 issued in the future": lambda a: a.claims.update(iat=soon(60)),
    "B-70 another audience": claims(aud="https://elsewhere.test/auth/token"),
    "B-90 crit unknown": header(crit=["exp"]),
    "B-90 crit empty": header(crit=[]),
    "B-91 a key of the sender's in the header": lambda a: a.header.update(
        jwk=STRANGER.as_dict(private=False)
    ),
    "B-91 jku": header(jku="https://evil.test/jwks"),
    "B-91 x5u": header(x5u="https://evil.test/x5u"),
    "B-91 x5c": header(x5c=["MIIB"]),
    "B-92 none": header(alg="none"),
    "B-92 HS256 with the public key": pem_as_secret,
    "B-92 RS256": key(RSA, "RS256", RSA.kid),
    "B-92 PS384": key(RSA, "PS384", RSA.kid),
    "B-93 lives too long": lambda a: a.claims.update(exp=soon(360)),
    "B-93 exp missing": without("exp"),
    "B-93 exp a string": lambda a: a.claims.update(exp=str(soon(60))),
    "B-93 exp infinite": claims(exp=1e300),
    "B-93 exp true": claims(exp=True),
    "B-94 jti missing": without("jti"),
    "B-94 jti empty": claims(jti=""),
    "B-94 jti a number": claims(jti=7),
    "B-94 jti with a NUL": claims(jti="a\0b"),
    "B-94 jti of 1 MB": claims(jti="j" * 1_000_000),
    "B-94 jti of 300": claims(jti="j" * 300),
    "B-95 iss is not sub": claims(iss="somebody-else"),
    "B-95 iss missing": without("iss"),
    "B-95 sub missing": without("sub"),
    "B-95 sub a list": claims(sub=["x"]),
    "B-95 sub with a NUL": claims(iss="a\0", sub="a\0"),
    "B-95 unknown client": claims(iss="nobody", sub="nobody"),
    "B-95 aud a list": claims(aud=[TOKEN_URL]),
    "B-95 aud with a slash": claims(aud=TOKEN_URL + "/"),
    "B-95 aud in another case": claims(aud=TOKEN_URL.upper()),
    "B-95 aud missing": without("aud"),
    "B-96 kid missing": lambda a: a.header.pop("kid"),
    "B-96 kid a path": header(kid="../key"),
    "B-96 kid a list": header(kid=["a"]),
    "B-96 kid of nobody": header(kid="unknown"),
    "B-96 another's key under our kid": lambda a: setattr(a, "key", STRANGER),
    "B-96 kid names a key of another kind": lambda a: key(RSA, "RS384", a.desk.key.kid)(a),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
async def test_a_bent_assertion_is_refused(desk: Desk, case: Bend) -> None:
    assertion = Assertion(desk)
    case(assertion)

    answer = await ask(desk, assertion.signed())

    assert answer.status_code in (400, 401)
    assert answer.json()["error"] in ("invalid_client", "invalid_request")
    assert "access_token" not in answer.text


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "e30.e30.e30", "ä.b.c"])
async def test_what_is_no_token_is_refused(desk: Desk, token: str) -> None:
    answer = await ask(desk, token)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_an_assertion_opens_once(desk: Desk) -> None:
    assertion = Assertion(desk).signed()

    first, second = await ask(desk, assertion), await ask(desk, assertion)

    assert (first.status_code, second.status_code) == (200, 401)


async def test_an_access_token_is_no_assertion(desk: Desk) -> None:
    token = (await ask(desk, Assertion(desk).signed())).json()["access_token"]

    answer = await ask(desk, token)

    assert answer.status_code == 401


async def test_a_client_that_is_switched_off_gets_nothing(desk: Desk) -> None:
    await desk.world.pool.execute("UPDATE client SET disabled_at = now()")

    answer = await ask(desk, Assertion(desk).signed())

    assert answer.status_code == 401


async def test_a_removed_key_opens_no_more(desk: Desk) -> None:
    async with transaction(desk.world.pool) as conn:
        await clients.register(conn, hub(STRANGER))

    answer = await ask(desk, Assertion(desk).signed())

    assert answer.status_code == 401


FORMS: dict[str, tuple[dict[str, str], str]] = {
    "B-99 password grant": ({"grant_type": "password"}, "unsupported_grant_type"),
    "B-99 no grant": ({"grant_type": ""}, "unsupported_grant_type"),
    "another kind of assertion": ({"client_assertion_type": "saml"}, "invalid_request"),
    "no assertion": ({"client_assertion": ""}, "invalid_request"),
}


@pytest.mark.parametrize(("change", "error"), FORMS.values(), ids=FORMS.keys())
async def test_a_wrong_form_is_refused_by_name(
    desk: Desk, change: dict[str, str], error: str
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": Assertion(desk).signed(),
        "scope": "system/Task.rs",
    }

    answer = await desk.world.public.post("/auth/token", data=form | change)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_an_assertion_given_twice_is_refused(desk: Desk) -> None:
    signed = Assertion(desk).signed()
    body = (
        f"grant_type=client_credentials&client_assertion_type={ASSERTION_TYPE}"
        f"&client_assertion={signed}&client_assertion={signed}&scope=system/Task.rs"
    )
    headers = {"content-type": "application/x-www-form-urlencoded"}

    answer = await desk.world.public.post("/auth/token", content=body, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_json_body_and_a_huge_one_are_refused(desk: Desk) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}

    json_body = await desk.world.public.post("/auth/token", json={})
    huge = await desk.world.public.post("/auth/token", content=b"a" * 70_000, headers=form)

    assert [a.json()["error"] for a in (json_body, huge)] == ["invalid_request"] * 2


async def test_tokens_given_and_refused_are_on_record(desk: Desk) -> None:
    await ask(desk, Assertion(desk).signed())
    await ask(desk, "nonsense")

    rows = await desk.world.pool.fetch("SELECT principal, status FROM audit ORDER BY at")

    assert [tuple(row) for row in rows] == [(desk.client_id, 200), ("-", 401)]


async def test_the_configuration_names_endpoint_and_algorithms(desk: Desk) -> None:
    for path in ("/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration"):
        found = (await desk.world.public.get(path)).json()

        assert found["token_endpoint"] == TOKEN_URL
        assert found["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]


async def test_our_token_verifies_by_the_keys_that_we_show(desk: Desk) -> None:
    shown = (await desk.world.public.get("/auth/jwks")).json()
    token = (await ask(desk, Assertion(desk).signed())).json()["access_token"]

    kid, _ = auth.unverified(token)
    claims_ = auth.verified(
        token, auth.public_keys(shown)[kid], algorithms=["ES384"], typ=["at+jwt"]
    )

    assert (claims_["aud"], claims_["iss"]) == (BASE, TOKEN_URL)
    assert shown["keys"][0]["kid"] == key_of("referral").kid
    assert "d" not in shown["keys"][0]
