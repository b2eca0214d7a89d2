-- What helps people to find models. examples: predictions that a model's owner shows; models.default_example is one of
-- them. official: the operator stands for the model. collection_models names models by owner/name, known or not.
ALTER TABLE models ADD COLUMN official INTEGER NOT NULL DEFAULT 0;
ALTER TABLE models ADD COLUMN default_example TEXT;

CREATE TABLE examples (
    model      TEXT NOT NULL,
    prediction TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (model, prediction)
);
CREATE INDEX examples_by_prediction ON examples (prediction);

CREATE TABLE collections (
    slug             TEXT PRIMARY KEY,
    name             TEXT NOT NULL,
    description      TEXT NOT NULL,
    full_description TEXT,
    created_at       TEXT NOT NULL
);

CREATE TABLE collection_models (
    collection TEXT NOT NULL REFERENCES collections (slug),
    model      TEXT NOT NULL,
    position   INTEGER NOT NULL,
    PRIMARY KEY (collection, model)
);

-- The words that search looks through, kept current by triggers.
CREATE VIRTUAL TABLE model_words USING fts5 (
    owner, name, description, readme, tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE collection_words USING fts5 (
    slug, name, description, full_description, tokenize = 'porter unicode61 remove_diacritics 2'
);

INSERT INTO model_words (owner, name, description, readme) SELECT owner, name, description, readme FROM models;

CREATE TRIGGER model_words_added AFTER INSERT ON models BEGIN
    INSERT INTO model_words (owner, name, description, readme)
    VALUES (new.owner, new.name, new.description, new.readme);
END;
CREATE TRIGGER model_words_changed AFTER UPDATE OF description, readme ON models BEGIN
    UPDATE model_words SET description = new.description, readme = new.readme
    WHERE owner = new.owner AND name = new.name;
END;
CREATE TRIGGER model_words_removed AFTER DELETE ON models BEGIN
    DELETE FROM model_words WHERE owner = old.owner AND name = old.name;
    DELETE FROM examples WHERE model = old.owner || '/' || old.name;
END;

CREATE TRIGGER collection_words_added AFTER INSERT ON collections BEGIN
    INSERT INTO collection_words (slug, name, description, full_description)
    VALUES (new.slug, new.name, new.description, new.full_description);
END;
CREATE TRIGGER collection_words_changed AFTER UPDATE ON collections BEGIN
    UPDATE collection_words SET name = new.name, description = new.description, full_description = new.full_description
    WHERE slug = new.slug;
END;
CREATE TRIGGER collection_words_removed AFTER DELETE ON collections BEGIN
    DELETE FROM collection_words WHERE slug = old.slug;
    DELETE FROM collection_models WHERE collection = old.slug;
END;
