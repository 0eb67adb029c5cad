-- Times are milliseconds since 1970. Texts named *_json hold JSON. What never changes a
-- query is kept in such a text, so that a new field of it needs no migration.

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenants (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    account    TEXT NOT NULL UNIQUE CHECK (length(account) = 12 AND account NOT GLOB '*[^0-9]*'),
    region     TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Only the hash of a token is kept. `hash` serves the look-up of a caller.
CREATE TABLE api_tokens (
    tenant     INTEGER NOT NULL REFERENCES tenants (id),
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    role       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE component_blobs (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    size   INTEGER NOT NULL,
    wasm   BLOB NOT NULL
) STRICT;

-- The key serves the look-up of a component by name and version, and their lists.
CREATE TABLE components (
    tenant           INTEGER NOT NULL REFERENCES tenants (id),
    name             TEXT NOT NULL,
    version          INTEGER NOT NULL CHECK (version > 0),
    digest           BLOB NOT NULL REFERENCES component_blobs (digest),
    pushed_at        INTEGER NOT NULL,
    pushed_by        TEXT,
    description_json TEXT,
    imports_json     TEXT NOT NULL,
    PRIMARY KEY (tenant, name, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE state_machines (
    id         INTEGER PRIMARY KEY,
    tenant     INTEGER NOT NULL REFERENCES tenants (id),
    name       TEXT NOT NULL,
    type       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

-- One living machine of a name: find_state_machine, list_state_machines.
CREATE UNIQUE INDEX state_machines_living ON state_machines (tenant, name)
    WHERE deleted_at IS NULL;
-- Executions outlive their machine: find_execution_by_names.
CREATE INDEX state_machines_by_name ON state_machines (tenant, name);

CREATE TABLE state_machine_revisions (
    machine         INTEGER NOT NULL REFERENCES state_machines (id),
    revision        INTEGER NOT NULL CHECK (revision > 0),
    definition      TEXT NOT NULL,
    format          TEXT NOT NULL,
    asl_json        TEXT NOT NULL,
    pins_json       TEXT NOT NULL,
    role_arn        TEXT,
    created_at      INTEGER NOT NULL,
    created_by      TEXT,
    PRIMARY KEY (machine, revision)
) STRICT;

-- `version` is the number of the last event. `status`: 0 running, 1 succeeded, 2 failed,
-- 3 timed out, 4 aborted. `due_at` and `has_work` are a projection of the history.
-- `parent_id` refers to no row, since a parent may be removed before its child.
CREATE TABLE executions (
    id               INTEGER PRIMARY KEY,
    version          INTEGER NOT NULL,
    status           INTEGER NOT NULL CHECK (status BETWEEN 0 AND 4),
    has_work         INTEGER NOT NULL CHECK (has_work IN (0, 1)),
    due_at           INTEGER,
    stopped_at       INTEGER,
    error            TEXT,
    tenant           INTEGER NOT NULL REFERENCES tenants (id),
    machine          INTEGER NOT NULL,
    revision         INTEGER NOT NULL,
    name             TEXT NOT NULL,
    input_digest     BLOB NOT NULL CHECK (length(input_digest) = 32),
    started_at       INTEGER NOT NULL,
    parent_id        INTEGER,
    parent_scheduled INTEGER,
    FOREIGN KEY (machine, revision) REFERENCES state_machine_revisions (machine, revision)
) STRICT;

-- A name is used once: create_execution, find_execution.
CREATE UNIQUE INDEX executions_by_name ON executions (machine, name);
-- list_executions of a machine, one status at a time, newest first; status_counts.
CREATE INDEX executions_by_machine ON executions (machine, status);
-- list_executions of a tenant, likewise.
CREATE INDEX executions_by_tenant ON executions (tenant, status);
-- due, next_due: the timers. A sleeping execution costs an entry here and nothing else.
CREATE INDEX executions_due ON executions (due_at) WHERE due_at IS NOT NULL;
-- with_work: what to take up after a start.
CREATE INDEX executions_with_work ON executions (id) WHERE has_work = 1;
-- find_child, children.
CREATE INDEX executions_by_parent ON executions (parent_id, parent_scheduled)
    WHERE parent_id IS NOT NULL;

-- A page holds the events first_number .. first_number + count - 1. Pages of all executions
-- lie in the order of their commits, found by the key's index: a group of commits fills a
-- few pages of the file instead of touching one for each execution, which halves the log.
CREATE TABLE history (
    execution    INTEGER NOT NULL REFERENCES executions (id),
    first_number INTEGER NOT NULL,
    count        INTEGER NOT NULL CHECK (count > 0),
    page         BLOB NOT NULL,
    PRIMARY KEY (execution, first_number)
) STRICT;

-- A fold of the history up to `number`, for long ones; may be dropped at any time.
CREATE TABLE snapshots (
    execution INTEGER PRIMARY KEY REFERENCES executions (id),
    number    INTEGER NOT NULL,
    blob      BLOB NOT NULL
) STRICT;
