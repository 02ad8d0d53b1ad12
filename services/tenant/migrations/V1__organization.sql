-- The tree of organisations and the realms of their logins.
-- A constraint's name is part of the contract with src/store/violation.rs, which maps it to a reason.

CREATE TABLE organization (
    organization_id uuid NOT NULL,
    kind text NOT NULL,
    parent_id uuid,
    path uuid[] NOT NULL,
    name text NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    state text NOT NULL,
    version bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT organization_pk PRIMARY KEY (organization_id),
    CONSTRAINT organization_parent_fk FOREIGN KEY (parent_id) REFERENCES organization (organization_id),
    CONSTRAINT organization_kind_known CHECK (kind IN ('provider', 'reseller', 'company')),
    CONSTRAINT organization_state_known CHECK (state IN ('active', 'suspended', 'deleted')),
    CONSTRAINT organization_name_key_present CHECK (name_key <> ''),
    CONSTRAINT organization_version_positive CHECK (version > 0),
    CONSTRAINT organization_depth CHECK (
        cardinality(path) = CASE kind WHEN 'provider' THEN 1 WHEN 'reseller' THEN 2 ELSE 3 END
    ),
    CONSTRAINT organization_path_ends_here CHECK (
        path[cardinality(path)] = organization_id
        AND path[cardinality(path) - 1] IS NOT DISTINCT FROM parent_id
    )
);

COMMENT ON TABLE organization IS 'The provider, its resellers and their companies: the product''s only tree.';
COMMENT ON COLUMN organization.organization_id IS 'The organisation (UUIDv7).';
COMMENT ON COLUMN organization.kind IS 'provider, reseller or company; follows from the depth of path.';
COMMENT ON COLUMN organization.parent_id IS 'The organisation above; null for the provider only.';
COMMENT ON COLUMN organization.path IS 'The ids from the provider down to this organisation; parent_id is its last but one.';
COMMENT ON COLUMN organization.name IS 'The display name as it was written; authenticator apps show it as the issuer.';
COMMENT ON COLUMN organization.name_key IS 'The name as it is compared: names that read alike have one key. Lists are ordered by it.';
COMMENT ON COLUMN organization.state IS 'active, suspended or deleted (a tombstone).';
COMMENT ON COLUMN organization.version IS 'Rises with every change; the etag is made of it, and followers apply only newer ones.';
COMMENT ON COLUMN organization.create_time IS 'When it was created.';
COMMENT ON COLUMN organization.update_time IS 'When it was changed last.';

-- Exactly one root: a second one is ALREADY_BOOTSTRAPPED.
CREATE UNIQUE INDEX organization_single_provider ON organization (kind) WHERE kind = 'provider';
-- One name once among siblings (NAME_TAKEN), given free by deletion; lists of children read this index, too.
CREATE UNIQUE INDEX organization_name_once ON organization (parent_id, name_key) WHERE state <> 'deleted';

CREATE TABLE realm (
    realm text COLLATE "C" NOT NULL,
    organization_id uuid NOT NULL,
    CONSTRAINT realm_pk PRIMARY KEY (realm),
    CONSTRAINT realm_organization_fk FOREIGN KEY (organization_id) REFERENCES organization (organization_id)
);

COMMENT ON TABLE realm IS 'Which organisation the logins of a realm belong to. A realm is unique in the installation.';
COMMENT ON COLUMN realm.realm IS 'The part of a login after the @, in lower case.';
COMMENT ON COLUMN realm.organization_id IS 'The one organisation it belongs to.';

CREATE INDEX realm_by_organization ON realm (organization_id);

-- The service changes rows; it never removes any: deletion leaves a tombstone.
GRANT SELECT, INSERT ON organization, realm TO countersign_tenant;
GRANT UPDATE (name, name_key, state, version, update_time) ON organization TO countersign_tenant;
