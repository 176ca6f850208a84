"""What was decided about a referral: Task, inquiries, determinations, attestations, consents."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0004"
down_revision = "0003"

TABLES = """
-- Where a referral stands beside its state: what the Task is made of and who sent it does not say.
CREATE TABLE standing (
    referral_id      uuid        PRIMARY KEY REFERENCES referral,
    held_from        text,
    hold_reason      text,
    failures         jsonb       NOT NULL DEFAULT '[]',
    failed_on        date,
    asked_for        text[]      NOT NULL DEFAULT '{}',
    info_due         date,
    round            integer     NOT NULL DEFAULT 0,
    determination_id uuid,
    has_mentor       boolean     NOT NULL DEFAULT false,
    episode_id       uuid,
    last_visit       text,
    visited_at       timestamptz,
    first_session    timestamptz,
    close_reason     text,
    close_text       text,
    ended_at         timestamptz,
    withdrawal_asked boolean     NOT NULL DEFAULT false
);

-- The Task as the hub sees it. `updated_at` is machine time, what searches by time rely on;
-- `last_modified` is business time.
CREATE TABLE task (
    task_id         uuid        PRIMARY KEY,
    referral_id     uuid        NOT NULL CONSTRAINT task_is_one_per_referral UNIQUE
                                REFERENCES referral,
    organisation_id uuid        NOT NULL,
    youth_id        uuid        NOT NULL REFERENCES youth,
    placer_system   text,
    placer_value    text,
    priority        text        NOT NULL,
    authored_on     timestamptz NOT NULL,
    version         integer     NOT NULL DEFAULT 1,
    status          text        NOT NULL,
    business        text,
    business_text   text,
    reason          jsonb,
    outputs         jsonb       NOT NULL DEFAULT '{}',
    started_at      timestamptz,
    ended_at        timestamptz,
    note            jsonb       NOT NULL DEFAULT '[]',
    last_modified   timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX task_youth ON task (youth_id);
CREATE INDEX task_recent ON task (organisation_id, updated_at, task_id);

-- One question to one payer about one day, and its answer as we read it. Names are not kept.
CREATE TABLE eligibility_inquiry (
    inquiry_id   uuid        PRIMARY KEY,
    response_id  uuid        NOT NULL UNIQUE,
    referral_id  uuid        NOT NULL REFERENCES referral,
    youth_id     uuid        NOT NULL REFERENCES youth,
    coverage_id  uuid        NOT NULL REFERENCES coverage,
    payer_id     uuid        NOT NULL,
    rank         integer     NOT NULL,
    round        integer     NOT NULL,
    source       text        NOT NULL CONSTRAINT inquiry_source
                             CHECK (source IN ('payer', 'staff')),
    service_date date        NOT NULL,
    asked_at     timestamptz NOT NULL,
    answered_at  timestamptz NOT NULL,
    trace        text        NOT NULL,
    answer_trace text,
    outcome      text        NOT NULL,
    product      text,
    bh_admin     text,
    begins       date,
    ends         date,
    conditions   text[]      NOT NULL DEFAULT '{}',
    code         text,
    messages     text[]      NOT NULL DEFAULT '{}',
    number       bigint      GENERATED ALWAYS AS IDENTITY,
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX eligibility_inquiry_referral ON eligibility_inquiry (referral_id, coverage_id, number);
CREATE INDEX eligibility_inquiry_youth ON eligibility_inquiry (youth_id);
CREATE INDEX eligibility_inquiry_coverage ON eligibility_inquiry (coverage_id);

-- Gate 1 on a day: a dated fact, never a flag.
CREATE TABLE eligibility_determination (
    determination_id  uuid        PRIMARY KEY,
    referral_id       uuid        NOT NULL REFERENCES referral,
    youth_id          uuid        NOT NULL REFERENCES youth,
    as_of             date        NOT NULL,
    outcome           text        NOT NULL CONSTRAINT determination_outcome
                                  CHECK (outcome IN ('confirmed', 'denied')),
    inquiry_id        uuid        REFERENCES eligibility_inquiry,
    hub_service       text,
    hub_since         date,
    valid_from        date,
    valid_to          date,
    checks            jsonb       NOT NULL DEFAULT '[]',
    reasons           jsonb       NOT NULL DEFAULT '[]',
    conditions        text[]      NOT NULL DEFAULT '{}',
    rule_pack_version text        NOT NULL,
    recorded_at       timestamptz NOT NULL
);
CREATE INDEX eligibility_determination_referral
    ON eligibility_determination (referral_id, recorded_at);
CREATE INDEX eligibility_determination_youth ON eligibility_determination (youth_id);
CREATE INDEX eligibility_determination_inquiry ON eligibility_determination (inquiry_id);

-- What staff attested, each act a row; the last of a kind counts.
CREATE TABLE attestation (
    attestation_id uuid        PRIMARY KEY,
    number         bigint      GENERATED ALWAYS AS IDENTITY,
    referral_id    uuid        NOT NULL REFERENCES referral,
    kind           text        NOT NULL,
    stands         boolean     NOT NULL,
    given_by       text,
    given_on       date,
    evidence       text,
    staff_id       uuid        NOT NULL,
    recorded_at    timestamptz NOT NULL
);
CREATE INDEX attestation_referral ON attestation (referral_id, kind, number);

-- Consents, each act a row; the last of a kind and organisation counts.
CREATE TABLE consent (
    consent_id      uuid        PRIMARY KEY,
    number          bigint      GENERATED ALWAYS AS IDENTITY,
    youth_id        uuid        NOT NULL REFERENCES youth,
    referral_id     uuid        NOT NULL REFERENCES referral,
    kind            text        NOT NULL,
    organisation_id uuid,
    stands          boolean     NOT NULL,
    effective_at    timestamptz NOT NULL
);
CREATE INDEX consent_youth ON consent (youth_id, kind, organisation_id, number);
CREATE INDEX consent_referral ON consent (referral_id);

-- What a person has to look at. One open item of a kind per referral.
CREATE TABLE work_item (
    work_item_id uuid        PRIMARY KEY,
    referral_id  uuid        NOT NULL REFERENCES referral,
    kind         text        NOT NULL,
    due_on       date        NOT NULL,
    opened_at    timestamptz NOT NULL,
    closed_at    timestamptz
);
CREATE INDEX work_item_referral ON work_item (referral_id);
CREATE UNIQUE INDEX work_item_is_open_once ON work_item (referral_id, kind) WHERE closed_at IS NULL
"""


def upgrade() -> None:
    run_sql(op, TABLES)
