-- The event log of one service: events as they are appended, the positions the sequencer gives them, how far other logs
-- were followed, and the answers kept for retries. Run by the database's owner.

CREATE TABLE event (
    event_id        uuid        NOT NULL,
    seq             bigint      GENERATED ALWAYS AS IDENTITY (CACHE 1),
    xid             xid8        NOT NULL DEFAULT pg_current_xact_id(),
    epoch           integer     NOT NULL DEFAULT 1,
    type            text        NOT NULL COLLATE "C",
    organization_id uuid        NOT NULL,
    path            uuid[]      NOT NULL,
    subject_key     uuid        NOT NULL,
    actor_key       uuid,
    record_time     timestamptz NOT NULL,
    salt            bytea       NOT NULL,
    envelope        bytea       NOT NULL,
    CONSTRAINT event_pk PRIMARY KEY (event_id),
    CONSTRAINT event_path_has_one_to_three_levels CHECK (cardinality(path) BETWEEN 1 AND 3),
    CONSTRAINT event_path_ends_at_organization CHECK (path[cardinality(path)] = organization_id),
    CONSTRAINT event_salt_is_16_bytes CHECK (octet_length(salt) = 16)
);
-- What the sequencer asks for: rows of this epoch whose transaction was not over at the last tick.
CREATE INDEX event_by_transaction ON event (epoch, xid);

COMMENT ON TABLE event IS 'Events, as the units of work append them. Rows are never changed or removed; readers go by event_position.';
COMMENT ON COLUMN event.event_id IS 'The id, drawn by the service (UUIDv7).';
COMMENT ON COLUMN event.seq IS 'Drawn after the entity''s row was locked, so that it orders the events of one entity. It has gaps, and rows become visible out of its order: no reader may go by it.';
COMMENT ON COLUMN event.xid IS 'The transaction that appended the event. The service cannot set it.';
COMMENT ON COLUMN event.epoch IS 'The epoch in which it was appended: transaction ids mean something only within one. The service cannot set it; a re-baseline changes the default.';
COMMENT ON COLUMN event.type IS 'service.object.past_tense';
COMMENT ON COLUMN event.organization_id IS 'The organisation the event belongs to: the last of path.';
COMMENT ON COLUMN event.path IS 'The organisations from the provider down to this one, when the event was appended.';
COMMENT ON COLUMN event.subject_key IS 'Whom or what it was done to: the UUID, or for other names the first 16 bytes of their SHA-256.';
COMMENT ON COLUMN event.actor_key IS 'Who did it, in the same form; null for the operator and for someone who is not signed in.';
COMMENT ON COLUMN event.record_time IS 'The service''s time.';
COMMENT ON COLUMN event.salt IS 'Random, for the commitment to the envelope: without it the commitment tells nothing about the bytes.';
COMMENT ON COLUMN event.envelope IS 'The encoded countersign.events.v1.Event without its position. Never rewritten.';

CREATE TABLE event_position (
    position        bigint      NOT NULL,
    event_id        uuid        NOT NULL,
    leaf_hash       bytea       NOT NULL,
    type            text        NOT NULL COLLATE "C",
    organization_id uuid        NOT NULL,
    reseller_id     uuid,
    subject_key     uuid        NOT NULL,
    actor_key       uuid,
    record_time     timestamptz NOT NULL,
    time_high       timestamptz NOT NULL,
    CONSTRAINT event_position_pk PRIMARY KEY (position),
    CONSTRAINT event_position_event_id_key UNIQUE (event_id),
    CONSTRAINT event_position_is_positive CHECK (position > 0)
);
-- Every filter of ListEvents is a range of one of these, or a merge of a few, in the order of positions. No two entries
-- are equal, so looking for duplicates would only cost time.
CREATE INDEX event_position_by_type ON event_position (type, position) WITH (deduplicate_items = off);
CREATE INDEX event_position_by_organization ON event_position (organization_id, type, position) WITH (deduplicate_items = off);
CREATE INDEX event_position_by_reseller ON event_position (reseller_id, type, position) WITH (deduplicate_items = off) WHERE reseller_id IS NOT NULL;
CREATE INDEX event_position_by_subject ON event_position (subject_key, position) WITH (deduplicate_items = off);
CREATE INDEX event_position_by_actor ON event_position (actor_key, position) WITH (deduplicate_items = off) WHERE actor_key IS NOT NULL;
CREATE INDEX event_position_by_time ON event_position (time_high, position) WITH (deduplicate_items = off);

