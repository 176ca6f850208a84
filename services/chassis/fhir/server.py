"""The door for partners: routes under /fhir that each say who may use them, and answer in FHIR.

A route's author writes a read, a search or a write; who asks, what is accepted, versions, pages
and the record of the access are the same for all and stand here.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import date
from typing import Any

from fastapi import Request
from starlette.responses import Response

from contracts.codes import PartnerKind
from services.chassis.auth import Partner
from services.chassis.db import Connection, transaction
from services.chassis.doors import (
    Forbidden,
    GuardedRouter,
    Policy,
    act_of,
    allows,
    bearer,
    read_body,
    record_refusal,
    status_of,
    with_policy,
)
from services.chassis.fhir import media
from services.chassis.fhir.answers import (
    Find,
    Read,
    Versions,
    absent,
    change,
    find,
    read_history,
    read_one,
    record,
    respond,
    touch,
)
from services.chassis.fhir.reading import Asked
from services.chassis.fhir.search import (
    Date,
    DateRange,
    Filters,
    Match,
    Reference,
    Resource,
    Search,
    Text,
    Token,
    as_uuid,
)
from services.chassis.fhir.versions import etag

__all__ = [
    "Date",
    "DateRange",
    "FhirRouter",
    "Match",
    "Reference",
    "Resource",
    "Search",
    "Text",
    "Token",
    "absent",
    "as_uuid",
    "change",
    "etag",
    "respond",
    "touch",
]

Write = Callable[[Request, Partner], Awaitable[Response]]
Work = Callable[[Request, Partner], Awaitable[Response]]

INTERACTIONS = {"POST": "create", "PUT": "update", "DELETE": "delete"}


class FhirRouter(GuardedRouter):
    """Routes of one service under /fhir."""

    def __init__(self) -> None:
        super().__init__()
        self.served: dict[str, dict[str, Any]] = {}
        self.system: set[str] = set()

    def read(self, type_: str, *, kinds: Collection[PartnerKind]) -> Callable[[Read], Read]:
        """Serve `GET /fhir/<type_>/<id>` by `async (conn, partner, id_, *, on)`.

        None is 404, alike for what is absent, foreign, or of a kind of reader that may not see
        this type. `meta.versionId` and `meta.lastUpdated` become ETag and Last-Modified.
        """

        def register(handler: Read) -> Read:
            async def work(request: Request, partner: Partner) -> Response:
                id_ = request.path_params["id_"]
                return await read_one(request, partner, type_, id_, handler)

            self.serve("GET", f"/fhir/{type_}/{{id_}}", f"{type_}.r", kinds, work)
            self.describes(type_)["interaction"].add("read")
            return handler

        return register

    def history(
        self, type_: str, *, kinds: Collection[PartnerKind]
    ) -> Callable[[Versions], Versions]:
        """Serve `GET …/<id>/_history` and its versions by `async (conn, partner, id_, *, on)`.

        The handler gives every version that the reader may see, the first one first; none is 404.
        """

        def register(handler: Versions) -> Versions:
            async def every(request: Request, partner: Partner) -> Response:
                return await read_history(request, partner, type_, handler)

            async def one(request: Request, partner: Partner) -> Response:
                wanted, id_ = request.path_params["version_"], request.path_params["of_"]

                async def version(conn: Connection, partner: Partner, id_: str, *, on: date) -> Any:
                    found = await handler(conn, partner, id_, on=on)
                    return next((r for r in found if r["meta"]["versionId"] == wanted), None)

                return await read_one(request, partner, type_, id_, version)

            path = f"/fhir/{type_}/{{of_}}/_history"
            self.serve("GET", path, f"{type_}.r", kinds, every)
            self.serve("GET", f"{path}/{{version_}}", f"{type_}.r", kinds, one)
            self.describes(type_)["interaction"] |= {"history-instance", "vread"}
            return handler

        return register

    def read_mirror(
        self, *, kinds: Collection[PartnerKind]
    ) -> Callable[[Callable[..., Awaitable[Resource | None]]], Read]:
        """Serve `GET /fhir/<Type>/h-…` of every type by `async (conn, partner, type_, id_, *, on)`.

        It goes before the service's own reads: no id of ours begins with `h-`.
        """

        def register(handler: Callable[..., Awaitable[Resource | None]]) -> Read:
            async def work(request: Request, partner: Partner) -> Response:
                type_, id_ = request.path_params["type_"], f"h-{request.path_params['id_']}"
                if not type_.isalpha() or not partner.may(type_, "r"):
                    raise Forbidden

                async def one(conn: Connection, partner: Partner, id_: str, *, on: date) -> Any:
                    return await handler(conn, partner, type_, id_, on=on)

                return await read_one(request, partner, type_, id_, one)

            self.serve("GET", "/fhir/{type_}/h-{id_}", None, kinds, work)
            self.routes.insert(0, self.routes.pop())
            return handler

        return register

    def search(
        self,
        type_: str,
        filters: Filters,
        *,
        kinds: Collection[PartnerKind],
        include: Collection[str] = (),
        together: Collection[Sequence[str]] = (),
    ) -> Callable[[Find], Find]:
        """Serve a type's searches, GET and `POST …/_search`, by `async (conn, partner, search)`.

        The handler gives at most `search.limit` matches in the order of (updated_at, id), from
        behind `search.after`. `updated_at` is PostgreSQL's `now()`, for the bound of W25 to hold.
        `together` are the combinations that the CapabilityStatement promises.
        """
        asked = Asked(type_, filters, frozenset(include))

        def register(handler: Find) -> Find:
            async def work(request: Request, partner: Partner) -> Response:
                return await find(request, partner, asked, handler)

            self.serve("GET", f"/fhir/{type_}", f"{type_}.s", kinds, work)
            self.serve("POST", f"/fhir/{type_}/_search", f"{type_}.s", kinds, work)
            about = self.describes(type_)
            about["interaction"].add("search-type")
            about["searchParam"] |= {name: kind_of(filter_) for name, filter_ in filters.items()}
            about["searchParam"].setdefault("_id", "token")
            about["searchParam"].setdefault("_lastUpdated", "date")
            about["searchInclude"] |= set(include)
            about["together"] |= {tuple(names) for names in together}
            return handler

        return register

    def write(
        self, method: str, path: str, *, scope: str | None, kinds: Collection[PartnerKind]
    ) -> Callable[[Write], Write]:
        """Serve a write by `async (request, partner) -> Response`, which reads the raw body itself.

        Media type, size and coding are checked before; the handler opens its transaction with
        `change(request)`, so that the record of the access commits with it. `scope` is
        `Type.act`; None only where the handler asks `partner.may` for each entry.
        """

        def register(handler: Write) -> Write:
            async def work(request: Request, partner: Partner) -> Response:
                if method in ("POST", "PUT"):
                    media.check_content(request.headers)
                    await read_body(request)
                return await handler(request, partner)

            self.serve(method, path, scope, kinds, work, hidden=False)
            if scope:
                about = self.describes(scope.split(".")[0])
                about["interaction"].add(INTERACTIONS[method])
                # A PUT to the type, not to an id, names what it changes by a search.
                about["conditionalUpdate"] |= method == "PUT" and "{" not in path
            elif path == "/fhir":
                self.system.add("transaction")
            return handler

        return register

    def action(
        self, method: str, path: str, *, scope: str, kinds: Collection[PartnerKind]
    ) -> Callable[[Write], Write]:
        """Serve an operation that reads, like `$status`, by `async (request, partner)`."""

        def register(handler: Write) -> Write:
            self.serve(method, path, scope, kinds, handler)
            return handler

        return register

    def serve(
        self,
        method: str,
        path: str,
        scope: str | None,
        kinds: Collection[PartnerKind],
        work: Work,
        *,
        hidden: bool = True,
    ) -> None:
        """Register one route with its policy. Who asks is known before anything else is read.

        `hidden`: to other kinds of partner there is nothing here (404), rather than no right (403).
        """
        policy = Policy("partner", frozenset(kinds), scope)

        async def endpoint(request: Request) -> Response:
            partner: Partner | None = None
            try:
                partner = await request.app.state.verifier.partner(bearer(request))
                if scope and not partner.may(*scope.split(".")):
                    raise Forbidden
                if not allows(policy, [partner.kind]):
                    raise absent() if hidden else Forbidden
                media.check_accept(request.headers, request.url.query)
                response = await work(request, partner)
            except Exception as error:
                pool, status = request.app.state.context.pool, status_of(error)
                await record_refusal(pool, partner, act_of(request), status)
                raise
            if not getattr(request.state, "recorded", False):
                async with transaction(request.app.state.context.pool) as conn:
                    await record(conn, request, partner, response.status_code)
            return response

        self.add_api_route(
            path, with_policy(endpoint, policy), methods=[method], include_in_schema=False
        )
        if path == "/fhir":
            self.serve(method, "/fhir/", scope, kinds, work, hidden=hidden)

    def describes(self, type_: str) -> dict[str, Any]:
        empty: dict[str, Any] = {
            "interaction": set(),
            "searchParam": {},
            "searchInclude": set(),
            "together": set(),
            "conditionalUpdate": False,
        }
        return self.served.setdefault(type_, empty)

    def describe(self) -> dict[str, Any]:
        """What this router serves, as the CapabilityStatement's `rest` needs it: sorted, plain."""
        return {
            "interaction": sorted(self.system),
            "resource": [
                {
                    "type": type_,
                    "interaction": sorted(about["interaction"]),
                    "searchParam": dict(sorted(about["searchParam"].items())),
                    "searchInclude": sorted(about["searchInclude"]),
                    "together": sorted(list(names) for names in about["together"]),
                    "conditionalUpdate": about["conditionalUpdate"],
                }
                for type_, about in sorted(self.served.items())
            ],
        }


def kind_of(filter_: object) -> str:
    kinds = {Token: "token", Reference: "reference", Date: "date", Text: "string"}
    return kinds[filter_ if isinstance(filter_, type) else type(filter_)]
