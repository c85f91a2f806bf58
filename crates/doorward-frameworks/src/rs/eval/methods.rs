//! Calls of methods.

use std::rc::Rc;
use std::sync::Arc;

use super::calls::MAX_CANDIDATES;
use super::{Eval, Frame, MAX_LOOP, merge};
use crate::rs::ir::{Expr, Name, Type};
use crate::rs::program::{Def, FnRef};
use crate::rs::value::{Arg, Term, TermKind, Value};

/// Methods that give the value itself.
const SAME: &[&str] = &[
    "clone",
    "unwrap",
    "expect",
    "to_owned",
    "to_string",
    "as_str",
    "as_ref",
    "as_mut",
    "as_deref",
    "into",
    "borrow",
    "borrow_mut",
    "by_ref",
    "into_string",
    "into_inner",
    "ok",
    "ok_or",
    "ok_or_else",
    "unwrap_or_default",
    "iter",
    "into_iter",
    "iter_mut",
    "copied",
    "cloned",
    "collect",
    "lock",
    "read",
    "write",
    "map_err",
    "context",
    "with_context",
    "leak",
    "into_boxed_str",
    "to_vec",
    "await",
    "boxed_local",
    "try_into",
    "into_future",
];

/// Methods of options and results that give what their closure gives.
const MAPS: &[&str] =
    &["map", "and_then", "map_or", "map_or_else", "then", "then_some", "or_else", "is_some_and", "inspect"];

