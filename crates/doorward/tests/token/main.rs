//! Token verification against data-driven cases, and against anything at all.
//!
//! Keys are made when the tests run; nothing in the repository can sign.

mod cases;
mod properties;
mod signer;
