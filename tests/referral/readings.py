"""What the mapping reads from a Bundle, without a database."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from contracts.codes import Gap, Ineligibility, PartnerKind, ReferralState
from services.chassis.fhir.outcome import Issue
from services.referral.domain import eligibility
from services.referral.domain.eligibility import Facts
from services.referral.domain.intake import Identifier, Intake, Organisation
from services.referral.mapping.inbound.entries import submission_from_bundle
from services.referral.mapping.inbound.facts import intake_from
from services.referral.mapping.inbound.graph import Directory, Graph
from services.referral.mapping.inbound.judge import Agency, Reading, judge
from services.referral.mapping.inbound.resolve import Found, Matching
from tests.referral.bundles import Bundle
from tests.referral.rig import AGENCY_ID, BASE, NOW, NPI, PAYER, RULES

HUB_ID = UUID("00000000-0000-4000-8000-000000000b0b")
OTHER_HUB_ID = UUID("00000000-0000-4000-8000-000000000c0c")
PAYER_ID = UUID("00000000-0000-4000-8000-00000000aa11")
TODAY = date(2026, 11, 9)

DIRECTORY = (
    Organisation(HUB_ID, PartnerKind.HUB, "Riverbend", Identifier(NPI, "1234567893")),
    Organisation(OTHER_HUB_ID, PartnerKind.HUB, "Lakeside", Identifier(NPI, "1000000491")),
    Organisation(PAYER_ID, PartnerKind.PAYER, "MassHealth", Identifier(PAYER, "masshealth")),
    Organisation(AGENCY_ID, None, "Northlight", Identifier(NPI, "1093817462")),
)


@dataclass(frozen=True)
class Read:
    intake: Intake
    issues: list[Issue]
    facts: Facts

    def gaps(self, on: date = TODAY) -> tuple[Gap, ...]:
        return eligibility.gaps(self.facts, on=on)

    def failures(self, on: date = TODAY) -> tuple[Ineligibility, ...]:
        return tuple(f.code for f in eligibility.failures(self.facts, on=on, rules=RULES))

    def errors(self) -> list[tuple[str, str | None]]:
        return [(i.code, i.expression) for i in self.issues if i.severity == "error"]


def read(bundle: Bundle, *, today: date = TODAY, is_known: bool = False) -> Read:
    """The intake model of a first receipt, and everything that is wrong with it."""
    submission = submission_from_bundle(bundle)
    found = Found(None, None, (), Directory(DIRECTORY))
    resolved = Matching(submission, found, base_url=BASE, mint=uuid4).run()
    graph = Graph(submission.all, (), found.directory)
    agency = Agency(AGENCY_ID, "1093817462", "Northlight")
    reading = Reading(submission, resolved, graph, agency, HUB_ID, today, is_known)
    issues = [*resolved.issues, *judge(reading)]
    intake = intake_from(
        graph,
        referral_id=resolved.referral_id,
        youth_id=resolved.youth_id,
        organisation_id=HUB_ID,
        mrn_system=None,
    )
    facts = Facts(
        referral_id=resolved.referral_id,
        youth_id=resolved.youth_id,
        organisation_id=HUB_ID,
        state=ReferralState.RECEIVED,
        version=1,
        received_at=NOW,
        birth_date=intake.youth.birth_date,
        deceased=intake.youth.deceased,
        coverages=tuple(sent.fact for sent in intake.coverages),
        hubs=intake.hubs,
        plan=intake.plan.fact(1) if intake.plan else None,
    )
    return Read(intake, issues, facts)
