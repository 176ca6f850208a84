"""Subscriptions and notifications as Backport 1.1.0 writes them in R4 (FHIR.md section 7.7)."""

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
TOPICS = "https://waypost.example/fhir/SubscriptionTopic/"
FHIR_JSON = "application/fhir+json"
