"""A Subscription as a client sends it, and as it reads it back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.chassis.fhir.outcome import FhirRefused, Issue
from services.notifications.domain.endpoints import Fault, endpoint_fault, header_pair
from services.notifications.domain.subscriptions import (
    Channel,
    Subscription,
    Topic,
    Wanted,
    youth_of_filter,
)
from services.notifications.mapping import BACKPORT, FHIR_JSON, TOPICS

Resource = dict[str, Any]

FILTER = f"{BACKPORT}backport-filter-criteria"
CONTENT = f"{BACKPORT}backport-payload-content"
TIMEOUT = f"{BACKPORT}backport-timeout"
HEARTBEAT = f"{BACKPORT}backport-heartbeat-period"
MOST_EVENTS = f"{BACKPORT}backport-max-count"
LONGEST_TIMEOUT_SECONDS = 20
SHORTEST_HEARTBEAT_SECONDS = 60
LONGEST_HEARTBEAT_SECONDS = 30 * 86_400
MOST_HEADERS = 10

FAULTS = {
    Fault.UNREADABLE: (
        "business-rule",
        "The endpoint is no https address with a host name of plain ASCII letters.",
    ),
    Fault.FORBIDDEN: (
        "security",
        "The endpoint must be https on port 443 of a public host, without a user name.",
    ),
}
FORBIDDEN_ENDPOINT = Issue(
    "error", *FAULTS[Fault.FORBIDDEN], expression="Subscription.channel.endpoint"
)
SENTENCES = {  # why a subscription is in error or off
    "endpoint-fails": "The endpoint does not accept what is sent; it is tried again.",
    "endpoint-gone": "The endpoint answered 410 Gone.",
    "undeliverable": "The endpoint accepted nothing for more than three days.",
    "ended": "The subscription's end has passed.",
}


def wanted_from_subscription(resource: Resource, *, now: datetime, loopback: bool) -> Wanted:
    """What a client asks for; the resource is kept without its headers.

    Raises FhirRefused with every problem at once: 403 for content that we never send, else 422.
    """
    found = Reading(resource, now=now, loopback=loopback)
    issues = list(found.problems())
    if issues:
        status = 403 if all(issue.code == "forbidden" for issue in issues) else 422
        raise FhirRefused(status, issues)
    return found.wanted()


class Reading:
    """One Subscription under examination: its parts, read once, and what is wrong with them."""

    def __init__(self, resource: Resource, *, now: datetime, loopback: bool) -> None:
        self.resource, self.now, self.loopback = resource, now, loopback
        self.channel: Resource = resource.get("channel", {})
        code = str(resource.get("criteria", "")).removeprefix(TOPICS)
        known = code in set(Topic) and resource.get("criteria") != code
        self.topic = Topic(code) if known else None
        self.filters = extensions(resource.get("_criteria"))
        self.youths = [self.youth_of(one) for one in self.filters]
        self.wishes = wishes_of(self.channel)
        # null keeps the place of a header of which only extensions came.
        self.headers: list[str] = [line or "" for line in self.channel.get("header", [])]
        self.ends_at = instant_of(resource.get("end"))

    def youth_of(self, extension: Resource) -> UUID | None:
        text = extension.get("valueString", "") if extension.get("url") == FILTER else ""
        return youth_of_filter(self.topic, text) if self.topic else None

    def problems(self) -> Iterator[Issue]:
        yield from self.problems_of_criteria()
        yield from self.problems_of_channel()
        if self.resource.get("status") != "requested":
            yield problem("business-rule", "status", "Ask with status requested; we set the rest.")
        if self.ends_at and self.ends_at <= self.now:
            yield problem("business-rule", "end", "The end has passed already.")

    def problems_of_criteria(self) -> Iterator[Issue]:
        if not self.topic:
            served = ", ".join(TOPICS + topic for topic in Topic)
            text = f"criteria is the canonical of a topic. Served: {served}."
            yield problem("not-supported", "criteria", text)
            return
        for number, youth_id in enumerate(self.youths):
            if youth_id is None:
                text = "A filter is [Type]?patient=Patient/[id], of a type that the topic tells."
                yield problem("not-supported", f"criteria.extension[{number}]", text)
        if len(set(self.youths)) > 1:
            text = "Filters of different patients match nothing together: subscribe once for each."
            yield problem("business-rule", "criteria", text)

    def problems_of_channel(self) -> Iterator[Issue]:
        if self.channel.get("type") != "rest-hook":
            yield problem("not-supported", "channel.type", "The channel served is rest-hook.")
        if self.channel.get("payload", FHIR_JSON) not in (FHIR_JSON, "application/json"):
            yield problem("not-supported", "channel.payload", f"The payload served is {FHIR_JSON}.")
        content = content_of(self.channel)
        if content == "full-resource":
            text = "Notifications carry ids only; read what they name. Ask for id-only."
            yield problem("forbidden", "channel.payload", text)
        elif content != "id-only":
            text = "The payload content served is id-only."
            yield problem("not-supported", "channel.payload", text)
        fault = endpoint_fault(self.channel.get("endpoint", ""), loopback=self.loopback)
        if fault:
            yield problem(FAULTS[fault][0], "channel.endpoint", FAULTS[fault][1])
        yield from self.problems_of_wishes()
        if len(self.headers) > MOST_HEADERS:
            yield problem("business-rule", "channel.header", f"At most {MOST_HEADERS} headers.")
        for number, line in enumerate(self.headers[:MOST_HEADERS]):
            if header_pair(line) is None:
                text = "A header is one line, Name: value, and none that the sender itself sets."
                yield problem("business-rule", f"channel.header[{number}]", text)

    def problems_of_wishes(self) -> Iterator[Issue]:
        """What cannot be kept is refused: a hub would wait for it in vain."""
        if self.wishes.get(TIMEOUT) == 0:
            text = f"A timeout is 1 to {LONGEST_TIMEOUT_SECONDS} seconds."
            yield problem("business-rule", "channel", text)
        shortest, longest = SHORTEST_HEARTBEAT_SECONDS, LONGEST_HEARTBEAT_SECONDS
        if not shortest <= self.wishes.get(HEARTBEAT, shortest) <= longest:
            text = f"A heartbeat comes after {shortest} to {longest} seconds of silence."
            yield problem("business-rule", "channel", text)

    def wanted(self) -> Wanted:
        assert self.topic  # noqa: S101 (no topic is a problem)
        timeout = min(self.wishes.get(TIMEOUT, LONGEST_TIMEOUT_SECONDS), LONGEST_TIMEOUT_SECONDS)
        beat, most = self.wishes.get(HEARTBEAT), self.wishes.get(MOST_EVENTS)
        channel = Channel(self.channel["endpoint"], tuple(self.headers), timeout, beat, most)
        youth_id = self.youths[0] if self.youths else None
        kept = with_timeout(without_secrets(self.resource), timeout)
        return Wanted(self.topic, youth_id, channel, self.ends_at, kept)


def subscription_resource(subscription: Subscription) -> Resource:
    """The Subscription as its client reads it; what it told us in headers stays with us."""
    kept: Resource = dict(subscription.wanted.resource)
    profile = kept.get("meta", {}).get("profile", [f"{BACKPORT}backport-subscription"])
    resource: Resource = {
        "resourceType": "Subscription",
        "id": str(subscription.id),
        "meta": {
            "versionId": str(subscription.version),
            "lastUpdated": subscription.updated_at.astimezone(UTC).isoformat(),
            "profile": profile,
        },
    }
    resource |= {name: value for name, value in kept.items() if name not in resource}
    resource["status"] = subscription.status.value
    if subscription.fault:
        resource["error"] = sentence_of(subscription)
    return resource


def sentence_of(subscription: Subscription) -> str:
    """Why a subscription is in error or off, in words; empty when it is neither."""
    fault = subscription.fault or ""
    return SENTENCES.get(fault, fault)


def without_secrets(resource: Resource) -> Resource:
    left_out = ("id", "text", "error", "contained")
    kept = {name: value for name, value in resource.items() if name not in left_out}
    hidden = ("header", "_header")
    channel = {name: value for name, value in kept["channel"].items() if name not in hidden}
    return kept | {"channel": channel}


def content_of(channel: Resource) -> str:
    """The payload content asked for; Backport's own default would be `empty`, ours is id-only."""
    for extension in extensions(channel.get("_payload")):
        if extension.get("url") == CONTENT:
            return str(extension.get("valueCode"))
    return "id-only"


