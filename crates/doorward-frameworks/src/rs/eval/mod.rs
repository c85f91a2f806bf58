//! Follows code that builds values, without running it.
//!
//! Where a condition can't be known, both sides are followed. What other crates do stays symbolic: a
//! [`Term`] is made for each call, and those that `knows` names are kept in a log, wherever they end up.

mod blocks;
mod calls;
mod expr;
mod methods;
mod text;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::ir::{ExprKind, Function, Name, Path, Type};
use super::program::{Def, FnRef, Owner, Program, ScopeId};
use super::value::{Arg, Branch, Closure, Term, TermKind, Typed, Value, merge};
use crate::source::Place;

/// Ordinary start-up code takes thousands of steps.
const MAX_STEPS: usize = 500_000;
/// All starts of one package together.
const MAX_TOTAL: usize = 2_000_000;
/// Calls that matter, over all starts.
const MAX_LOG: usize = 50_000;
const MAX_CALLS: usize = 96;
/// No literal list that registers routes is longer.
const MAX_LOOP: usize = 2_000;

/// One call of a function.
pub(crate) struct Frame {
    scope: ScopeId,
    owner: Option<Rc<Owner>>,
    variables: Vec<(Name, Value)>,
    returned: Option<Value>,
    /// Whether what follows is not reached.
    left: bool,
}

/// One of the ways that code may go on.
type Way<'w, E> = dyn Fn(&mut E, &mut Frame) -> Value + 'w;

pub(crate) struct Eval<'p> {
    pub(crate) program: &'p Program,
    /// Whether a path of another crate matters.
    knows: fn(&[Name]) -> bool,
    /// Functions that have to do with what is known, directly or through what they call.
    hot: HashSet<usize>,
    /// Every term that matters, with the function from which evaluation started.
    pub(crate) log: Vec<(Rc<Term>, usize)>,
    /// Functions that were called, with where evaluation started.
    pub(crate) entered: HashMap<usize, HashSet<usize>>,
    pub(crate) start: usize,
    branch: Vec<(Place, u32)>,
    stack: Vec<usize>,
    steps: usize,
    total: usize,
    depth: usize,
    /// Calls of functions that are followed only for the value they give.
    cold: usize,
    /// Where evaluation gave up.
    pub(crate) exhausted: Option<Place>,
    /// Files whose functions were followed.
    pub(crate) read: std::collections::BTreeSet<usize>,
}

impl<'p> Eval<'p> {
    pub(crate) fn new(program: &'p Program, knows: fn(&[Name]) -> bool) -> Self {
        let mut eval = Self {
            program,
            knows,
            hot: HashSet::new(),
            log: Vec::new(),
            entered: HashMap::new(),
            start: 0,
            branch: Vec::new(),
            stack: Vec::new(),
            steps: 0,
            total: 0,
            depth: 0,
            cold: 0,
            exhausted: None,
            read: std::collections::BTreeSet::new(),
        };
        eval.find_hot();
        eval
    }

    pub(crate) fn is_hot(&self, function: &FnRef) -> bool {
        self.hot.contains(&function.key())
    }

    /// Functions that mention something known, and those that mention them, by name.
    fn find_hot(&mut self) {
        let program = self.program;
        let mut by_word: HashMap<&str, Vec<usize>> = HashMap::new();
        let functions = program.functions();
        let mut queue: Vec<usize> = Vec::new();
        for (at, it) in functions.iter().enumerate() {
            let names = it.function.paths.iter().filter_map(|path| path.segments.last());
            for name in names.map(|it| &*it.name).chain(it.function.methods.iter().map(|it| &**it)) {
                by_word.entry(name).or_default().push(at);
            }
            let known = |path: &Arc<Path>| match program.path(it.scope, path, it.owner.as_deref()) {
                Def::Outside(names) => (self.knows)(&names),
                _ => false,
            };
            let typed = || it.function.params.iter().filter_map(|it| it.ty.path()).any(known);
            if it.function.paths.iter().any(known) || typed() {
                queue.push(at);
            }
        }
        while let Some(at) = queue.pop() {
            let Some(it) = functions.get(at) else { continue };
            if !self.hot.insert(it.key()) {
                continue;
            }
            let name = &*it.function.name;
            // A method that many types have tells nothing of who calls this one.
            let telling = it.function.method && program.methods_named(name).len() <= 8;
            let callers = by_word.get(name).map_or(&[][..], Vec::as_slice);
            for caller in callers {
                let Some(other) = functions.get(*caller).filter(|it| !self.hot.contains(&it.key())) else { continue };
                if (telling && other.function.methods.contains(&it.function.name)) || self.calls(other, it) {
                    queue.push(*caller);
                }
            }
        }
    }

    /// Whether `caller` names `function` by a path.
    fn calls(&self, caller: &FnRef, function: &FnRef) -> bool {
        let same_name = |path: &&Arc<Path>| path.last() == &*function.function.name;
        caller.function.paths.iter().filter(same_name).any(|path| {
            match self.program.path(caller.scope, path, caller.owner.as_deref()) {
                Def::Functions(all) => all.iter().any(|it| it.key() == function.key()),
                // `T::routes()`, where only the trait is known.
                Def::TraitFunction(..) => true,
                Def::Missing => path.segments.len() > 1 && function.owner.is_some(),
                _ => false,
            }
        })
    }

