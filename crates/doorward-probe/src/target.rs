//! What is to be proved of one route.

use doorward::inventory::{Method, Route};
use doorward::policy::{Access, Bind, Rule};

/// A route and the rule in force on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The route.
    pub route: Route,
    /// Who may call it.
    pub access: Access,
    /// Parameters that must equal a claim of the caller.
    pub bind: Vec<Bind>,
    /// Whether a refusal hides the resource.
    pub hide: bool,
}

impl Target {
    /// The route under this rule. Without one it counts as signed-in, because the default is to deny.
    #[must_use]
    pub fn new(route: &Route, rule: Option<&Rule>) -> Self {
        Self {
            route: route.clone(),
            access: rule.map_or(Access::SignedIn, |rule| rule.access.clone()),
            bind: rule.map_or_else(Vec::new, |rule| rule.bind.clone()),
            hide: rule.is_some_and(|rule| rule.hide),
        }
    }

    /// Whether only an upgraded connection reaches it.
    pub(crate) fn is_websocket(&self) -> bool {
        self.route.method.as_str() == Method::WEBSOCKET
    }
}
