//! What a value is on one way through a handler, when a stranger asks.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use crate::js::ir::Function;
use crate::js::value::{ClassValue, Closure, External, Scope, Value};

/// Where something unknown comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Taint {
    /// From the project or a package.
    Plain,
    /// From the environment.
    Env,
    /// Sent by whoever asks: body, query, path.
    Input,
    /// Sent as proof of who asks. A stranger may send anything.
    Credential,
    /// What code that can't be read makes of a credential. A stranger's is taken to be nothing.
    Claim,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// Equal numbers are the same unknown.
    Unknown(u64, Taint),
    Nothing,
    Bool(bool),
    Num(f64),
    Str(Arc<str>),
    /// The path that is asked for.
    Path,
    List(Rc<RefCell<Vec<Seen>>>),
    Record(Rc<Record>),
    Function(Rc<Code>),
    /// What the evaluator knows.
    Outside(Value),
    Reply(Reply),
    Promise(Rc<Seen>),
    /// A promise that fails with this.
    Rejected(Rc<Seen>),
    Request,
    /// What some frameworks give their handlers: the request and the response in one.
    Context,
    Headers,
    Cookies,
    Url,
    /// The response object of handlers that have one.
    Response,
    /// Runs the next handler.
    Next(usize),
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reply {
    /// With this status.
    Status(f64),
    /// With a status that isn't known.
    Some,
    /// Somewhere else.
    Redirect,
    /// The request goes on, as middleware says.
    Pass,
}

/// An object.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) props: RefCell<HashMap<Arc<str>, Seen>>,
    /// There may be more; of this taint.
    pub(crate) open: Option<Taint>,
    pub(crate) class: Option<Rc<ClassValue>>,
    /// It says that somebody is not let in.
    pub(crate) refusal: bool,
}

impl Record {
    pub(crate) fn of(props: &[(&str, Seen)]) -> Seen {
        let props = props.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect();
        Seen::Record(Rc::new(Self { props: RefCell::new(props), ..Self::default() }))
    }
}

/// A function with what it closes over.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) function: Arc<Function>,
    pub(crate) env: Rc<Env>,
    pub(crate) module: usize,
    pub(crate) this: Option<Seen>,
}

/// Names, and where to look for others.
#[derive(Debug)]
pub(crate) struct Env {
    pub(crate) vars: RefCell<HashMap<Arc<str>, Seen>>,
    pub(crate) parent: Parent,
}

#[derive(Debug, Clone)]
pub(crate) enum Parent {
    Env(Rc<Env>),
    /// A scope of the evaluator, in a module.
    Scope(Rc<Scope>, usize),
}

impl Env {
    pub(crate) fn inside(parent: Parent) -> Rc<Self> {
        Rc::new(Self { vars: RefCell::default(), parent })
    }

    pub(crate) fn declare(&self, name: &str, value: Seen) {
        self.vars.borrow_mut().insert(Arc::from(name), value);
    }
}

/// A number that only this derivation has.
pub(crate) fn derived(from: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    from.hash(&mut hasher);
    hasher.finish()
}

impl Seen {
    pub(crate) fn str(text: &str) -> Self {
        Self::Str(Arc::from(text))
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(RefCell::new(items)))
    }

    pub(crate) fn function(closure: &Closure) -> Self {
        let env = Env::inside(Parent::Scope(Rc::clone(&closure.scope), closure.module));
        let this = closure.this.clone().map(Self::Outside);
        Self::Function(Rc::new(Code { function: Arc::clone(&closure.function), env, module: closure.module, this }))
    }

    /// A value of the evaluator. `from` tells one unknown from another.
    pub(crate) fn of(value: &Value, from: &impl Hash) -> Self {
        match value {
            // A client of a package that is only made where there is a key for it.
            Value::OneOf(_) if matches!(value.present().as_slice(), [Value::External(_)]) => {
                value.present().first().map_or(Self::Nothing, |it| Self::Outside(it.clone()))
            }
            Value::Unknown | Value::OneOf(_) => Self::Unknown(derived(from), Taint::Plain),
            Value::Undefined | Value::Null => Self::Nothing,
            Value::Bool(it) => Self::Bool(*it),
            Value::Num(it) => Self::Num(*it),
            Value::Str(it) if it.assumed => Self::Unknown(derived(from), Taint::Env),
            Value::Str(it) => Self::Str(Arc::clone(&it.text)),
            Value::Array(array) if !array.open.get() => {
                let items = array.items.borrow();
                let known = |(at, it): (usize, &Value)| match it {
                    // An array may hold itself.
                    Value::Array(_) => Self::Unknown(derived(&(at, derived(from))), Taint::Plain),
                    it => Self::of(it, &(at, derived(from))),
                };
                Self::list(items.iter().take(200).enumerate().map(known).collect())
            }
            Value::Array(_) => Self::Unknown(derived(from), Taint::Plain),
            Value::Function(closure) => Self::function(closure),
            other => Self::Outside(other.clone()),
        }
    }

    /// Whether it is a promise that has to be awaited before it tells who asks. What the request holds, such as the
    /// parameters of a path, says nothing about that, and older versions give it without a promise.
    pub(super) fn is_unawaited(&self) -> bool {
        match self {
            Self::Promise(inner) => !matches!(**inner, Self::Unknown(_, Taint::Input)),
            Self::Rejected(_) => true,
            _ => false,
        }
    }

    /// Where an unknown value, or something in it, comes from.
    pub(crate) fn taint(&self, depth: usize) -> Taint {
        match self {
            Self::Unknown(_, taint) => *taint,
            Self::Outside(Value::External(it)) if env_name(it).is_some() => Taint::Env,
            Self::Cookies => Taint::Credential,
            Self::Request | Self::Context | Self::Headers | Self::Url | Self::Path => Taint::Input,
            Self::Promise(inner) => inner.taint(depth),
            Self::List(items) if depth < 6 => {
                items.borrow().iter().take(50).map(|it| it.taint(depth + 1)).max().unwrap_or(Taint::Plain)
            }
            Self::Record(record) if depth < 6 => {
                let props = record.props.borrow();
                let inner = props.values().take(50).map(|it| it.taint(depth + 1)).max();
                inner.into_iter().chain(record.open).max().unwrap_or(Taint::Plain)
            }
            _ => Taint::Plain,
        }
    }
}

/// The variable, if it is `process.env.NAME`.
pub(crate) fn env_name(external: &External) -> Option<&str> {
    match external.path().as_slice() {
        ["process", "env", name, ..] => match external {
            External::Member(..) => external.path().get(2).copied().filter(|it| it == name),
            _ => None,
        },
        _ => None,
    }
}
