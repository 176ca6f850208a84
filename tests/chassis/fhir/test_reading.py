"""Reading a search, without a database: dates, tokens, references, and no text that takes long."""

import time
from datetime import UTC, datetime

import pytest

from services.chassis.fhir import reading
from services.chassis.fhir.outcome import FhirRefused
from services.chassis.fhir.reading import Asked, date_range
from services.chassis.fhir.search import Date, DateRange, Reference, Text, Token
from tests.security.world import BASE, HUB

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026-03-08", "2026-03-08T05:00Z", "2026-03-09T04:00Z"),  # the clocks go forward
        ("2026-03-10T09:30", "2026-03-10T13:30Z", "2026-03-10T13:31Z"),
        ("2026-03-10T09:30:00Z", "2026-03-10T09:30Z", "2026-03-10T09:30:01Z"),
        ("ge2026-03-10T09:30:00.123+02:00", "2026-03-10T07:30Z", None),
        ("le2026", None, "2027-01-01T05:00Z"),
        ("2024-02", "2024-02-01T05:00Z", "2024-03-01T05:00Z"),
    ],
)
def test_a_date_means_the_whole_of_its_precision(
    text: str, low: str | None, high: str | None
) -> None:
    found = date_range("date", text)

    assert (found.low, found.high) == (low and moment(low), high and moment(high))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_tokens_and_references_come_apart() -> None:
    asked = Asked("Task", {"code": Token, "owner": Reference, "name": Text, "period": Date})
    given = reading.parameters(r"code=s|a,|b,s|,c%5C,d&owner=Organization/x&name=Ma%5C,r")

    search = reading.read(asked, given, on=NOW.date(), bound=NOW, base=BASE)

    assert search.tokens("code") == (
        Token("s", "a"),
        Token("", "b"),
        Token("s", None),
        Token(None, "c,d"),
    )
    assert (search.get("owner"), search.get("name"), search.get("absent")) == (
        ("x",),
        ("Ma,r",),
        None,
    )
    assert search.dates("period") == DateRange()
    assert HUB.client_id not in str(search)


@pytest.mark.parametrize("text", ["a" * 1_000, "\\" * 999, "|" * 999, "1" * 1_000, "-" * 1_000])
def test_no_text_takes_long_to_read(text: str) -> None:
    asked = Asked("Task", {"code": Token, "owner": Reference, "period": Date})
    begun = time.thread_time()  # whatever else this machine does
    for name in ("code", "owner", "period"):
        try:
            reading.read(asked, [(name, text)], on=NOW.date(), bound=NOW, base=BASE)
        except FhirRefused:
            continue

    assert time.thread_time() - begun < 0.05
