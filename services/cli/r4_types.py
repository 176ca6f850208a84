"""What R4 says of each type, read from fhir.resources' R4B models: contracts/fhir/r4-types.json.

`python -m services.cli.r4_types` writes it, a part of `make contracts`. The library is asked here
and in tests and never while a service runs: its models are thirty megabytes, a second to load.
"""

import json
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

FILE = Path(__file__).parents[2] / "contracts/fhir/r4-types.json"
ABOUT = (
    "The elements of each type of FHIR R4 4.0.1, as fhir.resources 8 models them (R4B without what"
    " R4 lacks): name, kind, and whether it is primitive, repeats, is required, is a choice."
    " HL7 content, CC0. Written by services/cli/r4_types.py."
)

# R4's resource types that the library knows. What came with R4B or R5 is refused (FHIR.md §5, trap
# 3); the few of R4 that R4B dropped (drug products, syntheses) concern nobody here.
_TYPES = """
    Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse
    AuditEvent Basic Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement
    CarePlan CareTeam CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse
    ClinicalImpression CodeSystem Communication CommunicationRequest CompartmentDefinition
    Composition ConceptMap Condition Consent Contract Coverage CoverageEligibilityRequest
    CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest
    DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference Encounter Endpoint
    EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable
    ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition Group
    GuidanceResponse HealthcareService ImagingStudy Immunization ImmunizationEvaluation
    ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library Linkage List
    Location Measure MeasureReport Media Medication MedicationAdministration MedicationDispense
    MedicationKnowledge MedicationRequest MedicationStatement MessageDefinition MessageHeader
    MolecularSequence NamingSystem NutritionOrder Observation ObservationDefinition
    OperationDefinition OperationOutcome Organization OrganizationAffiliation Parameters Patient
    PaymentNotice PaymentReconciliation Person PlanDefinition Practitioner PractitionerRole
    Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson RequestGroup
    ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject RiskAssessment
    Schedule SearchParameter ServiceRequest Slot Specimen SpecimenDefinition StructureDefinition
    StructureMap Subscription Substance SupplyDelivery SupplyRequest Task
    TerminologyCapabilities TestReport TestScript ValueSet VerificationResult VisionPrescription
"""
RESOURCE_TYPES = frozenset(_TYPES.split())
RESOURCE_TYPES = frozenset(_TYPES.split())
NOT_R4_DATA = frozenset({"CodeableReference", "RatioRange"})
RESOURCE = "Resource"


def text() -> str:
    """The whole file: a line for each type, so that a change of one shows as one."""
    lines = [f"{json.dumps(name)}: {json.dumps(rows)}" for name, rows in sorted(tables().items())]
    resources = json.dumps(sorted(RESOURCE_TYPES))
    types = ",\n".join(lines)
    about = json.dumps(ABOUT)
    return f'{{"about": {about},\n"resources": {resources},\n"types": {{\n{types}\n}}}}\n'


def tables() -> dict[str, list[dict[str, Any]]]:
    """The elements of every resource type, and of every type that they are made of."""
    found: dict[str, list[dict[str, Any]]] = {}
    todo = [*RESOURCE_TYPES, "Element"]
    while todo:
        if (name := todo.pop()) not in found:
            found[name] = list(elements(name))
            todo += [row["kind"] for row in found[name] if not row.get("primitive")]
            todo = [kind for kind in todo if kind != RESOURCE]
    return found


def elements(name: str) -> typing.Iterator[dict[str, Any]]:
    for field_name, field in get_fhir_model_class(name).model_fields.items():
        if field_name.endswith("__ext") or field_name in ("fhir_comments", "resource_type"):
            continue
        row = row_of(field.alias or field_name, field)
        if row["kind"] not in NOT_R4_DATA:
            yield row


def row_of(name: str, field: Any) -> dict[str, Any]:
    """One element; what is false or empty is left out."""
    extra: Mapping[str, Any] = field.json_schema_extra or {}
    kind, primitive, repeats = _kind(field.annotation)
    row = {
        "name": name,
        "kind": kind,
        "primitive": primitive,
        "repeats": repeats,
        "required": field.is_required() or bool(extra.get("element_required")),
        "choice": extra.get("one_of_many"),
        "choice_required": bool(extra.get("one_of_many_required")),
        "targets": sorted(extra.get("enum_reference_types", ())),
    }
    return {key: value for key, value in row.items() if value}


def _kind(annotation: Any) -> tuple[str, bool, bool]:
    """Element kind, whether it is primitive, whether it repeats."""
    if typing.get_origin(annotation) is list:
        kind, primitive, _ = _kind(typing.get_args(annotation)[0])
        return kind, primitive, True
    if typing.get_origin(annotation) is typing.Annotated:
        return _primitive(annotation), True, False
    arguments = [a for a in typing.get_args(annotation) if a is not type(None)]
    if arguments:
        return _kind(arguments[0])
    if annotation is bool:
        return "boolean", True, False
    return annotation.__name__.removesuffix("Type"), False, False


def _primitive(annotation: Any) -> str:
    """`Annotated[str, Code()]` is `code`; the library marks uuid and base64 in ways of its own."""
    for mark in typing.get_args(annotation)[1:]:
        name = type(mark).__name__
        if name in PRIMITIVES:
            return PRIMITIVES[name]
    raise TypeError(f"The FHIR library has a primitive that we do not know: {annotation}")


PRIMITIVES = {
    "Base64Binary": "base64Binary",
    "Boolean": "boolean",
    "Canonical": "canonical",
    "Code": "code",
    "Date": "date",
    "DateTime": "dateTime",
    "Decimal": "decimal",
    "Id": "id",
    "Instant": "instant",
    "Integer": "integer",
    "Markdown": "markdown",
    "Oid": "oid",
    "PositiveInt": "positiveInt",
    "String": "string",
    "Time": "time",
    "UnsignedInt": "unsignedInt",
    "Uri": "uri",
    "Url": "url",
    "UuidVersion": "uuid",
    "Xhtml": "xhtml",
}


if __name__ == "__main__":
    FILE.write_text(text())
