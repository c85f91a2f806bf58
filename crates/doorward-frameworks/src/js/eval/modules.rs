//! Imports, exports and `require`.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::{Eval, Host, MAX_DEPTH, Problem};
use crate::js::ir::{Export, Imported, Span};
use crate::js::program::Target;
use crate::js::value::{Arg, External, Object, Value};

impl<H: Host> Eval<'_, H> {
    /// What `name` of `source` is, seen from `module`.
    pub(super) fn imported(&mut self, module: usize, source: &str, imported: &Imported) -> Value {
        match self.program.resolve(module, source) {
            Target::Module(target) => {
                if let Some(package) = self.host.stands_for(&self.program.file(target)) {
                    return external_import(package, imported);
                }
                match imported {
                    Imported::Namespace => self.namespace(target),
                    Imported::Name(name) => self.export(target, name, &mut HashSet::new()).unwrap_or(Value::Unknown),
                }
            }
            Target::Json(path) => match (self.json(&path), imported) {
                (value, Imported::Namespace) => value,
                (value, Imported::Name(name)) if &**name == "default" => value,
                (Value::Object(object), Imported::Name(name)) => object.get(name).unwrap_or(Value::Undefined),
                _ => Value::Unknown,
            },
            Target::Package => external_import(source, imported),
            Target::Missing => Value::Unknown,
        }
    }

    pub(super) fn namespace(&mut self, module: usize) -> Value {
        self.load(module);
        let code = self.program.module(module);
        if code.esm && !code.exports.is_empty() { Value::Namespace(module) } else { self.cjs_exports(module) }
    }

    pub(crate) fn cjs_exports(&mut self, module: usize) -> Value {
        self.load(module);
        self.loaded.get(&module).and_then(|it| it.cjs.get("exports")).unwrap_or(Value::Unknown)
    }

    /// What a module exports under a name. `seen` is empty at first.
    pub(crate) fn export(&mut self, module: usize, name: &str, seen: &mut HashSet<usize>) -> Option<Value> {
        // Re-exports may lead in a circle.
        if !seen.insert(module) || self.depth > MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let value = self.export_inside(module, name, seen);
        self.depth -= 1;
        value
    }

    /// What a module exports as `name`, if it does.
    pub(crate) fn exported(&mut self, module: usize, name: &str) -> Option<Value> {
        self.export(module, name, &mut HashSet::new())
    }

    pub(super) fn export_inside(&mut self, module: usize, name: &str, seen: &mut HashSet<usize>) -> Option<Value> {
        self.load(module);
        let code = self.program.module(module);
        if !code.esm || code.exports.is_empty() {
            let exports = self.cjs_exports(module);
            return Some(match (&exports, name) {
                (Value::Object(object), "default") => object.get("default").unwrap_or_else(|| exports.clone()),
                (_, "default") => exports,
                _ => self.member(&exports, name),
            });
        }
        for export in &code.exports {
            match export {
                Export::Local { local, exported } if &**exported == name => {
                    let scope = Rc::clone(&self.loaded.get(&module)?.scope);
                    // Modules that import each other may look before there is anything to see.
                    scope.lookup(local)?;
                    return Some(self.lookup(&scope, local, module));
                }
                Export::From { source, imported, exported, .. } if &**exported == name => {
                    let (source, imported) = (Arc::clone(source), imported.clone());
                    return Some(match (self.program.resolve(module, &source), &imported) {
                        (Target::Module(target), Imported::Name(inner))
                            if self.host.stands_for(&self.program.file(target)).is_none() =>
                        {
                            seen.remove(&module);
                            self.export(target, inner, seen).unwrap_or(Value::Unknown)
                        }
                        _ => self.imported(module, &source, &imported),
                    });
                }
                _ => {}
            }
        }
        if name == "default" {
            return None;
        }
        let all: Vec<Arc<str>> = code
            .exports
            .iter()
            .filter_map(|it| match it {
                Export::All { source, .. } => Some(Arc::clone(source)),
                _ => None,
            })
            .collect();
        all.iter().find_map(|source| match self.program.resolve(module, source) {
            Target::Module(target) => match self.host.stands_for(&self.program.file(target)) {
                Some(package) => Some(external_import(package, &Imported::Name(Arc::from(name)))),
                None => self.export(target, name, seen).filter(|it| !matches!(it, Value::Undefined)),
            },
            _ => None,
        })
    }

    /// The names a module exports.
    pub(super) fn export_names(&self, module: usize) -> Vec<Arc<str>> {
        let code = self.program.module(module);
        code.exports
            .iter()
            .filter_map(|it| match it {
                Export::Local { exported, .. } | Export::From { exported, .. } => Some(Arc::clone(exported)),
                Export::All { .. } => None,
            })
            .collect()
    }

    pub(super) fn require(&mut self, args: &[Arg], span: Span) -> Value {
        let module = self.module();
        let sources = args.first().map(|it| it.value.each()).unwrap_or_default();
        let mut result: Option<Value> = None;
        for source in sources {
            let value = match source.as_str() {
                Some(source) => match self.program.resolve(module, source) {
                    Target::Module(target) => match self.host.stands_for(&self.program.file(target)) {
                        Some(package) => external_import(package, &Imported::Namespace),
                        None => self.namespace(target),
                    },
                    Target::Json(path) => self.json(&path),
                    Target::Package => external_import(source, &Imported::Namespace),
                    Target::Missing => {
                        let place = self.place(span);
                        self.problem(Problem::MissingModule(place, source.to_owned()));
                        Value::Unknown
                    }
                },
                None => {
                    let place = self.place(span);
                    self.problem(Problem::DynamicImport(place));
                    Value::Unknown
                }
            };
            result = Some(match result {
                Some(other) => other.or(value),
                None => value,
            });
        }
        result.unwrap_or(Value::Unknown)
    }

    pub(super) fn json(&self, path: &std::path::Path) -> Value {
        fn convert(value: &serde_json::Value) -> Value {
            match value {
                serde_json::Value::Null => Value::Null,
                serde_json::Value::Bool(it) => Value::Bool(*it),
                serde_json::Value::Number(it) => it.as_f64().map_or(Value::Unknown, Value::Num),
                serde_json::Value::String(it) => Value::text(it),
                serde_json::Value::Array(it) => Value::array(it.iter().map(convert).collect(), false),
                serde_json::Value::Object(it) => {
                    let object = Object::default();
                    it.iter().for_each(|(key, value)| object.set(key, convert(value)));
                    Value::Object(Rc::new(object))
                }
            }
        }
        let text = self.program.read(path);
        text.and_then(|text| serde_json::from_str(&text).ok()).map_or(Value::Unknown, |it| convert(&it))
    }
}

pub(super) fn external_import(source: &str, imported: &Imported) -> Value {
    let source = source.strip_prefix("node:").unwrap_or(source);
    let package = Rc::new(External::Package(Arc::from(source)));
    match imported {
        Imported::Name(name) if &**name != "default" => {
            Value::External(Rc::new(External::Member(package, Arc::clone(name))))
        }
        _ => Value::External(package),
    }
}
