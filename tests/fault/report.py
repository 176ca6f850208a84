"""What a run has shown, as one line, as a table, and as a page."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tests.fault.checker import FINDINGS, MOST_RECORDS_PER_EVENT, Verdict
from tests.fault.history import History

RECOVERY_SECONDS = 60.0


@dataclass
class Outcome:
    """One seed's run, judged."""

    seed: int
    seconds: float
    history: History
    verdict: Verdict
    events: int
    effects: int
    published: int
    recovery: float | None  # None: not within RECOVERY_SECONDS
    unseen: int
    children: int
    problems: Sequence[str]  # of children, in words

    @property
    def acknowledged(self) -> int:
        return self.history.count(lambda act: act.verdict == "ok")

    @property
    def ambiguous(self) -> int:
        return sum(act.answers.count("info") for act in self.history.acts.values())

    @property
    def errors(self) -> int:
        """Answers that say that something went wrong, and not only "not now"."""
        return sum(n for status, n in self.history.statuses.items() if status in (500, 501, 502))

    @property
    def records_per_event(self) -> float:
        return self.published / max(self.events, 1)

    @property
    def storm(self) -> bool:
        return self.records_per_event > MOST_RECORDS_PER_EVENT

    @property
    def red(self) -> list[str]:
        """Why it is not green, in words; empty when it is."""
        found = [f"{what} {number}" for what, number in (+self.verdict.counts).items()]
        if self.recovery is None:
            found.append(f"{self.unseen} unseen after {RECOVERY_SECONDS:.0f} s")
        if self.storm:
            found.append(f"{self.records_per_event:.1f} records an event")
        if self.errors:
            found.append(f"{self.errors} answers of 500")
        return found + list(self.problems)

    def line(self) -> str:
        counts = self.verdict.counts
        drain = f"{self.recovery:.1f}s" if self.recovery is not None else "never"
        return (
            f"seed={self.seed} faults={len(self.history.faults)} events={self.events}"
            f" acts={len(self.history.acts)} ambiguous={self.ambiguous}"
            f" lost={counts['lost']} dup={counts['duplicate']} ghost={counts['ghost']}"
            f" misorder={counts['misordered']} disagree={counts['disagreeing']}"
            f" torn={counts['torn']} drain={drain} verdict={'red' if self.red else 'green'}"
        )


def table(outcome: Outcome) -> Table:
    faults = Counter(fault.name for fault in outcome.history.faults)
    found = Table(title=f"Seed {outcome.seed}", title_justify="left", show_header=False)
    found.add_column()
    found.add_column()
    for name, value in rows(outcome, faults):
        found.add_row(name, value)
    return found


def rows(outcome: Outcome, faults: Counter[str]) -> list[tuple[str, str]]:
    counts = outcome.verdict.counts
    drain = f"{outcome.recovery:.1f} s" if outcome.recovery is not None else "never"
    statuses = ", ".join(
        f"{n} x {status}" for status, n in sorted(outcome.history.statuses.items())
    )
    kinds = ", ".join(f"{name} x {n}" if n > 1 else name for name, n in sorted(faults.items()))
    return [
        ("load and faults", f"{outcome.seconds:.0f} s"),
        ("faults", f"{faults.total()}: {kinds}"),
        ("operations", f"{len(outcome.history.acts)}, of them acknowledged {outcome.acknowledged}"),
        ("ambiguous answers", f"{outcome.ambiguous} (answers: {statuses}; 0 is none at all)"),
        ("events, effects", f"{outcome.events}, {outcome.effects}"),
        ("records an event", f"{outcome.records_per_event:.2f}"),
        ("children", f"{outcome.children}, not as they should be {len(outcome.problems)}"),
        *((what, str(counts[what])) for what in FINDINGS),
        ("recovery", drain),
        ("verdict", f"RED: {'; '.join(outcome.red)}" if outcome.red else "green"),
    ]


def show(outcome: Outcome) -> None:
    out = Console(width=120)
    out.print(table(outcome))
    for example in outcome.verdict.why:
        out.print("  " + example, markup=False)
    sys.stdout.write(outcome.line() + "\n")
    sys.stdout.flush()


def page(
    outcomes: Sequence[Outcome], *, title: str, machine: str, fallen: Mapping[int, str]
) -> str:
    """A report for people who were not there; `fallen` says why a seed could not be judged."""
    columns = [
        *("seed", "faults", "operations", "ambiguous", "events", "effects", "records an event"),
        *(*FINDINGS, "recovery", "verdict"),
    ]
    lines = [f"# {title}", "", machine, "", "| " + " | ".join(columns) + " |"]
    lines.append("|" + "---|" * len(columns))
    for one in outcomes:
        drain = f"{one.recovery:.1f} s" if one.recovery is not None else "never"
        cells = (
            *(one.seed, len(one.history.faults), len(one.history.acts), one.ambiguous, one.events),
            *(one.effects, f"{one.records_per_event:.2f}"),
            *(one.verdict.counts[what] for what in FINDINGS),
            *(drain, "**red**" if one.red else "green"),
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    total = sum(one.events for one in outcomes), sum(len(o.history.faults) for o in outcomes)
    lines += ["", f"Together: {total[0]} events, {total[1]} faults.", ""]
    for seed, why in fallen.items():
        lines += [f"Seed {seed} is **red**: {why}", ""]
    for one in outcomes:
        faults = Counter(fault.name for fault in one.history.faults)
        lines += [f"## Seed {one.seed}", ""]
        lines += [f"- {name}: {value}" for name, value in rows(one, faults)]
        lines += [f"- e.g. {example}" for example in one.verdict.why] + [""]
    return "\n".join(lines)
