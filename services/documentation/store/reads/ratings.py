"""Ratings of goals: those of the sessions that count, and each as an observation of its own."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from contracts.codes import MeasuredBy, ProgressScale
from services.chassis.db import Connection
from services.documentation.domain.notes import NoteState
from services.documentation.domain.views import ObservationView, RatingView, Reader
from services.documentation.store.reads.page import Asked, Page, reader, rows_of, view

# A rating as it was told last (`c`, `n`), and its session as it stands now (`s`). What a later
# version of the note leaves out, or what a void one had said, is still there: entered in error.
OBSERVATIONS = Page(
    """c.rating_id, c.goal_id, c.session_id, c.scale, c.value, c.measured_by, s.version, s.state,
               c.version AS told_in, n.mentor_id, n.ends_at, n.document_id,
               coalesce(n.cosigned_at, n.signed_at) AS noted_at""",
    """session_goal c
          JOIN session n
            ON (n.session_id, n.version) = (c.session_id, c.version)
           AND n.state IN ('final', 'superseded')
          JOIN session s
            ON s.session_id = c.session_id
           AND s.state IN ('final', 'voided')""",
    row="s",
    id_="c.rating_id",
    where="""r.kind = 'hub'
           AND c.counts
           AND c.scale IS NOT NULL
           AND NOT EXISTS (
               SELECT FROM session_goal later
                 JOIN session told
                   ON (told.session_id, told.version) = (later.session_id, later.version)
                WHERE later.rating_id = c.rating_id
                  AND later.version > c.version
                  AND later.counts
                  AND later.scale IS NOT NULL
                  AND told.state IN ('final', 'superseded'))""",
    more=(
        "n.ends_at >= {}::timestamptz",
        "n.ends_at < {}::timestamptz",
        "c.scale = ANY ({}::text[])",
    ),
)


async def list_observations(
    conn: Connection, asked: Asked, *, scales: Sequence[ProgressScale] | None = None
) -> list[tuple[ObservationView, Reader]]:
    """Ratings as a hub reads them, in the order of (updated_at, id); of some scales only."""
    more: tuple[Any, ...] = (asked.begins, asked.ends, scales)
    codes = {"scale": ProgressScale, "measured_by": MeasuredBy, "state": NoteState}
    rows = await rows_of(conn, OBSERVATIONS, asked, *more)
    return [(view(ObservationView, row, codes), reader(row)) for row in rows]


async def list_ratings(
    conn: Connection, goals: Sequence[UUID]
) -> Mapping[UUID, tuple[RatingView, ...]]:
    """Ratings of final notes by goal, in the order of their sessions."""
    rows = await conn.fetch(
        """
        SELECT c.goal_id, c.rating_id, c.scale, c.value, s.mentor_id,
               coalesce(s.cosigned_at, s.signed_at) AS noted_at
          FROM session_goal c
          JOIN session s USING (session_id, version)
         WHERE c.goal_id = ANY ($1::uuid[])
           AND c.scale IS NOT NULL
           AND c.counts
           AND s.state = 'final'
         ORDER BY s.starts_at, s.session_id
        """,
        list(goals),
    )
    found: dict[UUID, list[RatingView]] = {}
    for row in rows:
        rating = view(RatingView, row, {"scale": ProgressScale})
        found.setdefault(row["goal_id"], []).append(rating)
    return {goal_id: tuple(ratings) for goal_id, ratings in found.items()}
