//! Values of evaluated code.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::ir::{self, Name, Type};
use super::program::{FnRef, Owner, ScopeId, TypeId};
use crate::source::Place;

/// What is known of a value. `Some(x)`, `Ok(x)`, `Box::new(x)`, `&x` and `x.await` are `x`.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Unknown,
    Unit,
    None,
    Str(Rc<str>),
    Int(i64),
    Bool(bool),
    List(Rc<Vec<Value>>),
    Tuple(Rc<Vec<Value>>),
    /// A struct of the tree, or a variant of an enum.
    Object(Rc<Object>),
    Function(FnRef),
    /// A function that a macro wrote for a type of the tree.
    Made(TypeId, Name),
    Closure(Rc<Closure>),
    /// Something of another crate, as it was made.
    Term(Rc<Term>),
    /// Unknown, but for its type.
    Typed(Rc<Typed>),
    /// Something that is changed through `&mut`.
    Cell(Rc<RefCell<Value>>),
    /// One of these.
    Either(Rc<Vec<Value>>),
}

#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) of: TypeId,
    pub(crate) variant: Option<Name>,
    pub(crate) fields: BTreeMap<Name, Value>,
}

/// A value of a type, as it is written in `scope`.
#[derive(Debug)]
pub(crate) struct Typed {
    pub(crate) ty: Type,
    pub(crate) scope: ScopeId,
    pub(crate) owner: Option<Rc<Owner>>,
    /// Where the parameter stands.
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) struct Closure {
    pub(crate) closure: Arc<ir::Closure>,
    pub(crate) scope: ScopeId,
    pub(crate) owner: Option<Rc<Owner>>,
    pub(crate) variables: Vec<(Name, Value)>,
}

/// Conditions under which something happens: each a place, and which of its branches is taken.
pub(crate) type Branch = Rc<[(Place, u32)]>;

/// A call, or a path, of another crate.
#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) kind: TermKind,
    /// The path that the chain of calls starts with: a constructor, or a type.
    pub(crate) head: Rc<[Name]>,
    pub(crate) place: Place,
    pub(crate) scope: ScopeId,
    pub(crate) branch: Branch,
    /// As the source calls it, without arguments.
    pub(crate) text: Rc<str>,
}

#[derive(Debug)]
pub(crate) enum TermKind {
    Path(Vec<Type>),
    Call(Vec<Type>, Vec<Arg>),
    Method(Value, Name, Vec<Type>, Vec<Arg>),
    /// Its arguments, where they can be read.
    Macro(Option<Vec<Arg>>),
    Index(Value, usize),
}

/// An argument, and how it is written.
#[derive(Debug, Clone)]
pub(crate) struct Arg {
    pub(crate) value: Value,
    pub(crate) place: Place,
    pub(crate) text: Rc<str>,
    /// `name = value` in a macro.
    pub(crate) name: Option<Name>,
}

impl Term {
    pub(crate) fn args(&self) -> &[Arg] {
        match &self.kind {
            TermKind::Call(_, args) | TermKind::Method(_, _, _, args) | TermKind::Macro(Some(args)) => args,
            _ => &[],
        }
    }

    pub(crate) fn types(&self) -> &[Type] {
        match &self.kind {
            TermKind::Path(types) | TermKind::Call(types, _) | TermKind::Method(_, _, types, _) => types,
            _ => &[],
        }
    }

    /// The crate, and the last name, of a path or a call.
    pub(crate) fn path(&self) -> Option<(&str, &[Name])> {
        match &self.kind {
            TermKind::Path(_) | TermKind::Call(..) | TermKind::Macro(_) => Some((self.head.first()?, &self.head)),
            _ => None,
        }
    }
}

/// Whether the last names of a path are these.
pub(crate) fn ends(path: &[Name], with: &[&str]) -> bool {
    path.len() >= with.len() && path.iter().rev().zip(with.iter().rev()).all(|(one, two)| &**one == *two)
}

/// No more possible values are kept apart than this.
const MAX_EITHER: usize = 64;