def wishes_of(channel: Resource) -> dict[str, int]:
    """The numbers among the channel's extensions: timeout, heartbeat, events in one message."""
    found = {}
    for extension in extensions(channel):
        value = extension.get("valueUnsignedInt", extension.get("valuePositiveInt"))
        if isinstance(value, int):
            found[str(extension.get("url"))] = value
    return found


def with_timeout(resource: Resource, seconds: int) -> Resource:
    """The resource with the timeout that counts, where the client asked for a longer one."""
    stands = [
        one | {"valueUnsignedInt": seconds} if one.get("url") == TIMEOUT else one
        for one in extensions(resource["channel"])
    ]
    return resource | {"channel": resource["channel"] | ({"extension": stands} if stands else {})}


def extensions(element: object) -> list[Resource]:
    found = element.get("extension", []) if isinstance(element, dict) else []
    return [one for one in found if isinstance(one, dict)]


def instant_of(text: object) -> datetime | None:
    """The moment; None where there is none, or none before the year 9999 is over.

    Second 60 is the one before it.
    """
    if not isinstance(text, str):
        return None
    at = datetime.fromisoformat(text.replace(":60", ":59"))
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if at.year == 1 else None


def problem(code: str, path: str, text: str) -> Issue:
    return Issue("error", code, text, expression=f"Subscription.{path}")
