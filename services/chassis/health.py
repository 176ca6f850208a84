"""Ops routes that need no token: live, ready, metrics, our public keys."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from services.chassis.db import AWAY, Pool, acquired
from services.chassis.doors import PublicRouter
from services.chassis.metrics import Metrics
from services.chassis.peers import public_keys

READY_SECONDS = 1.0

router = PublicRouter()


@dataclass
class Health:
    """What this process says of itself. Whether it hears Kafka is told, and decides nothing."""

    draining: bool = False
    parts: dict[str, str] = field(default_factory=dict)  # relay, consumer…: "running" or a code


@router.get("/health/live")
async def live() -> dict[str, str]:
    return {"status": "live"}


@router.get("/health/ready")
async def ready(request: Request, response: Response) -> dict[str, Any]:
    """200 while we can answer a request: our database does, and we are not about to stop.

    A consumer that stands still must not take the hubs' intake down.
    """
    health: Health = request.app.state.health
    answers = await database_answers(request.app.state.context.pool)
    response.status_code = 200 if answers and not health.draining else 503
    status = "draining" if health.draining else "ready" if answers else "database-unavailable"
    return {"status": status, "parts": health.parts}


async def database_answers(pool: Pool) -> bool:
    try:
        async with asyncio.timeout(READY_SECONDS), acquired(pool) as conn:
            return await conn.fetchval("SELECT true") is True
    except AWAY:
        return False


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    found: Metrics = request.app.state.metrics
    return Response(await found.page(), media_type=CONTENT_TYPE_LATEST)


@router.get("/internal/jwks")
async def jwks(request: Request) -> dict[str, Any]:
    return public_keys(request.app.state.context.peers.key)
