"""Translation between FHIR and the domain, both ways."""
