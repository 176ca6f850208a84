"""A dated answer for staff: was the service valid on a day, and why?"""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel

from contracts.codes import ConsentKind, HubService, Role
from contracts.rules import Rule
from services.chassis.rule_packs import in_force
from services.chassis.staff import Caller, Conn, touch
from services.referral.api.staff.router import READERS, staff
from services.referral.commands.dated_answer import validity_on
from services.referral.domain.validity import Finding, Question, Validity


class RuleView(BaseModel):
    """The row of the rule pack that held on the day, and how far it can be trusted."""

    key: str
    source: str
    confidence: str
    verified_on: date | None


class FindingView(BaseModel):
    """`holds` is null where nobody knows yet: that is no "no"."""

    question: Question
    holds: bool | None
    why: str
    rule: RuleView | None
    evidence_id: UUID | None


class HubView(BaseModel):
    organisation_id: UUID
    hub_service: HubService
    since: date


class CoverageView(BaseModel):
    payer_id: UUID
    product: str | None
    bh_admin: str | None
    begins: date | None
    ends: date | None


class ConsentView(BaseModel):
    kind: ConsentKind
    organisation_id: UUID | None
    stands: bool
    since: date


class ValidityView(BaseModel):
    """`valid` is null where nothing says no, but something is not known."""

    referral_id: UUID
    on: date
    valid: bool | None
    rule_pack_version: str
    findings: list[FindingView]
    hub: HubView | None
    coverage: CoverageView | None
    consents: list[ConsentView]


@staff.get(
    "/referrals/{referral_id}/service-validity",
    roles={*READERS, Role.BILLING},
)
async def read_validity(
    referral_id: UUID,
    on: Annotated[date, Query(description="The day of service, in New York.")],
    conn: Conn,
    caller: Caller,
    request: Request,
) -> ValidityView:
    """Whether the service was valid on that day, by that day's rules, and what proves it.

    What is told today of a past day counts for that day: ask again, and the answer may be another.
    """
    touch(request, f"ServiceRequest/{referral_id}")
    rules = in_force()
    found = await validity_on(conn, referral_id, on=on, rules=rules)
    return shown(referral_id, found, rules.version)


def shown(referral_id: UUID, found: Validity, version: str) -> ValidityView:
    hub, coverage = found.hub, found.coverage
    return ValidityView(
        referral_id=referral_id,
        on=found.on,
        valid=found.valid,
        rule_pack_version=version,
        findings=[finding_view(finding) for finding in found.findings],
        hub=hub
        and HubView(
            organisation_id=hub.organisation_id, hub_service=hub.hub_service, since=hub.since
        ),
        coverage=coverage
        and CoverageView(
            payer_id=coverage.payer_id,
            product=coverage.product,
            bh_admin=coverage.bh_admin,
            begins=coverage.begins,
            ends=coverage.ends,
        ),
        consents=[
            ConsentView(
                kind=word.kind,
                organisation_id=word.organisation_id,
                stands=word.stands,
                since=word.since,
            )
            for word in found.consents
        ],
    )


def finding_view(finding: Finding) -> FindingView:
    return FindingView(
        question=finding.question,
        holds=finding.holds,
        why=finding.why,
        rule=finding.rule and rule_view(finding.rule),
        evidence_id=finding.evidence_id,
    )


def rule_view(rule: Rule) -> RuleView:
    return RuleView(
        key=rule.key,
        source=rule.source,
        confidence=rule.confidence,
        verified_on=rule.verified_on,
    )
