"""A note has versions: a corrected one beside the one that it replaces, and one that voids it.

Safe while the code before runs: what it writes is version 1.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    "ALTER TABLE session_goal DROP CONSTRAINT session_goal_session",
    "ALTER TABLE session_goal DROP CONSTRAINT session_goal_pkey",
    "ALTER TABLE session DROP CONSTRAINT session_pkey",
    "ALTER TABLE session ADD CONSTRAINT session_pkey PRIMARY KEY (session_id, version)",
    """
    ALTER TABLE session
        ADD COLUMN late_reason  text,
        ADD COLUMN amend_reason text,
        ADD COLUMN void_reason  text,
        ADD COLUMN attested_by  uuid,
        -- Each final version is a document of its own; the same id names its Provenance.
        ADD COLUMN document_id  uuid NOT NULL
            GENERATED ALWAYS AS (md5(session_id::text || '/' || version::text)::uuid) STORED
    """,
    """
    ALTER TABLE session_goal
        ADD COLUMN version   integer NOT NULL DEFAULT 1,
        -- A rating keeps its id when it is corrected. The text would be too long for an id.
        ADD COLUMN rating_id uuid NOT NULL
            GENERATED ALWAYS AS (md5(session_id::text || '.' || goal_id::text)::uuid) STORED
    """,
    """
    ALTER TABLE session_goal
        ADD CONSTRAINT session_goal_pkey PRIMARY KEY (session_id, version, goal_id),
        ADD CONSTRAINT session_goal_session FOREIGN KEY (session_id, version)
            REFERENCES session (session_id, version)
    """,
    "CREATE INDEX session_goal_rating_id ON session_goal (rating_id)",
    "CREATE INDEX session_document ON session (document_id)",
    """
    ALTER TABLE session
        DROP CONSTRAINT session_state,
        DROP CONSTRAINT session_final_is_complete,
        DROP CONSTRAINT session_mentor_overlap,
        DROP CONSTRAINT session_youth_overlap
    """,
    "DROP INDEX session_of_appointment",
    """
    ALTER TABLE session
        ADD CONSTRAINT session_state CHECK (
            state IN ('draft', 'submitted', 'signed', 'final', 'superseded', 'voided')),
        ADD CONSTRAINT session_final_is_complete CHECK (
            state IN ('draft', 'submitted', 'signed')
            OR (supervisor_id IS NOT NULL AND units IS NOT NULL AND rule_pack_version IS NOT NULL)),
        -- A corrected note lies where the one that it corrects lies: one session, no overlap.
        ADD CONSTRAINT session_mentor_overlap EXCLUDE USING gist (
            mentor_id WITH =, tstzrange(starts_at, ends_at) WITH &&, session_id WITH <>)
            WHERE (state IN ('signed', 'final')),
        ADD CONSTRAINT session_youth_overlap EXCLUDE USING gist (
            youth_id WITH =, tstzrange(starts_at, ends_at) WITH &&, session_id WITH <>)
            WHERE (state IN ('signed', 'final')),
        ADD CONSTRAINT session_of_appointment EXCLUDE USING gist (
            appointment_id WITH =, session_id WITH <>) WHERE (state IN ('signed', 'final'))
    """,
    """
    CREATE UNIQUE INDEX session_current ON session (session_id)
     WHERE state IN ('final', 'voided')
    """,
    """
    CREATE UNIQUE INDEX session_open ON session (session_id)
     WHERE state IN ('draft', 'submitted', 'signed')
    """,
    "CREATE INDEX session_appointment ON session (appointment_id)",
    # What is added to a signed note, each with its own author and time.
    """
    CREATE TABLE addendum (
        addendum_id uuid        PRIMARY KEY,
        session_id  uuid        NOT NULL,
        version     integer     NOT NULL,
        author_id   uuid        NOT NULL,
        written_at  timestamptz NOT NULL,
        text        text        NOT NULL,
        CONSTRAINT addendum_session FOREIGN KEY (session_id, version)
            REFERENCES session (session_id, version)
    )
    """,
    "CREATE INDEX addendum_session ON addendum (session_id, version)",
    # About an appointment or a draft; said once per level, however often it is looked at.
    """
    CREATE TABLE overdue (
        about_id uuid        NOT NULL,
        level    text        NOT NULL
            CONSTRAINT overdue_level CHECK (level IN ('due', 'late', 'escalated')),
        told_at  timestamptz NOT NULL,
        PRIMARY KEY (about_id, level)
    )
    """,
    "DROP VIEW note",
    """
    CREATE VIEW note AS
    SELECT session_id, version, youth_id, referral_id, episode_id, appointment_id, mentor_id,
           supervisor_id, starts_at, ends_at, place_of_service, modality, billable, texts, state,
           units, rule_pack_version, return_reason, signed_at, cosigned_at, late_reason,
           amend_reason, void_reason, attested_by,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(goal_id, scale, value, measured_by)
                                      ORDER BY position), '[]')
              FROM session_goal g
             WHERE g.session_id = s.session_id
               AND g.version = s.version) AS goals
      FROM session s
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
