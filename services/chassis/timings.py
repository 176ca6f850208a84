"""How long this process spent on what it does too often to trace: sums since it started."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Timing:
    """How often, and for how many seconds in all; a mean over a while is the ratio of two rates."""

    times: int = 0
    seconds: float = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Count the block, whether it succeeds or fails."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.times += 1
            self.seconds += time.perf_counter() - begun


BATCHES = Timing()  # of Kafka records, from their receipt to the commit of their effects
POOL_WAITS = Timing()  # for a database connection
