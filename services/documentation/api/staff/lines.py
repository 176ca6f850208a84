"""Lines for claims as billing looks at them: units, and what still holds them. Ids alone."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field

from contracts.codes import Modality, PlaceOfService, Role
from services.chassis.errors import Refused
from services.chassis.rule_packs import in_force
from services.chassis.staff import Caller, Conn, touch
from services.documentation.api.staff.router import staff
from services.documentation.domain.lines import Contact, Held, Line, Odd, lines
from services.documentation.domain.units import Rounding
from services.documentation.store import lines as store

LONGEST = timedelta(days=31)
MOST = 5_000


class ContactView(BaseModel):
    session_id: UUID
    version: int
    minutes: int


class LineView(BaseModel):
    """What one claim line would say; nothing in `held` means that it may be billed."""

    youth_id: UUID
    mentor_id: UUID
    day: date
    place_of_service: PlaceOfService
    modality: Modality
    code: str | None
    modifier: str | None
    units: int
    minutes: int
    rounding: Rounding
    payer: UUID | None
    product: str | None
    held: list[Held]
    odd: list[Odd] = Field(description="To be looked at; holds nothing.")
    sessions: list[ContactView]


class LinesView(BaseModel):
    """`units` are those of the lines that nothing holds."""

    rule_pack_version: str
    lines: list[LineView]
    units: int = Field(description="Of 15 minutes.")


@staff.get("/claim-lines", roles={Role.BILLING, Role.SUPERVISOR})
async def list_claim_lines(
    conn: Conn,
    caller: Caller,
    request: Request,
    first: Annotated[date, Query(alias="from", description="First day of service.")],
    last: Annotated[date, Query(alias="to", description="Last day of service.")],
    youth_id: Annotated[UUID | None, Query()] = None,
    held: Annotated[bool | None, Query(description="Only lines that are held, or not.")] = None,
) -> LinesView:
    """The lines of some days, by the rules of each day and what is known of it today."""
    if not timedelta(0) <= last - first < LONGEST:
        raise Refused("days-too-many", f"Ask for 1 to {LONGEST.days} days, the first one first.")
    contacts = await store.list_contacts(conn, first, last, youth_id=youth_id, limit=MOST + 1)
    if len(contacts) > MOST:
        raise Refused("lines-too-many", f"These are more than {MOST} sessions: ask for fewer days.")
    touch(request, *(f"Patient/{id_}" for id_ in sorted({str(one.youth_id) for one in contacts})))
    pack = in_force()
    found = [one for one in lines(contacts, pack) if held is None or held is bool(one.held)]
    return LinesView(
        rule_pack_version=pack.version,
        lines=[line_view(one) for one in found],
        units=sum(one.units for one in found if not one.held),
    )


def line_view(one: Line) -> LineView:
    return LineView(
        youth_id=one.youth_id,
        mentor_id=one.mentor_id,
        day=one.day,
        place_of_service=one.place_of_service,
        modality=one.modality,
        code=one.code,
        modifier=one.modifier,
        units=one.units,
        minutes=one.minutes,
        rounding=one.rounding,
        payer=one.payer,
        product=one.product,
        held=list(one.held),
        odd=list(one.odd),
        sessions=[contact_view(contact) for contact in one.contacts],
    )


def contact_view(contact: Contact) -> ContactView:
    return ContactView(
        session_id=contact.session_id, version=contact.version, minutes=contact.minutes
    )
