//! Whether something answers 404 and nothing else.

use crate::rs::ir::{Closure, Expr, ExprKind, StatementKind};
use crate::rs::program::{Def, FnRef, Program};

/// Whether a function answers 404 and nothing else.
pub(crate) fn only_not_found(program: &Program, function: &FnRef) -> bool {
    let mut not_found = false;
    let mut other = false;
    for path in &function.function.paths {
        let last = path.last();
        if matches!(last, "NOT_FOUND" | "NotFound" | "not_found" | "ErrorNotFound") {
            not_found = true;
        } else if matches!(last, "OK" | "Ok" | "CREATED" | "Html" | "NamedFile" | "Redirect" | "ServeDir" | "ServeFile")
            && !matches!(program.path(function.scope, path, None), Def::Missing if last == "Ok")
        {
            other = true;
        }
    }
    not_found && !other
}

/// Whether a closure answers 404 and nothing else.
pub(crate) fn closure_only_not_found(closure: &Closure) -> bool {
    fn names(expr: &Expr, depth: usize) -> bool {
        let all = |all: &[Expr]| all.iter().any(|it| names(it, depth + 1));
        depth < 32
            && match &expr.kind {
                ExprKind::Path(path) => path.last() == "NOT_FOUND",
                ExprKind::Tuple(parts) => all(parts),
                ExprKind::Same(inner) | ExprKind::Await(inner) => names(inner, depth + 1),
                ExprKind::Method(receiver, ..) => names(receiver, depth + 1),
                ExprKind::Call(_, args) => all(args),
                ExprKind::Block(block) => match block.statements.last().map(|it| &it.kind) {
                    Some(StatementKind::Expr(last, false)) => names(last, depth + 1),
                    _ => false,
                },
                _ => false,
            }
    }
    names(&closure.body, 0)
}
