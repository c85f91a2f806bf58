//! Cases: attacks, and the requests that must be let in, as data.

use std::collections::HashSet;

use doorward::diagnostic::Severity;
use doorward_emulator::{Fault, Forge, TokenClass};
use serde::Deserialize;

/// The case files, found by folder.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/cases.rs"));

/// One request to make, and what must come of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Case {
    /// Its name, unique, with hyphens.
    pub id: String,
    /// What is sent, in a line.
    pub title: String,
    /// The class of attack, as in our catalogue.
    pub class: String,
    /// Standards, weaknesses and advisories.
    #[serde(default)]
    pub refs: Vec<String>,
    /// How bad it is if the expectation does not hold.
    pub severity: Severity,
    /// What it means if it does not hold.
    pub explain: String,
    /// What to do then.
    pub fix: String,
    /// The kind of token to start from; none, if the request carries none.
    #[serde(default)]
    pub start: Option<TokenClass>,
    /// The changes to the token.
    #[serde(default)]
    pub forge: Vec<Forge>,
    /// Whose token it is.
    #[serde(default, rename = "as")]
    pub who: Who,
    /// What is unusual about the request.
    #[serde(default)]
    pub request: Shape,
    /// A webhook delivery in place of a token.
    #[serde(default)]
    pub delivery: Option<Delivery>,
    /// What is wrong with the instance meanwhile.
    #[serde(default)]
    pub fault: Option<CaseFault>,
    /// What the route or policy must have for the case to mean anything.
    #[serde(default)]
    pub needs: Option<Need>,
    /// Whether it is sent to every guarded route, not just to one of each guard.
    #[serde(default)]
    pub core: bool,
    /// What must come back.
    pub expect: Expect,
    /// The case that differs in the one thing and must be let in.
    #[serde(default)]
    pub neighbour: Option<String>,
}

/// Whose token a case carries, as seen from the route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Someone the rule lets in.
    #[default]
    Granted,
    /// Everyone the policy knows, one after the other; the rule says what must come back.
    Everyone,
    /// Someone the rule lets in, but for being in another organization.
    OtherTenant,
    /// Someone like the granted persona, but another user.
    OtherUser,
    /// The granted persona outside any organization.
    NoOrganization,
    /// The granted persona whose role is written in capitals.
    RoleUpper,
    /// The granted persona whose role has something behind it.
    RoleSuffix,
    /// The granted persona whose role lacks its last letter.
    RoleCut,
    /// The granted persona whose permissions have something behind them.
    PermissionSuffix,
    /// The granted persona with other actions of the same features.
    PermissionAction,
    /// The granted persona with the same actions of other features.
    PermissionFeature,
    /// The granted persona without its permissions, whose mask for them is negative.
    MaskNegative,
    /// The granted persona without its permissions, which its token has for a feature of the user's own plan.
    MaskUserScope,
    /// The granted persona without its role, permissions, features and plans, which are written in the flat claims
    /// of the older token version instead.
    FlatClaims,
}

/// What is unusual about a request.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Shape {
    /// Another method than the route's.
    pub method: Option<String>,
    /// Another spelling of the path.
    pub path: Option<PathShape>,
    /// A query. `{token}` and `{good}` stand for the case's token and an unchanged one.
    pub query: Option<String>,
    /// The header lines, in place of `Authorization: Bearer {token}`. `{origin}` stands for an allowed origin.
    pub headers: Option<Vec<String>>,
    /// The body.
    pub body: Option<String>,
}

/// Other spellings of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathShape {
    /// `/a/b/`
    TrailingSlash,
    /// `/A/B`
    UpperCase,
    /// `/a//b`
    DoubleSlash,
    /// `//a/b`
    LeadingSlash,
    /// `/a/./b`
    DotSegment,
    /// `/x/../a/b`
    ParentSegment,
    /// `/x/%2e%2e/a/b`
    EncodedParent,
    /// `/a/%62`
    EncodedLetter,
    /// `/a/%2562`
    DoubleEncodedLetter,
    /// `/a%2Fb`
    EncodedSlash,
    /// `/a/b;x=1`
    PathParameter,
    /// `/a\b`
    Backslash,
    /// `/a/b.json`
    JsonSuffix,
    /// `/a/b.rsc`
    RscSuffix,
    /// `/a/b%00`
    NullByte,
    /// `/a/b%20`
    EncodedSpace,
    /// `http://host/a/b`
    AbsoluteForm,
}

