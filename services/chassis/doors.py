"""What all doors share: a policy for every route, one answer to every error, a bound on the rest.

`install` fits an application with it. Whatever is raised on /fhir leaves as an OperationOutcome,
elsewhere as `{"code", "message"}`; the text of an exception that is not ours never leaves.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, TypeVar
from uuid import uuid4

import orjson
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis import audit, digits
from services.chassis.audit import Access, NoFreeChain
from services.chassis.auth import KeysUnavailable, Principal, Unauthenticated
from services.chassis.db import AWAY, UNWRITABLE, Connection, Pool, transaction
from services.chassis.errors import Refused
from services.chassis.fhir.outcome import CODES, FhirRefused, Issue, operation_outcome
from services.chassis.keys import Verifier
from services.chassis.redact import redacted_chain
from services.chassis.settings import ServiceSettings

log = logging.getLogger(__name__)

FHIR_JSON = "application/fhir+json; fhirVersion=4.0"
CHALLENGE = 'Bearer realm="waypost"'
RETRY_AFTER_SECONDS = "2"
MOST_BYTES = 5_000_000
# In hand at once per connection to PostgreSQL: as many as it serves in well under a second.
REQUESTS_PER_CONNECTION = 8

TEXTS = {
    401: "Who asks is not known: send a valid access token as Authorization: Bearer.",
    403: "This token does not allow it.",
    404: "There is nothing here that you may read.",
    405: "This method is not served here.",
    413: "The body is larger than 5 MB.",
    500: "Something went wrong on our side; it is on record, without what you sent.",
    503: "Not now; the same request may succeed soon.",
}
SAFE_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

Door = Literal["partner", "staff", "peer", "public"]
F = TypeVar("F", bound=Callable[..., Any])


# --- Default deny --------------------------------------------------------------------------------


class NoPolicy(Exception):
    """A route that does not say who may use it. The process does not start with one (B-72)."""


@dataclass(frozen=True)
class Policy:
    """Who may use a route: through which door, and which kinds, roles or peers of them.

    `scope` is `Type.act` for a partner's token; None where the route looks at scopes itself.
    """

    door: Door
    allowed: frozenset[str] = frozenset()
    scope: str | None = None


class Forbidden(Exception):
    """We know who asks, and this one may not."""


def with_policy(endpoint: F, policy: Policy) -> F:
    if policy.door != "public" and not policy.allowed:
        raise NoPolicy("A policy that allows nobody.")
    endpoint.policy = policy  # type: ignore[attr-defined]
    return endpoint


def policy_of(route: BaseRoute) -> Policy | None:
    found = getattr(getattr(route, "endpoint", None), "policy", None)
    return found if isinstance(found, Policy) else None


class GuardedRouter(APIRouter):
    """A router that takes no route without a policy."""

    def __init__(self, **options: Any) -> None:
        super().__init__(redirect_slashes=False, **options)

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if not isinstance(getattr(endpoint, "policy", None), Policy):
            raise NoPolicy(f"{path} does not say who may use it.")
        super().add_api_route(path, endpoint, **options)

    def add_route(self, path: str, *_: Any, **__: Any) -> None:
        raise NoPolicy(f"{path}: a plain route cannot say who may use it.")

    def mount(self, path: str, *_: Any, **__: Any) -> None:
        raise NoPolicy(f"{path}: a mounted application cannot say who may use it.")

    def add_websocket_route(self, path: str, *_: Any, **__: Any) -> None:
        raise NoPolicy(f"{path}: web sockets are not served.")

    def add_api_websocket_route(self, path: str, *_: Any, **__: Any) -> None:
        raise NoPolicy(f"{path}: web sockets are not served.")


class PublicRouter(GuardedRouter):
    """Routes for everybody: the token endpoint, metadata, health. Saying so is their policy."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().add_api_route(path, with_policy(endpoint, Policy("public")), **options)


