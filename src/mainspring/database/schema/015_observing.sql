-- trace: where a prediction stands in a distributed trace, for what is told of it later; none while traces are off.
ALTER TABLE predictions ADD COLUMN trace TEXT;

-- One row that is written to see whether the ledger can be.
CREATE TABLE pulse (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    beat BIGINT NOT NULL
);
