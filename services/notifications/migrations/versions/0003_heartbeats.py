"""Heartbeats and the size of messages as a hub wishes them; one lane for each endpoint.

What was given up is counted on the subscription: a scrape must not read every delivery there was.
"""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0003"
down_revision = "0002"

TABLES = """
ALTER TABLE subscription
  ADD COLUMN heartbeat_seconds integer,             -- null: none wanted
  ADD COLUMN most_events       integer,             -- in one message; null: as they happened
  ADD COLUMN greeting          uuid,                -- its handshake; a timer of another is over
  ADD COLUMN told_at           timestamptz,         -- when it took a message, if it has a timer
  ADD COLUMN undeliverable     bigint NOT NULL DEFAULT 0;

ALTER TABLE delivery DROP CONSTRAINT delivery_kind_is_known;

ALTER TABLE delivery ADD CONSTRAINT delivery_kind_is_known
      CHECK (kind IN ('handshake', 'heartbeat', 'event-notification'));

UPDATE subscription s
   SET undeliverable = (SELECT count(*) FROM delivery d
                         WHERE d.subscription_id = s.subscription_id
                           AND d.state = 'undeliverable');

-- What is tried at this moment: at most one message of each lane.
CREATE INDEX delivery_tried ON delivery (subscription_id, tried_since)
 WHERE state = 'queued' AND tried_since IS NOT NULL;

CREATE INDEX delivery_queued ON delivery (subscription_id) WHERE state = 'queued';

UPDATE work w
   SET lane = 'hub/' || s.client_id || '/'
              || left(encode(sha256(convert_to(s.endpoint, 'UTF8')), 'hex'), 12),
       payload = w.payload || jsonb_build_object('subscription_id', s.subscription_id)
  FROM delivery d
  JOIN subscription s USING (subscription_id)
 WHERE w.kind = 'tell-subscriber'
   AND w.outcome IS NULL
   AND d.delivery_id = (w.payload ->> 'delivery_id')::uuid
"""


def upgrade() -> None:
    run_sql(op, TABLES)
