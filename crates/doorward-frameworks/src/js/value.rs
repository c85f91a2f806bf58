//! What an expression may turn out to be.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::ir::{Class, Function, Span};
pub(crate) use crate::source::Place;

/// Lists in source code are shorter; what makes longer ones is not followed.
pub(crate) const MAX_ITEMS: usize = 5_000;

/// A value, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing is known.
    Unknown,
    Undefined,
    Null,
    Bool(bool),
    Num(f64),
    Str(Text),
    Regex(Arc<str>, Arc<str>),
    Array(Rc<Array>),
    Object(Rc<Object>),
    Function(Rc<Closure>),
    Class(Rc<ClassValue>),
    /// Something that comes from a package or from the platform.
    External(Rc<External>),
    /// A module's exports, as `import * as` sees them.
    Namespace(usize),
    /// `require` itself.
    Require,
    /// An object the host made.
    Host(usize),
    /// A method taken off its object.
    Method(Box<Value>, Arc<str>),
    /// One of these, depending on something unknown.
    OneOf(Rc<Vec<Value>>),
}

/// A string.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) text: Arc<str>,
    /// It is a default that the environment may override.
    pub(crate) assumed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Array {
    pub(crate) items: RefCell<Vec<Value>>,
    /// Whether there may be items that are not known.
    pub(crate) open: Cell<bool>,
    /// How many undecided branches had been entered when it was made.
    pub(crate) depth: Cell<usize>,
}

#[derive(Debug, Default)]
pub(crate) struct Object {
    pub(crate) props: RefCell<Vec<(Arc<str>, Value)>>,
    pub(crate) getters: RefCell<Vec<Arc<str>>>,
    /// Whether there may be properties that are not known.
    pub(crate) open: Cell<bool>,
    /// How many undecided branches had been entered when it was made.
    pub(crate) depth: Cell<usize>,
    pub(crate) class: Option<Rc<ClassValue>>,
}

impl Array {
    /// Something that isn't known was done to it: every item may be gone, and there may be others.
    pub(crate) fn doubt(&self) {
        for item in self.items.borrow_mut().iter_mut() {
            *item = std::mem::replace(item, Value::Unknown).or_nothing();
        }
        self.open.set(true);
    }
}

impl Object {
    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        self.props.borrow().iter().find(|(key, _)| &**key == name).map(|(_, value)| value.clone())
    }

    pub(crate) fn set(&self, name: &str, value: Value) {
        let mut props = self.props.borrow_mut();
        match props.iter_mut().find(|(key, _)| &**key == name) {
            Some((_, old)) => *old = value,
            None => props.push((Arc::from(name), value)),
        }
    }
}

impl Object {
    /// Takes the properties of one of `values`; what not all of them have may be missing.
    pub(crate) fn take_one_of(&self, values: &[Value]) {
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut known: HashSet<Arc<str>> = HashSet::new();
        for value in values {
            match value {
                Value::Object(other) => {
                    self.open.set(self.open.get() || other.open.get());
                    for (name, _) in other.props.borrow().iter() {
                        if known.insert(Arc::clone(name)) {
                            names.push(Arc::clone(name));
                        }
                    }
                }
                Value::Undefined | Value::Null | Value::Bool(_) => {}
                _ => self.open.set(true),
            }
        }
        for name in names.into_iter().take(MAX_ITEMS) {
            let old = || self.get(&name).unwrap_or(Value::Undefined);
            let of = |value: &Value| match value {
                Value::Object(other) => other.get(&name).unwrap_or_else(old),
                _ => old(),
            };
            let value = values.iter().map(of).reduce(Value::or).unwrap_or(Value::Undefined);
            self.set(&name, value);
        }
    }
}

/// A function with what it closes over.
#[derive(Debug)]
pub(crate) struct Closure {
    pub(crate) function: Arc<Function>,
    pub(crate) scope: Rc<Scope>,
    pub(crate) module: usize,
    pub(crate) this: Option<Value>,
    pub(crate) props: Object,
}

#[derive(Debug)]
pub(crate) struct ClassValue {
    pub(crate) class: Arc<Class>,
    pub(crate) scope: Rc<Scope>,
    pub(crate) module: usize,
    pub(crate) parent: Value,
    pub(crate) statics: Object,
}

/// A value known only by where it comes from.
#[derive(Debug, Clone)]
pub(crate) enum External {
    /// What `require('name')` or `import` gives.
    Package(Arc<str>),
    /// A name that nothing in the project declares, such as `process`.
    Global(Arc<str>),
    Member(Rc<External>, Arc<str>),
    Call(Rc<External>, Vec<Arg>, Place),
}

/// One argument of a call.
#[derive(Debug, Clone)]
pub(crate) struct Arg {
    pub(crate) value: Value,
    pub(crate) span: Span,
    /// An unknown number of unknown arguments.
    pub(crate) spread: bool,
}

impl External {
    /// The package it comes from. Globals have none.
    pub(crate) fn package(&self) -> Option<&str> {
        match self {
            Self::Package(name) => Some(name),
            Self::Global(_) => None,
            Self::Member(of, _) | Self::Call(of, ..) => of.package(),
        }
    }

    /// The members and calls from the package or global on: `["passport", "authenticate", "()"]`.
    pub(crate) fn path(&self) -> Vec<&str> {
        match self {
            Self::Package(name) | Self::Global(name) => vec![name],
            Self::Member(of, name) => {
                let mut path = of.path();
                path.push(name);
                path
            }
            Self::Call(of, ..) => {
                let mut path = of.path();
                path.push("()");
                path
            }
        }
    }

