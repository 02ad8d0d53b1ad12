//! Words of the domain as types: ids, logins, names, roles, secrets. No I/O, no wire formats, no SQL.
//!
//! What one of these types holds has been checked when it was made ("parse, don't validate").

mod ids;
mod login;
mod names;
mod path;
mod recovery_code;
mod role;
mod secret;

pub use ids::{
    AttemptId, EnrollmentId, EventId, FactorId, InvalidId, OrganizationId, RecoverySetId, RequestId,
    SessionId, SignInId, UserId,
};
pub use login::{InvalidLogin, Login, Realm};
pub use names::{DisplayName, InvalidName, OrganizationName, Reasoning};
pub use path::{InvalidPath, OrganizationPath};
pub use recovery_code::{InvalidRecoveryCode, RecoveryCode};
pub use role::{AuthSource, Grade, Level, OrganizationKind, Role, ServiceName, UnknownWord};
pub use secret::{InvalidCode, InvalidToken, OneTimeCode, Password, Token, TokenHash, random_bytes};
