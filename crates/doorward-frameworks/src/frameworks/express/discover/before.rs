//! What runs before a route.

use doorward::inventory::{GuardState, Method};
use doorward::path::{PathTemplate, Segment};

use super::host::{Layer, LayerKind};
use crate::js::eval::Branch;
use crate::js::guards::Verdict;
use crate::js::value::Place;

/// A middleware that runs before what follows it.
#[derive(Debug, Clone)]
pub(super) struct Before {
    pub(super) prefix: PathTemplate,
    /// Only the path itself, not what is below it.
    pub(super) exact: bool,
    /// A catch-all at the end of its path may be empty.
    pub(super) bare: bool,
    pub(super) method: Option<String>,
    pub(super) name: String,
    pub(super) verdict: Verdict,
    pub(super) branch: Branch,
    pub(super) place: Place,
    /// Where in `Reader::guards` it is counted.
    pub(super) guard: Option<usize>,
}

/// Whether something that guards runs before every request to `target`.
pub(super) fn sheltered(chain: &[Before], branches: &[Branch], layer: &Layer, target: &PathTemplate) -> bool {
    chain.iter().any(|it| {
        it.verdict.state == GuardState::Guarded
            && it.method.as_deref().is_none_or(|it| it == Method::ALL)
            && it.covers(target, layer.kind == LayerKind::Use)
            && branches.iter().chain([&layer.site.branch]).any(|branch| branch.starts_with(&it.branch))
    })
}

impl Before {
    pub(super) fn covers(&self, route: &PathTemplate, maybe_bare: bool) -> bool {
        covers(&self.prefix, self.exact, self.bare, route, maybe_bare)
    }
}

/// Whether a middleware at `before` runs for every request that `route` takes. `bare`: a catch-all at its end may be
/// empty; `maybe_bare`: one at the end of `route` may.
pub(super) fn covers(before: &PathTemplate, exact: bool, bare: bool, route: &PathTemplate, maybe_bare: bool) -> bool {
    let (ours, theirs) = (before.segments(), route.segments());
    for (at, segment) in ours.iter().enumerate() {
        let hit = match (segment, theirs.get(at)) {
            (Segment::CatchAll(_), Some(Segment::CatchAll(_))) => return bare || !maybe_bare,
            (Segment::CatchAll(_), theirs) => return bare || theirs.is_some(),
            (_, None) => false,
            (Segment::Literal(one), Some(Segment::Literal(two))) => one.eq_ignore_ascii_case(two),
            (Segment::Param { prefix, suffix, .. }, Some(Segment::Literal(_) | Segment::Param { .. })) => {
                prefix.is_empty() && suffix.is_empty() || Some(segment) == theirs.get(at)
            }
            _ => false,
        };
        if !hit {
            return false;
        }
    }
    !exact || ours.len() == theirs.len()
}
