//! Loading modules, and the names that imports bind.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ruff_python_ast::{StmtImport, StmtImportFrom};

use super::{Eval, Flow, Frame, Host, Loaded, Problem};
use crate::py::program::Target;
use crate::py::value::{External, Scope, Slot, Value};
use crate::source::Span;

/// Names are handed on through fewer modules.
const MAX_HOPS: usize = 64;

impl<'p, H: Host<'p>> Eval<'p, H> {
    /// Loads a module, after the packages around it, unless that was done already.
    pub(crate) fn load(&mut self, module: usize) {
        if self.loaded.contains_key(&module) || self.depth > super::MAX_DEPTH {
            return;
        }
        if let Some(parent) = self.program.parent(module)
            && parent != module
        {
            self.load(parent);
            if self.loaded.contains_key(&module) {
                return;
            }
        }
        let code = self.program.module(module);
        let scope = Rc::new(Scope { depth: self.branch.len(), ..Scope::default() });
        let path = self.program.root().join(&code.file).to_string_lossy().into_owned();
        scope.declare("__file__", Value::text(&path));
        scope.declare("__name__", Value::Unknown);
        if let Some(folder) = &code.folder {
            let folder = self.program.root().join(folder).to_string_lossy().into_owned();
            scope.declare("__path__", Value::list(Default::default(), vec![Value::text(&folder)], false, 0));
        }
        let loaded = Rc::new(Loaded { scope: Rc::clone(&scope), done: Cell::new(false) });
        self.loaded.insert(module, Rc::clone(&loaded));
        let loader = self.host.loads(module);
        self.frames.push(Frame {
            module,
            statement: Span::default(),
            returned: None,
            yielded: Vec::new(),
            function: None,
            first: None,
        });
        self.depth += 20;
        // A module is read as a whole, whatever asked for it.
        let limit = if self.asking { self.limit } else { super::MAX_STEPS };
        let outer = (std::mem::replace(&mut self.working, false), std::mem::replace(&mut self.limit, limit));
        self.block(&code.body, &scope);
        (self.working, self.limit) = outer;
        self.depth -= 20;
        self.frames.pop();
        self.host.loads(loader);
        loaded.done.set(true);
    }

    /// What a module calls `name`, loading it if need be.
    pub(crate) fn module_attribute(&mut self, module: usize, name: &str) -> Option<Value<'p>> {
        let (mut module, mut name) = (module, Rc::from(name));
        // Modules that import a name from each other in a circle have it nowhere.
        for _ in 0..MAX_HOPS {
            self.load(module);
            let slot = self.loaded.get(&module)?.scope.vars.borrow().get(&name).cloned();
            match slot {
                Some(Slot::Value(value)) => return Some(value),
                // A package that names its own modules, for types: they are there once somebody asks.
                Some(Slot::Late(of, other)) if (of, &other) != (module, &name) => (module, name) = (of, other),
                _ => {
                    let folder = self.program.module(module).folder.as_deref()?;
                    let child = self.program.child(folder, &name)?;
                    self.load(child);
                    return Some(Value::Module(child));
                }
            }
        }
        None
    }

    pub(super) fn late(&mut self, module: usize, name: &str) -> Option<Value<'p>> {
        self.depth += 1;
        let value = if self.depth > super::MAX_DEPTH { None } else { self.module_attribute(module, name) };
        self.depth -= 1;
        value
    }

    pub(super) fn import(&mut self, import: &'p StmtImport, scope: &Rc<Scope<'p>>, only_types: bool) {
        for alias in &import.names {
            let dotted = alias.name.id.as_str();
            let top = dotted.split('.').next().unwrap_or(dotted);
            let from = self.current();
            let target = self.program.resolve(from, 0, dotted);
            if target == Target::Missing && !only_types && self.trying == 0 {
                let place = self.place(alias);
                self.problem(Problem::MissingModule(place, dotted.to_owned()));
            }
            if let (Target::Module(module), false) = (target, only_types) {
                self.load(module);
            }
            let (name, bound) = match &alias.asname {
                Some(name) => (name.id.as_str(), target),
                None if top == dotted => (top, target),
                None => (top, self.program.resolve(from, 0, top)),
            };
            let value = match bound {
                Target::Module(module) => Value::Module(module),
                _ if target == Target::Missing => Value::Unknown,
                _ if alias.asname.is_some() => Value::package(dotted),
                _ => Value::package(top),
            };
            self.bind_name(name, value, scope);
        }
    }

    pub(super) fn import_from(&mut self, import: &'p StmtImportFrom, scope: &Rc<Scope<'p>>, only_types: bool) {
        let dotted = import.module.as_ref().map_or("", |it| it.id.as_str());
        let target = self.program.resolve(self.current(), import.level, dotted);
        match target {
            Target::Module(module) => {
                if !only_types {
                    self.load(module);
                }
                for alias in &import.names {
                    let name = alias.name.id.as_str();
                    if name == "*" {
                        self.import_all(module, scope);
                        continue;
                    }
                    let local = alias.asname.as_ref().map_or(name, |it| it.id.as_str());
                    let late = only_types || self.is_loading(module, name);
                    if late {
                        scope.vars.borrow_mut().insert(Rc::from(local), Slot::Late(module, Rc::from(name)));
                        continue;
                    }
                    let value = self.module_attribute(module, name).unwrap_or(Value::Unknown);
                    self.bind_name(local, value, scope);
                }
            }
            Target::Package => {
                let package = Rc::new(External::Package(Rc::from(dotted)));
                for alias in import.names.iter().filter(|it| it.name.id.as_str() != "*") {
                    let local = alias.asname.as_ref().unwrap_or(&alias.name).id.as_str();
                    self.bind_name(local, package.member(alias.name.id.as_str()), scope);
                }
            }
            Target::Missing => {
                if !only_types && self.trying == 0 {
                    let name = format!("{}{dotted}", ".".repeat(import.level.min(20) as usize));
                    let place = self.place(import);
                    self.problem(Problem::MissingModule(place, name));
                }
                for alias in &import.names {
                    let local = alias.asname.as_ref().unwrap_or(&alias.name).id.as_str();
                    self.bind_name(local, Value::Unknown, scope);
                }
            }
        }
    }

    /// Whether `module` is being loaded and has not got as far as `name`: the imports go in a circle.
    fn is_loading(&self, module: usize, name: &str) -> bool {
        let Some(loaded) = self.loaded.get(&module) else { return false };
        let is_child = || {
            let folder = self.program.module(module).folder.as_deref();
            folder.and_then(|it| self.program.child(it, name)).is_some()
        };
        !loaded.done.get() && !loaded.scope.vars.borrow().contains_key(name) && !is_child()
    }

    fn import_all(&mut self, module: usize, scope: &Rc<Scope<'p>>) {
        let Some(loaded) = self.loaded.get(&module).map(Rc::clone) else { return };
        let names: Vec<Rc<str>> = match loaded.scope.vars.borrow().get("__all__") {
            Some(Slot::Value(Value::List(list))) => {
                list.items.borrow().iter().filter_map(|it| it.as_str().map(Rc::from)).collect()
            }
            _ => loaded.scope.vars.borrow().keys().filter(|it| !it.starts_with('_')).map(Rc::clone).collect(),
        };
        for name in names {
            if let Some(value) = self.module_attribute(module, &name) {
                scope.declare(&name, value);
            }
        }
    }

    /// `importlib.import_module(name, package)`.
    pub(super) fn import_module(&mut self, name: Option<&Value<'p>>, site: &super::Site) -> Value<'p> {
        let Some(text) = name.and_then(Value::as_str) else {
            self.problem(Problem::DynamicImport(site.place()));
            return Value::Unknown;
        };
        let dotted = text.trim_start_matches('.');
        let level = u32::try_from(text.len() - dotted.len()).unwrap_or(0);
        match self.program.resolve(site.module, level, dotted) {
            Target::Module(module) => {
                self.load(module);
                Value::Module(module)
            }
            Target::Package => Value::package(dotted),
            Target::Missing => {
                self.problem(Problem::MissingModule(site.place(), text.to_owned()));
                Value::Unknown
            }
        }
    }

    /// `if TYPE_CHECKING:` binds names for annotations and loads nothing.
    pub(super) fn only_types(&mut self, body: &'p [ruff_python_ast::Stmt], scope: &Rc<Scope<'p>>) -> Flow {
        for statement in body {
            match statement {
                ruff_python_ast::Stmt::Import(import) => self.import(import, scope, true),
                ruff_python_ast::Stmt::ImportFrom(import) => self.import_from(import, scope, true),
                _ => {}
            }
        }
        Flow::Next
    }

    /// The scope of a module, once it was loaded.
    pub(crate) fn module_scope(&self, module: usize) -> Option<Rc<Scope<'p>>> {
        self.loaded.get(&module).map(|it| Rc::clone(&it.scope))
    }

    pub(super) fn bind_name(&mut self, name: &str, value: Value<'p>, scope: &Rc<Scope<'p>>) {
        if let Some(object) = value.host() {
            self.host.named(object, name);
        }
        let declared = scope.outer.borrow().iter().find(|(it, _)| *it == name).copied();
        let target = match declared {
            Some((_, true)) => self.module_scope(self.current()).unwrap_or_else(|| Rc::clone(scope)),
            Some((_, false)) => owner(name, scope),
            None => Rc::clone(scope),
        };
        let old = target.vars.borrow().get(name).cloned();
        let value = match old {
            // Inside of an undecided branch, the old value may still be the right one.
            Some(Slot::Value(old)) if self.branch.len() > target.depth => old.or(value),
            _ => value,
        };
        target.declare(name, value);
    }

    pub(super) fn lookup(&mut self, name: &str, scope: &Rc<Scope<'p>>) -> Value<'p> {
        match scope.lookup(name) {
            Some(Slot::Value(value)) => value,
            Some(Slot::Late(module, other)) => self.late(module, &other).unwrap_or(Value::Unknown),
            None => Value::builtin(name),
        }
    }

    pub(super) fn child(&self, scope: &Rc<Scope<'p>>, kind: crate::py::value::ScopeKind) -> Rc<Scope<'p>> {
        Rc::new(Scope {
            parent: Some(Rc::clone(scope)),
            depth: self.branch.len(),
            kind,
            vars: RefCell::default(),
            outer: RefCell::default(),
        })
    }
}

/// The scope around `scope` that `nonlocal` means.
fn owner<'p>(name: &str, scope: &Rc<Scope<'p>>) -> Rc<Scope<'p>> {
    let mut at = scope.parent.clone();
    while let Some(outer) = at {
        if outer.vars.borrow().contains_key(name) {
            return outer;
        }
        at = outer.parent.clone();
    }
    Rc::clone(scope)
}
