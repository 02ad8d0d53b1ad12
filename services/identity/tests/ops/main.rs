//! The use cases on a real database: reasons, rows and events. What the peers answer is said by each test, through the
//! traits the use cases ask them by; the three services together are tested in the workspace's `tests`.

mod enrolling;
mod floors;
mod sessions;
mod signing_in;
mod support;
mod tokens;
mod users;
