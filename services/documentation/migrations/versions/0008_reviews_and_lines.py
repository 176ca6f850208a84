"""Where goals began and how reviews found them; how long mentors stand; sessions by their day."""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    # The level before the work began, as a person judged it; without it the first rating counts.
    """
    CREATE TABLE goal_baseline (
        goal_id     uuid             NOT NULL
            CONSTRAINT goal_baseline_goal REFERENCES goal (goal_id),
        scale       text             NOT NULL,
        value       double precision NOT NULL,
        measured_by text             NOT NULL,
        noted_on    date             NOT NULL,
        noted_by    uuid             NOT NULL,
        PRIMARY KEY (goal_id, scale)
    )
    """,
    """
    CREATE TABLE goal_review (
        goal_id     uuid    NOT NULL CONSTRAINT goal_review_goal REFERENCES goal (goal_id),
        reviewed_on date    NOT NULL,
        reviewed_by uuid    NOT NULL,
        target_met  boolean NOT NULL,
        progress    boolean NOT NULL,
        PRIMARY KEY (goal_id, reviewed_on)
    )
    """,
    "ALTER TABLE assignment ADD COLUMN ended_on date",
    # From a day on a mentor stands otherwise than her assignment had told.
    """
    CREATE TABLE mentor_standing (
        assignment_id  uuid NOT NULL
            CONSTRAINT mentor_standing_assignment REFERENCES assignment (assignment_id),
        effective      date NOT NULL,
        supervisor_id  uuid NOT NULL,
        standing_until date,
        PRIMARY KEY (assignment_id, effective)
    )
    """,
    # Who mentors a youth under whom from a day on; `ends` is the first day without.
    """
    CREATE VIEW assignment_span AS
    SELECT a.youth_id, a.referral_id, a.assignment_id, a.mentor_id, s.supervisor_id, s.begins,
           s.standing_until,
           least(a.ended_on, lead(s.begins) OVER (
               PARTITION BY a.youth_id, a.referral_id, a.assignment_id
                   ORDER BY s.begins, s.told)) AS ends
      FROM assignment a
     CROSS JOIN LATERAL (
           SELECT a.assigned_on AS begins, a.supervisor_id, a.standing_until, 0 AS told
            UNION ALL
           SELECT greatest(effective, a.assigned_on), supervisor_id, standing_until, 1
             FROM mentor_standing
            WHERE assignment_id = a.assignment_id) s
    """,
    """
    CREATE INDEX session_day ON session (
        ((starts_at AT TIME ZONE 'America/New_York')::date)) WHERE state IN ('signed', 'final')
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
