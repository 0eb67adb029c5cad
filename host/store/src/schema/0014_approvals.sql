-- Approvals: a projection of the histories, as far as they were asked. `status`: 0 pending,
-- 1 approved, 2 rejected, 3 expired, 4 superseded, 5 withdrawn. `superseded_by` is the newer
-- execution that has reached the same approval: as long as the row is pending, its execution
-- is still to be told. AUTOINCREMENT: a place is never given twice, so pages never repeat.
CREATE TABLE approvals (
    place         INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    tenant        INTEGER NOT NULL REFERENCES tenants (id),
    execution     INTEGER NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
    scheduled     INTEGER NOT NULL,
    machine       INTEGER NOT NULL,
    state         TEXT NOT NULL,
    status        INTEGER NOT NULL CHECK (status BETWEEN 0 AND 5),
    requested_at  INTEGER NOT NULL,
    due_at        INTEGER,
    closed_at     INTEGER,
    supersede_key TEXT,
    superseded_by INTEGER,
    summary_json  TEXT NOT NULL,
    details_json  TEXT NOT NULL
) STRICT;

-- commit: an approval is asked once, and changed by its task; list_approvals of an execution.
CREATE UNIQUE INDEX approvals_by_task ON approvals (execution, scheduled);
-- list_approvals of a tenant, one status at a time, newest first.
CREATE INDEX approvals_by_tenant ON approvals (tenant, status, place);
-- commit: which approvals of other executions a new one supersedes, and whether it is itself.
CREATE INDEX approvals_by_key ON approvals (machine, state, supersede_key, execution)
    WHERE supersede_key IS NOT NULL;
-- superseded_approvals: whose executions are still to be told.
CREATE INDEX approvals_superseded ON approvals (place)
    WHERE superseded_by IS NOT NULL AND status = 0;

-- Who may decide a pending approval: `g:` and a group, `p:` and a principal, or `*`. The key
-- serves list_approvals of somebody.
CREATE TABLE approval_deciders (
    tenant   INTEGER NOT NULL,
    who      TEXT NOT NULL,
    approval INTEGER NOT NULL REFERENCES approvals (place) ON DELETE CASCADE,
    PRIMARY KEY (tenant, who, approval)
) STRICT, WITHOUT ROWID;

-- commit: an approval that ended, or that others may decide too, has other deciders.
CREATE INDEX approval_deciders_by_approval ON approval_deciders (approval);
