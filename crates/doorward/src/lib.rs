//! The strict core of doorward: Clerk tokens, policies and decisions.
//!
//! Everything here is a function of its arguments. There is no file, socket, clock, environment variable or
//! async runtime in this crate; the caller brings the text, the key and the time.
//!
//! ```text
//! text ── parse ──▶ Unverified ──(key id)──▶ Key
//!                       └── verify(key, rules, now) ──▶ Verified<Claims> ──▶ Principal ── decide ──▶ Decision
//! ```
//!
//! The other half of the model describes an API: an [`inventory`] of routes, a [`policy`] that says who may call
//! them, and [`diagnostic`]s that say what is wrong with either.

pub mod check;
pub mod decide;
pub mod diagnostic;
pub mod facts;
pub mod inventory;
pub mod lookup;
pub mod path;
pub mod policy;
pub mod principal;
pub mod secret;
pub mod shape;
pub mod token;
