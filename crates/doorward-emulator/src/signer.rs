//! Minting: the tokens Clerk would issue.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use doorward::policy::Persona;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::directory::{Directory, Identity};
use crate::forge::{Draft, Forge, ForgeError};
use crate::instance::{Instance, KeyError, random_text};
use crate::webhook::WebhookSecret;

/// What a token is for. Clerk signs all of these with the same key, so only their contents tell them apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenClass {
    /// A session token, version 2.
    #[default]
    Session,
    /// A session token of the older version, with flat organization claims.
    SessionV1,
    /// A token made from a JWT template: it names a user, and no session.
    Template,
    /// A machine's token.
    M2m,
    /// An OAuth access token.
    #[serde(rename = "oauth")]
    OAuth,
    /// A perfect session token of somebody else's instance.
    OtherInstance,
    /// An API key that the user made; not a JWT, so the backend has to be asked about it.
    ApiKey,
    /// A machine's token that is not a JWT.
    OpaqueM2m,
    /// An OAuth access token that is not a JWT.
    OpaqueOauth,
}

impl TokenClass {
    /// What tokens of this class begin with, if they are no JWTs.
    pub(crate) fn opaque_prefix(self) -> Option<&'static str> {
        match self {
            Self::ApiKey => Some("ak"),
            Self::OpaqueM2m => Some("mt"),
            Self::OpaqueOauth => Some("oat"),
            _ => None,
        }
    }
}

const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";
const TEMPLATE_CATEGORY: &str = "cl_B7d4PD222AAA";
const MACHINE_CATEGORY: &str = "cl_B7d4PD333AAA";

/// The party of tokens when the policy names none.
pub(crate) const DEFAULT_PARTY: &str = "http://localhost:3000";

const LIFETIME: i64 = 60;
const BACKDATED: i64 = 10;

/// Why a token could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// No key, no randomness, no signature.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A step of the forgery does not fit the token.
    #[error(transparent)]
    Forge(#[from] ForgeError),
}

/// A token to forge: where to start and what to change.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgeRequest {
    /// The kind of token to start from.
    #[serde(default)]
    pub start: TokenClass,
    /// The changes, in order.
    #[serde(default)]
    pub forge: Vec<Forge>,
}

/// An instance that signs, its directory, and a second instance to impersonate it.
pub struct Signer {
    pub(crate) instance: Instance,
    pub(crate) other: Instance,
    directory: RwLock<Directory>,
    issuer: String,
    parties: Vec<String>,
    webhook: WebhookSecret,
    foreign_webhook: WebhookSecret,
}