def routes_of(app: FastAPI | APIRouter) -> Iterator[BaseRoute]:
    """Every route, those of included routers too."""
    for route in app.routes:
        if isinstance(inner := getattr(route, "original_router", None), APIRouter):
            yield from routes_of(inner)
        else:
            yield route


def assert_every_route_has_a_policy(app: FastAPI) -> None:
    """Raise `NoPolicy` naming each route that anybody could reach; run before the first request."""
    if bare := [str(getattr(r, "path", r)) for r in routes_of(app) if policy_of(r) is None]:
        raise NoPolicy(f"No policy: {', '.join(sorted(bare))}.")


# --- Fitting an application ----------------------------------------------------------------------


class Context(Protocol):
    """What of a process's context the doors use."""

    @property
    def pool(self) -> Pool: ...
    @property
    def settings(self) -> ServiceSettings: ...


def install(app: FastAPI, verifier: Verifier, *, most_requests: int | None = None) -> None:
    """Fit an application, whose routers are all included, with what every door needs.

    Raises `NoPolicy` when a route does not say who may use it.
    """
    assert_every_route_has_a_policy(app)
    app.state.verifier = verifier
    app.router.redirect_slashes = False
    app.add_exception_handler(HTTPException, answer_to)
    app.add_exception_handler(RequestValidationError, answer_to)
    app.add_middleware(Threshold, most_requests=most_requests)


def verifier_for(name: str, context: Any) -> Verifier:
    """The verifier of a process, from its settings."""
    settings: ServiceSettings = context.settings
    return Verifier(
        name,
        context.http,
        token_url=settings.token_url,
        base_url=settings.base_url,
        peers=settings.peers,
        staff_issuer=settings.staff_issuer,
        staff_jwks_url=settings.staff_jwks_url,
        staff_audience=settings.staff_audience,
    )


