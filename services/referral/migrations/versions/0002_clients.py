"""Partner organisations, their clients, and the assertions that clients have used up."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0002"
down_revision = "0001"

TABLES = """
-- Hubs, payers and the agency itself. The identifier is the NPI, or a payer's own number.
CREATE TABLE partner_organisation (
    organisation_id   uuid        PRIMARY KEY,
    kind              text        NOT NULL CONSTRAINT partner_kind_is_known
                                  CHECK (kind IN ('hub', 'payer', 'agency')),
    name              text        NOT NULL,
    system            text        NOT NULL,
    value             text        NOT NULL,
    mrn_system        text,
    telecom           jsonb       NOT NULL DEFAULT '[]',
    address           jsonb       NOT NULL DEFAULT '[]',
    eligibility_url   text,
    eligibility_token text,
    version           integer     NOT NULL DEFAULT 1,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT partner_identifier_is_unique UNIQUE (system, value)
);

CREATE TABLE client (
    client_id      text        PRIMARY KEY,
    scopes         text[]      NOT NULL,
    jwks           jsonb       NOT NULL,
    webhook_secret text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    disabled_at    timestamptz
);

-- For whom a client speaks; the default is its own organisation.
CREATE TABLE client_organisation (
    client_id       text    NOT NULL REFERENCES client,
    organisation_id uuid    NOT NULL REFERENCES partner_organisation,
    is_default      boolean NOT NULL,
    PRIMARY KEY (client_id, organisation_id)
);
CREATE INDEX client_organisation_organisation ON client_organisation (organisation_id);
CREATE UNIQUE INDEX client_has_one_default ON client_organisation (client_id) WHERE is_default;

-- Each assertion opens the door once, whichever process sees it, until it has expired by itself.
CREATE TABLE client_assertion (
    client_id  text        NOT NULL,
    jti        text        NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT client_assertion_is_used_once PRIMARY KEY (client_id, jti)
);
CREATE INDEX client_assertion_expires_at ON client_assertion (expires_at);
"""


def upgrade() -> None:
    run_sql(op, TABLES)
