//! Which way a condition goes for somebody without credentials.
//!
//! `if token.is_some() { refuse }` refuses, too, but not strangers.

use super::words::is_about_credentials;
use crate::rs::ir::{Expr, ExprKind, Operator, Pattern};

/// Words of functions that say yes when something is wrong.
const WRONG: &[&str] = &[
    "is_none",
    "is_err",
    "is_empty",
    "is_none_or",
    "is_anonymous",
    "is_guest",
    "is_missing",
    "is_invalid",
    "is_expired",
    "is_unauthenticated",
    "is_unauthorized",
    "is_denied",
    "is_forbidden",
    "is_disallowed",
];

/// Words of settings, which have nothing to do with who asks.
const SETTINGS: &[&str] = &[
    "enabled", "disabled", "mode", "debug", "dev", "skip", "public", "optional", "require", "config", "setting",
    "feature", "env", "test", "open", "bypass", "strict", "enforce",
];

/// Whether a condition is certainly `when` for a stranger.
pub(super) fn certainly(condition: &Expr, when: bool, depth: usize) -> bool {
    if depth > 32 {
        return false;
    }
    match &condition.kind {
        ExprKind::Same(inner) | ExprKind::Await(inner) | ExprKind::Try(inner) => certainly(inner, when, depth + 1),
        ExprKind::Not(inner) => certainly(inner, !when, depth + 1),
        ExprKind::Binary(one, operator, two) => {
            let each = [certainly(one, when, depth + 1), certainly(two, when, depth + 1)];
            match (operator, when) {
                (Operator::And, true) | (Operator::Or, false) => each.iter().all(|it| *it),
                (Operator::And, false) | (Operator::Or, true) => each.iter().any(|it| *it),
                // What a stranger sends is not the secret.
                (Operator::Equal, _) => !when && !is_bare(one) && !is_bare(two),
                (Operator::Unequal, _) => when && !is_bare(one) && !is_bare(two),
                _ => false,
            }
        }
        ExprKind::Let(pattern, _) => match leads(pattern, 0) {
            Some(Lead::Value) => !when,
            Some(Lead::Failure) => when,
            None => false,
        },
        ExprKind::Method(_, name, _, args) => said(name, when, !args.is_empty()),
        ExprKind::Call(callee, _) => match &callee.kind {
            ExprKind::Path(path) => said(path.last(), when, true),
            _ => false,
        },
        ExprKind::Path(path) => path.single().is_some_and(|it| held(it, when)),
        ExprKind::Field(_, name) => held(name, when),
        ExprKind::Block(block) => match block.statements.last().map(|it| &it.kind) {
            Some(crate::rs::ir::StatementKind::Expr(last, false)) => certainly(last, when, depth + 1),
            _ => false,
        },
        _ => false,
    }
}

/// A function that is asked: no, unless its name speaks of what is wrong.
fn said(name: &str, when: bool, _: bool) -> bool {
    if is_setting(name) {
        return false;
    }
    let wrong =
        WRONG.contains(&name) || name.starts_with("not_") || name.starts_with("is_not_") || name.starts_with("lacks_");
    when == wrong
}

/// A value that was made before: `authorized`, `self.valid`.
fn held(name: &str, when: bool) -> bool {
    let words =
        ["valid", "authorized", "allowed", "ok", "verified", "matches", "permitted", "granted", "logged_in", "known"];
    let lower = name.to_lowercase();
    let good = is_about_credentials(name) || words.iter().any(|it| lower.contains(it));
    let wrong =
        ["invalid", "unauthorized", "unauthenticated", "expired", "denied", "missing", "anonymous", "disallowed"]
            .iter()
            .any(|it| lower.contains(it));
    !is_setting(name) && (good || wrong) && when == wrong
}

fn is_setting(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.split('_').any(|it| SETTINGS.contains(&it))
}

