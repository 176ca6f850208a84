"""Notifications: tells hubs, by number and signature, what is new; writes to families and staff.

Owns: subscriptions, deliveries and their numbers, letters, wishes about letters, the log of
disclosures. Keeps no address of a family's and no word of a letter.
Publishes: NotificationFailed, when a hub cannot be told.
Listens: referral (whose referral it is, its Task, what it lacks, who may read a youth), scheduling
(mentor found, appointments), documentation (sessions, goals, plan, late notes).
Exposes: on /fhir Subscription with $status and $events; on /api/notifications what staff and
families wish. Sends Backport notifications, ids only and as many queued events in one as its hub
takes, and letters of few words, from due work: the hub relationship, consents and addresses are
asked of referral at the time of sending.
"""
