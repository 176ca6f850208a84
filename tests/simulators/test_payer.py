"""The payer answers as a payer does: a member, a sibling, nobody, nothing at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.simulators.rig import Simulator

MEMBER = {
    "member_id": "100000000042",
    "first_name": "Jayden",
    "last_name": "Sample",
    "birth_date": "2012-05-06",
    "product": "MassHealth Standard",
    "period": {"start": "2026-01-01", "end": "2026-12-31"},
    "bh_admin": "MBHP",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("payer")


@pytest.fixture(scope="module")
def payer(home: Path) -> Iterator[Simulator]:
    with Simulator("payer", home) as payer:
        payer.post("/members", MEMBER)
        yield payer


def ask(payer: Simulator, home: Path, *, patience: float = 30, **changes: Any) -> httpx.Response:
    question = {
        "trace": "T1",
        "member_id": "100000000042",
        "birth_date": "2012-05-06",
        "service_date": "2026-11-22",
    }
    token = (home / "token").read_text()
    return payer.http.post(
        "/masshealth/eligibility",
        json=question | changes,
        headers={"Authorization": f"Bearer {token}"},
        timeout=patience,
    )


def test_a_member_is_told_with_product_administrator_and_own_name(
    payer: Simulator, home: Path
) -> None:
    answer = ask(payer, home).json()

    assert [(one["eb01"], one["eb05"]) for one in answer["benefits"]] == [
        ("1", "MassHealth Standard"),
        ("MC", "MBHP"),
    ]
    assert answer["name"] == {"first": "Jayden", "last": "Sample"}
    assert answer["trace"] == "T1"


@pytest.mark.parametrize(
    ("changes", "aaa", "eb01"),
    [
        ({"member_id": "999999999999"}, ["75"], []),
        ({"birth_date": "2012-05-07"}, ["71"], []),
        ({"service_date": "2027-01-01"}, [], ["6"]),
    ],
    ids=["unknown member", "other birth date", "outside the period"],
)
def test_what_does_not_fit_is_rejected_or_inactive(
    payer: Simulator, home: Path, changes: dict[str, Any], aaa: list[str], eb01: list[str]
) -> None:
    answer = ask(payer, home, **changes).json()

    assert [one["code"] for one in answer["aaa"]] == aaa
    assert [one["eb01"] for one in answer["benefits"]] == eb01


def test_an_unable_payer_says_42_or_503_or_nothing(payer: Simulator, home: Path) -> None:
    payer.post("/behaviour", {"mode": "aaa42", "member_id": "100000000042"})
    assert ask(payer, home).json()["aaa"][0]["code"] == "42"
    payer.post("/behaviour", {"mode": "503", "member_id": "100000000042"})
    assert ask(payer, home).status_code == 503
    payer.post("/behaviour", {"mode": "silent", "member_id": "100000000042"})
    with pytest.raises(httpx.ReadTimeout):
        ask(payer, home, patience=1)
    payer.post("/behaviour", {"mode": "normal", "member_id": "100000000042"})
    assert ask(payer, home).json()["benefits"]


def test_a_wrong_token_is_401_and_the_log_names_nobody(payer: Simulator, home: Path) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    refused = payer.http.post("/masshealth/eligibility", json={}, headers=wrong)

    assert refused.status_code == 401
    assert "Jayden" not in (home / "log.jsonl").read_text()


def test_what_it_was_taught_survives_a_kill(payer: Simulator, home: Path) -> None:
    payer.kill()
    payer.start()

    assert ask(payer, home).json()["benefits"]
