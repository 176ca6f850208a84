"""OperationOutcome: what was wrong with a request, where, and what to do. Never what was sent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ISSUE_DETAIL = "https://waypost.example/fhir/CodeSystem/issue-detail"
MOST_ISSUES = 50

# issue.code for a refusal that carries no code of FHIR's own (FHIR.md section 4).
CODES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    408: "timeout",
    409: "conflict",
    412: "conflict",
    413: "too-costly",
    414: "too-long",
    415: "not-supported",
    422: "business-rule",
    429: "throttled",
    500: "exception",
    502: "transient",
    503: "transient",
    504: "timeout",
}


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong or worth knowing.

    `code` is of FHIR's issue-type, `detail` of our code system issue-detail. `expression` is
    zero-based FHIRPath (`Bundle.entry[14].resource.code`). `text` says what and what to do, and
    repeats no value that was sent.
    """

    severity: str
    code: str
    text: str
    expression: str | None = None
    detail: str | None = None
    diagnostics: str | None = None


class FhirRefused(Exception):
    """A request on /fhir that is answered by an OperationOutcome."""

    def __init__(
        self, status: int, issues: Sequence[Issue], *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(issues[0].code if issues else str(status))
        self.status = status
        self.issues = tuple(issues)
        self.headers = dict(headers or {})

    def __reduce__(self) -> tuple[Any, ...]:
        # Large bodies are read in another process: what it raises has to come back whole.
        return _again, (self.status, self.issues, self.headers)


def _again(status: int, issues: Sequence[Issue], headers: Mapping[str, str]) -> FhirRefused:
    return FhirRefused(status, issues, headers=headers)


def refusal(status: int, text: str, *, code: str | None = None) -> FhirRefused:
    """A refusal with one issue that concerns no element of a body."""
    return FhirRefused(status, [Issue("error", code or CODES.get(status, "invalid"), text)])


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """The resource, with the first fifty issues, as errors, warnings and information came."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [issue_of(issue) for issue in list(issues)[:MOST_ISSUES]],
    }


def issue_of(issue: Issue) -> dict[str, Any]:
    details: dict[str, Any] = {"text": issue.text}
    if issue.detail:
        details = {"coding": [{"system": ISSUE_DETAIL, "code": issue.detail}], **details}
    found: dict[str, Any] = {"severity": issue.severity, "code": issue.code, "details": details}
    if issue.diagnostics:
        found["diagnostics"] = issue.diagnostics
    if issue.expression:
        found["expression"] = [issue.expression]
    return found
