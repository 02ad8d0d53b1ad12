-- The three databases and their roles, on PostgreSQL 15 or later, as a superuser, once:
-- roles.sh gives it the passwords: the psql variables tenant_owner, tenant, tenant_sequencer, and the same for identity and mfa.
-- Given again, it sets the passwords anew and changes nothing else. Tables and what each role may do with them are the
-- migrations' business; who may connect is this file's.
\set ON_ERROR_STOP on

DO $$ BEGIN
    IF current_setting('server_version_num')::int < 150000 THEN
        RAISE EXCEPTION 'PostgreSQL 15 or later is needed: before, everybody may create objects in the schema public';
    END IF;
END $$;

SELECT format('CREATE ROLE %I', role) FROM unnest(ARRAY[
    'countersign_tenant_owner', 'countersign_tenant', 'countersign_tenant_sequencer',
    'countersign_identity_owner', 'countersign_identity', 'countersign_identity_sequencer',
    'countersign_mfa_owner', 'countersign_mfa', 'countersign_mfa_sequencer'
]) AS role WHERE role NOT IN (SELECT rolname FROM pg_roles) \gexec

ALTER ROLE countersign_tenant_owner LOGIN PASSWORD :'tenant_owner';
ALTER ROLE countersign_tenant LOGIN PASSWORD :'tenant';
ALTER ROLE countersign_tenant_sequencer LOGIN PASSWORD :'tenant_sequencer';
ALTER ROLE countersign_identity_owner LOGIN PASSWORD :'identity_owner';
ALTER ROLE countersign_identity LOGIN PASSWORD :'identity';
ALTER ROLE countersign_identity_sequencer LOGIN PASSWORD :'identity_sequencer';
ALTER ROLE countersign_mfa_owner LOGIN PASSWORD :'mfa_owner';
ALTER ROLE countersign_mfa LOGIN PASSWORD :'mfa';
ALTER ROLE countersign_mfa_sequencer LOGIN PASSWORD :'mfa_sequencer';

-- template0: nobody may have left anything in it.
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8''', name, name || '_owner')
FROM unnest(ARRAY['countersign_tenant', 'countersign_identity', 'countersign_mfa']) AS name
WHERE name NOT IN (SELECT datname FROM pg_database) \gexec

SELECT format('REVOKE ALL ON DATABASE %1$I FROM PUBLIC; GRANT CONNECT ON DATABASE %1$I TO %1$I, %2$I, %3$I',
    name, name || '_owner', name || '_sequencer')
FROM unnest(ARRAY['countersign_tenant', 'countersign_identity', 'countersign_mfa']) AS name \gexec
