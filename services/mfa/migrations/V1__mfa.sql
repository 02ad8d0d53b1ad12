-- Policy, factors, enrolments under way, tickets, and copies of what tenant and identity say.
-- Every user-scoped table leads its primary key with the organisation, so that the database can be split by it.
-- Global lock order: user_mfa, then factor, then the rest. Whoever changes a user's configuration locks user_mfa first.

CREATE TABLE organization (
    organization_id uuid NOT NULL,
    path uuid[] NOT NULL,
    name text NOT NULL,
    state text NOT NULL,
    version bigint NOT NULL,
    enforce_mfa_applied boolean NOT NULL,
    CONSTRAINT organization_pk PRIMARY KEY (organization_id),
    CONSTRAINT organization_state_known CHECK (state IN ('active', 'suspended', 'deleted')),
    CONSTRAINT organization_path_ends_here CHECK (path[cardinality(path)] = organization_id)
);

COMMENT ON TABLE organization IS 'A copy of what tenant''s log says about organisations.';
COMMENT ON COLUMN organization.organization_id IS 'The organisation.';
COMMENT ON COLUMN organization.path IS 'The ids from the provider down to this organisation.';
COMMENT ON COLUMN organization.name IS 'The display name: the issuer that authenticator apps show.';
COMMENT ON COLUMN organization.state IS 'active, suspended or deleted (a tombstone).';
COMMENT ON COLUMN organization.version IS 'tenant''s version of these facts; only newer ones are applied.';
COMMENT ON COLUMN organization.enforce_mfa_applied IS 'Whether the creator''s wish to enforce MFA was looked at. It is once and never again, so that a redelivery cannot undo a later disable.';

CREATE TABLE known_user (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    login text NOT NULL,
    role text NOT NULL,
    auth_source text NOT NULL,
    state text NOT NULL,
    version bigint NOT NULL,
    enforce_mfa_applied boolean NOT NULL,
    CONSTRAINT known_user_pk PRIMARY KEY (organization_id, user_id),
    CONSTRAINT known_user_auth_source_known CHECK (auth_source IN ('local', 'external')),
    CONSTRAINT known_user_state_known CHECK (state IN ('active', 'disabled', 'deleted'))
);

COMMENT ON TABLE known_user IS 'A copy of what identity''s log says about users. Decisions at sign-in use the facts identity sends along, not this.';
COMMENT ON COLUMN known_user.organization_id IS 'The user''s organisation.';
COMMENT ON COLUMN known_user.user_id IS 'The user.';
COMMENT ON COLUMN known_user.login IS 'The normalised login.';
COMMENT ON COLUMN known_user.role IS 'The role.';
COMMENT ON COLUMN known_user.auth_source IS 'local, or external: then a second factor is another''s job.';
COMMENT ON COLUMN known_user.state IS 'active, disabled or deleted (a tombstone).';
COMMENT ON COLUMN known_user.version IS 'identity''s version of these facts; only newer ones are applied.';
COMMENT ON COLUMN known_user.enforce_mfa_applied IS 'Whether the creator''s wish to enforce MFA was looked at; see organization.';

CREATE TABLE enforcement (
    organization_id uuid NOT NULL,
    target text COLLATE "C" NOT NULL,
    level text NOT NULL,
    enforced boolean NOT NULL,
    reason text NOT NULL,
    enforce_from timestamptz,
    require_enrollment_ticket boolean NOT NULL,
    set_by_user_id uuid,
    set_by_role text,
    set_time timestamptz NOT NULL,
    version bigint NOT NULL,
    event_id uuid NOT NULL,
    CONSTRAINT enforcement_pk PRIMARY KEY (organization_id, target),
    CONSTRAINT enforcement_level_known CHECK (level IN ('provider', 'reseller', 'company', 'user')),
    CONSTRAINT enforcement_version_positive CHECK (version > 0)
);

