//! Token verification against data-driven cases, and against anything at all.
//!
//! Keys are made when the tests run; nothing in the repository can sign.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod signer;
