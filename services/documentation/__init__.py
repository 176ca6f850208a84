"""Documentation: what happened in a session, and how the youth's goals stand.

Owns: session notes with their texts, our working goals, progress, our care plan.
Publishes: SessionLogged, GoalProgressUpdated, GoalAdded, GoalRetired.
Listens: to referral (referrals, hub services, hub plans, coverage, consents) and scheduling
    (assignments, episodes, appointments), and keeps what its rules need, a row per fact.
Exposes: /fhir Encounter, Goal, CarePlan to hubs, Encounter to payers; /api/documentation to staff.
Asks: referral for the text of a hub plan and for each reader's own number of a youth.
Promises: SessionLogged once per final version of a note; texts of notes leave this database never.
"""
