//! A provider with two resellers and three companies, somebody of every role who calls, and somebody of every role to be called
//! about.

use std::collections::BTreeMap;

use proto::events::{EventOrder, ListEventsRequest};
use proto::identity::{CreateUserRequest, Session};
use proto::mfa::ListFactorsRequest;
use testkit::{Console, PROVIDER_LOGIN, TestSystem, Tree, as_user};
use time::Duration;
use types::Role;

use crate::place::Place;

/// What a caller's session has proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A second factor just now.
    Fresh,
    /// A second factor, sixteen minutes ago.
    Stale,
    /// A password alone.
    Password,
}

/// Somebody who calls.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Actor {
    pub role: Role,
    pub place: Place,
    pub proof: Proof,
    pub user_id: String,
    pub session: Session,
    /// Of those who have one.
    pub factor_id: Option<String>,
}

/// Somebody to be called about, who never signs in.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Subject {
    pub role: Role,
    pub place: Place,
    pub user_id: String,
}

/// All of it.
#[expect(missing_docs, reason = "the names say it")]
pub struct Landscape {
    pub system: TestSystem,
    /// The provider's administrator who made everything, with a fresh second factor.
    pub root: Session,
    pub organizations: BTreeMap<Place, String>,
    pub actors: Vec<Actor>,
    /// An administrator of the other reseller, with a fresh second factor, and users of the companies where nobody calls.
    pub strangers: Vec<Actor>,
    pub subjects: Vec<Subject>,
    /// An event of every organisation in the log of every service.
    pub events: BTreeMap<(usize, Place), String>,
}

impl Landscape {
    /// Plants it, all over the API.
    pub async fn plant() -> Self {
        let system = TestSystem::start().await;
        let tree = Tree::plant(&system).await;
        let (console, root) = (system.console.clone(), tree.provider_session.clone());
        let other = console.create_reseller(&root, "lighthouse", false).await.expect("a reseller").id;
        let company = async |reseller: &str, name: &str| {
            console.create_company(&root, reseller, name, false).await.expect("a company").id
        };
        let organizations = BTreeMap::from([
            (Place::SiblingCompany, company(&tree.reseller.id, "bolt").await),
            (Place::OtherCompany, company(&other, "crane").await),
            (Place::Provider, tree.provider_id.clone()),
            (Place::Reseller, tree.reseller.id.clone()),
            (Place::OtherReseller, other),
            (Place::Company, tree.company.id.clone()),
        ]);
        let mut landscape = Self {
            system,
            root,
            organizations,
            actors: Vec::new(),
            strangers: Vec::new(),
            subjects: Vec::new(),
            events: BTreeMap::new(),
        };
        landscape.people(&tree).await;
        landscape.find_events().await;
        landscape
    }

    /// An organisation's id.
    #[must_use]
    pub fn id(&self, place: Place) -> &str {
        &self.organizations[&place]
    }

    /// The console's clients.
    #[must_use]
    pub fn console(&self) -> &Console {
        &self.system.console
    }

    async fn people(&mut self, tree: &Tree) {
        for role in Role::ALL {
            let actor = self.enrolled(*role, Place::of(*role), Proof::Stale).await;
            self.actors.push(actor);
        }
        self.system.clock.advance(Duration::minutes(16));
        let started = self.console().start(PROVIDER_LOGIN).await.expect("root may sign in");
        let code = tree.provider_authenticator.code(self.system.now());
        self.root = self.console().verify(&started.sign_in_token, &code).await.expect("the code is right");
        for index in 0..self.actors.len() {
            let session = self.console().refresh(&self.actors[index].session).await;
            self.actors[index].session = session.expect("the session goes on, its second factor is old");
        }
        for role in Role::ALL {
            let place = Place::of(*role);
            let fresh = self.enrolled(*role, place, Proof::Fresh).await;
            self.actors.extend([fresh, self.password_only(*role, place).await]);
        }
        let stranger = self.enrolled(Role::ResellerAdmin, Place::OtherReseller, Proof::Fresh).await;
        self.strangers.push(stranger);
        for place in [Place::SiblingCompany, Place::OtherCompany] {
            let stranger = self.password_only(Role::CompanyUser, place).await;
            self.strangers.push(stranger);
        }
        for place in Place::ALL {
            for role in place.roles() {
                let user_id = self.new_user(place, role, &format!("subject-{}", word(role))).await;
                self.subjects.push(Subject { role, place, user_id });
            }
        }
    }

