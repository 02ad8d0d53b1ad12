//! The tables: what the service's role may do, and that every column is explained.

use fault::Reason;
use rpc::{Refusal, RefusalSink};
use tokio_postgres::error::SqlState;

use super::fixture::{Fixture, session};
use crate::rpc::Refusals;

#[tokio::test]
async fn the_services_role_may_do_what_it_does_and_no_more() {
    let fixture = Fixture::new().await;
    let service = fixture.mfa.store.read().await.unwrap();
    for statement in [
        "DELETE FROM enforcement",
        "DELETE FROM user_mfa",
        "DELETE FROM organization",
        "DELETE FROM known_user",
        "DELETE FROM adoption_user",
        "DELETE FROM adoption_total",
        "TRUNCATE factor",
        "TRUNCATE recovery_codes",
        "TRUNCATE recovery_attempts",
        "UPDATE event SET type = type",
        "DELETE FROM event",
        "TRUNCATE event CASCADE",
        "DROP TABLE factor",
        "CREATE TABLE mine (id int)",
    ] {
        let refused = service.batch_execute(statement).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
    }
}

#[tokio::test]
async fn every_table_and_column_of_ours_is_explained_and_user_scoped_keys_lead_with_the_organisation() {
    let fixture = Fixture::new().await;
    let tables = "('organization', 'known_user', 'enforcement', 'user_mfa', 'factor', 'pending_enrollment', 'enrollment_ticket', 'adoption_mark', 'adoption_user', 'adoption_total', 'recovery_codes', 'recovery_attempts', 'secret_alarm', 'enrollment_calls')";
    let sql = format!(
        "SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relname IN {tables} AND a.attnum > 0 AND NOT a.attisdropped
           AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)"
    );
    let rows = fixture.rows.query(&sql, &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(), Vec::<String>::new());
    let sql = format!(
        "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
         WHERE i.indisprimary AND c.relname IN {tables} AND a.attname = 'organization_id'"
    );
    assert_eq!(fixture.rows.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0), 14);
}

#[tokio::test]
async fn a_refusal_is_recorded_in_the_callers_own_branch_and_names_no_object() {
    let (fixture, tree) = Fixture::with_tree().await;
    let method = "/countersign.mfa.v1.EnforcementService/DisableMfa";
    let refusal = || Refusal {
        caller: session(&tree.company_admin),
        peer: "console".into(),
        method: method.into(),
        reason: Reason::SelfAdministration,
        trace_id: String::new(),
    };
    Refusals(fixture.mfa.clone()).record(refusal()).await.unwrap();
    let event = fixture.events().await.pop().unwrap();
    assert_eq!((event.r#type.as_str(), event.reason.as_str()), ("mfa.call.refused", "SELF_ADMINISTRATION"));
    assert_eq!(event.organization_id, tree.company.organization_id().to_string());
    assert_eq!(event.subject.unwrap().id, method);
    // What cannot be recorded is not refused in silence, and nothing else happens without its event either.
    fixture.rows.batch_execute("REVOKE INSERT ON event FROM countersign_mfa").await.unwrap();
    Refusals(fixture.mfa.clone()).record(refusal()).await.unwrap_err();
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    assert!(fixture.begin(&sign_in, "").await.is_err());
    assert_eq!(fixture.count("pending_enrollment").await, 0);
}