/// A webhook delivery. What is not said is as Clerk sends it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Delivery {
    /// How old it is, in seconds.
    pub age: i64,
    /// Signed with a secret the server does not know.
    pub foreign_secret: bool,
    /// Altered after it was signed.
    pub altered_body: bool,
    /// Sent under another id than the signed one.
    pub altered_id: bool,
    /// The header left out.
    pub without: Option<String>,
    /// What the signature header holds; `{signature}` stands for the signature.
    pub signature: Option<String>,
    /// A delivery that really happens: nothing is wrong with it.
    pub good: bool,
}

/// What is wrong with the instance during a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseFault {
    /// The key set answers 500.
    Down,
    /// The key set is a page of HTML.
    Garbage,
    /// The key set is empty.
    Empty,
}

impl From<CaseFault> for Fault {
    fn from(fault: CaseFault) -> Self {
        match fault {
            CaseFault::Down => Self::Down(500),
            CaseFault::Garbage => Self::Garbage,
            CaseFault::Empty => Self::Empty,
        }
    }
}

/// What a case can't do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// The rule admits strangers.
    Open,
    /// The server fetches its keys.
    FetchedKeys,
    /// The policy names authorized parties.
    Parties,
    /// The policy names origins.
    Cors,
    /// The rule asks for a role.
    Role,
    /// The rule asks for a permission.
    Permission,
    /// The rule asks for more than being signed in.
    Grant,
    /// The rule asks for no feature and no plan, which tokens of the older version lack.
    Unbilled,
    /// The rule binds a parameter to the organization.
    Tenant,
    /// The rule binds a parameter to the user.
    User,
    /// The granted persona is in an organization.
    Organization,
}

/// What must come back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// The handler answers.
    Accept,
    /// 401, and a verifier gives this reason.
    Reject(String),
    /// 401.
    Refuse,
    /// Anything but a success.
    Closed,
    /// What the rule says of the persona.
    Decide,
    /// No `Access-Control-Allow-Origin` for the origin sent.
    NoReflection,
    /// A preflight that is answered before anybody is asked who they are.
    Preflight,
    /// The delivery is refused.
    DeliveryRefused,
    /// The delivery is accepted.
    DeliveryAccepted,
    /// No success while the keys can't be had.
    Unavailable,
}

impl Expect {
    /// Whether somebody must be let in.
    #[must_use]
    pub fn accepts(&self) -> bool {
        matches!(self, Self::Accept | Self::DeliveryAccepted | Self::Preflight)
    }
}

/// Why case files can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// Not TOML, an unknown key, an unknown verb.
    #[error("{file}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// What the parser says.
        message: String,
    },
    /// Two cases share a name.
    #[error("{file}: case `{id}` exists already")]
    Duplicate {
        /// The file of the second.
        file: String,
        /// The name.
        id: String,
    },
    /// A refusal without a neighbour that must be let in: a server that refuses everything would pass.
    #[error("case `{id}` names no neighbour that must be let in")]
    Neighbour {
        /// The case.
        id: String,
    },
    /// Something in the case contradicts the rest.
    #[error("case `{id}`: {problem}")]
    Contradiction {
        /// The case.
        id: String,
        /// What.
        problem: &'static str,
    },
}

/// The cases that come with doorward.
///
/// # Errors
/// If the data shipped is wrong, which a test rules out.
pub fn cases() -> Result<Vec<Case>, CaseError> {
    load(FILES.iter().copied())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    case: Vec<Case>,
}

