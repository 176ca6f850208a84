"""Bytes to JSON, and nothing that JSON readers let pass in silence: steps 2 and 3 of FHIR.md §6."""

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any

from services.chassis.fhir.outcome import FhirRefused, Issue

MAX_BYTES = 5_000_000
MAX_DEPTH = 50
MAX_DIGITS = 1_000


def parse(body: bytes) -> Any:
    """The JSON value of a body; decimals keep their digits. Raises FhirRefused (400, 413)."""
    if len(body) > MAX_BYTES:
        raise FhirRefused(413, [Issue("error", "too-costly", "The body is larger than 5 MB.")])
    if not body.strip():
        raise _not_json("The body is empty.")
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise _not_json("The body starts with a byte order mark: send plain UTF-8.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_json("The body is not UTF-8.", f"byte {error.start}") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_constant=_constant,
            parse_float=_decimal,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _not_json("The body is not JSON.", place) from None
    except RecursionError:
        raise too_deep() from None
    if b"\\u" in body and _has_lone_surrogate(value):
        raise _not_json("A text holds half of a surrogate pair, which is no character.")
    return value


def too_deep() -> FhirRefused:
    text = f"The content is nested deeper than {MAX_DEPTH} levels."
    return FhirRefused(400, [Issue("error", "too-costly", text)])


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _not_json("An object names the same key twice.")
    return found


def _constant(_: str) -> Any:
    raise _not_json("NaN and Infinity are no JSON numbers.")


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise _not_json("A number has too many digits.")
    try:
        value = Decimal(text)
    except InvalidOperation:  # an exponent of more digits than there are numbers for
        raise _not_json("A number has too many digits.") from None
    if math.isinf(float(value)):
        raise _not_json("A number is too large.")
    if value.adjusted() < -MAX_DIGITS:
        raise _not_json("A number has too many digits.")
    return value


def _integer(text: str) -> int | Decimal:
    """A whole number; more digits than 64 bits hold stay a decimal, which keeps them."""
    return int(text) if len(text) < 19 else _decimal(text)


def _has_lone_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return True
    return False


def _not_json(text: str, place: str | None = None) -> FhirRefused:
    return FhirRefused(400, [Issue("error", "invalid", text, diagnostics=place)])
