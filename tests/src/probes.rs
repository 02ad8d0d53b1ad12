//! What the other reseller's administrator sends: for every field that names an object, requests that differ in it alone, with
//! ids that are foreign and one that does not exist.

use access::TargetKind;
use prost::Message as _;
use proto::mfa::RemoveFactorRequest;
use proto::tenant::MoveCompanyRequest;
use types::Role;
use uuid::Uuid;

use crate::cells::{missing, organization, session, user};
use crate::fields::Field;
use crate::landscape::{Actor, Landscape};
use crate::model::Target;
use crate::place::Place;
use crate::raw::served_by;
use crate::requests::{About, Ask, templates};

/// Whatever is not the other reseller's nor below it: above it, beside it, and below that.
const FOREIGN: [Place; 4] = [Place::Provider, Place::Reseller, Place::Company, Place::SiblingCompany];

/// One field of one RPC, with the requests that differ in it alone.
#[expect(missing_docs, reason = "the names say it")]
pub struct Probe {
    pub field: Field,
    pub service: usize,
    pub foreign: Vec<Vec<u8>>,
    pub missing: Vec<u8>,
}

/// Every field of every RPC that is called for a user.
#[must_use]
pub fn probes(landscape: &Landscape, stranger: &Actor) -> Vec<Probe> {
    let mut probes = Vec::new();
    for template in templates() {
        let rule = access::rule(template.method).expect("a row");
        for service in served_by(rule) {
            for (field, foreign) in foreign_targets(landscape, template.about, service) {
                let message = |target: &Target| {
                    let ask = Ask { landscape, actor: stranger, target: Some(target), number: 0 };
                    (template.message)(&ask)
                };
                let absent = missing(foreign[0].clone());
                // Where it would be goes into other fields of the request, which must not differ.
                let absent = Target { place: foreign[0].place, ..absent };
                let foreign = foreign.iter().map(|target| Target { place: absent.place, ..target.clone() });
                probes.push(Probe {
                    field: (template.method, field.to_owned()),
                    service,
                    foreign: foreign.map(|target| message(&target)).collect(),
                    missing: message(&absent),
                });
            }
        }
    }
    for (field, message, foreign) in second_fields() {
        let message = |id: &str| message(landscape, id);
        let service = served_by(access::rule(field.0).expect("a row"))[0];
        let foreign = foreign(landscape).iter().map(|id| message(id)).collect();
        probes.push(Probe { field, service, foreign, missing: message(&Uuid::now_v7().to_string()) });
    }
    probes
}

/// The fields of what a call is about, and what is foreign there.
fn foreign_targets(landscape: &Landscape, about: About, service: usize) -> Vec<(&'static str, Vec<Target>)> {
    let organizations = || FOREIGN.map(|place| organization(landscape, place)).to_vec();
    let of_kind = |kind| organizations().into_iter().map(|target| Target { kind, ..target }).collect();
    let users: Vec<Target> = {
        let foreign = landscape.subjects.iter().filter(|subject| FOREIGN.contains(&subject.place));
        foreign.map(user).collect()
    };
    match about {
        About::Nothing | About::Oneself => Vec::new(),
        About::Organization(field) => vec![(field, organizations())],
        About::NewUser(field) => {
            let user = Target { role: Some(Role::CompanyUser), ..users[0].clone() };
            let target = |organization: Target| Target { id: organization.id, ..user.clone() };
            vec![(field, organizations().into_iter().map(target).collect())]
        }
        About::User(field) => vec![(field, users)],
        // What is named as something else than it is does not exist either.
        About::Policy => vec![
            ("target.reseller_id", of_kind(TargetKind::Reseller)),
            ("target.company_id", of_kind(TargetKind::Company)),
            ("target.user_id", users),
        ],
        About::Session(field) => {
            vec![(field, landscape.actors.iter().map(|actor| session(actor, false)).collect())]
        }
        About::Event(field) => {
            let event = |place| Target {
                id: landscape.events[&(service, place)].clone(),
                ..organization(landscape, place)
            };
            vec![(field, FOREIGN.map(event).to_vec())]
        }
    }
}

/// A field, a request with an id in it, and what is foreign there.
pub type Second = (Field, fn(&Landscape, &str) -> Vec<u8>, fn(&Landscape) -> Vec<String>);

/// Fields beside the one that says what a call is about.
#[must_use]
pub fn second_fields() -> Vec<Second> {
    vec![
        (
            ("/countersign.tenant.v1.TenantService/MoveCompany", "reseller_id".to_owned()),
            |landscape, id| {
                let company_id = landscape.id(Place::OtherCompany).to_owned();
                let request =
                    MoveCompanyRequest { company_id, reseller_id: id.to_owned(), ..Default::default() };
                request.encode_to_vec()
            },
            |landscape| FOREIGN.map(|place| landscape.id(place).to_owned()).to_vec(),
        ),
        (
            ("/countersign.mfa.v1.FactorService/RemoveFactor", "factor_id".to_owned()),
            |_, id| {
                let (factor_id, code) = (id.to_owned(), "000000".to_owned());
                RemoveFactorRequest { factor_id, code, ..Default::default() }.encode_to_vec()
            },
            |landscape| landscape.actors.iter().filter_map(|actor| actor.factor_id.clone()).collect(),
        ),
    ]
}
