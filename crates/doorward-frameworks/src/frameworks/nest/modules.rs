//! The graph of modules below an application's root module.

use std::collections::HashSet;
use std::rc::Rc;

use doorward::diagnostic::Diagnostic;

use super::QUIET;
use super::discover::Reader;
use crate::js::packages::location;
use crate::js::value::{Arg, ClassValue, External, Object, Place, Value};
use crate::walk::printable;

/// Everything that an application is made of.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Controllers, with the path of their module.
    pub(super) controllers: Vec<(Rc<ClassValue>, Value)>,
    /// Guards for every route, and where they are listed.
    pub(super) guards: Vec<Value>,
    /// Classes that are provided, among which there may be gateways.
    pub(super) providers: Vec<Rc<ClassValue>>,
    /// Modules, which may configure middleware.
    pub(super) modules: Vec<Rc<ClassValue>>,
    /// Modules of packages that serve something themselves: their calls.
    pub(super) served: Vec<Rc<External>>,
    seen: HashSet<*const ClassValue>,
    /// Paths that `RouterModule.register` gives to modules, outermost first.
    paths: Vec<(Rc<ClassValue>, Value)>,
    listed: HashSet<*const ClassValue>,
}

/// No application has more parts.
const MAX_PARTS: usize = 20_000;

