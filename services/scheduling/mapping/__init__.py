"""Our facts in the languages of others: FHIR R4, and iCalendar (RFC 5545)."""
