//! Runs a program's start-up code on values that may be unknown.
//!
//! Modules are evaluated in the order Python would import them. Where a condition isn't known, both sides run, one
//! after the other, and what they do is marked with the branch. Functions are entered when something calls them.

mod attributes;
mod builtins;
mod calls;
mod classes;
mod expressions;
mod functions;
mod methods;
mod modules;
mod operators;
mod questions;
mod statements;
mod sweep;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use ruff_text_size::Ranged;

pub(crate) use self::operators::is_enum;
pub(crate) use self::questions::{Outcome, Raised};
use super::program::Program;
use super::value::{Args, Class, External, Function, Place, Scope, Value};
use crate::source::Span;

/// Enough for any start-up code; a program that needs more is reported and left unfinished.
const MAX_STEPS: u64 = if cfg!(test) { 200_000 } else { 5_000_000 };
/// What one question about a function may use.
const MAX_QUESTION_STEPS: u64 = 20_000;
/// What a function may use that has nothing to do with applications, while the program works.
const MAX_WORK_STEPS: u64 = 300;
/// Every level of the evaluator costs stack.
const MAX_DEPTH: usize = 20_000;
const MAX_CALL_DEPTH: usize = 80;
/// How often one function may be entered from within itself.
const MAX_RECURSION: usize = 3;

/// The way through undecided conditions that leads to a place. A longer way starts with a shorter one.
pub(crate) type Branch = Rc<[u32]>;

/// A call, or an assignment, for the host.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) module: usize,
    /// The whole call, or the whole decorator.
    pub(crate) call: Span,
    /// The statement it stands in: for a decorator, the function it decorates.
    pub(crate) statement: Span,
    pub(crate) branch: Branch,
}

impl Site {
    pub(crate) fn place(&self) -> Place {
        Place { module: self.module, span: self.call }
    }
}

