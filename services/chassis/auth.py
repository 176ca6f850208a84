"""Who asks: partners, staff and peers, and the signed tokens that say so. Opens no connection."""

import json
import re
import time
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from contracts.codes import PartnerKind, Role

# SMART asks a server for at least one of the two; we take both (FHIR.md F8).
CLIENT_ALGORITHMS = ("RS384", "ES384")
TOKEN_ALGORITHMS = ("ES384",)
PEER_ALGORITHMS = ("ES256", "ES384")
STAFF_ALGORITHMS = ("RS256", "RS384", "ES256", "ES384")
ACCESS_TOKEN = "at+jwt"  # RFC 9068: so that no other kind of token passes for it  # noqa: S105

RSA_BITS = 2048
SKEW_SECONDS = 5  # by how much two honest clocks may differ
LONGEST_TOKEN = 16_384
# What would let the sender choose the key, or demand an extension that we do not know.
FORBIDDEN_HEADERS = frozenset({"crit", "jwk", "jku", "x5u", "x5c", "x5t", "b64", "zip"})
KID = re.compile(r"[A-Za-z0-9_.~+/=:-]{1,200}")
SCOPE = re.compile(r"system/(\*|[A-Z][A-Za-z]{1,63})\.(c?r?u?d?s?|read|write|\*)")
ACTS = {"read": "rs", "write": "cud", "*": "cruds"}

Claims = Mapping[str, Any]
Key = ECKey | RSAKey


class Unauthenticated(Exception):
    """We do not know who asks. `reason` is a code, fit for a log; the answer never shows it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeysUnavailable(Exception):
    """The issuer's keys cannot be had, so nothing can be verified: we refuse, for the moment."""


@dataclass(frozen=True)
class Scope:
    """`system/<type>.<acts>`; acts are some of c, r, u, d, s."""

    type: str
    acts: frozenset[str]

    def __str__(self) -> str:
        return f"system/{self.type}.{''.join(act for act in 'cruds' if act in self.acts)}"


def scope_of(text: str) -> Scope | None:
    """Read a SMART scope, of version 2 (`.rs`) or 1 (`.read`); None when it is no such scope."""
    if not (found := SCOPE.fullmatch(text)) or not found[2]:
        return None
    return Scope(found[1], frozenset(ACTS.get(found[2], found[2])))


def narrowed(asked: Collection[str], granted: Collection[str]) -> list[str]:
    """What of the scopes asked for was granted, each cut to the acts that were; never more."""
    allowed = [scope for text in granted if (scope := scope_of(text))]
    given: dict[str, set[str]] = {}
    for wanted in filter(None, map(scope_of, asked)):
        for have in allowed:
            if "*" in (wanted.type, have.type) or wanted.type == have.type:
                type_ = have.type if wanted.type == "*" else wanted.type
                given.setdefault(type_, set()).update(wanted.acts & have.acts)
    return sorted(str(Scope(type_, frozenset(acts))) for type_, acts in given.items() if acts)


@dataclass(frozen=True)
class Partner:
    """An outside organisation's client. What it may see is decided by rows, not by this."""

    client_id: str
    organisation_id: UUID
    kind: PartnerKind
    scopes: frozenset[str]

    def may(self, type_: str, act: str) -> bool:
        """True when its token covers an act (one of c, r, u, d, s) on a resource type."""
        scopes = filter(None, map(scope_of, self.scopes))
        return any(scope.type in ("*", type_) and act in scope.acts for scope in scopes)


@dataclass(frozen=True)
class Staff:
    """A member of the agency's staff, as the configured issuer says."""

    subject: str
    staff_id: UUID
    roles: frozenset[Role]


@dataclass(frozen=True)
class Peer:
    """Another service of ours."""

    name: str


Principal = Partner | Staff | Peer


def staff_id(issuer: str, subject: str) -> UUID:
    """The id of a member of staff; mentor_id and supervisor_id are this (DOMAIN section 9)."""
    return uuid5(NAMESPACE_URL, f"{issuer}#{subject}")


# --- Keys -------------------------------------------------------------------------------------


def public_keys(jwks: object) -> dict[str, Key]:
    """The keys of a JWKS that may verify a signature, by kid.

    Raises `ValueError` with a code when the set as a whole cannot be trusted: it holds a private
    or a symmetric key, or two keys of one kid. Keys of other kinds are passed over.
    """
    if not isinstance(jwks, dict) or not isinstance(keys := jwks.get("keys"), list):
        raise ValueError("no-key-set")
    if len(keys) > 20:
        raise ValueError("too-many-keys")
    found: dict[str, Key] = {}
    for key in keys:
        if not isinstance(key, dict) or key.get("kty") == "oct" or "d" in key or "k" in key:
            raise ValueError("secret-in-key-set")
        kid = key.get("kid")
        if not isinstance(kid, str) or not KID.fullmatch(kid):
            raise ValueError("key-without-kid")
        if kid in found:
            raise ValueError("two-keys-one-kid")
        if key.get("use", "sig") == "sig" and (usable := imported(key)):
            found[kid] = usable
    return found


