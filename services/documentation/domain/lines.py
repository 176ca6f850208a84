"""Lines for claims, prepared: which sessions one line counts, its units, and why it must wait.

Source: DOMAIN 3.4 `line.combine`, `unit.rounding`; 5.9 (held reasons). Claims come later.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import groupby
from uuid import UUID

from contracts.codes import Modality, PlaceOfService
from contracts.rules import RulePack, UnknownRule
from services.documentation.domain.units import Rounding, units_of_line


class Held(StrEnum):
    """Why a line is not billed yet. Facts that others own (an EOB, an authorization) come later.

    No line overlaps another: two such notes cannot both be signed. Whoever has outgrown the age
    limit has no coverage on that day, because eligibility ends on the last payable one.
    """

    NO_FINAL_NOTE = "no_final_note"
    NON_BILLABLE = "non_billable"
    NO_COVERAGE_DOS = "no_coverage_dos"
    HUB_INACTIVE_DOS = "hub_inactive_dos"
    GOAL_NOT_ON_PLAN = "goal_not_on_plan"
    MENTOR_STANDING = "mentor_standing"


class Odd(StrEnum):
    """What a person looks at before a line is billed; it holds nothing."""

    DUPLICATE_RISK = "duplicate_risk"  # alike but for the mentor: one line twice for some payers
    MANY_UNITS = "many_units"  # of the youth on that day, `unit.warn_per_day`


@dataclass(frozen=True, slots=True)
class Contact:
    """A signed session and what is known today of its day. `product` None: no coverage."""

    session_id: UUID
    version: int
    youth_id: UUID
    mentor_id: UUID
    day: date
    place_of_service: PlaceOfService
    modality: Modality
    minutes: int
    is_final: bool
    billable: bool
    product: str | None
    payer: UUID | None
    hub_active: bool
    goal_on_plan: bool
    standing: bool

    @property
    def line(self) -> tuple[str, ...]:
        """One line per youth, day, place, modality and rendering provider (`line.combine`)."""
        parts = (self.youth_id, self.day, self.place_of_service, self.modality, self.mentor_id)
        return tuple(map(str, parts))

    def held(self) -> Iterable[Held]:
        """Every reason at once, so that whoever mends one knows of the others."""
        if not self.is_final:
            yield Held.NO_FINAL_NOTE
        if not self.hub_active:
            yield Held.HUB_INACTIVE_DOS
        elif not self.billable:
            yield Held.NON_BILLABLE
        if self.product is None:
            yield Held.NO_COVERAGE_DOS
        if self.billable and not self.goal_on_plan:
            yield Held.GOAL_NOT_ON_PLAN
        if not self.standing:
            yield Held.MENTOR_STANDING


@dataclass(frozen=True, slots=True)
class Line:
    """What one claim line would say; `held` empty: it may be billed.

    `code` and `modifier` are None where the rules of the day name none for the payer.
    """

    youth_id: UUID
    mentor_id: UUID
    day: date
    place_of_service: PlaceOfService
    modality: Modality
    product: str | None
    payer: UUID | None
    code: str | None
    modifier: str | None
    rounding: Rounding
    units: int
    minutes: int
    contacts: tuple[Contact, ...]
    held: tuple[Held, ...]
    odd: tuple[Odd, ...] = ()

    @property
    def but_for_the_mentor(self) -> tuple[object, ...]:
        return self.youth_id, self.day, self.place_of_service, self.modality


def lines(contacts: Sequence[Contact], pack: RulePack) -> list[Line]:
    """Contacts as lines, by day: what may be billed, and beside it what is held, apart.

    A session that is held does not hold its neighbours: it is a line of its own reasons.
    """

    def key(one: Contact) -> tuple[str, ...]:
        return (str(one.day), *one.line, *sorted(one.held()))

    found = [line(tuple(group), pack) for _, group in groupby(sorted(contacts, key=key), key)]
    alike = Counter(one.but_for_the_mentor for one in found if not one.held)
    units: Counter[tuple[UUID, date]] = Counter()
    for one in found:
        if not one.held:
            units[one.youth_id, one.day] += one.units

    def odd(one: Line) -> Iterable[Odd]:
        if alike[one.but_for_the_mentor] > 1:
            yield Odd.DUPLICATE_RISK
        most = pack.value("unit.warn_per_day", on=one.day).value
        if most is not None and units[one.youth_id, one.day] > most:
            yield Odd.MANY_UNITS

    return [one if one.held else replace(one, odd=tuple(odd(one))) for one in found]


def line(contacts: tuple[Contact, ...], pack: RulePack) -> Line:
    first, minutes = contacts[0], [one.minutes for one in contacts]

    def value(name: str) -> str | None:
        payer = payer_of(first.product)
        try:
            found = pack.value(name, on=first.day, payer=payer, product=first.product).value
        except UnknownRule:
            return None
        return None if found is None else str(found)

    rounding = Rounding(value("unit.rounding") or Rounding.FLOOR)
    units, held = units_of_line(minutes, rounding), tuple(first.held())
    if units == 0 and not held:
        held = (Held.NON_BILLABLE,)
    return Line(
        youth_id=first.youth_id,
        mentor_id=first.mentor_id,
        day=first.day,
        place_of_service=first.place_of_service,
        modality=first.modality,
        product=first.product,
        payer=first.payer,
        code=value("code.hcpcs"),
        modifier=value("code.modifier"),
        rounding=rounding,
        units=units,
        minutes=sum(minutes),
        contacts=contacts,
        held=held,
    )


def payer_of(product: str | None) -> str | None:
    """The payer by which the rule pack scopes its rows: the first word of a product, small."""
    return product.replace(" ", "-").split("-")[0].lower() if product else None
