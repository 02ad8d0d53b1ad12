-- What a factor's secret is bound to besides its row, what made it active, and which alarms were raised.

ALTER TABLE factor ADD COLUMN factor_generation bigint, ADD COLUMN enroll_event_id uuid;

COMMENT ON COLUMN factor.sealed_secret IS 'The secret, sealed by the keyring and bound to this row, its generation and its last step: an older one, or one of before a rollback of the step, does not open. Sealed anew whenever a code is accepted.';
COMMENT ON COLUMN factor.factor_generation IS 'The user''s generation that began with this factor; under another it is dead. Null: sealed by an earlier version, without generation and step.';
COMMENT ON COLUMN factor.enroll_event_id IS 'The event of its enrolment: whoever acknowledges it a second time gets the first answer. Null: enrolled under an earlier version.';

CREATE TABLE secret_alarm (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    table_name text NOT NULL COLLATE "C",
    row_id text NOT NULL COLLATE "C",
    alarm_time timestamptz NOT NULL,
    CONSTRAINT secret_alarm_pk PRIMARY KEY (organization_id, user_id, table_name, row_id)
);
CREATE INDEX secret_alarm_by_time ON secret_alarm (alarm_time);

COMMENT ON TABLE secret_alarm IS 'Sealed secrets that do not open and are on the log: each goes there once an hour, however often it is tried.';
COMMENT ON COLUMN secret_alarm.organization_id IS 'The user''s organisation.';
COMMENT ON COLUMN secret_alarm.user_id IS 'The user.';
COMMENT ON COLUMN secret_alarm.table_name IS 'The table of the row that holds the secret.';
COMMENT ON COLUMN secret_alarm.row_id IS 'That row.';
COMMENT ON COLUMN secret_alarm.alarm_time IS 'When it went to the log last.';

GRANT SELECT, INSERT, UPDATE, DELETE ON secret_alarm TO countersign_mfa;
