//! Attributes and items of values.

use std::rc::Rc;

use ruff_python_ast::{Expr, ExprSlice};

use super::classes::is_settings;
use super::operators::is_enum;
use super::{Eval, Host, Site, span};
use crate::py::value::{Binding, Class, External, Function, List, ListKind, Scope, ScopeKind, Slot, Value, set};

impl<'p, H: Host<'p>> Eval<'p, H> {
    pub(crate) fn attribute(&mut self, object: &Value<'p>, name: &str) -> Value<'p> {
        if self.depth > super::MAX_DEPTH {
            return Value::Unknown;
        }
        self.depth += 1;
        let value = self.attribute_of(object, name);
        self.depth -= 1;
        value
    }

    fn attribute_of(&mut self, object: &Value<'p>, name: &str) -> Value<'p> {
        match object {
            Value::Module(module) => self.module_attribute(*module, name).unwrap_or(Value::Unknown),
            Value::Class(class) => self.class_attribute(class, name),
            Value::Instance(instance) => self.instance_attribute(object, instance, name),
            Value::External(external) => match self.host.member(external, name) {
                Some(value) => value,
                None => external.member(name),
            },
            Value::Host(host) => match self.host.attribute(*host, name) {
                Some(value) => value,
                None => Value::Method(Rc::new(object.clone()), Rc::from(name)),
            },
            // A member of an enumeration is taken for its value.
            Value::Str(_) | Value::Int(_) if name == "value" => object.clone(),
            Value::Str(_) | Value::List(_) | Value::Dict(_) | Value::Int(_) | Value::Float(_) => {
                Value::Method(Rc::new(object.clone()), Rc::from(name))
            }
            Value::Function(function) => function_attribute(function, name),
            Value::Bound(bound) => function_attribute(&bound.1, name),
            Value::Partial(partial) if name == "func" => partial.0.clone(),
            Value::Item(item) => self.attribute(&item.0, name),
            Value::Super(of) => self.super_attribute(&of.0, &of.1, name).unwrap_or(Value::Unknown),
            Value::OneOf(values) => {
                let values = Rc::clone(values);
                let known: Vec<Value<'p>> = values.iter().filter(|it| !matches!(it, Value::None)).cloned().collect();
                known.iter().map(|it| self.attribute(it, name)).reduce(Value::or).unwrap_or(Value::Unknown)
            }
            _ => Value::Unknown,
        }
    }

    /// An attribute of a class, from itself or its parents.
    pub(crate) fn class_attribute(&mut self, class: &Rc<Class<'p>>, name: &str) -> Value<'p> {
        if name == "__name__" || name == "__qualname__" {
            return Value::text(class.name());
        }
        for parent in class.mro() {
            match &parent {
                Value::Class(parent) => {
                    if let Some(value) = parent.own(name) {
                        return match &value {
                            Value::Function(function) if function.binding == Binding::Class => {
                                Value::Bound(Rc::new((Value::Class(Rc::clone(class)), Rc::clone(function))))
                            }
                            _ => value,
                        };
                    }
                }
                Value::External(external) if !is_enum(&external.name()) && external.name() != "object" => {
                    return match self.host.class_member(class, external, name) {
                        Some(value) => value,
                        None => external.member(name),
                    };
                }
                _ => return self.beside_unknown(class, name),
            }
        }
        self.beside_unknown(class, name)
    }

    /// An attribute of a class whose parents are not all known: what the host says that any such class has.
    fn beside_unknown(&mut self, class: &Rc<Class<'p>>, name: &str) -> Value<'p> {
        let known = class.mro().into_iter().find_map(|it| match it {
            Value::External(base) => Some(base),
            _ => None,
        });
        let base = known.unwrap_or_else(|| Rc::new(External::Builtin(Rc::from("object"))));
        self.host.class_member(class, &base, name).unwrap_or(Value::Unknown)
    }

    fn instance_attribute(
        &mut self,
        object: &Value<'p>,
        instance: &Rc<crate::py::value::Instance<'p>>,
        name: &str,
    ) -> Value<'p> {
        if let Some(value) = instance.own(name) {
            return value;
        }
        if name == "__class__" {
            return Value::Class(Rc::clone(&instance.class));
        }
        let mro = instance.class.mro();
        let from_settings = mro.iter().any(|it| matches!(it, Value::External(it) if is_settings(&it.name())));
        for parent in &mro {
            let Value::Class(parent) = parent else { break };
            if let Some(value) = parent.own(name) {
                return match value {
                    Value::Function(function) => self.take(object, &function),
                    Value::Str(text) if from_settings => Value::str(&text.text, true),
                    // A switch that the environment sets may be either.
                    Value::Bool(_) | Value::Int(_) | Value::None if from_settings => Value::Unknown,
                    Value::External(it) if from_settings => field_default(&it),
                    other => other,
                };
            }
        }
        let base = instance.base.borrow().clone();
        match base {
            Some(base) => self.attribute(&base, name),
            None => match mro.iter().find(|it| !matches!(it, Value::Class(_))) {
                Some(Value::External(external)) => external.member(name),
                _ => Value::Unknown,
            },
        }
    }

    /// A function of a class, taken from an object.
    fn take(&mut self, object: &Value<'p>, function: &Rc<Function<'p>>) -> Value<'p> {
        match function.binding {
            Binding::Static => Value::Function(Rc::clone(function)),
            Binding::Property => self.call_function(function, Some(object.clone()), &Default::default()),
            Binding::Class => {
                let class = match object {
                    Value::Instance(it) => Value::Class(Rc::clone(&it.class)),
                    other => other.clone(),
                };
                Value::Bound(Rc::new((class, Rc::clone(function))))
            }
            Binding::Plain => Value::Bound(Rc::new((object.clone(), Rc::clone(function)))),
        }
    }

    /// What the parents of `class` call `name`. `None`: only code outside of the tree knows.
    pub(super) fn super_attribute(
        &mut self,
        class: &Rc<Class<'p>>,
        object: &Value<'p>,
        name: &str,
    ) -> Option<Value<'p>> {
        let own = match object {
            Value::Instance(it) => Rc::clone(&it.class),
            Value::Class(it) => Rc::clone(it),
            _ => Rc::clone(class),
        };
        let mro = own.mro();
        let at =
            mro.iter().position(|it| matches!(it, Value::Class(it) if Rc::ptr_eq(it, class))).map_or(0, |at| at + 1);
        for parent in mro.iter().skip(at) {
            let Value::Class(parent) = parent else { return None };
            if let Some(value) = parent.own(name) {
                return Some(match &value {
                    Value::Function(function) => self.take(object, function),
                    _ => value,
                });
            }
        }
        None
    }

    pub(super) fn set_attribute(&mut self, object: &Value<'p>, name: &str, value: Value<'p>, site: &Site) {
        for object in object.each() {
            match &object {
                Value::Instance(instance) => {
                    let old = instance.own(name);
                    let value = self.maybe(old, value.clone());
                    instance.set(name, value.clone());
                    if let Some(host) = object.host() {
                        self.host.assign(host, name, &value, site);
                    }
                }
                Value::Class(class) => {
                    let value = self.maybe(class.own(name), value.clone());
                    set(&mut class.attrs.borrow_mut(), name, value);
                }
                Value::Function(function) => {
                    function.attrs.borrow_mut().insert(Rc::from(name), value.clone());
                }
                Value::Module(module) => {
                    if let Some(scope) = self.module_scope(*module) {
                        scope.declare(name, value.clone());
                    }
                }
                Value::Host(host) => self.host.assign(*host, name, &value, site),
                Value::External(external) => self.host.assign_member(external, name),
                _ => {}
            }
        }
    }

    /// A value that an undecided branch gives may also be the old one.
    fn maybe(&self, old: Option<Value<'p>>, value: Value<'p>) -> Value<'p> {
        match old {
            Some(old) if !self.branch.is_empty() => old.or(value),
            _ => value,
        }
    }

    pub(super) fn set_item(&mut self, object: &Value<'p>, key: Value<'p>, value: Value<'p>, site: &Site) {
        match object {
            Value::Dict(dict) => {
                if matches!(key, Value::Unknown) {
                    dict.open.set(true);
                } else {
                    dict.set(key, value);
                }
            }
            Value::List(list) => match key {
                Value::Int(at) if at >= 0 => {
                    let unsure = self.branch.len() > list.depth;
                    let mut items = list.items.borrow_mut();
                    if let Some(old) = usize::try_from(at).ok().and_then(|at| items.get_mut(at)) {
                        *old = if unsure { std::mem::replace(old, Value::Unknown).or(value) } else { value };
                    }
                }
                _ => list.doubt(),
            },
            other if container(other).is_some() => {
                if let Some(base) = container(other) {
                    self.set_item(&base, key, value, site);
                }
            }
            other => {
                if let Some(host) = other.host() {
                    self.host.set_item(host, &key, &value, site);
                }
            }
        }
    }

    /// `list[:] = values`, and what is more complicated.
    pub(super) fn set_slice(&mut self, list: &Rc<List<'p>>, slice: &ExprSlice, value: &Value<'p>) {
        let whole = slice.lower.is_none() && slice.upper.is_none() && slice.step.is_none();
        if whole && self.branch.len() <= list.depth {
            let (items, open) = self.items(value);
            list.items.replace(items);
            list.open.set(open);
        } else {
            list.doubt();
        }
    }

    /// `del target`
    pub(super) fn delete(&mut self, target: &'p Expr, scope: &Rc<Scope<'p>>) {
        let Expr::Subscript(it) = target else { return };
        let object = self.expr(&it.value, scope);
        match (&object, &*it.slice) {
            (Value::List(list), Expr::Slice(slice)) => self.set_slice(list, slice, &Value::None),
            (Value::List(list), key) => {
                let known = matches!(self.expr(key, scope), Value::Int(0)) && !list.open.get();
                let mut items = list.items.borrow_mut();
                if known && self.branch.len() <= list.depth && !items.is_empty() {
                    items.remove(0);
                } else {
                    drop(items);
                    list.doubt();
                }
            }
            (Value::Dict(dict), key) => {
                let key = self.expr(key, scope);
                match dict.get(&key) {
                    Some(_) if self.branch.is_empty() => dict.items.borrow_mut().retain(|(it, _)| !it.same(&key)),
                    Some(old) => dict.set(key, old.or(Value::Unknown)),
                    None => dict.open.set(true),
                }
            }
            _ => {}
        }
    }

    /// `object[key]`.
    pub(crate) fn item(&mut self, object: &Value<'p>, key: &Value<'p>) -> Value<'p> {
        match object {
            Value::Dict(dict) => dict.get(key).or_else(|| dict.make_missing(key)).unwrap_or(Value::Unknown),
            Value::List(list) => match key {
                Value::Int(at) => {
                    let items = list.items.borrow();
                    let count = i64::try_from(items.len()).unwrap_or(0);
                    let at = if *at < 0 && !list.open.get() { count + at } else { *at };
                    usize::try_from(at).ok().and_then(|at| items.get(at)).cloned().unwrap_or(Value::Unknown)
                }
                _ => Value::Unknown,
            },
            Value::Host(host) => self.host.item(*host, key),
            Value::External(external) if external.name() == "os.environ" => Value::Unknown,
            Value::External(external) if external.called().is_none() => {
                self.host.subscript(external, key).unwrap_or_else(|| type_item(object, key))
            }
            Value::Class(class) if class.inherits(is_enum) => {
                key.as_str().and_then(|it| class.own(it)).unwrap_or(Value::Unknown)
            }
            Value::Class(_) | Value::Item(_) => type_item(object, key),
            Value::Instance(_) => {
                let method = self.attribute(object, "__getitem__");
                let site = self.frames.last().map(|frame| frame.statement).unwrap_or_default();
                let place = crate::source::Place { module: self.current(), span: site };
                match &method {
                    Value::Bound(bound) => {
                        let args = crate::py::value::Args::of(vec![key.clone()], place);
                        self.call_function(&bound.1, Some(bound.0.clone()), &args)
                    }
                    _ => match container(object) {
                        Some(base) => self.item(&base, key),
                        None => Value::Unknown,
                    },
                }
            }
            Value::OneOf(values) => {
                let values = Rc::clone(values);
                let known: Vec<Value<'p>> = values.iter().filter(|it| !matches!(it, Value::None)).cloned().collect();
                known.iter().map(|it| self.item(it, key)).reduce(Value::or).unwrap_or(Value::Unknown)
            }
            _ => Value::Unknown,
        }
    }

    pub(super) fn slice(&mut self, object: &Value<'p>, slice: &'p ExprSlice, scope: &Rc<Scope<'p>>) -> Value<'p> {
        let mut bound = |it: &'p Option<Box<Expr>>| match it {
            Some(it) => match self.expr(it, scope) {
                Value::Int(at) => Some(Some(at)),
                _ => None,
            },
            None => Some(None),
        };
        let (Some(lower), Some(upper), Some(None)) = (bound(&slice.lower), bound(&slice.upper), bound(&slice.step))
        else {
            return Value::Unknown;
        };
        let range = |count: usize| {
            let count = i64::try_from(count).unwrap_or(0);
            let fix = |at: i64| usize::try_from(if at < 0 { count + at } else { at }.clamp(0, count)).unwrap_or(0);
            (fix(lower.unwrap_or(0)), fix(upper.unwrap_or(count)))
        };
        match object {
            Value::Str(text) => {
                let (from, to) = range(text.text.chars().count());
                let part: String = text.text.chars().skip(from).take(to.saturating_sub(from)).collect();
                Value::str(&part, text.assumed)
            }
            Value::List(list) if !list.open.get() => {
                let items = list.items.borrow();
                let (from, to) = range(items.len());
                let part = items.iter().skip(from).take(to.saturating_sub(from)).cloned().collect();
                Value::list(list.kind, part, false, list.depth)
            }
            _ => Value::Unknown,
        }
    }

    /// What a type is subscripted with: texts in it are types that are named before they are defined.
    pub(super) fn type_arguments(&mut self, key: &'p Expr, scope: &Rc<Scope<'p>>) -> Value<'p> {
        match key {
            Expr::Tuple(it) => {
                let items = it.elts.iter().map(|it| self.type_argument(it, scope)).collect();
                Value::list(ListKind::Tuple, items, false, 0)
            }
            other => self.type_argument(other, scope),
        }
    }

    fn type_argument(&mut self, expr: &'p Expr, scope: &Rc<Scope<'p>>) -> Value<'p> {
        match expr {
            Expr::StringLiteral(_) => self.quoted(expr, scope),
            other => self.expr(other, scope),
        }
    }

    /// An annotation: texts in it are expressions.
    pub(crate) fn quoted(&mut self, expr: &'p Expr, scope: &Rc<Scope<'p>>) -> Value<'p> {
        if let Expr::StringLiteral(text) = expr {
            let program = self.program;
            let module = program.module(self.current());
            return match module.facts.quoted.get(&span(expr).start) {
                Some(inner) if !matches!(inner, Expr::StringLiteral(_)) => {
                    // A name that nothing declares is text after all.
                    if let Expr::Name(name) = inner
                        && scope.lookup(&name.id).is_none()
                        && !matches!(name.id.as_str(), "int" | "str" | "bool" | "float" | "dict" | "list" | "bytes")
                    {
                        return Value::text(text.value.to_str());
                    }
                    self.expr(inner, scope)
                }
                _ => Value::text(text.value.to_str()),
            };
        }
        self.expr(expr, scope)
    }

    /// The annotation of a parameter or of a result, as the function sees it.
    pub(crate) fn annotation(&mut self, function: &Function<'p>, expr: &'p Expr) -> Value<'p> {
        self.in_module(function.module, |eval| {
            let scope = match function.scope.kind {
                ScopeKind::Class => without_functions(&function.scope),
                _ => Rc::clone(&function.scope),
            };
            eval.quoted(expr, &scope)
        })
    }

    /// Evaluates as if the code stood in `module`.
    pub(crate) fn in_module<T>(&mut self, module: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        self.frames.push(super::Frame {
            module,
            statement: Default::default(),
            returned: None,
            yielded: Vec::new(),
            function: None,
            first: None,
        });
        let result = work(self);
        self.frames.pop();
        result
    }

    /// What `name` stands for in a scope, if anything in the tree or an import declares it.
    pub(crate) fn resolve(&mut self, name: &str, scope: &Rc<Scope<'p>>) -> Option<Value<'p>> {
        match scope.lookup(name)? {
            Slot::Value(value) => Some(value),
            Slot::Late(module, other) => self.late(module, &other),
        }
    }
}

