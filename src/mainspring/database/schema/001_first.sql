-- Every durable fact. Text is UTF-8; times are RFC 3339 UTC text with microseconds; JSON is text; flags are 0 or 1.

CREATE TABLE IF NOT EXISTS accounts (
    username   TEXT PRIMARY KEY,
    type       TEXT NOT NULL,
    name       TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS tokens (
    id           TEXT PRIMARY KEY,
    account      TEXT NOT NULL REFERENCES accounts (username),
    name         TEXT NOT NULL,
    hash         TEXT NOT NULL UNIQUE,
    prefix       TEXT NOT NULL,
    last_four    TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    last_used_at TEXT,
    disabled_at  TEXT
);

CREATE TABLE IF NOT EXISTS models (
    owner             TEXT NOT NULL REFERENCES accounts (username),
    name              TEXT NOT NULL,
    description       TEXT,
    visibility        TEXT NOT NULL,
    hardware          TEXT NOT NULL,
    github_url        TEXT,
    paper_url         TEXT,
    license_url       TEXT,
    weights_url       TEXT,
    cover_image_url   TEXT,
    readme            TEXT,
    run_count         BIGINT NOT NULL DEFAULT 0,
    min_instances     INTEGER NOT NULL DEFAULT 0,
    max_instances     INTEGER,
    idle_timeout_s    DOUBLE PRECISION,
    instance_memory   BIGINT,
    latest_version    TEXT,
    latest_version_at TEXT,
    created_at        TEXT NOT NULL,
    PRIMARY KEY (owner, name)
);

-- model is owner/name. source and environment are names of directories that the builder made.
CREATE TABLE IF NOT EXISTS versions (
    model          TEXT NOT NULL,
    id             TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    cog_version    TEXT NOT NULL,
    openapi_schema TEXT NOT NULL,
    predictor      TEXT NOT NULL,
    slots          INTEGER NOT NULL,
    gpu            INTEGER NOT NULL,
    env            TEXT NOT NULL,
    source         TEXT NOT NULL,
    environment    TEXT NOT NULL,
    PRIMARY KEY (model, id)
);
CREATE INDEX IF NOT EXISTS versions_by_id ON versions (id);

-- queue is model:version, the line it waits in. (instance_id, attempt) is the fencing token of whoever runs it.
CREATE TABLE IF NOT EXISTS predictions (
    id                    TEXT PRIMARY KEY,
    account               TEXT NOT NULL,
    model                 TEXT NOT NULL,
    version               TEXT NOT NULL,
    queue                 TEXT NOT NULL,
    source                TEXT NOT NULL,
    status                TEXT NOT NULL,
    input                 TEXT NOT NULL,
    secrets               TEXT,
    output                TEXT,
    logs                  TEXT NOT NULL DEFAULT '',
    error                 TEXT,
    metrics               TEXT,
    webhook               TEXT,
    webhook_events_filter TEXT,
    created_at            TEXT NOT NULL,
    started_at            TEXT,
    completed_at          TEXT,
    deadline              TEXT,
    cancel_requested_at   TEXT,
    instance_id           TEXT,
    attempt               INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS predictions_by_account ON predictions (account, id);
CREATE INDEX IF NOT EXISTS predictions_waiting ON predictions (queue, id) WHERE status = 'starting';
CREATE INDEX IF NOT EXISTS predictions_running ON predictions (instance_id) WHERE status = 'processing';
CREATE INDEX IF NOT EXISTS predictions_due ON predictions (deadline)
    WHERE deadline IS NOT NULL AND status IN ('starting', 'processing');

-- What a running prediction has said so far; folded into the prediction when it ends.
-- chunks is a JSON array of outputs, first is the index of its first element.
CREATE TABLE IF NOT EXISTS progress (
    prediction_id TEXT NOT NULL,
    attempt       INTEGER NOT NULL,
    beat          INTEGER NOT NULL,
    chunks        TEXT NOT NULL,
    logs          TEXT NOT NULL,
    PRIMARY KEY (prediction_id, attempt, beat)
);

CREATE TABLE IF NOT EXISTS instances (
    id             TEXT PRIMARY KEY,
    queue          TEXT NOT NULL,
    model          TEXT NOT NULL,
    version        TEXT NOT NULL,
    state          TEXT NOT NULL,
    devices        TEXT NOT NULL,
    memory         BIGINT NOT NULL,
    slots          INTEGER NOT NULL,
    address        TEXT,
    pid            BIGINT,
    pid_started_at BIGINT,
    created_at     TEXT NOT NULL,
    ready_at       TEXT,
    last_used_at   TEXT NOT NULL,
    ended_at       TEXT,
    reason         TEXT,
    setup_logs     TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS instances_live ON instances (queue) WHERE state <> 'ended';

CREATE TABLE IF NOT EXISTS files (
    id           TEXT PRIMARY KEY,
    account      TEXT NOT NULL,
    name         TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size         BIGINT NOT NULL,
    sha256       TEXT NOT NULL,
    md5          TEXT NOT NULL,
    metadata     TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    expires_at   TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS files_by_account ON files (account, created_at);
CREATE INDEX IF NOT EXISTS files_by_expiry ON files (expires_at);
