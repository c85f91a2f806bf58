//! The policy: who may call what, as a person decided it.
//!
//! A policy is one TOML file, `doorward.toml`. [`Policy::parse`] turns its text into a [`Policy`] or into
//! diagnostics that point into the text; [`resolve`](Policy::resolve) lays its rules over an inventory.

mod access;
mod parse;
mod propose;
mod resolve;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use access::{Access, AccessError, Bind, BindSource, OWNER_CLAIMS};
pub use propose::{Answers, Proposal, Proposed, Question, propose};
pub use resolve::{Effective, Resolution};

use crate::diagnostic::Location;
use crate::inventory::RouteId;
use crate::path::PathTemplate;

/// A whole policy file.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The apps it speaks of, by name. Empty: the rules are for every app found.
    pub apps: BTreeMap<String, AppConfig>,
    /// Names of environment variables and token rules.
    pub clerk: ClerkConfig,
    /// Cross-origin calls.
    pub cors: Cors,
    /// The rules, in the file's order.
    pub rules: Vec<Rule>,
    /// Callers to test with.
    pub personas: Vec<Persona>,
    /// Extra expectations.
    pub expects: Vec<Expect>,
}

/// One `[app.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppConfig {
    /// Its folder, relative to the policy file.
    pub root: Option<String>,
    /// Pinned framework id.
    pub framework: Option<String>,
    /// `sdk`, the only strategy built so far.
    pub strategy: Option<String>,
    /// The command `verify` starts, split by the shell's rules.
    pub start: Option<String>,
    /// A path that answers 2xx once the server is up.
    pub health: Option<String>,
}

/// `[clerk]`: names of variables, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClerkConfig {
    /// Name of the variable with the publishable key.
    pub publishable_key_env: String,
    /// Name of the variable with the secret key.
    pub secret_key_env: String,
    /// Name of the variable with the PEM public key.
    pub jwt_key_env: String,
    /// Origins whose tokens are accepted (`azp`).
    pub authorized_parties: Vec<String>,
}

impl Default for ClerkConfig {
    fn default() -> Self {
        Self {
            publishable_key_env: "CLERK_PUBLISHABLE_KEY".into(),
            secret_key_env: "CLERK_SECRET_KEY".into(),
            jwt_key_env: "CLERK_JWT_KEY".into(),
            authorized_parties: Vec::new(),
        }
    }
}

/// `[cors]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors {
    /// Exact origins. Empty: doorward wires no CORS.
    pub origins: Vec<String>,
    /// Whether browsers may send cookies.
    pub credentials: bool,
}

/// One `[[rule]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The app it is for, by name; `None`: every app.
    pub app: Option<String>,
    /// Which routes it is for.
    pub selector: Selector,
    /// Who may call them.
    pub access: Access,
    /// Why they are open; only, and always, with `public`.
    pub reason: Option<String>,
    /// Parameters that must equal a claim of the caller.
    pub bind: Vec<Bind>,
    /// Answer 404 where 403 would tell that the resource exists.
    pub hide: bool,
    /// For webhooks: the variable with the signing secret.
    pub secret_env: Option<String>,
    /// Where the rule starts in the policy file.
    pub location: Location,
}

/// Which routes a rule is for. Exact beats prefix, and a longer prefix beats a shorter one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// These routes, by id.
    Routes(Vec<RouteId>),
    /// Every route at or under this path.
    Prefix(PathTemplate),
    /// Every route registered in this file.
    File(String),
}

/// A caller to test with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Persona {
    /// Its name.
    pub name: String,
    /// The slug of its active organization.
    pub org: Option<String>,
    /// Its role there.
    pub role: Option<String>,
    /// Its permissions there.
    pub permissions: Vec<String>,
    /// Its features, `o:…` or `u:…`.
    pub features: Vec<String>,
    /// Its plans, `o:…` or `u:…`.
    pub plans: Vec<String>,
}

/// One `[[expect]]`: a pinned answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The persona's name.
    pub persona: String,
    /// The method.
    pub method: crate::inventory::Method,
    /// The path as sent; `{slug}` stands for the id of the organization with that slug.
    pub path: String,
    /// The status that must come back.
    pub status: u16,
    /// Where it stands.
    pub location: Location,
}
