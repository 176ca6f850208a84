"""The agency whose programme a local stack runs: the one of our FHIR examples."""

STAFF_ISSUER = "https://staff.northlight.example"  # a name: people's ids are made from it
AGENCY = {
    "AGENCY_ID": "7d3c2a10-5b1f-4c53-9a44-2f0a6b0e0016",
    "AGENCY_NPI": "1093817462",
    "AGENCY_NAME": "Northlight Therapeutic Mentoring",
}

AGENCY_MAIL = {
    "MAIL_FROM": "office@northlight.example",
    "MAIL_COORDINATORS": "coordinators@northlight.example",
}
