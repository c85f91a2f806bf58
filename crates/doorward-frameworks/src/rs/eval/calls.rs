//! Calls of functions and macros.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::text::{path_text, shown};
use super::{Eval, Frame, merge};
use crate::rs::ir::{Expr, ExprKind, Macro, Path, Type};
use crate::rs::program::{Def, FnRef};
use crate::rs::value::{Arg, Object, Term, TermKind, Typed, Value, ends};

/// More implementors than a trait with routes has.
pub(super) const MAX_CANDIDATES: usize = 64;

/// Constructors and constants that call each other.
const MAX_COLD: usize = 4;

impl Eval<'_> {
    pub(super) fn call_expr(&mut self, frame: &mut Frame, expr: &Expr, callee: &Expr, args: &[Expr]) -> Value {
        let ExprKind::Path(path) = &callee.kind else {
            let callee = self.expr(frame, callee);
            let args: Vec<Value> = args.iter().map(|it| self.expr(frame, it)).collect();
            return self.apply(&callee, &args);
        };
        if let Some(name) = path.single()
            && let Some((_, value)) = frame.variables.iter().rev().find(|(it, _)| it == name)
        {
            let value = value.clone();
            let args: Vec<Value> = args.iter().map(|it| self.expr(frame, it)).collect();
            return self.apply(&value, &args);
        }
        let def = self.program.path(frame.scope, path, frame.owner.as_deref());
        let args = self.args(frame, args);
        match def {
            Def::Functions(all) => self.call_all(frame, expr.at, &all, &args),
            Def::Variant(of, name) => self.tuple(of, Some(name), &args),
            Def::Type(id) => match self.program.alias(&id, 0) {
                Some(Def::Outside(names)) => self.call_outside(frame, path, names, expr.at, args),
                Some(Def::Type(of)) => self.tuple(of, None, &args),
                _ => self.tuple(id, None, &args),
            },
            Def::Outside(names) => self.call_outside(frame, path, names, expr.at, args),
            def @ (Def::TraitFunction(..) | Def::Missing) => {
                if let Some(value) = wrapper(path, &args) {
                    return value;
                }
                let found = self.value_of(frame, path, &def, expr.at);
                let values: Vec<Value> = args.iter().map(|it| it.value.clone()).collect();
                match found {
                    Value::Unknown => {
                        self.run_closures(&args);
                        self.made_by(frame, path, expr.at)
                    }
                    found => self.apply(&found, &values),
                }
            }
            _ => Value::Unknown,
        }
    }

    /// What a function gives that a macro wrote for a type of the tree: `Type::default()`, mostly the type.
    fn made_by(&self, frame: &Frame, path: &Path, at: usize) -> Value {
        let mut of = path.clone();
        of.segments.pop();
        if of.segments.is_empty() || of.of.is_some() {
            return Value::Unknown;
        }
        match self.program.path(frame.scope, &of, frame.owner.as_deref()) {
            Def::Type(_) => Value::Typed(Rc::new(Typed {
                ty: Type::Path(Arc::new(of)),
                scope: frame.scope,
                owner: frame.owner.clone(),
                place: self.program.place(frame.scope, at),
            })),
            _ => Value::Unknown,
        }
    }

    fn tuple(&self, of: crate::rs::program::TypeId, variant: Option<crate::rs::ir::Name>, args: &[Arg]) -> Value {
        let fields: BTreeMap<_, _> =
            args.iter().enumerate().map(|(at, it)| (Arc::from(at.to_string()), it.value.clone())).collect();
        Value::Object(Rc::new(Object { of, variant, fields }))
    }

    /// Calls a function, or all that `cfg` may choose from.
    pub(super) fn call_all(&mut self, frame: &mut Frame, at: usize, all: &[FnRef], args: &[Arg]) -> Value {
        let values: Vec<Value> = args.iter().map(|it| it.value.clone()).collect();
        match all {
            [one] => self.call_one(one, args, &values),
            all => {
                let mut result = Value::Unknown;
                let place = self.program.place(frame.scope, at);
                for (number, one) in all.iter().take(MAX_CANDIDATES).enumerate() {
                    self.branch.push((place, u32::try_from(number).unwrap_or(u32::MAX)));
                    let value = self.call_one(one, args, &values);
                    self.branch.pop();
                    result = if number == 0 { value } else { merge(result, value) };
                }
                result
            }
        }
    }

    fn call_one(&mut self, function: &FnRef, args: &[Arg], values: &[Value]) -> Value {
        let hot = self.is_hot(function);
        let followed = hot || (self.cold < MAX_COLD && Self::is_small(&function.function));
        if !followed {
            self.run_closures(args);
            return self.output(function);
        }
        self.cold += usize::from(!hot);
        let value = match (function.function.method, values.split_first()) {
            (true, Some((own, rest))) => self.call(function, Some(own.clone()), rest),
            _ => self.call(function, None, values),
        };
        self.cold -= usize::from(!hot);
        value
    }

    /// Functions that were given to code outside of the tree are taken to be called.
    pub(super) fn run_closures(&mut self, args: &[Arg]) -> Value {
        let mut last = Value::Unknown;
        for arg in args {
            if let Value::Closure(closure) = &arg.value {
                let closure = Value::Closure(Rc::clone(closure));
                match self.apply(&closure, &[]) {
                    Value::Unknown | Value::Unit => {}
                    value => last = value,
                }
            }
        }
        last
    }

    fn call_outside(
        &mut self,
        frame: &mut Frame,
        path: &Path,
        names: Vec<crate::rs::ir::Name>,
        at: usize,
        args: Vec<Arg>,
    ) -> Value {
        if let Some(value) = wrapper(path, &args) {
            return value;
        }
        if !(self.knows)(&names) {
            self.run_closures(&args);
        }
        let term = Term {
            kind: TermKind::Call(path.args().to_vec(), args),
            head: Rc::from(names),
            place: self.program.place(frame.scope, at),
            scope: frame.scope,
            branch: self.branch(),
            text: Rc::from(path_text(path)),
        };
        self.log(term)
    }

    pub(super) fn macro_call(&mut self, frame: &mut Frame, call: &Arc<Macro>) -> Value {
        let name = call.path.last();
        match name {
            "format" => return self.format(frame, call),
            "concat" => {
                let parts: Option<Vec<String>> = call
                    .args
                    .iter()
                    .flatten()
                    .map(|it| match self.expr(frame, it) {
                        Value::Str(text) => Some(text.to_string()),
                        Value::Int(number) => Some(number.to_string()),
                        Value::Bool(is) => Some(is.to_string()),
                        _ => None,
                    })
                    .collect();
                return parts.map_or(Value::Unknown, |it| Value::str(&it.concat()));
            }
            "stringify" => {
                return match call.args.as_deref().map(|it| it.iter().map(|it| &it.kind).collect::<Vec<_>>()).as_deref()
                {
                    Some([ExprKind::Path(path)]) if path.args().is_empty() => Value::str(&path.names().join("::")),
                    _ => Value::Unknown,
                };
            }
            "vec" => {
                let all = call.args.iter().flatten().map(|it| self.expr(frame, it)).collect();
                return Value::List(Rc::new(all));
            }
            "panic" | "unreachable" | "todo" | "unimplemented" | "bail" => {
                frame.left = true;
                return Value::Unknown;
            }
            _ => {}
        }
        let def = self.program.path(frame.scope, &call.path, frame.owner.as_deref());
        let args = call.args.as_ref().map(|it| self.args(frame, it));
        match def {
            Def::Outside(names) => {
                if !(self.knows)(&names) {
                    self.run_closures(args.as_deref().unwrap_or_default());
                }
                let term = Term {
                    kind: TermKind::Macro(args),
                    head: Rc::from(names),
                    place: self.program.place(frame.scope, call.at),
                    scope: frame.scope,
                    branch: self.branch(),
                    text: Rc::from(format!("{name}!")),
                };
                self.log(term)
            }
            _ => Value::Unknown,
        }
    }

    /// `format!` with constants.
    fn format(&mut self, frame: &mut Frame, call: &Macro) -> Value {
        let Some([first, rest @ ..]) = call.args.as_deref() else { return Value::Unknown };
        let Value::Str(template) = self.expr(frame, first) else { return Value::Unknown };
        let args = self.args(frame, rest);
        let mut text = String::new();
        let mut next = 0;
        let mut left: &str = &template;
        while let Some(at) = left.find(['{', '}']) {
            let (before, from) = left.split_at(at);
            text.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                text.push_str(from.get(..1).unwrap_or_default());
                left = after;
                continue;
            }
            let Some((hole, after)) = from.strip_prefix('{').and_then(|it| it.split_once('}')) else {
                return Value::Unknown;
            };
            left = after;
            let name = hole.split(':').next().unwrap_or_default().trim();
            let value = if name.is_empty() {
                next += 1;
                args.get(next - 1).map(|it| it.value.clone())
            } else if let Ok(at) = name.parse::<usize>() {
                args.get(at).map(|it| it.value.clone())
            } else {
                let named = args.iter().find(|it| it.name.as_deref() == Some(name)).map(|it| it.value.clone());
                named.or_else(|| {
                    let path = Path {
                        segments: vec![crate::rs::ir::Segment { name: Arc::from(name), args: Vec::new() }],
                        at: call.at,
                        ..Path::default()
                    };
                    Some(self.path(frame, &path, call.at))
                })
            };
            match value {
                Some(Value::Str(part)) => text.push_str(&part),
                Some(Value::Int(number)) => text.push_str(&number.to_string()),
                _ => return Value::Unknown,
            }
            if text.len() > 10_000 {
                return Value::Unknown;
            }
        }
        text.push_str(left);
        Value::str(&text)
    }

    pub(super) fn shown_receiver(expr: &Expr) -> String {
        shown(expr)
    }
}

/// Calls that give what they are given.
fn wrapper(path: &Path, args: &[Arg]) -> Option<Value> {
    let names = path.names();
    let first = args.first().map(|it| it.value.clone());
    match path.last() {
        "Some" | "Ok" => first,
        "Err" => Some(Value::None),
        "new" | "pin" | "from" if args.len() == 1 => {
            let kinds = ["Box", "Arc", "Rc", "Cow", "Mutex", "RwLock", "RefCell", "String", "Pin", "PathBuf"];
            let of = names.iter().rev().nth(1)?;
            kinds.contains(&&**of).then_some(first?)
        }
        "take" | "replace" if ends(&names, &["mem", path.last()]) => first,
        "identity" | "spawn" | "block_on" | "spawn_blocking" | "timeout" if args.len() == 1 => {
            first.filter(|it| matches!(it, Value::Term(_) | Value::Object(_)))
        }
        _ => None,
    }
}
