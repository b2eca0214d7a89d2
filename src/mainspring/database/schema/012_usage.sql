-- What was used, and what it costs. Amounts are micro-dollars (a millionth of a dollar), prices nano-dollars for a second,
-- spans microseconds; all are whole numbers.
--
-- price: of this run's hardware when it was created; list_price: what Replicate asks. reserved: what it is taken to
-- cost, counted as spent until it ends.
ALTER TABLE predictions ADD COLUMN price BIGINT NOT NULL DEFAULT 0;
ALTER TABLE predictions ADD COLUMN list_price BIGINT NOT NULL DEFAULT 0;
ALTER TABLE predictions ADD COLUMN reserved BIGINT NOT NULL DEFAULT 0;
CREATE INDEX predictions_reserving ON predictions (account, reserved)
    WHERE reserved > 0 AND status IN ('starting', 'processing');
CREATE INDEX predictions_reserving_by_token ON predictions (token, reserved)
    WHERE reserved > 0 AND status IN ('starting', 'processing');

-- payer: the account that pays for all of its time; none for instances of public models. settled_us: until when its time
-- is in rows of usage or in owed_us, in microseconds since 1970; owed_us: time at work that nobody has paid for yet.
ALTER TABLE instances ADD COLUMN payer TEXT;
ALTER TABLE instances ADD COLUMN deployment TEXT;
ALTER TABLE instances ADD COLUMN price BIGINT NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN list_price BIGINT NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN settled_us BIGINT NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN owed_us BIGINT NOT NULL DEFAULT 0;

-- One row for each prediction and training that ended, of the same id, and rows of kind instance for time of an instance
-- that no prediction pays for. at: when it was written. lost_us: time at work that came to nothing. list_amount: what it would cost
-- at Replicate's prices.
CREATE TABLE usage (
    id            TEXT PRIMARY KEY,
    kind          TEXT NOT NULL,
    account       TEXT NOT NULL,
    token         TEXT,
    model         TEXT NOT NULL,
    version       TEXT NOT NULL,
    deployment    TEXT,
    hardware      TEXT,
    instance_id   TEXT,
    status        TEXT NOT NULL,
    at            TEXT NOT NULL,
    setup_us      BIGINT NOT NULL,
    idle_us       BIGINT NOT NULL,
    active_us     BIGINT NOT NULL,
    lost_us       BIGINT NOT NULL,
    price         BIGINT NOT NULL,
    amount        BIGINT NOT NULL,
    list_amount   BIGINT NOT NULL,
    input_tokens  BIGINT,
    output_tokens BIGINT,
    images        BIGINT
);
CREATE INDEX usage_by_account ON usage (account, at);
CREATE INDEX usage_by_model ON usage (model, id) WHERE kind = 'prediction' AND status = 'succeeded';

-- Sums of usage by day (UTC). scope: account or token; holder: a username or a token's id.
CREATE TABLE spent (
    scope  TEXT NOT NULL,
    holder TEXT NOT NULL,
    day    TEXT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (scope, holder, day)
);

-- period: month or day. hard: what refuses, soft: what only warns. set_by: the account that set it. told: for which
-- period, by its first day, the webhook was told of the soft and of the hard one.
CREATE TABLE limits (
    scope     TEXT NOT NULL,
    holder    TEXT NOT NULL,
    period    TEXT NOT NULL,
    hard      BIGINT,
    soft      BIGINT,
    webhook   TEXT,
    set_by    TEXT NOT NULL,
    set_at    TEXT NOT NULL,
    told_soft TEXT,
    told_hard TEXT,
    PRIMARY KEY (scope, holder, period)
);
