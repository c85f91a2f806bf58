//! Clerk session tokens: from text to verified claims.
//!
//! ```text
//! header value ── bearer ──▶ text ── Unverified::parse ──▶ Unverified ── key_id ──▶ KeySet::find ──▶ Key
//!                                                              └── verify(key, rules, now) ──▶ Verified<Claims>
//! ```
//!
//! The network sits between `key_id` and `verify`, in the caller. Whoever holds a [`Verified`] knows that all of
//! this was true when it was made:
//!
//! 1. The text was a compact JWS of at most [`MAX_TOKEN_BYTES`], in base64url without padding or stray bits; header
//!    and payload were JSON objects in UTF-8, no member repeated, no deeper than 32 levels.
//! 2. The header said `alg: RS256`, `typ: JWT` or nothing, a [`category`] fit for sessions or none, and a `kid`; it
//!    said neither `crit`, `b64` nor `zip`.
//! 3. The key went by that `kid`, or by none, and had made the signature over exactly this text.
//! 4. `sub` was a user, `azp` an authorized party, `iss` one of the issuers, and `aud` one of the audiences if any
//!    are configured.
//! 5. `exp` was there and later than now, `nbf` and `iat` were not, each within the leeway.
//! 6. `sts` was `active` or absent, `sid` a name or absent, `v` 2 or absent, and the organization had an id.
//!
//! A claim that is present and malformed is refused, even if it may be absent. What merely *grants* something is
//! not: a strange element of `fea`, `per`, `fpm`, `pla` or `org_permissions` grants nothing, and its neighbours
//! still count.
//!
//! # Example
//!
//! ```
//! use doorward::token::{AuthorizedParties, KeySet, PublishableKey, Rules, Timestamp, Unverified, bearer};
//!
//! # use aws_lc_rs::signature::KeyPair as _;
//! # use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
//! # let signer = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)?;
//! # let n = B64.encode(signer.public_key().modulus().big_endian_without_leading_zero());
//! # let jwks = format!(r#"{{"keys":[{{"kty":"RSA","kid":"ins_1","n":"{n}","e":"AQAB"}}]}}"#);
//! # let signed = format!("{}.{}", B64.encode(r#"{"alg":"RS256","kid":"ins_1","typ":"JWT"}"#), B64.encode(
//! #     r#"{"azp":"https://app.example.com","exp":1700000060,"iat":1700000000,"iss":"https://clerk.example.com",
//! #     "sub":"user_1","v":2,"o":{"id":"org_1","rol":"admin","per":"read","fpm":"1"},"fea":"o:invoices"}"#));
//! # let mut signature = vec![0; signer.public_modulus_len()];
//! # let random = aws_lc_rs::rand::SystemRandom::new();
//! # signer.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)?;
//! # let authorization = format!("Bearer {signed}.{}", B64.encode(&signature));
//! // Once, at the start:
//! let key: PublishableKey = "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k".parse()?;
//! let rules = Rules::for_publishable_key(&key, AuthorizedParties::list(["https://app.example.com"])?);
//! let keys = KeySet::from_json(jwks.as_bytes())?;
//!
//! // For each request:
//! let token = bearer(authorization.as_bytes())?.ok_or("no token")?;
//! let unverified = Unverified::parse(token)?;
//! let key = keys.find(unverified.key_id())?;
//! let claims = unverified.verify(key, &rules, Timestamp::from_seconds(1_700_000_030))?;
//!
//! assert_eq!(claims.principal().user_id, "user_1");
//! assert!(claims.principal().has_permission("org:invoices:read"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where we differ from Clerk's JavaScript SDK
//!
//! Compared with `@clerk/backend` 3.25, session tokens in the `Authorization` header. Reason codes are the SDK's
//! ([`VerifyError::code`]).
//!
//! | Input | Clerk's SDK | Here | Why |
//! |---|---|---|---|
//! | no authorized parties configured | anybody's `azp` | configuration error; [`AuthorizedParties::dangerous_any`] | sibling subdomains can mint tokens |
//! | issuer | checked on request | always checked | a key is not an issuer: keys get copied |
//! | header `crit`, `b64`, `zip` | ignored | refused | they change what the token means |
//! | header without `kid`, with a PEM key | accepted | refused | Clerk always sends one; one path less |
//! | a repeated JSON member | the last counts | refused | parsers disagree on which one counts |
//! | `alg` RS384, RS512 | named as supported, fail in key import | refused as algorithm | RS256 is all Clerk signs with |
//! | `exp: 1e20`, `nbf: 1e20` | accepted | refused | beyond the calendar, comparisons with dates are false |
//! | `sub` empty, or no user | accepted | refused | nobody must not equal anybody |
//! | `sub` of a machine, badly signed | `token-type-mismatch` | `token-invalid-signature` | claims count after the signature |
//! | `aud` configured, absent or odd | accepted | refused | a check that can be left out is none |
//! | `sts: pending` | verified, then signed out without a reason | refused, `session-pending` | the caller can be told why |
//! | `sts` unknown or malformed | accepted | refused | a new state is not known to be harmless |
//! | `sid` empty or malformed | accepted | refused | it names the session to revoke |
//! | `v: "2"`, `v: 3` | read as the old layout | refused | a layout nobody described grants nothing |
//! | `fea`, `pla` in the old layout | count | mean nothing | the old layout has no such claims |
//! | `o` null or without `id` | no organization | refused | present and malformed |
//! | place of a mask in `o.fpm` | among the organization's features | granted if the place in all of `fea` agrees | Clerk's documentation and other SDKs count all of them |
//! | an element of `fea` without `:` | throws, HTTP 500 | grants nothing | one bad element must not stop a service |
//! | a second `:` in an element, spaces | part of the name, cut off | grants nothing | SDKs disagree |
//! | `org_permissions` without `org:` | never match | match with the prefix | as with roles |
//! | `Authorization: bearer T` | ignored, cookies are tried | accepted | RFC 9110 section 11.1: schemes ignore case |
//! | `Authorization: T`, `Bearer T junk` | `T` | refused | not what RFC 6750 describes |
//! | PEM key with `\n`, of 3072 bits, of exponent ≠ 65537 | never verifies | works | the whole key is read, not cut out of the text |
//! | JWK of less than 2048 bits, even exponent, exponent 3 | left to the platform | refused | RFC 7518 section 3.3 |
//!
//! # Caveats
//!
//! - A verified token says that the session was good when it was minted. Clerk's live for 60 s by default, but the
//!   Backend API can mint them for years; revocation is not visible here.
//! - Tokens from JWT templates are recognised by `cat` alone. Where tokens may lack it, add
//!   [`Rules::with_session_id_required`].
//! - A PEM key has no id: it verifies tokens of any `kid`. `iss` still tells applications apart.

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