    /// Somebody with a second factor that was proved just now; the proof says what it will be when they call.
    async fn enrolled(&self, role: Role, place: Place, proof: Proof) -> Actor {
        let login =
            format!("{}-{}@{}", word(role), if proof == Proof::Fresh { "new" } else { "old" }, place.realm());
        let created = self.console().create_user(&self.root, self.id(place), &login, wire(role), true).await;
        let user_id = created.expect("a user").id;
        let started = self.console().start(&login).await.expect("the password is right");
        let enrolled = self.console().enrol(&started.sign_in_token, "", self.system.now()).await;
        let (_, session) = enrolled.expect("enrols");
        let request = as_user(&session, ListFactorsRequest::default());
        let factors = self.console().factors.clone().list_factors(request).await.expect("their own factors");
        let factor_id = factors.into_inner().factors.first().map(|factor| factor.id.clone());
        Actor { role, place, proof, user_id, session, factor_id }
    }

    async fn password_only(&self, role: Role, place: Place) -> Actor {
        let login = format!("{}-plain@{}", word(role), place.realm());
        let created = self.console().create_user(&self.root, self.id(place), &login, wire(role), false).await;
        let user_id = created.expect("a user").id;
        let session = self.console().start(&login).await.expect("the password is right").session;
        let session = session.expect("nobody asks for more");
        Actor { role, place, proof: Proof::Password, user_id, session, factor_id: None }
    }

    /// A user for whom MFA is enforced and who has no password, so that making one costs little.
    pub async fn new_user(&self, place: Place, role: Role, name: &str) -> String {
        let request = CreateUserRequest {
            organization_id: self.id(place).to_owned(),
            login: format!("{name}@{}", place.realm()),
            role: wire(role).into(),
            invite: true,
            enforce_mfa: true,
            ..CreateUserRequest::default()
        };
        let created = self.console().users.clone().create_user(as_user(&self.root, request)).await;
        created.expect("a user").into_inner().user.expect("a user").id
    }

    /// An organisation like the one at a place: of its kind and below the same.
    pub async fn new_organization(&self, place: Place, name: &str) -> String {
        let created = match place.above() {
            Some(Place::Provider) => self.console().create_reseller(&self.root, name, false).await,
            Some(above) => self.console().create_company(&self.root, self.id(above), name, false).await,
            None => panic!("there is one provider"),
        };
        created.expect("an organisation").id
    }

    /// Events get their positions a moment after they were recorded.
    async fn find_events(&mut self) {
        let clients = {
            let console = self.console();
            [&console.tenant_events, &console.identity_events, &console.mfa_events].map(Clone::clone)
        };
        let mut found = BTreeMap::new();
        for (service, client) in clients.iter().enumerate() {
            for place in Place::ALL {
                let request = ListEventsRequest {
                    organization_id: self.id(place).to_owned(),
                    order: EventOrder::OldestFirst.into(),
                    page_size: 1,
                    ..ListEventsRequest::default()
                };
                let first = async || {
                    let listed = client.clone().list_events(as_user(&self.root, request.clone())).await;
                    listed.expect("root sees all").into_inner().events.first().map(|event| event.id.clone())
                };
                let is_there = async || first().await.is_some();
                self.system.eventually("every organisation has an event in every log", is_there).await;
                found.insert((service, place), first().await.expect("it was there"));
            }
        }
        self.events = found;
    }
}

/// A role in a login.
fn word(role: Role) -> String {
    role.as_str().replace('_', "-")
}

/// A role on the wire.
#[must_use]
pub fn wire(role: Role) -> proto::common::Role {
    let name = format!("ROLE_{}", role.as_str().to_uppercase());
    proto::common::Role::from_str_name(&name).expect("every role is on the wire")
}
