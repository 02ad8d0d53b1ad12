//! What becomes of what a user has open, seen from outside: the console's back end knows no more.

use proto::identity::{GetCurrentUserRequest, NextStep, Session};
use proto::mfa::ListFactorsRequest;
use proto::tenant::GetOrganizationRequest;
use testkit::{Console, TestSystem, as_user, reason};
use tonic::Status;

use crate::subject::{Holding, Victim};

/// What each of these comes to: `OK` or the refusal's reason; of the next sign-in, the step that the password leads to.
/// [`UNSEEN`] where nothing is promised, or there is nothing to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    /// The access token of before, at each of the three services.
    pub(crate) token: &'static str,
    /// The refresh token of before.
    pub(crate) refresh: &'static str,
    /// The sign-in that was open before: its right code, or the beginning of its enrolment.
    pub(crate) open: &'static str,
    /// The next sign-in with the password of before.
    pub(crate) next: &'static str,
}

/// Not looked at.
pub(crate) const UNSEEN: &str = "-";
/// Nothing is looked at.
pub(crate) const NOT_LOOKED_AT: Sight = sight(UNSEEN, UNSEEN, UNSEEN, UNSEEN);

pub(crate) const fn sight(
    token: &'static str,
    refresh: &'static str,
    open: &'static str,
    next: &'static str,
) -> Sight {
    Sight { token, refresh, open, next }
}

/// Looks at all that `expected` says something about. Looking uses up what is looked at.
pub(crate) async fn look(
    system: &TestSystem,
    victim: &Victim,
    holding: &Holding,
    expected: Sight,
    what: &str,
) {
    let console = &system.console;
    let session = || holding.session.as_ref().unwrap_or_else(|| panic!("{what}: there is no session"));
    let open = || holding.open.as_ref().unwrap_or_else(|| panic!("{what}: no sign-in is open"));
    if expected.token != UNSEEN {
        assert_eq!(heard(console, victim, session()).await, [expected.token; 3], "{what}: access token");
    }
    if expected.refresh != UNSEEN {
        assert_eq!(said(console.refresh(session()).await), expected.refresh, "{what}: refresh");
    }
    if expected.open != UNSEEN {
        let (token, step) = open();
        let outcome = match step {
            NextStep::EnrollMfa => console.begin(token, "").await.map(drop),
            _ => console.verify(token, &victim.unused_code(system.now())).await.map(drop),
        };
        assert_eq!(said(outcome), expected.open, "{what}: open sign-in");
    }
    if expected.next != UNSEEN {
        let next = console.start(&victim.login).await;
        let next = next.map_or_else(reason, |started| started.next_step().as_str_name().to_owned());
        assert_eq!(next.trim_start_matches("NEXT_STEP_"), expected.next, "{what}: next sign-in");
    }
}

/// What each service says to an access token.
async fn heard(console: &Console, victim: &Victim, session: &Session) -> [String; 3] {
    let organization = GetOrganizationRequest { organization_id: victim.organization_id.clone() };
    [
        said(console.tenants.clone().get_organization(as_user(session, organization)).await),
        said(console.sessions.clone().get_current_user(as_user(session, GetCurrentUserRequest {})).await),
        said(console.factors.clone().list_factors(as_user(session, ListFactorsRequest::default())).await),
    ]
}

fn said<T>(outcome: Result<T, Status>) -> String {
    outcome.map_or_else(reason, |_| "OK".to_owned())
}
