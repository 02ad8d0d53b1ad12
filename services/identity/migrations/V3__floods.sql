-- Refusals that cost a sign-in nothing, as it is over or at another step: a few are recorded, the others counted, so that
-- whoever holds its token cannot make the log grow.

ALTER TABLE sign_in
    ADD COLUMN further_refusals integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN sign_in.further_refusals IS 'How many refusals were recorded that cost it nothing; beyond a few they are only counted';
