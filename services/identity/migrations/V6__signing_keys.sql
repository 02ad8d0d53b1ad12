-- Signing keys follow each other. A key is published before it signs, so that whoever verifies tokens has it in time; it signs until
-- the next one does; it is retired when the last token that it signed has expired.

-- Empty columns mean what releases before this one meant: the key signs from when it was made, and was never retired.
ALTER TABLE signing_key ADD COLUMN sign_from timestamptz, ADD COLUMN retire_time timestamptz,
    ADD CONSTRAINT signing_key_retired_check CHECK (retire_time IS NULL OR octet_length(private_key) = 0);

COMMENT ON TABLE signing_key IS
    'The keys that sign access tokens (Ed25519). The one that begins last before now signs; all that are not retired are published.';
COMMENT ON COLUMN signing_key.sign_from IS 'When it begins to sign; empty: when it was made';
COMMENT ON COLUMN signing_key.retire_time IS 'When it was retired, which destroyed the private key; empty: not yet';
COMMENT ON COLUMN signing_key.private_key IS 'PKCS #8, sealed by the keyring; of no length once the key is retired';

GRANT UPDATE (private_key, retire_time) ON signing_key TO countersign_identity;
