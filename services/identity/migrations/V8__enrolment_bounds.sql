-- How often a sign-in has asked mfa about its enrolment, so that whoever knows a password alone cannot make the logs grow.

ALTER TABLE sign_in
    ADD COLUMN enrollment_begins integer NOT NULL DEFAULT 0,
    ADD COLUMN enrollment_proofs integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN sign_in.enrollment_begins IS 'How often an enrolment was begun in it, or refused to begin; beyond a few it dies';
COMMENT ON COLUMN sign_in.enrollment_proofs IS 'How often one was confirmed or acknowledged in it, or refused to be; beyond a bound it dies';
