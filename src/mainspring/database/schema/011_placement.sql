-- Models: wishes, none for what is measured or the settings say. gpu_memory: bytes that an instance takes on each of its
-- GPUs; gpus: how many of them.
ALTER TABLE models ADD COLUMN gpu_memory BIGINT;
ALTER TABLE models ADD COLUMN gpus INTEGER;

-- Instances: gpu_memory is what is set aside on each device, 0 for all of it; the used ones are the newest measurement,
-- of all its processes; cause says why it was booted.
ALTER TABLE instances ADD COLUMN gpu_memory BIGINT NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN memory_used BIGINT;
ALTER TABLE instances ADD COLUMN gpu_memory_used BIGINT;
ALTER TABLE instances ADD COLUMN cause TEXT;

-- The most that an instance of a version was seen to take: bytes, gpu_memory on one GPU. kind: prediction or training.
CREATE TABLE footprints (
    model       TEXT NOT NULL,
    version     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    memory      BIGINT NOT NULL,
    gpu_memory  BIGINT NOT NULL,
    measured_at TEXT NOT NULL,
    PRIMARY KEY (model, version, kind)
);
CREATE INDEX instances_by_end ON instances (ended_at) WHERE state = 'ended';
