"""Reading a FHIR search: its parameters into a `Search`, or a refusal that names what is served.

An unknown filter is refused, never ignored: ignored, it would answer with more than was asked.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import parse_qsl

from services.chassis.clock import AGENCY
from services.chassis.fhir.outcome import FhirRefused, refusal
from services.chassis.fhir.search import (
    DEFAULT_COUNT,
    Date,
    DateRange,
    Filter,
    Filters,
    Reference,
    Search,
    Text,
    Token,
)

MOST_COUNT = 100
MOST_PARAMETERS = 100
LONGEST_QUERY = 8_192
LONGEST_VALUE = 1_000
# No write transaction lives longer, so below this age nothing is still to come (W25).
SETTLES = timedelta(seconds=5)

# Always known. They shape the answer; `_id` and `_lastUpdated` filter, too.
RESULT = frozenset(
    ["_format", "_pretty", "_count", "_sort", "_total", "_include", "_revinclude", "_page"]
)
NOT_SERVED = frozenset(
    ["_summary", "_elements", "_contained", "_containedType", "_filter", "_query", "_has"]
)
TOTALS = ("none", "estimate", "accurate")
# Known to every search, and empty where a type has no Provenance.
REVINCLUDES = ("Provenance:target",)

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
VERSIONED = re.compile(r"/_history/[A-Za-z0-9\-.]{1,64}$")
DATE = re.compile(
    r"(eq|gt|ge|lt|le)?(\d{4})(?:-(\d\d)(?:-(\d\d)"
    r"(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
)
TARGETS = {"patient": ("Patient",), "subject": ("Patient",), "beneficiary": ("Patient",)}


@dataclass(frozen=True)
class Asked:
    """What a search may ask for on one type."""

    type_: str
    filters: Filters
    include: frozenset[str] = frozenset()


def parameters(query: str, form: str = "") -> list[tuple[str, str]]:
    """The parameters of a query string and of a form, decoded, in order."""
    if len(query) > LONGEST_QUERY:
        raise refusal(414, "The query is too long. Send it as POST [type]/_search.")
    try:
        found = parse_qsl(query, keep_blank_values=True, errors="strict")
        found += parse_qsl(form, keep_blank_values=True, errors="strict")
    except ValueError:
        raise refusal(400, "The query is not UTF-8, percent-encoded.") from None
    if len(found) > MOST_PARAMETERS:
        raise refusal(400, f"A search has at most {MOST_PARAMETERS} parameters.")
    for _, value in found:
        if not value or len(value) > LONGEST_VALUE or CONTROL.search(value):
            raise refusal(400, "A parameter has no value, a very long one or control characters.")
    return found


def read(
    asked: Asked, given: Sequence[tuple[str, str]], *, on: date, bound: datetime, base: str
) -> Search:
    """Understand a search, or refuse it (400). `bound`: up to when `_lastUpdated` can answer."""
    values: dict[str, tuple[Token | str, ...]] = {}
    ranges: dict[str, DateRange] = {}
    for name, value in given:
        if name in RESULT:
            continue
        kind = Date if name == "_lastUpdated" else asked.filters.get(name)
        kind = Token if name == "_id" else kind
        if kind is None:
            raise unknown(name, asked)
        if kind is Date:
            ranges[name] = date_range(name, value).within(ranges.get(name, DateRange()))
        else:
            found = tuple(dict.fromkeys(read_values(name, kind, value, base)))
            before = values.get(name)
            values[name] = tuple(v for v in found if before is None or v in before)
    if (changed := ranges.pop("_lastUpdated", None)) is not None:
        changed = changed.within(DateRange(high=bound))
    result = Results.read(asked, given)
    last_updated = changed or DateRange()
    return Search(
        asked.type_,
        on,
        result.count,
        None,
        last_updated,
        result.include,
        result.revinclude,
        values,
        ranges,
    )


def unknown(name: str, asked: Asked) -> FhirRefused:
    """Names of ours only: the sender's own spelling is not repeated."""
    known = ", ".join(sorted({"_id", "_lastUpdated", *asked.filters}))
    if name in NOT_SERVED or "." in name or ":" in name:
        text = f"Chains, modifiers, _summary and _elements are not served. Filters: {known}."
    else:
        text = f"The search has a filter that is not known here. Filters: {known}."
    return refusal(400, text, code="not-supported")


