"""Notifications: tells hubs, by number and signature, that something of theirs has changed.

Owns: subscriptions, deliveries and their numbers, the log of disclosures.
Publishes: nothing yet.
Listens: referral (whose referral it is, its Task, who may read a youth), documentation (sessions,
goals, plan).
Exposes: on /fhir Subscription with $status and $events. Sends Backport notifications, ids only,
from due work: the hub relationship and consent are asked of referral at the time of sending.
"""
