"""Where hubs send referrals: a transaction, or one resource alone (FHIR.md §4, §7.1).

Bodies are read raw: a framework's own 422 would replace our OperationOutcome.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request
from starlette.responses import Response

from contracts.codes import PartnerKind
from services.chassis.auth import Partner
from services.chassis.context import Context
from services.chassis.db import transaction
from services.chassis.doors import Forbidden, fhir_response
from services.chassis.fhir.guard import LOOP_BYTES, Checked, check_off_loop
from services.chassis.fhir.outcome import FhirRefused, issue_of
from services.chassis.fhir.server import FhirRouter, change, touch
from services.chassis.rule_packs import in_force
from services.chassis.settings import ServiceSettings
from services.referral.commands.case import Receipt, Sender
from services.referral.commands.receive import receive
from services.referral.mapping.inbound.entries import (
    Submission,
    criteria_from,
    submission_from_bundle,
    submission_from_resource,
    version_from,
)
from services.referral.mapping.inbound.judge import Agency
from services.referral.mapping.mirror import mirror_from_stored
from services.referral.mapping.transaction import operation_outcome_of, transaction_response
from services.referral.store import mirror
from services.referral.store.submissions import add_reject

HUBS = {PartnerKind.HUB}
AMENDABLE = (
    *("ServiceRequest", "Patient", "RelatedPerson", "Coverage"),
    *("CarePlan", "Goal", "EpisodeOfCare"),
)


def add_intake(router: FhirRouter) -> None:
    """Give a router the writes by which hubs send and amend referrals."""

    @router.write("POST", "/fhir", scope=None, kinds=HUBS)
    async def receive_bundle(request: Request, partner: Partner) -> Response:
        """A transaction: 200, and each entry's own status inside."""
        body = await request.body()

        async with rejects_kept(request, partner, body):
            checked = await check_off_loop(body, expect={"Bundle"})
            submission = await beside_the_loop(
                len(body), lambda: submission_from_bundle(checked.resource)
            )
            may_send(partner, submission)
            async with change(request, partner) as conn:
                receipt = await take_in(conn, request, submission, checked, partner, body)
        return fhir_response(transaction_response(receipt.answers))

    @router.write("POST", "/fhir/ServiceRequest", scope="ServiceRequest.c", kinds=HUBS)
    async def receive_request(request: Request, partner: Partner) -> Response:
        """A referral alone: its youth is contained, or known to us by the hub's number."""
        return await receive_alone(request, partner, "ServiceRequest", "POST")

    for type_ in AMENDABLE:
        add_update(router, type_)


def add_update(router: FhirRouter, type_: str) -> None:
    @router.write("PUT", f"/fhir/{type_}", scope=f"{type_}.u", kinds=HUBS)
    async def amend(request: Request, partner: Partner) -> Response:
        """A conditional update: of a referral, or of what was sent with it."""
        return await receive_alone(request, partner, type_, "PUT")


async def beside_the_loop(size: int, work: Callable[[], Submission]) -> Submission:
    """The entries; of a large body beside the loop, so that nobody else waits for it."""
    if size <= LOOP_BYTES:
        return work()
    return await asyncio.to_thread(work)


async def receive_alone(request: Request, partner: Partner, type_: str, method: str) -> Response:
    body = await request.body()
    async with rejects_kept(request, partner, body):
        checked = await check_off_loop(body, expect={type_})
        if method == "PUT":
            criteria = criteria_from(request.url.query, None)
        elif condition := request.headers.get("if-none-exist"):
            criteria = criteria_from(condition.lstrip("?"), None)
        else:
            criteria = None
        if_match = version_from(request.headers.get("if-match"), None)
        submission = await beside_the_loop(
            len(body),
            lambda: submission_from_resource(
                checked.resource, method=method, criteria=criteria, if_match=if_match
            ),
        )
        async with change(request, partner) as conn:
            receipt = await take_in(conn, request, submission, checked, partner, body)
            answer = receipt.answers[0]
            preferred = preference(request)
            shown: Mapping[str, Any] | None = None
            if preferred == "representation" and answer.ref:
                kind, _, id_ = answer.ref.partition("/")
                row = await mirror.mirror_by_id(conn, partner.organisation_id, kind, id_)
                shown = mirror_from_stored(row) if row else None
        if shown is None and (preferred != "minimal" or answer.issues):
            shown = operation_outcome_of(answer)
    base = request.app.state.context.settings.base_url.rstrip("/")
    headers = {"Location": f"{base}/{answer.location}", "ETag": f'W/"{answer.version}"'}
    if preferred == "minimal":
        return Response(None, answer.status, headers)
    return fhir_response(dict(shown or {}), answer.status, headers)


def preference(request: Request) -> str:
    """`Prefer: return=…`; the representation where nothing is said."""
    for part in request.headers.get("prefer", "").replace(";", ",").split(","):
        name, _, value = part.strip().partition("=")
        if name == "return" and value in ("minimal", "representation", "OperationOutcome"):
            return value
    return "representation"


async def take_in(
    conn: Any,
    request: Request,
    submission: Submission,
    checked: Checked,
    partner: Partner,
    body: bytes,
) -> Receipt:
    context: Context = request.app.state.context
    settings = context.settings
    receipt = await receive(
        conn,
        submission,
        body=body,
        warnings=checked.warnings,
        sender=Sender(partner, agency_of(settings), settings.base_url),
        now=context.clock.now(),
        rules=in_force(),
    )
    touch(request, *(answer.ref for answer in receipt.answers if answer.ref))
    return receipt


def agency_of(settings: ServiceSettings) -> Agency:
    return Agency(settings.agency_id, settings.agency_npi, settings.agency_name)


def may_send(partner: Partner, submission: Submission) -> None:
    """Each entry needs its own right: a transaction opens nothing that its parts would not."""
    for entry in submission.entries:
        act = "c" if entry.method == "POST" else "u"
        if not partner.may(entry.type, act):
            raise Forbidden


class rejects_kept:
    """Keep what is refused inside the block, in a transaction of its own, and refuse it."""

    def __init__(self, request: Request, partner: Partner, body: bytes) -> None:
        self.context: Context = request.app.state.context
        self.partner, self.body = partner, body

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if not isinstance(error, FhirRefused):
            return
        async with transaction(self.context.pool) as conn:
            await add_reject(
                conn,
                client_id=self.partner.client_id,
                organisation_id=self.partner.organisation_id,
                status=error.status,
                issues=[issue_of(issue) for issue in error.issues],
                body=self.body,
                now=self.context.clock.now(),
            )
