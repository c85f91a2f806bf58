//! What an expression may turn out to be.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use ruff_python_ast::{Expr, ExprLambda, ParameterWithDefault, Parameters, StmtClassDef, StmtFunctionDef};

pub(crate) use super::external::{Arg, Args, External};
pub(crate) use super::scope::{Scope, ScopeKind, Slot};
pub(crate) use crate::source::Place;

/// Lists in source code are shorter; what makes longer ones is not followed.
pub(crate) const MAX_ITEMS: usize = 5_000;
/// A longer string is not a path, a name or a constant.
const MAX_TEXT: usize = 64 * 1024;
/// More possibilities than this are not told apart.
pub(crate) const MAX_CHOICES: usize = 16;

/// A value, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) enum Value<'p> {
    /// Nothing is known.
    Unknown,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Text),
    Ellipsis,
    List(Rc<List<'p>>),
    Dict(Rc<Dict<'p>>),
    Function(Rc<Function<'p>>),
    /// A function with the object it was taken from, which is its first argument.
    Bound(Rc<(Value<'p>, Rc<Function<'p>>)>),
    Class(Rc<Class<'p>>),
    Instance(Rc<Instance<'p>>),
    /// A module of the tree, by its number.
    Module(usize),
    /// Something that comes from a package or from the language.
    External(Rc<External<'p>>),
    /// An object the host made.
    Host(usize),
    /// An attribute of a host object or of a built-in value that is called later.
    Method(Rc<Value<'p>>, Rc<str>),
    /// `functools.partial`: what is called, with the arguments that are there already.
    Partial(Rc<(Value<'p>, Args<'p>)>),
    /// `list[int]`, `Annotated[User, Depends(f)]`: what is subscripted, and with what.
    Item(Rc<(Value<'p>, Vec<Value<'p>>)>),
    /// `int | None` between types.
    Union(Rc<Vec<Value<'p>>>),
    /// What `super()` gives: the class whose parents are meant, and the object.
    Super(Rc<(Rc<Class<'p>>, Value<'p>)>),
    /// One of these, depending on something unknown.
    OneOf(Rc<Vec<Value<'p>>>),
}

/// A string.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) text: Rc<str>,
    /// It is a default that the environment may override.
    pub(crate) assumed: bool,
}

/// What a sequence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ListKind {
    #[default]
    List,
    Tuple,
    Set,
}

#[derive(Debug, Default)]
pub(crate) struct List<'p> {
    pub(crate) kind: ListKind,
    pub(crate) items: RefCell<Vec<Value<'p>>>,
    /// Whether there may be items that are not known.
    pub(crate) open: Cell<bool>,
    /// How many undecided branches had been entered when it was made.
    pub(crate) depth: usize,
}

impl<'p> List<'p> {
    /// Any of the items may be gone, and there may be others.
    pub(crate) fn doubt(&self) {
        for item in self.items.borrow_mut().iter_mut() {
            *item = std::mem::replace(item, Value::Unknown).or(Value::None);
        }
        self.open.set(true);
    }
}

#[derive(Debug, Default)]
pub(crate) struct Dict<'p> {
    pub(crate) items: RefCell<Vec<(Value<'p>, Value<'p>)>>,
    /// Whether there may be entries that are not known.
    pub(crate) open: Cell<bool>,
    /// `defaultdict(list)`: what makes an entry that is missing.
    pub(crate) makes: RefCell<Option<Rc<str>>>,
}

impl<'p> Dict<'p> {
    /// The entry that a `defaultdict` makes when it is looked for.
    pub(crate) fn make_missing(&self, key: &Value<'p>) -> Option<Value<'p>> {
        let makes = self.makes.borrow().clone()?;
        if self.open.get() || !matches!(key, Value::Str(_) | Value::Int(_)) {
            return None;
        }
        let made = match &*makes {
            "dict" => Value::Dict(Rc::default()),
            "list" => Value::list(ListKind::List, Vec::new(), false, 0),
            "set" => Value::list(ListKind::Set, Vec::new(), false, 0),
            _ => return None,
        };
        self.set(key.clone(), made.clone());
        Some(made)
    }

    pub(crate) fn get(&self, key: &Value<'p>) -> Option<Value<'p>> {
        self.items.borrow().iter().find(|(it, _)| it.same(key)).map(|(_, value)| value.clone())
    }

    pub(crate) fn get_str(&self, key: &str) -> Option<Value<'p>> {
        self.items.borrow().iter().find(|(it, _)| it.as_str() == Some(key)).map(|(_, value)| value.clone())
    }

    pub(crate) fn set(&self, key: Value<'p>, value: Value<'p>) {
        let mut items = self.items.borrow_mut();
        let count = items.len();
        match items.iter_mut().find(|(it, _)| it.same(&key)) {
            Some((_, old)) => *old = value,
            None if count < MAX_ITEMS => items.push((key, value)),
            None => self.open.set(true),
        }
    }
}

/// Where a function is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Def<'p> {
    Def(&'p StmtFunctionDef),
    Lambda(&'p ExprLambda),
}

/// How a function of a class is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    Plain,
    Static,
    Class,
    Property,
}

/// A function with what it closes over.
#[derive(Debug, Clone)]
pub(crate) struct Function<'p> {
    pub(crate) def: Def<'p>,
    pub(crate) scope: Rc<Scope<'p>>,
    pub(crate) module: usize,
    /// Parameters' defaults, evaluated where the function is defined.
    pub(crate) defaults: Rc<Vec<(&'p str, Value<'p>)>>,
    /// Decorators from outside the tree, innermost first. Others were called, and gave something else or this.
    pub(crate) decorators: Vec<(Value<'p>, Place)>,
    /// The function whose signature it took on with `functools.wraps`.
    pub(crate) wraps: Option<Rc<Function<'p>>>,
    /// The class in whose body it is defined.
    pub(crate) class: Rc<RefCell<Option<Rc<Class<'p>>>>>,
    pub(crate) binding: Binding,
    /// Attributes set on it later.
    pub(crate) attrs: Rc<RefCell<HashMap<Rc<str>, Value<'p>>>>,
}

impl<'p> Function<'p> {
    pub(crate) fn name(&self) -> &'p str {
        match self.def {
            Def::Def(def) => def.name.id.as_str(),
            Def::Lambda(_) => "lambda",
        }
    }

    pub(crate) fn parameters(&self) -> Option<&'p Parameters> {
        match self.def {
            Def::Def(def) => Some(&def.parameters),
            Def::Lambda(lambda) => lambda.parameters.as_deref(),
        }
    }

    /// The parameters that have a name of their own, in order, without `*args` and `**kwargs`.
    pub(crate) fn params(&self) -> Vec<&'p ParameterWithDefault> {
        let Some(all) = self.parameters() else { return Vec::new() };
        all.posonlyargs.iter().chain(&all.args).chain(&all.kwonlyargs).collect()
    }

    pub(crate) fn returns(&self) -> Option<&'p Expr> {
        match self.def {
            Def::Def(def) => def.returns.as_deref(),
            Def::Lambda(_) => None,
        }
    }

    pub(crate) fn default(&self, name: &str) -> Option<&Value<'p>> {
        self.defaults.iter().find(|(it, _)| *it == name).map(|(_, value)| value)
    }

    /// Where the function's own code is, which tells functions apart.
    pub(crate) fn key(&self) -> *const u8 {
        match self.def {
            Def::Def(def) => std::ptr::from_ref(def).cast(),
            Def::Lambda(lambda) => std::ptr::from_ref(lambda).cast(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Class<'p> {
    pub(crate) def: &'p StmtClassDef,
    pub(crate) module: usize,
    pub(crate) scope: Rc<Scope<'p>>,
    pub(crate) bases: Vec<Value<'p>>,
    /// Keywords of the class statement, such as `table=True`.
    pub(crate) keywords: Vec<(&'p str, Value<'p>)>,
    /// Attributes in order of definition.
    pub(crate) attrs: RefCell<Vec<(Rc<str>, Value<'p>)>>,
    pub(crate) decorators: RefCell<Vec<(Value<'p>, Place)>>,
    /// The parents of its parents and so on, once somebody asked. Without itself, which would keep it alive forever.
    pub(crate) above: OnceCell<Vec<Value<'p>>>,
}

impl<'p> Class<'p> {
    pub(crate) fn name(&self) -> &'p str {
        self.def.name.id.as_str()
    }

    /// An attribute of its own.
    pub(crate) fn own(&self, name: &str) -> Option<Value<'p>> {
        self.attrs.borrow().iter().find(|(it, _)| &**it == name).map(|(_, value)| value.clone())
    }

    /// The class and its parents, in the order in which attributes are looked up, with bases from outside the tree.
    pub(crate) fn mro(self: &Rc<Self>) -> Vec<Value<'p>> {
        let above = self.above.get_or_init(|| self.ancestors());
        std::iter::once(Value::Class(Rc::clone(self))).chain(above.iter().cloned()).collect()
    }

    fn ancestors(&self) -> Vec<Value<'p>> {
        let mut all = Vec::new();
        self.bases.iter().for_each(|it| collect(it, 1, &mut all));
        // A class that several parents share comes after all of them.
        let mut kept: Vec<Value<'p>> = Vec::new();
        for value in all.into_iter().rev() {
            if !kept.iter().any(|it| it.same(&value)) {
                kept.push(value);
            }
        }
        kept.reverse();
        kept
    }

    /// Whether one of its parents from outside of the tree has a name that `test` accepts.
    pub(crate) fn inherits(self: &Rc<Self>, test: impl Fn(&str) -> bool) -> bool {
        let above = self.above.get_or_init(|| self.ancestors());
        above.iter().any(|it| matches!(it, Value::External(it) if test(&it.name())))
    }

    /// Whether it or one of its parents is `other`.
    pub(crate) fn is_a(self: &Rc<Self>, other: &Rc<Self>) -> bool {
        let above = self.above.get_or_init(|| self.ancestors());
        Rc::ptr_eq(self, other) || above.iter().any(|it| matches!(it, Value::Class(it) if Rc::ptr_eq(it, other)))
    }
}

fn collect<'p>(value: &Value<'p>, depth: usize, all: &mut Vec<Value<'p>>) {
    if depth > 32 || all.len() > 256 {
        return;
    }
    match value {
        Value::Class(class) => {
            all.push(value.clone());
            class.bases.iter().for_each(|it| collect(it, depth + 1, all));
        }
        Value::External(_) | Value::Unknown => all.push(value.clone()),
        Value::Item(item) => collect(&item.0, depth + 1, all),
        Value::OneOf(values) => values.iter().for_each(|it| collect(it, depth + 1, all)),
        _ => {}
    }
}