/// A number, a flag or an empty text: comparing with it is no comparing with a secret.
fn is_bare(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Int(_) | ExprKind::Bool(_) => true,
        ExprKind::Str(text) => text.is_empty(),
        ExprKind::Same(inner) => is_bare(inner),
        _ => false,
    }
}

/// What a pattern is reached with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// Something was found, or held.
    Value,
    /// Nothing was, or it failed.
    Failure,
}

/// Whether a pattern takes what was found or what failed, if that can be told.
pub(super) fn leads(pattern: &Pattern, depth: usize) -> Option<Lead> {
    if depth > 8 {
        return None;
    }
    match pattern {
        Pattern::TupleStruct(path, inner) => match path.last() {
            // `Ok(None)` holds nothing.
            "Some" | "Ok" => inner.first().and_then(|it| leads(it, depth + 1)).or(Some(Lead::Value)),
            "Err" => Some(Lead::Failure),
            _ => None,
        },
        Pattern::Name(name, None) if &**name == "None" => Some(Lead::Failure),
        Pattern::Value(expr) => match &expr.kind {
            ExprKind::Path(path) if path.last() == "None" => Some(Lead::Failure),
            ExprKind::Bool(is) => Some(if *is { Lead::Value } else { Lead::Failure }),
            _ => None,
        },
        Pattern::Ref(inner) => leads(inner, depth + 1),
        Pattern::Tuple(all) => {
            let each: Vec<Option<Lead>> = all.iter().map(|it| leads(it, depth + 1)).collect();
            let value = each.contains(&Some(Lead::Value));
            if value { Some(Lead::Value) } else { each.contains(&Some(Lead::Failure)).then_some(Lead::Failure) }
        }
        Pattern::Or(all) => {
            let each: Vec<Option<Lead>> = all.iter().map(|it| leads(it, depth + 1)).collect();
            // One of them is enough to get past.
            match each.contains(&Some(Lead::Failure)) {
                true => Some(Lead::Failure),
                false => each.first().copied().flatten(),
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rs::ir::{Items, StatementKind};
    use crate::rs::lower;
    use crate::rs::macros::Macros;

    /// The condition of the only `if` of a function.
    fn refuses_strangers(condition: &str) -> bool {
        let text = format!("fn f() {{ if {condition} {{ return; }} }}");
        let module = lower::parse("src/lib.rs", text.as_str().into(), &Macros::default());
        let items: &Items = &module.items;
        let function = items.functions.values().flatten().next().unwrap();
        let ExprKind::Block(block) = &function.body.as_ref().unwrap().kind else { panic!("a body") };
        let Some(StatementKind::Expr(Expr { kind: ExprKind::If(condition, ..), .. }, _)) =
            block.statements.first().map(|it| &it.kind)
        else {
            panic!("an if");
        };
        certainly(condition, true, 0)
    }

    #[test]
    fn conditions_that_every_stranger_meets_are_told_from_others() {
        for condition in [
            "token.is_none()",
            "!headers.contains_key(AUTHORIZATION)",
            "!valid(token)",
            "token != secret",
            "!(token == secret)",
            "user.is_none() || expired",
            "!authorized",
            "let Err(error) = verify(token)",
            "token.is_none() && !headers.contains_key(COOKIE)",
            "!state.verifier.check(token).await",
        ] {
            assert!(refuses_strangers(condition), "{condition}");
        }
        for condition in [
            "token.is_some()",
            "headers.contains_key(AUTHORIZATION)",
            "token == revoked",
            "token.is_none() && config.auth_enabled",
            "token.is_none() && !dev_mode",
            "!config.auth_disabled && token.is_none()",
            "let Some(token) = token",
            "valid(token)",
            "token.len() < 8",
            "!is_public(path) && token.is_none()",
            "count != 0",
            "!auth_disabled",
            "true",
        ] {
            assert!(!refuses_strangers(condition), "{condition}");
        }
    }
}
