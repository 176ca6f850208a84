"""JSON whose decimals keep their digits: 1.00 stays 1.00, as its sender wrote it."""

from decimal import Decimal
from typing import Any

import orjson


def dumps(value: Any, *, option: int = 0) -> bytes:
    """JSON, compact unless orjson's `option` says else; a Decimal keeps the digits it has."""
    return orjson.dumps(value, default=_digits, option=option)


def text(value: Any) -> str:
    return dumps(value).decode()


def _digits(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is no JSON value")
