-- identity's own tables. The event log's tables were made before, by migrations of their own.

CREATE TABLE organization (
    organization_id uuid NOT NULL,
    path uuid[] NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    realms text[] NOT NULL,
    state text NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT organization_pkey PRIMARY KEY (organization_id),
    CONSTRAINT organization_path_check CHECK (cardinality(path) BETWEEN 1 AND 3 AND path[cardinality(path)] = organization_id),
    CONSTRAINT organization_kind_check CHECK (kind IN ('provider', 'reseller', 'company')),
    CONSTRAINT organization_state_check CHECK (state IN ('active', 'suspended', 'deleted'))
);
CREATE INDEX organization_realms_idx ON organization USING gin (realms);
CREATE INDEX organization_kind_idx ON organization (kind) WHERE kind = 'provider';
COMMENT ON TABLE organization IS 'Organisations as tenant told us: a copy, kept by following tenant''s log. Never asked where authority is decided.';
COMMENT ON COLUMN organization.organization_id IS 'The organisation';
COMMENT ON COLUMN organization.path IS 'The ids from the provider down to this organisation';
COMMENT ON COLUMN organization.kind IS 'provider, reseller or company';
COMMENT ON COLUMN organization.name IS 'The display name';
COMMENT ON COLUMN organization.realms IS 'The realms whose logins belong here';
COMMENT ON COLUMN organization.state IS 'active, suspended or deleted';
COMMENT ON COLUMN organization.version IS 'tenant''s version of these facts; older ones are not applied';

CREATE TABLE user_account (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    login text NOT NULL,
    display_name text NOT NULL,
    email text NOT NULL,
    role text NOT NULL,
    auth_source text NOT NULL,
    state text NOT NULL,
    password_hash text,
    version bigint NOT NULL,
    generation_floor bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT user_account_pkey PRIMARY KEY (organization_id, user_id),
    CONSTRAINT user_account_user_id_key UNIQUE (user_id),
    CONSTRAINT user_account_login_key UNIQUE (login),
    CONSTRAINT user_account_role_check CHECK (role IN (
        'provider_admin', 'provider_operator', 'provider_auditor',
        'reseller_admin', 'reseller_operator', 'reseller_auditor',
        'company_admin', 'company_auditor', 'company_user')),
    CONSTRAINT user_account_auth_source_check CHECK (auth_source IN ('local', 'external')),
    CONSTRAINT user_account_state_check CHECK (state IN ('active', 'disabled', 'deleted')),
    CONSTRAINT user_account_password_check CHECK (auth_source = 'local' OR password_hash IS NULL)
);
CREATE INDEX user_account_list_idx ON user_account (organization_id, login);
COMMENT ON TABLE user_account IS 'Users.';
COMMENT ON COLUMN user_account.organization_id IS 'The user''s organisation';
COMMENT ON COLUMN user_account.user_id IS 'The user';
COMMENT ON COLUMN user_account.login IS 'name@realm in its one normal form';
COMMENT ON COLUMN user_account.display_name IS 'The name to show';
COMMENT ON COLUMN user_account.email IS 'Where mail reaches the user; empty when nowhere';
COMMENT ON COLUMN user_account.role IS 'What the user may do, and on which level of the tree';
COMMENT ON COLUMN user_account.auth_source IS 'Who checks the password: local or external';
COMMENT ON COLUMN user_account.state IS 'active, disabled or deleted';
COMMENT ON COLUMN user_account.password_hash IS 'Argon2id in PHC form; external users have none';
COMMENT ON COLUMN user_account.version IS 'Rises with every change of role, password, state or authentication source';
COMMENT ON COLUMN user_account.generation_floor IS 'mfa''s generation of this user below which no sign-in finishes and no session lives on';
COMMENT ON COLUMN user_account.create_time IS 'When the user was created';
COMMENT ON COLUMN user_account.update_time IS 'When the user was last changed';

