-- The outbox of webhooks: at most one row for each event of a prediction, written in the transaction that brings it about.
-- event: start, output, logs or completed; rank: what has a lower one is sent first. host: whom it is sent to, as host:port.
-- state: waiting (for what it tells of), pending, delivered, superseded (by a newer event), failed (sent once, in vain), dead
-- (all tries were in vain). revision counts how often the event happened. tries: since it became pending.
-- attempts: JSON array of the latest tries.
CREATE TABLE deliveries (
    prediction_id TEXT NOT NULL,
    event         TEXT NOT NULL,
    rank          INTEGER NOT NULL,
    host          TEXT NOT NULL,
    state         TEXT NOT NULL,
    revision      INTEGER NOT NULL,
    tries         INTEGER NOT NULL DEFAULT 0,
    attempts      TEXT NOT NULL DEFAULT '[]',
    due_at        TEXT NOT NULL,
    PRIMARY KEY (prediction_id, event)
);
CREATE INDEX deliveries_due ON deliveries (host, due_at) WHERE state = 'pending';
CREATE INDEX deliveries_dead ON deliveries (prediction_id) WHERE state = 'dead';

-- Signing secrets, sealed. expires_at: until when one that was replaced still signs.
CREATE TABLE webhook_secrets (
    id         TEXT PRIMARY KEY,
    account    TEXT NOT NULL,
    sealed     TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT
);
CREATE INDEX webhook_secrets_by_account ON webhook_secrets (account, id);
