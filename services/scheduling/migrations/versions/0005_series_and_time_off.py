"""Sessions that recur, and the days on which a mentor is away."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0005"
down_revision = "0004"

SQL = """
ALTER TABLE appointment ADD COLUMN series_id uuid;
CREATE INDEX appointment_series ON appointment (series_id) WHERE series_id IS NOT NULL;

-- A mentor's calendar: her weeks, and what she has at a time.
CREATE INDEX appointment_mentor ON appointment (mentor_id, lower(during));

CREATE TABLE time_off (
    time_off_id uuid        PRIMARY KEY,
    mentor_id   uuid        NOT NULL REFERENCES mentor,
    during      tstzrange   NOT NULL,
    entered_by  uuid        NOT NULL,
    entered_at  timestamptz NOT NULL,
    CONSTRAINT time_off_takes_time CHECK (NOT isempty(during)),
    CONSTRAINT away_once_at_a_time EXCLUDE USING gist (mentor_id WITH =, during WITH &&)
);
"""


def upgrade() -> None:
    run_sql(op, SQL)
