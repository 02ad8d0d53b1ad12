//! What somebody gets who reads or writes the database: no code, and no way in.

use data_encoding::{BASE64, HEXLOWER};
use fault::Reason;
use keyring::digest::{hmac_sha256, sha256};
use proto::events::event::Payload;
use proto::events::{Event, SecretUnreadable};
use proto::mfa::Demand;
use types::RecoveryCode;

use super::{Fixture, refusal};

fn unreadable(event: Event) -> Option<SecretUnreadable> {
    match event.payload {
        Some(Payload::SecretUnreadable(alarm)) => Some(alarm),
        _ => None,
    }
}

impl Fixture {
    /// Everything in the database, as text.
    async fn dump(&self) -> String {
        let sql = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
        let mut dump = String::new();
        for table in self.rows.query(sql, &[]).await.unwrap() {
            let sql = format!("SELECT t::text FROM {} t", table.get::<_, &str>(0));
            let rows = self.rows.query(&sql, &[]).await.unwrap();
            dump.extend(rows.iter().map(|row| row.get::<_, String>(0).to_lowercase()));
        }
        dump
    }
}

#[tokio::test]
async fn the_database_holds_no_code_in_any_form_nor_a_hash_that_can_be_tried() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (_, mut codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let pending = fixture.sign_in(&tree.company_admin).await;
    let phone = fixture.begin(&pending, "").await.unwrap();
    codes.extend(fixture.confirm_for_codes(&pending, &phone.code(&fixture)).await);
    let dump = fixture.dump().await;
    assert!(dump.contains(&tree.company_user.id.to_string()));
    for shown in &codes {
        let bare = shown.replace('-', "");
        for text in [shown, &bare, &bare.to_uppercase()] {
            let bytes = text.as_bytes();
            let forms = [
                text.to_lowercase(),
                HEXLOWER.encode(bytes),
                BASE64.encode(bytes).trim_end_matches('=').to_lowercase(),
                HEXLOWER.encode(&sha256(bytes)),
                HEXLOWER.encode(&hmac_sha256(&[0; 32], bytes)),
            ];
            for form in forms {
                assert!(!dump.contains(&form), "{form}");
            }
        }
    }
}

#[tokio::test]
async fn a_set_opens_only_for_its_user_factor_and_set() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (_, mine) = fixture.enroll_with_codes(&tree.company_user).await;
    let (_, thiefs) = fixture.enroll_with_codes(&tree.company_admin).await;
    let (victim, thief) = (tree.company_user.id.uuid(), tree.company_admin.id.uuid());
    let older = "CREATE TABLE older AS SELECT * FROM recovery_codes WHERE user_id = $1";
    fixture.rows.execute(&older.replace("$1", &format!("'{victim}'")), &[]).await.unwrap();
    // Somebody puts their own codes into another's row: all of it, or the hashes, or the key.
    for columns in
        ["set_id, factor_id, sealed_key, unused", "set_id, sealed_key, unused", "sealed_key, unused"]
    {
        let sql = format!(
            "UPDATE recovery_codes SET ({columns}) = (SELECT {columns} FROM recovery_codes WHERE user_id = $1) WHERE user_id = $2"
        );
        fixture.rows.execute(&sql, &[&thief, &victim]).await.unwrap();
        let sign_in = fixture.sign_in(&tree.company_user).await;
        assert_eq!(sign_in.told.demand(), Demand::Verify);
        for code in [&mine[0], &thiefs[0]] {
            assert_eq!(refusal(fixture.recover(&sign_in, code).await), Reason::Corrupt, "{columns}");
        }
        // Nothing was spent or counted, and the alarm is on the log.
        assert_eq!(fixture.count("recovery_attempts").await, 0);
    }
    let alarms: Vec<_> = fixture.events().await.into_iter().filter_map(unreadable).collect();
    assert!(!alarms.is_empty() && alarms.iter().all(|alarm| alarm.table == "recovery_codes"));
    assert!(alarms.iter().all(|alarm| alarm.cause == "not_authentic"));
    let own = "UPDATE recovery_codes r SET (set_id, factor_id, sealed_key, unused) = (SELECT set_id, factor_id, sealed_key, unused FROM older) WHERE r.user_id = $1";
    fixture.rows.execute(own, &[&victim]).await.unwrap();
    // Hashes alone, made with whatever key, match nothing.
    let planted = RecoveryCode::generate().unwrap();
    let plant =
        "UPDATE recovery_codes SET unused = ARRAY[$1, $2, $3]::bytea[] || unused[4:] WHERE user_id = $4";
    let bytes = planted.expose().as_bytes();
    let hashes = [sha256(bytes), hmac_sha256(&[0; 32], bytes), hmac_sha256(&sha256(bytes), bytes)];
    let [a, b, c] = hashes.each_ref().map(|hash| hash.as_slice());
    fixture.rows.execute(plant, &[&a, &b, &c, &victim]).await.unwrap();
    let sign_in = fixture.sign_in(&tree.company_user).await;
    assert_eq!(refusal(fixture.recover(&sign_in, planted.expose()).await), Reason::CodeRefused);
    fixture.recover(&sign_in, &mine[9]).await.unwrap();

    // The codes of an earlier factor, put back beside a new one, do not open.
    fixture.reset(&tree.company_admin, &tree.company_user).await.unwrap();
    fixture.enroll(&tree.company_user).await;
    fixture.rows.execute(own, &[&victim]).await.unwrap();
    let sign_in = fixture.sign_in(&tree.company_user).await;
    assert_eq!(refusal(fixture.recover(&sign_in, &mine[1]).await), Reason::Corrupt);
}

#[tokio::test]
async fn codes_of_anothers_enrolment_do_not_become_good_with_ones_own() {
    let (fixture, tree) = Fixture::with_tree().await;
    let [victims, thiefs] =
        [fixture.sign_in(&tree.company_user).await, fixture.sign_in(&tree.company_admin).await];
    for sign_in in [&victims, &thiefs] {
        let phone = fixture.begin(sign_in, "").await.unwrap();
        fixture.confirm(sign_in, &phone.code(&fixture)).await.unwrap();
    }
    let swap = "UPDATE pending_enrollment SET (sealed_recovery_key, recovery_codes) = (SELECT sealed_recovery_key, recovery_codes FROM pending_enrollment WHERE user_id = $1) WHERE user_id = $2";
    let (thief, victim) = (tree.company_admin.id.uuid(), tree.company_user.id.uuid());
    fixture.rows.execute(swap, &[&thief, &victim]).await.unwrap();
    assert_eq!(refusal(fixture.acknowledge(&victims).await), Reason::Corrupt);
    assert_eq!(fixture.count("factor").await, 0);
}