@dataclass(frozen=True)
class Results:
    """The parameters that shape the answer and filter nothing."""

    count: int
    include: frozenset[str]
    revinclude: frozenset[str]

    @classmethod
    def read(cls, asked: Asked, given: Sequence[tuple[str, str]]) -> "Results":
        once = {name: value for name, value in given if name in RESULT}
        many = [name for name, _ in given if name in RESULT - {"_include", "_revinclude"}]
        if len(many) != len(set(many)):
            raise refusal(400, "A parameter that shapes the answer is given more than once.")
        if once.get("_sort", "_lastUpdated") != "_lastUpdated":
            raise refusal(400, "Answers come in the order of _lastUpdated, and in no other.")
        if once.get("_total", "none") not in TOTALS:
            raise refusal(400, f"_total is one of {', '.join(TOTALS)}.")
        include = frozenset(value for name, value in given if name == "_include")
        if not include <= asked.include:
            allowed = ", ".join(sorted(asked.include)) or "none"
            raise refusal(400, f"_include here: {allowed}.", code="not-supported")
        revinclude = frozenset(value for name, value in given if name == "_revinclude")
        if not revinclude <= {*REVINCLUDES}:
            text = f"_revinclude here: {', '.join(REVINCLUDES)}."
            raise refusal(400, text, code="not-supported")
        return cls(read_count(once.get("_count")), include, revinclude)


def read_count(text: str | None) -> int:
    if text is None:
        return DEFAULT_COUNT
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise refusal(400, f"_count is a number from 1 to {MOST_COUNT}; more is cut to that.")
    return min(int(text), MOST_COUNT)


def read_values(name: str, kind: Filter, value: str, base: str) -> Iterable[Token | str]:
    parts = split(value, ",")
    if not all(parts):
        raise refusal(400, f"{name} has an empty value in its list.")
    if kind is Token:
        return [token(name, part) for part in parts]
    if kind is Text:
        return [unescaped(part) for part in parts]
    types = kind.types if isinstance(kind, Reference) else ()
    found = [reference(name, part, types or TARGETS.get(name, ()), base) for part in parts]
    return [id_ for id_ in found if id_ is not None]


def split(text: str, at: str) -> list[str]:
    r"""Cut at a separator that is not escaped: in `a\,b,c` the first comma is text."""
    parts, part, escaped = [], "", False
    for char in text:
        if char == at and not escaped:
            parts.append(part)
            part = ""
        else:
            part += char
        escaped = char == "\\" and not escaped
    return [*parts, part]


def unescaped(text: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", text)


def token(name: str, text: str) -> Token:
    parts = [unescaped(part) for part in split(text, "|")]
    if len(parts) > 2 or not any(parts):
        raise refusal(400, f"{name} is a code, or system|code.")
    if len(parts) == 1:
        return Token(None, parts[0])
    return Token(parts[0], parts[1] or None)


def reference(name: str, text: str, types: Sequence[str], base: str) -> str | None:
    """The id meant; None when it lies outside our base or is of a type that cannot match."""
    text = VERSIONED.sub("", unescaped(text).removeprefix(base.rstrip("/") + "/"))
    if re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:", text):
        return None
    type_, slash, id_ = text.rpartition("/")
    if not ID.fullmatch(id_) or (slash and not re.fullmatch(r"[A-Za-z]{1,64}", type_)):
        raise refusal(400, f"{name} is an id, or Type/id.")
    return None if slash and types and type_ not in types else id_


def date_range(name: str, text: str) -> DateRange:
    """The half-open time that a date with a prefix means; what has no zone is New York time."""
    if not (found := DATE.fullmatch(text)):
        raise refusal(400, f"{name} is a date or instant, with eq, gt, ge, lt, le or no prefix.")
    prefix, year, month, day, hour, minute, second, zone = found.groups()
    try:
        low = datetime(
            *(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0)),
            second=min(int(second or 0), 59),
            tzinfo=AGENCY,
        )
        if zone:
            low = datetime.fromisoformat(low.replace(tzinfo=None).isoformat() + zone)
        high = end_of(low, month=month, day=day, hour=hour, second=second)
    except (ValueError, OverflowError):
        raise refusal(400, f"{name} is no date that exists.") from None
    match prefix:
        case "gt":
            return DateRange(low=high)
        case "ge":
            return DateRange(low=low)
        case "lt":
            return DateRange(high=low)
        case "le":
            return DateRange(high=high)
    return DateRange(low, high)


def end_of(
    low: datetime, *, month: str | None, day: str | None, hour: str | None, second: str | None
) -> datetime:
    """The first moment behind a date of the precision that it was given with."""
    if second:
        return low + timedelta(seconds=1)
    if hour:
        return low + timedelta(minutes=1)
    if day:
        return low + timedelta(days=1)  # of the clock on the wall: the zone follows the season
    if month:
        return (low.replace(day=28) + timedelta(days=4)).replace(day=1)
    return low.replace(year=low.year + 1)
