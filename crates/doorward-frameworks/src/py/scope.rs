//! Where names live.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::value::Value;

/// A place where names live.
#[derive(Debug, Default)]
pub(crate) struct Scope<'p> {
    pub(crate) vars: RefCell<HashMap<Rc<str>, Slot<'p>>>,
    pub(crate) parent: Option<Rc<Scope<'p>>>,
    pub(crate) kind: ScopeKind,
    /// How many undecided branches had been entered when it was made.
    pub(crate) depth: usize,
    /// Names that `global` or `nonlocal` makes those of an outer scope.
    pub(crate) outer: RefCell<Vec<(&'p str, bool)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ScopeKind {
    #[default]
    Module,
    Class,
    Function,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Slot<'p> {
    Value(Value<'p>),
    /// A name of a module that is looked up when it is needed: the module is being loaded, or only types need it.
    Late(usize, Rc<str>),
}

impl<'p> Scope<'p> {
    /// What `name` stands for. Functions don't see the names of a class around them.
    pub(crate) fn lookup(&self, name: &str) -> Option<Slot<'p>> {
        if let Some(slot) = self.vars.borrow().get(name) {
            return Some(slot.clone());
        }
        let mut at = self.parent.clone();
        while let Some(scope) = at {
            if scope.kind != ScopeKind::Class
                && let Some(slot) = scope.vars.borrow().get(name)
            {
                return Some(slot.clone());
            }
            at = scope.parent.clone();
        }
        None
    }

    pub(crate) fn declare(&self, name: &str, value: Value<'p>) {
        self.vars.borrow_mut().insert(Rc::from(name), Slot::Value(value));
    }
}
