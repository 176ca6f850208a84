"""What the other services ask: the hub's plan, names, numbers, consents. Nothing leaves nginx."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from contracts.codes import ConsentKind
from services.chassis.clock import agency_day
from services.chassis.errors import NotFound
from services.chassis.internal import Conn, InternalRouter
from services.referral.store import attestations, clients, mailboxes, people, plans

internal = InternalRouter()

ADULT_AGE = 18  # DOMAIN.md section 9: the youth consents, the parents' access ends
OTHERS = frozenset({"scheduling", "documentation", "notifications"})


@internal.get("/internal/hub-plans/{youth_id}/{version}", peers={"documentation"})
async def hub_plan(youth_id: UUID, version: int, conn: Conn) -> Response:
    """One version of the hub's plan, with the texts of its goals."""
    if (found := await plans.plan_by_version(conn, youth_id, version)) is None:
        raise NotFound("plan-unknown", "There is no such plan.")
    return Response(found, media_type="application/json")


@internal.get("/internal/youths/{youth_id}/identifiers/{organisation_id}", peers=OTHERS)
async def readers_number(youth_id: UUID, organisation_id: UUID, conn: Conn) -> dict[str, str]:
    """The number under which one organisation knows a youth."""
    found = await people.number_by_reader(conn, youth_id, organisation_id)
    if found is None:
        raise NotFound("number-unknown", "This organisation has no number for this youth.")
    return {"system": found[0], "value": found[1]}


@internal.get("/internal/youths/{youth_id}", peers=OTHERS)
async def youth(youth_id: UUID, conn: Conn) -> dict[str, Any]:
    """Names and contacts, for use at once. No contacts where the family must not be contacted."""
    person = await people.person_by_id(conn, youth_id)
    if person is None:
        raise NotFound("youth-unknown", "There is no such youth.")
    contacts = [] if person.do_not_contact else await people.list_contacts(conn, youth_id)
    return {
        "youth_id": str(youth_id),
        "name": {"given": list(person.given), "family": person.family},
        "preferred": person.preferred,
        "languages": list(person.languages),
        "interpreter_needed": person.interpreter_needed,
        "contacts": contacts,
    }


@internal.get("/internal/youths/{youth_id}/mailboxes", peers={"notifications"})
async def family_mailboxes(youth_id: UUID, conn: Conn, request: Request) -> dict[str, Any]:
    """To whom may be written about a youth at this moment; no address without consent to it."""
    if await people.person_by_id(conn, youth_id) is None:
        raise NotFound("youth-unknown", "There is no such youth.")
    now, kind = request.app.state.context.clock.now(), ConsentKind.TEXT_EMAIL_CONTACT
    stands = await attestations.consent_by_youth(conn, youth_id, kind, None, now=now)
    found = await mailboxes.list_mailboxes(
        conn, youth_id, minor_on=agency_day(now), adult_age=ADULT_AGE
    )
    return {
        "stands": stands,
        "mailboxes": [
            {"recipient": str(one.recipient), "address": one.address, "languages": one.languages}
            for one in (found if stands else ())
        ],
        "as_of": now.isoformat(),
    }


@internal.get("/internal/consents/{youth_id}", peers={"documentation", "notifications"})
async def consent(
    youth_id: UUID,
    kind: ConsentKind,
    conn: Conn,
    request: Request,
    organisation_id: Annotated[UUID | None, Query()] = None,
) -> dict[str, Any]:
    """Whether a consent stands at this moment, and whether that organisation is an active hub."""
    now = request.app.state.context.clock.now()
    to = organisation_id if kind is ConsentKind.ROI_HUB else None
    stands = await attestations.consent_by_youth(conn, youth_id, kind, to, now=now)
    active = organisation_id is not None and await attestations.hub_by_youth(
        conn, youth_id, organisation_id, on=agency_day(now)
    )
    return {"stands": stands, "hub_active": active, "as_of": now.isoformat()}


@internal.get("/internal/clients/{client_id}/webhook", peers={"notifications"})
async def webhook(client_id: str, conn: Conn) -> dict[str, str]:
    """The secret that signs what a client is told, and for whom it hears."""
    found = await clients.webhook_secret_of_client(conn, client_id)
    if found is None:
        raise NotFound("client-unknown", "There is no such client.")
    return {"secret": found[0], "organisation_id": str(found[1])}
