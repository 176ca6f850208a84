"""What a service measures of its own, beside its machinery: `metrics` asks for it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from contracts.telemetry import Metric
from services.chassis.db import Connection

Measure = tuple[Metric, float, Mapping[str, str]]  # with its labels
Measures = Callable[[Connection], Awaitable[Sequence[Measure]]]


async def nothing_more(conn: Connection) -> Sequence[Measure]:
    return ()
