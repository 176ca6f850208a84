"""Rule packs: what payers and regulators decide, as dated data with its source, never as code.

A pack is a folder of TOML files of `[[rule]]` rows. A row holds for one key, from its first to its
last day, for all or for one payer, product and service; the narrowest row that covers the day
decides. Decisions are made as of the day that counts, never as of today, and record the version.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "rules"

FIELDS = {
    *("key", "value", "source", "confidence", "verified_on", "first_day", "last_day"),
    *("payer", "product", "service", "note"),
}


class Confidence(StrEnum):
    """How far a value can be trusted (the marks of the domain handbook)."""

    VERIFIED = "V"
    SECOND_HAND = "V-2nd"
    OLD = "V-old"
    RECALLED = "R"
    CHOSEN = "I"


class BadRules(ValueError):
    """A pack that cannot be used: the message names the file, the key and what is wrong."""


class UnknownRule(LookupError):
    """No row of the pack covers this key on this day for this payer, product and service."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One value and why we believe it. `value` is None where the source is still unknown.

    `verified_on` is the day on which a person checked the value against its source; None while
    nobody has. `version` is the pack's: what a decision records.
    """

    key: str
    value: Any
    source: str
    confidence: Confidence
    version: str
    first_day: date | None = None
    last_day: date | None = None
    verified_on: date | None = None
    payer: str | None = None
    product: str | None = None
    service: str | None = None

    @property
    def scope(self) -> tuple[str | None, str | None, str | None]:
        return self.payer, self.product, self.service

    def covers(self, day: date) -> bool:
        """True from the first to the last day, both included; an absent end is open."""
        return (self.first_day or date.min) <= day <= (self.last_day or date.max)

    def applies_to(self, asked: tuple[str | None, str | None, str | None]) -> bool:
        """True when nothing that the row names differs from what is asked."""
        return all(own in (None, other) for own, other in zip(self.scope, asked, strict=True))

    @property
    def width(self) -> tuple[bool, bool, bool]:
        """Orders rows by how narrow they are: payer before product before service."""
        return self.payer is not None, self.product is not None, self.service is not None


@dataclass(frozen=True)
class RulePack:
    """All rows of one folder; `version` changes with any byte of them."""

    version: str
    rules: Mapping[str, tuple[Rule, ...]]

    def value(
        self,
        key: str,
        *,
        on: date,
        payer: str | None = None,
        product: str | None = None,
        service: str | None = None,
    ) -> Rule:
        """The narrowest row of a key on a day; UnknownRule when there is none.

        A row that names a payer, product or service is for that one alone: it is not found by
        who leaves it out.
        """
        asked = (payer, product, service)
        found = [r for r in self.rules.get(key, ()) if r.covers(on) and r.applies_to(asked)]
        if not found:
            raise UnknownRule(f"No rule {key!r} on {on}.")
        return max(found, key=lambda rule: rule.width)


def load(folder: Path = FOLDER) -> RulePack:
    """Read a pack; BadRules lists every row that is incomplete, unknown or contradicts another."""
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise BadRules(f"No rule files in {folder.name}.")
    contents = [(path.name, path.read_bytes()) for path in files]
    return parse(contents)


def parse(contents: Iterable[tuple[str, bytes]]) -> RulePack:
    """The same from file names and bytes."""
    contents = list(contents)
    version = version_of(contents)
    problems: list[str] = []
    rules: dict[str, tuple[Rule, ...]] = {}
    for name, body in contents:
        try:
            rows = tomllib.loads(body.decode()).get("rule", [])
        except ValueError as error:
            problems.append(f"{name}: not TOML: {error}")
            continue
        for row in rows:
            if wrong := wrong_with(row):
                problems.append(f"{name}: {row.get('key', 'a rule without a key')}: {wrong}")
                continue
            rule = rule_of(row, version)
            if any(contradict(rule, other) for other in rules.get(rule.key, ())):
                problems.append(f"{name}: {rule.key}: two rows for the same scope and day")
            rules[rule.key] = (*rules.get(rule.key, ()), rule)
    if problems:
        raise BadRules("; ".join(problems))
    return RulePack(version, rules)


def version_of(contents: list[tuple[str, bytes]]) -> str:
    """Twelve hex digits over names and bytes: nobody can forget to count it up."""
    digest = hashlib.sha256()
    for name, body in contents:
        digest.update(f"{name}\0{len(body)}\0".encode())
        digest.update(body)
    return digest.hexdigest()[:12]


def wrong_with(row: Mapping[str, Any]) -> str | None:
    if missing := {"key", "source", "confidence"} - row.keys():
        return f"lacks {', '.join(sorted(missing))}"
    if unknown := row.keys() - FIELDS:
        return f"unknown field {', '.join(sorted(unknown))}"
    if row["confidence"] not in set(Confidence):
        return "unknown confidence"
    days = {row.get(name) for name in ("first_day", "last_day", "verified_on")} - {None}
    if not all(type(day) is date for day in days):
        return "a day must be a TOML date"
    if (row.get("first_day") or date.min) > (row.get("last_day") or date.max):
        return "ends before it begins"
    return None


def rule_of(row: Mapping[str, Any], version: str) -> Rule:
    fields = {name: value for name, value in row.items() if name not in ("note", "confidence")}
    fields.setdefault("value", None)
    return Rule(**fields, confidence=Confidence(row["confidence"]), version=version)


def contradict(one: Rule, other: Rule) -> bool:
    """True when both would answer the same question on the same day."""
    starts = max(one.first_day or date.min, other.first_day or date.min)
    ends = min(one.last_day or date.max, other.last_day or date.max)
    return one.scope == other.scope and starts <= ends
