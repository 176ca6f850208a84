"""Registering partners, and letting their clients in: SMART Backend Services."""

import secrets
import time
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from asyncpg import UniqueViolationError
from joserfc.jwk import ECKey

from contracts.codes import PartnerKind
from services.chassis import auth
from services.chassis.auth import CLIENT_ALGORITHMS, Key, Partner, Unauthenticated
from services.chassis.db import Connection
from services.chassis.errors import Refused
from services.referral.store import clients as store
from services.referral.store.clients import Client, Organisation

NPI = "http://hl7.org/fhir/sid/us-npi"
ASSERTION_SECONDS = 300
TOKEN_SECONDS = 300
LONGEST_JTI = 255
SECRET_BYTES = 32


class InvalidClient(Refused):
    """Who asks for a token is not shown to be the client it names. The log knows why."""

    status = 401


class InvalidScope(Refused):
    status = 400


# --- Registering ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Registration:
    """A partner as the operator describes it; keys and scopes only if it has a client."""

    kind: PartnerKind
    name: str
    system: str
    value: str
    mrn_system: str | None = None
    phone: str | None = None
    eligibility_url: str | None = None
    eligibility_token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    scopes: tuple[str, ...] = ()
    jwks: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Registered:
    """What the operator is shown. The secret only the first time."""

    organisation_id: UUID
    client_id: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)


def organisation_id_of(system: str, value: str) -> UUID:
    """Stable, so that the same partner has one id wherever and however often it is registered."""
    return uuid5(NAMESPACE_URL, f"{system}|{value}")


async def register(conn: Connection, registration: Registration) -> Registered:
    """Register a partner and its client, or bring both up to date; the same again changes nothing.

    Raises `Refused` when the data cannot be those of a partner: a wrong NPI, a scope that is
    none, keys that nobody may use.
    """
    check(registration)
    organisation_id = organisation_id_of(registration.system, registration.value)
    telecom = [{"system": "phone", "value": registration.phone}] if registration.phone else []
    organisation = Organisation(
        organisation_id,
        registration.kind,
        registration.name,
        registration.system,
        registration.value,
        registration.mrn_system,
        telecom,
        eligibility_url=registration.eligibility_url,
        eligibility_token=registration.eligibility_token,
    )
    try:
        await store.add_organisation(conn, organisation)
    except UniqueViolationError:
        raise Refused("identifier-taken", "The identifier belongs to another.") from None
    if registration.jwks is None:
        return Registered(organisation_id)
    client_id = registration.client_id or str(uuid5(organisation_id, "client"))
    fresh = "whsec_" + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    secret = await store.add_client(
        conn, client_id, registration.scopes, registration.jwks, secret=fresh
    )
    await store.add_client_organisation(conn, client_id, organisation_id)
    return Registered(organisation_id, client_id, secret if secret == fresh else None)


async def register_agency(conn: Connection, agency_id: UUID, *, npi: str, name: str) -> None:
    """Keep the agency itself in the directory, as its settings name it."""
    await store.add_organisation(conn, Organisation(agency_id, "agency", name, NPI, npi))


def check(registration: Registration) -> None:
    if not registration.name.strip():
        raise Refused("name-missing", "A partner has a name.")
    if not registration.value or ":" not in registration.system:
        raise Refused("identifier", "A partner has an identifier: an absolute system and a value.")
    if registration.system == NPI and not is_npi(registration.value):
        raise Refused("npi", "The NPI is not ten digits with a valid check digit.")
    if registration.kind == PartnerKind.HUB and ":" not in (registration.mrn_system or ""):
        raise Refused("mrn-system", "A hub has a system for its record numbers, an absolute URI.")
    if url := registration.eligibility_url:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise Refused("eligibility-url", "The payer's eligibility address is no http(s) URL.")
        if not registration.eligibility_token:
            raise Refused("eligibility-token", "A payer that is asked gave us a token for it.")
    if registration.jwks is not None:
        check_client(registration.scopes, registration.jwks)


