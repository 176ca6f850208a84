"""Translation: our sessions, goals and care plan into FHIR R4, and a peer's answer into values."""