class Threshold:
    """The outermost layer of ours: counts who is inside, and turns what is raised into an answer.

    Inside it nothing needs to catch what it cannot handle; outside it no exception is seen, so
    none is logged with its message.
    """

    def __init__(self, app: ASGIApp, most_requests: int | None = None) -> None:
        self.app, self.most, self.inside = app, most_requests, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, begun = str(uuid4()), False

        async def tell(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                told = {name for name, _ in message["headers"]}
                more = {**SAFE_HEADERS, "x-request-id": request_id}
                message["headers"] = [
                    *message["headers"],
                    *((n.encode(), v.encode()) for n, v in more.items() if n.encode() not in told),
                ]
            await send(message)

        if self.most is not None and self.inside >= self.most:
            await answer_to(Request(scope), TimeoutError())(scope, receive, tell)
            return
        self.inside += 1
        try:
            await self.app(scope, receive, tell)
        except Exception as error:
            if begun:
                log.error("answer-broken-off", extra={"reason": redacted_chain(error)})
                raise Unfinished from None
            await answer_to(Request(scope), error)(scope, receive, tell)
        finally:
            self.inside -= 1


class Unfinished(Exception):
    """An answer was broken off; the server closes the connection."""


# --- Errors --------------------------------------------------------------------------------------


def status_of(error: BaseException) -> int:
    """The HTTP status that an exception means; 500 for all that nobody foresaw."""
    match error:
        case FhirRefused() | Refused():
            return error.status
        case HTTPException():
            return error.status_code
        case Unauthenticated():
            return 401
        case Forbidden():
            return 403
        case RequestValidationError():
            return 422
        case KeysUnavailable() | NoFreeChain():
            return 503
    if isinstance(error, UNWRITABLE):
        return 422
    return 503 if isinstance(error, AWAY) else 500


def answer_to(request: Request, error: Exception) -> Response:
    """The one translation of an exception into an answer."""
    status = status_of(error)
    if status >= 500:
        log.error("request-failed", extra={"status": status, "reason": redacted_chain(error)})
    headers = headers_of(error, status)
    if is_fhir(request.url.path):
        return fhir_response(operation_outcome(issues_of(error, status)), status, headers)
    return json_response(problem_of(error, status), status, headers)


def is_fhir(path: str) -> bool:
    return path == "/fhir" or path.startswith("/fhir/")


def headers_of(error: BaseException, status: int) -> dict[str, str]:
    headers = dict(getattr(error, "headers", None) or {})
    if status == 401:
        sent = isinstance(error, Unauthenticated) and error.reason != "no-token"
        headers["WWW-Authenticate"] = CHALLENGE + (', error="invalid_token"' if sent else "")
    if status in (429, 503):
        headers.setdefault("Retry-After", RETRY_AFTER_SECONDS)
    return headers


def issues_of(error: BaseException, status: int) -> list[Issue]:
    if isinstance(error, FhirRefused):
        return list(error.issues)
    code = CODES.get(status, "invalid")
    if isinstance(error, Unauthenticated) and error.reason == "expired":
        code = "expired"
    if isinstance(error, Refused) and status < 500:
        return [Issue("error", code, str(error), detail=error.code)]
    return [Issue("error", code, TEXTS.get(status, "The request cannot be served."))]


def problem_of(error: BaseException, status: int) -> dict[str, Any]:
    if isinstance(error, Refused) and status < 500:
        return {"code": error.code, "message": str(error)}
    if isinstance(error, RequestValidationError):
        message = "The body or a parameter is not what this route takes."
        return {"code": "invalid-request", "message": message, "fields": fields_of(error)}
    if isinstance(error, UNWRITABLE):
        message = "A text here holds a character that no record can keep, such as NUL."
        return {"code": "invalid-request", "message": message}
    code = CODES.get(status, "invalid")
    return {"code": code, "message": TEXTS.get(status, "The request cannot be served.")}


def fields_of(error: RequestValidationError) -> list[dict[str, str]]:
    """Where and what, from our own names only: a key that nobody asked for is not repeated."""
    found = []
    for fault in error.errors()[:50]:
        place = [str(part) for part in fault["loc"]]
        if fault["type"] == "extra_forbidden":
            place = [*place[:-1], "?"]
        found.append({"field": ".".join(place), "problem": fault["type"]})
    return found


def fhir_response(
    resource: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    pretty: bool = False,
) -> Response:
    body = digits.dumps(resource, option=orjson.OPT_INDENT_2 if pretty else 0)
    return Response(body, status, {**(headers or {})}, media_type=FHIR_JSON)


def json_response(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    body = json.dumps(content).encode()
    return Response(body, status, {**(headers or {})}, media_type="application/json")


# --- For the routers -----------------------------------------------------------------------------


def bearer(request: Request) -> str:
    """The token of the one Authorization header that there is."""
    given = request.headers.getlist("authorization")
    if not given:
        raise Unauthenticated("no-token")
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("not-bearer")
    return token.strip()


async def read_body(request: Request, *, most: int = MOST_BYTES) -> bytes:
    """The body, whole; 413 as soon as it grows too long, whatever its length claimed to be."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise HTTPException(413)
    request._body = bytes(body)  # so that `request.body()` finds it read
    return request._body


async def conn_of(request: Request) -> Connection:
    conn: Connection = request.state.conn
    return conn


# The transaction that the router has opened around the route.
Conn = Annotated[Connection, Depends(conn_of)]


async def record_refusal(pool: Pool, principal: Principal | None, act: str, status: int) -> None:
    """A record of an access that was not given. It discloses nothing, so it may fail and be told
    in the log alone."""
    if status == 503:
        return  # the database is away or busy: to wait for it once more would only take longer
    try:
        async with transaction(pool) as conn:
            await audit.record(conn, Access(principal, act, status))
    except Exception as error:
        log.error("audit-failed", extra={"reason": redacted_chain(error)})


def act_of(request: Request, route: APIRoute | None = None) -> str:
    """A method and a route's pattern, with its ids: nothing of a query, and nothing unprintable."""
    act = f"{request.method} {request.url.path}"[:300]
    return "".join(letter if letter.isprintable() else "?" for letter in act)


def allows(policy: Policy, names: Collection[str]) -> bool:
    return any(name in policy.allowed for name in names)
