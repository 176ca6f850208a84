"""Each version of a final note as a document, and who answers for it."""

from typing import Any

from contracts.codes import PlaceOfService, ProgressScale
from services.chassis.db import Connection
from services.documentation.domain.notes import NoteState
from services.documentation.domain.views import (
    DocumentView,
    ProvenanceView,
    Reader,
    WorkedGoal,
)
from services.documentation.store.reads.page import Asked, Page, reader, rows_of, view

# A version of a note (`d`), and its session as it stands now (`s`): each later version changes
# what stands of the earlier ones.
VERSIONS = """session d
          JOIN session s
            ON s.session_id = d.session_id
           AND s.state IN ('final', 'voided')"""
SIGNATURES = """d.document_id, d.session_id, d.mentor_id, d.attested_by, d.supervisor_id,
               d.cosigned_at IS NOT NULL AS is_cosigned,
               coalesce(d.cosigned_at, d.signed_at) AS noted_at"""
DOCUMENTS = Page(
    f"""{SIGNATURES}, s.version - d.version + 1 AS version, s.state,
               d.version = s.version AS is_current, d.starts_at, d.ends_at, d.place_of_service,
               floor(extract(epoch FROM d.ends_at - d.starts_at) / 60)::integer AS minutes,
               (SELECT document_id FROM session
                 WHERE session_id = d.session_id AND version = d.version - 1) AS replaces,
               (SELECT coalesce(jsonb_agg(jsonb_build_array(
                           g.identifiers -> 0 ->> 'value', c.scale, c.value)
                           ORDER BY c.position), '[]')
                  FROM session_goal c
                  JOIN goal g USING (goal_id)
                 WHERE (c.session_id, c.version) = (d.session_id, d.version)
                   AND c.counts) AS goals""",  # noqa: S608 (a constant)
    VERSIONS,
    row="s",
    id_="d.document_id",
    where="r.kind = 'hub' AND d.state IN ('final', 'superseded')",
    more=(
        "coalesce(d.cosigned_at, d.signed_at) >= {}::timestamptz",
        "coalesce(d.cosigned_at, d.signed_at) < {}::timestamptz",
    ),
)
# Nothing that happens later changes who signed a version.
PROVENANCES = Page(
    f"""{SIGNATURES},
               ARRAY(SELECT c.rating_id
                       FROM session_goal c
                      WHERE (c.session_id, c.version) = (d.session_id, d.version)
                        AND c.counts
                        AND c.scale IS NOT NULL
                      ORDER BY c.position) AS ratings""",  # noqa: S608 (a constant)
    "session d",
    row="d",
    id_="d.document_id",
    where="r.kind = 'hub' AND d.state IN ('final', 'superseded')",
    more=("d.session_id = ANY ({}::uuid[])",),
)


async def list_documents(conn: Connection, asked: Asked) -> list[tuple[DocumentView, Reader]]:
    """Summaries of sessions as a hub reads them, in the order of (updated_at, id)."""
    rows = await rows_of(conn, DOCUMENTS, asked, asked.begins, asked.ends)
    codes: dict[str, Any] = {
        "state": NoteState,
        "place_of_service": PlaceOfService,
        "goals": lambda goals: tuple(worked_goal(*goal) for goal in goals),
    }
    return [(view(DocumentView, row, codes), reader(row)) for row in rows]


async def list_provenances(
    conn: Connection, asked: Asked, *, sessions: Any = None
) -> list[tuple[ProvenanceView, Reader]]:
    """Who answers for which version of a note; of some sessions only."""
    rows = await rows_of(conn, PROVENANCES, asked, sessions)
    return [(view(ProvenanceView, row, {"ratings": tuple}), reader(row)) for row in rows]


def worked_goal(number: str | None, scale: str | None, value: float | None) -> WorkedGoal:
    return WorkedGoal(number, ProgressScale(scale) if scale else None, value)
