"""Scheduling: who waits, who mentors whom, when they meet.

Owns       mentors and their supervisors, the waiting list, matching, episodes, appointments
Publishes  scheduling.v1: ReferralWaitlisted, MentorProposed, MentorDeclined, MentorAssigned,
           MentorUnavailable, AssignmentEnded, ReassignmentNeeded, MentorStandingChanged,
           EpisodeOpened, EpisodeOnHold, EpisodeResumed, EpisodeClosing, EpisodeClosed,
           AppointmentBooked, AppointmentCancelled, AppointmentNoShow
Listens    referral.v1 (requests, gate 1, attestations, consents, hubs, ends) and
           documentation.v1 (sessions that took place)
Exposes    /fhir Practitioner, PractitionerRole, Location, Appointment, EpisodeOfCare
           /api/scheduling mentors and their times, waitlist, offers, assignments, episodes,
           appointments and series of them, and a mentor's sessions as an iCalendar feed
Knows      no child by name: a youth is an id, and all that matching needs is codes
"""
