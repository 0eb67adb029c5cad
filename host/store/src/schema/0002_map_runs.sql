-- Children of a Map Run are executions that no list of their machine shows and whose names
-- are free of its names: the indexes over names and lists leave them out, so that a million
-- of them costs those lists nothing.
--
-- A run's counts and cursor are columns here, and move in the transaction in which a child
-- starts or ends: after a crash they are what they were.
--
-- `stage`: 0 it runs, 1 it has failed and ends its children, 2 it has ended and its execution
-- is to be told, 3 its execution is gone and it ends its children, 4 it is over.
-- `status` is as in executions. `cursor` counts the children that were started; `position`
-- is the engine's own word for where the next item is, `ahead` for which express children
-- behind the cursor are done.
CREATE TABLE map_runs (
    id                  INTEGER PRIMARY KEY,
    execution           INTEGER NOT NULL REFERENCES executions (id),
    number              INTEGER NOT NULL,
    label               TEXT NOT NULL,
    uuid                TEXT NOT NULL,
    stage               INTEGER NOT NULL DEFAULT 0 CHECK (stage BETWEEN 0 AND 4),
    status              INTEGER NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 4),
    started_at          INTEGER NOT NULL,
    stopped_at          INTEGER,
    error               TEXT,
    cause               TEXT,
    max_concurrency     INTEGER NOT NULL,
    tolerated_count     INTEGER NOT NULL,
    tolerated_percentage REAL NOT NULL,
    cursor              INTEGER NOT NULL DEFAULT 0,
    position            BLOB,
    exhausted           INTEGER NOT NULL DEFAULT 0 CHECK (exhausted IN (0, 1)),
    items_total         INTEGER,
    items_started       INTEGER NOT NULL DEFAULT 0,
    items_succeeded     INTEGER NOT NULL DEFAULT 0,
    items_failed        INTEGER NOT NULL DEFAULT 0,
    items_timed_out     INTEGER NOT NULL DEFAULT 0,
    items_aborted       INTEGER NOT NULL DEFAULT 0,
    children_started    INTEGER NOT NULL DEFAULT 0,
    children_succeeded  INTEGER NOT NULL DEFAULT 0,
    children_failed     INTEGER NOT NULL DEFAULT 0,
    children_timed_out  INTEGER NOT NULL DEFAULT 0,
    children_aborted    INTEGER NOT NULL DEFAULT 0,
    result_bytes        INTEGER NOT NULL DEFAULT 0,
    result_bytes_max    INTEGER NOT NULL
) STRICT;

-- find_map_run, map_runs_of: a run by its execution.
CREATE UNIQUE INDEX map_runs_by_execution ON map_runs (execution, number);
-- open_map_runs: what to take up after a start.
CREATE INDEX map_runs_open ON map_runs (id) WHERE stage < 4;

-- Results that become the Map state's result, until the execution has taken it. What would
-- make it too large is not kept.
CREATE TABLE map_results (
    run    INTEGER NOT NULL REFERENCES map_runs (id),
    child  INTEGER NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (run, child)
) STRICT, WITHOUT ROWID;

ALTER TABLE executions ADD COLUMN map_run INTEGER REFERENCES map_runs (id);

DROP INDEX executions_by_name;
DROP INDEX executions_by_machine;
DROP INDEX executions_by_tenant;
-- A name is used once: create_execution, find_execution.
CREATE UNIQUE INDEX executions_by_name ON executions (machine, name) WHERE map_run IS NULL;
-- list_executions of a machine, one status at a time, newest first; status_counts.
CREATE INDEX executions_by_machine ON executions (machine, status) WHERE map_run IS NULL;
-- list_executions of a tenant, likewise.
CREATE INDEX executions_by_tenant ON executions (tenant, status) WHERE map_run IS NULL;
-- list_executions of a Map Run, likewise; which of its children to stop.
CREATE INDEX executions_by_map_run ON executions (map_run, status) WHERE map_run IS NOT NULL;
