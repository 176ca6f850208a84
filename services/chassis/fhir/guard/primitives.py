"""The formats of R4's primitive types. A check answers with a sentence, or None if it holds."""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
# What jsonb cannot hold or no person types; tab and line ends are text.
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MAX_ATTACHMENT_BYTES = 3_000_000

_CODE = re.compile(r"\S+( \S+)*")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,9})?", re.ASCII)
_ZONE = re.compile(r"Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00)", re.ASCII)
_OID = re.compile(r"urn:oid:[0-2](\.(0|[1-9]\d*))+", re.ASCII)
_UUID = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Check = Callable[[Any], str | None]


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return "A text is expected here."
    if not value or value.isspace():
        return "A text must not be empty or blank: leave the element out."
    if CONTROL.search(value):
        return "The text holds control characters."
    return None


def _matching(pattern: re.Pattern[str], sentence: str) -> Check:
    def check(value: Any) -> str | None:
        return _text(value) or (None if pattern.fullmatch(value) else sentence)

    return check


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false is expected here, without quotes."


def _number(value: Any) -> str | None:
    fits = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return None if fits else "A number is expected here, without quotes."


def _whole(least: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "A whole number is expected here, without quotes."
        if not least <= value < 2**31:
            return f"A whole number of at least {least} is expected here."
        return None

    return check


def _date(value: Any) -> str | None:
    wrong = _text(value)
    if wrong or _is_date(value):
        return wrong
    return "A date is expected here: YYYY, YYYY-MM or YYYY-MM-DD of a day that exists."


def _is_date(value: str, *, whole: bool = False) -> bool:
    found = _DATE.fullmatch(value)
    if not found or (whole and not found[3]):
        return False
    try:
        date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        return False
    return True


def _is_instant(value: str) -> bool:
    day, found, rest = value.partition("T")
    clock = _TIME.match(rest)
    return bool(
        found and clock and _is_date(day, whole=True) and _ZONE.fullmatch(rest[clock.end() :])
    )


def _date_time(value: Any) -> str | None:
    wrong = _text(value)
    if wrong or _is_date(value) or _is_instant(value):
        return wrong
    return "A date, or a date with time, seconds and zone, is expected here."


def _instant(value: Any) -> str | None:
    wrong = _text(value)
    if wrong or _is_instant(value):
        return wrong
    return "A date with time, seconds and zone is expected here."


def _base64(value: Any) -> str | None:
    wrong = _text(value)
    if wrong:
        return wrong
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return "Base64 is expected here."
    return None


_uri = _matching(re.compile(r"\S+"), "An address without spaces is expected here.")

CHECKS: dict[str, Check] = {
    "base64Binary": _base64,
    "boolean": _boolean,
    "canonical": _uri,
    "code": _matching(_CODE, "A code is expected here: no spaces but single ones inside."),
    "date": _date,
    "dateTime": _date_time,
    "decimal": _number,
    "id": _matching(ID, "An id has 1 to 64 letters, digits, '-' or '.'."),
    "instant": _instant,
    "integer": _whole(-(2**31)),
    "markdown": _text,
    "oid": _matching(_OID, "An OID is expected here, as urn:oid:…"),
    "positiveInt": _whole(1),
    "string": _text,
    "time": _matching(_TIME, "A time is expected here, as hh:mm:ss."),
    "unsignedInt": _whole(0),
    "uri": _uri,
    "url": _uri,
    "uuid": _matching(_UUID, "A UUID is expected here, as urn:uuid:…"),
    "xhtml": _text,
}

# --- At one glance --------------------------------------------------------------------------------

# True: `CHECKS` would find nothing wrong and the walk would have nothing to note. False says
# nothing: the walk looks closer, and only its word refuses. Nearly all that is sent is plain.
Sure = Callable[[Any], bool]

_PLAIN_CODE = re.compile(r"[!-~]+")
_PLAIN_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!-~]+")


def _is_plain_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and bool(value) and not value.isspace()


def _is_plain(pattern: re.Pattern[str]) -> Sure:
    matches = pattern.fullmatch
    return lambda value: isinstance(value, str) and matches(value) is not None


def _passes(kind: str) -> Sure:
    check = CHECKS[kind]
    return lambda value: check(value) is None


SURE: dict[str, Sure] = {
    "code": _is_plain(_PLAIN_CODE),
    "id": _is_plain(ID),
    "markdown": _is_plain_text,
    "string": _is_plain_text,
    "uri": _is_plain(_PLAIN_ADDRESS),  # with a scheme: neither `#id` nor relative
    "url": _is_plain(_PLAIN_ADDRESS),
    "canonical": _is_plain(_PLAIN_ADDRESS),
    "xhtml": _is_plain_text,
    **{
        kind: _passes(kind)
        for kind in ("boolean", "date", "dateTime", "decimal", "instant", "positiveInt", "time")
    },
}
