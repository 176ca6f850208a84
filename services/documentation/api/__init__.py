"""What documentation is asked: partners under /fhir, staff under /api/documentation."""
