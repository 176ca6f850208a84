"""Youths, referrals and what hubs sent with them."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0003"
down_revision = "0002"

TABLES = """
-- Who a child is to us. Same organisation, system and MRN is the same youth; nothing else is.
CREATE TABLE youth (
    youth_id           uuid        PRIMARY KEY,
    organisation_id    uuid        NOT NULL,
    family             text,
    given              text[]      NOT NULL DEFAULT '{}',
    preferred          text,
    name_key           text,
    birth_date         date,
    gender             text,
    deceased           boolean     NOT NULL DEFAULT false,
    active             boolean     NOT NULL DEFAULT true,
    languages          text[]      NOT NULL DEFAULT '{}',
    interpreter_needed boolean     NOT NULL DEFAULT false,
    area               text,
    updated_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX youth_alike ON youth (name_key, birth_date);

-- An MRN belongs to one youth of its organisation. A Medicaid number may be sent for two: a
-- person finds out whose it is.
CREATE TABLE youth_identifier (
    youth_id        uuid NOT NULL REFERENCES youth,
    organisation_id uuid NOT NULL,
    kind            text NOT NULL CONSTRAINT identifier_kind_is_known
                         CHECK (kind IN ('mrn', 'medicaid')),
    system          text NOT NULL,
    value           text NOT NULL,
    CONSTRAINT youth_identifier_is_said_once
        PRIMARY KEY (youth_id, kind, organisation_id, system, value)
);
CREATE UNIQUE INDEX mrn_is_one_youths ON youth_identifier (organisation_id, system, value)
    WHERE kind = 'mrn';
CREATE INDEX youth_identifier_value ON youth_identifier (value) WHERE kind = 'medicaid';

CREATE TABLE related_person (
    related_person_id uuid        PRIMARY KEY,
    youth_id          uuid        NOT NULL REFERENCES youth,
    family            text,
    given             text[]      NOT NULL DEFAULT '{}',
    relationships     text[]      NOT NULL DEFAULT '{}',
    is_guardian       boolean     NOT NULL DEFAULT false,
    is_active         boolean     NOT NULL DEFAULT true,
    telecom           jsonb       NOT NULL DEFAULT '[]',
    updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX related_person_youth ON related_person (youth_id);

CREATE TABLE referral (
    referral_id             uuid        PRIMARY KEY,
    youth_id                uuid        NOT NULL REFERENCES youth,
    organisation_id         uuid        NOT NULL,
    system                  text        NOT NULL,
    value                   text        NOT NULL,
    version                 integer     NOT NULL DEFAULT 1,
    state                   text        NOT NULL DEFAULT 'received',
    received_at             timestamptz NOT NULL,
    received_on             date        NOT NULL,
    request_status          text        NOT NULL,
    priority                text        NOT NULL,
    hub_service             text,
    hub_organisation_id     uuid,
    gaps                    text[]      NOT NULL DEFAULT '{}',
    open_items              text[]      NOT NULL DEFAULT '{}',
    mentor_gender_required  text,
    mentor_gender_preferred text,
    hours_per_week          double precision NOT NULL,
    windows                 jsonb       NOT NULL DEFAULT '[]',
    do_not_contact          boolean     NOT NULL DEFAULT false,
    updated_at              timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT referral_key_is_unique UNIQUE (organisation_id, system, value)
);
CREATE INDEX referral_youth ON referral (youth_id);
CREATE INDEX referral_state ON referral (state, received_at);

-- Received bytes are the record; what is built from them can be built again.
CREATE TABLE submission (
    submission_id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    referral_id     uuid        NOT NULL REFERENCES referral,
    version         integer     NOT NULL,
    client_id       text        NOT NULL,
    organisation_id uuid        NOT NULL,
    received_at     timestamptz NOT NULL,
    content         bytea       NOT NULL,
    sha256          bytea       NOT NULL,
    bytes           bytea       NOT NULL
);
CREATE INDEX submission_referral ON submission (referral_id);

-- Refused input: no youth, no event; the first 64 KiB for whoever helps the sender.
CREATE TABLE intake_reject (
    intake_reject_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id        text        NOT NULL,
    organisation_id  uuid        NOT NULL,
    received_at      timestamptz NOT NULL,
    status           integer     NOT NULL,
    issues           jsonb       NOT NULL,
    size             bigint      NOT NULL,
    sha256           bytea       NOT NULL,
    bytes            bytea       NOT NULL
);
CREATE INDEX intake_reject_time ON intake_reject (received_at);

-- What a hub sent, as that hub reads it back: ours under our ids, the rest as h-….
CREATE TABLE mirror (
    type            text        NOT NULL,
    id              text        NOT NULL,
    organisation_id uuid        NOT NULL,
    youth_id        uuid        NOT NULL REFERENCES youth,
    referral_id     uuid        NOT NULL REFERENCES referral,
    identifiers     text[]      NOT NULL DEFAULT '{}',
    tokens          text[]      NOT NULL DEFAULT '{}',
    names           text[]      NOT NULL DEFAULT '{}',
    dated           tstzrange,
    body            text        NOT NULL,
    shape           bytea       NOT NULL,
    content         bytea       NOT NULL,
    version         integer     NOT NULL DEFAULT 1,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (type, id)
);
CREATE INDEX mirror_referral ON mirror (referral_id);
CREATE INDEX mirror_youth ON mirror (youth_id, type);
CREATE INDEX mirror_identifiers ON mirror USING gin (identifiers);
CREATE INDEX mirror_recent ON mirror (organisation_id, type, updated_at, id);

-- What the hub says of insurance. The payer is null while it is no registered partner; the member
-- id is null when none came that can be one.
CREATE TABLE coverage (
    coverage_id    uuid        PRIMARY KEY,
    youth_id       uuid        NOT NULL REFERENCES youth,
    referral_id    uuid        NOT NULL REFERENCES referral,
    payer_id       uuid,
    member_id      text,
    status         text        NOT NULL,
    begins         date,
    ends           date,
    rank           integer     NOT NULL DEFAULT 1,
    is_named       boolean     NOT NULL DEFAULT true,
    updated_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX coverage_youth ON coverage (youth_id);
CREATE INDEX coverage_referral ON coverage (referral_id);

-- A hub service that the sender named: an EpisodeOfCare says so, else the hub's CarePlan. No
-- service: all that was named is Therapeutic Mentoring itself. `engaged_from`: announced since.
CREATE TABLE hub_enrolment (
    enrolment_id    uuid        PRIMARY KEY,
    referral_id     uuid        NOT NULL REFERENCES referral,
    youth_id        uuid        NOT NULL REFERENCES youth,
    organisation_id uuid        NOT NULL,
    hub_service     text,
    begins          date,
    ends            date,
    holds           boolean     NOT NULL,
    engaged_from    date,
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX hub_enrolment_referral ON hub_enrolment (referral_id);
CREATE INDEX hub_enrolment_youth ON hub_enrolment (youth_id);

-- Each version of the hub's plan stays: a note cites the goals of its own day.
CREATE TABLE hub_plan (
    youth_id     uuid        NOT NULL REFERENCES youth,
    version      integer     NOT NULL,
    referral_id  uuid        NOT NULL REFERENCES referral,
    plan_id      text,
    title        text,
    author       text,
    begins       date,
    ends         date,
    effective    date        NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (youth_id, version)
);
CREATE INDEX hub_plan_referral ON hub_plan (referral_id);

CREATE TABLE hub_goal (
    youth_id    uuid    NOT NULL,
    version     integer NOT NULL,
    goal_id     uuid    NOT NULL,
    position    integer NOT NULL,
    mirror_id   text    NOT NULL,
    tm_assigned boolean NOT NULL,
    status      text    NOT NULL,
    wording     text    NOT NULL,
    details     jsonb   NOT NULL,
    PRIMARY KEY (youth_id, version, goal_id),
    FOREIGN KEY (youth_id, version) REFERENCES hub_plan
);

CREATE TABLE referral_document (
    referral_id uuid NOT NULL REFERENCES referral,
    kind        text NOT NULL,
    evidence_id text NOT NULL,
    dated       date,
    PRIMARY KEY (referral_id, kind, evidence_id)
)
"""


def upgrade() -> None:
    run_sql(op, TABLES)