def imported(key: dict[str, Any]) -> Key | None:
    """A key that we would accept a signature of: P-256 or P-384, or RSA of 2048 bits and more."""
    try:
        if key.get("kty") == "EC" and key.get("crv") in ("P-256", "P-384"):
            return ECKey.import_key(key)
        if key.get("kty") == "RSA":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # joserfc warns of short keys; we refuse them
                rsa = RSAKey.import_key(key)
            numbers = rsa.public_key.public_numbers()
            if rsa.public_key.key_size >= RSA_BITS and numbers.e >= 65_537:
                return rsa
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None


def algorithm_of(key: Key) -> str:
    """The algorithm that goes with a key of ours: ES256 or ES384."""
    return "ES384" if key.as_dict(private=False).get("crv") == "P-384" else "ES256"


# --- Tokens -----------------------------------------------------------------------------------


def sign(key: ECKey, claims: Claims, *, lives_seconds: int, typ: str = "JWT") -> str:
    """A compact JWT with iat, exp and a fresh jti; the key's kid (or thumbprint) in its header."""
    now = int(time.time())
    header = {"alg": algorithm_of(key), "kid": key.kid or key.thumbprint(), "typ": typ}
    body = {"iat": now, "exp": now + lives_seconds, "jti": str(uuid4()), **claims}
    return jws.serialize_compact(header, json.dumps(body).encode(), key, algorithms=[header["alg"]])


def unverified(token: str) -> tuple[str, dict[str, Any]]:
    """The kid and the claims that a token states, before anything is known to be true."""
    if len(token) > LONGEST_TOKEN:
        raise Unauthenticated("token-too-long")
    try:
        parsed = jws.extract_compact(token.encode())
        claims = json.loads(parsed.payload)
    except (JoseError, ValueError, RecursionError) as error:
        raise Unauthenticated("not-a-token") from error
    header = parsed.headers()
    if FORBIDDEN_HEADERS & header.keys():
        raise Unauthenticated("header-not-allowed")
    if not isinstance(kid := header.get("kid"), str) or not KID.fullmatch(kid):
        raise Unauthenticated("no-kid")
    if not isinstance(claims, dict):
        raise Unauthenticated("no-claims")
    return kid, claims


def verified(
    token: str, key: Key, *, algorithms: Collection[str], typ: Collection[str] = ()
) -> dict[str, Any]:
    """The claims of a token whose signature, algorithm, type and times hold; else raises.

    Who it is from and for whom is the caller's to compare: those rules differ.
    """
    _, claims = unverified(token)
    try:
        parsed = jws.deserialize_compact(token.encode(), key, algorithms=list(algorithms))
    except (JoseError, ValueError, TypeError) as error:
        raise Unauthenticated("signature") from error
    if typ and str(parsed.headers().get("typ")).lower() not in typ:
        raise Unauthenticated("wrong-type")
    check_times(claims)
    return claims


def check_times(claims: Claims) -> None:
    now = time.time()
    if seconds(claims.get("exp")) <= now:
        raise Unauthenticated("expired")
    for name in ("nbf", "iat"):
        if name in claims and not 0 < seconds(claims[name]) <= now + SKEW_SECONDS:
            raise Unauthenticated("not-yet-valid")


def seconds(value: object) -> float:
    """A NumericDate; 0, which is long past, for whatever is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**40:
        return 0
    return value


def lives_at_most(claims: Claims, seconds: int) -> bool:
    """True when a token (of verified times) ends within so many seconds from now."""
    return bool(claims["exp"] <= time.time() + seconds + SKEW_SECONDS)


def is_for(claims: Claims, audience: str) -> bool:
    """True when `audience` is the one the token names, or is among those it names."""
    named = claims.get("aud")
    return named == audience or (isinstance(named, list) and audience in named)


def partner_of(claims: Claims, *, issuer: str, audience: str) -> Partner:
    """The partner that an access token of our own speaks for."""
    if claims.get("iss") != issuer or not is_for(claims, audience):
        raise Unauthenticated("issuer-or-audience")
    try:
        return Partner(
            str(claims["client_id"]),
            UUID(claims["organisation_id"]),
            PartnerKind(claims["kind"]),
            frozenset(str(claims["scope"]).split()),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated("claims") from error


def staff_of(claims: Claims, *, issuer: str, audience: str) -> Staff:
    """The member of staff that the issuer's token names. Roles we do not know give nothing."""
    if claims.get("iss") != issuer or not is_for(claims, audience):
        raise Unauthenticated("issuer-or-audience")
    subject, roles = claims.get("sub"), claims.get("roles", [])
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not isinstance(roles, list):
        raise Unauthenticated("claims")
    known = frozenset(role for role in Role if role.value in roles)
    return Staff(subject, staff_id(issuer, subject), known)
