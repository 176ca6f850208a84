"""What an outside scheduler asks when Kafka has not told it: a topic's events, stream by stream.

The same that our own services ask each other inside, for who has a token. Of those topics alone
that a scheduler needs: a service that has none of this router gives nothing away.
"""

from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import Request
from starlette.responses import JSONResponse, Response

from contracts.codes import PartnerKind
from services.chassis import outbox
from services.chassis.auth import Partner
from services.chassis.db import transaction
from services.chassis.envelope import Stream, to_json
from services.chassis.errors import Refused
from services.chassis.fhir.server import FhirRouter

SCHEDULERS = frozenset({PartnerKind.SCHEDULER})
SCOPE = "Event.r"
LAST = 2**63


class BadQuestion(Refused):
    """The question cannot be understood; its sentence says what is asked for."""

    status = 400


def feed(service: str) -> FhirRouter:
    """`GET /events/<service>` and `…/streams`, for partners who schedule."""
    # Partners' tokens, records of access and refusals are the same as on /fhir.
    router = FhirRouter()

    async def streams(request: Request, partner: Partner) -> Response:
        since = number(questions(request, {"since"}), "since")
        async with transaction(request.app.state.context.pool) as conn:
            bound, heads = await outbox.heads(conn, since=since)
        return JSONResponse(
            {"bound": bound, "heads": {str(id_): head for id_, head in heads.items()}}
        )

    async def events(request: Request, partner: Partner) -> Response:
        asked = questions(request, {"stream", "after"})
        stream, after = stream_of(asked), number(asked, "after")
        async with transaction(request.app.state.context.pool) as conn:
            found = await outbox.events_after(conn, stream, after)
        return JSONResponse({"events": [to_json(event) for event in found]})

    router.serve("GET", f"/events/{service}/streams", SCOPE, SCHEDULERS, streams)
    router.serve("GET", f"/events/{service}", SCOPE, SCHEDULERS, events)
    return router


def questions(request: Request, known: set[str]) -> dict[str, str]:
    asked = dict(parse_qsl(request.url.query, keep_blank_values=True))
    if asked.keys() - known:
        raise BadQuestion("unknown-parameter", f"Parameters here: {', '.join(sorted(known))}.")
    return asked


def number(asked: dict[str, str], name: str) -> int:
    text = asked.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < LAST):
        raise BadQuestion("bad-number", f"{name} is a whole number, from 0.")
    return int(text)


def stream_of(asked: dict[str, str]) -> Stream:
    try:
        return Stream(UUID(asked.get("stream", "")), "")
    except ValueError:
        raise BadQuestion("bad-stream", "stream is the key of a record: a UUID.") from None
