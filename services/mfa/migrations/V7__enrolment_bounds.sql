-- How often a user's sessions have asked something of an enrolment, so that nobody makes the log grow with it.

CREATE TABLE enrollment_calls (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    window_start timestamptz NOT NULL,
    calls integer NOT NULL,
    CONSTRAINT enrollment_calls_pk PRIMARY KEY (organization_id, user_id)
) WITH (fillfactor = 80);
CREATE INDEX enrollment_calls_by_time ON enrollment_calls (window_start);

COMMENT ON TABLE enrollment_calls IS 'How often a user''s sessions have begun, confirmed or acknowledged an enrolment within an hour; beyond a bound they are refused unlooked at. Read and written under the lock of user_mfa. No row: not of late.';
COMMENT ON COLUMN enrollment_calls.organization_id IS 'The user''s organisation.';
COMMENT ON COLUMN enrollment_calls.user_id IS 'The user.';
COMMENT ON COLUMN enrollment_calls.window_start IS 'When the hour began that is counted: with the first call.';
COMMENT ON COLUMN enrollment_calls.calls IS 'The calls of that hour.';

GRANT SELECT, INSERT, UPDATE, DELETE ON enrollment_calls TO countersign_mfa;
