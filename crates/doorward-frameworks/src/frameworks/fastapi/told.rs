//! What is told of routes and beside them: places, names, and what could not be known.

use std::collections::HashSet;
use std::rc::Rc;

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::GuardState;
use ruff_python_ast::{Expr, Stmt};

use super::discover::{Context, Reader};
use super::host::{Entry, Kind, What};
use super::paths::Odd;
use crate::py::eval::{Problem, span};
use crate::py::packages;
use crate::py::value::{Class, Place, Value};
use crate::walk::printable;

impl<'p> Reader<'p> {
    /// Says something once per place.
    pub(super) fn tell(&mut self, code: &'static str, place: Place, diagnostic: impl FnOnce() -> Diagnostic) {
        if self.told.insert((code, place)) {
            let location = self.location(place);
            self.found.unresolved.push(diagnostic().at(location));
        }
    }

    /// Says it once per place, among the findings.
    pub(super) fn tell_finding(&mut self, code: &'static str, place: Place, diagnostic: impl FnOnce() -> Diagnostic) {
        if self.told.insert((code, place)) {
            let location = self.location(place);
            self.found.source.findings.push(diagnostic().at(location));
        }
    }

    pub(super) fn unknown_path(&mut self, place: Place) {
        self.tell("DW2003", place, || {
            Diagnostic::new("DW2003", "a path is only known when the program runs")
                .help("use a literal or a constant; until then, what is behind it is not listed")
        });
    }

    pub(super) fn unknown_mount(&mut self, place: Place) {
        self.tell("DW2004", place, || {
            Diagnostic::new("DW2004", "something unknown is mounted")
                .help("put a guard in front of it, or accept it knowingly")
        });
    }

    pub(super) fn static_files(&mut self, context: &Context<'p>, place: Place) {
        if context.middleware.iter().all(|it| it.state != GuardState::Guarded) {
            self.tell("DW2021", place, || {
                Diagnostic::new("DW2021", "static files are served to anyone")
                    .help("if they are not meant for everybody, serve them from a route with a guard")
            });
        }
    }

    pub(super) fn odd_path(&mut self, odd: Odd, path: &str, place: Place) {
        let path = printable(path);
        match odd {
            Odd::Control => self.tell("DW2014", place, || {
                Diagnostic::new("DW2014", "a path holds control characters").help("remove them from the source")
            }),
            Odd::NeverMatches => self.tell("DW2015", place, || {
                Diagnostic::new("DW2015", format!("`{path}` never matches: it does not start with `/`"))
                    .help("put a slash in front of it")
            }),
            Odd::Pattern => self.tell("DW2009", place, || {
                Diagnostic::new("DW2009", format!("`{path}` has no exact template")).help("check this route by hand")
            }),
        }
    }

    /// Routers that no application includes, and what modules did that nothing imports.
    pub(super) fn leftovers(&mut self) {
        let problems: Vec<Problem> = self.eval.problems.clone();
        self.found.unresolved.extend(problems.iter().map(|it| packages::problem(self.program, it)));
        let listed: HashSet<Place> = self.seen.keys().map(|(_, place)| *place).collect();
        for at in 0..self.eval.host.made.len() {
            let Some(made) = self.made(at) else { continue };
            let place = made.site.place();
            // Routes may be taken from a router one by one.
            let is_left = |it: &Entry<'p>| match it.what {
                What::Middleware { .. } => false,
                What::Route { .. } => !listed.contains(&it.site.place()),
                _ => true,
            };
            let has_routes = made.entries.iter().any(is_left);
            let escapes = made.escapes.clone();
            let is_app = matches!(made.kind, Kind::App(_));
            let is_router = made.kind == Kind::Router;
            let name = printable(made.name.as_deref().unwrap_or("router"));
            if is_router && has_routes && !self.reached.contains(&at) && !self.found.mounted.contains(&place) {
                let diagnostic = Diagnostic::new("DW2011", format!("`{name}` registers routes and is never included"))
                    .at(self.location(place))
                    .help("include it in an application, or remove it");
                self.found.loose.push((place, diagnostic));
            }
            if is_app || self.reached.contains(&at) {
                for site in escapes {
                    self.tell("DW2016", site.place(), || {
                        Diagnostic::new(
                            "DW2016",
                            "an application or a router is given to code that is not in the project",
                        )
                        .help("check whether it adds routes or middleware")
                    });
                }
            }
        }
        for site in std::mem::take(&mut self.eval.host.unreached) {
            self.tell("DW2017", site.place(), || {
                Diagnostic::new("DW2017", "a module registers routes on an application, and nothing imports it")
                    .help("import it where the application is made, or remove it")
            });
        }
    }

    pub(super) fn file(&self, module: usize) -> String {
        printable(&self.program.module(module).file)
    }

    pub(super) fn location(&self, place: Place) -> Location {
        packages::location(self.program, place)
    }

    /// A value's name for people: never with arguments, which may hold secrets.
    pub(super) fn shown(&self, value: &Value<'p>) -> String {
        let text = match value {
            Value::Function(function) => function.wraps.as_ref().unwrap_or(function).name().to_owned(),
            Value::Bound(bound) => match &bound.0 {
                Value::Instance(it) => format!("{}.{}", it.class.name(), bound.1.name()),
                Value::Class(it) => format!("{}.{}", it.name(), bound.1.name()),
                _ => bound.1.name().to_owned(),
            },
            Value::Class(class) => class.name().to_owned(),
            Value::Instance(instance) => match value.host().and_then(|it| self.made(it)).and_then(|it| it.name.clone())
            {
                Some(name) => name,
                None => format!("{}()", instance.class.name()),
            },
            Value::External(external) => {
                let called = if external.called().is_some() { "()" } else { "" };
                format!("{}{called}", external.last())
            }
            Value::Partial(partial) => self.shown(&partial.0),
            Value::Item(item) => self.shown(&item.0),
            Value::Host(object) => {
                self.made(*object).and_then(|it| it.name.clone()).unwrap_or_else(|| "app".to_owned())
            }
            Value::OneOf(values) => values.iter().map(|it| self.shown(it)).collect::<Vec<_>>().join(" or "),
            Value::None => "None".to_owned(),
            _ => "unknown".to_owned(),
        };
        printable(&text)
    }

    /// The annotated fields of a class's own body, with their types.
    pub(super) fn fields(&mut self, class: &Rc<Class<'p>>) -> Vec<(&'p str, Value<'p>, Place)> {
        let mut all = Vec::new();
        for statement in &class.def.body {
            if let Stmt::AnnAssign(it) = statement
                && let Expr::Name(name) = &*it.target
            {
                let scope = Rc::clone(&class.scope);
                let kind = self.eval.in_module(class.module, |eval| eval.quoted(&it.annotation, &scope));
                all.push((name.id.as_str(), kind, Place { module: class.module, span: span(it) }));
            }
        }
        all
    }
}
