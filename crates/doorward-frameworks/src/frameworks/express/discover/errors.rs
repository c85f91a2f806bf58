//! Error handlers that let refused requests go on.
//!
//! A guard may refuse by passing an error on, or by throwing it. Express then goes to the next handler with four
//! parameters, and if that one calls `next()` without the error, the request goes on as if it had never been refused.

use doorward::diagnostic::Diagnostic;
use doorward::inventory::GuardState;
use doorward::path::PathTemplate;

use super::{Before, Reader};
use crate::js::guards::Verdict;
use crate::js::ir::{self, ExprKind};
use crate::js::value::{Place, Value};

/// Whether a handler of errors may pass a request on without its error.
pub(super) fn forgives(value: &Value) -> bool {
    let Value::Function(closure) = value else { return false };
    let Some(next) = closure.function.param_name(3).filter(|_| closure.function.arity >= 4) else { return false };
    let mut found = false;
    ir::visit(&closure.function.body, &mut |expr| {
        if let ExprKind::Call(callee, items) = &expr.kind
            && matches!(&callee.kind, ExprKind::Name(name) if **name == *next)
        {
            found |= match items.first().map(|it| &it.value.kind) {
                None | Some(ExprKind::Null) => true,
                Some(ExprKind::Name(name)) => &**name == "undefined",
                _ => false,
            };
        }
        !found
    });
    found
}

impl Reader<'_> {
    /// An error handler at `place` makes the refusals of `verdicts` undone.
    pub(super) fn forgive<'v>(&mut self, verdicts: impl Iterator<Item = &'v mut Verdict>, place: Place) {
        let mut undone = false;
        for verdict in verdicts.filter(|it| it.fails && it.state == GuardState::Guarded) {
            verdict.state = GuardState::Unsure;
            verdict.asks = None;
            undone = true;
        }
        if undone {
            let at = crate::js::packages::location(self.program, place);
            self.found.source.findings.push(
                Diagnostic::new("DW2147", "this error handler passes requests on that a guard has refused")
                    .at(at)
                    .help("answer, or pass the error on with `next(error)`"),
            );
        }
    }

    /// The same for the guards that were attached below `prefix` so far.
    pub(super) fn forgive_below(&mut self, chain: &mut [Before], prefix: &PathTemplate, place: Place) {
        let below = chain.iter_mut().filter(|it| it.prefix.segments().starts_with(prefix.segments()));
        self.forgive(below.map(|it| &mut it.verdict), place);
    }
}
