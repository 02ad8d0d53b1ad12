//! A system of two replicas, a user of it with a phone, and what an attacker who knows the password does first.

use std::collections::BTreeSet;

use futures::future::join_all;
use testkit::{ADMIN_LOGIN, Authenticator, Console, TestSystem, Tree};
use time::Duration;
use tonic::Status;

/// Two replicas of everything, and the company's administrator, who has enrolled.
pub(crate) struct Siege {
    pub(crate) system: TestSystem,
    pub(crate) tree: Tree,
    pub(crate) authenticator: Authenticator,
    /// The console as each replica sees it.
    pub(crate) consoles: [Console; 2],
}

impl Siege {
    /// The administrator's enrolment is behind, and no code of the present time step was used.
    pub(crate) async fn lay() -> Self {
        let system = TestSystem::with_replicas(2).await;
        let tree = Tree::plant(&system).await;
        let (authenticator, _) = tree.enrolled_admin(&system).await;
        let consoles = [system.console_of(0), system.console_of(1)];
        system.clock.advance(Duration::seconds(30));
        Self { system, tree, authenticator, consoles }
    }

    /// The victim.
    pub(crate) fn user_id(&self) -> &str {
        &self.tree.admin.id
    }

    /// Sign-ins of the victim that wait for a code, half of them at each replica. Not more at once than find room in the
    /// queue for hashing.
    pub(crate) async fn sign_ins(&self, count: usize) -> Vec<String> {
        let mut tokens = Vec::with_capacity(count);
        while tokens.len() < count {
            let starts = (0..count.min(tokens.len() + 10) - tokens.len())
                .map(|number| self.consoles[number % 2].start(ADMIN_LOGIN));
            tokens.extend(join_all(starts).await.into_iter().map(|started| started.unwrap().sign_in_token));
        }
        tokens
    }

    /// A new sign-in of the victim.
    pub(crate) async fn sign_in(&self) -> String {
        self.consoles[0].start(ADMIN_LOGIN).await.unwrap().sign_in_token
    }

    /// The victim's present code.
    pub(crate) fn code(&self) -> String {
        self.authenticator.code(self.system.now())
    }

    /// So many different wrong codes.
    pub(crate) fn wrong_codes(&self, count: usize) -> Vec<String> {
        let near: BTreeSet<String> = (-5..=5)
            .map(|steps| self.authenticator.code(self.system.now() + Duration::seconds(30 * steps)))
            .collect();
        let all = (0..).map(|number: u32| format!("{:06}", (number * 7_919 + 123_457) % 1_000_000));
        all.filter(|code| !near.contains(code)).take(count).collect()
    }
}

/// All that the caller can see of a refusal.
pub(crate) fn whole(status: &Status) -> (tonic::Code, String, Vec<u8>, String) {
    let mut metadata = status.metadata().clone();
    metadata.remove("date");
    (status.code(), status.message().to_owned(), status.details().to_owned(), format!("{metadata:?}"))
}
