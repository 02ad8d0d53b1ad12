-- Which key each sealed secret is sealed under, so that a rotation finds what is left, and knows when nothing is. A sealed value
-- begins with a version, the length of its key's id, and the id.

ALTER TABLE factor ADD COLUMN sealed_under text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    CASE WHEN octet_length(sealed_secret) > 2
        THEN encode(substring(sealed_secret FROM 3 FOR get_byte(sealed_secret, 1)), 'escape') ELSE '' END) STORED;
ALTER TABLE pending_enrollment
    ADD COLUMN sealed_under text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        CASE WHEN octet_length(sealed_secret) > 2
            THEN encode(substring(sealed_secret FROM 3 FOR get_byte(sealed_secret, 1)), 'escape') ELSE '' END) STORED,
    ADD COLUMN recovery_sealed_under text COLLATE "C" GENERATED ALWAYS AS (
        CASE WHEN octet_length(sealed_recovery_key) > 2
            THEN encode(substring(sealed_recovery_key FROM 3 FOR get_byte(sealed_recovery_key, 1)), 'escape') END) STORED;
ALTER TABLE recovery_codes ADD COLUMN sealed_under text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    CASE WHEN octet_length(sealed_key) > 2
        THEN encode(substring(sealed_key FROM 3 FOR get_byte(sealed_key, 1)), 'escape') ELSE '' END) STORED;

CREATE INDEX factor_by_key ON factor (sealed_under, organization_id, user_id);
CREATE INDEX recovery_codes_by_key ON recovery_codes (sealed_under, organization_id, user_id);
-- Enrolments under way are few: they need none.

COMMENT ON COLUMN factor.sealed_under IS 'The id of the key that sealed_secret names; empty when it names none.';
COMMENT ON COLUMN pending_enrollment.sealed_under IS 'The id of the key that sealed_secret names; empty when it names none.';
COMMENT ON COLUMN pending_enrollment.recovery_sealed_under IS 'The id of the key that sealed_recovery_key names; null when there is none.';
COMMENT ON COLUMN recovery_codes.sealed_under IS 'The id of the key that sealed_key names; empty when it names none.';
