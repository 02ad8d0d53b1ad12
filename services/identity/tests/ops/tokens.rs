//! Access tokens and their keys.

use access::{Authenticator, TokenVerifier};
use fault::Reason;
use time::Duration;

use crate::support::{Bench, ISSUER};

#[tokio::test]
async fn a_token_says_who_and_verifies_with_the_published_keys() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let verifier = TokenVerifier::new(ISSUER, bench.clock.shared());
    verifier.replace_keys(&bench.identity.tokens.jwks().await.unwrap()).unwrap();
    let claims = verifier.verify(&session.access_token.text).unwrap();
    assert_eq!(claims.sub, user.to_string());
    assert_eq!(claims.sid, session.session_id.to_string());
    assert_eq!(claims.org, bench.company.organization_id().to_string());
    assert_eq!((claims.role.as_str(), claims.client_id.as_str()), ("company_admin", "console"));
    assert_eq!(claims.amr, ["pwd"]);
    assert_eq!(claims.exp - claims.iat, 300);
    assert_eq!(session.access_token.expire_time, bench.now() + Duration::minutes(5));
}

#[tokio::test]
async fn replicas_make_one_signing_key_and_trust_each_other() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let replicas: Vec<_> = (0..4).map(|_| bench.replica()).collect();
    let signers = replicas.iter().map(|replica| replica.tokens.signer(&bench.provider));
    for signer in futures::future::join_all(signers).await {
        signer.unwrap();
    }
    assert_eq!(bench.count("SELECT count(*) FROM signing_key").await, 1);
    let events = bench.events().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].organization_id, bench.provider.organization_id().to_string());
    let session = bench.complete("ada@company.example").await;
    let bearer = replicas[3].authenticate(&session.access_token.text).await.unwrap();
    assert_eq!(bearer.session_id, session.session_id);
}

#[tokio::test]
async fn only_a_living_sessions_token_is_good_for_anything() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let token = session.access_token.text;
    let mut forged = token.clone();
    forged.replace_range(token.len() - 4.., "AAAA");
    for bad in ["", "x", "a.b.c", &forged] {
        let refused = bench.identity.authenticate(bad).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::TokenInvalid, "{bad}");
    }
    // Facts are as of now, not as of the token's issue.
    bench.execute("UPDATE user_account SET role = 'company_auditor'").await;
    let bearer = bench.identity.authenticate(&token).await.unwrap();
    assert_eq!(bearer.role, types::Role::CompanyAuditor);
    bench.execute("UPDATE user_account SET state = 'disabled'").await;
    assert!(bench.identity.authenticate(&token).await.is_err());
    bench.execute("UPDATE user_account SET state = 'active'").await;
    bench.clock.advance(Duration::minutes(5));
    assert!(bench.identity.authenticate(&token).await.is_err());
}

#[tokio::test]
async fn a_key_that_does_not_open_is_an_alarm() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    bench.complete("ada@company.example").await;
    bench.execute("UPDATE signing_key SET key_id = 'moved'").await;
    assert_eq!(bench.replica().tokens.reload().await.unwrap_err().reason(), Reason::Corrupt);
}

#[tokio::test]
async fn the_service_role_does_its_work_and_no_more() {
    let bench = Bench::new().await;
    let service = bench.database.service().await;
    for statement in [
        "UPDATE event SET type = 'x'",
        "DELETE FROM event",
        "DELETE FROM user_account",
        "UPDATE signing_key SET public_key = public_key",
        "DELETE FROM signing_key",
        "DELETE FROM policy_floor",
        "DROP TABLE session",
    ] {
        assert!(service.batch_execute(statement).await.is_err(), "{statement}");
    }
}

#[tokio::test]
async fn every_column_is_commented_and_every_constraint_named() {
    let bench = Bench::new().await;
    let uncommented = "SELECT count(*) FROM information_schema.columns c
        WHERE c.table_schema = 'public' AND c.table_name IN
            ('organization', 'user_account', 'sign_in', 'session', 'refresh_token', 'policy_floor', 'signing_key')
        AND col_description(c.table_name::regclass, c.ordinal_position) IS NULL";
    assert_eq!(bench.count(uncommented).await, 0);
}
