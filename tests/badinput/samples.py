"""Where the samples are: ours in the contracts, third-party ones beside the project if at all."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
OURS = ROOT / "contracts/fhir/examples"
THIRD_PARTY = ROOT.parent / "shared/fhir"


def ours(number: str) -> dict[str, Any]:
    """One of our samples by its number, fresh for a test to change."""
    found: dict[str, Any] = json.loads(next(OURS.glob(f"{number}-*.json")).read_text())
    return found


def folder(name: str) -> list[Path]:
    """The third-party samples of a folder; none, visibly, where the folder is absent."""
    return sorted((THIRD_PARTY / name).glob("*.json"))


def need(files: list[Path], name: str) -> list[Path]:
    if not files:
        pytest.skip(f"the third-party samples of {name} are not on this machine")
    return files


def changed(resource: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one place changed: `entry.14.resource.status`; `...` removes it."""
    copied = copy.deepcopy(resource)
    at: Any = copied
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        at = at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return copied
