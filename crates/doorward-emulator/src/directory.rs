//! Users, organizations and memberships, made from personas.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use doorward::policy::{Access, Persona, Policy};
use doorward::principal::{Organization, Principal, with_org_prefix};

use crate::instance::{KeyError, alphanumeric};

/// The organization of the personas that come with doorward.
pub(crate) const HOME: &str = "acme";
/// The other organization, whose members must not reach into the first.
pub(crate) const AWAY: &str = "globex";

/// The personas that exist without a policy: `member` and `admin` of one organization, `outsider` of another, and
/// `personal` without any.
#[must_use]
pub fn default_personas() -> Vec<Persona> {
    let of = |name: &str, org: Option<&str>, role: Option<&str>| Persona {
        name: name.into(),
        org: org.map(Into::into),
        role: role.map(Into::into),
        ..Persona::default()
    };
    vec![
        of("member", Some(HOME), Some("org:member")),
        of("admin", Some(HOME), Some("org:admin")),
        of("outsider", Some(AWAY), Some("org:member")),
        of("personal", None, None),
    ]
}

/// Every access requirement that a policy's rules use, once each.
#[must_use]
pub fn accesses_in(policy: &Policy) -> Vec<Access> {
    let mut seen: Vec<Access> = Vec::new();
    for rule in &policy.rules {
        if rule.access.needs_session() && !seen.contains(&rule.access) {
            seen.push(rule.access.clone());
        }
    }
    seen
}

/// A persona that meets an access requirement, named after it: `with-org-billing-manage`.
///
/// `None` where no session meets it: a webhook, or two different roles at once.
#[must_use]
pub fn persona_for(access: &Access) -> Option<Persona> {
    let mut persona = Persona { org: Some(HOME.into()), ..Persona::default() };
    let mut names = Vec::new();
    grant(access, &mut persona, &mut names)?;
    if persona.role.is_none() {
        persona.role = Some("org:member".into());
    }
    persona.name = match names.as_slice() {
        [] => "member".into(),
        names => format!("with-{}", names.join("-and-")),
    };
    Some(persona)
}

fn grant(access: &Access, persona: &mut Persona, names: &mut Vec<String>) -> Option<()> {
    match access {
        Access::Public | Access::Optional | Access::SignedIn => return Some(()),
        Access::Role(role) => match &persona.role {
            Some(held) if held != role => return None,
            _ => persona.role = Some(role.clone()),
        },
        Access::Permission(permission) => persona.permissions.push(permission.clone()),
        Access::Feature(feature) => persona.features.push(scoped(feature)),
        Access::Plan(plan) => persona.plans.push(scoped(plan)),
        Access::Any(of) => {
            return of.iter().find_map(|access| {
                let (mut tried, mut called) = (persona.clone(), names.clone());
                grant(access, &mut tried, &mut called)?;
                (*persona, *names) = (tried, called);
                Some(())
            });
        }
        Access::All(of) => return of.iter().try_for_each(|access| grant(access, persona, names)),
        // Webhooks have no session, and a requirement added later must not be granted by accident.
        _ => return None,
    }
    if let Access::Role(name) | Access::Permission(name) | Access::Feature(name) | Access::Plan(name) = access {
        names.push(name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    }
    Some(())
}

/// A feature or plan with the short scope that tokens use.
fn scoped(name: &str) -> String {
    match name.split_once(':') {
        Some(("org" | "organization", bare)) => format!("o:{bare}"),
        Some(("user", bare)) => format!("u:{bare}"),
        Some(_) => name.to_owned(),
        None => format!("o:{name}"),
    }
}

/// A persona with the ids it has in one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The persona.
    pub persona: Persona,
    /// `user_…`.
    pub user_id: String,
    /// `sess_…`.
    pub session_id: String,
    /// Its active organization.
    pub membership: Option<Membership>,
}

/// A place in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// `org_…`.
    pub org_id: String,
    /// The slug.
    pub org_slug: String,
    /// The role, with its `org:`.
    pub role: String,
}

impl Identity {
    /// Who a correct server takes this identity for.
    #[must_use]
    pub fn principal(&self) -> Principal {
        let org = self.membership.as_ref().map(|membership| Organization {
            id: membership.org_id.clone(),
            slug: Some(membership.org_slug.clone()),
            role: Some(membership.role.clone()),
            permissions: self.persona.permissions.iter().map(|name| with_org_prefix(name)).collect(),
        });
        Principal {
            user_id: self.user_id.clone(),
            session_id: Some(self.session_id.clone()),
            org,
            features: self.persona.features.clone(),
            plans: self.persona.plans.clone(),
            ..Principal::default()
        }
    }
}

