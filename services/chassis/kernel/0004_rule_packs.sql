-- Rule packs that an operator seeded; the one seeded last is in force. None is ever changed or removed:
-- each decision names the version by which it was made.
CREATE TABLE rule_pack (
    version   text        PRIMARY KEY,
    files     jsonb       NOT NULL,
    seeded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seeded_by text        NOT NULL
);