impl Eval<'_> {
    pub(super) fn method_expr(
        &mut self,
        frame: &mut Frame,
        expr: &Expr,
        receiver: &Expr,
        name: &Name,
        types: &[Type],
        args: &[Expr],
    ) -> Value {
        let text = Self::shown_receiver(expr);
        let receiver = self.expr(frame, receiver);
        let args = self.args(frame, args);
        if frame.left {
            return Value::Unknown;
        }
        self.method(frame, &receiver, name, types, &args, (expr.at, &text))
    }

    fn method(
        &mut self,
        frame: &mut Frame,
        receiver: &Value,
        name: &Name,
        types: &[Type],
        args: &[Arg],
        site: (usize, &str),
    ) -> Value {
        match receiver {
            Value::Cell(cell) => {
                let inner = cell.borrow().clone();
                if let Some(value) = self.own_method(receiver, &inner, name, args, frame, site.0) {
                    return value;
                }
                let value = self.method(frame, &inner, name, types, args, site);
                if matches!(&value, Value::Term(_)) {
                    *cell.borrow_mut() = value;
                }
                return receiver.clone();
            }
            Value::Either(all) => {
                let mut result: Option<Value> = None;
                for one in all.iter() {
                    let value = self.method(frame, one, name, types, args, site);
                    result = Some(match result {
                        Some(before) => merge(before, value),
                        None => value,
                    });
                }
                return result.unwrap_or(Value::Unknown);
            }
            _ => {}
        }
        if let Some(value) = self.own_method(receiver, receiver, name, args, frame, site.0) {
            return value;
        }
        if let Some(value) = self.known_method(receiver, name, args) {
            return value;
        }
        match self.head(receiver) {
            Some(head) => self.term_method(frame, receiver, name, types, args, site, head),
            None => {
                let value = self.run_closures(args);
                match self.by_name(frame, receiver, name, args, site.0) {
                    Some(found) => found,
                    None if MAPS.contains(&&**name) => value,
                    None => Value::Unknown,
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one call, used once")]
    fn term_method(
        &mut self,
        frame: &Frame,
        receiver: &Value,
        name: &Name,
        types: &[Type],
        args: &[Arg],
        site: (usize, &str),
        head: Rc<[Name]>,
    ) -> Value {
        if &**name == "pipe" && args.len() == 1 {
            let function = args.first().map(|it| it.value.clone()).unwrap_or(Value::Unknown);
            return self.apply(&function, std::slice::from_ref(receiver));
        }
        let known = (self.knows)(&head);
        if !known {
            let value = self.run_closures(args);
            if MAPS.contains(&&**name) && !matches!(value, Value::Unknown) {
                return value;
            }
            if matches!(&**name, "unwrap_or" | "unwrap_or_else") {
                return args
                    .first()
                    .map_or(value, |it| if it.value.is_unknown() { Value::Unknown } else { it.value.clone() });
            }
        }
        let term = Term {
            kind: TermKind::Method(receiver.clone(), Arc::clone(name), types.to_vec(), args.to_vec()),
            head,
            place: self.program.place(frame.scope, site.0),
            scope: frame.scope,
            branch: self.branch(),
            text: Rc::from(site.1),
        };
        self.log(term)
    }

    /// What the chain that makes a value starts with, if that is outside of the tree.
    pub(crate) fn head(&self, value: &Value) -> Option<Rc<[Name]>> {
        match value {
            Value::Term(term) => Some(Rc::clone(&term.head)),
            Value::Typed(typed) => {
                let ty = super::expr::unwrapped(&typed.ty);
                match self.program.ty(typed.scope, ty, typed.owner.as_deref()) {
                    Def::Outside(names) => Some(Rc::from(names)),
                    Def::Type(id) => match self.program.alias(&id, 0) {
                        Some(Def::Outside(names)) => Some(Rc::from(names)),
                        _ => None,
                    },
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// A method that the tree defines for the type of the receiver.
    fn own_method(
        &mut self,
        given: &Value,
        receiver: &Value,
        name: &Name,
        args: &[Arg],
        frame: &mut Frame,
        at: usize,
    ) -> Option<Value> {
        let all: Vec<FnRef> = if let Some(of) = self.type_of(receiver) {
            let own: Vec<FnRef> =
                self.program.methods_of(&of).iter().filter(|it| it.function.name == *name).cloned().collect();
            if own.is_empty() { self.defaults(name) } else { own }
        } else if self.head(receiver).is_some() {
            // A trait of the tree that adds methods to types of other crates.
            self.program
                .methods_named(name)
                .iter()
                .filter(|it| self.is_hot(it) && it.function.method && it.function.body.is_some())
                .filter(|it| it.owner.as_ref().is_some_and(|it| it.of.is_none() && it.implements.is_some()))
                .take(1)
                .cloned()
                .collect()
        } else {
            return None;
        };
        if all.is_empty() {
            return None;
        }
        let mut with_self = vec![Arg {
            value: given.clone(),
            place: self.program.place(frame.scope, at),
            text: Rc::from("self"),
            name: None,
        }];
        with_self.extend(args.iter().cloned());
        Some(self.call_all(frame, at, &all, &with_self))
    }

    /// Methods that a trait gives by default.
    fn defaults(&self, name: &Name) -> Vec<FnRef> {
        let all = self.program.methods_named(name).iter();
        all.filter(|it| it.function.body.is_some() && it.owner.as_ref().is_some_and(|it| it.implementation.is_none()))
            .filter(|it| self.is_hot(it))
            .take(1)
            .cloned()
            .collect()
    }

    /// Methods of this name that matter, where the type of the receiver isn't known.
    fn by_name(&mut self, frame: &mut Frame, receiver: &Value, name: &Name, args: &[Arg], at: usize) -> Option<Value> {
        if matches!(&**name, "new" | "get" | "from" | "default" | "next" | "run" | "map" | "call") || name.len() < 3 {
            return None;
        }
        let implements = match receiver {
            Value::Typed(typed) => self.trait_of(typed),
            _ => None,
        };
        let all: Vec<FnRef> = self
            .program
            .methods_named(name)
            .iter()
            .filter(|it| it.function.method && it.function.body.is_some() && self.is_hot(it))
            .filter(|it| {
                let of = it.owner.as_ref().and_then(|it| it.implements.as_ref());
                implements.as_ref().is_none_or(|wanted| of == Some(wanted))
            })
            .take(MAX_CANDIDATES)
            .cloned()
            .collect();
        if all.is_empty() {
            return None;
        }
        let values: Vec<Value> = args.iter().map(|it| it.value.clone()).collect();
        let place = self.program.place(frame.scope, at);
        let mut result: Option<Value> = None;
        let several = all.len() > 1;
        for (number, function) in all.iter().enumerate() {
            if several {
                self.branch.push((place, u32::try_from(number).unwrap_or(u32::MAX)));
            }
            let value = self.call(function, None, &values);
            if several {
                self.branch.pop();
            }
            result = Some(match result {
                Some(before) => merge(before, value),
                None => value,
            });
        }
        result
    }

    /// The trait of the tree that a value is known to implement.
    fn trait_of(&self, typed: &crate::rs::value::Typed) -> Option<Name> {
        let Type::Bounds(all) = super::expr::unwrapped(&typed.ty) else { return None };
        all.iter().find_map(|path| match self.program.path(typed.scope, path, typed.owner.as_deref()) {
            Def::Trait(_, name) => Some(name),
            _ => None,
        })
    }

    /// Methods of the language's own types.
    fn known_method(&mut self, receiver: &Value, name: &Name, args: &[Arg]) -> Option<Value> {
        let first = args.first().map(|it| it.value.clone());
        if SAME.contains(&&**name) && (args.is_empty() || matches!(receiver, Value::Str(_)) || !self.is_known(receiver))
        {
            // What is inside of another crate's answer is not the answer, but is found the same way.
            return Some(receiver.clone());
        }
        if matches!(&**name, "expect" | "context" | "with_context" | "map_err" | "ok_or" | "ok_or_else") {
            return Some(receiver.clone());
        }
        match receiver {
            Value::List(all) => self.list_method(&all.clone(), name, args),
            Value::Str(text) => match (&**name, first.as_ref().and_then(Value::as_str)) {
                ("trim_start_matches" | "trim_left_matches", Some(part)) => {
                    Some(Value::str(text.trim_start_matches(part)))
                }
                ("trim_end_matches" | "trim_right_matches", Some(part)) => {
                    Some(Value::str(text.trim_end_matches(part)))
                }
                ("trim_matches", Some(part)) => Some(Value::str(text.trim_start_matches(part).trim_end_matches(part))),
                ("trim", None) => Some(Value::str(text.trim())),
                ("to_lowercase" | "to_ascii_lowercase", None) => Some(Value::str(&text.to_lowercase())),
                ("unwrap_or" | "unwrap_or_else", _) => Some(receiver.clone()),
                _ => None,
            },
            Value::None => match &**name {
                "unwrap_or" => first,
                "unwrap_or_else" => first.map(|it| self.apply(&it, &[])),
                "map" | "and_then" => Some(Value::None),
                _ => None,
            },
            Value::Closure(_) | Value::Function(_) if &**name == "call" => None,
            Value::Object(_) if MAPS.contains(&&**name) => {
                first.map(|it| self.apply(&it, std::slice::from_ref(receiver)))
            }
            Value::Object(_) if matches!(&**name, "unwrap_or" | "unwrap_or_else") => Some(receiver.clone()),
            Value::Unknown | Value::Typed(_)
                if matches!(&**name, "unwrap_or" | "unwrap_or_else") && self.head(receiver).is_none() =>
            {
                first.map(|it| match it {
                    closure @ Value::Closure(_) => self.apply(&closure, &[]),
                    other => other,
                })
            }
            Value::Unknown | Value::Typed(_) | Value::Bool(_)
                if MAPS.contains(&&**name) && self.head(receiver).is_none() =>
            {
                let mut result = Value::Unknown;
                for arg in args {
                    let value = match &arg.value {
                        closure @ Value::Closure(_) => self.apply(&closure.clone(), &[]),
                        function @ Value::Function(_) => self.apply(&function.clone(), &[]),
                        other => other.clone(),
                    };
                    result = if result.is_unknown() { value } else { merge(result, value) };
                }
                Some(result)
            }
            _ => None,
        }
    }

    fn is_known(&self, value: &Value) -> bool {
        self.head(value).is_some_and(|it| (self.knows)(&it))
    }

    fn list_method(&mut self, all: &Rc<Vec<Value>>, name: &Name, args: &[Arg]) -> Option<Value> {
        let function = args.last().map(|it| it.value.clone()).unwrap_or(Value::Unknown);
        let items = || all.iter().take(MAX_LOOP).cloned().collect::<Vec<Value>>();
        match &**name {
            "map" | "for_each" | "filter_map" => {
                let mapped = items().into_iter().map(|it| self.apply(&function, &[it])).collect();
                Some(Value::List(Rc::new(mapped)))
            }
            "flat_map" => {
                let mut mapped = Vec::new();
                for item in items() {
                    match self.apply(&function, &[item]) {
                        Value::List(inner) => mapped.extend(inner.iter().take(MAX_LOOP).cloned()),
                        other => mapped.push(other),
                    }
                    if mapped.len() > MAX_LOOP {
                        break;
                    }
                }
                Some(Value::List(Rc::new(mapped)))
            }
            "flatten" => {
                let mut flat = Vec::new();
                for item in items() {
                    match item {
                        Value::List(inner) => flat.extend(inner.iter().take(MAX_LOOP).cloned()),
                        Value::None => {}
                        other => flat.push(other),
                    }
                    if flat.len() > MAX_LOOP {
                        break;
                    }
                }
                Some(Value::List(Rc::new(flat)))
            }
            "fold" | "try_fold" => {
                let mut at = args.first().map(|it| it.value.clone())?;
                for item in items() {
                    at = self.apply(&function, &[at, item]);
                }
                Some(at)
            }
            "reduce" => {
                let mut rest = items().into_iter();
                let mut at = rest.next()?;
                for item in rest {
                    at = self.apply(&function, &[at, item]);
                }
                Some(at)
            }
            "enumerate" => {
                let pair = |(at, it): (usize, Value)| {
                    Value::Tuple(Rc::new(vec![i64::try_from(at).map_or(Value::Unknown, Value::Int), it]))
                };
                Some(Value::List(Rc::new(items().into_iter().enumerate().map(pair).collect())))
            }
            "chain" => match &function {
                Value::List(other) => {
                    let joined = items().into_iter().chain(other.iter().take(MAX_LOOP).cloned()).collect();
                    Some(Value::List(Rc::new(joined)))
                }
                _ => Some(Value::List(Rc::clone(all))),
            },
            "filter" | "rev" | "skip" | "take" | "as_slice" | "inspect" => Some(Value::List(Rc::clone(all))),
            "join" | "concat" => {
                let parts: Option<Vec<&str>> = all.iter().map(Value::as_str).collect();
                let between = function.as_str().unwrap_or_default();
                Some(parts.map_or(Value::Unknown, |it| Value::str(&it.join(between))))
            }
            "first" | "next" => Some(all.first().cloned().unwrap_or(Value::None)),
            _ => None,
        }
    }
}
