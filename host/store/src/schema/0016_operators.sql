-- What operators do to executions: facts of the histories; here is what lists and readers
-- of histories ask of them.

-- Since when nothing new begins.
ALTER TABLE executions ADD COLUMN paused_at INTEGER;
-- list_executions of those that are paused: few among many.
CREATE INDEX executions_paused ON executions (tenant, status)
    WHERE map_run IS NULL AND paused_at IS NOT NULL;

-- Revisions that an execution ran before a redrive went on with another one: what it did
-- before the event `before` was decided by `revision`. Since then, its row says which.
CREATE TABLE execution_revisions (
    execution INTEGER NOT NULL REFERENCES executions (id),
    before    INTEGER NOT NULL,
    revision  INTEGER NOT NULL,
    PRIMARY KEY (execution, before)
) STRICT, WITHOUT ROWID;
