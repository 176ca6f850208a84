"""Several rows of one lane at once: what follows a row in hand is done, and ends, along with it.

Who takes rows along keeps for himself which they are, so that a repeat has the same.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import takewhile

from services.chassis.db import Connection, note
from services.chassis.work import Item


async def list_behind(conn: Connection, item: Item, *, now: datetime, most: int) -> Sequence[Item]:
    """What follows a row in hand in its lane, `most` at most, so far as it could be done at once.

    Of the same kind, due, not backing off; the first that is not ends it. As long as the row in
    hand is open nobody takes what follows it, whoever has it in hand by then.
    """
    rows = await conn.fetch(
        """
        SELECT id, kind, payload, attempts, lease_token, headers,
               kind = $2 AND due_at <= $3
               AND (lease_until IS NULL OR lease_until <= now()) AS at_once
          FROM work
         WHERE lane = (SELECT lane FROM work WHERE id = $1)
           AND id > $1
           AND outcome IS NULL
         ORDER BY id
         LIMIT $4
        """,
        *(item.id, item.kind, now, most),
    )
    return [Item(*values) for *values, _ in takewhile(lambda row: row["at_once"], rows)]


async def finish_behind(conn: Connection, item: Item, key: str, values: Collection[str]) -> None:
    """From `record`: end those behind this row in its lane that were done along with it.

    They are those whose payload has one of these values under the key. The next of the lane comes
    forward; one that is ended already stays as it is.
    """
    row = await conn.fetchrow(
        """
        WITH done AS (
            UPDATE work SET outcome = 'done', ended_at = now(), lease_until = NULL
             WHERE id = ANY (ARRAY(
                   SELECT id
                     FROM work
                    WHERE lane = (SELECT lane FROM work WHERE id = $1)
                      AND id > $1
                      AND outcome IS NULL
                      AND payload ->> $2 = ANY ($3::text[])
                    ORDER BY id
                    LIMIT cardinality($3::text[])))
               AND outcome IS NULL
            RETURNING id, lane
        ), forward AS (
            UPDATE work w SET behind = false
              FROM (SELECT DISTINCT lane FROM done) ended, LATERAL (
                   SELECT id FROM work
                    WHERE lane = ended.lane AND id > $1 AND outcome IS NULL
                      AND NOT EXISTS (SELECT FROM done WHERE done.id = work.id)
                    ORDER BY id
                    LIMIT 1) next
             WHERE w.id = next.id AND w.behind
            RETURNING w.id
        )
        SELECT EXISTS (SELECT FROM done) AND NOT EXISTS (SELECT FROM forward) AS ends
        """,
        *(item.id, key, list(values)),
    )
    if row and row["ends"]:
        note(conn, "behind")  # as in `finish`
