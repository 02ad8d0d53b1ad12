//! Which rule of the tree a violated constraint stands for.

use fault::{Fault, Reason};
use store::StoreError;

/// A rule that the database holds for us, because only it sees all writers at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Violation {
    /// There is one provider.
    SecondProvider,
    /// Siblings have different names.
    NameTaken,
    /// A realm belongs to one organisation.
    RealmTaken,
}

impl Violation {
    /// The rule behind a constraint's name.
    fn of(constraint: &str) -> Option<Self> {
        match constraint {
            "organization_single_provider" => Some(Self::SecondProvider),
            "organization_name_once" => Some(Self::NameTaken),
            "realm_pk" => Some(Self::RealmTaken),
            _ => None,
        }
    }

    /// What a caller is told.
    const fn reason(self) -> Reason {
        match self {
            Self::SecondProvider => Reason::AlreadyBootstrapped,
            Self::NameTaken => Reason::NameTaken,
            Self::RealmTaken => Reason::RealmTaken,
        }
    }
}

/// A write's error as a fault: a violated rule by its own reason, anything else as the database's.
pub(super) fn explain(error: StoreError) -> Fault {
    match error.constraint().and_then(Violation::of) {
        Some(violation) => Fault::new(violation.reason()).with_cause(error),
        None => Fault::from(error),
    }
}
