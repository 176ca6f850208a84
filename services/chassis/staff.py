"""The door for staff: JSON under /api, by role, safe to send again under an Idempotency-Key."""

from collections.abc import Callable, Collection, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from contracts.codes import Role
from services.chassis import audit, idempotency
from services.chassis.audit import Access
from services.chassis.auth import Staff
from services.chassis.db import transaction
from services.chassis.doors import (
    Conn,
    Forbidden,
    GuardedRouter,
    Policy,
    act_of,
    allows,
    bearer,
    policy_of,
    read_body,
    record_refusal,
    status_of,
    with_policy,
)
from services.chassis.idempotency import Answer

__all__ = ["Caller", "Conn", "StaffRouter", "touch"]

F = TypeVar("F", bound=Callable[..., Any])
MOST_BYTES = 1_000_000
KEPT_HEADERS = ("content-type", "location", "etag")
KEY_HEADER = "idempotency-key"


async def caller_of(request: Request) -> Staff:
    caller: Staff = request.state.caller
    return caller


# Who asks. The route's roles are checked; whose mentor it is, is the route's own to compare.
Caller = Annotated[Staff, Depends(caller_of)]


def touch(request: Request, *resources: str) -> None:
    """Name what this access concerns, as `Type/id`, for its record."""
    named: list[str] = getattr(request.state, "touched", [])
    request.state.touched = [*named, *resources]


class StaffRoute(APIRoute):
    """Who asks → transaction → the same request before? → the route → its answer kept → commit."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        run, policy = super().get_route_handler(), policy_of(self)
        assert policy is not None  # noqa: S101 (the router takes no other)

        async def handle(request: Request) -> Response:
            caller: Staff | None = None
            pool = request.app.state.context.pool
            try:
                caller = await request.app.state.verifier.staff(bearer(request))
                if not allows(policy, caller.roles):
                    raise Forbidden
                request.state.caller = caller
                await read_body(request, most=MOST_BYTES)
                async with transaction(pool) as conn:
                    request.state.conn = conn
                    response = await once(request, caller, run)
                    touched = getattr(request.state, "touched", [])
                    access = Access(caller, act_of(request), response.status_code, touched)
                    await audit.record(conn, access)
                return response
            except Exception as error:
                await record_refusal(pool, caller, act_of(request), status_of(error))
                raise

        return handle


async def once(
    request: Request, caller: Staff, run: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    """Run the route, or give the answer that the same command had before."""
    given = request.headers.getlist(KEY_HEADER)
    if request.method == "GET" or not given:
        return await run(request)
    conn, key, url = request.state.conn, idempotency.read_key(",".join(given)), request.url
    hash_ = idempotency.request_hash(request.method, url.path, url.query, await request.body())
    if before := await idempotency.kept(conn, caller.subject, key, hash_):
        return Response(before.body, before.status, dict(before.headers))
    response = await run(request)
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    answer = Answer(response.status_code, headers, bytes(response.body))
    await idempotency.keep(conn, caller.subject, key, hash_, answer)
    return response


class StaffRouter(GuardedRouter):
    """Routes of one service for staff, each with the roles that may use it.

    A route takes `conn: Conn`, `caller: Caller`, pydantic bodies and `request: Request`.
    """

    def __init__(self, *, prefix: str) -> None:
        super().__init__(prefix=prefix, route_class=StaffRoute)

    def serve(
        self, method: str, path: str, roles: Collection[Role], options: dict[str, Any]
    ) -> Callable[[F], F]:
        def register(endpoint: F) -> F:
            with_policy(endpoint, Policy("staff", frozenset(roles)))
            self.add_api_route(path, endpoint, methods=[method], **options)
            return endpoint

        return register

    # A route of ours says its roles where FastAPI's asks for nothing: that is the point.
    def get(  # type: ignore[override]
        self, path: str, *, roles: Collection[Role], **options: Any
    ) -> Callable[[F], F]:
        return self.serve("GET", path, roles, options)

    def post(  # type: ignore[override]
        self, path: str, *, roles: Collection[Role], **options: Any
    ) -> Callable[[F], F]:
        return self.serve("POST", path, roles, options)

    def put(  # type: ignore[override]
        self, path: str, *, roles: Collection[Role], **options: Any
    ) -> Callable[[F], F]:
        return self.serve("PUT", path, roles, options)
