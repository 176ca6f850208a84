"""What a consumer asks of a producer when Kafka has not told it (ARCHITECTURE.md §6, catch-up)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import StringConstraints

from services.chassis import outbox
from services.chassis.envelope import Stream, to_json
from services.chassis.internal import EVERY_SERVICE, Conn, InternalRouter

router = InternalRouter()

MOST_STREAMS = 50
# `<stream>:<number>`: behind which event of a stream the next ones are asked for.
Place = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9]{1,18}$")
]
Number = Annotated[int, Query(ge=0, lt=2**63)]


@router.get("/internal/streams", peers=EVERY_SERVICE, recorded=False)
async def streams(conn: Conn, since: Number = 0) -> dict[str, Any]:
    """How far our log goes, and the last number of each stream that changed after `since`."""
    bound, heads = await outbox.heads(conn, since=since)
    return {"bound": bound, "heads": {str(id_): number for id_, number in heads.items()}}


@router.get("/internal/events-of", peers=EVERY_SERVICE)
async def events_of(
    conn: Conn, after: Annotated[list[Place], Query(min_length=1, max_length=MOST_STREAMS)]
) -> dict[str, Any]:
    """The next events of each stream in `after=<stream>:<number>`, at most 500 in all."""
    places = (place.split(":") for place in after)
    asked = {UUID(stream): int(number) for stream, number in places}
    found: dict[str, list[Any]] = {}
    for event in await outbox.events_of(conn, "", asked):
        found.setdefault(str(event.stream.stream_id), []).append(to_json(event))
    return {"events": found}


@router.get("/internal/events", peers=EVERY_SERVICE)
async def events(conn: Conn, stream: UUID, after: Number = 0) -> dict[str, Any]:
    """The next events of one stream, at most 500, in order, published or not."""
    found = await outbox.events_after(conn, Stream(stream, ""), after)
    return {"events": [to_json(event) for event in found]}
