//! Server Functions: functions marked `'use server'`, which answer POST requests to pages.

use std::rc::Rc;
use std::sync::Arc;

use doorward::diagnostic::Diagnostic;

use super::discover::Reader;
use super::{config, exports};
use crate::js::ir::{self, ExprKind, Function, Module, Span, Stmt, StmtKind};
use crate::js::stranger::{self, Caller, Fate, Question, Style};
use crate::js::value::{Closure, Object, Place, Scope, Value};
use crate::project::Package;
use crate::walk::printable;

const DIRECTIVE: &str = "use server";

/// Tells of the Server Functions of a project, file by file.
pub(super) fn collect(reader: &mut Reader, package: &Package) {
    for module in &package.modules {
        if !reader.program.text(*module).contains(DIRECTIVE) {
            continue;
        }
        let code = reader.program.module(*module);
        reader.eval.allow(config::STEPS);
        let mut found = if begins_with_directive(&code.text) { exported(reader, *module) } else { Vec::new() };
        if found.is_empty() {
            let scope = reader.eval.scope_of(*module);
            found = inline(&code, *module, &scope);
        }
        tell(reader, *module, &found);
    }
}

/// A function, by name and place.
struct Action {
    name: String,
    value: Value,
    place: Place,
}

/// Whether `text` starts with the directive, after comments and other directives.
fn begins_with_directive(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}');
    for _ in 0..100 {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else {
            let quoted = rest.strip_prefix(['"', '\'']);
            return quoted.is_some_and(|it| it.starts_with(DIRECTIVE));
        }
    }
    false
}

/// All that a file of Server Functions exports.
fn exported(reader: &mut Reader, module: usize) -> Vec<Action> {
    let exports = exports::exports(&mut reader.eval, reader.program, module);
    let mut all = Vec::new();
    for (name, place) in exports.names.iter().take(500) {
        let value = reader.eval.exported(module, name).unwrap_or(Value::Unknown);
        all.push(Action { name: printable(name), value, place: *place });
    }
    all
}

/// Functions whose body starts with the directive.
fn inline(code: &Module, module: usize, scope: &Rc<Scope>) -> Vec<Action> {
    let mut functions: Vec<Arc<Function>> = Vec::new();
    declared(&code.body, &mut functions, 0);
    ir::visit(&code.body, &mut |expr| {
        if let ExprKind::Function(function) = &expr.kind {
            functions.push(Arc::clone(function));
            declared(&function.body, &mut functions, 0);
        }
        true
    });
    let is_marked = |it: &Arc<Function>| {
        let text = code.text.get(it.span.range()).unwrap_or_default();
        let end = it.body.first().map_or(text.len(), |first| first.span.start.saturating_sub(it.span.start));
        let head = text.get(..end).unwrap_or_default();
        head.rsplit_once('{').is_some_and(|(_, rest)| begins_with_directive(rest))
    };
    let mut all: Vec<Action> = Vec::new();
    for function in functions.iter().filter(|it| is_marked(it)).take(500) {
        let place = Place { module, span: function.span };
        if all.iter().any(|it| it.place == place) {
            continue;
        }
        let closure = Closure {
            function: Arc::clone(function),
            scope: Rc::clone(scope),
            module,
            this: None,
            props: Object::default(),
        };
        let name = function.name.as_deref().map_or_else(|| "a function without a name".to_owned(), printable);
        all.push(Action { name, value: Value::Function(Rc::new(closure)), place });
    }
    all
}

/// Function declarations in blocks, which expressions do not show.
fn declared(statements: &[Stmt], found: &mut Vec<Arc<Function>>, depth: usize) {
    for statement in statements.iter().filter(|_| depth < 40) {
        match &statement.kind {
            StmtKind::Function(function) => {
                found.push(Arc::clone(function));
                declared(&function.body, found, depth + 1);
            }
            StmtKind::Block(all) => declared(all, found, depth + 1),
            StmtKind::If(_, yes, no) => {
                declared(std::slice::from_ref(yes), found, depth + 1);
                if let Some(no) = no {
                    declared(std::slice::from_ref(no), found, depth + 1);
                }
            }
            _ => {}
        }
    }
}

fn tell(reader: &mut Reader, module: usize, actions: &[Action]) {
    let Some(first) = actions.first() else { return };
    let (mut refusing, mut open) = (Vec::new(), Vec::new());
    for action in actions {
        let question = Question {
            chain: vec![action.value.clone()],
            style: Style::Passes,
            caller: Caller::Forger,
            method: Some("POST".to_owned()),
            paths: Vec::new(),
            place: action.place,
        };
        let answer = stranger::ask(&mut reader.eval, reader.program, &question);
        let list = if answer.fate == Fate::Refused { &mut refusing } else { &mut open };
        list.push(format!("`{}`", action.name));
    }
    let place = if first.place.span == Span::default() { Place { module, ..Place::default() } } else { first.place };
    let at = reader.location(place);
    let some = |all: &[String]| {
        let shown = all.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        if all.len() > 5 { format!("{shown} and {} more", all.len() - 5) } else { shown }
    };
    let message = match (open.is_empty(), refusing.is_empty()) {
        (false, true) => format!("Server Functions that are not seen to refuse anybody: {}", some(&open)),
        (false, false) => format!(
            "Server Functions that are not seen to refuse anybody: {}; strangers are refused by {}",
            some(&open),
            some(&refusing)
        ),
        _ => format!("Server Functions that refuse strangers: {}", some(&refusing)),
    };
    reader.found.source.findings.push(
        Diagnostic::new("DW2142", message)
            .at(at)
            .help("check who asks inside of each function, before it does anything"),
    );
}
