//! Who is calling, once a token has been verified.

use std::fmt;

use serde_json::{Map, Value};

/// An authenticated caller.
///
/// Roles and permissions are normalised to carry the `org:` prefix exactly once, whatever the token's version.
#[derive(Clone, PartialEq, Default)]
pub struct Principal {
    /// `sub`.
    pub user_id: String,
    /// `sid`, where the token has one.
    pub session_id: Option<String>,
    /// The active organization, if any.
    pub org: Option<Organization>,
    /// Features of the user's own plan and of the organization's, as `scope:feature`.
    pub features: Vec<String>,
    /// Plans, as `scope:plan`.
    pub plans: Vec<String>,
    /// `act`: somebody else is using this session.
    pub actor: Option<Value>,
    /// Every verified claim, for rules on metadata and for handlers.
    pub claims: Map<String, Value>,
}

/// The organization in which the caller acts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Organization {
    /// `org_…`.
    pub id: String,
    /// The slug, where the token has one.
    pub slug: Option<String>,
    /// `org:…`, where the token has one.
    pub role: Option<String>,
    /// `org:feature:action`, in the token's order.
    pub permissions: Vec<String>,
}

/// Collapses any run of leading `org:` to exactly one, as Clerk's `has()` does for roles.
///
/// ```
/// use doorward::principal::with_org_prefix;
/// assert_eq!(with_org_prefix("admin"), "org:admin");
/// assert_eq!(with_org_prefix("org:org:admin"), "org:admin");
/// ```
#[must_use]
pub fn with_org_prefix(name: &str) -> String {
    let mut bare = name;
    while let Some(rest) = bare.strip_prefix("org:") {
        bare = rest;
    }
    format!("org:{bare}")
}

/// Leaves out the claims, which may hold anything an application put there.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("user_id", &self.user_id)
            .field("session_id", &self.session_id)
            .field("org", &self.org)
            .field("features", &self.features)
            .field("plans", &self.plans)
            .finish_non_exhaustive()
    }
}

impl Principal {
    /// Whether the caller has this role in the active organization. Case-sensitive; the `org:` prefix is optional.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.org
            .as_ref()
            .and_then(|org| org.role.as_deref())
            .is_some_and(|held| !role.is_empty() && with_org_prefix(held) == with_org_prefix(role))
    }

    /// Whether the caller has this permission in the active organization. Exact, but for the optional `org:` of
    /// the asked side.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        let asked = with_org_prefix(permission);
        !permission.is_empty() && self.org.as_ref().is_some_and(|org| org.permissions.contains(&asked))
    }

    /// Whether a feature is in the caller's plan: `scope:feature`, or a bare name in any scope.
    #[must_use]
    pub fn has_feature(&self, feature: &str) -> bool {
        scoped(&self.features, feature)
    }

    /// Whether the caller or the organization is on a plan: `scope:plan`, or a bare name in any scope.
    #[must_use]
    pub fn has_plan(&self, plan: &str) -> bool {
        scoped(&self.plans, plan)
    }
}

fn scoped(held: &[String], asked: &str) -> bool {
    // Clerk's SDK splits on `:` and ignores what follows a second one.
    let mut parts = asked.split(':');
    let (scope, name) = match (parts.next(), parts.next()) {
        (Some("o" | "org" | "organization"), Some(name)) if !name.is_empty() => (Some('o'), name),
        (Some("u" | "user"), Some(name)) if !name.is_empty() => (Some('u'), name),
        (Some(name), None) if !name.is_empty() => (None, name),
        _ => return false,
    };
    held.iter().filter_map(|entry| entry.split_once(':')).any(|(scopes, held)| {
        held == name && matches!(scopes, "o" | "u" | "ou" | "uo") && scope.is_none_or(|scope| scopes.contains(scope))
    })
}
