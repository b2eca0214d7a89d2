-- What becomes of a model's and a deployment's predictions is counted from these alone, without their inputs and outputs.
CREATE INDEX predictions_ended_by_model ON predictions (model, completed_at, kind, status, created_at, started_at)
    WHERE completed_at IS NOT NULL;
CREATE INDEX predictions_ended_by_deployment ON predictions (deployment, completed_at, status, created_at, started_at)
    WHERE completed_at IS NOT NULL AND deployment IS NOT NULL;

-- A prediction that whoever has the link may see. It keeps its data as long as it is shared.
CREATE TABLE shares (
    capability TEXT PRIMARY KEY,
    prediction TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL
);