    /// The dotted name without calls: `passport.authenticate`.
    pub(crate) fn name(&self) -> String {
        self.path().into_iter().filter(|part| *part != "()").collect::<Vec<_>>().join(".")
    }
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Str(Text { text: Arc::from(text), assumed: false })
    }

    pub(crate) fn array(mut items: Vec<Self>, open: bool) -> Self {
        let open = open || items.len() > MAX_ITEMS;
        items.truncate(MAX_ITEMS);
        Self::Array(Rc::new(Array { items: RefCell::new(items), open: Cell::new(open), ..Array::default() }))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(&text.text),
            _ => None,
        }
    }

    /// Whether it counts as true, if that is known.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::Undefined | Self::Null => Some(false),
            Self::Bool(value) => Some(*value),
            Self::Num(value) => Some(*value != 0.0 && !value.is_nan()),
            Self::Str(text) if !text.assumed => Some(!text.text.is_empty()),
            Self::Regex(..) | Self::Array(_) | Self::Object(_) | Self::Function(_) | Self::Class(_) => Some(true),
            Self::Host(_) | Self::Namespace(_) | Self::Require | Self::Method(..) => Some(true),
            Self::Str(_) | Self::Unknown | Self::External(_) | Self::OneOf(_) => None,
        }
    }

    /// Every value it may be.
    pub(crate) fn each(&self) -> Vec<Self> {
        match self {
            Self::OneOf(values) => values.to_vec(),
            other => vec![other.clone()],
        }
    }

    /// Either of two. More than a few possibilities are not told apart.
    pub(crate) fn or(self, other: Self) -> Self {
        let mut all: Vec<Self> = Vec::new();
        let mut absent = false;
        for value in self.each().into_iter().chain(other.each()) {
            if matches!(value, Self::Undefined | Self::Null) {
                absent = true;
            } else if !all.iter().any(|it| it.same(&value)) {
                all.push(value);
            }
        }
        // A path that may be missing is a path. A guard that may be missing is none.
        if absent && all.iter().any(|it| it.may_guard(0)) {
            all.push(Self::Undefined);
        }
        match all.len() {
            0 => Self::Undefined,
            1 => all.pop().unwrap_or(Self::Unknown),
            2..=16 => Self::OneOf(Rc::new(all)),
            _ => Self::Unknown,
        }
    }

    /// The same, unless it is something that may guard: then it may be missing.
    pub(crate) fn or_nothing(self) -> Self {
        self.or(Self::Undefined)
    }

    /// The object it is. Where it may be one of several, one that has what any of them has; a guard that not all have
    /// may be missing.
    pub(crate) fn as_object(&self) -> Option<Rc<Object>> {
        match self {
            Self::Object(object) => Some(Rc::clone(object)),
            Self::OneOf(values) => {
                let mut objects = values.iter().filter_map(|it| match it {
                    Self::Object(object) => Some(object),
                    _ => None,
                });
                match (objects.next(), values.len()) {
                    (Some(_), 2..) => {
                        let merged = Object::default();
                        merged.take_one_of(values);
                        Some(Rc::new(merged))
                    }
                    (first, _) => first.cloned(),
                }
            }
            _ => None,
        }
    }

    /// Whether a request may be given to it.
    pub(crate) fn may_guard(&self, depth: usize) -> bool {
        match self {
            Self::Function(_) => true,
            Self::External(external) => matches!(**external, External::Call(..)),
            Self::Class(class) => {
                class.class.methods.iter().any(|it| matches!(&*it.name, "canActivate" | "use") && !it.is_static)
            }
            Self::Array(array) => depth < 3 && array.items.borrow().iter().take(20).any(|it| it.may_guard(depth + 1)),
            Self::OneOf(values) => depth < 3 && values.iter().any(|it| it.may_guard(depth + 1)),
            _ => false,
        }
    }

    /// Every value it may be that something can be asked of.
    pub(crate) fn present(&self) -> Vec<Self> {
        let mut all = self.each();
        if all.len() > 1 {
            all.retain(|it| !matches!(it, Self::Undefined | Self::Null));
        }
        all
    }

    /// Whether both are the same thing for sure.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown, Self::Unknown) | (Self::Undefined, Self::Undefined) | (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Num(one), Self::Num(two)) => one.to_bits() == two.to_bits(),
            (Self::Str(one), Self::Str(two)) => one.text == two.text,
            (Self::Array(one), Self::Array(two)) => Rc::ptr_eq(one, two),
            (Self::Object(one), Self::Object(two)) => Rc::ptr_eq(one, two),
            (Self::Function(one), Self::Function(two)) => Rc::ptr_eq(one, two),
            (Self::Class(one), Self::Class(two)) => Rc::ptr_eq(one, two),
            (Self::External(one), Self::External(two)) => Rc::ptr_eq(one, two),
            (Self::Host(one), Self::Host(two)) | (Self::Namespace(one), Self::Namespace(two)) => one == two,
            _ => false,
        }
    }
}

/// A place where names live.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) vars: RefCell<HashMap<Arc<str>, Slot>>,
    pub(crate) parent: Option<Rc<Scope>>,
    /// Whether `var` ends up here.
    pub(crate) is_function: bool,
    /// How many undecided branches had been entered when it was made.
    pub(crate) depth: usize,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    Value(Value),
    /// A live binding: module, name.
    Import(Arc<str>, Imported),
}

pub(crate) use super::ir::Imported;

impl Scope {
    pub(crate) fn lookup(&self, name: &str) -> Option<Slot> {
        if let Some(slot) = self.vars.borrow().get(name) {
            return Some(slot.clone());
        }
        self.parent.as_ref().and_then(|parent| parent.lookup(name))
    }

    pub(crate) fn declare(&self, name: &str, value: Value) {
        self.vars.borrow_mut().insert(Arc::from(name), Slot::Value(value));
    }
}
