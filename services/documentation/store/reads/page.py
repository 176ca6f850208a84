"""One page of rows that a partner may read: who asks, what of it, from where on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import cache
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


@dataclass(frozen=True, slots=True)
class Page:
    """The SELECT of a page, as far as it is the same for whoever asks for whatever.

    `row` is the alias of the table that has youth_id, referral_id and updated_at; `id_` the column
    that a resource's id is. `more` are conditions on one value each, in the order in which
    `rows_of` is given them.
    """

    columns: str
    rows: str
    row: str
    id_: str
    where: str
    reads_on: str = TODAY
    more: Sequence[str] = ()
    by_child: bool = False  # an index has the rows of each child in the order of a page


async def rows_of(conn: Connection, page: Page, asked: Asked, *more: Any) -> list[Record]:
    """The rows of a page, its columns beside those that say who reads.

    The statement names only what is asked for: PostgreSQL keeps one plan for each such question,
    where `$n IS NULL OR …` made it plan anew each time, for longer than it then read.
    """
    values: list[Any] = [asked.organisation_id, asked.kind, asked.on, asked.limit]
    conditions = [page.where]
    filters: tuple[tuple[str, Any], ...] = (
        among(page.id_, asked.ids),
        among(f"{page.row}.youth_id", asked.youths),
        (f"{page.row}.updated_at >= {{}}::timestamptz", asked.changed_from),
        (f"{page.row}.updated_at < {{}}::timestamptz", asked.changed_before),
        *zip(page.more, more, strict=True),
    )
    for condition, value in filters:
        if value is not None:
            values.append(value)
            conditions.append(condition.format(f"${len(values)}"))
    if asked.after_at is not None:
        values += [asked.after_at, asked.after_id]
        after = f"(${len(values) - 1}::timestamptz, ${len(values)}::uuid)"
        conditions.append(f"({page.row}.updated_at, {page.id_}) > {after}")
    of_all = page.by_child and asked.ids is None and asked.youths is None
    pages = of_children(page, conditions) if of_all else of_some(page, conditions)
    return await conn.fetch(statement(pages), *values)


def among(column: str, ids: Sequence[UUID] | None) -> tuple[str, Any]:
    """A condition and its value. One id is no list: of a list PostgreSQL cannot know the length."""
    if ids is not None and len(ids) == 1:
        return f"{column} = {{}}::uuid", ids[0]
    return f"{column} = ANY ({{}}::uuid[])", ids


def statement(page: str) -> str:
    # Who sent a referral is looked up for the rows of the page alone, not for all that match.
    return f"""
        SELECT p.*, coalesce(sent.organisation_id = $1, false) AS is_sender
          FROM ({page}) p
          LEFT JOIN referral sent ON sent.referral_id = p.referral_id
         ORDER BY p.updated_at, p.id
        """  # noqa: S608 (all parts are constants of this package)


def of_some(page: Page, conditions: Sequence[str]) -> str:
    """All rows that match, sorted: they are few."""
    return f"""
        SELECT r.kind, r.system, r.value AS number, {columns(page)}
          FROM {page.rows}
          JOIN reader r
            ON r.stream_id = {page.row}.youth_id
           AND r.organisation_id = $1
           AND r.kind = $2
           AND r.released
           AND r.reads @> {page.reads_on}
         WHERE {" AND ".join(conditions)}
         ORDER BY {page.row}.updated_at, {page.id_}
         LIMIT $4
        """  # noqa: S608 (all parts are constants of this package)


def of_children(page: Page, conditions: Sequence[str]) -> str:
    """Of each child that somebody reads its first row; then what comes up to the last of a page
    of those, for no row of the page comes after it, or belongs to another child.

    What is read grows with a reader's children, not with their rows.
    """
    # Of a range alone PostgreSQL expects one row in a thousand, and would sort all of a child's.
    order = f"{page.row}.updated_at, {page.id_}"
    of_child = f"""
          FROM {page.rows}
         WHERE {page.row}.youth_id = r.stream_id
           AND coalesce(r.reads @> {page.reads_on}, false)
           AND {" AND ".join(conditions)}"""
    return f"""
        SELECT r.kind, r.system, r.value AS number, found.*
          FROM (SELECT firsts.*,
                       CASE WHEN count(*) OVER every < $4 THEN 'infinity'
                            ELSE last_value(at) OVER every END AS last_at,
                       last_value(id) OVER every AS last_id
                  FROM (SELECT r.*, first.*
                          FROM reader r
                         CROSS JOIN LATERAL (SELECT {order} {of_child}
                                              ORDER BY {order}
                                              LIMIT 1) first (at, id)
                         WHERE r.organisation_id = $1
                           AND r.kind = $2
                           AND r.released
                           AND (r.kind <> 'hub' OR r.reads @> {TODAY})
                         ORDER BY at, id
                         LIMIT $4) firsts
                WINDOW every AS (ORDER BY at, id
                                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) r
         CROSS JOIN LATERAL (SELECT {columns(page)} {of_child}
                                AND ({order}) <= (r.last_at, r.last_id)
                              ORDER BY {order}
                              LIMIT $4) found
         ORDER BY found.updated_at, found.id
         LIMIT $4
        """  # noqa: S608 (all parts are constants of this package)


def columns(page: Page) -> str:
    return f"""{page.row}.updated_at, {page.row}.youth_id, {page.row}.referral_id,
               {page.id_} AS id, {page.columns}"""


def view(kind: type[V], row: Record, codes: Mapping[str, Any], **more: Any) -> V:
    """A row whose columns are named as the fields are; `codes` says which become an enum."""
    names = names_of(kind, tuple(row.keys()))  # type: ignore[arg-type]
    plain: dict[str, Any] = {name: row[name] for name in names}
    for name, code in codes.items():
        plain[name] = code(plain[name]) if plain[name] is not None else None
    return kind(**{**plain, **more})


@cache
def names_of(kind: Any, columns: Sequence[str]) -> Sequence[str]:
    """Fields that are columns, too. To ask a class for its fields costs as much as a whole row."""
    return [field.name for field in fields(kind) if field.name in columns]


def reader(row: Record) -> Reader:
    return Reader(PartnerKind(row["kind"]), row["is_sender"], row["system"], row["number"])
