-- What the lists of predictions can be narrowed to. The partial ones cost nothing where a prediction succeeds by the API.
CREATE INDEX predictions_of_models ON predictions (account, model, id);
CREATE INDEX predictions_unhappy ON predictions (account, status, id) WHERE status IN ('failed', 'canceled', 'aborted');
CREATE INDEX predictions_from_web ON predictions (account, id) WHERE source = 'web';
