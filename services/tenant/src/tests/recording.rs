use fault::Reason;
use proto::events::event::Payload;
use proto::events::{Outcome, SubjectKind};
use rpc::{Refusal, RefusalSink};
use tokio_postgres::error::SqlState;

use super::fixture::{Fixture, admin};
use crate::rpc::Refusals;

#[tokio::test]
async fn a_refusal_is_recorded_in_the_callers_own_branch_and_names_no_object() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = admin(&tree.reseller);
    let method = "/countersign.tenant.v1.TenantService/CreateReseller";
    let refusal = Refusal {
        caller: caller.clone(),
        peer: "console".into(),
        method: method.into(),
        reason: Reason::RoleNotAllowed,
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
    };
    Refusals(fixture.tenant.clone()).record(refusal).await.unwrap();

    let events = fixture.events().await;
    let event = events.last().unwrap();
    assert_eq!(event.r#type, "tenant.call.refused");
    assert_eq!((event.outcome(), event.reason.as_str()), (Outcome::Refused, "ROLE_NOT_ALLOWED"));
    assert_eq!(event.path, tree.reseller.path);
    assert_eq!(event.actor.as_ref().unwrap().id, caller.user_id.to_string());
    assert_eq!(
        (event.peer.as_str(), event.trace_id.as_str()),
        ("console", "4bf92f3577b34da6a3ce929d0e0e4736")
    );
    let subject = event.subject.as_ref().unwrap();
    assert_eq!((subject.kind(), subject.id.as_str()), (SubjectKind::Method, method));
    let Some(Payload::CallRefused(payload)) = &event.payload else { panic!("{event:?}") };
    assert_eq!((payload.method.as_str(), payload.reason.as_str()), (method, "ROLE_NOT_ALLOWED"));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_refused_in_silence() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.rows.batch_execute("REVOKE INSERT ON event FROM countersign_tenant").await.unwrap();
    let refusal = Refusal {
        caller: admin(&tree.reseller),
        peer: "console".into(),
        method: "/countersign.tenant.v1.TenantService/CreateReseller".into(),
        reason: Reason::RoleNotAllowed,
        trace_id: String::new(),
    };
    Refusals(fixture.tenant.clone()).record(refusal).await.unwrap_err();
    // Nor does anything else happen without its event.
    let before = fixture.count().await;
    let request = proto::tenant::CreateResellerRequest { name: "Ostwind".into(), ..Default::default() };
    use proto::tenant::tenant_service_server::TenantService as _;
    fixture.rpcs.create_reseller(super::fixture::by(&admin(&tree.provider), request)).await.unwrap_err();
    assert_eq!(fixture.count().await, before);
}

#[tokio::test]
async fn the_services_role_may_do_what_it_does_and_no_more() {
    let (fixture, _tree) = Fixture::with_tree().await;
    let service = fixture.tenant.store.read().await.unwrap();
    for statement in [
        "DELETE FROM organization",
        "TRUNCATE organization CASCADE",
        "UPDATE organization SET organization_id = organization_id",
        "UPDATE organization SET kind = kind",
        "UPDATE organization SET create_time = create_time",
        "TRUNCATE realm",
        "UPDATE realm SET organization_id = organization_id",
        "UPDATE event SET type = type",
        "DELETE FROM event",
        "TRUNCATE event CASCADE",
        "INSERT INTO event (seq) OVERRIDING SYSTEM VALUE VALUES (1)",
        "DROP TABLE organization",
        "CREATE TABLE mine (id int)",
    ] {
        let refused = service.batch_execute(statement).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
    }
}

#[tokio::test]
async fn every_column_of_our_tables_is_explained() {
    let fixture = Fixture::new().await;
    let sql = "SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relname IN ('organization', 'realm') AND a.attnum > 0 AND NOT a.attisdropped
          AND col_description(c.oid, a.attnum) IS NULL";
    let rows = fixture.rows.query(sql, &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(), Vec::<String>::new());
}
