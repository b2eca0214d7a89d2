-- trainer: the reference of what trains the version, as cog.yaml has it. base: owner/name:id of the version that a
-- training made this one of; weights: the key of what it learned in the object store.
ALTER TABLE versions ADD COLUMN trainer TEXT;
ALTER TABLE versions ADD COLUMN weights TEXT;
ALTER TABLE versions ADD COLUMN base TEXT;
