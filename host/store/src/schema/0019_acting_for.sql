-- The people whom an execution acted for whose task put a revision, as a JSON list; '[]' where a
-- person put it. Revisions of earlier versions have none.
ALTER TABLE state_machine_revisions ADD COLUMN acting_for_json TEXT;
