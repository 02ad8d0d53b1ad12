-- Kept answers that hold a secret are sealed.
ALTER TABLE request_record ADD COLUMN sealed_under text COLLATE "C";

COMMENT ON TABLE request_record IS 'Answers kept for ten minutes, so that a retried mutation gets the first answer again. One that holds a secret is sealed.';
COMMENT ON COLUMN request_record.sealed_under IS 'The id of the key a sealed answer is sealed under; null where the answer holds no secret and stands in the clear.';
COMMENT ON COLUMN request_record.fingerprint IS 'SHA-256 of the request: the same id with other content is refused. Empty where the answer is sealed: then it is inside, because a request that holds a code or a password must not be found by trying.';
