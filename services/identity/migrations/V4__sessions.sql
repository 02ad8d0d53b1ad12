-- Passwords that somebody else is likely to know, sign-ins that wait for a new one, and what a list of sessions shows.

ALTER TABLE user_account
    ADD COLUMN must_change_password boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN user_account.must_change_password IS 'Somebody else is likely to know the password: the next full sign-in replaces it';

-- What was proved before the new password is asked for goes into the session that the sign-in ends in.
ALTER TABLE sign_in
    ADD COLUMN amr text[],
    ADD COLUMN mfa_time timestamptz,
    DROP CONSTRAINT sign_in_next_step_check,
    ADD CONSTRAINT sign_in_next_step_check CHECK (next_step IN ('verify_mfa', 'enroll_mfa', 'change_password')),
    ADD CONSTRAINT sign_in_proved_check CHECK ((next_step = 'change_password') = (amr IS NOT NULL)),
    ADD CONSTRAINT sign_in_mfa_time_check CHECK (mfa_time IS NULL OR amr IS NOT NULL);
COMMENT ON COLUMN sign_in.next_step IS 'verify_mfa, enroll_mfa or change_password';
COMMENT ON COLUMN sign_in.amr IS 'How the user was authenticated (RFC 8176), once nothing but a new password is missing; NULL before';
COMMENT ON COLUMN sign_in.mfa_time IS 'When the second factor was proved in it; NULL when none was';

ALTER TABLE session
    ADD COLUMN refresh_time timestamptz,
    ADD COLUMN client_address text NOT NULL DEFAULT '',
    ADD COLUMN client_user_agent text NOT NULL DEFAULT '',
    ADD COLUMN refusal_recorded boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN session.refresh_time IS 'When it was last refreshed; NULL when never';
COMMENT ON COLUMN session.client_address IS 'Where it was opened from, as the peer said; empty when it did not';
COMMENT ON COLUMN session.client_user_agent IS 'The user agent it was opened by, as the peer said';
COMMENT ON COLUMN session.refusal_recorded IS 'Whether a refused refresh of the dead session has left its event: one is enough, whoever goes on trying';
