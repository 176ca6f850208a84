"""What happens behind a route under /fhir: read, search, answer, and the record of the access."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.responses import Response

from services.chassis import audit
from services.chassis.audit import Access
from services.chassis.auth import Partner
from services.chassis.clock import agency_day
from services.chassis.db import Connection, transaction
from services.chassis.doors import act_of, fhir_response, read_body
from services.chassis.fhir import media, paging, reading
from services.chassis.fhir.outcome import FhirRefused, refusal
from services.chassis.fhir.reading import Asked
from services.chassis.fhir.search import Match, Resource
from services.chassis.fhir.versions import history_bundle, is_unchanged, versions

Read = Callable[..., Awaitable[Resource | None]]
Versions = Callable[..., Awaitable[Sequence[Resource]]]
Find = Callable[..., Awaitable[Sequence[Match]]]

FORM_BYTES = 65_536


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
    if not is_id(id_):
        raise absent()
    async with transaction(request.app.state.context.pool) as conn:
        resource = await handler(conn, partner, id_, on=today(request))
        if resource is None:
            raise absent()
        touch(request, f"{type_}/{id_}")
        unchanged = is_unchanged(request.headers.get("if-none-match"), resource)
        await record(conn, request, partner, 304 if unchanged else 200)
    return Response(None, 304, versions(resource)) if unchanged else respond(request, resource)


async def read_history(
    request: Request, partner: Partner, type_: str, handler: Versions
) -> Response:
    id_ = request.path_params["of_"]
    if unknown := {name for name, _ in parse_qsl(request.url.query)} - {"_format", "_pretty"}:
        text = f"A history takes _format and _pretty; {len(unknown)} more were given."
        raise refusal(400, text, code="not-supported")
    async with transaction(request.app.state.context.pool) as conn:
        known = await handler(conn, partner, id_, on=today(request)) if is_id(id_) else ()
        if not known:
            raise absent()
        touch(request, f"{type_}/{id_}")
        await record(conn, request, partner, 200)
    base = request.app.state.context.settings.base_url.rstrip("/")
    return respond(request, history_bundle(known, f"{base}/{type_}/{id_}"))


def is_id(text: str) -> bool:
    return reading.ID.fullmatch(text) is not None


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
