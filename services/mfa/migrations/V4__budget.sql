-- What is remembered of a phone's clock, and what ends a lock.

ALTER TABLE factor ADD COLUMN drift smallint NOT NULL DEFAULT 0,
    ADD CONSTRAINT factor_drift_bounded CHECK (drift BETWEEN -2 AND 2);
COMMENT ON COLUMN factor.drift IS 'How many time steps the phone''s clock was ahead when its last code was accepted; behind, when negative (RFC 6238 section 6). It moves the window of accepted steps and never widens it.';

COMMENT ON COLUMN user_mfa.refused_while_locked IS 'Attempts against a lock that were counted and not recorded; told in one event when the lock has ended.';
COMMENT ON COLUMN user_mfa.exhausted_time IS 'When the 30-day budget was used up: locked until an administrator unlocks or resets.';
