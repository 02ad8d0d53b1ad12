//! Whatever is wrong with a login, finding it out is the same work: statement by statement, hash by hash, event by event.

use fault::Reason;
use types::{AuthSource, Role};
use wire::OrganizationState;

use crate::support::{Bench, PASSWORD, Wiretap, organization};

#[tokio::test]
async fn whatever_is_wrong_with_a_login_is_the_same_work() {
    let mut bench = Bench::new().await;
    let other = bench.reseller.child(types::OrganizationId::generate()).unwrap();
    bench.tenant.set(organization(&other, "suspended", OrganizationState::Active, 1));
    let (role, local, external) = (Role::CompanyUser, AuthSource::Local, AuthSource::External);
    for (login, path, source) in [
        ("ada@company.example", &bench.company.clone(), local),
        ("locked@company.example", &bench.company.clone(), local),
        ("disabled@company.example", &bench.company.clone(), local),
        ("external@company.example", &bench.company.clone(), external),
        ("invited@company.example", &bench.company.clone(), local),
        ("ada@suspended.example", &other, local),
    ] {
        bench.user_with(login, path, role, source).await;
    }
    bench.execute("UPDATE user_account SET state = 'disabled' WHERE login LIKE 'disabled@%'").await;
    bench.execute("UPDATE user_account SET password_hash = NULL WHERE login LIKE 'invited@%'").await;
    bench.project(&organization(&other, "suspended", OrganizationState::Inactive, 2)).await;
    let wiretap = Wiretap::on(&bench.database.service_url).await;
    bench.go_by(&wiretap.url);

    // Statements are prepared by the first of all.
    bench.start("warm@company.example", "wrong password").await.unwrap_err();
    let mut work = Vec::new();
    for login in [
        "ada@company.example",
        "locked@company.example",
        "disabled@company.example",
        "external@company.example",
        "invited@company.example",
        "ada@suspended.example",
        "nobody@company.example",
        "nobody@suspended.example",
        "nobody@elsewhere.example",
        "no login at all",
    ] {
        let before = (bench.identity.passwords.computed(), bench.refusals().await.len());
        wiretap.take();
        let fault = bench.start(login, "wrong password").await.unwrap_err();
        let said = wiretap.take();
        assert_eq!(fault.reason(), Reason::SignInRefused, "{login}");
        let after = (bench.identity.passwords.computed(), bench.refusals().await.len());
        work.push((login, said, after.0 - before.0, after.1 - before.1));
    }
    let (_, said, hashes, events) = &work[0];
    assert_eq!((*hashes, *events), (1, 1));
    // The look-up alone; then BEGIN, the event, and COMMIT.
    assert_eq!(said, "BESQBESQ");
    for (login, said_of, hashes_of, events_of) in &work {
        assert_eq!((said_of, hashes_of, events_of), (said, hashes, events), "{login}");
    }
    // A locked second factor is mfa's to know: with the right password nothing here tells it from one that is not.
    bench.mfa.demand(identity::domain::evaluation::Demand::Verify);
    bench.start("ada@company.example", PASSWORD).await.unwrap();
    let mut answers = Vec::new();
    for login in ["ada@company.example", "locked@company.example"] {
        wiretap.take();
        bench.start(login, PASSWORD).await.unwrap();
        answers.push(wiretap.take());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}
