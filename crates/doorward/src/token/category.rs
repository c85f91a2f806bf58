//! Values of the header member `cat`, Clerk's tag for the class of a token.
//!
//! Tokens minted before Clerk introduced the tag have none. Clerk publishes the values in the source of its
//! JavaScript SDK (`packages/backend/src/tokens/jwtCategories.ts`).

/// A session token. Accepted.
pub const SESSION: &str = "cl_B7d4PD111AAA";
/// A token made from a JWT template. Refused.
pub const TEMPLATE: &str = "cl_B7d4PD222AAA";
/// A machine-to-machine token. Refused.
pub const MACHINE: &str = "cl_B7d4PD333AAA";
/// Says nothing: some instances put it on every token. Accepted.
pub const IGNORE: &str = "cl_I7d4PD111III";
