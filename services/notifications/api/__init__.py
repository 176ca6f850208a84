"""What is asked of notifications: by partners on /fhir, by staff on /api/notifications."""
