-- Which key each sealed secret is sealed under, so that a rotation finds what is left, and knows when nothing is. A sealed value
-- begins with a version, the length of its key's id, and the id.

ALTER TABLE signing_key ADD COLUMN sealed_under text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    CASE WHEN octet_length(private_key) > 2
        THEN encode(substring(private_key FROM 3 FOR get_byte(private_key, 1)), 'escape') ELSE '' END) STORED;

COMMENT ON COLUMN signing_key.sealed_under IS 'The id of the keyring''s key that private_key names; empty when it names none.';

-- A rotation of the keyring seals the private key anew; nothing else about a signing key ever changes.
GRANT UPDATE (private_key) ON signing_key TO countersign_identity;
