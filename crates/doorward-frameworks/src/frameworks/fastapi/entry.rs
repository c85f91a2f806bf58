//! What a program registers, with what its router had at that moment.

use std::rc::Rc;

use super::host::What;
use crate::py::eval::Site;
use crate::py::value::{Arg, Args, Value};

/// The prefix and the dependencies of a router.
#[derive(Debug, Clone, Default)]
pub(crate) struct Own<'p> {
    pub(crate) prefix: Option<Arg<'p>>,
    pub(crate) dependencies: Option<Arg<'p>>,
}

impl<'p> Own<'p> {
    pub(crate) fn of(args: &Args<'p>) -> Self {
        Self { prefix: args.keyword("prefix").cloned(), dependencies: args.keyword("dependencies").cloned() }
    }

    /// As they are now, whatever is done to the list later.
    pub(super) fn now(&self) -> Self {
        let dependencies = self.dependencies.as_ref().map(|it| Arg { value: copied(&it.value), place: it.place });
        Self { prefix: self.prefix.clone(), dependencies }
    }
}

pub(super) fn copied<'p>(value: &Value<'p>) -> Value<'p> {
    match value {
        Value::List(list) => Value::list(list.kind, list.items.borrow().clone(), list.open.get(), list.depth),
        Value::OneOf(values) => Value::OneOf(Rc::new(values.iter().map(copied).collect())),
        other => other.clone(),
    }
}

/// One registration.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'p> {
    pub(crate) what: What<'p>,
    pub(crate) site: Site,
    /// What the router had when it was registered.
    pub(crate) own: Own<'p>,
    /// The program changed the route afterwards, so that its dependencies may not run.
    pub(crate) changed: bool,
}

impl<'p> Entry<'p> {
    pub(crate) fn new(what: What<'p>, site: Site) -> Self {
        Self { what, site, own: Own::default(), changed: false }
    }
}