/// Says what packages mean.
///
/// Objects that the host makes are [`Value::Host`] with a number of the host's choice. An object of a class of the
/// tree that inherits from such an object's class is a [`Value::Instance`]; [`Value::host`] sees through that.
pub(crate) trait Host<'p> {
    /// A call of something from a package, which includes decorating with it and making an object of a class of the
    /// tree that inherits from it. `None`: nothing special, the result stays symbolic.
    fn call(&mut self, callee: &External<'p>, args: &Args<'p>, site: &Site) -> Option<Value<'p>>;

    /// A method call on an object the host made.
    fn method(&mut self, object: usize, name: &str, args: &Args<'p>, site: &Site) -> Value<'p>;

    /// A call of an object the host made, such as the decorator that `app.get("/")` gave.
    fn invoke(&mut self, object: usize, args: &Args<'p>, site: &Site) -> Value<'p> {
        let _ = (object, args, site);
        Value::Unknown
    }

    /// An attribute of an object the host made. `None`: it is taken for a method.
    fn attribute(&mut self, object: usize, name: &str) -> Option<Value<'p>> {
        let _ = (object, name);
        None
    }

    /// An attribute of something from a package is read. `None`: nothing special.
    fn member(&mut self, of: &External<'p>, name: &str) -> Option<Value<'p>> {
        let _ = (of, name);
        None
    }

    /// An attribute of a class of the tree that only its base from a package has: `UserView.as_view`.
    fn class_member(&mut self, class: &Rc<Class<'p>>, base: &External<'p>, name: &str) -> Option<Value<'p>> {
        let _ = (class, base, name);
        None
    }

    /// `object.name = value`, or `object[key] = value` with the key as text.
    fn assign(&mut self, object: usize, name: &str, value: &Value<'p>, site: &Site) {
        let _ = (object, name, value, site);
    }

    /// `object.name = value` of something from a package.
    fn assign_member(&mut self, of: &External<'p>, name: &str) {
        let _ = (of, name);
    }

    /// `value[key]` and `key in value` of something from a package. `None`: nothing special.
    fn subscript(&mut self, of: &External<'p>, key: &Value<'p>) -> Option<Value<'p>> {
        let _ = (of, key);
        None
    }

    fn contained(&mut self, of: &External<'p>, key: &Value<'p>) -> Option<bool> {
        let _ = (of, key);
        None
    }

    /// `object[key] = value`.
    fn set_item(&mut self, object: usize, key: &Value<'p>, value: &Value<'p>, site: &Site) {
        self.assign(object, key.as_str().unwrap_or_default(), value, site);
    }

    /// What a loop over an object goes through, and whether there may be more. `None`: that isn't known.
    fn iterate(&mut self, object: usize) -> Option<(Vec<Value<'p>>, bool)> {
        let _ = object;
        None
    }

    /// `key in object`, if that is known.
    fn contains(&mut self, object: usize, key: &Value<'p>) -> Option<bool> {
        let _ = (object, key);
        None
    }

    /// `object[key]`.
    fn item(&mut self, object: usize, key: &Value<'p>) -> Value<'p> {
        let _ = (object, key);
        Value::Unknown
    }

    /// An object of a class of the tree was made, whose base from a package is an object of the host.
    fn based(&mut self, object: usize, class: &Rc<Class<'p>>) {
        let _ = (object, class);
    }

    /// While a question is asked with [`Eval::what_if`]: what a function of the tree gives, where the host knows
    /// better than its code. `None`: the code is followed.
    fn answers(&mut self, function: &Function<'p>) -> Option<Value<'p>> {
        let _ = function;
        None
    }

    /// The same: whether the function raises, whatever its code does.
    fn stops(&mut self, function: &Function<'p>) -> bool {
        let _ = function;
        false
    }

    /// An object the host made got a name.
    fn named(&mut self, object: usize, name: &str) {
        let _ = (object, name);
    }

    /// A call whose callee isn't in the tree, or isn't known, is given an object of the host.
    fn escaped(&mut self, object: usize, callee: &Value<'p>, site: &Site) {
        let _ = (object, callee, site);
    }

    /// A class was defined.
    fn class(&mut self, class: &Rc<Class<'p>>) {
        let _ = class;
    }

    /// While a question is asked with [`Eval::what_if`]: whether a call of this raises for the caller assumed.
    fn raises(&mut self, callee: &External<'p>, args: &Args<'p>) -> bool {
        let _ = (callee, args);
        false
    }

    /// Whether code that calls this, by its dotted name, is worth entering even if nothing in the tree calls it,
    /// because a server does: `fastapi.FastAPI`.
    fn makes(&self, name: &str) -> bool;

    /// A module is loaded from now on, or something of it runs that nothing calls. Answers which one was before.
    fn loads(&mut self, module: usize) -> usize {
        module
    }

    /// While the program works, which is to say after it was loaded: whether a module with this text may do something
    /// to an application. Functions of others are entered for a few steps only.
    fn serves(&self, text: &str) -> bool {
        let _ = text;
        true
    }
}

/// What stopped the evaluation from knowing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Problem {
    /// `importlib.import_module(variable)`.
    DynamicImport(Place),
    /// An import of a module that isn't there.
    MissingModule(Place, String),
    /// `exec(text)`.
    Text(Place),
    /// The program does too much at start-up.
    TooComplex(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Return,
    /// `break` or `continue`.
    Jump,
    Raise,
}

struct Loaded<'p> {
    scope: Rc<Scope<'p>>,
    done: std::cell::Cell<bool>,
}

struct Frame<'p> {
    module: usize,
    statement: Span,
    returned: Option<Value<'p>>,
    yielded: Vec<Value<'p>>,
    function: Option<Rc<Function<'p>>>,
    /// The first argument: `self` or `cls`.
    first: Option<Value<'p>>,
}

