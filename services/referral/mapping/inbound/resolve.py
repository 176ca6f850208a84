"""Which of our resources each entry is, and each reference means. Mints ids for what is new."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.chassis.fhir.outcome import FhirRefused, Issue
from services.referral.domain.intake import Identifier, KnownReferral, Stored
from services.referral.mapping.inbound.asked import (
    conditional,
    conditions_of,
    in_base,
    logical,
    mrn_of,
)
from services.referral.mapping.inbound.entries import Entry, Link, Submission
from services.referral.mapping.inbound.graph import Directory
from services.referral.mapping.terms import IMPERSONAL

OURS = frozenset({"Patient", "Coverage", "RelatedPerson", "ServiceRequest", "Task"})

# References without which a referral cannot be read; any other may dangle, with a warning.
ESSENTIAL = {
    "ServiceRequest": {"subject", "requester"},
    "Task": {"for", "focus", "requester"},
    "Coverage": {"beneficiary"},
    "RelatedPerson": {"patient"},
    "CarePlan": {"subject"},
    "Goal": {"subject"},
    "EpisodeOfCare": {"patient"},
}
WHOSE = {
    **{"ServiceRequest": "subject", "CarePlan": "subject", "Goal": "subject"},
    **{"Task": "for", "Coverage": "beneficiary", "RelatedPerson": "patient"},
    **{"EpisodeOfCare": "patient", "Condition": "subject", "Consent": "patient"},
    "DocumentReference": "subject",
}

TYPE_BY_STEP = dict.fromkeys(("subject", "patient", "beneficiary", "for"), "Patient")

HISTORY = re.compile(r"/_history/[A-Za-z0-9\-.]{1,64}$")


@dataclass(frozen=True, slots=True)
class Found:
    """What of it is here, of this organisation alone."""

    referral: KnownReferral | None
    youth_id: UUID | None  # by MRN
    stored: Sequence[Stored]
    directory: Directory
    task_id: UUID | None = None


@dataclass(slots=True)
class Resolved:
    youth_id: UUID
    referral_id: UUID
    task_id: UUID
    issues: list[Issue] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    def refuse(self, issue: Issue, status: int = 422) -> None:
        self.issues.append(issue)
        self.statuses.add(status)


# --- Which is which -----------------------------------------------------------------------------


class Matching:
    """Gives every entry its reference, then every reference its target."""

    def __init__(
        self, submission: Submission, found: Found, *, base_url: str, mint: Callable[[], UUID]
    ) -> None:
        self.submission, self.found, self.base_url, self.mint = submission, found, base_url, mint
        known = found.referral
        youth_id = known.youth_id if known else found.youth_id or self.named_youth()
        referral_id = known.referral_id if known else mint()
        self.resolved = Resolved(youth_id or mint(), referral_id, found.task_id or mint())
        self.rows = [r for r in found.stored if self.may_be(r)]
        self.rows_of: dict[str, list[Stored]] = {}
        for row in self.rows:
            self.rows_of.setdefault(row.type, []).append(row)
        self.claimed: set[str] = set()

    def named_youth(self) -> UUID | None:
        """The child that a subject names by our id, or whose resources an update names."""
        for request in self.submission.of("ServiceRequest"):
            subject = request.resource["subject"].get("reference", "")
            named = in_base(subject, self.base_url)
            for row in self.found.stored:
                if row.type == "Patient" and row.ref == named:
                    return row.youth_id
        if self.submission.one("ServiceRequest"):
            return None
        conditions = set(conditions_of(self.submission))
        for row in self.found.stored:
            if any((row.type, identifier) in conditions for identifier in row.identifiers):
                return row.youth_id
        return None

    def may_be(self, row: Stored) -> bool:
        return row.type in IMPERSONAL or row.youth_id == self.resolved.youth_id

    def run(self) -> Resolved:
        for entry in self.submission.all:
            self.assign(entry)
        self.index()
        for entry in self.submission.all:
            for link in entry.links:
                self.point(entry, link)
        return self.resolved

    def assign(self, entry: Entry) -> None:
        if entry.type == "Organization":
            entry.organisation = self.found.directory.named(entry.identifiers)
            if entry.organisation:
                entry.ref = f"Organization/{entry.organisation.organisation_id}"
                return
        entry.stored = self.match(entry)
        if entry.stored:
            self.claimed.add(entry.stored.ref)
            entry.ref = entry.stored.ref
        else:
            entry.ref = f"{entry.type}/{self.new_id(entry.type)}"

    def match(self, entry: Entry) -> Stored | None:
        rows = [r for r in self.rows_of.get(entry.type, ()) if r.ref not in self.claimed]
        if entry.type == "Patient":
            row = next((r for r in rows if r.id == str(self.resolved.youth_id)), None)
            if row and entry.only_if_new:
                self.refuse_other_number(entry, row)
            return row
        if entry.type == "ServiceRequest":
            return next((r for r in rows if r.id == str(self.resolved.referral_id)), None)
        if entry.type == "Task":
            rows = [r for r in rows if r.referral_id == self.resolved.referral_id]
            return rows[0] if rows else None
        if entry.criteria:
            return self.by_condition(
                entry, [r for r in rows if str(entry.criteria) in r.identifiers]
            )
        numbers = {str(i) for i in entry.identifiers}
        if numbers:
            return next((r for r in rows if numbers & set(r.identifiers)), None)
        return next((r for r in rows if not r.identifiers and r.shape == entry.shape), None)

    def refuse_other_number(self, entry: Entry, row: Stored) -> None:
        """`ifNoneExist` found a child whose record number is not the one in the body (412)."""
        number = mrn_of(entry, None)
        if number and str(number) not in row.identifiers:
            text = "The condition names a child with another record number than the body has."
            path = f"{entry.path}.identifier"
            self.resolved.refuse(Issue("error", "conflict", text, path), 412)

    def by_condition(self, entry: Entry, rows: list[Stored]) -> Stored | None:
        own = [r for r in rows if r.youth_id == self.resolved.youth_id]
        rows = own or rows
        if len(rows) > 1:
            text = "More than one resource has this identifier: the condition must name one."
            where = "url" if entry.method == "PUT" else "ifNoneExist"
            path = entry.path.removesuffix(".resource") + f".request.{where}"
            self.resolved.refuse(Issue("error", "duplicate", text, path), 412)
        return rows[0] if rows else None

    def new_id(self, type_: str) -> str:
        if type_ == "Patient":
            return str(self.resolved.youth_id)
        if type_ == "ServiceRequest":
            return str(self.resolved.referral_id)
        if type_ == "Task":
            return str(self.resolved.task_id)
        return str(self.mint()) if type_ in OURS else f"h-{self.mint()}"

    # --- References

    def index(self) -> None:
        """Where a reference may point to inside the submission, by each of its spellings."""
        self.targets: dict[str, str] = {}
        self.by_identifier: dict[tuple[str, str], set[str]] = {}
        for entry in self.submission.all:
            if entry.full_url:
                url = entry.full_url
                self.targets[url.lower() if url.startswith("urn:") else url] = entry.ref
            if entry.place is not None and (id_ := entry.resource.get("id")):
                self.targets.setdefault(f"{entry.type}/{id_}", entry.ref)
            for identifier in entry.identifiers:
                self.by_identifier.setdefault((entry.type, str(identifier)), set()).add(entry.ref)
        for row in self.rows:
            for text in row.identifiers:
                refs = self.by_identifier.setdefault((row.type, text), set())
                refs.add(row.ref)
        children = {row.ref for row in self.found.stored if row.type == "Patient"}
        self.ours = {row.ref for row in self.rows} | self.found.directory.by_ref.keys() | children
        self.ours |= {entry.ref for entry in self.submission.all}

    def point(self, entry: Entry, link: Link) -> None:
        """Rewrite one reference to the id by which its sender can read the target."""
        text = link.element.get("reference")
        if text is None:
            if target := self.by_number(logical(link), link):
                link.element["reference"] = target
            elif self.is_essential(entry, link):
                self.unresolved(entry, link)
            return
        if text.startswith("#"):
            # Elsewhere than in a ServiceRequest it stays inside the resource that contains it.
            if entry.place is None or entry.type == "ServiceRequest":
                link.element["reference"] = self.targets.get(text, text)
            return
        if condition := conditional(text):
            self.point_by_condition(entry, link, condition)
            return
        target = self.literal(entry, text)
        if target:
            link.element["reference"] = target
        elif self.is_essential(entry, link):
            self.unresolved(entry, link)
        elif not text.startswith(("http://", "https://")):
            self.resolved.issues.append(dangling(link))

    def literal(self, entry: Entry, text: str) -> str | None:
        bare = HISTORY.sub("", text)
        if bare.lower().startswith("urn:"):
            return self.targets.get(bare.lower())
        if bare in self.targets:
            return self.targets[bare]
        relative = in_base(bare, self.base_url)
        if relative and (root := root_of(entry.full_url)) and root + relative in self.targets:
            return self.targets[root + relative]
        if relative and relative in self.targets:
            return self.targets[relative]
        return relative if relative in self.ours else None

    def point_by_condition(
        self, entry: Entry, link: Link, condition: tuple[str, Identifier]
    ) -> None:
        refs = self.all_numbered(*condition)
        if len(refs) == 1:
            link.element["reference"] = refs.pop()
            return
        path = f"{link.path}.reference"
        if refs:
            text = "More than one resource has this identifier: the reference must name one."
            self.resolved.refuse(Issue("error", "duplicate", text, path), 412)
        else:
            self.unresolved(entry, link)

    def by_number(self, number: Identifier | None, link: Link) -> str | None:
        if number is None:
            return None
        named = link.element.get("type") or TYPE_BY_STEP.get(link.path.rpartition(".")[2])
        types = {type_ for type_, text in self.by_identifier if text == str(number)}
        refs = [r for t in types if named in (None, t) for r in self.all_numbered(t, number)]
        if organisation := self.found.directory.named([number]):
            refs.append(f"Organization/{organisation.organisation_id}")
        unique = set(refs)
        # One number may stand on Patient and Coverage: then it names neither.
        return unique.pop() if len(unique) == 1 else None

    def all_numbered(self, type_: str, number: Identifier) -> set[str]:
        refs = set(self.by_identifier.get((type_, str(number)), ()))
        if type_ == "Organization" and (named := self.found.directory.named([number])):
            return {f"Organization/{named.organisation_id}"}
        return refs

    def is_essential(self, entry: Entry, link: Link) -> bool:
        return link.path[len(entry.path) + 1 :] in ESSENTIAL.get(entry.type, ())

    def unresolved(self, entry: Entry, link: Link) -> None:
        issue = dangling(link)
        self.resolved.refuse(
            Issue("error", "not-found", issue.text, issue.expression, "unresolved-reference")
        )


def dangling(link: Link) -> Issue:
    text = (
        "The reference points to nothing in this Bundle and to nothing that this client has sent"
        " before."
    )
    where = "reference" if "reference" in link.element else "identifier"
    return Issue("warning", "not-found", text, f"{link.path}.{where}", "unresolved-reference")


def root_of(full_url: str | None) -> str | None:
    """The server that an entry was exported from; relative references are relative to it."""
    if not full_url or not full_url.startswith(("http://", "https://")):
        return None
    return full_url.rsplit("/", 2)[0] + "/"


def raise_if_refused(
    resolved: Resolved, judged: Sequence[Issue], warnings: Sequence[Issue]
) -> None:
    """Refuse with all that is wrong at once; a 412 only where nothing is wrong in itself."""
    issues = [*judged, *resolved.issues, *warnings]
    if any(issue.severity == "error" for issue in issues):
        issues.sort(key=lambda issue: issue.severity != "error")
        only = resolved.statuses if not judged else {422}
        raise FhirRefused(422 if 422 in only else min(only), issues)