impl Signer {
    /// Makes an instance whose frontend API lives at `url`, which must be `http://host:port`. Without parties,
    /// tokens are for `http://localhost:3000`.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate(url: &str, authorized_parties: &[String]) -> Result<Self, KeyError> {
        let host = url.split_once("://").map_or(url, |(_, host)| host);
        let parties = match authorized_parties {
            [] => vec![DEFAULT_PARTY.to_owned()],
            parties => parties.to_vec(),
        };
        Ok(Self {
            instance: Instance::generate()?,
            other: Instance::generate()?,
            directory: RwLock::new(Directory::generate()?),
            issuer: format!("https://{host}"),
            parties,
            webhook: WebhookSecret::generate()?,
            foreign_webhook: WebhookSecret::generate()?,
        })
    }

    /// The instance.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// The `iss` of every token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The origins whose tokens are good, the default one first.
    #[must_use]
    pub fn authorized_parties(&self) -> &[String] {
        &self.parties
    }

    /// The secret that signs deliveries.
    #[must_use]
    pub fn webhook(&self) -> &WebhookSecret {
        &self.webhook
    }

    /// A secret that signs nobody's deliveries.
    #[must_use]
    pub fn foreign_webhook(&self) -> &WebhookSecret {
        &self.foreign_webhook
    }

    /// A copy of the directory as it is now.
    #[must_use]
    pub fn directory(&self) -> Directory {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds a persona, or replaces the one with its name.
    pub fn enroll(&self, persona: Persona) {
        self.directory.write().unwrap_or_else(PoisonError::into_inner).enroll(persona);
    }

    /// The enrolled persona with this name.
    #[must_use]
    pub fn persona(&self, name: &str) -> Option<Persona> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).persona(name).cloned()
    }

    /// The persona with its ids.
    #[must_use]
    pub fn identity(&self, persona: &Persona) -> Identity {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).identity(persona)
    }

    /// The id of the organization with this slug.
    #[must_use]
    pub fn organization_id(&self, slug: &str) -> String {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).organization_id(slug)
    }

    /// Mints a good token of this kind. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// If the signature can't be made.
    pub fn mint(&self, persona: &Persona, class: TokenClass, now: i64) -> Result<String, SignError> {
        self.forge(persona, class, &[], now)
    }

    /// Mints a token and changes it.
    ///
    /// # Errors
    /// If a step does not fit the token, or the signature can't be made.
    pub fn forge(&self, persona: &Persona, class: TokenClass, steps: &[Forge], now: i64) -> Result<String, SignError> {
        let identity = self.identity(persona);
        if let Some(prefix) = class.opaque_prefix() {
            return match steps {
                [] => Ok(self.directory().opaque(prefix, &persona.name)),
                _ => Err(ForgeError::Impossible("a token that is no JWT has nothing to change").into()),
            };
        }
        let mut draft = self.draft(&identity, class, now)?;
        for step in steps {
            draft.apply(step)?;
        }
        Ok(draft.finish()?)
    }

    /// The unsigned token.
    fn draft(&self, identity: &Identity, class: TokenClass, now: i64) -> Result<Draft<'_>, KeyError> {
        let instance = if class == TokenClass::OtherInstance { &self.other } else { &self.instance };
        let mut header = Map::from_iter([
            ("alg".to_owned(), json!("RS256")),
            ("kid".to_owned(), json!(instance.id())),
            ("typ".to_owned(), json!(if class == TokenClass::OAuth { "at+jwt" } else { "JWT" })),
        ]);
        let category = match class {
            TokenClass::Session | TokenClass::SessionV1 | TokenClass::OtherInstance => Some(SESSION_CATEGORY),
            TokenClass::Template => Some(TEMPLATE_CATEGORY),
            TokenClass::M2m => Some(MACHINE_CATEGORY),
            _ => None,
        };
        header.extend(category.map(|category| ("cat".to_owned(), json!(category))));

        let mut payload = Map::from_iter([
            ("exp".to_owned(), json!(now.saturating_add(LIFETIME))),
            ("iat".to_owned(), json!(now)),
            ("iss".to_owned(), json!(self.issuer)),
            ("jti".to_owned(), json!(random_text(20)?)),
            ("nbf".to_owned(), json!(now.saturating_sub(BACKDATED))),
            ("sub".to_owned(), json!(identity.user_id)),
        ]);
        match class {
            TokenClass::Session | TokenClass::OtherInstance => {
                payload.extend(self.session(identity));
                payload.extend(version_two(identity));
            }
            TokenClass::SessionV1 => {
                payload.extend(self.session(identity));
                payload.extend(version_one(identity));
            }
            TokenClass::Template => payload.extend([("azp".to_owned(), json!(self.parties.first()))]),
            TokenClass::M2m => {
                let machine = |name: &str| format!("mch_{}", identity.user_id.trim_start_matches(name));
                payload.extend([
                    ("sub".to_owned(), json!(machine("user_"))),
                    ("scopes".to_owned(), json!(machine("user_"))),
                ]);
            }
            TokenClass::OAuth => payload.extend([
                ("client_id".to_owned(), json!(random_text(16)?)),
                ("scope".to_owned(), json!("openid profile email")),
            ]),
            TokenClass::ApiKey | TokenClass::OpaqueM2m | TokenClass::OpaqueOauth => {}
        }
        Ok(Draft::new(self, instance, header, payload, now))
    }

    fn session(&self, identity: &Identity) -> [(String, Value); 3] {
        [
            ("azp".to_owned(), json!(self.parties.first())),
            ("sid".to_owned(), json!(identity.session_id)),
            ("sts".to_owned(), json!("active")),
        ]
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("instance", &self.instance).finish_non_exhaustive()
    }
}

/// The claims that only version 2 has.
fn version_two(identity: &Identity) -> Map<String, Value> {
    let persona = &identity.persona;
    let mut claims = Map::from_iter([("v".to_owned(), json!(2)), ("fva".to_owned(), json!([0, -1]))]);
    // SDKs disagree on whether a mask belongs to a place in all features or only in the organization's. They agree
    // when the organization's come first.
    let (mut features, users): (Vec<String>, Vec<String>) =
        persona.features.iter().cloned().partition(|feature| !feature.starts_with("u:"));
    let granted: Vec<(String, &str)> = persona
        .permissions
        .iter()
        .filter_map(|name| name.trim_start_matches("org:").rsplit_once(':'))
        .map(|(feature, action)| (format!("o:{feature}"), action))
        .collect();
    for (feature, _) in &granted {
        if !features.contains(feature) {
            features.push(feature.clone());
        }
    }
    let mut actions: Vec<&str> = Vec::new();
    for (_, action) in &granted {
        if !actions.contains(action) {
            actions.push(action);
        }
    }
    features.extend(users);
    let mask = |feature: &String| {
        let held = |action: &str| granted.iter().any(|(of, named)| of == feature && *named == action);
        let bits = actions.iter().zip(0u32..).filter(|(action, _)| held(action));
        bits.fold(0u128, |mask, (_, bit)| mask | 1u128.checked_shl(bit).unwrap_or(0)).to_string()
    };
    if let Some(membership) = &identity.membership {
        let role = membership.role.strip_prefix("org:").unwrap_or(&membership.role);
        let mut organization = Map::from_iter([
            ("id".to_owned(), json!(membership.org_id)),
            ("slg".to_owned(), json!(membership.org_slug)),
            ("rol".to_owned(), json!(role)),
        ]);
        if !actions.is_empty() {
            let masks: Vec<String> = features.iter().map(mask).collect();
            organization.insert("per".into(), json!(actions.join(",")));
            organization.insert("fpm".into(), json!(masks.join(",")));
        }
        claims.insert("o".into(), Value::Object(organization));
    }
    if !features.is_empty() {
        claims.insert("fea".into(), json!(features.join(",")));
    }
    if !persona.plans.is_empty() {
        claims.insert("pla".into(), json!(persona.plans.join(",")));
    }
    claims
}