impl Reader<'_> {
    /// Everything below the module `root`.
    pub(super) fn graph(&mut self, root: &Value, place: Place) -> Graph {
        let mut graph = Graph::default();
        self.module(root, place, 0, &mut graph);
        let paths = std::mem::take(&mut graph.paths);
        for (controller, path) in &mut graph.controllers {
            // What stands for a path until now is the module.
            if let Value::Class(module) = path {
                let found = paths.iter().rev().find(|(it, _)| Rc::ptr_eq(it, module));
                *path = found.map_or_else(|| Value::text(""), |(_, path)| path.clone());
            }
            self.kept.push(Rc::clone(controller));
        }
        graph
    }

    fn module(&mut self, value: &Value, place: Place, depth: usize, graph: &mut Graph) {
        if depth > 60 || graph.modules.len() > MAX_PARTS {
            return;
        }
        match value {
            Value::Class(class) => self.class_module(class, place, depth, graph),
            Value::Object(dynamic) => {
                if let Some(class) = dynamic.get("module") {
                    self.module(&class, place, depth + 1, graph);
                    if let Value::Class(class) = &class {
                        self.metadata(dynamic, class, place, depth, graph);
                    }
                }
            }
            Value::Array(array) => {
                let items = array.items.borrow().clone();
                items.iter().for_each(|it| self.module(it, place, depth + 1, graph));
                if array.open.get() && !items.iter().any(is_choice) {
                    self.unknown_module(place);
                }
            }
            Value::OneOf(values) => values.iter().for_each(|it| self.module(it, place, depth + 1, graph)),
            Value::External(external) => self.package_module(external, place, depth, graph),
            Value::Unknown | Value::Method(..) => self.unknown_module(place),
            _ => {}
        }
    }

    fn unknown_module(&mut self, place: Place) {
        if self.told.insert(place) {
            let at = location(self.program, place);
            self.tell(
                Diagnostic::new("DW2151", "a module is imported that is only known when the program runs")
                    .at(at)
                    .help("import modules by name; until then, the routes of its controllers are not listed"),
            );
        }
    }

    fn class_module(&mut self, class: &Rc<ClassValue>, place: Place, depth: usize, graph: &mut Graph) {
        if !graph.seen.insert(Rc::as_ptr(class)) {
            return;
        }
        self.kept.push(Rc::clone(class));
        graph.modules.push(Rc::clone(class));
        let applied = self.on_class(class);
        for it in applied.iter() {
            let Some(argument) = it.of_common("Module").and_then(|it| it.first()).map(|it| it.value.clone()) else {
                continue;
            };
            let place = if it.place.module == class.module { it.place } else { place };
            for metadata in argument.each() {
                match metadata {
                    Value::Object(metadata) => self.metadata(&metadata, class, place, depth, graph),
                    _ => self.unknown_module(place),
                }
            }
        }
    }

    fn metadata(&mut self, metadata: &Object, class: &Rc<ClassValue>, place: Place, depth: usize, graph: &mut Graph) {
        if let Some(controllers) = metadata.get("controllers") {
            self.controllers(&controllers, class, place, 0, graph);
        }
        if let Some(providers) = metadata.get("providers") {
            self.providers(&providers, 0, graph);
        }
        // Modules may be exported without being imported, and then they are imported, too.
        for key in ["imports", "exports"] {
            match metadata.get(key) {
                Some(imports) if key == "imports" => self.module(&imports, place, depth + 1, graph),
                Some(Value::Array(exports)) => {
                    let items = exports.items.borrow().clone();
                    let modules = items.iter().filter(|it| matches!(it, Value::Object(_)));
                    modules.for_each(|it| self.module(it, place, depth + 1, graph));
                }
                _ => {}
            }
        }
    }

    fn controllers(&mut self, value: &Value, module: &Rc<ClassValue>, place: Place, depth: usize, graph: &mut Graph) {
        match value {
            Value::Array(array) if depth < 6 => {
                let items = array.items.borrow().clone();
                items.iter().for_each(|it| self.controllers(it, module, place, depth + 1, graph));
                if array.open.get() && !items.iter().any(is_choice) {
                    self.unknown_module(place);
                }
            }
            Value::OneOf(values) => {
                values.iter().for_each(|it| self.controllers(it, module, place, depth + 1, graph));
            }
            Value::Class(class) if graph.listed.insert(Rc::as_ptr(class)) => {
                graph.controllers.push((Rc::clone(class), Value::Class(Rc::clone(module))));
            }
            Value::Unknown | Value::Method(..) => self.unknown_module(place),
            _ => {}
        }
    }

    fn providers(&mut self, value: &Value, depth: usize, graph: &mut Graph) {
        match value {
            Value::Array(array) if depth < 6 => {
                let items = array.items.borrow().clone();
                items.iter().for_each(|it| self.providers(it, depth + 1, graph));
            }
            Value::OneOf(values) => values.iter().for_each(|it| self.providers(it, depth + 1, graph)),
            Value::Class(class) if graph.listed.insert(Rc::as_ptr(class)) => graph.providers.push(Rc::clone(class)),
            Value::Object(provider) => {
                let token = provider.get("provide");
                let is_guard = matches!(&token, Some(Value::External(it)) if it.path().last() == Some(&"APP_GUARD"));
                if is_guard {
                    let used = ["useClass", "useExisting", "useValue"].iter().find_map(|it| provider.get(it));
                    let made = || {
                        let factory = provider.get("useFactory")?;
                        let Value::Function(closure) = &factory else { return None };
                        let args: Vec<Arg> = match provider.get("inject") {
                            Some(Value::Array(array)) => array.items.borrow().clone(),
                            _ => Vec::new(),
                        }
                        .into_iter()
                        .map(|value| Arg { value, span: closure.function.span, spread: false })
                        .collect();
                        Some((factory.clone(), args, closure.module))
                    };
                    let guard =
                        used.or_else(|| made().map(|(it, args, module)| self.eval.run(&it, None, &args, module)));
                    graph.guards.push(guard.unwrap_or(Value::Unknown));
                } else if let Some(Value::Class(class)) = provider.get("useClass") {
                    graph.providers.push(class);
                }
            }
            _ => {}
        }
    }

    fn package_module(&mut self, external: &Rc<External>, place: Place, depth: usize, graph: &mut Graph) {
        let External::Call(callee, args, at) = &**external else {
            return self.unknown_package(external, place);
        };
        let path = callee.path();
        match path.as_slice() {
            ["@nestjs/common", "forwardRef"] => {
                if let Some(function @ Value::Function(closure)) = args.first().map(|it| &it.value) {
                    let module = self.eval.run(function, None, &[], closure.module);
                    self.module(&module, place, depth + 1, graph);
                }
            }
            ["@nestjs/config", "ConditionalModule", "registerWhen"] => {
                if let Some(module) = args.first() {
                    self.module(&module.value.clone(), place, depth + 1, graph);
                }
            }
            ["@nestjs/core" | "nest-router", "RouterModule", "register" | "forRoutes" | "forChild"] => {
                if let Some(routes) = args.first() {
                    self.router_paths(&routes.value.clone(), &[], 0, graph);
                }
            }
            [_, "GraphQLModule" | "ServeStaticModule" | "PrometheusModule" | "BullBoardModule", ..] => {
                graph.served.push(Rc::clone(external));
            }
            _ => self.unknown_package(external, *at),
        }
    }

    /// Modules of packages may have controllers.
    fn unknown_package(&mut self, external: &External, place: Place) {
        let Some(package) = external.package() else { return };
        let quiet = package.starts_with("@nestjs/") || QUIET.contains(&package);
        if quiet || !self.told.insert(place) {
            return;
        }
        let at = location(self.program, place);
        let name = external.path().into_iter().filter(|it| *it != "()").skip(1).collect::<Vec<_>>().join(".");
        self.tell(
            Diagnostic::new(
                "DW2152",
                format!("the module `{}` comes from the package `{}`", printable(&name), printable(package)),
            )
            .at(at)
            .help("if it serves routes, guard them by hand; they are not listed"),
        );
    }

    fn router_paths(&mut self, value: &Value, outer: &[Value], depth: usize, graph: &mut Graph) {
        match value {
            Value::Array(array) if depth < 20 => {
                let items = array.items.borrow().clone();
                items.iter().for_each(|it| self.router_paths(it, outer, depth + 1, graph));
            }
            Value::Class(class) => graph.paths.push((Rc::clone(class), join(outer))),
            Value::Object(route) if depth < 20 => {
                let mut all = outer.to_vec();
                all.extend(route.get("path"));
                if let Some(Value::Class(module)) = route.get("module") {
                    graph.paths.push((module, join(&all)));
                }
                for key in ["children", "routes"] {
                    if let Some(children) = route.get(key) {
                        self.router_paths(&children, &all, depth + 1, graph);
                    }
                }
            }
            _ => {}
        }
    }
}

/// `...(flag ? [A] : [])`: which list it is isn't known, but what is in both of them is.
fn is_choice(value: &Value) -> bool {
    matches!(value, Value::OneOf(all) if all.iter().all(|it| matches!(it, Value::Array(array) if !array.open.get())))
}

fn join(parts: &[Value]) -> Value {
    let mut whole = String::new();
    for part in parts {
        match part.as_str() {
            Some(text) if whole.len() < 10_000 => {
                whole.push('/');
                whole.push_str(text.trim_matches('/'));
            }
            _ => return Value::Unknown,
        }
    }
    Value::text(&whole)
}
