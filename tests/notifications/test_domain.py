"""Rules of telling: where we may be made to send, what a filter may say, how long we try."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.notifications.commands.telling import Message
from services.notifications.domain.attempts import (
    HOLD,
    LONGEST_ASKED_PAUSE,
    LONGEST_PAUSE,
    Answered,
    Failed,
    Held,
    Unsent,
    is_delivered,
    pause_after,
)
from services.notifications.domain.endpoints import (
    Fault,
    endpoint_fault,
    header_pair,
    may_connect,
)
from services.notifications.domain.subscriptions import (
    MOST_TOGETHER,
    Delivery,
    Focus,
    Kind,
    State,
    Topic,
    fitting,
    youth_of_filter,
)
from tests.notifications.rig import NOW
from tests.notifications.test_mapping import subscription

YOUTH = UUID("3f0b8c52-7d4e-4a19-8b6c-90e2d7a50042")


@pytest.mark.parametrize(
    "url",
    [
        "https://ehr.riverbend.example/hooks/northlight",
        "https://ehr.riverbend.example:443/hook?tenant=7",
        "https://hooks.0x7.org/in",
        "https://EHR.Riverbend.Example./hook",
        "https://10.riverbend.example/hook",
    ],
)
def test_a_public_https_address_may_be_tried(url: str) -> None:
    assert endpoint_fault(url, loopback=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://ehr.riverbend.example/hook",
        "https://ehr.riverbend.example:8443/hook",
        "https://ehr.riverbend.example:80/hook",
        "https://localhost/hook",
        "https://localhost./hook",
        "https://a.localhost/hook",
        "https://127.0.0.1/hook",
        "https://127.1/hook",
        "https://0/hook",
        "https://2130706433/hook",
        "https://0x7f000001/hook",
        "https://0x7f.0x0.0x0.0x1/hook",
        "https://0177.0.0.1/hook",
        "https://10.0.0.8/hook",
        "https://172.16.0.1/hook",
        "https://192.168.1.1/hook",
        "https://100.64.0.1/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://[::ffff:127.0.0.1]/hook",
        "https://[fe80::1]/hook",
        "https://[fd00::1]/hook",
        "https://8.8.8.8/hook",
        "https://metadata.google.internal/computeMetadata",
        "https://printer.local/hook",
        "https://db/hook",
        "https://good.example@evil.example/hook",
        "https://good.example:pw@127.0.0.1/hook",
        "https://@evil.example/hook",
    ],
)
def test_an_address_inside_or_without_encryption_is_forbidden(url: str) -> None:
    """B-60: loopback, private, link-local in any spelling, user names, other ports."""
    assert endpoint_fault(url, loopback=False) is Fault.FORBIDDEN


@pytest.mark.parametrize(
    "url",
    [
        "adfdf",
        "",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "//ehr.riverbend.example/hook",
        "https://",
        "https:///hook",
        "https://ehr.riverbend.example/hook#part",
        "https://ehr.riverbend.example\\@evil.example/hook",
        "https://ehr.riverbend.example/a b",
        "https://ehr.riverbend.example/\r\nHost: x",
        "https://ehr.riverb\u0435nd.example/hook",
        "https://xn--80ak6aa92e.com/hook",
        "https://ehr_river.example/hook",
        "https://ehr.riverbend.example:99999/hook",
        "https://[::1/hook",
        "https://" + "a" * 2_000 + ".example/hook",
    ],
)
def test_what_is_no_address_at_all_is_unreadable(url: str) -> None:
    """B-63: no scheme that we speak, a letter that only looks like one, control characters."""
    assert endpoint_fault(url, loopback=False) is Fault.UNREADABLE


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9100/hubs/riverbend/hook", "http://localhost:1/", "http://[::1]:8/hook"],
)
def test_this_machine_may_be_tried_only_where_a_setting_says_so(url: str) -> None:
    assert endpoint_fault(url, loopback=True) is None
    assert endpoint_fault(url, loopback=False) is Fault.FORBIDDEN


@pytest.mark.parametrize(
    "url", ["http://10.0.0.8/hook", "http://user@127.0.0.1/hook", "http://2130706433/hook"]
)
def test_that_setting_opens_nothing_else(url: str) -> None:
    assert endpoint_fault(url, loopback=True) is Fault.FORBIDDEN


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_may_be_connected_to(address: str) -> None:
    assert may_connect(address, loopback=False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.0.3",
        "0.0.0.0",  # noqa: S104
        "10.1.2.3",
        "172.31.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:93.184.216.34",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "64:ff9b::7f00:1",
        "not an address",
    ],
)
def test_addresses_inside_are_not_connected_to_in_any_spelling(address: str) -> None:
    assert not may_connect(address, loopback=False)


def test_loopback_is_connected_to_only_where_a_setting_says_so() -> None:
    assert may_connect("127.0.0.1", loopback=True)
    assert not may_connect("10.0.0.1", loopback=True)


def test_a_header_is_a_name_and_a_value() -> None:
    assert header_pair("Authorization: Bearer abc") == ("Authorization", "Bearer abc")
    assert header_pair("X-Tenant:7") == ("X-Tenant", "7")


@pytest.mark.parametrize(
    "line",
    [
        "x\r\nHost: evil",
        "X: a\r\nHost: evil",
        "X: a\nb",
        "X: \x00",
        "X:",
        "no colon",
        ": value",
        "Host: evil",
        "host: evil",
        "Content-Length: 0",
        "Transfer-Encoding: chunked",
        "webhook-signature: v1,mine",
        "Proxy-Authorization: x",
        "X-Forwarded-For: 127.0.0.1",
        "X-Ключ: a",
    ],
)
def test_no_header_smuggles_a_line_or_sets_what_is_ours(line: str) -> None:
    assert header_pair(line) is None


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        (Topic.CARE_PROGRESS, f"Encounter?patient=Patient/{YOUTH}"),
        (Topic.CARE_PROGRESS, f"Goal?patient=Patient/{YOUTH}"),
        (Topic.REFERRAL_PROGRESS, f"Task?patient=Patient/{YOUTH}"),
    ],
)
def test_a_filter_names_a_youth_by_our_id(topic: Topic, text: str) -> None:
    assert youth_of_filter(topic, text) == YOUTH


@pytest.mark.parametrize(
    "text",
    [
        f"Task?patient=Patient/{YOUTH}",
        f"Encounter?patient={YOUTH}",
        f"Encounter?patient=Patient/{YOUTH}&status=finished",
        f"Encounter?patient.name=Patient/{YOUTH}",
        f"Encounter?patient=https://waypost.example/fhir/Patient/{YOUTH}",
        f"Encounter?patient=Patient/{str(YOUTH).upper()}",
        "Encounter?patient=Patient/*",
        "Encounter?status=finished",
        "",
    ],
)
def test_any_other_filter_is_none_of_ours(text: str) -> None:
    assert youth_of_filter(Topic.CARE_PROGRESS, text) is None


def test_only_2xx_is_delivered() -> None:
    said = {status: is_delivered(Answered(status)) for status in (200, 204, 299, 302, 400, 500)}

    assert said == {200: True, 204: True, 299: True, 302: False, 400: False, 500: False}
    assert not is_delivered(Failed(Unsent.TIMEOUT))


def test_pauses_double_to_an_hour_and_spread() -> None:
    failed = Answered(500)

    assert [pause_after(n, failed, jitter=0).total_seconds() for n in (1, 2, 10, 12, 99)] == [
        *(2, 4, 1024, 3600, 3600)
    ]
    assert pause_after(12, failed, jitter=1) == LONGEST_PAUSE * 1.25


def test_an_endpoint_that_asks_for_time_gets_it_within_reason() -> None:
    asks = Answered(429, timedelta(seconds=90))
    asks_too_much = Answered(503, timedelta(days=9))

    assert pause_after(1, asks, jitter=0) == timedelta(seconds=90)
    assert pause_after(1, asks_too_much, jitter=0) == LONGEST_ASKED_PAUSE


def test_our_own_silence_is_asked_about_again_soon() -> None:
    assert pause_after(20, Held(Unsent.HELD), jitter=1) == HOLD


# --- Several events in one message ---------------------------------------------------------------

SUBSCRIPTION = UUID(int=1)


def queued(events: int = 1, **changes: Any) -> Delivery:
    focus = tuple(Focus("Task", uuid4()) for _ in range(events))
    ids = uuid4(), SUBSCRIPTION
    found = Delivery(*ids, Kind.EVENT, YOUTH, NOW, focus, State.QUEUED, None, None, 0)
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("sizes", "most", "fit"),
    [
        ((1, 1, 1), 3, 2),
        ((1, 1, 1), 20, 2),
        ((2, 2, 1), 4, 1),
        ((1, 3, 1), 3, 0),  # the small one behind a big one waits: the order stays
        ((1, 1), 1, 0),
        ((1,), 20, 0),
    ],
)
def test_what_follows_fits_as_long_as_its_events_do(
    sizes: Sequence[int], most: int, fit: int
) -> None:
    first, *behind = [queued(size) for size in sizes]

    assert fitting(first, behind, most=most) == tuple(behind[:fit])


OTHERWISE: Sequence[Callable[[], Delivery]] = (
    lambda: queued(subscription_id=UUID(int=2)),
    lambda: queued(kind=Kind.HANDSHAKE, focus=()),
    lambda: queued(kind=Kind.HEARTBEAT, focus=()),
    lambda: queued(state=State.UNDELIVERABLE),
    lambda: queued(first_number=7),
)


@pytest.mark.parametrize(
    "other",
    OTHERWISE,
    ids=["another subscription's", "a handshake", "a heartbeat", "closed", "numbered before"],
)
def test_the_first_that_may_not_go_along_ends_it(other: Callable[[], Delivery]) -> None:
    first, second, last = queued(), queued(), queued()

    assert fitting(first, [second, other(), last], most=20) == (second,)


def message(topic: int, most: int | None, **changes: Any) -> Message:
    stands = subscription(topic, str(SUBSCRIPTION))
    channel = replace(stands.wanted.channel, most_events=most)
    return Message(
        queued(**changes), replace(stands, wanted=replace(stands.wanted, channel=channel))
    )


@pytest.mark.parametrize(
    ("found", "room"),
    [
        (message(21, 20), 19),
        (message(21, 20, events=3), 17),
        (message(21, 2, events=3), 0),
        (message(21, None), 0),
        (message(21, 1), 0),
        (message(21, 10_000), MOST_TOGETHER - 1),
        (message(21, 20, first_number=7), 0),
        (message(21, 20, kind=Kind.HEARTBEAT, focus=()), 0),
        (message(30, 20), 0),  # of care each youth is asked about by itself
    ],
)
def test_a_message_has_room_for_as_many_as_its_subscriber_wants(found: Message, room: int) -> None:
    assert found.room == room