CREATE TABLE sign_in (
    organization_id uuid NOT NULL,
    sign_in_id uuid NOT NULL,
    user_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    next_step text NOT NULL,
    state text NOT NULL,
    generation bigint NOT NULL,
    policy_version jsonb NOT NULL,
    user_version bigint NOT NULL,
    wrong_codes integer NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    client_address text NOT NULL,
    client_user_agent text NOT NULL,
    CONSTRAINT sign_in_pkey PRIMARY KEY (organization_id, sign_in_id),
    CONSTRAINT sign_in_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES user_account (organization_id, user_id),
    CONSTRAINT sign_in_token_hash_key UNIQUE (token_hash),
    CONSTRAINT sign_in_token_hash_check CHECK (octet_length(token_hash) = 32),
    CONSTRAINT sign_in_next_step_check CHECK (next_step IN ('verify_mfa', 'enroll_mfa')),
    CONSTRAINT sign_in_state_check CHECK (state IN ('open', 'finished', 'dead'))
);
CREATE INDEX sign_in_user_idx ON sign_in (organization_id, user_id) WHERE state = 'open';
CREATE INDEX sign_in_expire_idx ON sign_in (expire_time);
COMMENT ON TABLE sign_in IS 'Sign-ins whose password was right and whose second factor is awaited.';
COMMENT ON COLUMN sign_in.organization_id IS 'The user''s organisation';
COMMENT ON COLUMN sign_in.sign_in_id IS 'The sign-in';
COMMENT ON COLUMN sign_in.user_id IS 'Who signs in';
COMMENT ON COLUMN sign_in.token_hash IS 'SHA-256 of the token that opens the remaining calls of this sign-in';
COMMENT ON COLUMN sign_in.next_step IS 'verify_mfa or enroll_mfa';
COMMENT ON COLUMN sign_in.state IS 'open, finished (a session was opened) or dead';
COMMENT ON COLUMN sign_in.generation IS 'mfa''s generation of the user when it was asked';
COMMENT ON COLUMN sign_in.policy_version IS 'mfa''s policy versions when it was asked: target to version';
COMMENT ON COLUMN sign_in.user_version IS 'The user''s version when the password was checked';
COMMENT ON COLUMN sign_in.wrong_codes IS 'How many wrong codes were given in this sign-in';
COMMENT ON COLUMN sign_in.create_time IS 'When the password was checked';
COMMENT ON COLUMN sign_in.expire_time IS 'When the token dies';
COMMENT ON COLUMN sign_in.client_address IS 'Where the person''s calls come from, as the peer said; empty when it did not';
COMMENT ON COLUMN sign_in.client_user_agent IS 'The person''s user agent, as the peer said';

CREATE TABLE session (
    organization_id uuid NOT NULL,
    session_id uuid NOT NULL,
    user_id uuid NOT NULL,
    create_time timestamptz NOT NULL,
    auth_time timestamptz NOT NULL,
    amr text[] NOT NULL,
    mfa_time timestamptz,
    generation bigint NOT NULL,
    policy_version jsonb NOT NULL,
    user_version bigint NOT NULL,
    idle_expire_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    state text NOT NULL,
    end_cause text,
    CONSTRAINT session_pkey PRIMARY KEY (organization_id, session_id),
    CONSTRAINT session_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES user_account (organization_id, user_id),
    CONSTRAINT session_state_check CHECK (state IN ('live', 'ended')),
    CONSTRAINT session_end_check CHECK ((state = 'ended') = (end_cause IS NOT NULL)),
    CONSTRAINT session_end_cause_check CHECK (end_cause IN ('revoked', 'refresh_token_reused', 'factor_changed', 'mfa_required'))
);
CREATE INDEX session_user_idx ON session (organization_id, user_id) WHERE state = 'live';
CREATE INDEX session_expire_idx ON session (expire_time);
COMMENT ON TABLE session IS 'Sessions.';
COMMENT ON COLUMN session.organization_id IS 'The user''s organisation';
COMMENT ON COLUMN session.session_id IS 'The session (claim sid)';
COMMENT ON COLUMN session.user_id IS 'Whose it is';
COMMENT ON COLUMN session.create_time IS 'When it was opened';
COMMENT ON COLUMN session.auth_time IS 'When the user was authenticated; never renewed';
COMMENT ON COLUMN session.amr IS 'How (RFC 8176)';
COMMENT ON COLUMN session.mfa_time IS 'When the second factor was last proved; NULL when never';
COMMENT ON COLUMN session.generation IS 'mfa''s generation of the user that the session was last decided on';
COMMENT ON COLUMN session.policy_version IS 'mfa''s policy versions that the session was last decided on: target to version';
COMMENT ON COLUMN session.user_version IS 'The user''s version when it was opened';
COMMENT ON COLUMN session.idle_expire_time IS 'When it is over unless refreshed before';
COMMENT ON COLUMN session.expire_time IS 'When it is over, whatever happens';
COMMENT ON COLUMN session.state IS 'live (unless a time above has passed) or ended';
COMMENT ON COLUMN session.end_cause IS 'Why it was ended';

