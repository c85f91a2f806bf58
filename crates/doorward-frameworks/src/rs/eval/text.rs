//! Code as people call it: without arguments, which may hold secrets.

use crate::rs::ir::{Expr, ExprKind, Path};

/// A short name for an expression: `auth::require`, `from_fn(require)`, `Auth::new(…)`.
pub(crate) fn shown(expr: &Expr) -> String {
    show(expr, 0)
}

/// `a::b`, the last two names at most.
pub(crate) fn path_text(path: &Path) -> String {
    let from = path.segments.len().saturating_sub(2);
    let last: Vec<&str> = path.segments.iter().skip(from).map(|it| &*it.name).collect();
    last.join("::")
}

fn show(expr: &Expr, depth: usize) -> String {
    let args = |list: &[Expr]| match list {
        [] => "()".to_owned(),
        [one] if depth < 2 && matches!(plain(one).kind, ExprKind::Path(_) | ExprKind::Call(..)) => {
            format!("({})", show(one, depth + 1))
        }
        all => match all.iter().map(plain).rfind(|it| matches!(it.kind, ExprKind::Path(_))) {
            Some(last) if depth < 2 => format!("(…, {})", show(last, depth + 1)),
            _ => "(…)".to_owned(),
        },
    };
    match &expr.kind {
        ExprKind::Path(path) => path_text(path),
        ExprKind::Call(callee, list) => match &plain(callee).kind {
            ExprKind::Path(path) => format!("{}{}", path_text(path), args(list)),
            _ => "call(…)".to_owned(),
        },
        ExprKind::Method(receiver, name, _, _) => {
            let mut first = plain(receiver);
            for _ in 0..64 {
                match &first.kind {
                    ExprKind::Method(inner, ..) => first = plain(inner),
                    _ => break,
                }
            }
            match &first.kind {
                ExprKind::Path(_) | ExprKind::Call(..) if depth < 2 => format!("{}.{name}(…)", show(first, depth + 1)),
                _ => format!("….{name}(…)"),
            }
        }
        ExprKind::Macro(call) => format!("{}!(…)", call.path.last()),
        ExprKind::Struct(path, ..) => format!("{} {{ … }}", path_text(path)),
        ExprKind::Closure(_) => "|…| …".to_owned(),
        ExprKind::Field(_, name) => format!("….{name}"),
        ExprKind::Same(inner) | ExprKind::Await(inner) | ExprKind::Try(inner) => show(inner, depth),
        ExprKind::Str(_) => "\"…\"".to_owned(),
        _ => "…".to_owned(),
    }
}

fn plain(mut expr: &Expr) -> &Expr {
    for _ in 0..64 {
        match &expr.kind {
            ExprKind::Same(inner) | ExprKind::Await(inner) | ExprKind::Try(inner) => expr = inner,
            _ => break,
        }
    }
    expr
}
