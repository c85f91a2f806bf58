//! What becomes of a request in a function: whether it can be refused, and whether anybody gets past.
//!
//! A middleware passes on by calling what comes next, an extractor by giving a value. A guard is a check that
//! every way to that point goes through, and that a stranger does not pass.

mod first;
mod not_found;
mod refusal;
mod strangers;
mod ways;
mod words;

use std::collections::HashSet;
use std::rc::Rc;

use super::ir::Expr;
use super::program::{FnRef, Owner, Program, ScopeId};

pub(crate) use first::fails_with;
pub(crate) use not_found::{closure_only_not_found, only_not_found};
pub(crate) use words::{is_about_credentials, sounds_like_auth};

/// Functions that call each other more deeply say nothing clear.
const MAX_CALLS: usize = 6;
const MAX_STEPS: usize = 200_000;

/// What a function does to strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// Nothing in it refuses.
    Passes,
    /// It may refuse, but not certainly everybody without credentials.
    MayRefuse,
    /// Every way on goes through a check of credentials that refuses.
    Refuses,
}

/// What passing on looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// `next.run(request)`, `self.inner.call(request)`.
    Middleware,
    /// `Ok(value)`.
    Extractor,
    /// `Ok(())` or `true`, for code that is asked whether a request may pass.
    Check,
}

/// Reads a function.
pub(crate) fn effect(program: &Program, function: &FnRef, role: Role) -> Effect {
    let mut reader = Reader { program, role, seen: HashSet::new(), steps: 0, body: Body::default() };
    let ends = reader.function(function, 0);
    if role != Role::Middleware
        && let Some(gated) = ends
    {
        // A function that ends without saying so gives its last value.
        reader.on(gated);
    }
    let body = reader.body;
    body.effect(&function.function.name)
}

/// Reads an expression as if it were the body of `around`.
pub(crate) fn effect_of(program: &Program, around: &FnRef, body: &Expr, role: Role) -> Effect {
    let mut reader = Reader { program, role, seen: HashSet::new(), steps: 0, body: Body::default() };
    let here = Here { scope: around.scope, owner: around.owner.clone(), depth: 0, own: true };
    reader.tail(&here, body, Some(false));
    let body = reader.body;
    body.effect(&around.function.name)
}

/// Whether a function gives errors of its own at all.
pub(crate) fn gives_errors(function: &FnRef) -> bool {
    function.function.paths.iter().any(|it| it.last() == "Err")
}

#[derive(Debug, Default)]
struct Body {
    refuses: bool,
    /// Ways on behind a check, and without one.
    gated: usize,
    open: usize,
    credentials: bool,
    /// It decides by the path or the method of a request.
    selective: bool,
}

impl Body {
    fn effect(&self, name: &str) -> Effect {
        match () {
            () if !self.refuses => Effect::Passes,
            // Limits and filters refuse too, but not for want of rights.
            () if !self.credentials && !sounds_like_auth(name) => Effect::Passes,
            () if self.open == 0 && self.gated > 0 && self.credentials && !self.selective => Effect::Refuses,
            () => Effect::MayRefuse,
        }
    }
}

struct Reader<'p> {
    program: &'p Program,
    role: Role,
    seen: HashSet<usize>,
    steps: usize,
    body: Body,
}

#[derive(Clone)]
struct Here {
    scope: ScopeId,
    owner: Option<Rc<Owner>>,
    depth: usize,
    /// Whether this is the function itself, and not one that it calls.
    own: bool,
}

/// Whether a check has been passed; `None` where the code does not go on.
type State = Option<bool>;

impl Reader<'_> {
    /// What state the end of a function is reached in.
    fn function(&mut self, function: &FnRef, depth: usize) -> State {
        let Some(body) = &function.function.body else { return Some(false) };
        if !self.seen.insert(function.key()) {
            return Some(false);
        }
        for param in &function.function.params {
            if let Some(path) = param.ty.path() {
                self.words(path);
            }
        }
        let here = Here { scope: function.scope, owner: function.owner.clone(), depth, own: depth == 0 };
        self.tail(&here, body, Some(false))
    }

    fn scope(&self, here: &Here, items: Option<u32>) -> ScopeId {
        items.and_then(|it| self.program.block(here.scope, it)).unwrap_or(here.scope)
    }

    /// A way on.
    fn on(&mut self, gated: bool) {
        if gated {
            self.body.gated += 1;
        } else {
            self.body.open += 1;
        }
    }
}
