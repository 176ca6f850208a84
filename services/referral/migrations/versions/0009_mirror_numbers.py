"""The numbers of mirrors as rows, so that one is found at the same cost among any others."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0009"
down_revision = "0008"

TABLES = """
-- Kept by the two triggers below, so also by code of before this revision. A number that a mirror
-- has no more may stay: `mirror.identifiers` says what counts.
CREATE TABLE mirror_number (
    organisation_id uuid NOT NULL,
    identifier      text NOT NULL,
    type            text NOT NULL,
    id              text NOT NULL,
    PRIMARY KEY (organisation_id, identifier, type, id)
);
INSERT INTO mirror_number (organisation_id, identifier, type, id)
SELECT DISTINCT organisation_id, unnest(identifiers), type, id FROM mirror
"""

# A function's body holds semicolons, at which `run_sql` would cut it.
KEEP = """
CREATE FUNCTION keep_mirror_numbers() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO mirror_number (organisation_id, identifier, type, id)
    SELECT organisation_id, unnest(identifiers), type, id FROM stored
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$body$
"""

TRIGGERS = """
CREATE TRIGGER mirror_numbers_of_new AFTER INSERT ON mirror
    REFERENCING NEW TABLE AS stored
    FOR EACH STATEMENT EXECUTE FUNCTION keep_mirror_numbers();
CREATE TRIGGER mirror_numbers_of_changed AFTER UPDATE ON mirror
    REFERENCING NEW TABLE AS stored
    FOR EACH STATEMENT EXECUTE FUNCTION keep_mirror_numbers();
DROP INDEX mirror_identifiers
"""


def upgrade() -> None:
    run_sql(op, TABLES)
    op.execute(KEEP)
    run_sql(op, TRIGGERS)
