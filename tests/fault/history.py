"""The history of a run: written by the harness, act by act; the product knows nothing of it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

# ok: it was acknowledged. fail: it was refused, or never sent. info: nobody can know.
Answer = Literal["ok", "fail", "info"]


@dataclass
class Act:
    """One thing that a client asked for, under its key, and all that it was answered."""

    key: UUID
    to: str
    events: int
    answers: list[Answer] = field(default_factory=list)

    @property
    def verdict(self) -> Answer:
        """One ok makes it ok; one doubt leaves it in doubt, whatever was refused besides."""
        for answer in ("ok", "info"):
            if answer in self.answers:
                return answer
        return "fail"


@dataclass
class Fault:
    name: str
    begun: float
    ended: float = 0.0


class History:
    """Kept in memory for the checker and in a file, line by line, for people."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file = file.open("w")
        self.begun = time.monotonic()
        self.acts: dict[UUID, Act] = {}
        self.faults: list[Fault] = []
        self.statuses: dict[int, int] = {}

    def now(self) -> float:
        return round(time.monotonic() - self.begun, 3)

    def write(self, what: str, **more: Any) -> None:
        self.file.write(json.dumps({"t": self.now(), "what": what} | more, default=str) + "\n")

    def invoke(self, act: Act) -> Act:
        self.acts[act.key] = act
        self.write("invoke", key=act.key, to=act.to, events=act.events)
        return act

    def answer(self, act: Act, answer: Answer, status: int) -> None:
        act.answers.append(answer)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.write(answer, key=act.key, status=status)

    def fault(self, name: str) -> Fault:
        fault = Fault(name, self.now())
        self.faults.append(fault)
        self.write("fault", name=name)
        return fault

    def healed(self, fault: Fault) -> None:
        fault.ended = self.now()
        self.write("healed", name=fault.name, seconds=round(fault.ended - fault.begun, 3))

    def came_to_nothing(self, fault: Fault) -> None:
        """What it was to break was not there: no fault, then."""
        self.faults.remove(fault)
        self.write("came to nothing", name=fault.name)

    def count(self, holds: Callable[[Act], bool]) -> int:
        return sum(map(holds, self.acts.values()))

    def close(self) -> None:
        self.file.close()
