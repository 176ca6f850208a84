"""What staff say about letters: their own address and wishes, and what a family told them."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from contracts.codes import Role
from services.chassis.errors import Refused
from services.chassis.staff import Caller, Conn, StaffRouter, touch
from services.notifications.domain.mail import AUDIENCES, Audience, Letter, Preference, is_address
from services.notifications.store import mails

staff = StaffRouter(prefix="/api/notifications")

EVERYONE = frozenset(Role)
FOR_FAMILIES = frozenset({Role.COORDINATOR, Role.SUPERVISOR})

Language = Literal["en", "es"]
Unwanted = Annotated[list[Letter], Field(max_length=len(Letter))]


class FamilyWishes(BaseModel):
    """In which language a family is written to, and about what it is not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: Annotated[Language | None, Field(description="Null: as its child speaks.")] = None
    opted_out: Unwanted = []


class OwnWishes(FamilyWishes):
    """A member of staff's own: without an address nothing is written."""

    address: Annotated[str | None, Field(max_length=254, description="At work.")] = None


@staff.get("/me/preferences", roles=EVERYONE)
async def read_own(conn: Conn, caller: Caller) -> OwnWishes:
    """Where and about what I am written to."""
    return own_view(await mails.preference_of(conn, caller.staff_id))


@staff.put("/me/preferences", roles=EVERYONE)
async def say_own(body: OwnWishes, conn: Conn, caller: Caller) -> OwnWishes:
    """Where and about what I want to be written to."""
    if body.address is not None and not is_address(body.address):
        raise Refused("address-unusable", "The address is one plain e-mail address.")
    wish = preference(body, Audience.STAFF, address=body.address)
    await mails.update_preference(conn, caller.staff_id, wish)
    return own_view(wish)


@staff.get("/youths/{youth_id}/preferences", roles=FOR_FAMILIES)
async def read_family(youth_id: UUID, conn: Conn, request: Request) -> FamilyWishes:
    """What a youth's family wishes."""
    touch(request, f"Patient/{youth_id}")
    return view(await mails.preference_of(conn, youth_id))


@staff.put("/youths/{youth_id}/preferences", roles=FOR_FAMILIES)
async def say_family(
    youth_id: UUID, body: FamilyWishes, conn: Conn, request: Request
) -> FamilyWishes:
    """What a youth's family told us: it counts from the next letter on.

    Whether it may be written to at all is consent, which referral keeps.
    """
    touch(request, f"Patient/{youth_id}")
    wish = preference(body, Audience.FAMILY)
    await mails.update_preference(conn, youth_id, wish)
    return view(wish)


def preference(body: FamilyWishes, audience: Audience, *, address: str | None = None) -> Preference:
    others = sorted({letter for letter in body.opted_out if AUDIENCES[letter] is not audience})
    if others:
        text = f"These letters are not for {audience}: {', '.join(others)}."
        raise Refused("letter-of-others", text)
    return Preference(body.language, frozenset(body.opted_out), address)


def view(wish: Preference) -> FamilyWishes:
    return FamilyWishes.model_validate(fields(wish))


def own_view(wish: Preference) -> OwnWishes:
    return OwnWishes.model_validate(fields(wish) | {"address": wish.address})


def fields(wish: Preference) -> dict[str, object]:
    return {"language": wish.language, "opted_out": sorted(wish.opted_out)}