/// The claims that only version 1 has.
fn version_one(identity: &Identity) -> Map<String, Value> {
    let Some(membership) = &identity.membership else { return Map::new() };
    Map::from_iter([
        ("org_id".to_owned(), json!(membership.org_id)),
        ("org_slug".to_owned(), json!(membership.org_slug)),
        ("org_role".to_owned(), json!(membership.role)),
        ("org_permissions".to_owned(), json!(identity.principal().org.map(|org| org.permissions))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::from_base64url;

    const NOW: i64 = 1_700_000_000;

    fn parts(token: &str) -> (String, String) {
        let text = |part: &str| String::from_utf8(from_base64url(part).unwrap()).unwrap();
        let mut split = token.split('.');
        (text(split.next().unwrap()), text(split.next().unwrap()))
    }

    fn signer() -> Signer {
        Signer::generate("http://127.0.0.1:4000", &["https://app.example.com".into()]).unwrap()
    }

    #[test]
    fn a_session_token_has_clerks_members_in_clerks_order() {
        let signer = signer();
        let persona = Persona {
            name: "billing".into(),
            org: Some("acme".into()),
            permissions: vec!["org:billing:manage".into(), "org:invoices:read".into()],
            features: vec!["u:beta".into()],
            ..Persona::default()
        };
        let (header, payload) = parts(&signer.mint(&persona, TokenClass::Session, NOW).unwrap());
        let kid = signer.instance().id();
        assert_eq!(header, format!(r#"{{"alg":"RS256","cat":"{SESSION_CATEGORY}","kid":"{kid}","typ":"JWT"}}"#));
        let Identity { user_id, session_id, membership, .. } = signer.identity(&persona);
        let org = membership.unwrap().org_id;
        let claims: Value = serde_json::from_str(&payload).unwrap();
        let jti = claims.get("jti").unwrap().as_str().unwrap();
        assert_eq!(
            payload,
            format!(
                r#"{{"azp":"https://app.example.com","exp":1700000060,"fea":"o:billing,o:invoices,u:beta","fva":[0,-1],"iat":1700000000,"iss":"https://127.0.0.1:4000","jti":"{jti}","nbf":1699999990,"o":{{"fpm":"1,2,0","id":"{org}","per":"manage,read","rol":"member","slg":"acme"}},"sid":"{session_id}","sts":"active","sub":"{user_id}","v":2}}"#
            )
        );
    }

    #[test]
    fn the_older_version_keeps_its_organization_flat() {
        let signer = signer();
        let admin = signer.persona("admin").unwrap();
        let (_, payload) = parts(&signer.mint(&admin, TokenClass::SessionV1, NOW).unwrap());
        assert!(payload.contains(r#""org_role":"org:admin""#), "{payload}");
        assert!(!payload.contains(r#""v":"#) && !payload.contains(r#""o":"#), "{payload}");
    }

    #[test]
    fn classes_differ_where_a_verifier_can_see_it() {
        let signer = signer();
        let member = signer.persona("member").unwrap();
        let of = |class| parts(&signer.mint(&member, class, NOW).unwrap());
        assert!(of(TokenClass::Template).0.contains(TEMPLATE_CATEGORY));
        assert!(!of(TokenClass::Template).1.contains("\"sid\""));
        assert!(of(TokenClass::M2m).1.contains("\"sub\":\"mch_"));
        assert!(of(TokenClass::OAuth).0.contains("at+jwt"));
        assert!(of(TokenClass::OtherInstance).0.contains(signer.other.id()));
    }

    #[test]
    fn a_signer_prints_no_secret() {
        let signer = signer();
        assert!(!format!("{signer:?}").contains(signer.webhook().text().reveal()));
    }
}
