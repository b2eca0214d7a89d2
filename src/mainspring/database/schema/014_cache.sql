-- Answers from the store. Models: deterministic says that the same input always gives the same output, seed_input names the
-- input that makes it so; cache_s: how old an answer may be, in seconds, none where a request has to ask for one.
ALTER TABLE models ADD COLUMN deterministic INTEGER NOT NULL DEFAULT 0;
ALTER TABLE models ADD COLUMN seed_input TEXT;
ALTER TABLE models ADD COLUMN cache_s BIGINT;

-- cache_key: a keyed digest of what runs and its input, none where the result is not to be stored. follows: id of the
-- prediction with the same key whose run it waits for; it stands in no line. cached: JSON object, for what was answered so.
ALTER TABLE predictions ADD COLUMN cache_key TEXT;
ALTER TABLE predictions ADD COLUMN follows TEXT;
ALTER TABLE predictions ADD COLUMN cached TEXT;
DROP INDEX predictions_waiting;
CREATE INDEX predictions_waiting ON predictions (queue, id) WHERE status = 'starting' AND follows IS NULL;
CREATE INDEX predictions_leading ON predictions (cache_key, id)
    WHERE cache_key IS NOT NULL AND follows IS NULL AND status IN ('starting', 'processing');
CREATE INDEX predictions_following ON predictions (follows, id) WHERE follows IS NOT NULL AND status = 'starting';

-- The store has no data of its own: prediction names one that has, and the row goes with that data. account: whose run it
-- was; made_at: when that ended. kept_until: until when the prediction keeps its data, none is for ever. bytes: of output,
-- logs and files; active_us: how long the run took.
CREATE TABLE cached (
    key        TEXT PRIMARY KEY,
    model      TEXT NOT NULL,
    version    TEXT NOT NULL,
    account    TEXT NOT NULL,
    prediction TEXT NOT NULL,
    made_at    TEXT NOT NULL,
    used_at    TEXT NOT NULL,
    kept_until TEXT,
    bytes      BIGINT NOT NULL,
    active_us  BIGINT NOT NULL,
    hits       BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX cached_by_use ON cached (used_at, bytes);
CREATE INDEX cached_by_model ON cached (model, made_at, bytes);
CREATE INDEX cached_by_age ON cached (made_at);
CREATE INDEX cached_by_keep ON cached (kept_until) WHERE kept_until IS NOT NULL;
CREATE INDEX cached_by_prediction ON cached (prediction);

-- What was not run, by day (UTC). hits: answered from the store; joined: with a run that was under way. saved_us: what the
-- runs took that stood for it; amount, list_amount: what that would have cost, in micro-dollars.
CREATE TABLE savings (
    model       TEXT NOT NULL,
    account     TEXT NOT NULL,
    day         TEXT NOT NULL,
    hits        BIGINT NOT NULL,
    joined      BIGINT NOT NULL,
    saved_us    BIGINT NOT NULL,
    amount      BIGINT NOT NULL,
    list_amount BIGINT NOT NULL,
    PRIMARY KEY (model, account, day)
);
CREATE INDEX savings_by_account ON savings (account, model);

-- What took no time says nothing of how long runs take.
DROP INDEX usage_by_model;
CREATE INDEX usage_by_model ON usage (model, id)
    WHERE kind = 'prediction' AND status = 'succeeded' AND instance_id IS NOT NULL;
