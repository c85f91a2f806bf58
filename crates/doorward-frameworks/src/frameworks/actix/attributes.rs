//! Handlers that carry their path: `#[get("/x")]`, `#[route("/x", method = "GET")]`, `#[routes]`.

use crate::rs::ir::{Attr, ExprKind};
use crate::rs::program::{Def, FnRef, Program};
use crate::source::Place;

/// Crates whose attributes are meant.
const CRATES: &[&str] = &["actix_web", "actix_web_codegen", "paperclip"];

const METHODS: &[&str] = &["get", "post", "put", "delete", "patch", "head", "options", "trace", "connect"];

/// One attribute.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    pub(super) methods: Vec<String>,
    pub(super) path: Option<String>,
    /// Names of middleware in `wrap = "…"`, the outermost first.
    pub(super) wraps: Vec<String>,
    pub(super) place: Place,
}

/// The attributes of a handler that register it.
pub(super) fn read(program: &Program, function: &FnRef) -> Vec<Marked> {
    function.function.attrs.iter().filter_map(|attr| marked(program, function, attr)).collect()
}

fn marked(program: &Program, function: &FnRef, attr: &Attr) -> Option<Marked> {
    let name = attr.name();
    let is_method = METHODS.contains(&name);
    if !is_method && name != "route" {
        return None;
    }
    match program.path(function.scope, &attr.path, None) {
        Def::Outside(names) if names.first().is_some_and(|it| CRATES.contains(&&**it)) => {}
        _ => return None,
    }
    let text = |value: Option<&crate::rs::ir::Expr>| match value.map(|it| &it.kind) {
        Some(ExprKind::Str(text)) => Some(text.to_string()),
        _ => None,
    };
    let mut all = Marked {
        methods: if is_method { vec![name.to_uppercase()] } else { Vec::new() },
        path: None,
        wraps: Vec::new(),
        place: program.place(function.scope, attr.at),
    };
    for arg in &attr.args {
        match arg.name.as_deref() {
            None if all.path.is_none() => all.path = text(arg.value.as_ref()),
            Some("method") => all.methods.extend(text(arg.value.as_ref()).map(|it| it.to_uppercase())),
            Some("wrap") => all.wraps.extend(text(arg.value.as_ref())),
            _ => {}
        }
    }
    Some(all)
}