COMMENT ON TABLE enforcement IS 'What was set on a level of policy. A level without a row was never set. Policy is inherited at read time: one row covers everybody below.';
COMMENT ON COLUMN enforcement.organization_id IS 'The organisation the level belongs to: the provider for its two switches, the reseller, the company, or the user''s organisation.';
COMMENT ON COLUMN enforcement.target IS 'clients_and_resellers, internal_users, or the id of the reseller, company or user.';
COMMENT ON COLUMN enforcement.level IS 'provider, reseller, company or user.';
COMMENT ON COLUMN enforcement.enforced IS 'The level''s own value: true after enforce and re-enable, false after disable.';
COMMENT ON COLUMN enforcement.reason IS 'Why, as the one who set it wrote.';
COMMENT ON COLUMN enforcement.enforce_from IS 'From when it is demanded, where a date was announced; null: at once.';
COMMENT ON COLUMN enforcement.require_enrollment_ticket IS 'Whether users under this level enrol only with a ticket.';
COMMENT ON COLUMN enforcement.set_by_user_id IS 'Who set it; null when it was no user.';
COMMENT ON COLUMN enforcement.set_by_role IS 'Their role at that time.';
COMMENT ON COLUMN enforcement.set_time IS 'When it was set.';
COMMENT ON COLUMN enforcement.version IS 'Rises with every change; sign-ins carry it, and identity keeps floors of it.';
COMMENT ON COLUMN enforcement.event_id IS 'The event of the last change: who asks for what is already so still waits until it is in force everywhere.';

CREATE TABLE user_mfa (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    generation bigint NOT NULL DEFAULT 0,
    ticket_required boolean NOT NULL DEFAULT false,
    wrong_codes integer NOT NULL DEFAULT 0,
    lock_level integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    lock_recorded boolean NOT NULL DEFAULT false,
    refused_while_locked integer NOT NULL DEFAULT 0,
    recent_failures timestamptz[] NOT NULL DEFAULT '{}',
    exhausted_time timestamptz,
    CONSTRAINT user_mfa_pk PRIMARY KEY (organization_id, user_id),
    CONSTRAINT user_mfa_recent_failures_bounded CHECK (cardinality(recent_failures) <= 100)
) WITH (fillfactor = 80);

COMMENT ON TABLE user_mfa IS 'A user''s state that outlives factors. Its row is the lock of everything of that user.';
COMMENT ON COLUMN user_mfa.organization_id IS 'The user''s organisation.';
COMMENT ON COLUMN user_mfa.user_id IS 'The user.';
COMMENT ON COLUMN user_mfa.generation IS 'Raised by every reset, disable, removal and new factor; what was begun under a lower one is dead.';
COMMENT ON COLUMN user_mfa.ticket_required IS 'Whether the next enrolment needs a ticket whatever policy says (the first administrator).';
COMMENT ON COLUMN user_mfa.wrong_codes IS 'Consecutive wrong codes since the last success or lock.';
COMMENT ON COLUMN user_mfa.lock_level IS 'How often it was locked since the last success; each lock is twice as long.';
COMMENT ON COLUMN user_mfa.locked_until IS 'Until when no code is evaluated.';
COMMENT ON COLUMN user_mfa.lock_recorded IS 'Whether an attempt against the present lock is on the log already; the others are only counted.';
COMMENT ON COLUMN user_mfa.refused_while_locked IS 'Attempts against a lock that were counted and not recorded.';
COMMENT ON COLUMN user_mfa.recent_failures IS 'When wrong codes came in the last 30 days; success does not clear it.';
COMMENT ON COLUMN user_mfa.exhausted_time IS 'When the 30-day budget was used up: locked until an administrator resets.';

CREATE TABLE factor (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    factor_id uuid NOT NULL,
    sealed_secret bytea NOT NULL,
    last_step bigint NOT NULL,
    enroll_time timestamptz NOT NULL,
    last_use_time timestamptz,
    CONSTRAINT factor_pk PRIMARY KEY (organization_id, user_id)
) WITH (fillfactor = 80);

COMMENT ON TABLE factor IS 'Active authenticators: at most one a user. What is not here is not active.';
COMMENT ON COLUMN factor.organization_id IS 'The user''s organisation.';
COMMENT ON COLUMN factor.user_id IS 'The user.';
COMMENT ON COLUMN factor.factor_id IS 'The factor.';
COMMENT ON COLUMN factor.sealed_secret IS 'The secret, sealed by the keyring and bound to this row.';
COMMENT ON COLUMN factor.last_step IS 'The highest time step accepted so far (RFC 6238 section 5.2); it only rises.';
COMMENT ON COLUMN factor.enroll_time IS 'When it became active.';
COMMENT ON COLUMN factor.last_use_time IS 'When a code of it was accepted last; null: not since enrolment.';

