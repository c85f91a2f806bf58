//! Handlers that carry their path: `#[get("/x")]`, `#[route("/x", method = "GET")]`, `#[routes]`.

use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::StepKind;

use super::discover::{Actix, Around};
use super::templates;
use crate::frameworks::rust::Layer;
use crate::rs::ir::{Attr, ExprKind, Name};
use crate::rs::program::{Def, FnRef, Program};
use crate::rs::value::{Arg, Branch, Term, Value};
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
    function.function.attrs.iter().filter_map(|attr| attribute(program, function, attr)).collect()
}

fn attribute(program: &Program, function: &FnRef, attr: &Attr) -> Option<Marked> {
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

impl Actix<'_> {
    /// A handler whose attribute holds its path.
    pub(super) fn marked(&mut self, call: &Rc<Term>, function: &FnRef, around: &Around) {
        self.used.insert(function.key());
        let all = read(self.reader.program, function);
        if all.is_empty() {
            let diagnostic = Diagnostic::new("DW2260", format!("no path can be read for `{}`", function.function.name))
                .at(self.reader.location(call.place))
                .help("write the path in its attribute, as in `#[get(\"/orders\")]`, or register it with `route`");
            self.reader.tell(diagnostic);
        }
        for marked in all {
            let path = match marked.path.as_deref().map(templates::parse) {
                Some(Ok(path)) => path,
                Some(Err(code)) => {
                    let diagnostic = Diagnostic::new(code, "the path of a handler is more than a template can say")
                        .at(self.reader.location(marked.place))
                        .help("write values as `{name}`");
                    self.reader.tell(diagnostic);
                    continue;
                }
                None => continue,
            };
            let mut inner = around.clone();
            for name in &marked.wraps {
                self.named_wrap(name, function, &marked, &mut inner);
            }
            for method in &marked.methods {
                let text = function.function.name.to_string();
                let handler = Arg {
                    value: Value::Function(function.clone()),
                    place: marked.place,
                    text: Rc::from(text),
                    name: None,
                };
                let mut entry = self.entry(call, method, around.prefix.join(&path), &handler, &inner);
                entry.place = marked.place;
                entry.text = format!("#[{}(\"{path}\")]", method.to_lowercase());
                self.add(entry);
            }
        }
    }

    /// `wrap = "Auth"` of an attribute.
    pub(super) fn named_wrap(&mut self, name: &str, function: &FnRef, marked: &Marked, around: &mut Around) {
        let path: String = name.chars().take_while(|it| it.is_alphanumeric() || matches!(it, '_' | ':')).collect();
        let names: Vec<Name> = path.split("::").filter(|it| !it.is_empty()).map(Name::from).collect();
        let of = |names: &[Name]| self.reader.program.names(function.scope, names, false);
        let found = match of(&names) {
            Def::Missing => of(names.get(..names.len().saturating_sub(1)).unwrap_or_default()),
            found => found,
        };
        let value = match found {
            Def::Functions(all) => all.first().cloned().map_or(Value::Unknown, |it| match it.owner {
                // `Auth::new()` makes what it is a method of.
                Some(ref owner) => owner.of.clone().map_or(Value::Unknown, object),
                None => Value::Function(it),
            }),
            Def::Type(of) => object(of),
            _ => Value::Unknown,
        };
        let verdict = self.reader.judge(&value, &path, 0);
        around.steps.push(self.reader.step(StepKind::Middleware, format!("wrap = {path}"), None, marked.place));
        let branch: Branch = Rc::from(Vec::new());
        around.layers.push(Rc::new(Layer { text: path, place: marked.place, branch, verdict }));
    }
}

/// A value of a type, of which nothing else is known.
fn object(of: crate::rs::program::TypeId) -> Value {
    Value::Object(Rc::new(crate::rs::value::Object { of, variant: None, fields: std::collections::BTreeMap::new() }))
}
