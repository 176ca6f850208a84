"""What R4 says of each type, read from fhir.resources' R4B models once and kept as plain tables.

The library knows every element; what it does not enforce (codes, formats, targets) is checked by
our own walk over these tables, so that every problem is found at once and with its place.
"""

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
NOT_R4_DATA = frozenset({"CodeableReference", "RatioRange"})

RESOURCE = "Resource"


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type: `kind` is a primitive's name or a complex type's."""

    name: str
    kind: str
    primitive: bool
    repeats: bool
    required: bool
    choice: str | None  # the base name of value[x]
    choice_required: bool
    targets: frozenset[str]  # of a Reference; empty: any


@dataclass(frozen=True, slots=True)
class Type:
    name: str
    elements: dict[str, Element]
    required: tuple[Element, ...]
    choices_required: tuple[str, ...]  # base names of which one form is required


_known: dict[str, Type] = {}


def type_named(name: str) -> Type:
    """The table of a resource, data type or backbone element."""
    if name not in _known:
        _known[name] = read(name)
    return _known[name]


def known() -> dict[str, Type]:
    """The tables that have been read so far, to be given to another process."""
    return _known


def take_over(tables: Mapping[str, Type]) -> None:
    """Know what another process has read; then the library is not loaded for it here."""
    _known.update(tables)


def read(name: str) -> Type:
    from fhir.resources.R4B import get_fhir_model_class  # thirty megabytes, and a second

    elements: dict[str, Element] = {}
    choices: dict[str, bool] = {}
    for field_name, field in get_fhir_model_class(name).model_fields.items():
        if field_name.endswith("__ext") or field_name in ("fhir_comments", "resource_type"):
            continue
        element = _element(field.alias or field_name, field)
        if element.kind in NOT_R4_DATA:
            continue
        elements[element.name] = element
        if element.choice:
            choices[element.choice] = element.choice_required
    required = tuple(e for e in elements.values() if e.required)
    return Type(name, elements, required, tuple(base for base, needed in choices.items() if needed))


def _element(name: str, field: Any) -> Element:
    extra = field.json_schema_extra or {}
    kind, primitive, repeats = _kind(field.annotation)
    return Element(
        name=name,
        kind=kind,
        primitive=primitive,
        repeats=repeats,
        required=field.is_required() or bool(extra.get("element_required")),
        choice=extra.get("one_of_many"),
        choice_required=bool(extra.get("one_of_many_required")),
        targets=frozenset(extra.get("enum_reference_types", ())),
    )


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
