//! The demo tree: a provider, two resellers, three companies, and an administrator for each.
//!
//! Made over the public API as a provisioning system would, once. What exists already stands in `DATA_DIR/demo.json`,
//! which is written before each step that cannot be repeated without it; so a start that was cut off goes on where it was.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proto::common::Role;
use proto::identity::{CreateUserRequest, NextStep, Session};
use proto::tenant::{CreateCompanyRequest, CreateResellerRequest};
use serde::{Deserialize, Serialize};

use crate::authenticator::{Authenticator, present_step, settled_step};
use crate::bootstrap::{FirstAdministrator, bootstrap, random_password};
use crate::env_file::EnvFile;
use crate::failure::{During as _, Failure, Outcome};
use crate::layout::write_private;
use crate::platform::{Platform, as_user, refused};

/// One organisation of the tree with its administrator.
struct Branch {
    key: &'static str,
    parent: Option<&'static str>,
    name: &'static str,
    realm: &'static str,
    administrator: (&'static str, &'static str),
    enforce_mfa: bool,
}

const PROVIDER: Branch = Branch {
    key: "PROVIDER",
    parent: None,
    name: "Northwind Cloud",
    realm: "northwind.example",
    administrator: ("olivia.hart", "Olivia Hart"),
    enforce_mfa: false,
};

const RESELLERS: [Branch; 2] = [
    Branch {
        key: "RESELLER_A",
        parent: None,
        name: "Harbour IT Services",
        realm: "harbour-it.example",
        administrator: ("ravi.menon", "Ravi Menon"),
        enforce_mfa: false,
    },
    Branch {
        key: "RESELLER_B",
        parent: None,
        name: "Blue Ridge Systems",
        realm: "blueridge.example",
        administrator: ("grace.okoro", "Grace Okoro"),
        enforce_mfa: false,
    },
];

const COMPANIES: [Branch; 3] = [
    Branch {
        key: "COMPANY_A1",
        parent: Some("RESELLER_A"),
        name: "Fenwick Architects",
        realm: "fenwick.example",
        administrator: ("maja.lind", "Maja Lind"),
        enforce_mfa: true,
    },
    Branch {
        key: "COMPANY_A2",
        parent: Some("RESELLER_A"),
        name: "Orchard Dental Care",
        realm: "orchard-dental.example",
        administrator: ("tom.becker", "Tom Becker"),
        enforce_mfa: false,
    },
    Branch {
        key: "COMPANY_B1",
        parent: Some("RESELLER_B"),
        name: "Sable & Finch Legal",
        realm: "sablefinch.example",
        administrator: ("nadia.petrov", "Nadia Petrov"),
        enforce_mfa: true,
    },
];

impl Branch {
    fn login(&self) -> String {
        format!("{}@{}", self.administrator.0, self.realm)
    }
}

/// What of the tree exists.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// Request ids, drawn once, so that a repeated step is the same request.
    request_ids: BTreeMap<String, String>,
    organizations: BTreeMap<String, String>,
    administrators: BTreeMap<String, Administrator>,
    complete: bool,
}

/// An administrator's credentials.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Administrator {
    login: String,
    password: String,
    /// Written before the enrolment is acknowledged, so that it is never lost.
    totp_secret: Option<String>,
    created: bool,
}

/// One administrator of the demo tree, ready to sign in.
pub(crate) struct Known {
    pub(crate) organization_id: String,
    pub(crate) login: String,
    pub(crate) password: String,
    pub(crate) authenticator: Option<Authenticator>,
}

/// The demo tree as it stands in a data directory.
pub(crate) struct Demo {
    file: PathBuf,
    progress: Progress,
}

impl Demo {
    /// What an earlier start left.
    pub(crate) fn load(file: PathBuf) -> Outcome<Self> {
        let progress = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).during(format!("read {}", file.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Progress::default(),
            Err(error) => return Err(error).during(format!("read {}", file.display())),
        };
        Ok(Self { file, progress })
    }

    /// Makes what is missing.
    pub(crate) async fn complete(&mut self, operator: &Platform, console: &Platform) -> Outcome<()> {
        if self.progress.complete {
            return Ok(());
        }
        let provider = self.provider(operator, console).await?;
        let mut resellers = BTreeMap::new();
        for branch in &RESELLERS {
            self.reseller(console, &provider, branch).await?;
            self.administrator(console, &provider, branch, Role::ResellerAdmin, true).await?;
            resellers.insert(branch.key, self.enrolled_session(console, branch, "").await?);
        }
        for branch in &COMPANIES {
            let reseller = branch.parent.and_then(|parent| resellers.get(parent));
            let reseller = reseller.ok_or_else(|| Failure::new("a company without a reseller"))?;
            self.company(console, reseller, branch).await?;
            self.administrator(console, reseller, branch, Role::CompanyAdmin, false).await?;
        }
        self.progress.complete = true;
        self.save()
    }