-- Looked up by hash alone, before anybody knows whose it is: the only table not led by the organisation.
CREATE TABLE refresh_token (
    token_hash bytea NOT NULL,
    organization_id uuid NOT NULL,
    session_id uuid NOT NULL,
    state text NOT NULL,
    create_time timestamptz NOT NULL,
    spend_time timestamptz,
    CONSTRAINT refresh_token_pkey PRIMARY KEY (token_hash),
    CONSTRAINT refresh_token_hash_check CHECK (octet_length(token_hash) = 32),
    CONSTRAINT refresh_token_session_fkey FOREIGN KEY (organization_id, session_id)
        REFERENCES session (organization_id, session_id) ON DELETE CASCADE,
    CONSTRAINT refresh_token_state_check CHECK (state IN ('current', 'spent')),
    CONSTRAINT refresh_token_spend_check CHECK ((state = 'spent') = (spend_time IS NOT NULL))
);
CREATE UNIQUE INDEX refresh_token_current_key ON refresh_token (organization_id, session_id) WHERE state = 'current';
CREATE INDEX refresh_token_session_idx ON refresh_token (organization_id, session_id);
COMMENT ON TABLE refresh_token IS 'Refresh tokens, hashed. Spent ones are kept as long as their session: one that comes back ends it.';
COMMENT ON COLUMN refresh_token.token_hash IS 'SHA-256 of the token';
COMMENT ON COLUMN refresh_token.organization_id IS 'The session''s organisation';
COMMENT ON COLUMN refresh_token.session_id IS 'The session it keeps alive';
COMMENT ON COLUMN refresh_token.state IS 'current or spent';
COMMENT ON COLUMN refresh_token.create_time IS 'When it was given out';
COMMENT ON COLUMN refresh_token.spend_time IS 'When it was exchanged';

CREATE TABLE policy_floor (
    target text NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT policy_floor_pkey PRIMARY KEY (target)
);
COMMENT ON TABLE policy_floor IS 'The lowest policy versions a session may be opened or refreshed on; raised by following mfa''s log.';
COMMENT ON COLUMN policy_floor.target IS 'clients_and_resellers, internal_users, or the id of a reseller, company or user';
COMMENT ON COLUMN policy_floor.version IS 'The version of that level''s policy';

CREATE TABLE signing_key (
    key_id text NOT NULL,
    private_key bytea NOT NULL,
    public_key bytea NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT signing_key_pkey PRIMARY KEY (key_id),
    CONSTRAINT signing_key_public_key_check CHECK (octet_length(public_key) = 32)
);
COMMENT ON TABLE signing_key IS 'The keys that sign access tokens (Ed25519). The newest signs; all are published.';
COMMENT ON COLUMN signing_key.key_id IS 'The key''s id (header kid)';
COMMENT ON COLUMN signing_key.private_key IS 'PKCS #8, sealed by the keyring';
COMMENT ON COLUMN signing_key.public_key IS 'The 32 bytes that verify';
COMMENT ON COLUMN signing_key.create_time IS 'When it was made';

-- What the service may do. It deletes only what is dead anyway.
GRANT SELECT, INSERT, UPDATE ON organization, user_account, policy_floor TO countersign_identity;
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in, session, refresh_token TO countersign_identity;
GRANT SELECT, INSERT ON signing_key TO countersign_identity;
