//! The one function that answers every request.

use crate::policy::{Access, Bind, BindSource};
use crate::principal::Principal;

/// What a guard asks, free of where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    /// Who may pass.
    pub access: &'a Access,
    /// Parameters that must equal a claim.
    pub bind: &'a [Bind],
    /// Whether a refusal hides the resource.
    pub hide: bool,
}

/// Who is asking, as far as verification got.
#[derive(Debug, Clone, Copy)]
pub enum Caller<'a> {
    /// No credentials were sent.
    Stranger,
    /// Credentials were sent and refused, for this reason.
    Refused(&'a str),
    /// Credentials were sent, and the keys to judge them could not be had.
    Unjudged,
    /// A verified session.
    SignedIn(&'a Principal),
}

/// The answer. Exhaustive on purpose: a new outcome must stop callers from compiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Go on to the handler.
    Allow,
    /// 401: no identity, or a bad one, with Clerk's reason code.
    Unauthenticated(&'a str),
    /// 403: the wrong identity.
    Forbidden,
    /// 404: the wrong identity, and the resource is nobody's business.
    NotFound,
    /// 503: nobody can tell now.
    Unavailable,
}

impl Decision<'_> {
    /// The HTTP status, `None` for [`Decision::Allow`].
    #[must_use]
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Allow => None,
            Self::Unauthenticated(_) => Some(401),
            Self::Forbidden => Some(403),
            Self::NotFound => Some(404),
            Self::Unavailable => Some(503),
        }
    }
}

/// Reason code for a request without credentials.
pub const MISSING_TOKEN: &str = "session-token-missing";

/// Decides one request. `param` gives the decoded value of a path parameter.
///
/// A webhook demand is never met by a session: its guard verifies a signature instead and does not come here, so
/// it is refused.
///
/// ```
/// use doorward::decide::{Caller, Decision, Demand, decide};
/// use doorward::policy::Access;
///
/// let demand = Demand { access: &Access::SignedIn, bind: &[], hide: false };
/// let stranger = decide(demand, Caller::Stranger, |_| None);
/// assert_eq!(stranger.status(), Some(401));
/// ```
#[must_use]
pub fn decide<'a, 'p>(demand: Demand<'_>, caller: Caller<'a>, param: impl Fn(&str) -> Option<&'p str>) -> Decision<'a> {
    let principal = match (demand.access, caller) {
        (Access::Public, _) | (Access::Optional, Caller::Stranger) => return Decision::Allow,
        (_, Caller::Unjudged) => return Decision::Unavailable,
        (_, Caller::Stranger) => return Decision::Unauthenticated(MISSING_TOKEN),
        (_, Caller::Refused(reason)) => return Decision::Unauthenticated(reason),
        (_, Caller::SignedIn(principal)) => principal,
    };
    if meets(demand.access, principal) && demand.bind.iter().all(|bind| is_bound(bind, principal, &param)) {
        Decision::Allow
    } else if demand.hide {
        Decision::NotFound
    } else {
        Decision::Forbidden
    }
}

fn meets(access: &Access, principal: &Principal) -> bool {
    match access {
        Access::Public | Access::Optional | Access::SignedIn => true,
        Access::Webhook => false,
        Access::Role(role) => principal.has_role(role),
        Access::Permission(permission) => principal.has_permission(permission),
        Access::Feature(feature) => principal.has_feature(feature),
        Access::Plan(plan) => principal.has_plan(plan),
        Access::Any(of) => of.iter().any(|access| meets(access, principal)),
        // An empty `all` would admit everybody; the constructor refuses it, and so does this.
        Access::All(of) => !of.is_empty() && of.iter().all(|access| meets(access, principal)),
    }
}

fn is_bound<'p>(bind: &Bind, principal: &Principal, param: &impl Fn(&str) -> Option<&'p str>) -> bool {
    let BindSource::Param(name) = &bind.source;
    let claim = match bind.claim.as_str() {
        "org_id" => principal.org.as_ref().map(|org| org.id.as_str()),
        "org_slug" => principal.org.as_ref().and_then(|org| org.slug.as_deref()),
        "user_id" => Some(principal.user_id.as_str()),
        _ => None,
    };
    // Absent is not equal: two missing values must not match each other.
    matches!((claim, param(name)), (Some(claim), Some(value)) if !claim.is_empty() && claim == value)
}
