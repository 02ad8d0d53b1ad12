//! `BreakGlassTicket`: the sole administrator lost the phone.

use fault::Reason;
use proto::events::event::Payload;
use proto::events::{ActorKind, NotificationKind};
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{BreakGlassTicketRequest, BreakGlassTicketResponse, Demand};
use tonic::Status;
use types::{AuthSource, RequestId, Role};
use wire::{UserFacts, UserState};

use super::fixture::{Fixture, from_operator, refusal};

fn request(user: &UserFacts) -> BreakGlassTicketRequest {
    BreakGlassTicketRequest {
        login: user.login.to_string(),
        reason: "sole administrator lost the phone".into(),
        ticket_reference: "OPS-12".into(),
        ..Default::default()
    }
}

impl Fixture {
    async fn break_glass(
        &self,
        request: BreakGlassTicketRequest,
    ) -> Result<BreakGlassTicketResponse, Status> {
        self.factors.break_glass_ticket(from_operator(request)).await.map(tonic::Response::into_inner)
    }

    /// How often the operator was refused, on the provider's log.
    async fn operator_refusals(&self) -> Vec<String> {
        let events = self.events().await.into_iter();
        let refused = events.filter(|event| event.r#type == "mfa.call.refused");
        refused
            .map(|event| {
                assert_eq!((event.actor.unwrap().kind(), event.path.len()), (ActorKind::Operator, 1));
                assert!(event.subject.unwrap().id.ends_with("/BreakGlassTicket"));
                event.reason
            })
            .collect()
    }
}

#[tokio::test]
async fn the_sole_administrator_comes_back_with_the_ticket_and_not_with_the_password_alone() {
    let (fixture, tree) = Fixture::with_tree().await;
    let admin = &tree.provider_admin;
    let lost = fixture.enroll(admin).await;
    let open = fixture.sign_in(admin).await;
    let issued = fixture.break_glass(request(admin)).await.unwrap();
    assert!(issued.enrollment_ticket_expire_time.is_some());
    // It is a reset like any other: what was open is dead, the old phone too, and identity has applied it.
    assert_eq!(refusal(fixture.verify(&open, &lost.code(&fixture)).await), Reason::GenerationOutdated);
    assert_eq!(fixture.count("factor").await, 0);
    let sign_in = fixture.sign_in(admin).await;
    assert_eq!(sign_in.told.demand(), Demand::Enroll);
    assert_eq!(refusal(fixture.begin(&sign_in, "").await.map(drop)), Reason::EnrollmentTicketRequired);
    let phone = fixture.begin(&sign_in, &issued.enrollment_ticket).await.unwrap();
    fixture.confirm(&sign_in, &phone.code(&fixture)).await.unwrap();
    fixture.acknowledge(&sign_in).await.unwrap();

    let events = fixture.events().await;
    let find = |name: &str| events.iter().find(|event| event.r#type == name).unwrap();
    let (reset, used) = (find("mfa.factor.reset"), find("mfa.break_glass.used"));
    assert_eq!(fixture.peers.awaited(), [reset.id.parse().unwrap()]);
    let Some(Payload::FactorReset(payload)) = &reset.payload else { panic!() };
    assert_eq!((payload.generation, payload.destroyed_factor_ids.len()), (2, 1));
    let Some(Payload::BreakGlassUsed(payload)) = &used.payload else { panic!() };
    assert_eq!(payload.reason, "sole administrator lost the phone");
    assert_eq!(
        (payload.ticket_reference.as_str(), payload.expire_time),
        ("OPS-12", issued.enrollment_ticket_expire_time)
    );
    let Some(Payload::TicketIssued(ticket)) = &find("mfa.ticket.issued").payload else { panic!() };
    assert!(ticket.required);
    for event in [reset, used] {
        assert_eq!(
            (event.actor.as_ref().unwrap().kind(), event.peer.as_str()),
            (ActorKind::Operator, "operator")
        );
        assert_eq!(event.subject.as_ref().unwrap().id, admin.id.to_string());
    }
    let mut notices = fixture.notices().await.into_iter();
    let notice = notices.find(|notice| notice.due.kind() == NotificationKind::FactorReset).unwrap();
    assert_eq!(notice.about.id, reset.id);
    assert!(events.iter().all(|event| !format!("{event:?}").contains(&issued.enrollment_ticket)));
}

#[tokio::test]
async fn an_administrator_who_can_be_helped_by_another_is_not_reset_by_the_operator() {
    let (fixture, tree) = Fixture::with_tree().await;
    let admin = &tree.provider_admin;
    fixture.enroll(admin).await;
    let other = fixture.create_user(&tree.provider, Role::ProviderAdmin, false).await;
    // Neither one without a factor nor one of lower rank can help.
    let operator = fixture.create_user(&tree.provider, Role::ProviderOperator, false).await;
    fixture.enroll(&operator).await;
    fixture.break_glass(request(admin)).await.unwrap();
    let phone = fixture.enroll(&other).await;
    assert_eq!(refusal(fixture.break_glass(request(admin)).await), Reason::BreakGlassNotNeeded);
    // While that one is locked for a time it is not needed either; when only an administrator can end it, it is.
    let sign_in = fixture.sign_in(&other).await;
    fixture.guess(&sign_in, &phone, 5).await;
    assert_eq!(refusal(fixture.break_glass(request(admin)).await), Reason::BreakGlassNotNeeded);
    let exhaust = "UPDATE user_mfa SET exhausted_time = locked_until WHERE user_id = $1";
    fixture.rows.execute(exhaust, &[&other.id.uuid()]).await.unwrap();
    fixture.break_glass(request(admin)).await.unwrap();
    // They can be helped by nobody, either.
    fixture.break_glass(request(&other)).await.unwrap();

    let helper = fixture.create_user(&tree.provider, Role::ProviderAdmin, false).await;
    fixture.enroll(&helper).await;
    assert_eq!(refusal(fixture.break_glass(request(admin)).await), Reason::BreakGlassNotNeeded);
    // Identity knows better than the copy of its log here: disabled, degraded or deleted meanwhile.
    fixture.peers.change_user(helper.id, |facts| facts.state = UserState::Inactive);
    fixture.break_glass(request(admin)).await.unwrap();
    fixture.peers.change_user(helper.id, |facts| facts.state = UserState::Active);
    assert_eq!(refusal(fixture.break_glass(request(admin)).await), Reason::BreakGlassNotNeeded);
    fixture.peers.change_user(helper.id, |facts| facts.role = Role::ProviderAuditor);
    fixture.break_glass(request(admin)).await.unwrap();
    assert_eq!(fixture.operator_refusals().await, ["BREAK_GLASS_NOT_NEEDED"; 4]);
}

#[tokio::test]
async fn nobody_but_an_active_local_provider_administrator_is_let_in_this_way() {
    let (fixture, tree) = Fixture::with_tree().await;
    let disabled = fixture.create_user(&tree.provider, Role::ProviderAdmin, false).await;
    fixture.peers.change_user(disabled.id, |facts| facts.state = UserState::Inactive);
    let external = fixture.create_user(&tree.provider, Role::ProviderAdmin, false).await;
    fixture.peers.change_user(external.id, |facts| facts.auth_source = AuthSource::External);
    let degraded = fixture.create_user(&tree.provider, Role::ProviderAdmin, false).await;
    fixture.peers.change_user(degraded.id, |facts| facts.role = Role::ProviderOperator);
    let renamed = fixture.create_user(&tree.provider, Role::ProviderAdmin, false).await;
    fixture.peers.change_user(renamed.id, |facts| facts.login = "other@example.com".parse().unwrap());
    let everybody = [
        &disabled,
        &external,
        &degraded,
        &renamed,
        &tree.reseller_admin,
        &tree.company_admin,
        &tree.company_user,
    ];
    for user in everybody {
        assert_eq!(refusal(fixture.break_glass(request(user)).await), Reason::NotFound, "{user:?}");
    }
    let nobody =
        BreakGlassTicketRequest { login: "nobody@example.com".into(), ..request(&tree.provider_admin) };
    assert_eq!(refusal(fixture.break_glass(nobody).await), Reason::NotFound);
    assert_eq!(fixture.operator_refusals().await, ["NOT_FOUND"; 8]);

    let of = |login: &str, reason: &str| BreakGlassTicketRequest {
        login: login.into(),
        reason: reason.into(),
        ..Default::default()
    };
    let login = tree.provider_admin.login.as_str();
    for (login, reason) in [(login, ""), (login, "  "), ("", "lost"), ("no login", "lost")] {
        assert_eq!(refusal(fixture.break_glass(of(login, reason)).await), Reason::InvalidArgument);
    }
    fixture.peers.set_clock_wrong(true);
    assert_eq!(refusal(fixture.break_glass(request(&tree.provider_admin)).await), Reason::ClockNotTrusted);
    fixture.peers.set_away(true);
    assert_eq!(
        refusal(fixture.break_glass(request(&tree.provider_admin)).await),
        Reason::DependencyUnavailable
    );
    assert_eq!((fixture.count("enrollment_ticket").await, fixture.count("enforcement").await), (0, 0));
    let refused = fixture.operator_refusals().await;
    assert_eq!(refused[8..], ["CLOCK_NOT_TRUSTED", "DEPENDENCY_UNAVAILABLE"]);
}

#[tokio::test]
async fn a_lost_answer_is_given_again_and_never_of_an_older_generation() {
    let (fixture, tree) = Fixture::with_tree().await;
    let admin = &tree.provider_admin;
    fixture.enroll(admin).await;
    fixture.peers.set_behind(true);
    let request = BreakGlassTicketRequest { request_id: RequestId::generate().to_string(), ..request(admin) };
    assert_eq!(refusal(fixture.break_glass(request.clone()).await), Reason::NotYetInForce);
    fixture.peers.set_behind(false);
    let first = fixture.break_glass(request.clone()).await.unwrap();
    let again = fixture.break_glass(request.clone()).await.unwrap();
    assert_eq!(first, again);
    let types = fixture.event_types().await;
    assert_eq!(types.iter().filter(|name| *name == "mfa.break_glass.used").count(), 1);
    let awaited = fixture.peers.awaited();
    assert_eq!(awaited, [awaited[0]; 3]);
    let other = BreakGlassTicketRequest { reason: "another".into(), ..request.clone() };
    assert_eq!(refusal(fixture.break_glass(other).await), Reason::RequestIdReused);
    // The ticket is nowhere in plain.
    let rows = fixture.rows.query("SELECT answer FROM request_record", &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
    let kept: Vec<u8> = rows[0].get(0);
    assert!(
        !kept.windows(first.enrollment_ticket.len()).any(|part| part == first.enrollment_ticket.as_bytes())
    );

    // It has served: whoever asks again gets nothing, and nothing happens.
    let sign_in = fixture.sign_in(admin).await;
    let phone = fixture.begin(&sign_in, &first.enrollment_ticket).await.unwrap();
    fixture.confirm(&sign_in, &phone.code(&fixture)).await.unwrap();
    fixture.acknowledge(&sign_in).await.unwrap();
    assert_eq!(refusal(fixture.break_glass(request).await), Reason::GenerationOutdated);
    assert_eq!(fixture.count("factor").await, 1);
    assert_eq!(fixture.operator_refusals().await, ["REQUEST_ID_REUSED", "GENERATION_OUTDATED"]);
}
