"""Logs: one JSON line per outcome, fields not sentences; never the text of an exception."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from math import inf
from typing import Any

import orjson
import structlog

from services.chassis.telemetry import trace_id

FOREIGN = ("aiokafka", "asyncio", "faststream", "httpx", "httpcore", "uvicorn", "alembic")
# While Kafka is away aiokafka says so sixty times a second.
QUIET_SECONDS = 10.0


def log_as_json(service: str, level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(Sparingly())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
            processors=[
                said_plainly,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                with_ids(service),
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=as_json),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in FOREIGN:
        logging.getLogger(name).setLevel("WARNING")


class Sparingly(logging.Filter):
    """Lets a library say the same thing once in ten seconds; `unsaid` is how often it would have.

    The same is the constant part of a message: which address and which error may differ. What we
    log ourselves passes untouched.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.clock = clock
        self.said: dict[tuple[str, object], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in FOREIGN:
            return True
        now, key = self.clock(), (record.name, record.msg)
        at, unsaid = self.said.get(key, (-inf, 0))
        if now < at + QUIET_SECONDS:
            self.said[key] = at, unsaid + 1
            return False
        # A library that puts values into its messages must not grow this without end.
        self.said = {k: v for k, v in self.said.items() if now < v[0] + 60 * QUIET_SECONDS}
        self.said[key] = now, 0
        if unsaid:
            record.unsaid = unsaid
        return True


EventDict = MutableMapping[str, Any]


def said_plainly(_: object, __: str, event: EventDict) -> EventDict:
    """Only the constant part of a message, and of an exception only its class: no values."""
    record: logging.LogRecord = event["_record"]
    event["event"] = str(record.msg).splitlines()[0] if record.msg else ""
    error, _, _ = event.pop("exc_info", None) or (None, None, None)
    if error:
        event["error"] = error.__name__
    for more in ("stack_info", "color_message"):  # uvicorn says things twice, once in colour
        event.pop(more, None)
    return event


def with_ids(service: str) -> structlog.typing.Processor:
    def add(_: object, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        if (id_ := trace_id()) and "trace_id" not in event:
            event["trace_id"] = id_
        return event

    return add


def as_json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def quiet_loop_errors(loop: asyncio.AbstractEventLoop, details: Mapping[str, Any]) -> None:
    """asyncio's handler prints the exception's text; ours says which class it was."""
    error = details.get("exception")
    reason = type(error).__name__ if error else "unknown"
    logging.getLogger(__name__).error("unhandled-in-loop", extra={"reason": reason})
