-- Which keys this service's keyring has held. Run by the database's owner, whose role is named <service>_owner.

CREATE TABLE keyring_key (
    key_id      text        NOT NULL COLLATE "C",
    check_value bytea       NOT NULL,
    first_time  timestamptz NOT NULL,
    CONSTRAINT keyring_key_pk PRIMARY KEY (key_id),
    CONSTRAINT keyring_key_check_value_is_16_bytes CHECK (octet_length(check_value) = 16)
);
COMMENT ON TABLE keyring_key IS 'Every key the keyring has held. A service whose keyring does not fit does not start. Rows are never changed or removed: an id is never given to another key.';
COMMENT ON COLUMN keyring_key.key_id IS 'The key''s id.';
COMMENT ON COLUMN keyring_key.check_value IS 'Derived from the key by HKDF: tells whether it is the same key, and nothing else about it.';
COMMENT ON COLUMN keyring_key.first_time IS 'When a replica held it first.';

DO $$
BEGIN
    IF current_user NOT LIKE '%\_owner' THEN
        RAISE EXCEPTION 'migrations run as a role named <service>_owner, not as %', current_user;
    END IF;
    EXECUTE format('GRANT SELECT, INSERT ON keyring_key TO %I', regexp_replace(current_user, '_owner$', ''));
END $$;