/// The users and organizations of an instance.
///
/// Ids are a function of the instance and the name, so nothing has to be stored to find them again.
#[derive(Debug, Clone)]
pub struct Directory {
    seed: hmac::Key,
    personas: BTreeMap<String, Persona>,
}

impl Directory {
    /// A directory with the default personas.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError("read randomness"))?;
        let mut directory = Self { seed: hmac::Key::new(hmac::HMAC_SHA512, &bytes), personas: BTreeMap::new() };
        default_personas().into_iter().for_each(|persona| directory.enroll(persona));
        Ok(directory)
    }

    /// Adds a persona, or replaces the one with its name.
    pub fn enroll(&mut self, persona: Persona) {
        self.personas.insert(persona.name.clone(), persona);
    }

    /// The persona with this name.
    #[must_use]
    pub fn persona(&self, name: &str) -> Option<&Persona> {
        self.personas.get(name)
    }

    /// Every persona, by name.
    pub fn personas(&self) -> impl Iterator<Item = &Persona> {
        self.personas.values()
    }

    /// Every identity, by name.
    pub fn identities(&self) -> impl Iterator<Item = Identity> {
        self.personas.values().map(|persona| self.identity(persona))
    }

    /// The slugs of every organization that a persona is in.
    #[must_use]
    pub fn organizations(&self) -> Vec<String> {
        let mut slugs: Vec<String> = self.personas.values().filter_map(|persona| persona.org.clone()).collect();
        slugs.extend([HOME.to_owned(), AWAY.to_owned()]);
        slugs.sort_unstable();
        slugs.dedup();
        slugs
    }

    /// The persona with its ids, whether it is enrolled or not.
    #[must_use]
    pub fn identity(&self, persona: &Persona) -> Identity {
        Identity {
            user_id: self.id("user", &persona.name),
            session_id: self.id("sess", &persona.name),
            membership: persona.org.as_ref().map(|slug| Membership {
                org_id: self.organization_id(slug),
                org_slug: slug.clone(),
                role: with_org_prefix(persona.role.as_deref().unwrap_or("member")),
            }),
            persona: persona.clone(),
        }
    }

    /// The id of the organization with this slug.
    #[must_use]
    pub fn organization_id(&self, slug: &str) -> String {
        self.id("org", slug)
    }

    /// The text of a token that is no JWT: a prefix and 43 letters and digits.
    pub(crate) fn opaque(&self, prefix: &str, name: &str) -> String {
        let tag = hmac::sign(&self.seed, format!("opaque {prefix}:{name}").as_bytes());
        format!("{prefix}_{}", alphanumeric(tag.as_ref().iter().copied(), 43))
    }

    /// A stable id: a prefix and 27 letters and digits.
    pub(crate) fn id(&self, kind: &str, name: &str) -> String {
        let tag = hmac::sign(&self.seed, format!("{kind}:{name}").as_bytes());
        format!("{kind}_{}", alphanumeric(tag.as_ref().iter().copied(), 27))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward::decide::{Caller, Demand, decide};

    fn admits(access: &Access, persona: &Persona) -> bool {
        let principal = Directory::generate().unwrap().identity(persona).principal();
        let demand = Demand { access, bind: &[], hide: false };
        decide(demand, Caller::SignedIn(&principal), |_| None).status().is_none()
    }

    #[test]
    fn a_persona_made_for_an_access_meets_it() {
        let role = Access::role("admin").unwrap();
        let permission = Access::permission("billing:manage").unwrap();
        let feature = Access::feature("user:reports").unwrap();
        let plan = Access::plan("pro").unwrap();
        let both = Access::all(vec![role.clone(), permission.clone()]).unwrap();
        let either = Access::any(vec![feature.clone(), plan.clone()]).unwrap();
        for access in [Access::SignedIn, role, permission, feature, plan, both, either] {
            assert!(admits(&access, &persona_for(&access).unwrap()), "{access}");
        }
    }

    #[test]
    fn nobody_holds_two_roles_or_a_webhook() {
        let roles = ["admin", "member"].map(|name| Access::role(name).unwrap());
        assert_eq!(persona_for(&Access::all(roles.to_vec()).unwrap()), None);
        assert_eq!(persona_for(&Access::Webhook), None);
    }

    #[test]
    fn ids_are_stable_in_an_instance_and_differ_between_instances() {
        let (ours, theirs) = (Directory::generate().unwrap(), Directory::generate().unwrap());
        let member = ours.persona("member").unwrap();
        let id = ours.identity(member).user_id;
        assert_eq!(id, ours.identity(member).user_id);
        assert_ne!(id, theirs.identity(member).user_id);
        assert!(id.len() == 32 && id.starts_with("user_"), "{id}");
    }
}
