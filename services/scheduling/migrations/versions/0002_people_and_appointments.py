"""Staff, what referral says of each youth, the waiting list, episodes and appointments."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0002"
down_revision = "0001"

STAFF = """
-- An exclusion constraint over a uuid and a range needs it; trusted, so the owner may create it.
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Mentors and supervisors: the only names in this database.
CREATE TABLE staff_member (
    staff_id     uuid        PRIMARY KEY,
    role         text        NOT NULL CONSTRAINT staff_role_is_known
                             CHECK (role IN ('mentor', 'supervisor')),
    staff_number text        NOT NULL CONSTRAINT staff_number_is_unique UNIQUE,
    given        text[]      NOT NULL,
    family       text        NOT NULL,
    phone        text        NOT NULL,
    active       boolean     NOT NULL DEFAULT true,
    version      integer     NOT NULL DEFAULT 1,
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX staff_member_updated ON staff_member (updated_at, staff_id);

-- Credentials, screenings, licences. valid_to is the last good day; null has no end.
CREATE TABLE paper (
    staff_id uuid NOT NULL REFERENCES staff_member,
    kind     text NOT NULL,
    valid_to date,
    PRIMARY KEY (staff_id, kind)
);

CREATE TABLE mentor (
    mentor_id  uuid             PRIMARY KEY REFERENCES staff_member,
    credential text             NOT NULL,
    degree     text             NOT NULL,
    languages  text[]           NOT NULL,
    gender     text             NOT NULL,
    interests  text[]           NOT NULL,
    area       text,
    windows    jsonb            NOT NULL,
    max_hours  double precision NOT NULL
);

CREATE TABLE supervision (
    mentor_id     uuid      NOT NULL REFERENCES mentor,
    supervisor_id uuid      NOT NULL REFERENCES staff_member,
    during        daterange NOT NULL,
    CONSTRAINT supervised_by_another CHECK (mentor_id <> supervisor_id),
    CONSTRAINT one_supervisor_at_a_time EXCLUDE USING gist (mentor_id WITH =, during WITH &&)
);
CREATE INDEX supervision_supervisor ON supervision (supervisor_id);
"""

FACTS = """
-- One row to lock: whoever changes what is known of a youth does so one after the other.
CREATE TABLE youth (
    youth_id uuid PRIMARY KEY
);

-- What a referral asks for, in codes, as it now stands.
CREATE TABLE request (
    referral_id        uuid    PRIMARY KEY,
    youth_id           uuid    NOT NULL REFERENCES youth,
    version            integer NOT NULL,
    organisation_id    uuid    NOT NULL,
    hub_service        text,
    priority           text    NOT NULL,
    received_on        date    NOT NULL,
    languages          text[]  NOT NULL,
    interpreter_needed boolean NOT NULL,
    gender_required    text,
    gender_preferred   text,
    area               text,
    hours_per_week     double precision,
    windows            jsonb   NOT NULL
);
CREATE INDEX request_youth ON request (youth_id);

CREATE TABLE referral_end (
    referral_id uuid PRIMARY KEY,
    youth_id    uuid NOT NULL REFERENCES youth,
    reason      text NOT NULL
);
CREATE INDEX referral_end_youth ON referral_end (youth_id);

-- The last word on gate 1; a denial has no days.
CREATE TABLE gate_one (
    referral_id uuid    PRIMARY KEY,
    youth_id    uuid    NOT NULL REFERENCES youth,
    stands      boolean NOT NULL,
    payer       uuid,
    valid_from  date,
    valid_to    date
);
CREATE INDEX gate_one_youth ON gate_one (youth_id);

CREATE TABLE coverage_lapse (
    youth_id  uuid NOT NULL REFERENCES youth,
    payer     uuid NOT NULL,
    effective date NOT NULL,
    PRIMARY KEY (youth_id, payer)
);

CREATE TABLE attestation (
    referral_id uuid    NOT NULL,
    kind        text    NOT NULL,
    youth_id    uuid    NOT NULL REFERENCES youth,
    stands      boolean NOT NULL,
    PRIMARY KEY (referral_id, kind)
);
CREATE INDEX attestation_youth ON attestation (youth_id);

-- A release names to whom; other consents name nobody.
CREATE TABLE consent (
    youth_id        uuid        NOT NULL REFERENCES youth,
    kind            text        NOT NULL,
    organisation_id uuid,
    stands          boolean     NOT NULL,
    effective_at    timestamptz NOT NULL,
    CONSTRAINT consent_is_one UNIQUE NULLS NOT DISTINCT (youth_id, kind, organisation_id)
);

CREATE TABLE hub_service (
    youth_id        uuid NOT NULL REFERENCES youth,
    organisation_id uuid NOT NULL,
    hub_service     text NOT NULL,
    engaged         date,
    ended           date,
    PRIMARY KEY (youth_id, organisation_id, hub_service)
);
"""

SERVICE = """
CREATE TABLE waitlist_entry (
    referral_id  uuid PRIMARY KEY,
    youth_id     uuid NOT NULL REFERENCES youth,
    wait_started date NOT NULL,
    state        text NOT NULL
);
CREATE INDEX waitlist_entry_youth ON waitlist_entry (youth_id);
CREATE INDEX waitlist_entry_state ON waitlist_entry (state, wait_started);

CREATE TABLE assignment (
    assignment_id  uuid             PRIMARY KEY,
    referral_id    uuid             NOT NULL,
    youth_id       uuid             NOT NULL REFERENCES youth,
    mentor_id      uuid             NOT NULL REFERENCES mentor,
    supervisor_id  uuid             NOT NULL REFERENCES staff_member,
    standing_until date,
    hours_per_week double precision NOT NULL,
    score          double precision NOT NULL,
    reasons        text[]           NOT NULL,
    passed_over    integer          NOT NULL,
    passed_reason  text,
    began          date             NOT NULL,
    ended          date,
    assigned_by    uuid             NOT NULL
);
CREATE UNIQUE INDEX one_mentor_at_a_time ON assignment (referral_id) WHERE ended IS NULL;
CREATE INDEX assignment_youth ON assignment (youth_id);
CREATE INDEX assignment_mentor ON assignment (mentor_id) WHERE ended IS NULL;
CREATE INDEX assignment_supervisor ON assignment (supervisor_id);

CREATE TABLE episode (
    episode_id  uuid        PRIMARY KEY,
    referral_id uuid        NOT NULL CONSTRAINT one_episode_a_referral UNIQUE,
    youth_id    uuid        NOT NULL REFERENCES youth,
    state       text        NOT NULL,
    opened_on   date,
    hold_reason text,
    version     integer     NOT NULL DEFAULT 1,
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX episode_youth ON episode (youth_id);

-- Two sessions of one mentor, or of one youth, never overlap; touching is fine. A frozen
-- appointment keeps its time.
CREATE TABLE appointment (
    appointment_id   uuid        PRIMARY KEY,
    episode_id       uuid        NOT NULL REFERENCES episode,
    referral_id      uuid        NOT NULL,
    youth_id         uuid        NOT NULL REFERENCES youth,
    mentor_id        uuid        NOT NULL REFERENCES mentor,
    during           tstzrange   NOT NULL,
    place_of_service text        NOT NULL,
    modality         text        NOT NULL,
    planned_units    integer     NOT NULL,
    state            text        NOT NULL,
    cancelled_by     text,
    booked_at        timestamptz NOT NULL,
    booked_by        uuid        NOT NULL,
    version          integer     NOT NULL DEFAULT 1,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT appointment_takes_time CHECK (NOT isempty(during)),
    CONSTRAINT mentor_is_free EXCLUDE USING gist (mentor_id WITH =, during WITH &&)
        WHERE (state IN ('booked', 'frozen', 'completed')),
    CONSTRAINT youth_is_free EXCLUDE USING gist (youth_id WITH =, during WITH &&)
        WHERE (state IN ('booked', 'frozen', 'completed'))
);
CREATE INDEX appointment_episode ON appointment (episode_id);
"""


def upgrade() -> None:
    for part in (STAFF, FACTS, SERVICE):
        run_sql(op, part)
