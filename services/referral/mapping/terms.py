"""Names of systems and codes on the wire, each once. Source: DOMAIN.md §7, FHIR.md §3."""

LOCAL = "https://waypost.example/fhir/CodeSystem/"
CBHI_SERVICE = LOCAL + "cbhi-service"
REFERRAL_DOCUMENT = LOCAL + "referral-document"
MENTORING = "therapeutic-mentoring"

IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
NPI = "http://hl7.org/fhir/sid/us-npi"
PAYER_ID = "https://waypost.example/ids/payer"
MASSHEALTH_MEMBER = "https://waypost.example/ids/masshealth-member"
OUR_REFERRAL = "https://waypost.example/ids/referral"

# HCPCS goes under three names: US Core 3.1.1, 5.0.1, and 6.1.0 and later.
HCPCS = frozenset(
    {
        "urn:oid:2.16.840.1.113883.6.285",
        "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    }
)
MENTORING_HCPCS = "T1027"

PERTAINS_TO_GOAL = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
INTERPRETER_REQUIRED = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
DO_NOT_CONTACT = "contacting-subject-prohibited"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"

# Of nobody in particular: the same row serves all children of the hub that sent it.
IMPERSONAL = ("Practitioner", "PractitionerRole", "Organization", "Location", "HealthcareService")
