//! Rules laid over an inventory.

use super::Rule;
use crate::diagnostic::Diagnostic;
use crate::inventory::RouteId;

/// The rule in force on a route.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective<'a> {
    /// The route.
    pub route: RouteId,
    /// The rule, `None` where no rule names the route: denied by default, and a finding.
    pub rule: Option<&'a Rule>,
}

/// A policy laid over one app's routes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resolution<'a> {
    /// One entry per route, in the inventory's order.
    pub routes: Vec<Effective<'a>>,
    /// Ties, stale rules, routes without a rule, bindings that name no parameter.
    pub findings: Vec<Diagnostic>,
}
