//! Middleware: what modules configure, and what is put on the application itself.

use std::rc::Rc;

use doorward::path::{PathTemplate, Segment};

use super::discover::Reader;
use super::host::{CONSUMER, Call, global};
use super::modules::Graph;
use super::paths::Rules;
use crate::js::chain::{self, Runs};
use crate::js::guards;
use crate::js::value::{Arg, External, Place, Value};

/// A middleware, and the routes in front of which it runs.
#[derive(Debug)]
pub(super) struct Before {
    /// Methods and paths; `exact`: not for what is below.
    pub(super) routes: Vec<(Option<String>, PathTemplate, bool)>,
    pub(super) except: Vec<(Option<String>, PathTemplate, bool)>,
    pub(super) runs: Runs,
}

impl Reader<'_> {
    /// What the modules of an application configure.
    pub(super) fn configured(&mut self, graph: &Graph, rules: &Rules, prefix: &PathTemplate) -> Vec<Before> {
        let mut all = Vec::new();
        for module in &graph.modules {
            if self.eval.method(module, "configure", false).is_none() {
                continue;
            }
            let instance = self.instance(module, 0);
            let configure = self.eval.member(&instance, "configure");
            let outer = self.eval.host.consumed.replace(Vec::new());
            let args = [Arg { value: global(CONSUMER), span: module.class.span, spread: false }];
            self.eval.run(&configure, Some(instance), &args, module.module);
            let consumed = std::mem::replace(&mut self.eval.host.consumed, outer).unwrap_or_default();
            for (before, routes, site) in consumed {
                let mut applied: Vec<(Vec<Arg>, usize)> = Vec::new();
                let mut except = Vec::new();
                let mut at = Some(before);
                while let Some(Value::External(external)) = at {
                    let External::Call(callee, args, place) = &*external else { break };
                    match callee.path().last() {
                        Some(&"apply") => applied.push((args.clone(), place.module)),
                        Some(&"exclude") => {
                            except = self.matches(args, place.module, rules, prefix, graph);
                        }
                        _ => {}
                    }
                    at = match &**callee {
                        External::Member(inner, _) => Some(Value::External(Rc::clone(inner))),
                        _ => None,
                    };
                }
                let routes = self.matches(&routes, site.module, rules, prefix, graph);
                for (args, module) in applied {
                    for part in chain::parts(&args, module) {
                        let runs = self.runs(&part.value, part.place, site.branch.is_empty());
                        all.push(Before { routes: routes.clone(), except: except.clone(), runs });
                    }
                }
            }
        }
        all
    }

    /// `app.use(…)`.
    pub(super) fn used(&mut self, call: &Call, always: bool, syntax: u32) -> Vec<Before> {
        let module = call.site.module;
        let (path, handlers) = match call.args.split_first() {
            Some((first, rest)) if !rest.is_empty() && !matches!(first.value, Value::Function(_)) => {
                (Some(first), rest)
            }
            _ => (None, call.args.as_slice()),
        };
        let mut routes = Vec::new();
        match path {
            None => routes.push((None, PathTemplate::root(), false)),
            Some(path) => {
                let place = Place { module, span: path.span };
                for text in self.texts(&path.value, place) {
                    routes.extend(self.templates(&text, syntax, place).into_iter().map(|it| (None, it, false)));
                }
            }
        }
        let mut all = Vec::new();
        for part in chain::parts(handlers, module) {
            let runs = self.runs(&part.value, part.place, always);
            all.push(Before { routes: routes.clone(), except: Vec::new(), runs });
        }
        all
    }

    fn runs(&mut self, value: &Value, place: Place, sure: bool) -> Runs {
        let text = chain::text(self.program, place);
        // A class is made, and its `use` is the middleware.
        let (judged, name) = match value {
            Value::Class(class) => {
                let instance = self.instance(class, 0);
                let name =
                    class.class.name.as_deref().map_or_else(|| chain::shown(value, &text), crate::walk::printable);
                (self.eval.member(&instance, "use"), name)
            }
            other => (other.clone(), chain::shown(other, &text)),
        };
        let verdict = guards::judge(&mut self.eval, self.program, &judged, &text);
        Runs { name, verdict, place, sure }
    }

    /// The routes that `forRoutes` or `exclude` names.
    fn matches(
        &mut self,
        args: &[Arg],
        module: usize,
        rules: &Rules,
        prefix: &PathTemplate,
        graph: &Graph,
    ) -> Vec<(Option<String>, PathTemplate, bool)> {
        let mut all = Vec::new();
        for part in chain::parts(args, module) {
            match &part.value {
                Value::Class(class) => {
                    let Some((_, module_path)) = graph.controllers.iter().find(|(it, _)| Rc::ptr_eq(it, class)) else {
                        continue;
                    };
                    for (method, template, _) in self.routes_of(class, module_path, rules, prefix) {
                        all.push((Some(method), template, true));
                    }
                }
                Value::Object(route) => {
                    let method = route.get("method").as_ref().and_then(request_method);
                    let path = route.get("path").unwrap_or(Value::Unknown);
                    for text in self.texts(&path, part.place) {
                        all.extend(self.pattern(&text, method.clone(), part.place, rules, prefix));
                    }
                }
                other => {
                    for text in self.texts(other, part.place) {
                        all.extend(self.pattern(&text, None, part.place, rules, prefix));
                    }
                }
            }
        }
        all
    }

    fn pattern(
        &mut self,
        text: &str,
        method: Option<String>,
        place: Place,
        rules: &Rules,
        prefix: &PathTemplate,
    ) -> Vec<(Option<String>, PathTemplate, bool)> {
        let method = method.filter(|it| it != "ALL");
        self.templates(text, rules.syntax, place)
            .into_iter()
            .map(|template| {
                let full = rules.place(method.as_deref().unwrap_or("ALL"), &template, prefix);
                let mut segments = full.segments().to_vec();
                let many = matches!(segments.last(), Some(Segment::CatchAll(_)));
                if many {
                    segments.pop();
                }
                (method.clone(), PathTemplate::from_segments(segments), !many)
            })
            .collect()
    }
}

/// `RequestMethod.GET`.
pub(super) fn request_method(value: &Value) -> Option<String> {
    match value {
        Value::External(external) => external.path().last().map(|it| it.to_ascii_uppercase()),
        Value::Num(number) => {
            let names = ["GET", "POST", "PUT", "DELETE", "PATCH", "ALL", "OPTIONS", "HEAD", "SEARCH"];
            names
                .iter()
                .enumerate()
                .find(|(at, _)| at.to_string() == number.to_string())
                .map(|(_, it)| (*it).to_owned())
        }
        _ => None,
    }
}
