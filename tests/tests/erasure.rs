//! What is left of somebody who was deleted: an id, an organisation and a role in every service's tables; and, in identity's log,
//! the login under which they were known while they were. `docs/operating.md` says the same under "A user asks to be forgotten".

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use countersign_tests::evidence::events;
use proto::common::Role;
use proto::events::event::Payload;
use proto::identity::{CreateUserRequest, DeleteUserRequest};
use proto::tenant::DeleteOrganizationRequest;
use testkit::{Console, PASSWORD, TestDatabase, TestSystem, Tree, as_user};

/// In no id, and in nobody else's data.
const LOGIN: &str = "zuleika.wyrzyk@acme.example";
const DISPLAY_NAME: &str = "Zuleika Wyrzykowska";
const EMAIL: &str = "wyrzyk.private@mail.example";

async fn create(console: &Console, tree: &Tree) -> String {
    let request = CreateUserRequest {
        organization_id: tree.company.id.clone(),
        login: LOGIN.to_owned(),
        display_name: DISPLAY_NAME.to_owned(),
        email: EMAIL.to_owned(),
        role: Role::CompanyUser.into(),
        password: PASSWORD.to_owned(),
        enforce_mfa: true,
        ..CreateUserRequest::default()
    };
    let created = console.users.clone().create_user(as_user(&tree.reseller_session, request)).await;
    created.unwrap().into_inner().user.unwrap().id
}

/// The tables of a service, but for its log, in which a word stands.
async fn tables_with(database: &TestDatabase, word: &str) -> Vec<String> {
    let rows = database.owner().await;
    let tables =
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                  AND relname <> 'event' ORDER BY 1";
    let mut found = Vec::new();
    for table in rows.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let sql = format!("SELECT count(*) FROM {table} t WHERE strpos(lower(t::text), lower($1)) > 0");
        if rows.query_one(&sql, &[&word]).await.unwrap().get::<_, i64>(0) > 0 {
            found.push(table);
        }
    }
    found
}

/// Nothing of them is in any table, and of their personal data nothing but the login is in any event.
async fn is_forgotten(system: &TestSystem, user_id: &str) {
    for (service, database) in [
        ("tenant", &system.tenant_database),
        ("identity", &system.identity_database),
        ("mfa", &system.mfa_database),
    ] {
        for word in [LOGIN, DISPLAY_NAME, EMAIL, "wyrzyk"] {
            assert_eq!(tables_with(database, word).await, Vec::<String>::new(), "{service}: {word}");
        }
        for event in events(database).await {
            let text = format!("{event:?}");
            assert!(!text.contains(DISPLAY_NAME) && !text.contains(EMAIL), "{service}: {text}");
            if text.contains(LOGIN) {
                // The facts of a time at which they were called so.
                assert_eq!(service, "identity", "{text}");
                assert_eq!(event.subject.unwrap().id, user_id);
                assert!(
                    matches!(
                        event.payload,
                        Some(
                            Payload::UserCreated(_)
                                | Payload::UserUpdated(_)
                                | Payload::UserStateChanged(_)
                                | Payload::UserPasswordChanged(_)
                                | Payload::InvitationAccepted(_)
                        )
                    ),
                    "{text}"
                );
            }
        }
    }
    let created = events(&system.identity_database).await;
    let stays = created.iter().any(|event| {
        event.r#type == "identity.user.created" && event.subject.as_ref().is_some_and(|one| one.id == user_id)
    });
    assert!(stays, "events stay");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_deleted_user_tables_hold_an_id_and_the_log_keeps_what_it_recorded() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let user_id = create(console, &tree).await;
    let started = console.start(LOGIN).await.unwrap();
    console.enrol(&started.sign_in_token, "", system.now()).await.unwrap();
    // Before, it is there: the search finds what it looks for.
    assert_eq!(tables_with(&system.mfa_database, LOGIN).await, ["known_user"]);
    assert!(tables_with(&system.identity_database, EMAIL).await.contains(&"user_account".to_owned()));
    let request = DeleteUserRequest { user_id: user_id.clone(), ..DeleteUserRequest::default() };
    console.users.clone().delete_user(as_user(&tree.reseller_session, request)).await.unwrap();
    is_forgotten(&system, &user_id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_deleted_companys_users_nothing_more_is_left() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let user_id = create(console, &tree).await;
    let request = DeleteOrganizationRequest {
        organization_id: tree.company.id.clone(),
        ..DeleteOrganizationRequest::default()
    };
    console.tenants.clone().delete_organization(as_user(&tree.reseller_session, request)).await.unwrap();
    is_forgotten(&system, &user_id).await;
}
