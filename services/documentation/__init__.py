"""Documentation: what happened in a session, and how the youth's goals stand.

Owns: session notes in all versions with their texts, our working goals, progress and reviews, our
    care plan, the lines for claims (prepared: claims come later).
Publishes: SessionLogged, SessionNoteAmended, SessionVoided, NoteOverdue, GoalProgressUpdated,
    GoalAdded, GoalRetired, GoalAchieved, GoalStalled.
Listens: to referral (referrals, hub services, hub plans, coverage, consents) and scheduling
    (assignments, episodes, appointments), and keeps what its rules need, a row per fact.
Exposes: /fhir Encounter (with its history), Goal, CarePlan, Observation, DocumentReference,
    Provenance to hubs, Encounter to payers; /api/documentation to staff.
Asks: referral for the text of a hub plan and for each reader's own number of a youth.
Promises: SessionLogged or SessionNoteAmended once per final version of a note; what was signed is
    never edited; texts of notes leave this database never.
"""
