"""`/fhir/metadata`: what all four services serve, as `make contracts` wrote it down."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from starlette.responses import Response

from services.chassis.doors import PublicRouter, fhir_response
from services.chassis.errors import Unavailable
from services.chassis.fhir import media

router = PublicRouter()

FILE = Path(__file__).parents[3] / "contracts/fhir/capability-statement.json"


@router.get("/fhir/metadata")
async def metadata(request: Request) -> Response:
    """The CapabilityStatement, at the address under which we are reached."""
    media.check_accept(request.headers, request.url.query)
    return fhir_response(statement(request.app.state.context.settings.base_url))


@cache
def statement(base_url: str) -> dict[str, Any]:
    if not FILE.exists():
        raise Unavailable("no-statement", "The CapabilityStatement has not been generated.")
    found: dict[str, Any] = json.loads(FILE.read_text())
    found["implementation"]["url"] = base_url
    return found
