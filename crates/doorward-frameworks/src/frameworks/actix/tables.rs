//! Routes that an attribute of the project writes: `#[api("/orders" => [get(list), post(create)])]` on a type.
//!
//! What the macro does can't be read, but a table of paths and handlers says enough to be taken at its word.

use std::sync::Arc;

use crate::rs::ir::{AttrArg, Expr, ExprKind, Path};
use crate::rs::program::{Program, TypeId};

const METHODS: &[&str] = &["get", "post", "put", "delete", "patch", "head", "options", "trace", "connect"];

/// One line of a table.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) path: String,
    pub(super) at: usize,
    pub(super) answers: Vec<Answer>,
}

/// What answers at a path.
#[derive(Debug)]
pub(super) enum Answer {
    /// A method and its handler.
    Handler(&'static str, Arc<Path>),
    /// Another type with a table.
    Under(Arc<Path>),
    Unknown,
}

/// The table of a type, and the name of the macro that it is given to.
pub(super) fn read(program: &Program, of: &TypeId) -> Option<(String, Vec<Line>)> {
    let def = program.type_def(of)?;
    def.attrs.iter().filter(|it| program.procedural(of.scope, it)).find_map(|attr| {
        let mut lines = Vec::new();
        collect(&attr.args, &mut lines, 0);
        (!lines.is_empty()).then(|| (attr.name().to_owned(), lines))
    })
}

fn collect(args: &[AttrArg], lines: &mut Vec<Line>, depth: usize) {
    for arg in args {
        if let (Some(Expr { kind: ExprKind::Str(path), at }), Some(to)) = (&arg.value, &arg.to) {
            let answers = match &to.kind {
                ExprKind::List(all) => all.iter().map(answer).collect(),
                _ => vec![answer(to)],
            };
            lines.push(Line { path: path.to_string(), at: *at, answers });
        }
        if depth < 8 {
            collect(&arg.args, lines, depth + 1);
        }
    }
}

fn answer(expr: &Expr) -> Answer {
    let ExprKind::Call(callee, args) = &expr.kind else { return Answer::Unknown };
    let (ExprKind::Path(word), Some(ExprKind::Path(path))) = (&callee.kind, args.first().map(|it| &it.kind)) else {
        return Answer::Unknown;
    };
    match METHODS.iter().find(|it| **it == word.last()) {
        Some(method) => Answer::Handler(method, Arc::clone(path)),
        None => Answer::Under(Arc::clone(path)),
    }
}
