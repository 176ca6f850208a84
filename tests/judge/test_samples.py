"""The official FHIR validator finds nothing wrong in our samples, and finds what is wrong."""

import json

import pytest

from tests.badinput.samples import OURS, ours
from tests.judge.validator import Judge

pytestmark = pytest.mark.servers


def test_our_samples_are_without_errors_and_a_wrong_one_is_not(judge: Judge) -> None:
    samples = {file.stem: json.loads(file.read_bytes()) for file in OURS.glob("*.json")}
    statement = OURS.parent / "capability-statement.json"
    samples["capability-statement"] = json.loads(statement.read_bytes())
    wrong = {"wrong-code": {**ours("11"), "status": "completed"}}

    found = judge.errors(samples, us_core=wrong)

    assert set(found) == {"wrong-code"}, found
