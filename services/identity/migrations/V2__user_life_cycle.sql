-- The life cycle of users: external subjects, invitations, and what a change of a user or an organisation ends.

ALTER TABLE user_account
    ADD COLUMN revision bigint NOT NULL DEFAULT 1,
    ADD COLUMN external_subject text,
    ADD COLUMN authority_event_id uuid,
    ADD CONSTRAINT user_account_external_subject_key UNIQUE (external_subject),
    ADD CONSTRAINT user_account_external_subject_check CHECK (auth_source = 'external' OR external_subject IS NULL),
    ADD CONSTRAINT user_account_deleted_check CHECK (state <> 'deleted'
        OR (password_hash IS NULL AND external_subject IS NULL AND display_name = '' AND email = ''));
COMMENT ON COLUMN user_account.revision IS 'Rises with every change of the user, also of what no session depends on: the etag';
COMMENT ON COLUMN user_account.external_subject IS 'Who an external user is at the identity provider; local users are nobody there';
COMMENT ON COLUMN user_account.authority_event_id IS 'The event of the last change of role, state or authentication source: asked for the same again, one waits for it';
COMMENT ON COLUMN user_account.login IS 'name@realm in its one normal form; of deleted users deleted-<user_id>@deleted.invalid, which is nobody''s';

-- The organisations of a branch: suspending a reseller ends the sessions of all of its companies' users.
CREATE INDEX organization_path_idx ON organization USING gin (path);

-- Who asserted the authentication: a password session never belongs to an external user, nor the reverse.
ALTER TABLE session
    ADD COLUMN auth_source text NOT NULL DEFAULT 'local',
    ADD CONSTRAINT session_auth_source_check CHECK (auth_source IN ('local', 'external')),
    DROP CONSTRAINT session_end_cause_check,
    ADD CONSTRAINT session_end_cause_check CHECK (end_cause IN ('revoked', 'refresh_token_reused', 'factor_changed',
        'mfa_required', 'user_changed', 'organization_changed'));
COMMENT ON COLUMN session.auth_source IS 'Who authenticated the user: local (password, and code where amr says so) or external (the identity provider)';

CREATE TABLE invitation (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    CONSTRAINT invitation_pkey PRIMARY KEY (organization_id, user_id),
    CONSTRAINT invitation_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES user_account (organization_id, user_id),
    CONSTRAINT invitation_token_hash_key UNIQUE (token_hash),
    CONSTRAINT invitation_token_hash_check CHECK (octet_length(token_hash) = 32)
);
COMMENT ON TABLE invitation IS 'Invitations to set a first password; at most one for each user.';
COMMENT ON COLUMN invitation.organization_id IS 'The user''s organisation';
COMMENT ON COLUMN invitation.user_id IS 'Who is invited';
COMMENT ON COLUMN invitation.token_hash IS 'SHA-256 of the invitation';
COMMENT ON COLUMN invitation.create_time IS 'When it was issued';
COMMENT ON COLUMN invitation.expire_time IS 'When it dies';

GRANT SELECT, INSERT, UPDATE, DELETE ON invitation TO countersign_identity;
