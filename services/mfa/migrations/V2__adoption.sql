-- Adoption figures: how far MFA has come, per organisation and everything below it. See docs/adr/0020-adoption-figures.md.
-- Whoever changes what counts appends a mark; the fold, alone, recounts what is marked and moves the totals.

ALTER TABLE known_user ADD COLUMN last_sign_in_time timestamptz;
-- Room for that column to change in place.
ALTER TABLE known_user SET (fillfactor = 80);
COMMENT ON COLUMN known_user.last_sign_in_time IS 'When a session was last opened for the user, as far as identity''s log has told; null: never told.';

-- Pages of users by login: of one organisation, and of many.
CREATE INDEX known_user_by_organization_and_login ON known_user (organization_id, login COLLATE "C");
CREATE INDEX known_user_by_login ON known_user (login COLLATE "C");
-- Pages of organisations by name, and everything below a reseller.
CREATE INDEX organization_by_name ON organization (lower(name) COLLATE "C", organization_id);
CREATE INDEX organization_by_reseller ON organization ((path[2]));
-- The few whose second factor is locked.
CREATE INDEX user_mfa_locked ON user_mfa (locked_until) WHERE locked_until IS NOT NULL;
CREATE INDEX user_mfa_exhausted ON user_mfa (exhausted_time) WHERE exhausted_time IS NOT NULL;

CREATE TABLE adoption_mark (
    organization_id uuid NOT NULL,
    mark_id bigint GENERATED ALWAYS AS IDENTITY,
    user_id uuid,
    mark_time timestamptz NOT NULL,
    CONSTRAINT adoption_mark_pk PRIMARY KEY (organization_id, mark_id)
);

COMMENT ON TABLE adoption_mark IS 'What is to be counted again, appended in the transaction that changed it. It says where to look, not what changed, so a mark too many does no harm. The fold removes it.';
COMMENT ON COLUMN adoption_mark.organization_id IS 'The organisation, or the user''s.';
COMMENT ON COLUMN adoption_mark.mark_id IS 'Tells marks apart. It orders nothing.';
COMMENT ON COLUMN adoption_mark.user_id IS 'The user; null: the organisation''s own place or policy changed.';
COMMENT ON COLUMN adoption_mark.mark_time IS 'When it changed: from then on a user counts as waiting for a factor.';

CREATE TABLE adoption_user (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    standing text NOT NULL,
    has_factor boolean NOT NULL,
    demanded_from timestamptz,
    waiting_since timestamptz,
    counted_time timestamptz NOT NULL,
    due_time timestamptz,
    CONSTRAINT adoption_user_pk PRIMARY KEY (organization_id, user_id),
    CONSTRAINT adoption_user_standing_known CHECK (standing IN ('local', 'external', 'none'))
);
CREATE INDEX adoption_user_by_due_time ON adoption_user (due_time) WHERE due_time IS NOT NULL;

COMMENT ON TABLE adoption_user IS 'What each user was last counted as. Only the fold writes it.';
COMMENT ON COLUMN adoption_user.organization_id IS 'The user''s organisation.';
COMMENT ON COLUMN adoption_user.user_id IS 'The user.';
COMMENT ON COLUMN adoption_user.standing IS 'local (and active), external, or none: disabled or deleted.';
COMMENT ON COLUMN adoption_user.has_factor IS 'Whether a factor was active.';
COMMENT ON COLUMN adoption_user.demanded_from IS 'From when the user''s own level demands MFA; null: it does not.';
COMMENT ON COLUMN adoption_user.waiting_since IS 'Since when the user has been local, active and without a factor; null: is not.';
COMMENT ON COLUMN adoption_user.counted_time IS 'The moment as of which the user is in the totals: what depends on time was decided for it.';
COMMENT ON COLUMN adoption_user.due_time IS 'When the user counts differently though nothing changes; null: never.';

CREATE TABLE adoption_total (
    organization_id uuid NOT NULL,
    target text COLLATE "C" NOT NULL,
    parent_id uuid,
    is_counted boolean NOT NULL,
    demanded_from timestamptz,
    counted_time timestamptz NOT NULL,
    due_time timestamptz,
    local bigint NOT NULL,
    enrolled bigint NOT NULL,
    external bigint NOT NULL,
    waiting_long bigint NOT NULL,
    enforced bigint NOT NULL,
    pending bigint NOT NULL,
    overdue bigint NOT NULL,
    CONSTRAINT adoption_total_pk PRIMARY KEY (organization_id, target)
) WITH (fillfactor = 50);
CREATE INDEX adoption_total_by_due_time ON adoption_total (due_time) WHERE due_time IS NOT NULL;

COMMENT ON TABLE adoption_total IS 'Totals of a level of policy and everything below it. What the level itself and those above demand is not in its own totals: it is laid over them at reading, so that enforcing stays one row. Only the fold writes it.';
COMMENT ON COLUMN adoption_total.organization_id IS 'The organisation the level belongs to, as in enforcement.';
COMMENT ON COLUMN adoption_total.target IS 'clients_and_resellers, internal_users, or the id of the reseller or company, as in enforcement.';
COMMENT ON COLUMN adoption_total.parent_id IS 'The organisation whose totals hold these: a company''s reseller, a reseller''s provider; null for the provider.';
COMMENT ON COLUMN adoption_total.is_counted IS 'Whether the parent''s totals hold these: not when the organisation was deleted.';
COMMENT ON COLUMN adoption_total.demanded_from IS 'From when the level demands MFA, as the parent''s totals hold it; null: it does not.';
COMMENT ON COLUMN adoption_total.counted_time IS 'The moment as of which the parent''s totals hold these.';
COMMENT ON COLUMN adoption_total.due_time IS 'When the parent''s totals change though nothing changes here; null: never.';
COMMENT ON COLUMN adoption_total.local IS 'Local, active users.';
COMMENT ON COLUMN adoption_total.enrolled IS 'Of these, with a factor.';
COMMENT ON COLUMN adoption_total.external IS 'External users.';
COMMENT ON COLUMN adoption_total.waiting_long IS 'Local, active users who have been without a factor for more than 30 days.';
COMMENT ON COLUMN adoption_total.enforced IS 'Local, active users of whom a level below this one demands MFA.';
COMMENT ON COLUMN adoption_total.pending IS 'Of these, without a factor.';
COMMENT ON COLUMN adoption_total.overdue IS 'Of the pending, waiting for more than 30 days under a level below this one that has demanded it for more than 30 days.';

GRANT SELECT, INSERT, DELETE ON adoption_mark TO countersign_mfa;
GRANT SELECT, INSERT, UPDATE ON adoption_user, adoption_total TO countersign_mfa;

-- Everything there is already is counted by the first folds.
INSERT INTO adoption_mark (organization_id, mark_time) SELECT organization_id, now() FROM organization;
INSERT INTO adoption_mark (organization_id, user_id, mark_time) SELECT organization_id, user_id, now() FROM known_user;
