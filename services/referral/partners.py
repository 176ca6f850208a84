"""Payers: the one outside system that this service asks. A Protocol and its HTTP adapter."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import httpx

from services.chassis import telemetry
from services.chassis.errors import Unavailable
from services.referral.domain.payer import Answer, Benefit, Question, same_name

ANSWER_SECONDS = 20.0  # of the thirty that a call of due work may take
LONGEST_ANSWER_BYTES = 65_536


class PayerUnavailable(Unavailable):
    """No answer, or none that can be read: unknown, never "no".

    `code` says what a person may have to do: `payer-setup` when the payer refuses us as such.
    """


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a payer answers eligibility questions, and the token it gave us."""

    url: str
    token: str = field(repr=False)


class PayerEligibility(Protocol):
    async def ask(self, desk: Desk, question: Question) -> Answer:
        """A payer's answer to a 270; `PayerUnavailable` when there is none."""
        ...


class HttpPayer:
    """The fields of a 270 as JSON to the payer's endpoint, those of a 271 back (DOMAIN.md §8)."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def ask(self, desk: Desk, question: Question) -> Answer:
        try:
            with telemetry.asking("payer", "ask payer"):
                answer = await self.http.post(
                    address(desk),
                    json=fields_of(question),
                    headers={"authorization": f"Bearer {desk.token}"} | telemetry.carried(),
                    timeout=ANSWER_SECONDS,
                )
        except httpx.HTTPError as error:
            # Without the cause: its text may repeat the address.
            raise PayerUnavailable("payer-unavailable", type(error).__name__) from None
        if answer.status_code in (401, 403):
            raise PayerUnavailable("payer-setup", f"The payer answers {answer.status_code}.")
        if answer.status_code != 200 or len(answer.content) > LONGEST_ANSWER_BYTES:
            raise PayerUnavailable("payer-unavailable", f"The payer answers {answer.status_code}.")
        try:
            return answer_of(answer.json(), question)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise PayerUnavailable("payer-unavailable", "The answer cannot be read.") from None


def address(desk: Desk) -> str:
    """A payer is registered by its base address; one that names the desk itself is taken as is."""
    base = desk.url.rstrip("/")
    return base if base.endswith("/eligibility") else f"{base}/eligibility"


def fields_of(question: Question) -> dict[str, str]:
    return {
        "trace": question.trace,
        "payer_id": question.payer_identifier,
        "provider_npi": question.provider_npi,
        "member_id": question.member_id,
        "first_name": question.first_name,
        "last_name": question.last_name,
        "birth_date": question.birth_date.isoformat(),
        "gender": question.gender,
        "service_date": question.service_date.isoformat(),
        "service_type": "30",
    }


def answer_of(fields: dict[str, Any], question: Question) -> Answer:
    if fields["trace"] != question.trace:
        raise ValueError("an answer to another question")
    return Answer(
        trace=fields["trace"],
        aaa=tuple(str(one["code"]) for one in fields["aaa"]),
        benefits=tuple(benefit_of(one) for one in fields["benefits"]),
        names_match=names_match(fields.get("name"), question),
        messages=tuple(str(text) for text in fields.get("messages", ())),
    )


def benefit_of(fields: dict[str, Any]) -> Benefit:
    period = fields.get("period") or {}
    return Benefit(
        str(fields["eb01"]),
        str(fields.get("eb05") or ""),
        day_of(period.get("start")),
        day_of(period.get("end")),
    )


def day_of(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def names_match(name: dict[str, Any] | None, question: Question) -> bool | None:
    """Whether the payer speaks of the child we asked about; None when it names nobody."""
    if not name or not name.get("first") or not name.get("last"):
        return None
    first = same_name(question.first_name, str(name["first"]))
    return first and same_name(question.last_name, str(name["last"]))
