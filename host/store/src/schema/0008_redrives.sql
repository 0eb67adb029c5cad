-- Redrives are facts of the histories; here is what lists and Map Runs ask of them.

ALTER TABLE executions ADD COLUMN redrive_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN redriven_at INTEGER;
-- The redrive of its Map Run that a child was taken up by, or passed over by for good.
ALTER TABLE executions ADD COLUMN map_redrive INTEGER NOT NULL DEFAULT 0;

-- list_executions of those that were redriven: few among many.
CREATE INDEX executions_redriven ON executions (machine, status)
    WHERE map_run IS NULL AND redrive_count > 0;
CREATE INDEX executions_redriven_by_map_run ON executions (map_run, status)
    WHERE map_run IS NOT NULL AND redrive_count > 0;

ALTER TABLE map_runs ADD COLUMN redrive_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE map_runs ADD COLUMN redriven_at INTEGER;
-- `redriving`: 0 no, 1 as soon as its children have ended, 2 children wait for their turn.
ALTER TABLE map_runs ADD COLUMN redriving INTEGER NOT NULL DEFAULT 0
    CHECK (redriving BETWEEN 0 AND 2);
-- Of those that failed, had their time up or were stopped: how many wait to be redriven,
-- and how many never will be.
ALTER TABLE map_runs ADD COLUMN children_pending_failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE map_runs ADD COLUMN children_pending_timed_out INTEGER NOT NULL DEFAULT 0;
ALTER TABLE map_runs ADD COLUMN children_pending_aborted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE map_runs ADD COLUMN items_pending_failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE map_runs ADD COLUMN items_pending_timed_out INTEGER NOT NULL DEFAULT 0;
ALTER TABLE map_runs ADD COLUMN items_pending_aborted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE map_runs ADD COLUMN children_not_redrivable INTEGER NOT NULL DEFAULT 0;
ALTER TABLE map_runs ADD COLUMN items_not_redrivable INTEGER NOT NULL DEFAULT 0;
