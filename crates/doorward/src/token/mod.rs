//! Clerk session tokens: from text to verified claims.

mod bearer;
pub mod category;
mod claims;
mod error;
mod json;
mod key;
mod organization;
mod publishable;
mod rules;
mod time;
mod unverified;

pub use bearer::bearer;
pub use claims::{Claims, SessionStatus, TokenVersion, Verified};
pub use error::{Fault, JsonProblem, Malformation, NotSession, Part, VerifyError};
pub use key::{Key, KeyError, KeySet, MAX_KEY_BYTES};
pub use publishable::{PublishableKey, PublishableKeyError};
pub use rules::{AuthorizedParties, MAX_LEEWAY, Rules, RulesError};
pub use time::Timestamp;
pub use unverified::{MAX_TOKEN_BYTES, Unverified};
