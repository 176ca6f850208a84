"""Names of metrics and of what spans say, each with its meaning. What is not named is not said."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A gauge, or a counter since the process started, whose name ends in `_total`.

    Labels take few, closed values: never an id of a person or a stream.
    """

    name: str
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        return self.name.endswith("_total")


EVENTS_UNPUBLISHED = Metric(
    "waypost_events_unpublished", "events", "Events that Kafka has not acknowledged yet"
)
EVENTS_UNPUBLISHED_AGE = Metric(
    "waypost_events_unpublished_age", "seconds", "Age of the oldest event not published yet"
)
INBOX_WAITING = Metric(
    "waypost_inbox_waiting", "events", "Events that wait, by the reason of refusal", ("reason",)
)
INBOX_WAITING_AGE = Metric(
    "waypost_inbox_waiting_age", "seconds", "Age of the longest waiting event", ("reason",)
)
STREAMS_HELD = Metric(
    "waypost_streams_held", "streams", "Streams that stand still: refused or frozen", ("by",)
)
RECORDS_UNREADABLE = Metric(
    "waypost_records_unreadable", "records", "Kafka records kept because they are no event"
)
EVENTS_CAUGHT_UP = Metric(
    "waypost_events_caught_up", "events", "Events fetched from producers since the start"
)
CONSUMER_LAG = Metric(
    "waypost_consumer_lag", "records", "Records of the topic not read yet", ("topic",)
)
WORK_DUE = Metric("waypost_work_due", "rows", "Work whose time has come, by kind", ("kind",))
WORK_LATE = Metric(
    "waypost_work_late", "rows", "Due work that has failed and is tried again, by kind", ("kind",)
)
POOL_IDLE = Metric("waypost_pool_idle", "connections", "Database connections that nobody uses")
POOL_WAITS = Metric(
    "waypost_pool_waits_total", "times", "How often a database connection was asked for"
)
POOL_WAIT_SECONDS = Metric(
    "waypost_pool_wait_seconds_total", "seconds", "Time spent waiting for a database connection"
)
BATCHES = Metric("waypost_batches_total", "batches", "Batches of records that were received")
BATCH_SECONDS = Metric(
    "waypost_batch_seconds_total", "seconds", "Time from a batch's receipt to its commit"
)
NOTIFICATIONS_QUEUED_AGE = Metric(
    "waypost_notifications_queued_age",
    "seconds",
    "How long the oldest message to a client has been tried",
    ("client",),
)
NOTIFICATIONS_UNDELIVERABLE = Metric(
    "waypost_notifications_undeliverable",
    "messages",
    "Messages to a client that were given up after days",
    ("client",),
)
MAIL_QUEUED_AGE = Metric(
    "waypost_mail_queued_age", "seconds", "How long the oldest letter has been tried"
)
MAIL_UNDELIVERABLE = Metric(
    "waypost_mail_undeliverable", "letters", "Letters to families and staff that were given up"
)

METRICS = (
    EVENTS_UNPUBLISHED,
    EVENTS_UNPUBLISHED_AGE,
    INBOX_WAITING,
    INBOX_WAITING_AGE,
    STREAMS_HELD,
    RECORDS_UNREADABLE,
    EVENTS_CAUGHT_UP,
    CONSUMER_LAG,
    WORK_DUE,
    WORK_LATE,
    POOL_IDLE,
    POOL_WAITS,
    POOL_WAIT_SECONDS,
    BATCHES,
    BATCH_SECONDS,
    NOTIFICATIONS_QUEUED_AGE,
    NOTIFICATIONS_UNDELIVERABLE,
    MAIL_QUEUED_AGE,
    MAIL_UNDELIVERABLE,
)

# All that a span may say beside its name: nothing by which a person could be known.
ATTRIBUTES = {
    "http.response.status_code": "Status of the answer to a request",
    "peer.service": "Who is asked: a service of ours, a payer, a hub, the mail server",
    "ce_id": "Id of the event that is handled",
    "ce_sequence": "Its number within its stream",
    "attempt": "How often this work has been begun, this time included",
    "links": "Other spans of the same request, in the traces of what else it was made for",
    "error": "Class of the exception with which the span ended",
}
