-- Who acts for an organization. role: viewer, member or owner; an organization always has an owner.
CREATE TABLE members (
    organization TEXT NOT NULL REFERENCES accounts (username),
    account      TEXT NOT NULL REFERENCES accounts (username),
    role         TEXT NOT NULL,
    added_at     TEXT NOT NULL,
    PRIMARY KEY (organization, account)
);
CREATE INDEX members_by_account ON members (account);
-- Until now the account that was made first, the operator's, acted for every organization.
INSERT INTO members (organization, account, role, added_at)
    SELECT o.username, (SELECT username FROM accounts WHERE type = 'user' ORDER BY created_at, username LIMIT 1),
        'owner', o.created_at
    FROM accounts o WHERE o.type = 'organization' AND EXISTS (SELECT 1 FROM accounts WHERE type = 'user');

-- disabled_at: since then none of its tokens opens it.
ALTER TABLE accounts ADD COLUMN disabled_at TEXT;

-- scopes: words of core.people. secrets: how often the secret was replaced. former_hash: of the secret before, which
-- opens the account as well until former_until.
ALTER TABLE tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT 'read run push admin';
ALTER TABLE tokens ADD COLUMN expires_at TEXT;
ALTER TABLE tokens ADD COLUMN secrets INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN rotated_at TEXT;
ALTER TABLE tokens ADD COLUMN former_hash TEXT;
ALTER TABLE tokens ADD COLUMN former_until TEXT;
CREATE INDEX tokens_by_former ON tokens (former_hash) WHERE former_hash IS NOT NULL;
CREATE INDEX tokens_by_account ON tokens (account, id);

-- Where the request that made it came from.
ALTER TABLE predictions ADD COLUMN address TEXT;

-- What tokens changed or tried to; predictions that were made are not here, but where another account's things were used. account: whose token it was; owner: whose the object is. operation: an id of the API.
-- source: api or web. address: where it came from. status: of the reply, none if nobody knows what became of it.
CREATE TABLE audit (
    id         TEXT PRIMARY KEY,
    at         TEXT NOT NULL,
    account    TEXT NOT NULL,
    token      TEXT,
    token_name TEXT NOT NULL,
    owner      TEXT NOT NULL,
    operation  TEXT NOT NULL,
    object     TEXT NOT NULL,
    source     TEXT NOT NULL,
    address    TEXT,
    status     INTEGER
) WITHOUT ROWID;
CREATE INDEX audit_by_account ON audit (account, id);
CREATE INDEX audit_of_others ON audit (owner, id) WHERE owner <> account;
