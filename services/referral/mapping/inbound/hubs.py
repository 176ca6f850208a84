"""Evidence of a hub service: an EpisodeOfCare, else the hub's CarePlan (FHIR.md §7.2)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from contracts.codes import HubService
from services.referral.domain.eligibility import HubEnrolment
from services.referral.domain.intake import HubEvidence, deciding
from services.referral.mapping.inbound.dates import period_of
from services.referral.mapping.inbound.graph import Graph
from services.referral.mapping.terms import CBHI_SERVICE, HCPCS, MENTORING

# Procedure codes that hubs put where a service code belongs. Recalled, not verified (FHIR.md §12).
SERVICE_BY_HCPCS = {
    "H2019": HubService.IN_HOME_THERAPY,
    "H0023": HubService.INTENSIVE_CARE_COORDINATION,
    **dict.fromkeys(("90832", "90834", "90837"), HubService.OUTPATIENT_THERAPY),
}
SERVICE_BY_CODE = {service.value: service for service in HubService}


def hubs_from(graph: Graph, *, youth_id: UUID, organisation_id: UUID) -> tuple[HubEnrolment, ...]:
    """The evidence that decides, as dated facts."""
    evidence = [
        *episodes(graph, youth_id, organisation_id),
        *plans(graph, youth_id, organisation_id),
    ]
    return deciding(evidence)


def episodes(graph: Graph, youth_id: UUID, organisation_id: UUID) -> Iterator[HubEvidence]:
    for ref, episode in graph.of("EpisodeOfCare", youth_id):
        if episode["status"] == "entered-in-error":
            continue
        by = graph.organisation(episode.get("managingOrganization"), episode)
        begins, ends = period_of(episode)
        for service in services_named(episode.get("type", ())):
            yield HubEvidence(
                enrolment_id=uuid5(youth_id, f"{ref}#{service}"),
                organisation_id=by.organisation_id if by and by.kind else organisation_id,
                service=service,
                is_episode=True,
                is_active=episode["status"] == "active",
                begins=begins,
                ends=ends,
            )


def plans(graph: Graph, youth_id: UUID, organisation_id: UUID) -> Iterator[HubEvidence]:
    for ref, plan in graph.of("CarePlan", youth_id):
        if plan["status"] == "entered-in-error":
            continue
        begins, ends = period_of(plan)
        for service in services_named(plan.get("category", ())):
            yield HubEvidence(
                enrolment_id=uuid5(youth_id, f"{ref}#{service}"),
                organisation_id=organisation_id,
                service=service,
                is_episode=False,
                is_active=plan["status"] == "active",
                begins=begins,
                ends=ends,
            )


def services_named(concepts: Sequence[Mapping[str, Any]]) -> set[HubService | None]:
    """Hub services that are coded; {None} when only Therapeutic Mentoring is; empty: nothing."""
    codings = [c for concept in concepts for c in concept.get("coding", ())]
    found = {service for coding in codings if (service := service_of(coding))}
    if found:
        return set(found)
    only_mentoring = any(
        c.get("system") == CBHI_SERVICE and c.get("code") == MENTORING for c in codings
    )
    return {None} if only_mentoring else set()


def service_of(coding: Mapping[str, Any]) -> HubService | None:
    system, code = coding.get("system"), coding.get("code", "")
    if system == CBHI_SERVICE:
        return SERVICE_BY_CODE.get(code)
    return SERVICE_BY_HCPCS.get(code) if system in HCPCS else None
