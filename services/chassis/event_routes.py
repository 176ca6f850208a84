"""What a consumer asks of a producer when Kafka has not told it (ARCHITECTURE.md §6, catch-up)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from services.chassis import outbox
from services.chassis.envelope import Stream, to_json
from services.chassis.internal import EVERY_SERVICE, Conn, InternalRouter

router = InternalRouter()

Number = Annotated[int, Query(ge=0, lt=2**63)]


@router.get("/internal/streams", peers=EVERY_SERVICE, recorded=False)
async def streams(conn: Conn, since: Number = 0) -> dict[str, Any]:
    """How far our log goes, and the last number of each stream that changed after `since`."""
    bound, heads = await outbox.heads(conn, since=since)
    return {"bound": bound, "heads": {str(id_): number for id_, number in heads.items()}}


@router.get("/internal/events", peers=EVERY_SERVICE)
async def events(conn: Conn, stream: UUID, after: Number = 0) -> dict[str, Any]:
    """The next events of one stream, at most 500, in order, published or not."""
    found = await outbox.events_after(conn, Stream(stream, ""), after)
    return {"events": [to_json(event) for event in found]}
