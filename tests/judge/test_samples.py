"""The official FHIR validator finds nothing wrong in our samples, and finds what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.local.machine import Missing
from tests.badinput.samples import OURS, ours
from tests.judge.validator import errors

pytestmark = pytest.mark.servers


def judged(scratch: Path, resources: dict[str, Any], us_core: dict[str, Any]) -> Any:
    try:
        return errors(scratch, resources, us_core=us_core)
    except Missing as missing:
        pytest.skip(str(missing))


def test_our_samples_are_without_errors_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    samples = {file.stem: json.loads(file.read_bytes()) for file in OURS.glob("*.json")}
    statement = OURS.parent / "capability-statement.json"
    samples["capability-statement"] = json.loads(statement.read_bytes())
    wrong = {"wrong-code": {**ours("11"), "status": "completed"}}

    found = judged(tmp_path, samples, wrong)

    assert set(found) == {"wrong-code"}, found