COMMENT ON TABLE event_position IS 'The order of the log, given by the sequencer and never changed: dense from 1. With what filters need, so that a page is read in order from an index.';
COMMENT ON COLUMN event_position.position IS '1, 2, 3 and so on, without gaps.';
COMMENT ON COLUMN event_position.event_id IS 'The event at this position.';
COMMENT ON COLUMN event_position.leaf_hash IS 'SHA-256 of 0x00 and the leaf record (RFC 6962 section 2.1): version 1, position, event id, SHA-256 of salt and envelope.';
COMMENT ON COLUMN event_position.type IS 'As in event.';
COMMENT ON COLUMN event_position.organization_id IS 'As in event.';
COMMENT ON COLUMN event_position.reseller_id IS 'The second of the event''s path; null for the provider''s own events.';
COMMENT ON COLUMN event_position.subject_key IS 'As in event.';
COMMENT ON COLUMN event_position.actor_key IS 'As in event.';
COMMENT ON COLUMN event_position.record_time IS 'As in event.';
COMMENT ON COLUMN event_position.time_high IS 'The latest record_time up to this position: it never falls, so a span of time is a range of positions.';

CREATE TABLE log_epoch (
    epoch             integer     NOT NULL,
    system_identifier bigint      NOT NULL,
    after_position    bigint      NOT NULL,
    begin_time        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT log_epoch_pk PRIMARY KEY (epoch),
    CONSTRAINT log_epoch_is_positive CHECK (epoch > 0)
);
COMMENT ON TABLE log_epoch IS 'The epochs of the log: a new one begins when it is re-baselined after a restore. The highest is the present one.';
COMMENT ON COLUMN log_epoch.epoch IS '1, 2, 3 and so on. Every cursor carries it.';
COMMENT ON COLUMN log_epoch.system_identifier IS 'The PostgreSQL system the epoch runs on. On another one the sequencer stops.';
COMMENT ON COLUMN log_epoch.after_position IS 'The last position given before the epoch began.';
COMMENT ON COLUMN log_epoch.begin_time IS 'When the epoch began, by the database''s clock.';

INSERT INTO log_epoch (epoch, system_identifier, after_position)
SELECT 1, system_identifier, 0 FROM pg_control_system();

CREATE TABLE log_head (
    singleton boolean     NOT NULL DEFAULT true,
    position  bigint      NOT NULL,
    snapshot  pg_snapshot NOT NULL,
    leaf_hash bytea       NOT NULL,
    time_high timestamptz NOT NULL,
    time_lag  interval    NOT NULL,
    CONSTRAINT log_head_pk PRIMARY KEY (singleton),
    CONSTRAINT log_head_is_one_row CHECK (singleton)
) WITH (fillfactor = 10);
COMMENT ON TABLE log_head IS 'The state of the sequencer: one row. Locked first by whoever gives positions, so that two sequencers are harmless.';
COMMENT ON COLUMN log_head.singleton IS 'Always true.';
COMMENT ON COLUMN log_head.position IS 'The last position given; 0 before the first.';
COMMENT ON COLUMN log_head.snapshot IS 'The snapshot in which that tick saw its rows. What it did not see comes next.';
COMMENT ON COLUMN log_head.leaf_hash IS 'The leaf hash at position; empty before the first.';
COMMENT ON COLUMN log_head.time_high IS 'The latest record_time of all events so far.';
COMMENT ON COLUMN log_head.time_lag IS 'How far behind time_high a record_time ever was when its event got its position.';

INSERT INTO log_head (position, snapshot, leaf_hash, time_high, time_lag)
VALUES (0, pg_current_snapshot(), ''::bytea, '-infinity', '0');

CREATE TABLE log_cursor (
    log      text   NOT NULL COLLATE "C",
    position bigint NOT NULL DEFAULT 0,
    cursor   text   NOT NULL DEFAULT '',
    CONSTRAINT log_cursor_pk PRIMARY KEY (log)
);
COMMENT ON TABLE log_cursor IS 'How far this service has applied the logs of others. Moved in the transaction that applies.';
COMMENT ON COLUMN log_cursor.log IS 'The service whose log it is.';
COMMENT ON COLUMN log_cursor.position IS 'The last position applied.';
COMMENT ON COLUMN log_cursor.cursor IS 'The cursor the other service gave for that position.';

CREATE TABLE request_record (
    scope       text        NOT NULL COLLATE "C",
    method      text        NOT NULL COLLATE "C",
    request_id  uuid        NOT NULL,
    fingerprint bytea       NOT NULL,
    event_id    uuid        NOT NULL,
    answer      bytea       NOT NULL,
    expire_time timestamptz NOT NULL,
    CONSTRAINT request_record_pk PRIMARY KEY (scope, method, request_id)
);
CREATE INDEX request_record_by_expire_time ON request_record (expire_time);
COMMENT ON TABLE request_record IS 'Answers kept for a while, so that a retried mutation gets the first answer again. Never an answer that holds a secret.';
COMMENT ON COLUMN request_record.scope IS 'The caller the answer belongs to.';
COMMENT ON COLUMN request_record.method IS 'The RPC.';
COMMENT ON COLUMN request_record.request_id IS 'The caller''s id of the mutation.';
COMMENT ON COLUMN request_record.fingerprint IS 'SHA-256 of the request: the same id with other content is refused.';
COMMENT ON COLUMN request_record.event_id IS 'The event of the change, for waiting until it is in force.';
COMMENT ON COLUMN request_record.answer IS 'The encoded answer.';
COMMENT ON COLUMN request_record.expire_time IS 'When it may be forgotten.';
