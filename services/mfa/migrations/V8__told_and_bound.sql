-- What was told already, and whose secrets are bound: two marks that only the service sets.

ALTER TABLE user_mfa
    ADD COLUMN secret_bound boolean NOT NULL DEFAULT false,
    ADD COLUMN suspicion_told boolean NOT NULL DEFAULT false;
ALTER TABLE recovery_attempts ADD COLUMN suspicion_told boolean NOT NULL DEFAULT false;

UPDATE user_mfa m SET secret_bound = true FROM factor f
WHERE f.organization_id = m.organization_id AND f.user_id = m.user_id AND f.factor_generation IS NOT NULL;

COMMENT ON COLUMN user_mfa.secret_bound IS 'Whether a factor of the user was sealed to its generation and step, or everything of before was made dead: since then a secret that is bound to neither is an old one, and does not open.';
COMMENT ON COLUMN user_mfa.suspicion_told IS 'Whether the log tells that the password is suspected, for as long as the failures of the window stay that many.';
COMMENT ON COLUMN recovery_attempts.suspicion_told IS 'Whether the log tells that the password is suspected, for as long as the failures of the window stay that many.';
COMMENT ON COLUMN factor.factor_generation IS 'The user''s generation that began with this factor; under another it is dead. Null: sealed by an earlier version, without generation and step; it opens until the user''s first secret is sealed with them.';
