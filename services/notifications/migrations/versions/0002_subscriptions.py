"""Who wants to be told what, what was told under which number, and what that disclosed."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0002"
down_revision = "0001"

TABLES = """
-- Whose referral it is: that organisation alone is told of its Task.
CREATE TABLE referral_sender (
    referral_id     uuid PRIMARY KEY,
    youth_id        uuid NOT NULL,
    organisation_id uuid NOT NULL
);

-- `resource` is what the client sent, without the headers, which are never given back.
CREATE TABLE subscription (
    subscription_id uuid        PRIMARY KEY,
    client_id       text        NOT NULL,
    organisation_id uuid        NOT NULL,
    topic           text        NOT NULL CONSTRAINT subscription_topic_is_known
                                CHECK (topic IN ('referral-progress', 'care-progress')),
    youth_id        uuid,       -- null: all the client's youths
    status          text        NOT NULL CONSTRAINT subscription_status_is_known
                                CHECK (status IN ('requested', 'active', 'error', 'off')),
    fault           text,
    resource        jsonb       NOT NULL,
    endpoint        text        NOT NULL,
    headers         text[]      NOT NULL,
    timeout_seconds integer     NOT NULL,
    ends_at         timestamptz,
    last_number     bigint      NOT NULL DEFAULT 0,
    version         integer     NOT NULL DEFAULT 1,
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX subscription_client ON subscription (client_id, updated_at, subscription_id);
CREATE INDEX subscription_wanted ON subscription (organisation_id, topic) WHERE status <> 'off';

-- A client that saw no answer asks again: it is told once, not twice.
CREATE UNIQUE INDEX subscription_is_said_once
    ON subscription (client_id, topic, endpoint, coalesce(youth_id::text, ''))
 WHERE status <> 'off';

-- One message to one endpoint; its id is the webhook-id. Numbered when it is first sent.
CREATE TABLE delivery (
    delivery_id     uuid        PRIMARY KEY,
    subscription_id uuid        NOT NULL REFERENCES subscription,
    kind            text        NOT NULL CONSTRAINT delivery_kind_is_known
                                CHECK (kind IN ('handshake', 'event-notification')),
    youth_id        uuid,
    event_id        uuid,
    focus           jsonb       NOT NULL DEFAULT '[]',
    occurred_at     timestamptz NOT NULL,
    state           text        NOT NULL DEFAULT 'queued' CONSTRAINT delivery_state_is_known
                                CHECK (state IN ('queued', 'delivered', 'withheld',
                                                 'undeliverable')),
    first_number    bigint,
    first_sent_at   timestamptz,
    attempts        integer     NOT NULL DEFAULT 0,
    tried_since     timestamptz,
    answered        integer,
    reason          text,
    closed_at       timestamptz,
    CONSTRAINT delivery_is_added_once UNIQUE (subscription_id, event_id)
);
CREATE UNIQUE INDEX delivery_number ON delivery (subscription_id, first_number)
 WHERE first_number IS NOT NULL;

-- Who was told what of whom, and on what ground; written before it is sent, never changed.
CREATE TABLE disclosure (
    delivery_id     uuid        PRIMARY KEY REFERENCES delivery,
    organisation_id uuid        NOT NULL,
    client_id       text        NOT NULL,
    youth_id        uuid        NOT NULL,
    resources       text[]      NOT NULL,
    ground          text        NOT NULL CONSTRAINT disclosure_ground_is_known
                                CHECK (ground IN ('own-referral', 'roi_hub')),
    asked_at        timestamptz,
    disclosed_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX disclosure_youth ON disclosure (youth_id, disclosed_at);
"""


def upgrade() -> None:
    run_sql(op, TABLES)
