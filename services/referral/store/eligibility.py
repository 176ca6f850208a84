"""Questions to payers, their answers as we read them, and the determinations made from them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from contracts.codes import Check, HubService
from services.chassis.db import Connection, Record
from services.referral.domain.eligibility import Failure, Passed
from services.referral.domain.payer import Asked, Inquiry, Outcome, Reading

READING = "outcome, product, bh_admin, begins, ends, conditions, code"


@dataclass(frozen=True, slots=True)
class Determination:
    """Gate 1 on a day; `inquiry_id` and what follows it are None where it was denied."""

    determination_id: UUID
    referral_id: UUID
    youth_id: UUID
    as_of: date
    confirmed: bool
    rule_pack_version: str
    recorded_at: datetime
    inquiry_id: UUID | None = None
    hub_service: HubService | None = None
    hub_since: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    checks: tuple[Passed, ...] = ()
    reasons: tuple[Failure, ...] = ()
    conditions: tuple[str, ...] = ()


async def add_inquiry(conn: Connection, asked: Asked) -> None:
    reading = asked.reading
    await conn.execute(
        """
        INSERT INTO eligibility_inquiry (
               inquiry_id, response_id, referral_id, youth_id, coverage_id, payer_id, rank, round,
               source, service_date, asked_at, answered_at, trace, answer_trace, outcome, product,
               bh_admin, begins, ends, conditions, code, messages)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                $19, $20, $21, $22)
        """,
        *(asked.inquiry_id, asked.response_id, asked.referral_id, asked.youth_id),
        *(asked.coverage_id, asked.payer_id, asked.rank, asked.round, asked.source),
        *(asked.service_date, asked.asked_at, asked.answered_at, asked.trace),
        *(asked.answer_trace, reading.outcome, reading.product, reading.bh_admin),
        *(reading.begins, reading.ends, list(reading.conditions), reading.code),
        list(asked.messages),
    )


async def list_inquiries(conn: Connection, referral_id: UUID, round_: int) -> list[Inquiry]:
    """The last answer of each coverage that was asked about in a round."""
    rows = await conn.fetch(
        """
        SELECT DISTINCT ON (coverage_id)
               inquiry_id, coverage_id, payer_id, rank, outcome, product, bh_admin, begins, ends,
               conditions, code
          FROM eligibility_inquiry
         WHERE referral_id = $1
           AND round = $2
         ORDER BY coverage_id, number DESC
        """,
        *(referral_id, round_),
    )
    return [inquiry_of(row) for row in rows]


def inquiry_of(row: Record) -> Inquiry:
    return Inquiry(
        row["inquiry_id"], row["coverage_id"], row["payer_id"], row["rank"], reading_of(row)
    )


def reading_of(row: Record) -> Reading:
    return Reading(
        Outcome(row["outcome"]),
        *(row["product"], row["bh_admin"], row["begins"], row["ends"]),
        tuple(row["conditions"]),
        row["code"],
    )


async def inquiry_by_id(conn: Connection, id_: UUID, organisation_id: UUID) -> Asked | None:
    """An inquiry by its own id or its answer's, if it was for this organisation's referral."""
    row = await conn.fetchrow(
        """
        SELECT i.inquiry_id, i.response_id, i.referral_id, i.youth_id, i.coverage_id, i.payer_id,
               i.rank, i.round, i.source, i.service_date, i.asked_at, i.answered_at, i.trace,
               i.answer_trace, i.outcome, i.product, i.bh_admin, i.begins, i.ends, i.conditions,
               i.code, i.messages
          FROM eligibility_inquiry i
          JOIN referral r USING (referral_id)
         WHERE (i.inquiry_id = $1 OR i.response_id = $1)
           AND r.organisation_id = $2
        """,
        *(id_, organisation_id),
    )
    if row is None:
        return None
    return Asked(
        *(row["inquiry_id"], row["response_id"], row["referral_id"], row["youth_id"]),
        *(row["coverage_id"], row["payer_id"], row["rank"], row["round"], row["source"]),
        *(row["service_date"], row["asked_at"], row["answered_at"], row["trace"]),
        *(row["answer_trace"], reading_of(row), tuple(row["messages"])),
    )


async def add_determination(conn: Connection, made: Determination) -> None:
    await conn.execute(
        """
        INSERT INTO eligibility_determination (
               determination_id, referral_id, youth_id, as_of, outcome, inquiry_id, hub_service,
               hub_since, valid_from, valid_to, checks, reasons, conditions, rule_pack_version,
               recorded_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        """,
        *(made.determination_id, made.referral_id, made.youth_id, made.as_of),
        *("confirmed" if made.confirmed else "denied", made.inquiry_id, made.hub_service),
        *(made.hub_since, made.valid_from, made.valid_to),
        [
            {"name": check.name, "rule": check.rule, "evidence_id": str(check.evidence_id)}
            for check in made.checks
        ],
        [{"code": reason.code, "rule": reason.rule} for reason in made.reasons],
        *(list(made.conditions), made.rule_pack_version, made.recorded_at),
    )


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A determination that passed, with what its payer said."""

    determination: Determination
    response_id: UUID
    payer_id: UUID
    reading: Reading


async def determination_by_id(conn: Connection, determination_id: UUID) -> Confirmed | None:
    """A confirmed determination with the answer it rests on."""
    row = await conn.fetchrow(
        """
        SELECT d.determination_id, d.referral_id, d.youth_id, d.as_of, d.rule_pack_version,
               d.recorded_at, d.inquiry_id, d.hub_service, d.hub_since, d.valid_from, d.valid_to,
               d.checks, d.conditions AS agreed, i.response_id, i.payer_id, i.outcome, i.product,
               i.bh_admin, i.begins, i.ends, i.conditions, i.code
          FROM eligibility_determination d
          JOIN eligibility_inquiry i USING (inquiry_id)
         WHERE d.determination_id = $1
        """,
        determination_id,
    )
    if row is None:
        return None
    made = Determination(
        *(row["determination_id"], row["referral_id"], row["youth_id"], row["as_of"], True),
        *(row["rule_pack_version"], row["recorded_at"], row["inquiry_id"]),
        hub_service=HubService(row["hub_service"]),
        hub_since=row["hub_since"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        checks=tuple(map(passed_of, row["checks"])),
        conditions=tuple(row["agreed"]),
    )
    return Confirmed(made, row["response_id"], row["payer_id"], reading_of(row))


def passed_of(check: dict[str, Any]) -> Passed:
    return Passed(Check(check["name"]), check["rule"], UUID(check["evidence_id"]))
