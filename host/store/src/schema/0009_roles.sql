-- A token is of a role, and may be narrower than it: `permissions_json` lists what it is for,
-- null for all that the role lets. While a token is rotated, the one before it stays good
-- until `previous_until`.
ALTER TABLE api_tokens ADD COLUMN permissions_json TEXT;
ALTER TABLE api_tokens ADD COLUMN created_by TEXT;
ALTER TABLE api_tokens ADD COLUMN previous_hash BLOB CHECK (length(previous_hash) = 32);
ALTER TABLE api_tokens ADD COLUMN previous_until INTEGER;
-- find_api_token, for the one before.
CREATE UNIQUE INDEX api_tokens_by_previous ON api_tokens (previous_hash)
    WHERE previous_hash IS NOT NULL;

ALTER TABLE access_keys ADD COLUMN permissions_json TEXT;
ALTER TABLE access_keys ADD COLUMN created_by TEXT;
ALTER TABLE access_keys ADD COLUMN expires_at INTEGER;

-- Roles that tenants made, beside those that all have.
CREATE TABLE roles (
    tenant           INTEGER NOT NULL REFERENCES tenants (id),
    name             TEXT NOT NULL,
    about            TEXT,
    permissions_json TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    created_by       TEXT,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- The token of a first start is that of who runs the host: it was the only one there is.
UPDATE api_tokens SET role = 'host-admin' WHERE name = 'admin' AND role = 'admin';
