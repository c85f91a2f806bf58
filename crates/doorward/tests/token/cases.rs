//! Runs `tests/cases/*.toml`: a good token, what is changed about it, and what must come of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use doorward::token::{AuthorizedParties, Claims, Key, KeySet, Rules, Timestamp, Unverified, Verified, VerifyError};
use serde::Deserialize;

use crate::signer::{Algorithm, Alphabet, Draft, ISSUER, KEY_ID, MAIN, NOW, PARTY};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Case {
    id: String,
    title: String,
    #[serde(default)]
    refs: Vec<String>,
    start: Start,
    #[serde(default)]
    changes: Vec<Change>,
    #[serde(default)]
    rules: RuleChanges,
    #[serde(default)]
    key: KeyForm,
    expect: Expect,
    /// Changes that must be accepted under the same rules. Without them, the unchanged token must be.
    #[serde(default)]
    neighbour: Vec<Change>,
    /// A neighbour that only these rules accept, for cases in which the rules are at fault.
    neighbour_rules: Option<RuleChanges>,
    neighbour_key: Option<KeyForm>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Start {
    SessionV1,
    SessionV2,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Change {
    /// Payload members, as TOML values.
    Set(BTreeMap<String, serde_json::Value>),
    /// Payload members, as JSON text.
    SetJson(BTreeMap<String, String>),
    /// Payload members in seconds from now.
    SetTime(BTreeMap<String, i64>),
    /// Members of the payload's `o`.
    SetOrg(BTreeMap<String, serde_json::Value>),
    RemoveOrg(Vec<String>),
    Remove(Vec<String>),
    /// Payload members as JSON text, without removing those of the same name.
    Repeat(BTreeMap<String, String>),
    SetHeader(BTreeMap<String, serde_json::Value>),
    SetHeaderJson(BTreeMap<String, String>),
    RemoveHeader(Vec<String>),
    RepeatHeader(BTreeMap<String, String>),
    HeaderText(String),
    PayloadText(String),
    Layout(String),
    /// A string claim of this many characters.
    LongClaim(usize),
    LongKeyId(usize),
    NestedClaim(usize),
    Sign(Algorithm),
    Alphabet(Alphabet),
    /// The judge's clock, in milliseconds from now.
    Clock(i64),
    OtherSigner,
    StrayBits,
}

#[derive(Deserialize, Default, Clone)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct RuleChanges {
    issuers: Option<Vec<String>>,
    parties: Option<Vec<String>>,
    any_party: bool,
    audiences: Option<Vec<String>>,
    leeway_millis: Option<u64>,
    session_id_required: bool,
    accept_missing_azp: bool,
    accept_pending: bool,
}

/// How the application's public key is given.
#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum KeyForm {
    #[default]
    Jwk,
    Set,
    Pem,
    PemCrlf,
    PemEscaped,
    PemSpaces,
    PemBody,
    JwkOfAnotherId,
    SetWithoutIt,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    refuse: Option<String>,
    /// A part of the message, where the code alone says too little.
    why: Option<String>,
    accept: Option<Accepted>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Accepted {
    org: Option<String>,
    no_org: Option<bool>,
    slug: Option<String>,
    role: Option<String>,
    no_role: Option<bool>,
    permissions: Option<Vec<String>>,
    features: Option<Vec<String>>,
    plans: Option<Vec<String>>,
    ambiguous: Option<bool>,
    overflow: Option<bool>,
    has_actor: Option<bool>,
    expires_in: Option<i64>,
}

#[test]
fn every_case_ends_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let mut seen = std::collections::BTreeSet::new();
    let mut failures = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = toml_edit::de::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in file.case {
            assert!(seen.insert(case.id.clone()), "two cases are called `{}`", case.id);
            if let Err(failure) = check(&case) {
                failures.push(format!("{}: {} ({}): {failure}", case.id, case.title, case.refs.join(", ")));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn check(case: &Case) -> Result<(), String> {
    let got = judge(case.start, &case.changes, &case.rules, case.key);
    match (&case.expect, got) {
        (Expect { refuse: Some(code), why, accept: None }, Err(error)) => {
            if error.code() != code || !error.to_string().contains(why.as_deref().unwrap_or_default()) {
                return Err(format!("refused with {}: {error}", error.code()));
            }
            let rules = case.neighbour_rules.as_ref().unwrap_or(&case.rules);
            let key = case.neighbour_key.unwrap_or(case.key);
            match judge(case.start, &case.neighbour, rules, key) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("the neighbour was refused: {error}")),
            }
        }
        (Expect { refuse: None, why: None, accept: Some(accepted) }, Ok(claims)) => check_claims(accepted, &claims),
        (Expect { refuse: Some(_), accept: None, .. }, Ok(_)) => Err("accepted".to_owned()),
        (Expect { refuse: None, accept: Some(_), .. }, Err(error)) => Err(format!("refused: {error}")),
        _ => Err("expects neither or both of `refuse` and `accept`".to_owned()),
    }
}

fn check_claims(expected: &Accepted, claims: &Verified<Claims>) -> Result<(), String> {
    fn same<T: PartialEq + std::fmt::Debug>(name: &str, expected: &Option<T>, got: T) -> Result<(), String> {
        match expected {
            Some(expected) if *expected != got => Err(format!("{name} is {got:?}, not {expected:?}")),
            _ => Ok(()),
        }
    }
    let principal = claims.principal();
    let org = principal.org.clone().unwrap_or_default();
    same("org", &expected.org, org.id)?;
    same("no-org", &expected.no_org, principal.org.is_none())?;
    same("slug", &expected.slug, org.slug.unwrap_or_default())?;
    same("no-role", &expected.no_role, org.role.is_none())?;
    same("role", &expected.role, org.role.unwrap_or_default())?;
    same("permissions", &expected.permissions, org.permissions)?;
    same("features", &expected.features, principal.features.clone())?;
    same("plans", &expected.plans, principal.plans.clone())?;
    same("ambiguous", &expected.ambiguous, claims.permissions_ambiguous)?;
    same("overflow", &expected.overflow, claims.permissions_overflow)?;
    same("has-actor", &expected.has_actor, principal.actor.is_some())?;
    same("expires-in", &expected.expires_in, claims.expires_at.as_millis() / 1000 - NOW)
}

fn judge(start: Start, changes: &[Change], rules: &RuleChanges, key: KeyForm) -> Result<Verified<Claims>, VerifyError> {
    let mut draft = match start {
        Start::SessionV1 => Draft::session_v1(),
        Start::SessionV2 => Draft::session_v2(),
    };
    for change in changes {
        change.apply(&mut draft);
    }
    let token = draft.token();
    let unverified = Unverified::parse(&token)?;
    let key = key.key(unverified.key_id())?;
    unverified.verify(&key, &rules.rules(), draft.now)
}

impl Change {
    fn apply(&self, draft: &mut Draft) {
        match self {
            Self::Set(members) => members.iter().for_each(|(name, value)| draft.set_payload(name, &value.to_string())),
            Self::SetJson(members) => members.iter().for_each(|(name, json)| draft.set_payload(name, json)),
            Self::SetTime(members) => {
                members.iter().for_each(|(name, offset)| draft.set_payload(name, &(NOW + offset).to_string()));
            }
            Self::SetOrg(members) => {
                change_org(draft, |org| org.extend(members.iter().map(|(name, value)| (name.clone(), value.clone()))));
            }
            Self::RemoveOrg(names) => change_org(draft, |org| org.retain(|name, _| !names.contains(name))),
            Self::Remove(names) => draft.payload.retain(|(name, _)| !names.contains(name)),
            Self::Repeat(members) => draft.payload.extend(members.clone()),
            Self::SetHeader(members) => {
                members.iter().for_each(|(name, value)| draft.set_header(name, &value.to_string()));
            }
            Self::SetHeaderJson(members) => members.iter().for_each(|(name, json)| draft.set_header(name, json)),
            Self::RemoveHeader(names) => draft.header.retain(|(name, _)| !names.contains(name)),
            Self::RepeatHeader(members) => draft.header.extend(members.clone()),
            Self::HeaderText(text) => draft.header_text = Some(text.clone()),
            Self::PayloadText(text) => draft.payload_text = Some(text.clone()),
            Self::Layout(layout) => draft.layout.clone_from(layout),
            Self::LongClaim(length) => draft.set_payload("padding", &format!("\"{}\"", "x".repeat(*length))),
            Self::LongKeyId(length) => draft.set_header("kid", &format!("\"{}\"", "k".repeat(*length))),
            Self::NestedClaim(depth) => {
                draft.set_payload("nested", &format!("{}{}", "[".repeat(*depth), "]".repeat(*depth)));
            }
            Self::Sign(algorithm) => draft.algorithm = *algorithm,
            Self::Alphabet(alphabet) => draft.alphabet = *alphabet,
            Self::Clock(millis) => draft.now = Timestamp::from_millis(NOW * 1000 + millis),
            Self::OtherSigner => draft.other_signer = true,
            Self::StrayBits => draft.stray_bits = true,
        }
    }
}

fn change_org(draft: &mut Draft, change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) {
    let (_, json) = draft.payload.iter().find(|(name, _)| name == "o").unwrap();
    let mut org: serde_json::Map<_, _> = serde_json::from_str(json).unwrap();
    change(&mut org);
    draft.set_payload("o", &serde_json::Value::Object(org).to_string());
}

impl RuleChanges {
    fn rules(&self) -> Rules {
        let strings = |list: &Option<Vec<String>>, default: &str| list.clone().unwrap_or(vec![default.to_owned()]);
        let parties = if self.any_party {
            AuthorizedParties::dangerous_any()
        } else {
            AuthorizedParties::list(strings(&self.parties, PARTY)).unwrap()
        };
        let mut rules = Rules::new(strings(&self.issuers, ISSUER), parties).unwrap();
        if let Some(audiences) = &self.audiences {
            rules = rules.with_audiences(audiences.clone()).unwrap();
        }
        if let Some(millis) = self.leeway_millis {
            rules = rules.with_leeway(Duration::from_millis(millis)).unwrap();
        }
        if self.session_id_required {
            rules = rules.with_session_id_required();
        }
        if self.accept_missing_azp {
            rules = rules.dangerous_accept_missing_azp();
        }
        if self.accept_pending {
            rules = rules.dangerous_accept_pending();
        }
        rules
    }
}

impl KeyForm {
    fn key(self, key_id: &str) -> Result<Key, VerifyError> {
        let pem = || MAIN.pem();
        let body = || pem().lines().filter(|line| !line.starts_with('-')).collect::<String>();
        let pem = match self {
            Self::Jwk => return Ok(MAIN.public_key()),
            Self::JwkOfAnotherId => return Ok(Key::from_jwk(jwk("ins_another").to_string().as_bytes()).unwrap()),
            Self::Set => return set(&[jwk("ins_another"), jwk(KEY_ID)]).find(key_id).cloned(),
            Self::SetWithoutIt => return set(&[jwk("ins_another")]).find(key_id).cloned(),
            Self::Pem => pem(),
            Self::PemCrlf => pem().replace('\n', "\r\n"),
            Self::PemEscaped => pem().replace('\n', "\\n"),
            Self::PemSpaces => pem().replace('\n', " "),
            Self::PemBody => body(),
        };
        Ok(Key::from_pem(&pem).unwrap())
    }
}

fn jwk(key_id: &str) -> serde_json::Value {
    MAIN.jwk(key_id)
}

fn set(keys: &[serde_json::Value]) -> KeySet {
    KeySet::from_json(serde_json::json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}
