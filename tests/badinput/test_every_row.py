"""Every row of RELIABILITY.md §6 that we promise has a test whose name or id carries its number."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = {*range(1, 60), *range(100, 113), 140, 141}
WHERE = (
    *("tests/badinput", "tests/local/test_gateway.py", "tests/security/test_staff_door.py"),
    "tests/chassis/fhir/test_searches.py",
)
NUMBER = re.compile(r"(?:\bB-|_b)(\d{2,3})(?!\d)")


@pytest.mark.servers  # as long as one: it collects in a process of its own
def test_every_row_has_a_test_that_runs() -> None:
    """As pytest collects them: a table that nothing runs is no test."""
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *WHERE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = [line.partition("::")[2] for line in collected.splitlines() if "::" in line]
    assert names

    tested = {int(number) for name in names for number in NUMBER.findall(name)}

    missing = sorted(ROWS - tested)
    assert missing == [], [f"B-{number:02}" for number in missing]