def check_client(scopes: Collection[str], jwks: Mapping[str, Any]) -> None:
    try:
        keys = auth.public_keys(jwks)
    except ValueError as error:
        raise Refused("key-set", f"These keys cannot be a client's: {error}.") from None
    if not keys:
        raise Refused("key-set", "No key here: EC P-384, or RSA of 2048 bits or more, with a kid.")
    if not scopes or not all(auth.scope_of(scope) for scope in scopes):
        raise Refused("scopes", "Scopes are system/<Type>.<acts>, such as system/Task.rs.")


def is_npi(value: str) -> bool:
    """True for ten digits whose last one is the Luhn digit of 80840 and the other nine."""
    if len(value) != 10 or not (value.isascii() and value.isdigit()):
        return False
    digits = [int(digit) for digit in "80840" + value]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


# --- Tokens --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grant:
    """An access token and what it is good for."""

    partner: Partner
    token: str = field(repr=False)
    expires_in_seconds: int = TOKEN_SECONDS

    @property
    def scope(self) -> str:
        return " ".join(sorted(self.partner.scopes))


async def grant(
    conn: Connection,
    assertion: str,
    asked: str,
    *,
    key: ECKey,
    token_url: str,
    audience: str,
) -> Grant:
    """A token for the client that signed this assertion, for what of its scopes it asks for.

    The assertion is used up with it: sent again, it is refused. Machine time, not business time:
    raises `InvalidClient` and `InvalidScope`.
    """
    client = await authenticated(conn, assertion, token_url=token_url)
    wanted = asked.split()
    if not wanted or not all(auth.scope_of(scope) for scope in wanted):
        raise InvalidScope("invalid_scope", "Scopes are system/<Type>.<acts>.")
    scopes = frozenset(auth.narrowed(wanted, client.scopes))
    if not scopes:
        raise InvalidScope("invalid_scope", "None of these scopes was granted to the client.")
    partner = Partner(client.client_id, client.organisation_id, client.kind, scopes)
    claims = {
        "iss": token_url,
        "aud": audience,
        "sub": partner.client_id,
        "client_id": partner.client_id,
        "organisation_id": str(partner.organisation_id),
        "kind": partner.kind,
        "scope": " ".join(sorted(scopes)),
    }
    token = auth.sign(key, claims, lives_seconds=TOKEN_SECONDS, typ=auth.ACCESS_TOKEN)
    return Grant(partner, token)


async def authenticated(conn: Connection, assertion: str, *, token_url: str) -> Client:
    """The client that signed the assertion (RELIABILITY B-90 to B-97); its jti is used up."""
    try:
        kid, stated = auth.unverified(assertion)
        client_id = stated.get("sub")
        if not isinstance(client_id, str) or not 0 < len(client_id) <= 255 or "\0" in client_id:
            raise Unauthenticated("no-subject")
        if not (client := await store.client_by_id(conn, client_id)):
            raise Unauthenticated("unknown-client")
        claims = auth.verified(assertion, key_of(client, kid), algorithms=CLIENT_ALGORITHMS)
        check_assertion(claims, token_url=token_url)
    except Unauthenticated as error:
        raise InvalidClient("invalid_client", "The client is not authenticated.") from error
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    await store.remove_expired_assertions(conn)
    if not await store.add_assertion(conn, client_id, claims["jti"], expires_at=expires_at):
        raise InvalidClient("invalid_client", "The client is not authenticated.")
    return client


def key_of(client: Client, kid: str) -> Key:
    try:
        return auth.public_keys(client.jwks)[kid]
    except (KeyError, ValueError):
        raise Unauthenticated("unknown-kid") from None


def check_assertion(claims: Mapping[str, Any], *, token_url: str) -> None:
    if claims.get("iss") != claims.get("sub"):
        raise Unauthenticated("iss-is-not-sub")
    # Exactly our address: a list, another case or a closing slash may be meant for somebody else.
    if claims.get("aud") != token_url:
        raise Unauthenticated("audience")
    if claims["exp"] > time.time() + ASSERTION_SECONDS + auth.SKEW_SECONDS:
        raise Unauthenticated("lives-too-long")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI or "\0" in jti:
        raise Unauthenticated("no-jti")
