"""A notification: a history Bundle that names what changed and carries none of it."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from services.chassis.clock import AGENCY
from services.notifications.domain.subscriptions import Delivery, Focus, Kind, Subscription
from services.notifications.mapping import BACKPORT, TOPICS
from services.notifications.mapping.subscriptions import sentence_of

Resource = dict[str, Any]


def notification_bundle(
    subscription: Subscription,
    deliveries: Sequence[Delivery],
    *,
    id_: UUID,
    kind: Kind,
    base_url: str,
    at: datetime,
    unreadable: Collection[UUID] = (),
) -> Resource:
    """What is posted to a hub, or answered to `$events`: ids and numbers, every reference absolute.

    In the order of their numbers. Each event has a part of its own, each resource one entry: that
    it came to be, if that is among what is told. Of an `unreadable` delivery only the numbers are
    told. The same arguments give the same Bundle, so that a repeat is one.
    """
    base = base_url.rstrip("/")
    status_id = uuid5(id_, "status")
    told = [delivery for delivery in deliveries if delivery.id not in unreadable]
    focus = dict[tuple[str, UUID], Focus]()
    for one in (one for delivery in told for one in delivery.focus):
        focus.setdefault((one.type, one.id), one)
    status = {
        "fullUrl": f"urn:uuid:{status_id}",
        "resource": status_parameters(
            subscription,
            deliveries,
            id_=status_id,
            kind=kind,
            base_url=base,
            unreadable=unreadable,
        ),
        "request": {"method": "GET", "url": f"{base}/Subscription/{subscription.id}/$status"},
        "response": {"status": "200"},
    }
    return {
        "resourceType": "Bundle",
        "id": str(id_),
        "meta": {"profile": [f"{BACKPORT}backport-subscription-notification-r4"]},
        "type": "history",
        "timestamp": instant(at),
        "entry": [status, *(changed(f, base) for f in focus.values())],
    }


def status_bundle(
    subscriptions: Iterable[Subscription], *, id_: UUID, base_url: str, at: datetime
) -> Resource:
    """The answer to `$status`: one Parameters for each subscription."""
    base = base_url.rstrip("/")
    found = [(one, uuid5(id_, str(one.id))) for one in subscriptions]
    return {
        "resourceType": "Bundle",
        "id": str(id_),
        "type": "searchset",
        "timestamp": instant(at),
        "total": len(found),
        "entry": [
            {
                "fullUrl": f"urn:uuid:{status_id}",
                "resource": status_parameters(
                    one, (), id_=status_id, kind=Kind.QUERY_STATUS, base_url=base
                ),
                "search": {"mode": "match"},
            }
            for one, status_id in found
        ],
    }


def status_parameters(
    subscription: Subscription,
    deliveries: Sequence[Delivery],
    *,
    id_: UUID,
    kind: Kind,
    base_url: str,
    unreadable: Collection[UUID] = (),
) -> Resource:
    # A delivery speaks of its own moment: sent again, it still says what it said at first.
    sent = kind is Kind.EVENT and deliveries
    error = [] if sent else errors_of(subscription)
    count = deliveries[-1].last_number if sent else subscription.last_number
    return {
        "resourceType": "Parameters",
        "id": str(id_),
        "meta": {"profile": [f"{BACKPORT}backport-subscription-status-r4"]},
        "parameter": [
            {
                "name": "subscription",
                "valueReference": {"reference": f"{base_url}/Subscription/{subscription.id}"},
            },
            {"name": "topic", "valueCanonical": f"{TOPICS}{subscription.wanted.topic}"},
            {"name": "status", "valueCode": "active" if sent else subscription.status.value},
            {"name": "type", "valueCode": kind.value},
            {"name": "events-since-subscription-start", "valueString": str(count)},
            *(event for one in deliveries for event in events_of(one, base_url, unreadable)),
            *error,
        ],
    }


def errors_of(subscription: Subscription) -> list[Resource]:
    """Why it is in error or off, as `$status` says it."""
    text = sentence_of(subscription)
    return [{"name": "error", "valueCodeableConcept": {"text": text}}] if text else []


def events_of(
    delivery: Delivery, base_url: str, unreadable: Collection[UUID]
) -> Iterable[Resource]:
    first = delivery.first_number or 0
    for number, focus in enumerate(delivery.focus, first):
        reference = {"reference": f"{base_url}/{focus.type}/{focus.id}"}
        part: list[Resource] = [
            {"name": "event-number", "valueString": str(number)},
            {"name": "timestamp", "valueInstant": instant(delivery.occurred_at)},
            {"name": "focus", "valueReference": reference},
        ]
        hidden = delivery.id in unreadable
        yield {"name": "notification-event", "part": part[:2] if hidden else part}


def changed(focus: Focus, base_url: str) -> Resource:
    """What happened to a resource, as a history says it: it came to be, or it changed."""
    place = f"{focus.type}/{focus.id}"
    request = {"method": "POST", "url": focus.type} if focus.created else None
    return {
        "fullUrl": f"{base_url}/{place}",
        "request": request or {"method": "PUT", "url": place},
        "response": {"status": "201" if focus.created else "200"},
    }


def instant(at: datetime) -> str:
    return at.astimezone(AGENCY).isoformat(timespec="milliseconds")