impl Value {
    pub(crate) fn str(text: &str) -> Self {
        Self::Str(Rc::from(text))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown | Self::Typed(_))
    }

    /// Every value it may be.
    pub(crate) fn each(&self) -> Vec<Value> {
        match self {
            Self::Either(all) => all.to_vec(),
            one => vec![one.clone()],
        }
    }

    /// One of these. What is known wins over what isn't.
    pub(crate) fn either(all: Vec<Value>) -> Self {
        let mut kept: Vec<Value> = Vec::new();
        for value in all.into_iter().flat_map(|it| it.each()) {
            if kept.len() < MAX_EITHER && !kept.iter().any(|it| same(it, &value)) {
                kept.push(value);
            }
        }
        if kept.iter().any(|it| !matches!(it, Self::Unit | Self::None)) {
            kept.retain(|it| !matches!(it, Self::Unit | Self::None));
        }
        match kept.len() {
            0 => Self::Unknown,
            1 => kept.pop().unwrap_or(Self::Unknown),
            _ => Self::Either(Rc::new(kept)),
        }
    }
}

/// Whether two values are certainly the same.
fn same(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Unknown, Value::Unknown) | (Value::Unit, Value::Unit) | (Value::None, Value::None) => true,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => Rc::ptr_eq(a, b),
        (Value::Object(a), Value::Object(b)) => Rc::ptr_eq(a, b),
        (Value::Function(a), Value::Function(b)) => a.key() == b.key(),
        (Value::Made(a, one), Value::Made(b, two)) => a == b && one == two,
        (Value::Closure(a), Value::Closure(b)) => Rc::ptr_eq(a, b),
        (Value::Term(a), Value::Term(b)) => Rc::ptr_eq(a, b),
        (Value::Typed(a), Value::Typed(b)) => Rc::ptr_eq(a, b),
        (Value::Cell(a), Value::Cell(b)) => Rc::ptr_eq(a, b),
        _ => false,
    }
}

/// One value out of two branches. Chains of calls that grew out of one chain become one chain with the calls of
/// both; each call knows its branch.
pub(crate) fn merge(one: Value, two: Value) -> Value {
    if same(&one, &two) {
        return one;
    }
    match (&one, &two) {
        (Value::Term(a), Value::Term(b)) => match grown(a, b) {
            Some(grown) => grown,
            None => Value::either(vec![one, two]),
        },
        (Value::Term(a), Value::Typed(_)) if root(a).is_some_and(|it| same(&it, &two)) => one,
        (Value::Typed(_), Value::Term(b)) if root(b).is_some_and(|it| same(&it, &one)) => two,
        (Value::Tuple(a), Value::Tuple(b)) if a.len() == b.len() => {
            Value::Tuple(Rc::new(a.iter().zip(b.iter()).map(|(a, b)| merge(a.clone(), b.clone())).collect()))
        }
        (Value::Unknown | Value::Unit | Value::None, Value::Term(_)) => two,
        (Value::Term(_), Value::Unknown | Value::Unit | Value::None) => one,
        _ => Value::either(vec![one, two]),
    }
}

/// No chain is longer.
const MAX_CHAIN: usize = 20_000;

/// The calls of a chain, the last first, and what it starts with.
fn chain(term: &Rc<Term>) -> Vec<Rc<Term>> {
    let mut all = vec![Rc::clone(term)];
    while let Some(TermKind::Method(Value::Term(receiver), ..)) = all.last().map(|it| &it.kind) {
        if all.len() > MAX_CHAIN {
            break;
        }
        let receiver = Rc::clone(receiver);
        all.push(receiver);
    }
    all
}

/// The value that a chain starts with, if it is not a term.
fn root(term: &Rc<Term>) -> Option<Value> {
    match &chain(term).last()?.kind {
        TermKind::Method(receiver, ..) => Some(receiver.clone()),
        _ => None,
    }
}

fn grown(one: &Rc<Term>, two: &Rc<Term>) -> Option<Value> {
    let first = chain(one);
    let known: std::collections::HashMap<*const Term, usize> =
        first.iter().enumerate().map(|(at, it)| (Rc::as_ptr(it), at)).collect();
    let second = chain(two);
    let common = second.iter().position(|it| known.contains_key(&Rc::as_ptr(it)));
    let common = common.or_else(|| match (root(one), root(two)) {
        (Some(a), Some(b)) if same(&a, &b) => Some(second.len()),
        _ => None,
    })?;
    let mut at = Value::Term(Rc::clone(one));
    for term in second.get(..common)?.iter().rev() {
        let TermKind::Method(_, name, types, args) = &term.kind else { return None };
        at = Value::Term(Rc::new(Term {
            kind: TermKind::Method(at, Arc::clone(name), types.clone(), args.clone()),
            head: Rc::clone(&term.head),
            place: term.place,
            scope: term.scope,
            branch: Rc::clone(&term.branch),
            text: Rc::clone(&term.text),
        }));
    }
    Some(at)
}
