-- find_map_run_by_uuid: a run by the end of its ARN.
CREATE UNIQUE INDEX map_runs_by_uuid ON map_runs (uuid);

-- Data sets: what a tenant uploads for distributed Maps to read, and what those write.
--
-- `state`: 0 it is being written, 1 it is there, 2 it is to be removed. While a Map Run writes
-- one it has no name but `map_run` and `map_file` (0 succeeded, 1 failed, 2 pending).
CREATE TABLE data_sets (
    id         INTEGER PRIMARY KEY,
    tenant     INTEGER NOT NULL REFERENCES tenants (id),
    name       TEXT NOT NULL,
    state      INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
    size       INTEGER NOT NULL DEFAULT 0,
    map_run    INTEGER REFERENCES map_runs (id),
    map_file   INTEGER,
    created_at INTEGER NOT NULL,
    created_by TEXT
) STRICT;

-- find_data_set, list_data_sets.
CREATE UNIQUE INDEX data_sets_by_name ON data_sets (tenant, name) WHERE state = 1;
-- Where a Map Run's results go.
CREATE UNIQUE INDEX data_sets_by_map_run ON data_sets (map_run, map_file) WHERE state = 0;
-- purge_data_sets.
CREATE INDEX data_sets_to_remove ON data_sets (id) WHERE state = 2;

-- A chunk holds the bytes from `start` on, up to the next one's. Chunks of all data sets lie
-- in the order of their commits, found by the key's index.
CREATE TABLE data_chunks (
    data_set INTEGER NOT NULL REFERENCES data_sets (id),
    start    INTEGER NOT NULL,
    bytes    BLOB NOT NULL,
    PRIMARY KEY (data_set, start)
) STRICT;
