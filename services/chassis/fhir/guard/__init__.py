"""What comes in must be R4, say what it means, and cost little: steps 2 to 9 of FHIR.md §6.

`check` answers with the resource and warnings, or refuses with every problem located. Who sends
it, and what it means to us, are asked elsewhere.
"""

import asyncio
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from services.chassis.digits import dumps
from services.chassis.fhir.guard.bundles import judge_transaction
from services.chassis.fhir.guard.structure import prepare, walk
from services.chassis.fhir.guard.text import parse
from services.chassis.fhir.outcome import FhirRefused, Issue

__all__ = ["Checked", "check", "check_off_loop", "dumps", "prepare"]

LOOP_BYTES = 65_536  # more is read in a process of its own: a hostile MiB would block for a second


@dataclass(frozen=True, slots=True)
class Checked:
    """A resource that is R4, decimals as they were sent, and what to tell its sender."""

    resource: dict[str, Any]
    warnings: tuple[Issue, ...]


def check(body: bytes, *, expect: Collection[str] | None = None) -> Checked:
    """Read a body as R4. `expect`: the types that its address takes; None takes any.

    Raises FhirRefused: 400 for what is not JSON or not R4's structure, 422 for what is
    well-formed but wrong, 413 for what costs too much; at most 50 issues, no value repeated.
    """
    value = parse(body)
    found = walk(value)
    if not found.structure and expect is not None and value["resourceType"] not in expect:
        text = "Another type of resource is expected at this address."
        found.structure.append(
            Issue("error", "structure", text, expression=f"{found.place[0]}.resourceType")
        )
    if found.structure:
        raise FhirRefused(400, found.structure)
    if value["resourceType"] == "Bundle":
        judge_transaction(found, value)
    if found.meaning:
        raise FhirRefused(422, found.meaning)
    for resource in found.unsafe:
        resource.pop("text", None)
    return Checked(value, tuple(found.warnings))


async def check_off_loop(body: bytes, *, expect: Collection[str] | None = None) -> Checked:
    """`check` that never holds up the loop: what is large is read in another process."""
    if len(body) <= LOOP_BYTES:
        return check(body, expect=expect)
    return await asyncio.get_running_loop().run_in_executor(readers(), _checked, body, expect)


def _checked(body: bytes, expect: Collection[str] | None) -> Checked:
    return check(body, expect=expect)


@cache
def readers() -> ProcessPoolExecutor:
    """One process for large bodies, begun when the first one comes."""
    import multiprocessing

    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
