"""One page of rows that a partner may read: who asks, what of it, from where on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from contracts.codes import PartnerKind
from services.chassis.db import Connection, Record
from services.documentation.domain.views import Reader

V = TypeVar("V")

TODAY = "$3::date"
# A payer reads by the day of the session, a hub by the day on which it asks.
DAY_OF_SESSION = """CASE r.kind
                          WHEN 'hub' THEN $3::date
                          ELSE (s.starts_at AT TIME ZONE 'America/New_York')::date END"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who reads, on which day, and what of it; None leaves open. `limit` rows after (at, id)."""

    organisation_id: UUID
    kind: PartnerKind
    on: date
    ids: Sequence[UUID] | None = None
    youths: Sequence[UUID] | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    changed_from: datetime | None = None
    changed_before: datetime | None = None
    after_at: datetime | None = None
    after_id: UUID | None = None
    limit: int = 1


def page(
    columns: str,
    rows: str,
    *,
    row: str,
    id_: str,
    where: str,
    reads_on: str = TODAY,
    more: str = "",
) -> str:
    """The SELECT of a page, its columns after those that say who reads.

    `row` is the alias of the table that has youth_id, referral_id and updated_at; `id_` the column
    that a resource's id is. $1 to $10 are those of `parameters`; `more` conditions begin with $11.
    """
    return f"""
        SELECT r.kind, r.system, r.value AS number,
               coalesce(sent.organisation_id = r.organisation_id, false) AS is_sender,
               {row}.updated_at, {row}.youth_id, {row}.referral_id, {columns}
          FROM {rows}
          JOIN reader r
            ON r.stream_id = {row}.youth_id
           AND r.organisation_id = $1
           AND r.kind = $2
           AND r.released
           AND r.reads @> {reads_on}
          LEFT JOIN referral sent ON sent.referral_id = {row}.referral_id
         WHERE {where}
           AND ($4::uuid[] IS NULL OR {id_} = ANY ($4))
           AND ($5::uuid[] IS NULL OR {row}.youth_id = ANY ($5))
           AND ($6::timestamptz IS NULL OR {row}.updated_at >= $6)
           AND ($7::timestamptz IS NULL OR {row}.updated_at < $7)
           AND ($8::timestamptz IS NULL OR ({row}.updated_at, {id_}) > ($8, $9::uuid))
           {more}
         ORDER BY {row}.updated_at, {id_}
         LIMIT $10
        """  # noqa: S608 (all parts are constants of this package)


async def rows_of(conn: Connection, sql: str, asked: Asked, *more: Any) -> list[Record]:
    return await conn.fetch(sql, *parameters(asked), *more)


def parameters(asked: Asked) -> tuple[Any, ...]:
    """$1 to $10, the same in every page."""
    return (
        *(asked.organisation_id, asked.kind, asked.on, asked.ids, asked.youths),
        *(asked.changed_from, asked.changed_before, asked.after_at, asked.after_id, asked.limit),
    )


def view(kind: type[V], row: Record, codes: Mapping[str, Any], **more: Any) -> V:
    """A row whose columns are named as the fields are; `codes` says which become an enum."""
    columns = set(row.keys())
    names = [f.name for f in fields(kind) if f.name in columns]  # type: ignore[arg-type]
    plain: dict[str, Any] = {name: row[name] for name in names}
    for name, code in codes.items():
        plain[name] = code(plain[name]) if plain[name] is not None else None
    return kind(**{**plain, **more})


def reader(row: Record) -> Reader:
    return Reader(PartnerKind(row["kind"]), row["is_sender"], row["system"], row["number"])
