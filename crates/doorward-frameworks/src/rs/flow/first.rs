//! What a function calls in any case, and fails with.

use std::sync::Arc;

use super::refusal::falls_back;
use crate::rs::ir::{Expr, ExprKind, Path, StatementKind};
use crate::rs::program::FnRef;

/// The paths of the calls whose failure is certainly the failure of the function: `User::from_request(…).await?`, and
/// the same as its last value.
pub(crate) fn fails_with(function: &FnRef) -> Vec<Arc<Path>> {
    let mut all = Vec::new();
    if let Some(body) = &function.function.body {
        straight(body, true, &mut all, 0);
    }
    all
}

/// Goes along code that runs whatever happens.
fn straight(expr: &Expr, last: bool, all: &mut Vec<Arc<Path>>, depth: usize) {
    if depth > 32 {
        return;
    }
    match &expr.kind {
        ExprKind::Block(block) => {
            for statement in &block.statements {
                match &statement.kind {
                    StatementKind::Let(_, _, Some(init), _) => straight(init, false, all, depth + 1),
                    StatementKind::Expr(expr, ends) => straight(expr, last && !ends, all, depth + 1),
                    StatementKind::Let(..) => {}
                }
            }
        }
        // Whatever stands before `?` and gives nothing else instead has failed with it.
        ExprKind::Try(inner) if !falls_back(inner) => all.extend(called(inner, |_| true)),
        ExprKind::Same(inner) | ExprKind::Await(inner) => straight(inner, last, all, depth + 1),
        ExprKind::Return(Some(inner)) => straight(inner, true, all, depth + 1),
        ExprKind::Call(callee, args) => {
            let path = match &callee.kind {
                ExprKind::Path(path) => path.last(),
                _ => "",
            };
            match (path, args.as_slice()) {
                // `Ok(Self(User::from_request(…).await?))`
                ("pin" | "new" | "Ok" | "Some" | "Self", [one]) => straight(one, last && path != "Ok", all, depth + 1),
                _ if last => all.extend(called(expr, keeps)),
                _ => {}
            }
        }
        ExprKind::Method(..) if last => all.extend(called(expr, keeps)),
        ExprKind::Method(receiver, ..) => straight(receiver, false, all, depth + 1),
        ExprKind::Struct(_, fields, _) => fields.iter().for_each(|(_, it)| straight(it, false, all, depth + 1)),
        _ => {}
    }
}

/// Methods that leave a failure what it is.
fn keeps(name: &str) -> bool {
    matches!(name, "map" | "map_err" | "into_inner" | "boxed" | "boxed_local" | "context")
}

/// The call at the start of a chain of methods that keep its failure.
fn called(expr: &Expr, keeps: fn(&str) -> bool) -> Option<Arc<Path>> {
    let mut at = expr;
    for _ in 0..32 {
        at = match &at.kind {
            ExprKind::Same(inner) | ExprKind::Await(inner) => inner,
            ExprKind::Method(receiver, name, _, _) if keeps(name) => receiver,
            ExprKind::Call(callee, _) => match &callee.kind {
                ExprKind::Path(path) => return Some(Arc::clone(path)),
                _ => return None,
            },
            _ => return None,
        };
    }
    None
}
