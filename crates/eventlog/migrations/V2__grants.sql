-- Who may do what with the log's tables. The roles' names follow from the owner's, who runs this: countersign_x_owner,
-- countersign_x (the service) and countersign_x_sequencer.
DO $$
DECLARE
    service   text := regexp_replace(current_user, '_owner$', '');
    sequencer text := service || '_sequencer';
BEGIN
    IF service = current_user THEN
        RAISE EXCEPTION 'migrations run as a role named <service>_owner, not as %', current_user;
    END IF;
    -- Never seq, xid or epoch; never UPDATE, DELETE or TRUNCATE.
    EXECUTE format('GRANT SELECT, INSERT (event_id, type, organization_id, path, subject_key, actor_key, record_time, salt, envelope) ON event TO %I', service);
    EXECUTE format('GRANT SELECT ON event_position, log_epoch, log_head TO %I', service);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON log_cursor TO %I', service);
    EXECUTE format('GRANT SELECT, INSERT, DELETE ON request_record TO %I', service);
    EXECUTE format('GRANT SELECT ON event, log_epoch TO %I', sequencer);
    EXECUTE format('GRANT SELECT, INSERT ON event_position TO %I', sequencer);
    EXECUTE format('GRANT SELECT, UPDATE ON log_head TO %I', sequencer);
END $$;