    /// Adds the tree's lines to the env file.
    pub(crate) fn describe(&self, env: &mut EnvFile) {
        for branch in RESELLERS.iter().chain(&COMPANIES) {
            if let Some(id) = self.progress.organizations.get(branch.key) {
                env.set(format!("{}_ID", branch.key), id);
            }
        }
        for branch in branches() {
            if let Some(administrator) = self.progress.administrators.get(branch.key) {
                env.set(format!("{}_ADMIN_LOGIN", branch.key), &administrator.login);
                env.set(format!("{}_ADMIN_PASSWORD", branch.key), &administrator.password);
                if let Some(secret) = &administrator.totp_secret {
                    env.set(format!("{}_ADMIN_TOTP_SECRET", branch.key), secret);
                }
            }
        }
    }

    /// Lines for a person: organisation, login, password, what the next sign-in asks for.
    pub(crate) fn table(&self) -> Vec<[String; 4]> {
        let line = |branch: &Branch| {
            let administrator = self.progress.administrators.get(branch.key)?;
            let next = match (&administrator.totp_secret, branch.enforce_mfa) {
                (Some(_), _) => "password and code",
                (None, true) => "password, then must set up MFA",
                (None, false) => "password only",
            };
            let name = branch.name.to_owned();
            Some([name, administrator.login.clone(), administrator.password.clone(), next.to_owned()])
        };
        branches().filter_map(line).collect()
    }

    /// The credentials of one organisation's administrator, and the organisation's id.
    pub(crate) fn known(&self, key: &str) -> Outcome<Known> {
        let missing = || Failure::new(format!("the demo tree has no {key}"));
        let administrator = self.progress.administrators.get(key).ok_or_else(missing)?;
        Ok(Known {
            organization_id: self.progress.organizations.get(key).cloned().ok_or_else(missing)?,
            login: administrator.login.clone(),
            password: administrator.password.clone(),
            authenticator: administrator.totp_secret.as_deref().map(Authenticator::new).transpose()?,
        })
    }

    async fn provider(&mut self, operator: &Platform, console: &Platform) -> Outcome<Session> {
        let credentials = self.credentials(&PROVIDER)?;
        let mut ticket = String::new();
        if !credentials.created {
            let wanted = FirstAdministrator {
                request_id: self.request_id("PROVIDER")?,
                provider_name: PROVIDER.name.to_owned(),
                realm: PROVIDER.realm.to_owned(),
                login: credentials.login.clone(),
                display_name: PROVIDER.administrator.1.to_owned(),
                password: credentials.password.clone(),
            };
            // Not yet noted as created: until the ticket is used, a repetition issues a new one.
            let made = bootstrap(operator.tenants.clone(), operator.users.clone(), &wanted).await?;
            self.progress.organizations.insert("PROVIDER".to_owned(), made.provider_id);
            self.save()?;
            ticket = made.enrollment_ticket;
        }
        let session = self.enrolled_session(console, &PROVIDER, &ticket).await?;
        self.created(&PROVIDER)?;
        Ok(session)
    }

    async fn reseller(&mut self, console: &Platform, provider: &Session, branch: &Branch) -> Outcome<()> {
        if self.progress.organizations.contains_key(branch.key) {
            return Ok(());
        }
        let request = CreateResellerRequest {
            request_id: self.request_id(branch.key)?,
            name: branch.name.to_owned(),
            realm: branch.realm.to_owned(),
            enforce_mfa: branch.enforce_mfa,
        };
        let answer = console
            .tenants
            .clone()
            .create_reseller(as_user(request, &provider.access_token)?)
            .await
            .map_err(|status| refused(format!("create {}", branch.name), &status))?;
        self.organization(branch, answer.into_inner().organization)
    }

    async fn company(&mut self, console: &Platform, reseller: &Session, branch: &Branch) -> Outcome<()> {
        if self.progress.organizations.contains_key(branch.key) {
            return Ok(());
        }
        let parent = branch.parent.unwrap_or_default();
        let request = CreateCompanyRequest {
            request_id: self.request_id(branch.key)?,
            reseller_id: self.progress.organizations.get(parent).cloned().unwrap_or_default(),
            name: branch.name.to_owned(),
            realm: branch.realm.to_owned(),
            enforce_mfa: branch.enforce_mfa,
        };
        let answer = console
            .tenants
            .clone()
            .create_company(as_user(request, &reseller.access_token)?)
            .await
            .map_err(|status| refused(format!("create {}", branch.name), &status))?;
        self.organization(branch, answer.into_inner().organization)
    }