#[derive(Debug)]
pub(crate) struct Instance<'p> {
    pub(crate) class: Rc<Class<'p>>,
    pub(crate) attrs: RefCell<Vec<(Rc<str>, Value<'p>)>>,
    /// What the constructor of a base from outside the tree gave.
    pub(crate) base: RefCell<Option<Value<'p>>>,
}

impl<'p> Instance<'p> {
    pub(crate) fn own(&self, name: &str) -> Option<Value<'p>> {
        self.attrs.borrow().iter().find(|(it, _)| &**it == name).map(|(_, value)| value.clone())
    }

    pub(crate) fn set(&self, name: &str, value: Value<'p>) {
        set(&mut self.attrs.borrow_mut(), name, value);
    }
}

/// Gives `name` a value, or another one.
pub(crate) fn set<'p>(attrs: &mut Vec<(Rc<str>, Value<'p>)>, name: &str, value: Value<'p>) {
    let count = attrs.len();
    match attrs.iter_mut().find(|(it, _)| &**it == name) {
        Some((_, old)) => *old = value,
        None if count < MAX_ITEMS => attrs.push((Rc::from(name), value)),
        None => {}
    }
}

impl<'p> Value<'p> {
    pub(crate) fn text(text: &str) -> Self {
        Self::str(text, false)
    }

