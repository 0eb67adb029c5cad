CREATE TABLE activities (
    tenant     INTEGER NOT NULL REFERENCES tenants (id),
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- What workers may take, a projection of the histories: a task of an execution that no
-- worker has taken. `activity` refers to no row, since a task may wait for an activity
-- that was deleted. A row may outlive its task for a while: who takes it finds out.
-- AUTOINCREMENT: a place is never given twice, so that who looks on from a place misses
-- nothing.
CREATE TABLE activity_tasks (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant    INTEGER NOT NULL REFERENCES tenants (id),
    activity  TEXT NOT NULL,
    execution INTEGER NOT NULL REFERENCES executions (id),
    scheduled INTEGER NOT NULL
) STRICT;

-- next_activity_tasks: the oldest tasks of an activity.
CREATE INDEX activity_tasks_by_activity ON activity_tasks (tenant, activity, id);
-- commit: a task is offered once, and withdrawn by its number; or all of an execution's.
CREATE UNIQUE INDEX activity_tasks_by_task ON activity_tasks (execution, scheduled);

-- `action` is `*` for all that have no binding of their own. Without a version it is the
-- newest one at each deployment.
CREATE TABLE bindings (
    tenant     INTEGER NOT NULL REFERENCES tenants (id),
    service    TEXT NOT NULL,
    action     TEXT NOT NULL,
    component  TEXT NOT NULL,
    version    INTEGER CHECK (version > 0),
    created_at INTEGER NOT NULL,
    created_by TEXT,
    PRIMARY KEY (tenant, service, action)
) STRICT, WITHOUT ROWID;
