//! Random acts on a running system, each by one call or a few of the API.

use std::collections::BTreeMap;

use proto::common::{AuthSource, Role};
use proto::identity::{
    CreateUserRequest, DeleteUserRequest, DisableUserRequest, EnableUserRequest, NextStep, Session,
    UpdateUserRequest,
};
use proto::mfa::target::Target as Kind;
use proto::mfa::{
    DisableMfaRequest, EnforceMfaRequest, ReenableMfaRequest, ResetMfaRequest, Target, UnlockUserRequest,
};
use proto::tenant::{
    DeleteOrganizationRequest, MoveCompanyRequest, ResumeOrganizationRequest, SuspendOrganizationRequest,
};
use testkit::{Authenticator, Console, PASSWORD, PROVIDER_LOGIN, TestSystem, Tree, as_user};
use time::Duration;
use tonic::{Code, Status};

/// `SplitMix64`: the same acts every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }
}

/// A user that an act can be about.
#[derive(Debug, Clone)]
struct Known {
    id: String,
    login: String,
}

/// The system, and who is there.
pub(crate) struct World {
    pub(crate) system: TestSystem,
    /// The provider's administrator.
    pub(crate) root: Session,
    /// How often each kind of act succeeded.
    pub(crate) done: BTreeMap<&'static str, usize>,
    tree: Tree,
    dice: Dice,
    number: usize,
    resellers: Vec<String>,
    /// With the realm of each.
    companies: Vec<(String, String)>,
    users: Vec<Known>,
    phones: BTreeMap<String, Authenticator>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let system = TestSystem::start().await;
        let tree = Tree::plant(&system).await;
        let root = tree.provider_session.clone();
        let mut resellers = vec![tree.reseller.id.clone()];
        for name in ["lighthouse", "anchorage"] {
            resellers.push(system.console.create_reseller(&root, name, false).await.unwrap().id);
        }
        let companies = vec![(tree.company.id.clone(), "acme.example".to_owned())];
        let users = vec![Known { id: tree.admin.id.clone(), login: tree.admin.login.clone() }];
        let (done, phones, dice) = (BTreeMap::new(), BTreeMap::new(), Dice(20_261_124));
        Self { system, root, done, tree, dice, number: 0, resellers, companies, users, phones }
    }

    /// What a preview can be asked of.
    pub(crate) fn targets(&self) -> Vec<(String, Kind)> {
        let resellers = self.resellers.iter().map(|id| (id.clone(), Kind::ResellerId(id.clone())));
        let companies = self.companies.iter().map(|(id, _)| (id.clone(), Kind::CompanyId(id.clone())));
        let users = self.users.iter().take(5).map(|user| (user.id.clone(), Kind::UserId(user.id.clone())));
        resellers.chain(companies).chain(users).collect()
    }

    /// Time passes, and the provider's administrator signs in again.
    pub(crate) async fn let_days_pass(&mut self, days: i64) {
        self.system.clock.advance(Duration::days(days));
        let started = self.system.console.start(PROVIDER_LOGIN).await.unwrap();
        let code = self.tree.provider_authenticator.code(self.system.now());
        self.root = self.system.console.verify(&started.sign_in_token, &code).await.unwrap();
    }

    /// One act. It may be refused by what the state is.
    pub(crate) async fn act(&mut self) {
        self.number += 1;
        let (kind, outcome) = match self.dice.roll(100) {
            0..6 => ("create company", self.create_company().await),
            6..26 => ("create user", self.create_user().await),
            26..29 => ("suspend", self.suspend().await),
            29..32 => ("resume", self.resume().await),
            32..36 => ("move", self.move_company().await),
            36..37 => ("delete company", self.delete_company().await),
            37..40 => ("disable user", self.disable_user().await),
            40..43 => ("enable user", self.enable_user().await),
            43..44 => ("delete user", self.delete_user().await),
            44..47 => ("hand to an identity provider", self.hand_over().await),
            47..49 => ("take back", self.take_back().await),
            49..62 => ("enforce", self.enforce().await),
            62..70 => ("lift", self.lift().await),
            70..73 => ("re-enable", self.reenable().await),
            73..90 => ("enrol", self.enrol().await),
            90..93 => ("reset", self.reset().await),
            93..98 => ("lock", self.lock().await),
            _ => ("unlock", self.unlock().await),
        };
        match outcome {
            Ok(true) => *self.done.entry(kind).or_default() += 1,
            Ok(false) => {}
            Err(status) => {
                let by_state = [Code::FailedPrecondition, Code::Unauthenticated, Code::NotFound];
                assert!(by_state.contains(&status.code()), "{kind}: {status:?}");
            }
        }
    }

    fn console(&self) -> Console {
        self.system.console.clone()
    }

    fn user(&mut self) -> Known {
        self.dice.one_of(&self.users)
    }

    fn company(&mut self) -> String {
        self.dice.one_of(&self.companies).0
    }

    async fn create_company(&mut self) -> Result<bool, Status> {
        let (name, reseller) = (format!("company{}", self.number), self.dice.one_of(&self.resellers));
        let enforce = self.dice.roll(4) == 0;
        let made = self.console().create_company(&self.root, &reseller, &name, enforce).await?;
        self.companies.push((made.id, format!("{name}.example")));
        Ok(true)
    }

    async fn create_user(&mut self) -> Result<bool, Status> {
        let (organization_id, realm, role) = match self.dice.roll(10) {
            0 => (self.tree.provider_id.clone(), "provider.example".to_owned(), Role::ProviderAuditor),
            1 => (self.tree.reseller.id.clone(), "harbour.example".to_owned(), Role::ResellerAuditor),
            _ => {
                let (id, realm) = self.dice.one_of(&self.companies);
                (id, realm, Role::CompanyUser)
            }
        };
        let login = format!("user{}@{realm}", self.number);
        let request = CreateUserRequest {
            organization_id,
            login: login.clone(),
            role: role.into(),
            password: PASSWORD.to_owned(),
            enforce_mfa: self.dice.roll(3) == 0,
            ..CreateUserRequest::default()
        };
        let created = self.console().users.create_user(as_user(&self.root, request)).await?;
        self.users.push(Known { id: created.into_inner().user.unwrap().id, login });
        Ok(true)
    }

    async fn suspend(&mut self) -> Result<bool, Status> {
        let organization_id = self.company();
        let request = SuspendOrganizationRequest { organization_id, ..Default::default() };
        self.console().tenants.suspend_organization(as_user(&self.root, request)).await.map(|_| true)
    }

    async fn resume(&mut self) -> Result<bool, Status> {
        let organization_id = self.company();
        let request = ResumeOrganizationRequest { organization_id, ..Default::default() };
        self.console().tenants.resume_organization(as_user(&self.root, request)).await.map(|_| true)
    }

    async fn move_company(&mut self) -> Result<bool, Status> {
        let (company_id, reseller_id) = (self.company(), self.dice.one_of(&self.resellers));
        let request = MoveCompanyRequest { company_id, reseller_id, ..Default::default() };
        self.console().tenants.move_company(as_user(&self.root, request)).await.map(|_| true)
    }

    async fn delete_company(&mut self) -> Result<bool, Status> {
        if self.companies.len() < 4 {
            return Ok(false);
        }
        let index = self.dice.roll(self.companies.len());
        let (organization_id, realm) = self.companies.swap_remove(index);
        let request = DeleteOrganizationRequest { organization_id, ..Default::default() };
        self.console().tenants.delete_organization(as_user(&self.root, request)).await?;
        self.users.retain(|user| !user.login.ends_with(&format!("@{realm}")));
        Ok(true)
    }

    async fn disable_user(&mut self) -> Result<bool, Status> {
        let request = DisableUserRequest { user_id: self.user().id, ..Default::default() };
        self.console().users.disable_user(as_user(&self.root, request)).await.map(|_| true)
    }

    async fn enable_user(&mut self) -> Result<bool, Status> {
        let request = EnableUserRequest { user_id: self.user().id, ..Default::default() };
        self.console().users.enable_user(as_user(&self.root, request)).await.map(|_| true)
    }

    async fn delete_user(&mut self) -> Result<bool, Status> {
        if self.users.len() < 8 {
            return Ok(false);
        }
        let index = self.dice.roll(self.users.len());
        let user_id = self.users.swap_remove(index).id;
        let request = DeleteUserRequest { user_id, ..Default::default() };
        self.console().users.delete_user(as_user(&self.root, request)).await.map(|_| true)
    }

    async fn hand_over(&mut self) -> Result<bool, Status> {
        let request = UpdateUserRequest {
            user_id: self.user().id,
            auth_source: AuthSource::External.into(),
            external_subject: format!("subject-{}", self.number),
            ..source()
        };
        self.console().users.update_user(as_user(&self.root, request)).await.map(|_| true)
    }

    async fn take_back(&mut self) -> Result<bool, Status> {
        let request = UpdateUserRequest {
            user_id: self.user().id,
            auth_source: AuthSource::Local.into(),
            password: PASSWORD.to_owned(),
            ..source()
        };
        let taken = self.console().users.update_user(as_user(&self.root, request)).await;
        match taken {
            // Who is local already needs no password.
            Err(status) if status.code() == Code::InvalidArgument => Ok(false),
            taken => taken.map(|_| true),
        }
    }

    fn target(&mut self) -> Option<Target> {
        let target = match self.dice.roll(16) {
            0 => Kind::Provider(1 + i32::try_from(self.dice.roll(2)).unwrap()),
            1 => Kind::ResellerId(self.dice.one_of(&self.resellers)),
            2..6 => Kind::CompanyId(self.company()),
            _ => Kind::UserId(self.user().id),
        };
        Some(Target { target: Some(target) })
    }

    async fn enforce(&mut self) -> Result<bool, Status> {
        let target = self.target();
        let days = i64::try_from(self.dice.roll(20)).unwrap();
        let at = self.system.now() + Duration::days(days);
        let enforce_from = (self.dice.roll(3) == 0)
            .then(|| prost_types::Timestamp { seconds: at.unix_timestamp(), nanos: 0 });
        let request = EnforceMfaRequest { target, enforce_from, ..Default::default() };
        self.console().enforcement.enforce_mfa(as_user(&self.root, request)).await.map(|_| true)
    }

    async fn lift(&mut self) -> Result<bool, Status> {
        let (target, keep_factors) = (self.target(), self.dice.roll(2) == 0);
        let reason = "a test".to_owned();
        let request = DisableMfaRequest { target, reason, keep_factors, ..Default::default() };
        self.console().enforcement.disable_mfa(as_user(&self.root, request)).await.map(|_| true)
    }

    async fn reenable(&mut self) -> Result<bool, Status> {
        let request = ReenableMfaRequest { target: self.target(), ..Default::default() };
        self.console().enforcement.reenable_mfa(as_user(&self.root, request)).await.map(|_| true)
    }

    async fn enrol(&mut self) -> Result<bool, Status> {
        let (user, console) = (self.user(), self.console());
        let started = console.start(&user.login).await?;
        if started.next_step() != NextStep::EnrollMfa {
            return Ok(false);
        }
        let (phone, _) = console.enrol(&started.sign_in_token, "", self.system.now()).await?;
        self.phones.insert(user.id, phone);
        Ok(true)
    }

    async fn reset(&mut self) -> Result<bool, Status> {
        let (user_id, reason) = (self.user().id, "a test".to_owned());
        let request = ResetMfaRequest { user_id, reason, ..Default::default() };
        self.console().factors.reset_mfa(as_user(&self.root, request)).await.map(|_| true)
    }

    async fn lock(&mut self) -> Result<bool, Status> {
        let (user, console) = (self.user(), self.console());
        let Some(phone) = self.phones.get(&user.id).cloned() else { return Ok(false) };
        let started = console.start(&user.login).await?;
        if started.next_step() != NextStep::VerifyMfa {
            return Ok(false);
        }
        let wrong = phone.wrong_code(self.system.now());
        for _ in 0..5 {
            console.verify(&started.sign_in_token, &wrong).await.unwrap_err();
        }
        Ok(true)
    }

    async fn unlock(&mut self) -> Result<bool, Status> {
        let (user_id, reason) = (self.user().id, "a test".to_owned());
        let request = UnlockUserRequest { user_id, reason, ..Default::default() };
        self.console().factors.unlock_user(as_user(&self.root, request)).await.map(|_| true)
    }
}

/// A change of where somebody signs in.
fn source() -> UpdateUserRequest {
    let update_mask = Some(prost_types::FieldMask { paths: vec!["auth_source".to_owned()] });
    UpdateUserRequest { update_mask, ..UpdateUserRequest::default() }
}
