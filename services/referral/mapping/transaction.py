"""The answer to a submission: one response per entry, in the order of the request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.chassis.fhir.outcome import Issue, operation_outcome

REASONS = {200: "200 OK", 201: "201 Created"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one entry. `ref` is None where nothing was kept of it."""

    path: str
    ref: str | None
    created: bool
    version: int
    at: datetime | None
    issues: tuple[Issue, ...] = ()

    @property
    def status(self) -> int:
        return 201 if self.created else 200

    @property
    def location(self) -> str:
        return f"{self.ref}/_history/{self.version}"


def transaction_response(answers: Sequence[Answer]) -> dict[str, Any]:
    """A Bundle of type transaction-response (sample 27)."""
    return {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [{"response": response(answer)} for answer in answers],
    }


def response(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {"status": REASONS[answer.status]}
    if answer.ref and answer.at:
        found |= {
            "location": answer.location,
            "etag": f'W/"{answer.version}"',
            "lastModified": answer.at.isoformat(),
        }
    if answer.issues:
        found["outcome"] = operation_outcome(answer.issues)
    return found


def operation_outcome_of(answer: Answer) -> dict[str, Any]:
    """What a create or update alone is told, if it wants no more than that."""
    done = Issue("information", "informational", "Received.")
    return operation_outcome(answer.issues or (done,))
