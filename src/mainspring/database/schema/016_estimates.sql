-- A deployment's runs cost otherwise than those of its model: they pay for setup too. Its estimates go by its own.
DROP INDEX usage_by_model;
CREATE INDEX usage_by_model ON usage (model, deployment, id) WHERE kind = 'prediction' AND status = 'succeeded';