    async fn administrator(
        &mut self,
        console: &Platform,
        creator: &Session,
        branch: &Branch,
        role: Role,
        enforce_mfa: bool,
    ) -> Outcome<()> {
        let credentials = self.credentials(branch)?;
        if credentials.created {
            return Ok(());
        }
        let request = CreateUserRequest {
            request_id: self.request_id(&format!("{}_ADMIN", branch.key))?,
            organization_id: self.progress.organizations.get(branch.key).cloned().unwrap_or_default(),
            login: credentials.login.clone(),
            display_name: branch.administrator.1.to_owned(),
            role: role.into(),
            password: credentials.password.clone(),
            enforce_mfa,
            ..CreateUserRequest::default()
        };
        console
            .users
            .clone()
            .create_user(as_user(request, &creator.access_token)?)
            .await
            .map_err(|status| refused(format!("create {}", credentials.login), &status))?;
        self.created(branch)
    }

    /// Signs the administrator in, enrolling an authenticator with the *previous* time step's code when there is none
    /// yet: so the present step's code is still unused, and `token` works at once.
    async fn enrolled_session(
        &mut self,
        console: &Platform,
        branch: &Branch,
        ticket: &str,
    ) -> Outcome<Session> {
        let credentials = self.credentials(branch)?;
        let doing = || format!("sign {} in", credentials.login);
        let started = console
            .start_sign_in(&credentials.login, &credentials.password)
            .await
            .map_err(|status| refused(doing(), &status))?;
        if started.next_step() != NextStep::EnrollMfa {
            let authenticator = credentials.totp_secret.as_deref().map(Authenticator::new).transpose()?;
            let signed_in = console
                .sign_in(&credentials.login, &credentials.password, authenticator.as_ref(), present_step())
                .await?;
            return Ok(signed_in.0);
        }
        let enrollment = console
            .begin_enrollment(&started.sign_in_token, ticket)
            .await
            .map_err(|status| refused(doing(), &status))?;
        let authenticator = Authenticator::new(&enrollment.secret_base32)?;
        let code = authenticator.code(settled_step().await - 1)?;
        console
            .confirm_enrollment(&started.sign_in_token, &code)
            .await
            .map_err(|status| refused(doing(), &status))?;
        self.secret(branch, authenticator.secret_base32())?;
        console
            .acknowledge_enrollment(&started.sign_in_token)
            .await
            .map_err(|status| refused(doing(), &status))
    }

    fn credentials(&mut self, branch: &Branch) -> Outcome<Administrator> {
        if let Some(known) = self.progress.administrators.get(branch.key) {
            return Ok(known.clone());
        }
        let made =
            Administrator { login: branch.login(), password: random_password()?, ..Administrator::default() };
        self.progress.administrators.insert(branch.key.to_owned(), made.clone());
        self.save()?;
        Ok(made)
    }

    fn request_id(&mut self, key: &str) -> Outcome<String> {
        if let Some(known) = self.progress.request_ids.get(key) {
            return Ok(known.clone());
        }
        let made = uuid::Uuid::now_v7().to_string();
        self.progress.request_ids.insert(key.to_owned(), made.clone());
        self.save()?;
        Ok(made)
    }

    fn organization(&mut self, branch: &Branch, made: Option<proto::tenant::Organization>) -> Outcome<()> {
        let made = made.ok_or_else(|| Failure::new("the answer holds no organisation"))?;
        self.progress.organizations.insert(branch.key.to_owned(), made.id);
        self.save()
    }

    fn created(&mut self, branch: &Branch) -> Outcome<()> {
        if let Some(administrator) = self.progress.administrators.get_mut(branch.key) {
            administrator.created = true;
        }
        self.save()
    }

    fn secret(&mut self, branch: &Branch, secret: &str) -> Outcome<()> {
        if let Some(administrator) = self.progress.administrators.get_mut(branch.key) {
            administrator.totp_secret = Some(secret.to_owned());
        }
        self.save()
    }

    fn save(&self) -> Outcome<()> {
        let bytes = serde_json::to_vec_pretty(&self.progress).during("describe the demo tree")?;
        write_private(&self.file, &bytes).during(format!("write {}", self.file.display()))
    }
}

fn branches() -> impl Iterator<Item = &'static Branch> {
    std::iter::once(&PROVIDER).chain(&RESELLERS).chain(&COMPANIES)
}
