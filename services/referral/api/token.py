"""The token endpoint of SMART Backend Services, and the page by which clients find it."""

import logging
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from services.chassis import audit
from services.chassis.audit import Access
from services.chassis.auth import CLIENT_ALGORITHMS
from services.chassis.db import transaction
from services.chassis.doors import PublicRouter, json_response, read_body, record_refusal
from services.chassis.errors import Refused
from services.chassis.peers import public_keys
from services.referral.commands import clients

log = logging.getLogger(__name__)

router = PublicRouter()

ACT = "POST /auth/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"
MOST_BYTES = 65_536
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
TYPES = (
    *("Task", "ServiceRequest", "Patient", "RelatedPerson", "Coverage", "Organization"),
    *("CoverageEligibilityRequest", "CoverageEligibilityResponse", "Practitioner"),
    *("PractitionerRole", "Location", "Appointment", "EpisodeOfCare", "Encounter"),
    *("CarePlan", "Goal", "Observation", "DocumentReference", "Provenance", "Subscription"),
)


class TokenRefused(Refused):
    """An error of RFC 6749, section 5.2: `code` is the name that it gives."""

    status = 400


@router.post("/auth/token")
async def token(request: Request) -> Response:
    """A token for a client that proves itself by a signed assertion, good for five minutes."""
    context = request.app.state.context
    try:
        form = await read_form(request)
        async with transaction(context.pool) as conn:
            given = await clients.grant(
                conn,
                form["client_assertion"],
                form.get("scope", ""),
                key=context.peers.key,
                token_url=context.settings.token_url,
                audience=context.settings.base_url,
            )
            await audit.record(conn, Access(given.partner, ACT, 200))
    except Refused as error:
        if error.status >= 500:
            raise
        reason = getattr(error.__cause__, "reason", error.code)
        log.info("token-refused", extra={"reason": reason})
        await record_refusal(context.pool, None, ACT, error.status)
        body = {"error": error.code, "error_description": str(error)}
        return json_response(body, error.status, NO_STORE)
    answer = {
        "access_token": given.token,
        "token_type": "bearer",
        "expires_in": given.expires_in_seconds,
        "scope": given.scope,
    }
    return json_response(answer, 200, NO_STORE)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of the request, each given once."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM:
        raise TokenRefused("invalid_request", f"Send the request as {FORM}.")
    try:
        body = (await read_body(request, most=MOST_BYTES)).decode("ascii")
        fields = parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=20)
    except HTTPException:
        raise TokenRefused("invalid_request", "The request is too large.") from None
    except ValueError:
        raise TokenRefused("invalid_request", "The request is no form.") from None
    form = dict(fields)
    if len(form) != len(fields):
        raise TokenRefused("invalid_request", "A field is given more than once.")
    if form.get("grant_type") != "client_credentials":
        raise TokenRefused("unsupported_grant_type", "grant_type is client_credentials.")
    if form.get("client_assertion_type") != ASSERTION_TYPE or not form.get("client_assertion"):
        raise TokenRefused("invalid_request", "The client proves itself by a JWT assertion.")
    return form


@router.get("/auth/jwks")
async def jwks(request: Request) -> dict[str, Any]:
    """The keys by which our tokens can be verified."""
    return public_keys(request.app.state.context.peers.key)


@router.get("/.well-known/smart-configuration")
@router.get("/fhir/.well-known/smart-configuration")
async def smart_configuration(request: Request) -> dict[str, Any]:
    """Where tokens are had and what they may be for."""
    settings = request.app.state.context.settings
    return {
        "token_endpoint": settings.token_url,
        "jwks_uri": settings.token_url.rsplit("/", 1)[0] + "/jwks",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "scopes_supported": [f"system/{type_}.rs" for type_ in TYPES]
        + ["system/ServiceRequest.cu", "system/Task.cu", "system/Subscription.cud"],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    }
