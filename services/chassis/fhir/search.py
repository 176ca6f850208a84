"""A FHIR search as its handler sees it: filters as values, a keyset to page by, matches to give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from services.chassis.clock import AGENCY

Resource = dict[str, Any]

DEFAULT_COUNT = 50


@dataclass(frozen=True)
class Token:
    """A code with its system. `system` None: any; "": none at all. `code` None: any of it."""

    system: str | None
    code: str | None


@dataclass(frozen=True)
class Reference:
    """A filter whose value is an id of ours. `types`: what it may refer to; none named: any."""

    types: tuple[str, ...] = ()


class Date:
    """A filter on a date, an instant or a period; see `Search.dates`."""


class Text:
    """A filter on text that begins so, whatever the case."""


@dataclass(frozen=True)
class DateRange:
    """From `low` up to, not including, `high`; None is open."""

    low: datetime | None = None
    high: datetime | None = None

    @property
    def is_empty(self) -> bool:
        return self.low is not None and self.high is not None and self.low >= self.high

    @property
    def first_day(self) -> date | None:
        """For a column of days: the first day meant, in New York."""
        return self.low and self.low.astimezone(AGENCY).date()

    @property
    def day_after(self) -> date | None:
        """For a column of days: the first day no longer meant."""
        return self.high and self.high.astimezone(AGENCY).date()

    def within(self, other: "DateRange") -> "DateRange":
        lows = [at for at in (self.low, other.low) if at]
        highs = [at for at in (self.high, other.high) if at]
        return DateRange(max(lows, default=None), min(highs, default=None))


Filter: TypeAlias = type[Token] | type[Reference] | Reference | type[Date] | type[Text]
Filters = Mapping[str, Filter]


class After(NamedTuple):
    """The last match of the page before; a page begins behind it."""

    at: datetime
    id: str


@dataclass(frozen=True)
class Match:
    """One hit. `at` and `id` are its place in the order; `included` what `_include` brought."""

    resource: Resource
    at: datetime
    id: str
    included: Sequence[Resource] = ()


@dataclass(frozen=True)
class Search:
    """A search as its handler needs it: parsed, capped, bounded.

    The handler returns at most `limit` matches (one more than a page holds, to see whether there
    is a next one) in the order of (updated_at, id), after `after`.
    """

    type_: str
    on: date
    count: int = DEFAULT_COUNT
    after: After | None = None
    last_updated: DateRange = DateRange()
    include: frozenset[str] = frozenset()
    revinclude: frozenset[str] = frozenset()
    values: Mapping[str, tuple[Token | str, ...]] = field(default_factory=dict)
    ranges: Mapping[str, DateRange] = field(default_factory=dict)

    @property
    def limit(self) -> int:
        return self.count + 1

    @property
    def after_at(self) -> datetime | None:
        return self.after and self.after.at

    @property
    def after_id(self) -> str | None:
        return self.after and self.after.id

    def get(self, name: str) -> tuple[str, ...] | None:
        """The values of a filter as text (ids, codes, beginnings), any of which is meant.

        None: not asked for. Empty: nothing can match. A token's system is not looked at here.
        """
        if (found := self.values.get(name)) is None:
            return None
        texts = (value.code if isinstance(value, Token) else value for value in found)
        return tuple(text for text in texts if text is not None)

    def uuids(self, name: str) -> tuple[UUID, ...] | None:
        """The same as ids of ours; what is none matches nothing and is left out."""
        if (found := self.get(name)) is None:
            return None
        return tuple(id_ for id_ in map(as_uuid, found) if id_)

    def tokens(self, name: str) -> tuple[Token, ...] | None:
        if (found := self.values.get(name)) is None:
            return None
        return tuple(value for value in found if isinstance(value, Token))

    def dates(self, name: str) -> DateRange:
        """The time meant by a date filter, open on both sides when it was not given.

        A point in time matches when it lies inside, a period when it overlaps.
        """
        return self.ranges.get(name, DateRange())

    def from_(self, after: After) -> "Search":
        """The same search, from behind a place."""
        return replace(self, after=after)

    @property
    def is_hopeless(self) -> bool:
        """True when contradicting dates or a foreign id leave nothing to find."""
        ranges = (*self.ranges.values(), self.last_updated)
        return any(range_.is_empty for range_ in ranges) or () in self.values.values()


def as_uuid(text: str) -> UUID | None:
    """The UUID that an id of ours is; None for any other text. Ids are case-sensitive."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None


def instant(at: datetime) -> str:
    """A FHIR instant, in UTC, with as many digits as we store."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
