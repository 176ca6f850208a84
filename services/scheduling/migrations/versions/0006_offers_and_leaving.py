"""Offers of a mentor, why an assignment was made and ended, and mentors who leave."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0006"
down_revision = "0005"

SQL = """
-- From `leaves_on` on, the first day without, nothing is booked or given away.
ALTER TABLE mentor ADD COLUMN leaves_on date, ADD COLUMN leave_reason text;

-- `considered`: every mentor as judged when this one was taken, codes and numbers alone.
ALTER TABLE assignment
    ADD COLUMN end_reason text,
    ADD COLUMN considered jsonb NOT NULL DEFAULT '[]';

-- Who waited longer, could have had this mentor, and was passed over; the reason is with the
-- assignment.
CREATE TABLE passed_over (
    assignment_id uuid    NOT NULL REFERENCES assignment,
    referral_id   uuid    NOT NULL,
    days_waiting  integer NOT NULL,
    PRIMARY KEY (assignment_id, referral_id)
);
CREATE INDEX passed_over_referral ON passed_over (referral_id);

CREATE TABLE offer (
    offer_id       uuid             PRIMARY KEY,
    referral_id    uuid             NOT NULL,
    youth_id       uuid             NOT NULL REFERENCES youth,
    mentor_id      uuid             NOT NULL REFERENCES mentor,
    hours_per_week double precision NOT NULL,
    expires_on     date             NOT NULL,
    state          text             NOT NULL,
    declined_by    text,
    passed_reason  text,
    offered_by     uuid             NOT NULL,
    offered_at     timestamptz      NOT NULL
);
CREATE UNIQUE INDEX one_open_offer ON offer (referral_id) WHERE state = 'open';
CREATE INDEX offer_youth ON offer (youth_id);
CREATE INDEX offer_mentor ON offer (mentor_id) WHERE state = 'open';
"""


def upgrade() -> None:
    run_sql(op, SQL)
