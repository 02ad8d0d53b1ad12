-- A subject means something at one organisation's identity provider only: another's must neither be taken nor found out.
ALTER TABLE user_account
    DROP CONSTRAINT user_account_external_subject_key,
    ADD CONSTRAINT user_account_external_subject_key UNIQUE (external_subject, organization_id);
