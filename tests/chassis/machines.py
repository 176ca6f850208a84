"""State machines of hypothesis over real PostgreSQL: each example has the tables to itself."""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from services.chassis.db import Pool, open_pool

T = TypeVar("T")

EXAMPLES = int(os.environ.get("EXAMPLES", "25"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize=True,  # a suite says the same twice
    phases=[Phase.generate],  # to shrink takes minutes; a short history is found all the same
    suppress_health_check=list(HealthCheck),
)
EMPTY = "DELETE FROM stream; DELETE FROM event; DELETE FROM work; DELETE FROM effect"


class Machine(RuleBasedStateMachine):
    """Runs coroutines in a loop of its own, on a database that it empties first."""

    dsn: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.pool: Pool = self.run(open_pool(self.dsn))
        self.run(self.pool.execute(EMPTY))

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(act)

    def teardown(self) -> None:
        self.pool.terminate()
        self.runner.close()


def play(machine: type[Machine], dsn: str) -> None:
    """Play many histories of this machine on one database; a failure prints the shortest."""

    class Here(machine):  # type: ignore[misc, valid-type]
        pass

    Here.dsn = dsn
    run_state_machine_as_test(Here, settings=SETTINGS)
