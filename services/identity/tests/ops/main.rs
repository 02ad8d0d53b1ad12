//! The use cases on a real database: reasons, rows and events. What the peers answer is said by each test, through the
//! traits the use cases ask them by; the three services together are tested in the workspace's `tests`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what surprises a test's helper fails the test"
)]

mod bootstrapping;
mod creating;
mod deadlines;
mod enrolling;
mod enrolment_bounds;
mod external;
mod floods;
mod floors;
mod hanging_up;
mod inviting;
mod organizations;
mod passwords;
mod repeating;
mod same_work;
mod serving;
mod session_lists;
mod sessions;
mod signing_in;
mod signing_keys;
mod support;
mod suspecting;
mod tokens;
mod updating;
mod user_states;
mod users;
