//! What a rule asks of a caller.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::principal::with_org_prefix;

/// What a caller must be to pass.
///
/// ```
/// use doorward::policy::Access;
/// let access = Access::permission("billing:manage").unwrap();
/// assert_eq!(access.to_string(), "permission org:billing:manage");
/// assert!(Access::permission("org:sys_memberships:manage").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Access {
    /// Anyone, for a stated reason.
    Public,
    /// Anyone; a valid token is read, a bad one is still refused.
    Optional,
    /// Any signed-in user.
    SignedIn,
    /// A signed delivery; no session.
    Webhook,
    /// A role in the active organization, `org:…`.
    Role(String),
    /// A permission in the active organization, `org:feature:action`.
    Permission(String),
    /// A feature of the caller's plan.
    Feature(String),
    /// A plan.
    Plan(String),
    /// One of these is enough. Never empty.
    Any(Vec<Access>),
    /// All of these. Never empty.
    All(Vec<Access>),
}

/// Why an access requirement can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// Clerk never puts system permissions into session tokens, so the rule would refuse everybody.
    #[error("`{0}` is a system permission, which is never in a session token")]
    SystemPermission(String),
    /// Not a name Clerk could issue.
    #[error("`{0}` is not {1}")]
    BadName(String, &'static str),
    /// `any` of nothing refuses all, `all` of nothing admits all: neither can be meant.
    #[error("`{0}` needs at least one requirement")]
    Empty(&'static str),
    /// `public` inside `any` or `all` makes the rest meaningless.
    #[error("`{0}` can't stand inside `any` or `all`")]
    Nested(&'static str),
}

impl Access {
    /// A role; `org:` is added where it is missing.
    ///
    /// # Errors
    /// [`AccessError::BadName`] if Clerk could not issue such a role.
    pub fn role(name: &str) -> Result<Self, AccessError> {
        let full = with_org_prefix(name);
        match full.strip_prefix("org:") {
            Some(bare) if is_name(bare) => Ok(Self::Role(full)),
            _ => Err(AccessError::BadName(name.to_owned(), "a role such as `org:admin`")),
        }
    }

    /// A permission; `org:` is added where it is missing.
    ///
    /// # Errors
    /// [`AccessError::SystemPermission`], [`AccessError::BadName`].
    pub fn permission(name: &str) -> Result<Self, AccessError> {
        let full = with_org_prefix(name);
        let bare = full.strip_prefix("org:").unwrap_or_default();
        if bare.starts_with("sys_") {
            return Err(AccessError::SystemPermission(full));
        }
        match bare.rsplit_once(':') {
            Some((feature, action)) if feature.split(':').all(is_name) && is_name(action) => Ok(Self::Permission(full)),
            _ => Err(AccessError::BadName(name.to_owned(), "a permission such as `org:invoices:read`")),
        }
    }

    /// A feature, bare or as `o:…`, `u:…`.
    ///
    /// # Errors
    /// [`AccessError::BadName`].
    pub fn feature(name: &str) -> Result<Self, AccessError> {
        scoped(name, "a feature such as `o:reports`").map(Self::Feature)
    }

    /// A plan, bare or as `o:…`, `u:…`.
    ///
    /// # Errors
    /// [`AccessError::BadName`].
    pub fn plan(name: &str) -> Result<Self, AccessError> {
        scoped(name, "a plan such as `o:pro`").map(Self::Plan)
    }

    /// Any of these.
    ///
    /// # Errors
    /// [`AccessError::Empty`], [`AccessError::Nested`].
    pub fn any(of: Vec<Self>) -> Result<Self, AccessError> {
        combined("any", of).map(Self::Any)
    }

    /// All of these.
    ///
    /// # Errors
    /// [`AccessError::Empty`], [`AccessError::Nested`].
    pub fn all(of: Vec<Self>) -> Result<Self, AccessError> {
        combined("all", of).map(Self::All)
    }

    /// Whether a caller without a token is let in.
    #[must_use]
    pub fn admits_strangers(&self) -> bool {
        matches!(self, Self::Public | Self::Optional)
    }

    /// Whether the caller must bring a verified session.
    #[must_use]
    pub fn needs_session(&self) -> bool {
        !matches!(self, Self::Public | Self::Optional | Self::Webhook)
    }

    /// Every role and permission named, outermost first.
    pub fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::Any(of) | Self::All(of) => of.iter().flat_map(Self::leaves).collect(),
            leaf => vec![leaf],
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn scoped(name: &str, what: &'static str) -> Result<String, AccessError> {
    let ok = match name.split_once(':') {
        Some((scope, bare)) => matches!(scope, "o" | "u" | "org" | "user" | "organization") && is_name(bare),
        None => is_name(name),
    };
    if ok { Ok(name.to_owned()) } else { Err(AccessError::BadName(name.to_owned(), what)) }
}

fn combined(which: &'static str, of: Vec<Access>) -> Result<Vec<Access>, AccessError> {
    if of.is_empty() {
        return Err(AccessError::Empty(which));
    }
    for access in &of {
        match access {
            Access::Public => return Err(AccessError::Nested("public")),
            Access::Optional => return Err(AccessError::Nested("optional")),
            Access::Webhook => return Err(AccessError::Nested("webhook")),
            _ => {}
        }
    }
    Ok(of)
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, of: &[Self], word: &str| {
            of.iter().enumerate().try_for_each(|(at, access)| {
                if at > 0 {
                    write!(f, " {word} ")?;
                }
                match access {
                    Self::Any(_) | Self::All(_) => write!(f, "({access})"),
                    leaf => write!(f, "{leaf}"),
                }
            })
        };
        match self {
            Self::Public => f.write_str("public"),
            Self::Optional => f.write_str("optional"),
            Self::SignedIn => f.write_str("signed-in"),
            Self::Webhook => f.write_str("webhook"),
            Self::Role(name) => write!(f, "role {name}"),
            Self::Permission(name) => write!(f, "permission {name}"),
            Self::Feature(name) => write!(f, "feature {name}"),
            Self::Plan(name) => write!(f, "plan {name}"),
            Self::Any(of) => list(f, of, "or"),
            Self::All(of) => list(f, of, "and"),
        }
    }
}

/// The claims of the caller that a binding may name.
pub const OWNER_CLAIMS: &[&str] = &["org_id", "org_slug", "user_id"];

/// A parameter of the request that must equal a claim of the caller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bind {
    /// Where the value comes from.
    pub source: BindSource,
    /// One of [`OWNER_CLAIMS`].
    pub claim: String,
}

/// Where a bound value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum BindSource {
    /// A path parameter: `param:orgId`.
    Param(String),
}

impl fmt::Display for BindSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Param(name) => write!(f, "param:{name}"),
        }
    }
}