/// A class's names as they were when its methods were defined: a method called `list` is not yet there.
fn without_functions<'p>(scope: &Rc<Scope<'p>>) -> Rc<Scope<'p>> {
    let names = scope.vars.borrow();
    let kept = names.iter().filter(|(_, slot)| !matches!(slot, Slot::Value(Value::Function(_))));
    let vars = kept.map(|(name, slot)| (Rc::clone(name), slot.clone())).collect();
    Rc::new(Scope {
        vars: std::cell::RefCell::new(vars),
        parent: scope.parent.clone(),
        kind: scope.kind,
        depth: scope.depth,
        outer: std::cell::RefCell::new(scope.outer.borrow().clone()),
    })
}

/// The dictionary or list that an object of the tree also is.
fn container<'p>(object: &Value<'p>) -> Option<Value<'p>> {
    match object {
        Value::Instance(instance) => match &*instance.base.borrow() {
            Some(base @ (Value::Dict(_) | Value::List(_))) => Some(base.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn type_item<'p>(of: &Value<'p>, key: &Value<'p>) -> Value<'p> {
    let args = match key {
        Value::List(list) if list.kind == ListKind::Tuple => list.items.borrow().clone(),
        other => vec![other.clone()],
    };
    Value::Item(Rc::new((of.clone(), args)))
}

fn function_attribute<'p>(function: &Rc<Function<'p>>, name: &str) -> Value<'p> {
    match name {
        "__name__" | "__qualname__" => Value::text(function.name()),
        "__wrapped__" => function.wraps.clone().map_or(Value::Unknown, Value::Function),
        _ => function.attrs.borrow().get(name).cloned().unwrap_or(Value::Unknown),
    }
}

/// The default in `Field("…")` of a settings class.
fn field_default<'p>(field: &Rc<External<'p>>) -> Value<'p> {
    let Some((callee, args, _)) = field.called() else { return Value::External(Rc::clone(field)) };
    if callee.last() != "Field" {
        return Value::External(Rc::clone(field));
    }
    match args.get(0, "default") {
        Some(Value::Str(text)) => Value::str(&text.text, true),
        _ => Value::Unknown,
    }
}
