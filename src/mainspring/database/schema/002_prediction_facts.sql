-- kind: prediction or training. deployment: owner/name of the one that it was made through. token: id of the token that
-- made it. hardware: SKU that it ran on. base_url: the listener that it was made through, for what is sent without a request.
-- timeline: JSON object of moments. expires_at: when input, output and logs are to be removed; data_removed: they were.
ALTER TABLE predictions ADD COLUMN kind TEXT NOT NULL DEFAULT 'prediction';
ALTER TABLE predictions ADD COLUMN deployment TEXT;
ALTER TABLE predictions ADD COLUMN destination TEXT;
ALTER TABLE predictions ADD COLUMN token TEXT;
ALTER TABLE predictions ADD COLUMN hardware TEXT;
ALTER TABLE predictions ADD COLUMN base_url TEXT;
ALTER TABLE predictions ADD COLUMN timeline TEXT;
ALTER TABLE predictions ADD COLUMN expires_at TEXT;
ALTER TABLE predictions ADD COLUMN data_removed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX predictions_of_trainings ON predictions (account, id) WHERE kind = 'training';
CREATE INDEX predictions_expiring ON predictions (expires_at) WHERE expires_at IS NOT NULL;
