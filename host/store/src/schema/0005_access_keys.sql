-- Keys of callers that sign their requests. The secret is kept as it is: a signature is an
-- HMAC, which its verifier must be able to compute. The id serves the look-up of a caller,
-- the tenant and name their lists.
CREATE TABLE access_keys (
    id         TEXT PRIMARY KEY,
    tenant     INTEGER NOT NULL REFERENCES tenants (id),
    name       TEXT NOT NULL,
    secret     TEXT NOT NULL,
    role       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (tenant, name)
) STRICT, WITHOUT ROWID;
