//! Imports, exports and `require`.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::{Eval, Host, MAX_DEPTH, Problem};
use crate::js::ir::{Export, Expr, ExprKind, Imported, Span};
use crate::js::program::Target;
use crate::js::value::{Arg, Closure, External, Object, Slot, Value};

/// Where an exported value is made.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// A variable of a module.
    Local { module: usize, local: Arc<str> },
    /// Something that a module imports.
    Import { module: usize, source: Arc<str>, imported: Imported },
    /// A property of what a CommonJS module exports.
    Property { module: usize, name: Arc<str> },
    /// Something that isn't there.
    Nowhere,
}

impl<H: Host> Eval<'_, H> {
    /// What `name` of `source` is, seen from `module`.
    pub(super) fn imported(&mut self, module: usize, source: &str, imported: &Imported) -> Value {
        match self.program.resolve(module, source) {
            Target::Module(target) => {
                if let Some(package) = self.stands_for(target) {
                    return external_import(package, imported);
                }
                match imported {
                    Imported::Namespace => self.namespace(target),
                    Imported::Name(name) => self.exported(target, name).unwrap_or(Value::Unknown),
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

    /// Whether what `expr` is a part of comes from a module that can have nothing to do with who is let in.
    pub(crate) fn is_from_silence(&self, expr: &Expr, closure: &Closure) -> bool {
        let mut head = expr;
        while let ExprKind::Member(object, _) = &head.kind {
            head = object;
        }
        let ExprKind::Name(name) = &head.kind else { return false };
        match closure.scope.lookup(name) {
            Some(Slot::Import(source, _)) => self.program.is_silent(closure.module, &source),
            _ => false,
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

    /// What a module exports as `name`, if it does.
    pub(crate) fn exported(&mut self, module: usize, name: &str) -> Option<Value> {
        // Two modules may say of the same name that it is the other's.
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let value = self.exported_inside(module, name);
        self.depth -= 1;
        value
    }

    fn exported_inside(&mut self, module: usize, name: &str) -> Option<Value> {
        // Where a name of a module of modules leads takes long to find, and stays the same.
        if let Some(known) = self.origins.get(&module).and_then(|it| it.get(name)).cloned() {
            return self.value_of(&known);
        }
        let origin = self.origin(module, name, &mut HashSet::new())?;
        let value = self.value_of(&origin);
        // What isn't there may not be there yet.
        if !matches!(origin, Origin::Nowhere) {
            self.origins.entry(module).or_default().insert(Arc::from(name), origin);
        }
        value
    }

    /// Where the value is made that a module exports under a name. `seen` is empty at first.
    fn origin(&mut self, module: usize, name: &str, seen: &mut HashSet<usize>) -> Option<Origin> {
        // Re-exports may lead in a circle.
        if !seen.insert(module) || self.depth > MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let origin = self.origin_inside(module, name, seen);
        self.depth -= 1;
        origin
    }

    fn origin_inside(&mut self, module: usize, name: &str, seen: &mut HashSet<usize>) -> Option<Origin> {
        self.load(module);
        let code = self.program.module(module);
        if !code.esm || code.exports.is_empty() {
            return Some(Origin::Property { module, name: Arc::from(name) });
        }
        for export in &code.exports {
            match export {
                Export::Local { local, exported } if &**exported == name => {
                    // Modules that import each other may look before there is anything to see.
                    self.loaded.get(&module)?.scope.lookup(local)?;
                    return Some(Origin::Local { module, local: Arc::clone(local) });
                }
                Export::From { source, imported, exported, .. } if &**exported == name => {
                    return Some(match (self.program.resolve(module, source), imported) {
                        (Target::Module(target), Imported::Name(inner)) if self.stands_for(target).is_none() => {
                            seen.remove(&module);
                            self.origin(target, inner, seen).unwrap_or(Origin::Nowhere)
                        }
                        _ => Origin::Import { module, source: Arc::clone(source), imported: imported.clone() },
                    });
                }
                _ => {}
            }
        }
        if name == "default" {
            return None;
        }
        code.exports.iter().find_map(|it| match it {
            Export::All { source, .. } => self.origin_in_all(module, source, name, seen),
            _ => None,
        })
    }

    /// Where `name` comes from, if `export * from source` has it.
    fn origin_in_all(
        &mut self,
        module: usize,
        source: &Arc<str>,
        name: &str,
        seen: &mut HashSet<usize>,
    ) -> Option<Origin> {
        let Target::Module(target) = self.program.resolve(module, source) else { return None };
        if self.stands_for(target).is_some() {
            let imported = Imported::Name(Arc::from(name));
            return Some(Origin::Import { module, source: Arc::clone(source), imported });
        }
        let origin = self.origin(target, name, seen)?;
        self.value_of(&origin).filter(|it| !matches!(it, Value::Undefined)).map(|_| origin)
    }

    fn value_of(&mut self, origin: &Origin) -> Option<Value> {
        match origin {
            Origin::Local { module, local } => {
                let scope = Rc::clone(&self.loaded.get(module)?.scope);
                scope.lookup(local)?;
                Some(self.lookup(&scope, local, *module))
            }
            Origin::Import { module, source, imported } => Some(self.imported(*module, source, imported)),
            Origin::Property { module, name } => {
                let exports = self.cjs_exports(*module);
                Some(match (&exports, &**name) {
                    (Value::Object(object), "default") => object.get("default").unwrap_or_else(|| exports.clone()),
                    (_, "default") => exports,
                    _ => self.member(&exports, name),
                })
            }
            Origin::Nowhere => Some(Value::Unknown),
        }
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
                    Target::Module(target) => match self.stands_for(target) {
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
