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
