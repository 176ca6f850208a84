"""Facts of other services, the hub's plan with our goals, session notes that cannot overlap."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    # Two sessions at once are refused by an exclusion constraint over ids and times.
    "CREATE EXTENSION IF NOT EXISTS btree_gist",
    # --- Facts of referral and scheduling, one row each ----------------------------------------
    """
    CREATE TABLE referral (
        referral_id     uuid PRIMARY KEY,
        youth_id        uuid NOT NULL,
        organisation_id uuid NOT NULL
    )
    """,
    """
    CREATE TABLE hub_engagement (
        youth_id        uuid NOT NULL,
        organisation_id uuid NOT NULL,
        hub_service     text NOT NULL,
        active_from     date NOT NULL,
        active_to       date,
        PRIMARY KEY (youth_id, organisation_id, hub_service, active_from)
    )
    """,
    """
    CREATE TABLE eligibility_window (
        youth_id    uuid NOT NULL,
        payer       uuid NOT NULL,
        referral_id uuid NOT NULL,
        product     text NOT NULL,
        valid_from  date NOT NULL,
        valid_to    date NOT NULL,
        PRIMARY KEY (youth_id, payer, referral_id)
    )
    """,
    """
    CREATE TABLE assignment (
        assignment_id  uuid PRIMARY KEY,
        referral_id    uuid NOT NULL,
        youth_id       uuid NOT NULL,
        mentor_id      uuid NOT NULL,
        supervisor_id  uuid NOT NULL,
        assigned_on    date NOT NULL,
        standing_until date
    )
    """,
    "CREATE INDEX assignment_referral ON assignment (referral_id)",
    "CREATE INDEX assignment_youth ON assignment (youth_id)",
    """
    CREATE TABLE episode (
        episode_id  uuid PRIMARY KEY,
        referral_id uuid NOT NULL,
        youth_id    uuid NOT NULL,
        opened_on   date NOT NULL,
        held_from   date,
        hold_reason text
    )
    """,
    "CREATE INDEX episode_referral ON episode (referral_id)",
    """
    CREATE TABLE appointment (
        appointment_id uuid PRIMARY KEY,
        episode_id     uuid NOT NULL,
        mentor_id      uuid NOT NULL,
        starts_at      timestamptz NOT NULL,
        ends_at        timestamptz NOT NULL,
        state          text NOT NULL
            CONSTRAINT appointment_state CHECK (state IN ('booked', 'cancelled', 'no_show'))
    )
    """,
    "CREATE INDEX appointment_episode ON appointment (episode_id)",
    # --- The hub's plan, version by version; text_at tells when its words have come --------------
    """
    CREATE TABLE hub_plan (
        youth_id         uuid    NOT NULL,
        version          integer NOT NULL,
        referral_id      uuid    NOT NULL,
        effective        date    NOT NULL,
        period_start     date,
        period_end       date,
        title            text,
        plan_reference   text,
        author_reference text,
        text_at          timestamptz,
        PRIMARY KEY (youth_id, version)
    )
    """,
    "CREATE INDEX hub_plan_referral ON hub_plan (referral_id)",
    """
    CREATE TABLE hub_plan_goal (
        youth_id    uuid    NOT NULL,
        version     integer NOT NULL,
        goal_id     uuid    NOT NULL,
        tm_assigned boolean NOT NULL,
        status      text    NOT NULL,
        PRIMARY KEY (youth_id, version, goal_id),
        CONSTRAINT hub_plan_goal_plan FOREIGN KEY (youth_id, version)
            REFERENCES hub_plan (youth_id, version)
    )
    """,
    # --- Our care plan and working goals ---------------------------------------------------------
    """
    CREATE TABLE care_plan (
        care_plan_id uuid        PRIMARY KEY,
        referral_id  uuid        NOT NULL CONSTRAINT care_plan_referral UNIQUE,
        youth_id     uuid        NOT NULL,
        created_on   date,
        version      integer     NOT NULL DEFAULT 0,
        updated_at   timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX care_plan_youth ON care_plan (youth_id)",
    """
    CREATE TABLE goal (
        goal_id       uuid        PRIMARY KEY,
        care_plan_id  uuid        NOT NULL
            CONSTRAINT goal_care_plan REFERENCES care_plan (care_plan_id),
        youth_id      uuid        NOT NULL,
        description   text        NOT NULL,
        category      jsonb       NOT NULL,
        target        jsonb       NOT NULL,
        start_date    date,
        identifiers   jsonb       NOT NULL,
        expressed_by  text,
        lifecycle     text        NOT NULL,
        achievement   text,
        status_on     date        NOT NULL,
        status_reason text,
        position      integer     NOT NULL,
        version       integer     NOT NULL DEFAULT 1,
        updated_at    timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX goal_care_plan ON goal (care_plan_id)",
    "CREATE INDEX goal_youth ON goal (youth_id)",
    # --- Session notes ---------------------------------------------------------------------------
    """
    CREATE TABLE session (
        session_id        uuid        PRIMARY KEY,
        version           integer     NOT NULL DEFAULT 1,
        youth_id          uuid        NOT NULL,
        referral_id       uuid        NOT NULL,
        episode_id        uuid        NOT NULL
            CONSTRAINT session_episode REFERENCES episode (episode_id),
        appointment_id    uuid
            CONSTRAINT session_appointment REFERENCES appointment (appointment_id),
        mentor_id         uuid        NOT NULL,
        supervisor_id     uuid,
        starts_at         timestamptz NOT NULL,
        ends_at           timestamptz NOT NULL,
        place_of_service  text        NOT NULL,
        modality          text        NOT NULL,
        billable          boolean     NOT NULL,
        texts             jsonb       NOT NULL,
        state             text        NOT NULL
            CONSTRAINT session_state CHECK (state IN ('draft', 'signed', 'final')),
        units             integer,
        rule_pack_version text,
        return_reason     text,
        signed_at         timestamptz,
        cosigned_at       timestamptz,
        updated_at        timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT session_ends_after_it_begins CHECK (starts_at < ends_at),
        CONSTRAINT session_final_is_complete CHECK (
            state <> 'final'
            OR (supervisor_id IS NOT NULL AND units IS NOT NULL AND rule_pack_version IS NOT NULL)),
        CONSTRAINT session_mentor_overlap EXCLUDE USING gist (
            mentor_id WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (state <> 'draft'),
        CONSTRAINT session_youth_overlap EXCLUDE USING gist (
            youth_id WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (state <> 'draft')
    )
    """,
    "CREATE INDEX session_episode ON session (episode_id)",
    "CREATE INDEX session_youth ON session (youth_id, starts_at)",
    "CREATE INDEX session_mentor ON session (mentor_id, starts_at)",
    "CREATE INDEX session_supervisor ON session (supervisor_id, starts_at)",
    "CREATE UNIQUE INDEX session_of_appointment ON session (appointment_id) WHERE state <> 'draft'",
    """
    CREATE TABLE session_goal (
        session_id  uuid             NOT NULL
            CONSTRAINT session_goal_session REFERENCES session (session_id),
        goal_id     uuid             NOT NULL,
        position    integer          NOT NULL,
        scale       text,
        value       double precision,
        measured_by text,
        counts      boolean          NOT NULL DEFAULT true,
        PRIMARY KEY (session_id, goal_id),
        CONSTRAINT session_goal_rating CHECK (
            (scale IS NULL) = (value IS NULL) AND (scale IS NULL) = (measured_by IS NULL))
    )
    """,
    "CREATE INDEX session_goal_goal ON session_goal (goal_id)",
    """
    CREATE VIEW note AS
    SELECT session_id, version, youth_id, referral_id, episode_id, appointment_id, mentor_id,
           supervisor_id, starts_at, ends_at, place_of_service, modality, billable, texts, state,
           units, rule_pack_version, return_reason, signed_at, cosigned_at,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(goal_id, scale, value, measured_by)
                                      ORDER BY position), '[]')
              FROM session_goal g
             WHERE g.session_id = s.session_id) AS goals
      FROM session s
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
