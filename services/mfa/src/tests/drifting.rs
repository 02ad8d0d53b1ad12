//! Phones whose clocks are off: followed within bounds, and never at the price of a wider window.

use fault::Reason;

use super::fixture::{Fixture, refusal};

impl Fixture {
    async fn drift(&self) -> i16 {
        self.rows.query_one("SELECT drift FROM factor", &[]).await.unwrap().get(0)
    }

    async fn last_step(&self) -> i64 {
        self.rows.query_one("SELECT last_step FROM factor", &[]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn a_phone_that_runs_ahead_is_followed_to_the_bound_and_back() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    assert_eq!(refusal(fixture.verify(&sign_in, &phone.code_at(&fixture, 2)).await), Reason::CodeRefused);
    fixture.verify(&sign_in, &phone.code_at(&fixture, 1)).await.unwrap();
    assert_eq!(fixture.drift().await, 1);
    // The window has moved, not grown.
    fixture.tick(90);
    for (offset, accepted) in [(3, false), (-1, false), (2, true)] {
        let answer = fixture.verify(&sign_in, &phone.code_at(&fixture, offset)).await;
        assert_eq!(answer.is_ok(), accepted, "{offset}");
    }
    assert_eq!(fixture.drift().await, 1);
    fixture.tick(120);
    assert_eq!(refusal(fixture.verify(&sign_in, &phone.code_at(&fixture, 3)).await), Reason::CodeRefused);
    // Its clock is put right.
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    assert_eq!(fixture.drift().await, 0);
    fixture.tick(120);
    fixture.verify(&sign_in, &phone.code_at(&fixture, -1)).await.unwrap();
    assert_eq!(fixture.drift().await, -1);
    fixture.tick(120);
    fixture.verify(&sign_in, &phone.code_at(&fixture, -2)).await.unwrap();
}

#[tokio::test]
async fn the_accepted_step_only_rises_whatever_the_drift() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let ahead = phone.code_at(&fixture, 1);
    fixture.verify(&sign_in, &ahead).await.unwrap();
    let step = fixture.last_step().await;
    // Now and a step later: what is not above it is refused as used, and does not count.
    for code in [phone.code(&fixture), ahead.clone()] {
        assert_eq!(refusal(fixture.verify(&sign_in, &code).await), Reason::CodeRefused);
    }
    fixture.tick(30);
    assert_eq!(refusal(fixture.verify(&sign_in, &ahead).await), Reason::CodeRefused);
    assert_eq!(fixture.last_step().await, step);
    let row =
        fixture.rows.query_one("SELECT wrong_codes FROM user_mfa WHERE generation > 0", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 0);
    fixture.verify(&sign_in, &phone.code_at(&fixture, 1)).await.unwrap();
    assert_eq!(fixture.last_step().await, step + 1);
}

#[tokio::test]
async fn an_enrolment_begins_without_drift() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    for offset in [-2, 2] {
        let refused = fixture.confirm(&sign_in, &phone.code_at(&fixture, offset)).await;
        assert_eq!(refusal(refused), Reason::CodeRefused, "{offset}");
    }
    // A code that was typed in slowly says little about the phone's clock.
    fixture.confirm(&sign_in, &phone.code_at(&fixture, -1)).await.unwrap();
    fixture.acknowledge(&sign_in).await.unwrap();
    assert_eq!(fixture.drift().await, 0);
    let next = fixture.sign_in(&tree.company_user).await;
    fixture.verify(&next, &phone.code_at(&fixture, 1)).await.unwrap();
    assert_eq!(fixture.drift().await, 1);
    // A new factor knows nothing of the old one's phone.
    fixture.reset(&tree.company_admin, &tree.company_user).await.unwrap();
    fixture.enroll(&tree.company_user).await;
    assert_eq!(fixture.drift().await, 0);
}

#[tokio::test]
async fn the_database_bounds_it_too() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_user).await;
    let refused = fixture.rows.execute("UPDATE factor SET drift = 3", &[]).await.unwrap_err();
    assert_eq!(refused.as_db_error().unwrap().constraint(), Some("factor_drift_bounded"));
}
