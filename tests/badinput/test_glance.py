"""What one glance finds right, the whole walk finds right: the short way is never the laxer one."""

import itertools
import json
import random
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from services.chassis.fhir.guard import structure
from services.chassis.fhir.guard.primitives import ABSOLUTE, CHECKS, SURE
from services.chassis.fhir.guard.structure import walk
from services.chassis.fhir.guard.text import parse
from services.chassis.fhir.outcome import FhirRefused
from tests.badinput.samples import OURS
from tests.badinput.test_corpora import SEED, mutated

PARTS = (
    *("", " ", "\t", "\n", "\x00", "\x1f", "\x7f", "\x85", "\xa0", "\u2028", "é", "#", "#a", "a:b"),
    *("http://a.example", "urn:uuid:", "2026", "-", "11", "22", "T", "10:00:00", "Z", "+05:00"),
    *("2026-11-22", "2026-02-30", "24:00:00", ".", "٢٠٢٦", "a" * 65, "male", "true", ":"),
)
VALUES: list[Any] = [
    *("".join(parts) for n in (1, 2, 3) for parts in itertools.product(PARTS, repeat=n)),
    *(None, True, False, 0, 1, -1, 2**31, 1.5, Decimal("1.50"), [], ["a"], {}, {"a": 1}),
]


@pytest.mark.parametrize("kind", sorted(SURE))
def test_a_glance_is_right_about_every_primitive(kind: str) -> None:
    wrong = [value for value in VALUES if SURE[kind](value) and CHECKS[kind](value)]

    assert wrong == []


def test_a_glance_at_an_address_leaves_nothing_to_note() -> None:
    """`#id` uses a contained resource; a system and a fullUrl must be absolute."""
    taken = [value for value in VALUES if SURE["uri"](value)]

    assert taken
    assert all(ABSOLUTE.fullmatch(value) and not value.startswith("#") for value in taken)


def test_a_glance_at_a_code_asks_for_the_binding() -> None:
    gender = structure.sure_of("Patient")["gender"]

    assert [gender(value) for value in ("male", "man", ["male"], None)] == [
        True,
        False,
        False,
        False,
    ]


def test_with_and_without_glances_the_walk_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(SEED)
    ours = [json.loads(file.read_bytes()) for file in sorted(OURS.glob("*.json"))]
    bodies = [json.dumps(one).encode() for one in ours]
    bodies += [json.dumps(mutated(draw, draw.choice(ours))).encode() for _ in range(400)]
    short = [told(body) for body in bodies]

    monkeypatch.setattr(structure, "sure_of", lambda _: {})

    assert [told(body) for body in bodies] == short


def told(body: bytes) -> tuple[Any, ...]:
    try:
        found = walk(parse(body))
    except FhirRefused as error:
        return error.status, error.issues
    used = [sorted(container.referenced) for container in found.containers]
    return found.structure, found.meaning, found.warnings, len(found.references), used


LATE = """
import sys
from pathlib import Path
from services.chassis.fhir import guard
from services.referral.mapping.inbound.remarks import USED
guard.prepare({"Bundle", *USED})
before = set(sys.modules)
guard.check(Path(sys.argv[1]).read_bytes())
print(sorted(name for name in set(sys.modules) - before if name.startswith("fhir.")))
"""


def test_the_first_referral_after_a_start_waits_for_no_table() -> None:
    (sample,) = OURS.glob("01-*.json")

    done = subprocess.run(
        [sys.executable, "-c", LATE, str(sample)], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
