-- The life cycle: suspending, resuming, moving, deleting, further realms.
-- Expanding only: what ran on the tables before runs on them now.

ALTER TABLE organization ADD COLUMN change_event_id uuid;

COMMENT ON COLUMN organization.change_event_id IS
    'The event of the last change that the other services must have applied before it is acknowledged; whoever asks for what already is waits for it, too. Null: there was none.';

-- A moved company keeps its id; a deleted organisation gives its realms free.
GRANT UPDATE (parent_id, path, change_event_id) ON organization TO countersign_tenant;
GRANT DELETE ON realm TO countersign_tenant;
