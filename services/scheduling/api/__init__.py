"""What scheduling is asked: `/fhir` by partners, `/api/scheduling` by staff."""
