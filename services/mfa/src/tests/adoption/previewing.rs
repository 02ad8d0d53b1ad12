//! `PreviewEnforcement`.

use fault::Reason;
use proto::mfa::target::Target as Kind;
use proto::mfa::{ProviderScope, Target};
use types::{AuthSource, Role};
use wire::UserState;

use super::super::enforcing::{company, reseller, user};
use super::super::fixture::{Fixture, refusal};

fn scope(scope: ProviderScope) -> Option<Target> {
    Some(Target { target: Some(Kind::Provider(scope.into())) })
}

#[tokio::test]
async fn it_says_who_would_have_to_enrol_and_who_was_here_lately() {
    let (fixture, tree) = Fixture::with_tree().await;
    let disabled = fixture.create_user(&tree.company, Role::CompanyUser, false).await;
    fixture.user_changes(&disabled, |user| user.state = UserState::Inactive).await;
    let external = fixture.create_user(&tree.company, Role::CompanyUser, false).await;
    fixture.user_changes(&external, |user| user.auth_source = AuthSource::External).await;
    let enforced = fixture.create_user(&tree.company, Role::CompanyUser, true).await;
    let quiet = fixture.create_user(&tree.company, Role::CompanyUser, false).await;
    fixture.enroll(&tree.company_user).await;
    fixture.signed_in(&quiet).await;
    fixture.tick(30 * 24 * 3600 + 1);
    fixture.signed_in(&tree.company_admin).await;

    let preview = fixture.preview(&tree.reseller_admin, company(&tree.company), 0, "").await.unwrap();
    // Enrolled, enforced and external users would not notice.
    assert_eq!((preview.would_enroll, preview.unaffected), (2, 3));
    let mut told: Vec<_> = preview
        .users
        .iter()
        .map(|user| (user.user_id.clone(), user.last_sign_in_time.is_some(), user.recently_active))
        .collect();
    told.sort();
    let mut expected =
        vec![(tree.company_admin.id.to_string(), true, true), (quiet.id.to_string(), true, false)];
    expected.sort();
    assert_eq!(told, expected);

    for (actor, target, would_enroll, unaffected) in [
        (&tree.provider_admin, reseller(&tree.reseller), 3, 3),
        (&tree.provider_admin, reseller(&tree.other_reseller), 1, 0),
        (&tree.provider_admin, scope(ProviderScope::ClientsAndResellers), 4, 3),
        (&tree.provider_admin, scope(ProviderScope::InternalUsers), 1, 0),
        (&tree.company_admin, user(&quiet), 1, 0),
        (&tree.company_admin, user(&enforced), 0, 1),
        (&tree.company_admin, user(&external), 0, 1),
        (&tree.company_admin, user(&disabled), 0, 0),
        (&tree.company_admin, user(&tree.company_user), 0, 1),
    ] {
        let preview = fixture.preview(actor, target.clone(), 0, "").await.unwrap();
        assert_eq!((preview.would_enroll, preview.unaffected), (would_enroll, unaffected), "{target:?}");
        assert_eq!(i64::try_from(preview.users.len()).unwrap(), would_enroll);
    }
    // It changed nothing; and when it is done, nobody is left.
    fixture.enforce(&tree.provider_admin, reseller(&tree.reseller)).await.unwrap();
    for (actor, target) in [
        (&tree.provider_admin, reseller(&tree.reseller)),
        (&tree.reseller_admin, company(&tree.company)),
        (&tree.company_admin, user(&quiet)),
    ] {
        let after = fixture.preview(actor, target, 0, "").await.unwrap();
        assert_eq!((after.would_enroll, after.users.len()), (0, 0));
    }
}

#[tokio::test]
async fn pages_follow_each_other_by_login_and_tokens_are_good_for_one_preview() {
    let (fixture, tree) = Fixture::with_tree().await;
    for _ in 0..7 {
        fixture.create_user(&tree.company, Role::CompanyUser, false).await;
    }
    let (mut logins, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = fixture.preview(&tree.reseller_admin, company(&tree.company), 4, &token).await.unwrap();
        assert_eq!(page.would_enroll, 9);
        logins.extend(page.users.into_iter().map(|user| user.login));
        pages += 1;
        if page.next_page_token.is_empty() {
            break;
        }
        token = page.next_page_token;
    }
    assert_eq!((pages, logins.len()), (3, 9));
    assert!(logins.is_sorted());
    // Another caller, another target, a garbled token: none of them goes on.
    for (actor, target, token) in [
        (&tree.provider_admin, company(&tree.company), token.clone()),
        (&tree.reseller_admin, company(&tree.company), format!("{token}x")),
        (&tree.provider_admin, reseller(&tree.reseller), token.clone()),
    ] {
        assert_eq!(refusal(fixture.preview(actor, target, 4, &token).await), Reason::InvalidCursor);
    }
}

#[tokio::test]
async fn whoever_may_enforce_may_ask() {
    let (fixture, tree) = Fixture::with_tree().await;
    let auditor = fixture.create_user(&tree.reseller, Role::ResellerAuditor, false).await;
    for (actor, target, reason) in [
        (&auditor, company(&tree.company), Reason::RoleNotAllowed),
        (&tree.reseller_admin, reseller(&tree.reseller), Reason::RoleNotAllowed),
        (&tree.company_admin, company(&tree.company), Reason::RoleNotAllowed),
        (&tree.reseller_admin, scope(ProviderScope::ClientsAndResellers), Reason::NotFound),
        (&tree.reseller_admin, company(&tree.other_company), Reason::NotFound),
        (&tree.reseller_admin, user(&tree.other_reseller_admin), Reason::NotFound),
        (&tree.company_admin, user(&tree.company_admin), Reason::SelfAdministration),
        (&tree.company_admin, None, Reason::InvalidArgument),
    ] {
        assert_eq!(refusal(fixture.preview(actor, target.clone(), 0, "").await), reason, "{target:?}");
    }
    let negative = fixture.preview(&tree.reseller_admin, company(&tree.company), -1, "").await;
    assert_eq!(refusal(negative), Reason::InvalidArgument);
}
