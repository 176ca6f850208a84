"""Referral: accepts what hubs send and decides whether a youth is eligible.

Owns: youth identity and what staff merged or linked, partner organisations and their clients,
referrals, the mirror of what hubs sent, hub enrolment and plan, coverage, determinations,
attestations, consent, the Task.
Publishes: Referral…, Eligibility…, AttestationRecorded, Hub…, Coverage…, Consent…, YouthIdentity….
Listens: scheduling, documentation and notifications, to keep the Task in step.
Exposes: on /fhir every write but Subscription, and Task, ServiceRequest, Patient, RelatedPerson,
Organization, Coverage, CoverageEligibility* and each `h-…`; staff routes under /api/referral;
the token endpoint; for the other services names, numbers, hub plans and consents.
"""
