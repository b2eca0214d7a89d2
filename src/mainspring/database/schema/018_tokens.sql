-- What a token made, newest first.
CREATE INDEX predictions_of_tokens ON predictions (account, token, id) WHERE token IS NOT NULL;
