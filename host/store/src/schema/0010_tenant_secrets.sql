-- Values are sealed by whoever stores them; nothing here is in the clear. `key_id` says which
-- master key opens a value.
CREATE TABLE secrets (
    id           INTEGER PRIMARY KEY,
    tenant       INTEGER NOT NULL REFERENCES tenants (id),
    name         TEXT NOT NULL,
    -- Counts the versions that there ever were: a number is never given twice.
    last_version INTEGER NOT NULL CHECK (last_version > 0),
    created_at   INTEGER NOT NULL,
    created_by   TEXT
) STRICT;

-- find_secret, current_secret, list_secrets.
CREATE UNIQUE INDEX secrets_by_name ON secrets (tenant, name);

CREATE TABLE secret_versions (
    secret      INTEGER NOT NULL REFERENCES secrets (id),
    version     INTEGER NOT NULL CHECK (version > 0),
    key_id      BLOB NOT NULL CHECK (length(key_id) = 8),
    sealed      BLOB NOT NULL,
    disabled_at INTEGER,
    created_at  INTEGER NOT NULL,
    created_by  TEXT,
    PRIMARY KEY (secret, version)
) STRICT;

-- sealing_keys, list_sealed: which values a key opens.
CREATE INDEX secret_versions_by_key ON secret_versions (key_id);

-- What an access key signs with is in `sealed` where the host has a master key, else in
-- `secret`, which is empty then.
ALTER TABLE access_keys ADD COLUMN key_id BLOB CHECK (length(key_id) = 8);
ALTER TABLE access_keys ADD COLUMN sealed BLOB;
-- sealing_keys, list_sealed.
CREATE INDEX access_keys_by_sealing_key ON access_keys (key_id) WHERE key_id IS NOT NULL;