    /// Follows `function` by itself, with arguments of which only the types are known.
    pub(crate) fn start(&mut self, function: &FnRef) -> Value {
        self.start = function.key();
        self.steps = 0;
        self.branch.clear();
        self.call(function, None, &[])
    }

    /// Evaluates a constant.
    pub(crate) fn constant(&mut self, scope: ScopeId, value: &super::ir::Const) -> Value {
        let key = std::ptr::from_ref(value) as usize;
        let Some(expr) = value.value.as_ref().filter(|_| !self.stack.contains(&key)) else { return Value::Unknown };
        self.stack.push(key);
        let mut frame = Frame { scope, owner: None, variables: vec![], returned: None, left: false };
        let value = self.expr(&mut frame, expr);
        self.stack.pop();
        value
    }

    /// Calls a function of the tree. Parameters without an argument are known by their types.
    pub(crate) fn call(&mut self, function: &FnRef, receiver: Option<Value>, args: &[Value]) -> Value {
        let key = function.key();
        let Some(body) = &function.function.body else { return Value::Unknown };
        if self.stack.contains(&key) || self.stack.len() > MAX_CALLS || !self.step(function.scope, function.function.at)
        {
            return self.output(function);
        }
        if self.start != key {
            self.entered.entry(key).or_default().insert(self.start);
        }
        self.read.insert(self.program.file_of(function.scope));
        self.stack.push(key);
        let outer = self.branch.len();
        let mut frame = Frame {
            scope: function.scope,
            owner: function.owner.clone(),
            variables: Vec::new(),
            returned: None,
            left: false,
        };
        if function.function.method {
            let own = receiver.unwrap_or_else(|| self.own(function));
            frame.variables.push((Arc::from("self"), own));
        }
        for (at, param) in function.function.params.iter().enumerate() {
            let given = args.get(at).cloned().filter(|it| !matches!(it, Value::Unknown));
            let value = given.unwrap_or_else(|| self.typed(function, &param.ty, param.at));
            self.bind(&mut frame, &param.pattern, value);
        }
        let value = self.expr(&mut frame, body);
        self.stack.pop();
        self.branch.truncate(outer);
        let value = match frame.returned {
            Some(returned) if frame.left => returned,
            Some(returned) => merge(returned, value),
            None => value,
        };
        match value {
            Value::Unknown => self.output(function),
            value => value,
        }
    }

    /// A value of a type that `function` names.
    pub(crate) fn typed(&self, function: &FnRef, ty: &Type, at: usize) -> Value {
        // What a type parameter stands for is what it must implement.
        let bounds = ty.path().and_then(|it| it.single()).and_then(|it| function.function.generics.get(it));
        let ty = bounds.map_or_else(|| ty.clone(), |it| Type::Bounds(it.clone()));
        let place = self.program.place(function.scope, at);
        Value::Typed(Rc::new(Typed { ty, scope: function.scope, owner: function.owner.clone(), place }))
    }

    fn output(&self, function: &FnRef) -> Value {
        match &function.function.output {
            Some(ty) => self.typed(function, ty, function.function.at),
            None => Value::Unit,
        }
    }

    fn own(&self, function: &FnRef) -> Value {
        let Some(owner) = &function.owner else { return Value::Unknown };
        match &owner.implementation {
            Some(item) => Value::Typed(Rc::new(Typed {
                ty: item.of.clone(),
                scope: owner.scope,
                owner: None,
                place: self.program.place(function.scope, function.function.at),
            })),
            None => Value::Unknown,
        }
    }

    /// Whether there were too many steps already.
    fn is_spent(&self) -> bool {
        self.steps > MAX_STEPS || self.total > MAX_TOTAL
    }

    /// Counts a step. `false` once there were too many.
    fn step(&mut self, scope: ScopeId, at: usize) -> bool {
        self.steps += 1;
        self.total += 1;
        if self.is_spent() {
            if self.exhausted.is_none() {
                self.exhausted = Some(self.program.place(scope, at));
            }
            return false;
        }
        true
    }

