//! Where a statement may be added so that it runs after another one has.

use crate::js::ir::{self, Class, Expr, ExprKind, Function, Key, Module, Span, Stmt, StmtKind};

use super::inside;

/// Methods that call what they are given there and then.
const CALL_AT_ONCE: &[&str] = &["forEach", "map"];

/// A list of statements on the way to a place, and the one of them that holds it.
struct Level {
    /// Which list it is, by its address.
    list: *const Stmt,
    child: Span,
    kind: Body,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    /// Of a module, or of a function that is called at a time of its own.
    Own,
    /// Of a function that is called where it stands.
    AtOnce,
    /// Of a block.
    Block,
    /// `() => expression`: no place for a statement.
    Expression { at_once: bool },
}

/// The statement that holds `at` in the body it belongs to: that of its function, or the block in which the
/// application is made at `made`. What is added behind it runs after `at`, whatever loops and branches are between.
pub(super) fn around(module: &Module, at: Span, made: Span) -> Option<Span> {
    let home = levels(module, made).last().map(|it| it.list);
    for level in levels(module, at).iter().rev() {
        let is_home = home == Some(level.list);
        match level.kind {
            Body::Expression { at_once: false } => return None,
            Body::Expression { at_once: true } => {}
            Body::Block | Body::AtOnce if !is_home => {}
            _ => return Some(level.child),
        }
    }
    None
}

fn levels(module: &Module, at: Span) -> Vec<Level> {
    let mut levels = Vec::new();
    list(&module.body, at, Body::Own, &mut levels);
    levels
}

fn list(all: &[Stmt], at: Span, kind: Body, levels: &mut Vec<Level>) {
    let Some(child) = all.iter().find(|it| inside(at, it.span)) else { return };
    levels.push(Level { list: all.as_ptr(), child: child.span, kind });
    statement(child, at, levels);
}

fn function(function: &Function, at: Span, at_once: bool, levels: &mut Vec<Level>) {
    // The body of an arrow function without braces ends where the function does.
    let is_expression = function.arrow && function.body.last().is_some_and(|it| it.span.end >= function.span.end);
    let kind = match (is_expression, at_once) {
        (true, at_once) => Body::Expression { at_once },
        (false, true) => Body::AtOnce,
        (false, false) => Body::Own,
    };
    list(&function.body, at, kind, levels);
}

fn class(class: &Class, at: Span, levels: &mut Vec<Level>) {
    let mut functions = class.constructor.iter().chain(class.methods.iter().map(|it| &it.function));
    if let Some(found) = functions.find(|it| it.body.iter().any(|it| inside(at, it.span))) {
        function(found, at, false, levels);
    }
}

fn statement(it: &Stmt, at: Span, levels: &mut Vec<Level>) {
    let holds = |all: &[Stmt]| all.iter().any(|it| inside(at, it.span));
    match &it.kind {
        StmtKind::Function(found) => function(found, at, false, levels),
        StmtKind::Class(_, found) => class(found, at, levels),
        StmtKind::Block(all) => list(all, at, Body::Block, levels),
        StmtKind::If(_, yes, _) if inside(at, yes.span) => statement(yes, at, levels),
        StmtKind::If(_, _, Some(no)) if inside(at, no.span) => statement(no, at, levels),
        StmtKind::ForOf(_, _, body) | StmtKind::ForIn(_, _, body) | StmtKind::Loop(_, _, body)
            if inside(at, body.span) =>
        {
            statement(body, at, levels);
        }
        StmtKind::Try(block, _, _) if holds(block) => list(block, at, Body::Block, levels),
        StmtKind::Try(_, Some((_, handler)), _) if holds(handler) => list(handler, at, Body::Block, levels),
        StmtKind::Try(_, _, finalizer) if holds(finalizer) => list(finalizer, at, Body::Block, levels),
        StmtKind::Switch(_, cases) if cases.iter().any(|(_, body)| holds(body)) => {
            for (_, body) in cases.iter().filter(|(_, body)| holds(body)) {
                list(body, at, Body::Block, levels);
            }
        }
        _ => expression(it, at, levels),
    }
}

/// Goes on in the outermost function or class among the expressions of a statement that holds the place.
fn expression(it: &Stmt, at: Span, levels: &mut Vec<Level>) {
    let mut found: Option<&Expr> = None;
    let mut at_once: Vec<Span> = Vec::new();
    ir::visit(std::slice::from_ref(it), &mut |expr| {
        if found.is_some() {
            return false;
        }
        match &expr.kind {
            ExprKind::Function(it) if it.body.iter().any(|it| inside(at, it.span)) => found = Some(expr),
            ExprKind::Class(_) if inside(at, expr.span) => found = Some(expr),
            ExprKind::Call(callee, items) => {
                if let ExprKind::Member(_, Key::Name(name)) = &callee.kind
                    && CALL_AT_ONCE.contains(&&**name)
                {
                    at_once.extend(items.iter().map(|it| it.value.span));
                }
            }
            _ => {}
        }
        found.is_none()
    });
    match found.map(|it| (&it.kind, it.span)) {
        Some((ExprKind::Function(it), span)) => function(it, at, at_once.contains(&span), levels),
        Some((ExprKind::Class(it), _)) => class(it, at, levels),
        _ => {}
    }
}
