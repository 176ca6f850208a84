-- Work behind other work of its lane is out of the way of who looks for what is due.

ALTER TABLE work ADD COLUMN behind boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN work.behind IS
    'Something open is before it in its lane. False is always safe: claim looks for itself.';

DROP INDEX work_due;
CREATE INDEX work_due ON work (due_at, id) WHERE outcome IS NULL AND NOT behind;
CREATE INDEX work_behind ON work (lane, id) WHERE outcome IS NULL AND behind