    /// Follows both of two ways that a condition decides between, from the same state.
    fn both(&mut self, frame: &mut Frame, at: usize, ways: &[&Way<'_, Self>]) -> Value {
        let place = self.program.place(frame.scope, at);
        let before = frame.variables.clone();
        self.steps += before.len() / 4;
        let mut ends: Vec<(Value, Vec<(Name, Value)>)> = Vec::new();
        let (outer, mut early, mut last) = (self.branch.len(), false, 0);
        for (number, way) in ways.iter().enumerate() {
            frame.variables.clone_from(&before);
            frame.left = false;
            self.branch.push((place, u32::try_from(number).unwrap_or(u32::MAX)));
            let given = frame.returned.is_some();
            let value = way(self, frame);
            self.branch.truncate(outer + 1);
            self.branch.pop();
            if frame.left {
                early |= !given && matches!(frame.returned, Some(Value::Term(_) | Value::Object(_) | Value::Typed(_)));
            } else {
                last = number;
                ends.push((value, std::mem::take(&mut frame.variables)));
            }
        }
        frame.left = ends.is_empty();
        if early && ends.len() == 1 {
            // What follows happens only if the function was not left before.
            self.branch.push((place, u32::try_from(last).unwrap_or(u32::MAX)));
        }
        let mut ends = ends.into_iter();
        let Some((mut value, mut variables)) = ends.next() else {
            frame.variables = before;
            return Value::Unknown;
        };
        for (other, theirs) in ends {
            value = merge(value, other);
            variables =
                variables.into_iter().zip(theirs).map(|((name, one), (_, two))| (name, merge(one, two))).collect();
        }
        variables.truncate(before.len());
        frame.variables = variables;
        value
    }

    fn branch(&self) -> Branch {
        Rc::from(self.branch.as_slice())
    }

    /// Keeps a term that matters.
    fn log(&mut self, term: Term) -> Value {
        let term = Rc::new(term);
        if (self.knows)(&term.head) && self.log.len() < MAX_LOG {
            self.log.push((Rc::clone(&term), self.start));
        }
        Value::Term(term)
    }

    /// Begins anew with counting steps, for what a framework asks to follow after the starts.
    pub(crate) fn refresh(&mut self) {
        self.steps = 0;
        self.total = 0;
    }

    /// Calls a value with arguments, where the conditions of `branch` hold.
    pub(crate) fn apply_under(&mut self, value: &Value, args: &[Value], branch: &Branch) -> Value {
        self.steps = 0;
        self.branch = branch.to_vec();
        let value = self.apply(value, args);
        self.branch.clear();
        value
    }

    /// Calls a value with arguments.
    pub(crate) fn apply(&mut self, value: &Value, args: &[Value]) -> Value {
        match value {
            Value::Function(function) => {
                let function = function.clone();
                match (function.function.method, args.split_first()) {
                    (true, Some((own, rest))) => self.call(&function, Some(own.clone()), rest),
                    _ => self.call(&function, None, args),
                }
            }
            Value::Closure(closure) => self.apply_closure(closure, args),
            Value::Either(all) => {
                let results = all.iter().map(|it| self.apply(it, args)).collect();
                Value::either(results)
            }
            Value::Term(term) if matches!(term.kind, TermKind::Path(_)) => {
                let args = args
                    .iter()
                    .map(|it| Arg { value: it.clone(), place: term.place, text: Rc::from(""), name: None })
                    .collect();
                let made = Term {
                    kind: TermKind::Call(term.types().to_vec(), args),
                    head: Rc::clone(&term.head),
                    place: term.place,
                    scope: term.scope,
                    branch: self.branch(),
                    text: Rc::clone(&term.text),
                };
                self.log(made)
            }
            _ => Value::Unknown,
        }
    }

    fn apply_closure(&mut self, closure: &Rc<Closure>, args: &[Value]) -> Value {
        let key = Arc::as_ptr(&closure.closure) as usize;
        let at = closure.closure.at;
        if self.stack.contains(&key) || self.stack.len() > MAX_CALLS || !self.step(closure.scope, at) {
            return Value::Unknown;
        }
        self.stack.push(key);
        self.steps += closure.variables.len() / 4;
        let mut frame = Frame {
            scope: closure.scope,
            owner: closure.owner.clone(),
            variables: closure.variables.clone(),
            returned: None,
            left: false,
        };
        for (number, (pattern, ty)) in closure.closure.params.iter().enumerate() {
            let given = args.get(number).cloned().filter(|it| !matches!(it, Value::Unknown));
            let value = given.unwrap_or_else(|| match ty {
                Some(ty) => Value::Typed(Rc::new(Typed {
                    ty: ty.clone(),
                    scope: closure.scope,
                    owner: closure.owner.clone(),
                    place: self.program.place(closure.scope, at),
                })),
                None => Value::Unknown,
            });
            self.bind(&mut frame, pattern, value);
        }
        let outer = self.branch.len();
        let value = self.expr(&mut frame, &closure.closure.body);
        self.stack.pop();
        self.branch.truncate(outer);
        match frame.returned {
            Some(returned) if frame.left => returned,
            Some(returned) => merge(returned, value),
            None => value,
        }
    }

    /// Whether a function may give a path, or a value that holds one, and is quickly followed.
    fn is_small(function: &Function) -> bool {
        let text = |ty: &Type| match ty {
            Type::Path(path) => {
                matches!(path.last(), "String" | "Cow" | "str" | "Uri" | "PathBuf" | "Vec" | "Option" | "Self")
            }
            Type::List(_) | Type::Tuple(_) => true,
            _ => false,
        };
        function.output.as_ref().is_some_and(|it| match it {
            Type::Ref(inner) => text(inner),
            ty => text(ty),
        }) && function.body.as_ref().is_some_and(|it| match &it.kind {
            ExprKind::Block(block) => block.statements.len() <= 8,
            _ => false,
        })
    }
}
