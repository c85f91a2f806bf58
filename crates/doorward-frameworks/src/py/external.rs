//! Values that come from packages or from the language, and the arguments of calls.

use std::rc::Rc;

use super::value::{Place, Value};

/// A value known only by where it comes from.
#[derive(Debug, Clone)]
pub(crate) enum External<'p> {
    /// What an import gives: a module that is not in the tree.
    Package(Rc<str>),
    /// A name that the language declares, such as `int`.
    Builtin(Rc<str>),
    Member(Rc<External<'p>>, Rc<str>),
    Call(Rc<External<'p>>, Rc<Args<'p>>, Place),
}

impl<'p> External<'p> {
    /// The top-level package it comes from. Built-ins have none.
    pub(crate) fn package(&self) -> Option<&str> {
        match self {
            Self::Package(name) => Some(name.split('.').next().unwrap_or(name)),
            Self::Builtin(_) => None,
            Self::Member(of, _) | Self::Call(of, ..) => of.package(),
        }
    }

    /// The dotted name without calls: `fastapi.security.HTTPBearer`.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Package(name) | Self::Builtin(name) => name.to_string(),
            Self::Member(of, name) => format!("{}.{name}", of.name()),
            Self::Call(of, ..) => of.name(),
        }
    }

    /// The part of the name after the last dot.
    pub(crate) fn last(&self) -> &str {
        match self {
            Self::Package(name) | Self::Builtin(name) | Self::Member(_, name) => {
                name.rsplit('.').next().unwrap_or(name)
            }
            Self::Call(of, ..) => of.last(),
        }
    }

    /// What was called, and with what, if it is the result of a call.
    pub(crate) fn called(&self) -> Option<(&Rc<External<'p>>, &Rc<Args<'p>>, Place)> {
        match self {
            Self::Call(of, args, place) => Some((of, args, *place)),
            _ => None,
        }
    }

    fn depth(&self) -> usize {
        let (mut at, mut depth) = (self, 0);
        while let Self::Member(of, _) | Self::Call(of, ..) = at {
            depth += 1;
            at = of;
        }
        depth
    }

    /// An attribute of it. Chains longer than people write are cut.
    pub(crate) fn member(self: &Rc<Self>, name: &str) -> Value<'p> {
        if self.depth() > 40 {
            return Value::Unknown;
        }
        Value::External(Rc::new(Self::Member(Rc::clone(self), Rc::from(name))))
    }
}

/// One argument of a call.
#[derive(Debug, Clone)]
pub(crate) struct Arg<'p> {
    pub(crate) value: Value<'p>,
    pub(crate) place: Place,
}

/// The arguments of a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Args<'p> {
    pub(crate) positional: Vec<Arg<'p>>,
    pub(crate) keywords: Vec<(Rc<str>, Arg<'p>)>,
    /// `*args` or `**kwargs` that are not known were given too.
    pub(crate) open: bool,
}

impl<'p> Args<'p> {
    /// Arguments by position alone.
    pub(crate) fn of(values: Vec<Value<'p>>, place: Place) -> Self {
        Self { positional: values.into_iter().map(|value| Arg { value, place }).collect(), ..Self::default() }
    }

    /// The argument called `name`, which may also be given as the one at `at`.
    pub(crate) fn arg(&self, at: usize, name: &str) -> Option<&Arg<'p>> {
        self.keyword(name).or_else(|| self.positional.get(at))
    }

    pub(crate) fn get(&self, at: usize, name: &str) -> Option<&Value<'p>> {
        self.arg(at, name).map(|it| &it.value)
    }

    pub(crate) fn keyword(&self, name: &str) -> Option<&Arg<'p>> {
        self.keywords.iter().find(|(it, _)| &**it == name).map(|(_, arg)| arg)
    }

    /// The value of the argument that can only be given by name.
    pub(crate) fn named(&self, name: &str) -> Option<&Value<'p>> {
        self.keyword(name).map(|it| &it.value)
    }

    /// Every argument.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arg<'p>> {
        self.positional.iter().chain(self.keywords.iter().map(|(_, arg)| arg))
    }
}
