-- Recovery codes and their throttle. See docs/adr/0023-recovery-codes.md.

CREATE TABLE recovery_codes (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    set_id uuid NOT NULL,
    factor_id uuid NOT NULL,
    sealed_key bytea NOT NULL,
    unused bytea[] NOT NULL,
    last_used bytea,
    last_use_time timestamptz,
    generate_time timestamptz NOT NULL,
    CONSTRAINT recovery_codes_pk PRIMARY KEY (organization_id, user_id),
    CONSTRAINT recovery_codes_of_factor FOREIGN KEY (organization_id, user_id)
        REFERENCES factor (organization_id, user_id) ON DELETE CASCADE,
    CONSTRAINT recovery_codes_bounded CHECK (cardinality(unused) <= 10),
    CONSTRAINT recovery_codes_last_used_whole CHECK ((last_used IS NULL) = (last_use_time IS NULL))
) WITH (fillfactor = 80);

COMMENT ON TABLE recovery_codes IS 'A user''s recovery codes, one set a user. They go with the factor: whoever destroys it destroys them.';
COMMENT ON COLUMN recovery_codes.organization_id IS 'The user''s organisation.';
COMMENT ON COLUMN recovery_codes.user_id IS 'The user.';
COMMENT ON COLUMN recovery_codes.set_id IS 'The set; generating anew makes a new one.';
COMMENT ON COLUMN recovery_codes.factor_id IS 'The factor they stand in for; the key is bound to it.';
COMMENT ON COLUMN recovery_codes.sealed_key IS 'The key of this set''s hashes, sealed by the keyring and bound to this row, its set and factor. Without the keyring no hash can be made or tried.';
COMMENT ON COLUMN recovery_codes.unused IS 'HMAC-SHA-256 of every code that is left, under that key.';
COMMENT ON COLUMN recovery_codes.last_used IS 'The hash of the code that was spent last: presented again at once, it is a repetition and not a guess.';
COMMENT ON COLUMN recovery_codes.last_use_time IS 'When it was spent.';
COMMENT ON COLUMN recovery_codes.generate_time IS 'When the set became good.';

-- The codes that were shown with the confirmation of an enrolment. They become good with the factor.
ALTER TABLE pending_enrollment
    ADD COLUMN sealed_recovery_key bytea,
    ADD COLUMN recovery_codes bytea[],
    ADD CONSTRAINT pending_enrollment_recovery_whole CHECK ((sealed_recovery_key IS NULL) = (recovery_codes IS NULL)),
    ADD CONSTRAINT pending_enrollment_recovery_confirmed CHECK (recovery_codes IS NULL OR confirmed_step IS NOT NULL);

COMMENT ON COLUMN pending_enrollment.sealed_recovery_key IS 'The key of the hashes of the recovery codes shown at confirmation, sealed by the keyring and bound to this row; null: not confirmed yet.';
COMMENT ON COLUMN pending_enrollment.recovery_codes IS 'HMAC-SHA-256 of each of those codes, under that key.';

CREATE TABLE recovery_attempts (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    wrong_codes integer NOT NULL,
    lock_level integer NOT NULL,
    locked_until timestamptz,
    lock_recorded boolean NOT NULL,
    refused_while_locked integer NOT NULL DEFAULT 0,
    recent_failures timestamptz[] NOT NULL,
    exhausted_time timestamptz,
    CONSTRAINT recovery_attempts_pk PRIMARY KEY (organization_id, user_id),
    CONSTRAINT recovery_attempts_recent_failures_bounded CHECK (cardinality(recent_failures) <= 100)
) WITH (fillfactor = 80);
-- The few locks that were hammered at and not summed up yet.
CREATE INDEX recovery_attempts_hammered ON recovery_attempts (locked_until) WHERE refused_while_locked > 0;

COMMENT ON TABLE recovery_attempts IS 'The throttle of recovery codes: apart from the one of codes in user_mfa, so that it passes that one''s lock. No row: nobody ever guessed. It is read and written under the lock of user_mfa.';
COMMENT ON COLUMN recovery_attempts.organization_id IS 'The user''s organisation.';
COMMENT ON COLUMN recovery_attempts.user_id IS 'The user.';
COMMENT ON COLUMN recovery_attempts.wrong_codes IS 'Consecutive wrong recovery codes since the last success or lock.';
COMMENT ON COLUMN recovery_attempts.lock_level IS 'How often they were locked since the last success; each lock is twice as long.';
COMMENT ON COLUMN recovery_attempts.locked_until IS 'Until when no recovery code is evaluated.';
COMMENT ON COLUMN recovery_attempts.lock_recorded IS 'Whether an attempt against the present lock is on the log already; the others are only counted.';
COMMENT ON COLUMN recovery_attempts.refused_while_locked IS 'Attempts against a lock that were counted and neither recorded nor summed up.';
COMMENT ON COLUMN recovery_attempts.recent_failures IS 'When wrong recovery codes came in the last 30 days; success does not clear it.';
COMMENT ON COLUMN recovery_attempts.exhausted_time IS 'When the 30-day budget was used up: locked until an administrator unlocks or resets.';

GRANT SELECT, INSERT, UPDATE, DELETE ON recovery_codes, recovery_attempts TO countersign_mfa;
