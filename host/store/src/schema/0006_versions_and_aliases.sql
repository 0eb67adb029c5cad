-- From `deleting_at` on a machine takes no new executions and keeps its name; it is deleted
-- once those that it has have ended. `last_version` counts the versions ever published: a
-- number is never given twice. `made_published` and `made_description` keep what else the
-- order said that made the machine, since the same order again is no fault.
ALTER TABLE state_machines ADD COLUMN deleting_at INTEGER;
ALTER TABLE state_machines ADD COLUMN last_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE state_machines ADD COLUMN made_published INTEGER NOT NULL DEFAULT 0
    CHECK (made_published IN (0, 1));
ALTER TABLE state_machines ADD COLUMN made_description TEXT;
-- deleting_state_machines: what to finish after a start.
CREATE INDEX state_machines_deleting ON state_machines (id)
    WHERE deleting_at IS NOT NULL AND deleted_at IS NULL;

-- A machine's first revision has no `uuid`.
ALTER TABLE state_machine_revisions ADD COLUMN uuid TEXT;
ALTER TABLE state_machine_revisions ADD COLUMN logging_json TEXT;
ALTER TABLE state_machine_revisions ADD COLUMN tracing_json TEXT;
ALTER TABLE state_machine_revisions ADD COLUMN encryption_json TEXT;

-- The key serves the look-up of a version and the lists.
CREATE TABLE state_machine_versions (
    machine     INTEGER NOT NULL,
    version     INTEGER NOT NULL CHECK (version > 0),
    revision    INTEGER NOT NULL,
    description TEXT,
    created_at  INTEGER NOT NULL,
    created_by  TEXT,
    PRIMARY KEY (machine, version),
    FOREIGN KEY (machine, revision) REFERENCES state_machine_revisions (machine, revision)
) STRICT, WITHOUT ROWID;

-- publish_version: a revision is published once.
CREATE UNIQUE INDEX state_machine_versions_by_revision
    ON state_machine_versions (machine, revision);

-- An alias leads to one version, or to two by weight.
CREATE TABLE state_machine_aliases (
    machine        INTEGER NOT NULL REFERENCES state_machines (id),
    name           TEXT NOT NULL,
    description    TEXT,
    first_version  INTEGER NOT NULL,
    first_weight   INTEGER NOT NULL CHECK (first_weight BETWEEN 0 AND 100),
    second_version INTEGER,
    second_weight  INTEGER CHECK (second_weight BETWEEN 0 AND 100),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    created_by     TEXT,
    PRIMARY KEY (machine, name),
    FOREIGN KEY (machine, first_version) REFERENCES state_machine_versions (machine, version),
    FOREIGN KEY (machine, second_version) REFERENCES state_machine_versions (machine, version)
) STRICT, WITHOUT ROWID;

-- `resource` is the end of an ARN: `stateMachine:NAME`, `activity:NAME`.
CREATE TABLE tags (
    tenant   INTEGER NOT NULL REFERENCES tenants (id),
    resource TEXT NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (tenant, resource, key)
) STRICT, WITHOUT ROWID;

-- What an execution was started by, besides its machine. They refer to no row, since
-- versions and aliases may be deleted.
ALTER TABLE executions ADD COLUMN machine_version INTEGER;
ALTER TABLE executions ADD COLUMN machine_alias TEXT;
-- list_executions of a version and of an alias, newest first, one status at a time.
CREATE INDEX executions_by_version ON executions (machine, machine_version, status)
    WHERE machine_version IS NOT NULL;
CREATE INDEX executions_by_alias ON executions (machine, machine_alias, status)
    WHERE machine_alias IS NOT NULL;
