-- A deployment: newest is the highest release number ever, current the release that its owner asked for last and that
-- was not rolled back, live the one that takes predictions. They differ while current boots.
CREATE TABLE deployments (
    owner      TEXT NOT NULL REFERENCES accounts (username),
    name       TEXT NOT NULL,
    created_at TEXT NOT NULL,
    newest     INTEGER NOT NULL,
    current    INTEGER NOT NULL,
    live       INTEGER NOT NULL,
    PRIMARY KEY (owner, name)
);

-- deployment is owner/name. line: number of the release whose queue and instances it uses; its own, unless only the
-- numbers of instances differ. error says why it was rolled back, logs what its setup printed.
CREATE TABLE releases (
    deployment    TEXT NOT NULL,
    number        INTEGER NOT NULL,
    line          INTEGER NOT NULL,
    model         TEXT NOT NULL,
    version       TEXT NOT NULL,
    hardware      TEXT NOT NULL,
    min_instances INTEGER NOT NULL,
    max_instances INTEGER NOT NULL,
    created_by    TEXT NOT NULL,
    created_at    TEXT NOT NULL,
    live_at       TEXT,
    ended_at      TEXT,
    error         TEXT,
    logs          TEXT,
    PRIMARY KEY (deployment, number)
);
CREATE INDEX releases_of_versions ON releases (model, version);
CREATE INDEX predictions_of_deployments ON predictions (deployment, id) WHERE deployment IS NOT NULL;

-- hardware: SKU; cpus: cores set aside for it; fault: why it never got ready, if that is the model's doing.
ALTER TABLE instances ADD COLUMN hardware TEXT NOT NULL DEFAULT 'cpu';
ALTER TABLE instances ADD COLUMN cpus DOUBLE PRECISION;
ALTER TABLE instances ADD COLUMN fault TEXT;
CREATE INDEX instances_at_fault ON instances (queue, ended_at) WHERE fault IS NOT NULL;