/// Reads case files: names and texts.
///
/// # Errors
/// [`CaseError`] for the first thing that is wrong.
pub fn load<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Vec<Case>, CaseError> {
    let mut cases: Vec<Case> = Vec::new();
    let mut ids = HashSet::new();
    for (file, text) in files {
        let read: CaseFile = toml::from_str(text)
            .map_err(|error| CaseError::Syntax { file: file.to_owned(), message: error.to_string() })?;
        for case in read.case {
            if !ids.insert(case.id.clone()) {
                return Err(CaseError::Duplicate { file: file.to_owned(), id: case.id });
            }
            cases.push(case);
        }
    }
    let accepted: HashSet<&str> =
        cases.iter().filter(|case| case.expect.accepts()).map(|case| case.id.as_str()).collect();
    for case in &cases {
        let has_neighbour = case.neighbour.as_deref().is_some_and(|id| accepted.contains(id));
        if !case.expect.accepts() && !has_neighbour {
            return Err(CaseError::Neighbour { id: case.id.clone() });
        }
        if let Some(problem) = contradiction(case) {
            return Err(CaseError::Contradiction { id: case.id.clone(), problem });
        }
    }
    Ok(cases)
}

fn contradiction(case: &Case) -> Option<&'static str> {
    let of_delivery = matches!(case.expect, Expect::DeliveryAccepted | Expect::DeliveryRefused);
    if case.start.is_none() && !case.forge.is_empty() {
        return Some("there is no token to forge");
    }
    if matches!(case.expect, Expect::Reject(_)) && case.start.is_none() {
        return Some("only a token has a reason to be rejected");
    }
    if of_delivery != case.delivery.is_some() {
        return Some("a delivery expects a delivery's answer, and nothing else does");
    }
    if (case.expect == Expect::Unavailable) != case.fault.is_some() {
        return Some("a fault makes keys unavailable, and nothing else does");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[case]]
id = "good"
title = "t"
class = "I08"
severity = "error"
explain = "e"
fix = "f"
start = "session"
expect = "accept"
"#;

    fn with(extra: &str) -> Result<Vec<Case>, CaseError> {
        let text = format!(
            "{GOOD}\n[[case]]\nid = \"bad\"\ntitle = \"t\"\nclass = \"B01\"\nseverity = \"error\"\nexplain = \"e\"\nfix = \"f\"\n{extra}"
        );
        load([("a.toml", text.as_str())])
    }

    #[test]
    fn the_shipped_cases_load_and_are_many() {
        let cases = cases().unwrap();
        assert!(cases.len() >= 60, "{}", cases.len());
        assert!(cases.iter().filter(|case| case.core).count() >= 12);
        for case in &cases {
            assert!(case.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", case.id);
            assert!(case.explain.len() > 20 && case.fix.len() > 10 && !case.title.ends_with('.'), "{}", case.id);
        }
    }

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".toml"))
            .collect();
        names.sort_unstable();
        assert_eq!(names, FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn names_are_unique_across_files() {
        let error = load([("a.toml", GOOD), ("b.toml", GOOD)]).unwrap_err();
        assert_eq!(error, CaseError::Duplicate { file: "b.toml".into(), id: "good".into() });
    }

    #[test]
    fn a_refusal_needs_a_neighbour_that_is_let_in() {
        let missing = CaseError::Neighbour { id: "bad".into() };
        assert_eq!(with("expect = \"refuse\"").unwrap_err(), missing);
        assert_eq!(with("expect = \"refuse\"\nneighbour = \"nobody\"").unwrap_err(), missing);
        assert_eq!(with("expect = \"refuse\"\nneighbour = \"bad\"").unwrap_err(), missing);
        assert!(with("expect = \"refuse\"\nneighbour = \"good\"").is_ok());
    }

    #[test]
    fn unknown_keys_and_verbs_are_errors() {
        for extra in [
            "expect = \"refuse\"\nneighbour = \"good\"\nseverty = \"x\"",
            "expect = \"refuse\"\nneighbour = \"good\"\nstart = \"session\"\nforge = [\"make-it-good\"]",
            "expect = \"refuse\"\nneighbour = \"good\"\nrequest = { heders = [] }",
        ] {
            assert!(matches!(with(extra), Err(CaseError::Syntax { .. })), "{extra}");
        }
    }

    #[test]
    fn a_case_does_not_contradict_itself() {
        for extra in [
            "expect = \"refuse\"\nneighbour = \"good\"\nforge = [\"drop-signature\"]",
            "expect = { reject = \"token-invalid\" }\nneighbour = \"good\"",
            "expect = \"delivery-refused\"\nneighbour = \"good\"",
            "expect = \"unavailable\"\nneighbour = \"good\"",
        ] {
            assert!(matches!(with(extra), Err(CaseError::Contradiction { .. })), "{extra}");
        }
    }
}
