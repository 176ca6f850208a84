"""The door between services: on the ops port only, by an assertion that the asking one signs."""

from collections.abc import Callable, Collection, Coroutine
from typing import Any, TypeVar

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from services.chassis import audit
from services.chassis.audit import Access
from services.chassis.auth import Peer
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
    record_refusal,
    status_of,
    with_policy,
)

__all__ = ["EVERY_SERVICE", "Conn", "InternalRouter"]

F = TypeVar("F", bound=Callable[..., Any])
EVERY_SERVICE = frozenset({"referral", "scheduling", "documentation", "notifications"})


class InternalRoute(APIRoute):
    """Who asks → transaction → the route → the record of the access → commit."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        run, policy = super().get_route_handler(), policy_of(self)
        assert policy is not None  # noqa: S101 (the router takes no other)
        recorded = getattr(self.endpoint, "recorded", True)

        async def handle(request: Request) -> Response:
            peer: Peer | None = None
            pool = request.app.state.context.pool
            try:
                peer = await request.app.state.verifier.peer(bearer(request))
                if not allows(policy, [peer.name]):
                    raise Forbidden
                request.state.peer = peer
                async with transaction(pool) as conn:
                    request.state.conn = conn
                    response = await run(request)
                    if recorded:
                        access = Access(peer, act_of(request), response.status_code)
                        await audit.record(conn, access)
                return response
            except Exception as error:
                if recorded or peer is None:
                    await record_refusal(pool, peer, act_of(request), status_of(error))
                raise

        return handle


class InternalRouter(GuardedRouter):
    """Routes of one service for the others, each with the services that may ask it."""

    def __init__(self) -> None:
        super().__init__(route_class=InternalRoute, include_in_schema=False)

    def get(  # type: ignore[override]  # says its peers where FastAPI's asks for nothing
        self, path: str, *, peers: Collection[str], recorded: bool = True, **options: Any
    ) -> Callable[[F], F]:
        """Serve a path to these services. `recorded` False: nothing of a person is in it."""

        def register(endpoint: F) -> F:
            with_policy(endpoint, Policy("peer", frozenset(peers)))
            endpoint.recorded = recorded  # type: ignore[attr-defined]
            self.add_api_route(path, endpoint, methods=["GET"], **options)
            return endpoint

        return register
