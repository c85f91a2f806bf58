//! Routes that an attribute of the project writes: `#[api("/orders" => [get(list), post(create)])]` on a type.
//!
//! What the macro does can't be read, but a table of paths and handlers says enough to be taken at its word.

use std::rc::Rc;
use std::sync::Arc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::StepKind;

use super::discover::{Actix, Around};
use super::templates;
use crate::rs::ir::{AttrArg, Expr, ExprKind, Path};
use crate::rs::program::{Def, Program, TypeId};
use crate::rs::value::{Arg, Term, Value};
use crate::source::Place;
use crate::walk::printable;

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

impl Actix<'_> {
    /// Routes that an attribute of the project writes for a type. Whether there are any.
    pub(super) fn table(&mut self, call: &Rc<Term>, of: &TypeId, around: &Around) -> bool {
        let program = self.reader.program;
        let Some((name, lines)) = read(program, of).filter(|_| around.depth < 16) else { return false };
        if let Some(attr) = program.type_def(of).and_then(|it| it.attrs.iter().find(|it| it.name() == name)) {
            let place = program.place(of.scope, attr.at);
            if self.reader.understood.insert(place) {
                let message = format!("the routes of `{}` are what `#[{}]` is given", of.name, printable(&name));
                let diagnostic = Diagnostic::new("DW2343", message)
                    .at(self.reader.location(place))
                    .help("compare with what the macro of the project makes of its arguments");
                self.reader.found.source.findings.push(diagnostic);
            }
        }
        for line in &lines {
            self.line(call, of, line, around);
        }
        true
    }

    pub(super) fn line(&mut self, call: &Rc<Term>, of: &TypeId, line: &Line, around: &Around) {
        let program = self.reader.program;
        let place = program.place(of.scope, line.at);
        let Ok(path) = templates::parse(&line.path) else { return };
        for answer in &line.answers {
            let found = match answer {
                Answer::Handler(_, path) | Answer::Under(path) => program.path(of.scope, path, None),
                Answer::Unknown => Def::Missing,
            };
            match (answer, found) {
                (Answer::Handler(method, name), found) => {
                    let value = match found {
                        Def::Functions(all) => Value::either(all.into_iter().map(Value::Function).collect()),
                        _ => Value::Unknown,
                    };
                    let handler = Arg { value, place, text: Rc::from(name.last()), name: None };
                    let method = method.to_uppercase();
                    let mut entry = self.entry(call, &method, around.prefix.join(&path), &handler, around);
                    entry.place = place;
                    self.add(entry);
                }
                (_, Def::Type(inner)) => {
                    let mut deeper = around.clone();
                    deeper.depth += 1;
                    deeper.prefix = around.prefix.join(&path);
                    let step = self.reader.step(StepKind::Mount, &*inner.name, Some(path.to_string()), place);
                    deeper.steps.push(step);
                    if !self.table(call, &inner, &deeper) {
                        self.unread(place);
                    }
                }
                _ => self.unread(place),
            }
        }
    }

    /// A line of a table that says nothing clear.
    pub(super) fn unread(&mut self, place: Place) {
        let diagnostic =
            Diagnostic::new("DW2004", "a macro of the project registers something here that can't be read")
                .at(self.reader.location(place))
                .help("name a method and a handler, or register the routes without the macro");
        self.reader.tell(diagnostic);
    }
}
