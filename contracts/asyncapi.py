"""The events as AsyncAPI 3.0: topics, messages with headers and keys, who sends and who hears."""

from collections.abc import Mapping
from typing import Any

from contracts.events import Event

# Who hears which topic; a service ignores the types that it has no use for.
LISTENERS = {
    "referral.v1": ("scheduling", "documentation", "notifications"),
    "scheduling.v1": ("referral", "documentation", "notifications"),
    "documentation.v1": ("referral", "scheduling", "notifications"),
    "notifications.v1": ("referral",),
}

HEADERS: dict[str, Any] = {
    "type": "object",
    "description": "CloudEvents 1.0, binary content mode.",
    "required": [
        "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_sequence",
        "ce_dataschema", "content-type",
    ],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "Of this event, for ever."},
        "ce_type": {"type": "string", "description": "Name and version, ReferralReceived.v1."},
        "ce_source": {"type": "string", "description": "/waypost/ and the producing service."},
        "ce_subject": {"type": "string", "description": "The id of what the event is about."},
        "ce_time": {"type": "string", "format": "date-time", "description": "When it happened."},
        "ce_sequence": {
            "type": "string",
            "pattern": r"^\d{19}$",
            "description": "Dense from 1 per producer and key: a missing number is a lost record.",
        },
        "ce_dataschema": {"type": "string"},
        "ce_causationid": {"type": "string", "format": "uuid"},
        "content-type": {"type": "string", "const": "application/json"},
        "traceparent": {"type": "string"},
        "tracestate": {"type": "string"},
    },
}  # fmt: skip


def document(events: Mapping[str, type[Event]]) -> dict[str, Any]:
    """The AsyncAPI document of all events; bodies refer to the schema files beside it."""
    topics = sorted({event.topic for event in events.values()})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Waypost events",
            "version": "1.0.0",
            "description": "What the services of Waypost tell each other and outside schedulers.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {name_of(topic): _channel(topic, events) for topic in topics},
        "operations": {
            name: operation for topic in topics for name, operation in _operations(topic, events)
        },
        "components": {
            "messages": {_key(name): _message(name, event) for name, event in events.items()},
            "schemas": {"Headers": HEADERS},
        },
    }


def name_of(topic: str) -> str:
    return topic.replace(".", "-")


def _key(name: str) -> str:
    return name.replace(".", "-")


def _channel(topic: str, events: Mapping[str, type[Event]]) -> dict[str, Any]:
    return {
        "address": topic,
        "description": "Ordered per key; each record at least once; kept in the producer's log.",
        "messages": {
            _key(name): {"$ref": f"#/components/messages/{_key(name)}"}
            for name, event in events.items()
            if event.topic == topic
        },
        "bindings": {"kafka": {"topic": topic, "partitions": 12, "bindingVersion": "0.5.0"}},
    }


def _operations(topic: str, events: Mapping[str, type[Event]]) -> list[tuple[str, dict[str, Any]]]:
    producer = topic.partition(".")[0]
    channel = {"$ref": f"#/channels/{name_of(topic)}"}
    told: list[tuple[str, dict[str, Any]]] = [
        (f"{producer}-publishes", {"action": "send", "channel": channel})
    ]
    for listener in LISTENERS[topic]:
        heard = {"action": "receive", "channel": channel}
        told.append((f"{listener}-hears-{producer}", heard))
    return told


def _message(name: str, event: type[Event]) -> dict[str, Any]:
    return {
        "name": name,
        "title": event.__name__,
        "summary": (event.__doc__ or "").strip().partition("\n")[0],
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"./schemas/{name}.schema.json"},
        "bindings": {
            "kafka": {
                "key": {
                    "type": "string",
                    "format": "uuid",
                    "description": "The stream: our opaque id of the youth.",
                },
                "bindingVersion": "0.5.0",
            }
        },
        "x-data-class": event.data_class.value,
    }
