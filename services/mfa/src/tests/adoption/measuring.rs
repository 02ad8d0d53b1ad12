//! What reading costs with 10,000 companies and 100,000 users. A measurement to read, not a test to pass:
//! `cargo test -p mfa --lib measuring -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use proto::mfa::{EnforcementKind, MfaStatus};

use super::super::enforcing::{company, reseller};
use super::super::fixture::Fixture;
use super::listing;

/// Ten thousand companies of one reseller, ten users each, every second with a factor, every tenth signed in.
const GROW: &str = "
    INSERT INTO organization (organization_id, path, name, state, version, enforce_mfa_applied)
    SELECT id, ARRAY['{provider}', '{reseller}', id], 'Company ' || number, 'active', 1, true
    FROM (SELECT gen_random_uuid() AS id, number FROM generate_series(1, 10000) AS number) c;
    INSERT INTO known_user (organization_id, user_id, login, role, auth_source, state, version,
        enforce_mfa_applied, last_sign_in_time)
    SELECT organization_id, gen_random_uuid(), 'user' || number || '@' || organization_id || '.example',
        'company_user', CASE number WHEN 10 THEN 'external' ELSE 'local' END, 'active', 1, true,
        CASE number WHEN 1 THEN now() END
    FROM organization CROSS JOIN generate_series(1, 10) AS number WHERE cardinality(path) = 3;
    INSERT INTO factor (organization_id, user_id, factor_id, sealed_secret, last_step, enroll_time)
    SELECT organization_id, user_id, gen_random_uuid(), '', 1, now() FROM known_user
    WHERE login ~ '^user[2468]@';
    INSERT INTO adoption_mark (organization_id, mark_time) SELECT organization_id, now() FROM organization;
    INSERT INTO adoption_mark (organization_id, user_id, mark_time)
    SELECT organization_id, user_id, now() FROM known_user;
    ANALYZE;";

/// The median of some runs, after a few that warm up.
async fn median<F: Future>(what: &str, mut run: impl FnMut() -> F) {
    let mut times: Vec<Duration> = Vec::new();
    for number in 0..24 {
        let begun = Instant::now();
        run().await;
        if number >= 9 {
            times.push(begun.elapsed());
        }
    }
    times.sort();
    eprintln!("{what}: {:?}", times[times.len() / 2]);
}

#[tokio::test]
#[ignore = "a measurement"]
async fn reading_with_ten_thousand_companies_and_a_hundred_thousand_users() {
    let (fixture, tree) = Fixture::with_tree().await;
    let root = &tree.provider_admin;
    let read = |path| {
        let (fixture, root) = (&fixture, root);
        async move { drop(fixture.adoption_of(root, path).await.unwrap()) }
    };
    median("GetAdoption of a reseller with one company", || read(&tree.reseller)).await;
    let grow = GROW
        .replace("{provider}", &tree.provider.organization_id().to_string())
        .replace("{reseller}", &tree.reseller.organization_id().to_string());
    fixture.rows.batch_execute(&grow).await.unwrap();
    let begun = Instant::now();
    fixture.adoption_of(root, &tree.provider).await.unwrap();
    eprintln!("GetAdoption with 110,000 marks not folded yet: {:?}", begun.elapsed());
    let begun = Instant::now();
    fixture.fold().await;
    eprintln!("folding them: {:?}", begun.elapsed());
    fixture.rows.batch_execute("VACUUM ANALYZE").await.unwrap();

    for (what, path) in
        [("the provider", &tree.provider), ("the reseller", &tree.reseller), ("a company", &tree.company)]
    {
        median(&format!("GetAdoption of {what}"), || read(path)).await;
    }
    for (what, target) in [("the reseller", reseller(&tree.reseller)), ("a company", company(&tree.company))]
    {
        let page = || async { drop(fixture.preview(root, target.clone(), 50, "").await.unwrap()) };
        median(&format!("PreviewEnforcement of {what}, a page of 50"), page).await;
    }
    for kind in [EnforcementKind::Company, EnforcementKind::User] {
        for status in [MfaStatus::Unspecified, MfaStatus::NotConfigured, MfaStatus::Enforced] {
            for path in [&tree.reseller, &tree.other_reseller] {
                let page = || async { drop(fixture.list(root, listing(kind, status, path)).await.unwrap()) };
                let small = if path == &tree.reseller { "large" } else { "small" };
                median(&format!("ListEnforcements {kind:?} {status:?} of a {small} reseller"), page).await;
            }
        }
    }
    let begun = Instant::now();
    fixture.enforce(root, reseller(&tree.reseller)).await.unwrap();
    eprintln!("EnforceMfa on the reseller: {:?}", begun.elapsed());
    median("GetAdoption of the provider, not folded", || read(&tree.provider)).await;
    fixture.fold().await;
    let now = fixture.figures(root, &tree.provider).await;
    eprintln!("{now:?}");
    assert!(now.enforced > 90_000);
}
