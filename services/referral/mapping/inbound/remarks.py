"""What an accepted submission is told: gaps, open items, warnings, matches; never values."""

from collections.abc import Iterator, Sequence

from contracts.codes import Gap, OpenItem
from services.chassis.fhir.outcome import Issue
from services.referral.domain.intake import Identifier, Intake, has_old_cans
from services.referral.mapping.inbound.entries import Entry, Submission
from services.referral.mapping.inbound.facts import is_guardian
from services.referral.mapping.inbound.labels import notices
from services.referral.mapping.terms import NPI

GAPS = {
    Gap.BIRTH_DATE: ("subject", "The birth date is missing or not complete."),
    Gap.COVERAGE: ("insurance", "No coverage came with a member number that its payer can know."),
    Gap.HUB_SERVICE: ("supportingInfo", "No hub service is named."),
    Gap.TM_GOAL: ("extension", "No goal of the hub's plan is assigned to Therapeutic Mentoring."),
}
ADVICE = {
    Gap.BIRTH_DATE: "Send it with PUT Patient?identifier=….",
    Gap.COVERAGE: "Send it with PUT Coverage?identifier=….",
    Gap.HUB_SERVICE: (
        "Send it with PUT ServiceRequest?identifier=… (an EpisodeOfCare or an active CarePlan)."
    ),
    Gap.TM_GOAL: (
        "Send it with PUT ServiceRequest?identifier=… (extension resource-pertainsToGoal)."
    ),
}
ITEMS = {
    OpenItem.COMPREHENSIVE_ASSESSMENT: (
        "No Comprehensive Assessment came with the referral. It is needed before service starts."
    ),
    OpenItem.CANS: "No CANS came with the referral. It is needed before service starts.",
    OpenItem.HUB_PLAN: (
        "No treatment plan of the hub came with the referral. It is needed before service starts."
    ),
    OpenItem.CONSENT_TREATMENT: (
        "No consent to treatment came with the referral. The agency obtains it before service"
        " starts."
    ),
    OpenItem.CONSENT_ROI_HUB: (
        "No release from this agency to the hub came with the referral. Until it is given, sessions"
        " and goals cannot be shown to the hub."
    ),
}
OLD_CANS = "The CANS that came with the referral is too old. A current one is needed."
MATCHED = "Matched to a registered organisation; the directory is not changed by a referral."
UNKNOWN_ORGANISATION = (
    "No organisation with this NPI is registered here: it is kept for you to read back, no more."
)
SAME_NUMBER = (
    "Another goal here has the same number. Give each its own: by this one neither can be changed"
    " later, for nobody knows which is meant."
)
NOT_USED = "Kept for you to read back; this agency makes no use of this type."
USED = frozenset(
    (
        *("Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService"),
        *("Patient", "RelatedPerson", "Coverage", "Condition", "Goal", "CarePlan", "Consent"),
        *("EpisodeOfCare", "ServiceRequest", "Task", "DocumentReference", "Observation"),
        *("QuestionnaireResponse", "Provenance"),
    )
)


def remarks(
    submission: Submission, intake: Intake, *, gaps: Sequence[Gap], items: Sequence[OpenItem]
) -> Iterator[Issue]:
    """What the sender should know, each at the entry concerned."""
    for entry in submission.all:
        yield from of_entry(entry)
        yield from notices(entry)
    yield from alike(submission)
    if request := submission.one("ServiceRequest"):
        yield from missing(request, intake, gaps, items)


def alike(submission: Submission) -> Iterator[Issue]:
    """Goals under one number: later a condition by it would find both, and so none (B-54)."""
    seen: set[Identifier] = set()
    for goal in submission.of("Goal"):
        if not seen.isdisjoint(goal.identifiers):
            yield goal.warning(SAME_NUMBER, ".identifier")
        seen.update(goal.identifiers)


def missing(
    request: Entry, intake: Intake, gaps: Sequence[Gap], items: Sequence[OpenItem]
) -> Iterator[Issue]:
    for gap in gaps:
        where, text = GAPS[gap]
        detail = f"gap-{gap}"
        said = f"{text} {ADVICE[gap]}"
        yield Issue("warning", "incomplete", said, f"{request.path}.{where}", detail)
    for item in items:
        text = OLD_CANS if item is OpenItem.CANS and has_old_cans(intake) else ITEMS[item]
        where = f"{request.path}.supportingInfo"
        yield Issue("warning", "incomplete", text, where, f"gap-{item}")


def of_entry(entry: Entry) -> Iterator[Issue]:
    resource = entry.resource
    if entry.organisation:
        yield Issue("information", "informational", MATCHED, entry.path)
    elif entry.type == "Organization" and any(i.system == NPI for i in entry.identifiers):
        yield entry.warning(UNKNOWN_ORGANISATION, ".identifier")
    elif entry.type not in USED:
        yield Issue("information", "informational", NOT_USED, entry.path)
    elif entry.type == "RelatedPerson" and is_guardian(resource) and not has_phone(entry):
        yield entry.warning("No phone number for the guardian.", ".telecom", "incomplete")
    elif entry.type == "Patient" and resource.get("active") is False:
        yield entry.warning("The record of this youth is marked as not active.", ".active")


def has_phone(entry: Entry) -> bool:
    return any(t.get("system") in ("phone", "sms") for t in entry.resource.get("telecom", ()))


def differing(entry: Entry) -> Issue:
    """A known referral came again with other content, and nothing was changed."""
    text = (
        "This was sent before with other content, and nothing is changed. To change it, send PUT"
        f" {entry.type}?identifier=[system]|[value]."
    )
    return Issue("warning", "conflict", text, entry.path, "known-other-content")


def known_other_content(path: str) -> Issue:
    text = (
        "A referral with this identifier is already here, with other content. To change it, send"
        " PUT ServiceRequest?identifier=[system]|[value]."
    )
    return Issue("error", "conflict", text, path, "known-referral-other-content")


def other_task_number(submission: Submission) -> Issue:
    task = submission.one("Task")
    path = f"{task.path}.identifier" if task else None
    text = "This referral's Task has another number of yours already: a referral has one Task."
    return Issue("error", "conflict", text, path)


def two_children() -> Issue:
    text = "The record numbers in this submission are those of more than one child."
    return Issue("error", "duplicate", text)


def stale(entry: Entry) -> Issue:
    text = (
        f"The {entry.type} has changed since the version named in If-Match. Read it again; its ETag"
        " is the current version."
    )
    return Issue("error", "conflict", text, f"{entry.path}.meta.versionId", "stale-version")


def unknown_update(entry: Entry, *, many: bool) -> tuple[int, list[Issue]]:
    """Status and issue for an update whose referral cannot be told."""
    where = entry.path.removesuffix(".resource") + ".request.url"
    path = where if entry.path.startswith("Bundle") else None
    if many:
        text = "More than one referral holds something with this identifier: send its Bundle."
        return 412, [Issue("error", "duplicate", text, path)]
    text = "Nothing that this client has sent has this identifier: send the whole referral first."
    return 422, [Issue("error", "not-found", text, path)]
