-- Models that were installed from the catalogue. weights: directory that their instances read, NULL when a package brings
-- them. weights_name: what the weights that run are called, where own is 0 because they are not the model's own.
CREATE TABLE installed (
    model        TEXT PRIMARY KEY,
    weights      TEXT,
    weights_name TEXT,
    own          INTEGER NOT NULL DEFAULT 1,
    installed_at TEXT NOT NULL
);

-- Ids that stand for a version of a model, of its latest one when version is NULL. listed: its catalogue entry has it.
CREATE TABLE aliases (
    id         TEXT PRIMARY KEY,
    model      TEXT NOT NULL,
    version    TEXT,
    listed     INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
);
CREATE INDEX aliases_by_model ON aliases (model);

-- asked: the alias that a prediction was made with. weights: what the weights of the instance that ran it are called.
ALTER TABLE predictions ADD COLUMN asked TEXT;
ALTER TABLE predictions ADD COLUMN weights TEXT;
ALTER TABLE instances ADD COLUMN weights TEXT;
