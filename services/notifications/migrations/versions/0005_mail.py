"""Letters to families and staff: no address of a family's and no word of a letter is kept."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0005"
down_revision = "0004"

TABLES = """
-- One letter to one recipient; its id is in the Message-ID. `facts` are dates, codes and ids.
CREATE TABLE mail (
    mail_id       uuid        PRIMARY KEY,
    letter        text        NOT NULL,
    youth_id      uuid        NOT NULL,
    subject_id    uuid        NOT NULL,
    recipient     uuid,       -- null: a mailbox of the agency
    facts         jsonb       NOT NULL,
    state         text        NOT NULL DEFAULT 'queued' CONSTRAINT mail_state_is_known
                  CHECK (state IN ('queued', 'delivered', 'withheld', 'undeliverable')),
    attempts      integer     NOT NULL DEFAULT 0,
    tried_since   timestamptz,
    first_sent_at timestamptz,
    answered      integer,
    reason        text,
    occurred_at   timestamptz NOT NULL,
    closed_at     timestamptz
);
CREATE INDEX mail_subject ON mail (subject_id, letter);

CREATE INDEX mail_tried ON mail (tried_since) WHERE state = 'queued' AND tried_since IS NOT NULL;

CREATE INDEX mail_undeliverable ON mail (mail_id) WHERE state = 'undeliverable';

-- An appointment that is off is not announced any more.
CREATE TABLE cancelled_appointment (
    appointment_id uuid PRIMARY KEY
);

-- What a family wishes (by youth), or a member of staff, who alone says an address here.
CREATE TABLE preference (
    subject_id uuid        PRIMARY KEY,
    language   text,
    opted_out  text[]      NOT NULL DEFAULT '{}',
    address    text,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Who was written to, about whom, on what ground; written before it is sent, never changed.
CREATE TABLE mail_disclosure (
    mail_id      uuid        PRIMARY KEY REFERENCES mail,
    recipient    uuid        NOT NULL,
    youth_id     uuid        NOT NULL,
    letter       text        NOT NULL,
    ground       text        NOT NULL CONSTRAINT mail_disclosure_ground_is_known
                 CHECK (ground IN ('text_email_contact', 'staff')),
    disclosed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX mail_disclosure_youth ON mail_disclosure (youth_id, disclosed_at)
"""


def upgrade() -> None:
    run_sql(op, TABLES)