CREATE TABLE pending_enrollment (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    binding text NOT NULL,
    enrollment_id uuid NOT NULL,
    sealed_secret bytea NOT NULL,
    generation bigint NOT NULL,
    wrong_codes integer NOT NULL,
    confirmed_step bigint,
    confirm_time timestamptz,
    ticket_hash bytea,
    expire_time timestamptz NOT NULL,
    CONSTRAINT pending_enrollment_pk PRIMARY KEY (organization_id, user_id, binding),
    CONSTRAINT pending_enrollment_confirmed_whole CHECK ((confirmed_step IS NULL) = (confirm_time IS NULL))
);

COMMENT ON TABLE pending_enrollment IS 'Enrolments under way. They count for nothing until acknowledged, and die by themselves.';
COMMENT ON COLUMN pending_enrollment.organization_id IS 'The user''s organisation.';
COMMENT ON COLUMN pending_enrollment.user_id IS 'The user.';
COMMENT ON COLUMN pending_enrollment.binding IS 'The sign-in or session that began it and alone may finish it: sign_in:ID or session:ID.';
COMMENT ON COLUMN pending_enrollment.enrollment_id IS 'The enrolment; a new begin makes a new one.';
COMMENT ON COLUMN pending_enrollment.sealed_secret IS 'The secret, sealed by the keyring and bound to this row.';
COMMENT ON COLUMN pending_enrollment.generation IS 'The user''s generation when it began; under another it is dead.';
COMMENT ON COLUMN pending_enrollment.wrong_codes IS 'Wrong codes so far; five destroy it.';
COMMENT ON COLUMN pending_enrollment.confirmed_step IS 'The time step of the code that proved it; it counts as spent. Null: not proved yet.';
COMMENT ON COLUMN pending_enrollment.confirm_time IS 'When that code was checked.';
COMMENT ON COLUMN pending_enrollment.ticket_hash IS 'The ticket it was begun with, spent when it is acknowledged.';
COMMENT ON COLUMN pending_enrollment.expire_time IS 'When it dies.';

CREATE INDEX pending_enrollment_by_expiry ON pending_enrollment (expire_time);

CREATE TABLE enrollment_ticket (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    ticket_hash bytea NOT NULL,
    issue_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    bound_to text,
    bound_until timestamptz,
    spent_time timestamptz,
    CONSTRAINT enrollment_ticket_pk PRIMARY KEY (organization_id, user_id, ticket_hash),
    CONSTRAINT enrollment_ticket_bound_whole CHECK ((bound_to IS NULL) = (bound_until IS NULL))
);

COMMENT ON TABLE enrollment_ticket IS 'One-time tickets that are handed over to allow an enrolment.';
COMMENT ON COLUMN enrollment_ticket.organization_id IS 'The user''s organisation.';
COMMENT ON COLUMN enrollment_ticket.user_id IS 'The only user it is good for.';
COMMENT ON COLUMN enrollment_ticket.ticket_hash IS 'SHA-256 of the ticket; the ticket itself is nowhere.';
COMMENT ON COLUMN enrollment_ticket.issue_time IS 'When it was issued.';
COMMENT ON COLUMN enrollment_ticket.expire_time IS 'When it is good for nothing any more.';
COMMENT ON COLUMN enrollment_ticket.bound_to IS 'The sign-in or session that uses it: sign_in:ID or session:ID.';
COMMENT ON COLUMN enrollment_ticket.bound_until IS 'When that enrolment dies: an abandoned one gives the ticket free.';
COMMENT ON COLUMN enrollment_ticket.spent_time IS 'When an enrolment begun with it was acknowledged.';

CREATE INDEX enrollment_ticket_by_expiry ON enrollment_ticket (expire_time);

-- Policy and users' states are never removed by the service; factors, pending enrolments and tickets are.
GRANT SELECT, INSERT, UPDATE ON organization, known_user, enforcement, user_mfa TO countersign_mfa;
GRANT SELECT, INSERT, UPDATE, DELETE ON factor, pending_enrollment, enrollment_ticket TO countersign_mfa;