    pub(crate) fn str(text: &str, assumed: bool) -> Self {
        if text.len() > MAX_TEXT { Self::Unknown } else { Self::Str(Text { text: Rc::from(text), assumed }) }
    }

    pub(crate) fn list(kind: ListKind, mut items: Vec<Self>, open: bool, depth: usize) -> Self {
        let open = open || items.len() > MAX_ITEMS;
        items.truncate(MAX_ITEMS);
        Self::List(Rc::new(List { kind, items: RefCell::new(items), open: Cell::new(open), depth }))
    }

    pub(crate) fn tuple(items: Vec<Self>) -> Self {
        Self::list(ListKind::Tuple, items, false, 0)
    }

    pub(crate) fn builtin(name: &str) -> Self {
        Self::External(Rc::new(External::Builtin(Rc::from(name))))
    }

    pub(crate) fn package(name: &str) -> Self {
        Self::External(Rc::new(External::Package(Rc::from(name))))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(&text.text),
            _ => None,
        }
    }

    /// The host's object, also if an object of the tree inherits from it.
    pub(crate) fn host(&self) -> Option<usize> {
        match self {
            Self::Host(object) => Some(*object),
            Self::Instance(instance) => match &*instance.base.borrow() {
                Some(Self::Host(object)) => Some(*object),
                _ => None,
            },
            _ => None,
        }
    }

    /// The dotted name of what comes from a package, also if it was called.
    pub(crate) fn external_name(&self) -> Option<String> {
        match self {
            Self::External(external) => Some(external.name()),
            _ => None,
        }
    }

    /// Whether it counts as true, if that is known.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::None => Some(false),
            Self::Bool(value) => Some(*value),
            Self::Int(value) => Some(*value != 0),
            Self::Float(value) => Some(*value != 0.0),
            Self::Str(text) if !text.assumed => Some(!text.text.is_empty()),
            Self::List(list) => {
                let known = list.items.borrow().iter().any(|it| !matches!(it, Self::OneOf(_)));
                match (known, list.open.get(), list.items.borrow().is_empty()) {
                    (true, ..) => Some(true),
                    (_, false, true) => Some(false),
                    _ => None,
                }
            }
            Self::Dict(dict) if !dict.items.borrow().is_empty() => Some(true),
            Self::Dict(dict) if !dict.open.get() => Some(false),
            Self::Function(_) | Self::Bound(_) | Self::Class(_) | Self::Module(_) => Some(true),
            Self::Host(_) | Self::Method(..) | Self::Partial(_) | Self::Item(_) | Self::Union(_) => Some(true),
            Self::OneOf(values) => {
                let first = values.first()?.truth()?;
                values.iter().all(|it| it.truth() == Some(first)).then_some(first)
            }
            _ => None,
        }
    }

    /// Every value it may be.
    pub(crate) fn each(&self) -> Vec<Self> {
        match self {
            Self::OneOf(values) => values.to_vec(),
            other => vec![other.clone()],
        }
    }

    /// The one value it is if it isn't `None`.
    pub(crate) fn some(&self) -> Self {
        match self {
            Self::OneOf(values) => {
                let mut left = values.iter().filter(|it| !matches!(it, Self::None));
                match (left.next(), left.next()) {
                    (Some(one), None) => one.clone(),
                    _ => self.clone(),
                }
            }
            other => other.clone(),
        }
    }

    /// Either of two. More than a few possibilities are not told apart.
    pub(crate) fn or(self, other: Self) -> Self {
        let mut all: Vec<Self> = Vec::new();
        for value in self.each().into_iter().chain(other.each()) {
            if !all.iter().any(|it| it.same(&value)) {
                all.push(value);
            }
        }
        match all.len() {
            0 => Self::Unknown,
            1 => all.pop().unwrap_or(Self::Unknown),
            2..=MAX_CHOICES => Self::OneOf(Rc::new(all)),
            _ => Self::Unknown,
        }
    }

    /// Whether both are the same thing for sure.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown, Self::Unknown) | (Self::None, Self::None) | (Self::Ellipsis, Self::Ellipsis) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Int(one), Self::Int(two)) => one == two,
            (Self::Float(one), Self::Float(two)) => one.to_bits() == two.to_bits(),
            (Self::Str(one), Self::Str(two)) => one.text == two.text,
            (Self::List(one), Self::List(two)) => Rc::ptr_eq(one, two),
            (Self::Dict(one), Self::Dict(two)) => Rc::ptr_eq(one, two),
            (Self::Function(one), Self::Function(two)) => Rc::ptr_eq(one, two),
            (Self::Class(one), Self::Class(two)) => Rc::ptr_eq(one, two),
            (Self::Instance(one), Self::Instance(two)) => Rc::ptr_eq(one, two),
            (Self::External(one), Self::External(two)) => {
                Rc::ptr_eq(one, two) || (one.called().is_none() && two.called().is_none() && one.name() == two.name())
            }
            (Self::Host(one), Self::Host(two)) | (Self::Module(one), Self::Module(two)) => one == two,
            (Self::Method(one, a), Self::Method(two, b)) => a == b && one.same(two),
            _ => false,
        }
    }
}
