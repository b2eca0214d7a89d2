-- The first answer to a request that carries a key, written with what the request made. digest: of method, path and
-- body. Either made names a prediction or a training, which is shown as it is by then, or status and body (sealed: a
-- reply may have a token in it) are the reply.
CREATE TABLE answers (
    account    TEXT NOT NULL,
    key        TEXT NOT NULL,
    digest     TEXT NOT NULL,
    made       TEXT,
    status     INTEGER,
    body       TEXT,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE INDEX answers_by_expiry ON answers (expires_at);

-- Retention: seconds after its end that a prediction's input, output and logs are kept; none is for ever. Models and
-- accounts: what was chosen for them, 0 for ever, none for what the account or the settings say.
ALTER TABLE accounts ADD COLUMN retention_s BIGINT;
ALTER TABLE models ADD COLUMN retention_s BIGINT;
DROP INDEX predictions_expiring;
ALTER TABLE predictions DROP COLUMN expires_at;
ALTER TABLE predictions ADD COLUMN keep_s BIGINT;
CREATE INDEX predictions_kept ON predictions (keep_s, completed_at)
    WHERE data_removed = 0 AND keep_s IS NOT NULL AND completed_at IS NOT NULL;

-- How an instance came up: a JSON array of {name, at}.
ALTER TABLE instances ADD COLUMN steps TEXT NOT NULL DEFAULT '[]';