pub(crate) struct Eval<'p, H> {
    program: &'p Program,
    pub(crate) host: H,
    loaded: HashMap<usize, Rc<Loaded<'p>>>,
    frames: Vec<Frame<'p>>,
    branch: Vec<u32>,
    branches: u32,
    steps: u64,
    limit: u64,
    /// Whether it was told that the program is too complex.
    told: bool,
    /// How deep the evaluator itself is nested, so that no program can exhaust the stack.
    depth: usize,
    /// How many `try` blocks are being run.
    trying: usize,
    /// Whether what runs is work, such as that of a program or of a start-up handler, and not only definitions.
    working: bool,
    /// Which modules the host says may do something to an application.
    serving: HashMap<usize, bool>,
    entered: HashSet<*const u8>,
    /// Whether a question is being asked, and what was raised while it was.
    asking: bool,
    raised: Vec<Raised<'p>>,
    /// The expression being evaluated raises for sure.
    raising: bool,
    /// What is being evaluated is waited for: the body of an `async def` runs.
    awaiting: bool,
    /// A limit was reached, so that what follows is not known.
    cut: bool,
    pub(crate) problems: Vec<Problem>,
}

impl<'p, H: Host<'p>> Eval<'p, H> {
    pub(crate) fn new(program: &'p Program, host: H) -> Self {
        Self {
            program,
            host,
            loaded: HashMap::new(),
            frames: Vec::new(),
            branch: Vec::new(),
            branches: 0,
            steps: 0,
            limit: MAX_STEPS,
            told: false,
            depth: 0,
            trying: 0,
            working: false,
            serving: HashMap::new(),
            entered: HashSet::new(),
            asking: false,
            raised: Vec::new(),
            raising: false,
            awaiting: false,
            cut: false,
            problems: Vec::new(),
        }
    }

    /// The modules loaded so far.
    pub(crate) fn read(&self) -> BTreeSet<usize> {
        self.loaded.keys().copied().collect()
    }

    /// Whether anything called the function.
    pub(crate) fn was_entered(&self, function: &Function<'p>) -> bool {
        self.entered.contains(&function.key())
    }

    fn problem(&mut self, problem: Problem) {
        if !self.asking && self.problems.len() < 10_000 && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn current(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.module)
    }

    fn place(&self, node: &impl Ranged) -> Place {
        Place { module: self.current(), span: span(node) }
    }

    fn site(&self, node: &impl Ranged) -> Site {
        let call = span(node);
        let statement = self.frames.last().map_or(call, |frame| frame.statement);
        Site { module: self.current(), call, statement, branch: self.branch.as_slice().into() }
    }

    fn exhausted(&mut self, node: &impl Ranged) -> bool {
        self.steps += 1;
        if self.steps >= MAX_STEPS && !self.told {
            self.told = true;
            let place = self.place(node);
            self.problems.push(Problem::TooComplex(place));
        }
        self.steps >= self.limit
    }

    /// Evaluates what is waited for.
    fn awaited<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.awaiting, true);
        let result = work(self);
        self.awaiting = outer;
        result
    }

    /// Does what a program does once it was loaded, of which only a part concerns applications.
    pub(crate) fn at_work<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.working, true);
        let result = work(self);
        self.working = outer;
        result
    }

    /// How far a function may be followed.
    fn allowed(&mut self, module: usize, this: Option<&Value<'p>>, args: &Args<'p>) -> u64 {
        let given = |it: &Value<'p>| it.each().iter().any(|it| it.host().is_some());
        if !self.working || self.asking || this.is_some_and(given) || args.all().any(|it| given(&it.value)) {
            return self.limit;
        }
        let program = self.program;
        let host = &self.host;
        let serves = *self.serving.entry(module).or_insert_with(|| host.serves(&program.module(module).text));
        if serves { self.limit } else { self.limit.min(self.steps + MAX_WORK_STEPS) }
    }

    /// Does something that may or may not happen.
    fn in_branch<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.branches += 1;
        self.branch.push(self.branches);
        let raising = self.raising;
        let result = work(self);
        self.raising = raising;
        self.branch.pop();
        result
    }
}

/// Where a node of the syntax stands.
pub(crate) fn span(node: &impl Ranged) -> Span {
    let range = node.range();
    Span { start: range.start().to_usize(), end: range.end().to_usize() }
}
