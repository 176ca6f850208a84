"""Referrals that a person joined, separated or opened again."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0007"
down_revision = "0006"

TABLES = """
-- A person said that a referral is about the child of another one, which goes on alone. Nothing is
-- moved: who needs both looks through this row, and once it is undone there is nothing to put back.
CREATE TABLE referral_merge (
    merge_id          uuid        PRIMARY KEY,
    referral_id       uuid        NOT NULL REFERENCES referral,
    survivor_id       uuid        NOT NULL REFERENCES referral,
    youth_id          uuid        NOT NULL REFERENCES youth,
    survivor_youth_id uuid        NOT NULL REFERENCES youth,
    merged_by         uuid        NOT NULL,
    merged_at         timestamptz NOT NULL,
    undone_by         uuid,
    undone_at         timestamptz,
    CONSTRAINT merge_is_of_two CHECK (referral_id <> survivor_id)
);
CREATE UNIQUE INDEX merge_stands_once ON referral_merge (referral_id) WHERE undone_at IS NULL;
CREATE INDEX referral_merge_survivor ON referral_merge (survivor_id);
CREATE INDEX referral_merge_youth ON referral_merge (youth_id);
CREATE INDEX referral_merge_survivor_youth ON referral_merge (survivor_youth_id);

-- A referral and what was joined with it; a youth and whom a person found to be the same child.
CREATE VIEW referral_part (referral_id, part_id) AS
SELECT referral_id, referral_id FROM referral
 UNION ALL
SELECT survivor_id, referral_id FROM referral_merge WHERE undone_at IS NULL;
CREATE VIEW youth_part (youth_id, part_id) AS
SELECT youth_id, youth_id FROM youth
 UNION ALL
SELECT survivor_youth_id, youth_id
  FROM referral_merge
 WHERE undone_at IS NULL AND youth_id <> survivor_youth_id;

-- A Task that has ended never reopens: a referral that goes on gets a new one beside it.
ALTER TABLE task ADD COLUMN is_current boolean NOT NULL DEFAULT true;
CREATE UNIQUE INDEX task_is_current_once ON task (referral_id) WHERE is_current;
CREATE INDEX task_referral ON task (referral_id);
ALTER TABLE task DROP CONSTRAINT task_is_one_per_referral;
ALTER TABLE standing ADD COLUMN reopened_at timestamptz;

-- A release to a hub beside the asking one: a successor, or the sender of a joined referral.
ALTER TABLE attestation ADD COLUMN organisation_id uuid
"""


def upgrade() -> None:
    run_sql(op, TABLES)
