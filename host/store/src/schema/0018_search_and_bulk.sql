-- Which trace an execution belongs to, and the rest of the context that it was started with:
-- the parent's id and the flags. Executions of earlier versions have none.
ALTER TABLE executions ADD COLUMN trace_id BLOB CHECK (length(trace_id) = 16);
ALTER TABLE executions ADD COLUMN trace_parent BLOB CHECK (length(trace_parent) = 9);

-- Lists are newest first by the time of the start, so that a range of times is a part of each
-- index. list_executions of a machine, a tenant, a version, an alias, one status at a time.
DROP INDEX executions_by_machine;
DROP INDEX executions_by_tenant;
DROP INDEX executions_by_version;
DROP INDEX executions_by_alias;
DROP INDEX executions_redriven;
CREATE INDEX executions_by_machine ON executions (machine, status, started_at)
    WHERE map_run IS NULL;
CREATE INDEX executions_by_tenant ON executions (tenant, status, started_at)
    WHERE map_run IS NULL;
CREATE INDEX executions_by_version ON executions (machine, machine_version, status, started_at)
    WHERE machine_version IS NOT NULL;
CREATE INDEX executions_by_alias ON executions (machine, machine_alias, status, started_at)
    WHERE machine_alias IS NOT NULL;
CREATE INDEX executions_redriven ON executions (machine, status, started_at)
    WHERE map_run IS NULL AND redrive_count > 0;

-- list_executions by error: only what failed has an entry.
CREATE INDEX executions_by_error ON executions (tenant, error, started_at)
    WHERE error IS NOT NULL AND map_run IS NULL;
-- list_executions by trace. Ids that the host makes grow, so that a start touches the end.
CREATE INDEX executions_by_trace ON executions (tenant, trace_id, started_at)
    WHERE trace_id IS NOT NULL AND map_run IS NULL;
-- list_executions by the time of the end.
CREATE INDEX executions_by_stop ON executions (tenant, stopped_at)
    WHERE stopped_at IS NOT NULL AND map_run IS NULL;

-- What people have hung on an execution when they started it. The key serves its description,
-- and list_executions by tag beside another filter.
CREATE TABLE execution_tags (
    execution  INTEGER NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    tenant     INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    PRIMARY KEY (execution, key)
) STRICT, WITHOUT ROWID;
-- list_executions by tag, newest first.
CREATE INDEX execution_tags_by_tag ON execution_tags (tenant, key, value, started_at, execution);

-- Bulk operations: one change to all executions that a filter lets pass. `action`: 0 stop,
-- 1 redrive. `status`: 0 running, 1 completed, 2 cancelled. `query_json` is the filter as it was
-- asked; `machine` is the state machine that its name meant then. Executions with a number
-- above `up_to` came after the order and are left alone. What lies before the position (newest
-- first) has been looked at.
CREATE TABLE bulk_operations (
    id               INTEGER PRIMARY KEY,
    uuid             TEXT NOT NULL UNIQUE,
    tenant           INTEGER NOT NULL REFERENCES tenants (id),
    action           INTEGER NOT NULL CHECK (action IN (0, 1)),
    status           INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2),
    query_json       TEXT NOT NULL,
    machine          INTEGER,
    error            TEXT,
    cause            TEXT,
    up_to            INTEGER NOT NULL,
    matching         INTEGER NOT NULL,
    ordered_at       INTEGER NOT NULL,
    ordered_by       TEXT NOT NULL,
    origin_json      TEXT NOT NULL,
    ended_at         INTEGER,
    ended_by         TEXT,
    position_started INTEGER,
    position_key     INTEGER,
    done             INTEGER NOT NULL DEFAULT 0,
    skipped          INTEGER NOT NULL DEFAULT 0,
    failed           INTEGER NOT NULL DEFAULT 0,
    problems_json    TEXT NOT NULL DEFAULT '[]'
) STRICT;
-- list_bulk_operations of a tenant, newest first.
CREATE INDEX bulk_operations_by_tenant ON bulk_operations (tenant, id);
-- open_bulk_operations: what to take up after a start.
CREATE INDEX bulk_operations_open ON bulk_operations (id) WHERE status = 0;

-- Executions behind the position of an operation that it has changed already, each written in
-- the transaction of its change: after a crash it is not changed twice. Gone once the position
-- has passed them.
CREATE TABLE bulk_changed (
    operation INTEGER NOT NULL REFERENCES bulk_operations (id),
    execution INTEGER NOT NULL,
    PRIMARY KEY (operation, execution)
) STRICT, WITHOUT ROWID;
