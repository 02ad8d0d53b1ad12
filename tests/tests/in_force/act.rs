//! Acts of authority as the tables list them, and how they are called.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use testkit::{Console, as_user};
use tonic::{Request, Response, Status};

use crate::sight::{NOT_LOOKED_AT, Sight};
use crate::subject::Subject;

/// An answer, or the refusal.
pub(crate) type Answer = Result<String, Status>;
/// A call as it is made of one subject.
pub(crate) type Deed = fn(By) -> BoxFuture<'static, Answer>;

/// Who does it, to whom, and how patiently.
#[derive(Clone)]
pub(crate) struct By {
    pub(crate) console: Console,
    pub(crate) session: proto::identity::Session,
    pub(crate) subject: Arc<Subject>,
    pub(crate) request_id: String,
    /// Another reseller, which enforces MFA.
    pub(crate) strict_id: String,
    pub(crate) timeout: Duration,
}

impl By {
    /// The message on behalf of whoever acts.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = as_user(&self.session, message);
        request.set_timeout(self.timeout);
        request
    }
}

/// The answer as text, to be compared with another one.
pub(crate) fn told<T: std::fmt::Debug>(outcome: Result<Response<T>, Status>) -> Answer {
    outcome.map(|response| format!("{:?}", response.into_inner()))
}

/// What a repetition with the same request id does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It gives the first answer, and changes nothing.
    SameAnswer,
    /// It acts once more, to the same end: of a request with a password nothing is kept to know it by.
    AnotherAct,
}

/// One act of authority.
#[derive(Clone, Copy)]
pub(crate) struct Act {
    pub(crate) name: &'static str,
    pub(crate) call: Deed,
    /// The type of its event.
    pub(crate) event: &'static str,
    /// What is done to the subject before its users sign in.
    pub(crate) given: &'static [Deed],
    /// What is done to it after they have signed in.
    pub(crate) then: &'static [Deed],
    /// Whether anybody must apply it before it is acknowledged.
    pub(crate) is_awaited: bool,
    pub(crate) again: Again,
    /// What holds from the commit on, while the follower that must apply it is held back.
    pub(crate) committed: [Sight; 2],
    /// What holds when it is in force: of the user without a factor, and of the one with a factor.
    pub(crate) in_force: [Sight; 2],
}

impl Act {
    pub(crate) const fn new(name: &'static str, call: Deed, event: &'static str) -> Self {
        Self {
            name,
            call,
            event,
            given: &[],
            then: &[],
            is_awaited: true,
            again: Again::SameAnswer,
            committed: [NOT_LOOKED_AT, NOT_LOOKED_AT],
            in_force: [NOT_LOOKED_AT, NOT_LOOKED_AT],
        }
    }

    pub(crate) const fn given(self, given: &'static [Deed]) -> Self {
        Self { given, ..self }
    }

    pub(crate) const fn then(self, then: &'static [Deed]) -> Self {
        Self { then, ..self }
    }

    pub(crate) const fn awaited_by_nobody(self) -> Self {
        Self { is_awaited: false, ..self }
    }

    pub(crate) const fn acts_again(self) -> Self {
        Self { again: Again::AnotherAct, ..self }
    }

    pub(crate) const fn committed(self, bare: Sight, enrolled: Sight) -> Self {
        Self { committed: [bare, enrolled], ..self }
    }

    pub(crate) const fn in_force(self, bare: Sight, enrolled: Sight) -> Self {
        Self { in_force: [bare, enrolled], ..self }
    }
}
