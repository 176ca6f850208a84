"""The door for partners: routes under /fhir that each say who may use them, and answer in FHIR.

A route's author writes a read, a search or a write; who asks, what is accepted, versions, pages
and the record of the access are the same for all and stand here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.responses import Response

from contracts.codes import PartnerKind
from services.chassis import audit
from services.chassis.audit import Access
from services.chassis.auth import Partner
from services.chassis.clock import agency_day
from services.chassis.db import Connection, transaction
from services.chassis.doors import (
    Forbidden,
    GuardedRouter,
    Policy,
    act_of,
    allows,
    bearer,
    fhir_response,
    read_body,
    record_refusal,
    status_of,
    with_policy,
)
from services.chassis.fhir import media, paging, reading
from services.chassis.fhir.outcome import FhirRefused, refusal
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
    "as_uuid",
    "change",
    "respond",
    "touch",
]

Read = Callable[..., Awaitable[Resource | None]]
Find = Callable[..., Awaitable[Sequence[Match]]]
Write = Callable[[Request, Partner], Awaitable[Response]]
Work = Callable[[Request, Partner], Awaitable[Response]]

INTERACTIONS = {"POST": "create", "PUT": "update", "DELETE": "delete"}
FORM_BYTES = 65_536


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


def absent() -> FhirRefused:
    """One answer for what is absent and for what is not this reader's to see: no oracle."""
    return refusal(404, "There is nothing here that you may read.")


def today(request: Request) -> date:
    """The business day, in New York."""
    return agency_day(request.app.state.context.clock.now())


# --- The record of an access ---------------------------------------------------------------------


def touch(request: Request, *resources: str) -> None:
    """Name what this access concerns, as `Type/id`, for its record."""
    named: list[str] = getattr(request.state, "touched", [])
    request.state.touched = [*named, *resources]


async def record(conn: Connection, request: Request, partner: Partner, status: int) -> None:
    touched = getattr(request.state, "touched", [])
    await audit.record(conn, Access(partner, act_of(request), status, touched))
    request.state.partner = partner
    request.state.recorded = True


@asynccontextmanager
async def change(
    request: Request, partner: Partner, *, status: int = 200
) -> AsyncIterator[Connection]:
    """The transaction of a write: what it changes and the record of the access commit together."""
    async with transaction(request.app.state.context.pool) as conn:
        yield conn
        await record(conn, request, partner, status)


# --- Reads and searches --------------------------------------------------------------------------


async def read_one(
    request: Request,
    partner: Partner,
    type_: str,
    id_: str,
    handler: Read,
) -> Response:
    if unknown := {name for name, _ in parse_qsl(request.url.query)} - {"_format", "_pretty"}:
        text = f"A read takes _format and _pretty; {len(unknown)} more were given."
        raise refusal(400, text, code="not-supported")
    if not reading.ID.fullmatch(id_):
        raise absent()
    async with transaction(request.app.state.context.pool) as conn:
        resource = await handler(conn, partner, id_, on=today(request))
        if resource is None:
            raise absent()
        touch(request, f"{type_}/{id_}")
        unchanged = is_unchanged(request.headers.get("if-none-match"), resource)
        await record(conn, request, partner, 304 if unchanged else 200)
    return Response(None, 304, versions(resource)) if unchanged else respond(request, resource)


async def find(request: Request, partner: Partner, asked: Asked, handler: Find) -> Response:
    context = request.app.state.context
    given = reading.parameters(request.url.query, await form_of(request))
    base = context.settings.base_url
    cursor = paging.Cursor.of(context.settings.cursor_key, partner.client_id, asked.type_, given)
    async with transaction(context.pool) as conn:
        bound: datetime = await conn.fetchval("SELECT now() - $1::interval", reading.SETTLES)
        search = reading.read(asked, given, on=today(request), bound=bound, base=base)
        if place := dict(given).get("_page"):
            search = search.from_(cursor.open(place))
        matches = [] if search.is_hopeless else await handler(conn, partner, search)
        touch(request, *(f"{asked.type_}/{match.id}" for match in matches[: search.count]))
        await record(conn, request, partner, 200)
    bundle = paging.page(search, matches, given, cursor=cursor, base=base, bound=bound)
    return respond(request, bundle)


async def form_of(request: Request) -> str:
    """The parameters of a POST to _search."""
    if request.method != "POST":
        return ""
    media.check_form(request.headers)
    body = await read_body(request, most=FORM_BYTES)
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise refusal(400, "The form is not UTF-8.") from None


# --- Answers -------------------------------------------------------------------------------------


def respond(
    request: Request,
    resource: Resource,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A resource as an answer, with its version, in the form that was asked for."""
    pretty = dict(parse_qsl(request.url.query)).get("_pretty") == "true"
    return fhir_response(resource, status, {**versions(resource), **(headers or {})}, pretty=pretty)


def versions(resource: Resource) -> dict[str, str]:
    """ETag and Last-Modified of a resource; a Bundle has no version."""
    meta, found = resource.get("meta", {}), {}
    if "versionId" in meta:
        found["ETag"] = etag(resource)
        if "lastUpdated" in meta:
            at = datetime.fromisoformat(meta["lastUpdated"].replace("Z", "+00:00"))
            found["Last-Modified"] = format_datetime(at.astimezone(UTC), usegmt=True)
    return found


def etag(resource: Resource) -> str:
    return f'W/"{resource["meta"]["versionId"]}"'


def is_unchanged(header: str | None, resource: Resource) -> bool:
    """True when If-None-Match names the version that the reader already has."""
    if not header or "versionId" not in resource.get("meta", {}):
        return False
    named = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in named or etag(resource).removeprefix("W/") in named
