-- One record per access, allowed and denied, in hash chains, and the answers of staff commands.

-- Heads of the chains. A writer takes any head that nobody holds, so that the chain of one
-- transaction never makes another wait. Sixty-four are more than a service has connections.
CREATE TABLE audit_chain (
    chain     smallint PRIMARY KEY,
    length    bigint   NOT NULL DEFAULT 0,
    last_hash bytea    NOT NULL DEFAULT '\x'
);
INSERT INTO audit_chain (chain) SELECT generate_series(1, 64);

CREATE TABLE audit (
    chain     smallint    NOT NULL,
    number    bigint      NOT NULL,
    at        timestamptz NOT NULL,
    kind      text        NOT NULL CONSTRAINT audit_kind CHECK (kind IN ('partner', 'staff', 'service', 'nobody', 'operator')),
    principal text        NOT NULL,
    act       text        NOT NULL,
    status    smallint    NOT NULL,
    resources text[]      NOT NULL,
    hash      bytea       NOT NULL,
    PRIMARY KEY (chain, number)
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_resources ON audit USING gin (resources);

-- Append-only. Whoever gets past this still breaks the chain.
CREATE RULE audit_is_not_changed AS ON UPDATE TO audit DO INSTEAD NOTHING;
CREATE RULE audit_is_not_removed AS ON DELETE TO audit DO INSTEAD NOTHING;

-- The answer of a staff command under the key that its caller chose: sent again, answered again.
CREATE TABLE idempotency (
    principal    text        NOT NULL,
    key          text        NOT NULL,
    request_hash bytea       NOT NULL,
    status       smallint    NOT NULL,
    headers      jsonb       NOT NULL,
    body         bytea       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_created_at ON idempotency (created_at);
