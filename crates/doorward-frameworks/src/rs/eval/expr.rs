//! Expressions.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::text::{path_text, shown};
use super::{Eval, Frame, MAX_LOOP, Way};
use crate::rs::ir::{self, Arm, Expr, ExprKind, Fields, Name, Operator, Path, Pattern, Type, TypeKind};
use crate::rs::program::{Def, TypeId};
use crate::rs::value::{Arg, Closure, Object, Term, TermKind, Typed, Value};

/// Levels of expressions inside of each other, over all calls.
const MAX_DEPTH: usize = 40_000;

impl Eval<'_> {
    pub(super) fn expr(&mut self, frame: &mut Frame, expr: &Expr) -> Value {
        if frame.left || !self.step(frame.scope, expr.at) || self.depth > MAX_DEPTH {
            return Value::Unknown;
        }
        self.depth += 1;
        let value = self.expr_now(frame, expr);
        self.depth -= 1;
        value
    }

    fn expr_now(&mut self, frame: &mut Frame, expr: &Expr) -> Value {
        match &expr.kind {
            ExprKind::Str(text) => Value::str(text),
            ExprKind::Int(number) => Value::Int(*number),
            ExprKind::Bool(is) => Value::Bool(*is),
            ExprKind::Path(path) => self.path(frame, path, expr.at),
            ExprKind::Call(callee, args) => self.call_expr(frame, expr, callee, args),
            ExprKind::Method(receiver, name, types, args) => self.method_expr(frame, expr, receiver, name, types, args),
            ExprKind::Macro(call) => self.macro_call(frame, call),
            ExprKind::Closure(closure) => Value::Closure(Rc::new(Closure {
                closure: Arc::clone(closure),
                scope: frame.scope,
                owner: frame.owner.clone(),
                variables: frame.variables.clone(),
            })),
            ExprKind::Block(block) => self.block(frame, block),
            ExprKind::If(condition, then, otherwise) => {
                self.condition(frame, expr.at, condition, then, otherwise.as_deref())
            }
            ExprKind::Let(pattern, value) => {
                let value = self.expr(frame, value);
                self.bind(frame, pattern, value);
                Value::Unknown
            }
            ExprKind::Match(value, arms) => self.matched(frame, expr.at, value, arms),
            ExprKind::For(pattern, list, body) => self.for_loop(frame, pattern, list, body),
            ExprKind::Loop(condition, body) => self.looped(frame, expr.at, condition.as_deref(), body),
            ExprKind::Assign(left, right) => self.assign(frame, left, right),
            ExprKind::List(all) => Value::List(Rc::new(all.iter().map(|it| self.expr(frame, it)).collect())),
            ExprKind::Tuple(all) if all.is_empty() => Value::Unit,
            ExprKind::Tuple(all) => Value::Tuple(Rc::new(all.iter().map(|it| self.expr(frame, it)).collect())),
            ExprKind::Field(value, name) => {
                let value = self.expr(frame, value);
                self.field(&value, name, 0)
            }
            ExprKind::Same(inner) | ExprKind::Await(inner) | ExprKind::Try(inner) => self.expr(frame, inner),
            ExprKind::Struct(path, fields, rest) => self.structure(frame, path, fields, rest.as_deref()),
            _ => self.operators(frame, expr),
        }
    }

    fn operators(&mut self, frame: &mut Frame, expr: &Expr) -> Value {
        match &expr.kind {
            ExprKind::Index(list, at) => {
                let list = self.expr(frame, list);
                match (list, self.expr(frame, at)) {
                    (Value::List(all), Value::Int(at)) => {
                        usize::try_from(at).ok().and_then(|at| all.get(at).cloned()).unwrap_or(Value::Unknown)
                    }
                    // `&text[..]`
                    (Value::Str(text), Value::Unknown) => Value::Str(text),
                    _ => Value::Unknown,
                }
            }
            ExprKind::Not(inner) => match self.expr(frame, inner) {
                Value::Bool(is) => Value::Bool(!is),
                _ => Value::Unknown,
            },
            ExprKind::Binary(left, operator, right) => {
                let left = self.expr(frame, left);
                let right = self.expr(frame, right);
                match (operator, left, right) {
                    (Operator::Add, Value::Str(a), Value::Str(b)) => Value::str(&format!("{a}{b}")),
                    (Operator::Add, Value::Int(a), Value::Int(b)) => {
                        a.checked_add(b).map_or(Value::Unknown, Value::Int)
                    }
                    // Flags that are put together.
                    (Operator::BitOr, left, right) => Value::List(Rc::new(vec![left, right])),
                    _ => Value::Unknown,
                }
            }
            ExprKind::Return(value) => {
                let value = value.as_ref().map_or(Value::Unit, |it| self.expr(frame, it));
                let before = frame.returned.take();
                frame.returned = Some(match before {
                    Some(before) => super::merge(before, value),
                    None => value,
                });
                frame.left = true;
                Value::Unknown
            }
            ExprKind::Break(value) => value.as_ref().map_or(Value::Unit, |it| self.expr(frame, it)),
            ExprKind::Other(parts) => {
                for part in parts {
                    self.expr(frame, part);
                }
                Value::Unknown
            }
            _ => Value::Unknown,
        }
    }

    fn condition(
        &mut self,
        frame: &mut Frame,
        at: usize,
        condition: &Expr,
        then: &Expr,
        otherwise: Option<&Expr>,
    ) -> Value {
        let depth = frame.variables.len();
        let decided = self.expr(frame, condition);
        let value = match decided {
            Value::Bool(true) => self.expr(frame, then),
            Value::Bool(false) => otherwise.map_or(Value::Unit, |it| self.expr(frame, it)),
            _ => self.both(
                frame,
                at,
                &[&|this, frame| this.expr(frame, then), &|this, frame| {
                    otherwise.map_or(Value::Unit, |it| this.expr(frame, it))
                }],
            ),
        };
        frame.variables.truncate(depth);
        value
    }

    fn matched(&mut self, frame: &mut Frame, at: usize, value: &Expr, arms: &[Arm]) -> Value {
        let value = self.expr(frame, value);
        let ways: Vec<Box<Way<'_, Self>>> = arms
            .iter()
            .map(|arm| {
                let value = value.clone();
                Box::new(move |this: &mut Self, frame: &mut Frame| {
                    this.bind(frame, &arm.pattern, value.clone());
                    if let Some(guard) = &arm.guard {
                        this.expr(frame, guard);
                    }
                    this.expr(frame, &arm.body)
                }) as Box<Way<'_, Self>>
            })
            .collect();
        let ways: Vec<&Way<'_, Self>> = ways.iter().map(|it| &**it).collect();
        self.both(frame, at, &ways)
    }

    fn for_loop(&mut self, frame: &mut Frame, pattern: &Pattern, list: &Expr, body: &Expr) -> Value {
        let at = list.at;
        let depth = frame.variables.len();
        match self.expr(frame, list) {
            Value::List(all) => {
                for value in all.iter().take(MAX_LOOP) {
                    if self.is_spent() {
                        break;
                    }
                    self.bind(frame, pattern, value.clone());
                    self.expr(frame, body);
                    frame.variables.truncate(depth);
                    frame.left = false;
                }
            }
            list => {
                let value = self.item_of(&list);
                self.both(
                    frame,
                    at,
                    &[
                        &|this, frame| {
                            this.bind(frame, pattern, value.clone());
                            this.expr(frame, body)
                        },
                        &|_, _| Value::Unit,
                    ],
                );
            }
        }
        Value::Unit
    }

    /// An element of a list that is only known by its type.
    pub(super) fn item_of(&self, list: &Value) -> Value {
        let Value::Typed(typed) = list else { return Value::Unknown };
        let inner = match &typed.ty {
            Type::List(inner) => (**inner).clone(),
            Type::Ref(inner) => match &**inner {
                Type::List(inner) => (**inner).clone(),
                Type::Path(path) => path.args().last().cloned().unwrap_or(Type::Other),
                _ => Type::Other,
            },
            Type::Path(path) => path.args().last().cloned().unwrap_or(Type::Other),
            _ => Type::Other,
        };
        let (scope, owner, place) = (typed.scope, typed.owner.clone(), typed.place);
        Value::Typed(Rc::new(Typed { ty: inner, scope, owner, place }))
    }

    fn looped(&mut self, frame: &mut Frame, at: usize, condition: Option<&Expr>, body: &Expr) -> Value {
        let depth = frame.variables.len();
        if let Some(condition) = condition {
            self.expr(frame, condition);
        }
        let value = self.both(frame, at, &[&|this, frame| this.expr(frame, body), &|_, _| Value::Unit]);
        frame.variables.truncate(depth);
        value
    }

    fn assign(&mut self, frame: &mut Frame, left: &Expr, right: &Expr) -> Value {
        let value = self.expr(frame, right);
        match &left.kind {
            ExprKind::Path(path) => {
                if let Some(name) = path.single() {
                    self.set(frame, name, value);
                }
            }
            ExprKind::Same(inner) => {
                if let ExprKind::Path(path) = &inner.kind
                    && let Some(name) = path.single()
                {
                    self.set(frame, name, value);
                }
            }
            ExprKind::Field(base, field) => {
                if let ExprKind::Path(path) = &base.kind
                    && let Some(name) = path.single()
                    && let Some((_, old)) = frame.variables.iter().rev().find(|(it, _)| it == name)
                    && let Some(new) = self.with_field(&old.clone(), field, value)
                {
                    self.set(frame, name, new);
                }
            }
            ExprKind::Tuple(parts) => {
                for (at, part) in parts.iter().enumerate() {
                    if let ExprKind::Path(path) = &part.kind
                        && let Some(name) = path.single()
                    {
                        let inner = self.element(&value, at);
                        self.set(frame, name, inner);
                    }
                }
            }
            _ => {}
        }
        Value::Unit
    }

    /// Changes a variable.
    pub(super) fn set(&self, frame: &mut Frame, name: &Name, value: Value) {
        if let Some((_, old)) = frame.variables.iter_mut().rev().find(|(it, _)| it == name) {
            match old {
                Value::Cell(cell) if !matches!(value, Value::Cell(_)) => *cell.borrow_mut() = value,
                _ => *old = value,
            }
        }
    }

    fn with_field(&self, old: &Value, field: &Name, value: Value) -> Option<Value> {
        let (of, variant, mut fields) = match old {
            Value::Object(object) => (object.of.clone(), object.variant.clone(), object.fields.clone()),
            _ => (self.type_of(old)?, None, BTreeMap::new()),
        };
        fields.insert(Arc::clone(field), value);
        Some(Value::Object(Rc::new(Object { of, variant, fields })))
    }

    /// The type of the tree that a value has.
    pub(crate) fn type_of(&self, value: &Value) -> Option<TypeId> {
        match value {
            Value::Object(object) => Some(object.of.clone()),
            Value::Typed(typed) => match self.program.ty(typed.scope, unwrapped(&typed.ty), typed.owner.as_deref()) {
                Def::Type(id) => match self.program.alias(&id, 0) {
                    Some(Def::Type(id)) => Some(id),
                    Some(_) => None,
                    None => Some(id),
                },
                _ => None,
            },
            Value::Cell(inner) => self.type_of(&inner.borrow()),
            _ => None,
        }
    }

    pub(super) fn field(&mut self, value: &Value, name: &Name, depth: usize) -> Value {
        if depth > 16 {
            return Value::Unknown;
        }
        match value {
            Value::Object(object) => match object.fields.get(name) {
                Some(found) => found.clone(),
                None => self.field_type(&object.of, object.variant.as_ref(), name),
            },
            Value::Typed(_) => match self.type_of(value) {
                Some(of) => self.field_type(&of, None, name),
                None => Value::Unknown,
            },
            Value::Cell(inner) => {
                let inner = inner.borrow().clone();
                self.field(&inner, name, depth + 1)
            }
            Value::Either(all) => {
                let all = all.iter().map(|it| self.field(it, name, depth + 1)).collect();
                Value::either(all)
            }
            Value::Tuple(all) => name.parse().ok().and_then(|at: usize| all.get(at).cloned()).unwrap_or(Value::Unknown),
            Value::Term(_) if name.starts_with(|it: char| it.is_ascii_digit()) => {
                name.parse().map_or(Value::Unknown, |at| self.element(value, at))
            }
            _ => Value::Unknown,
        }
    }

    fn field_type(&self, of: &TypeId, variant: Option<&Name>, name: &Name) -> Value {
        let Some(def) = self.program.type_def(of) else { return Value::Unknown };
        let fields = match (&def.kind, variant) {
            (TypeKind::Struct(fields), _) => Some(fields),
            (TypeKind::Enum(all), Some(variant)) => all.iter().find(|it| it.name == *variant).map(|it| &it.fields),
            _ => None,
        };
        let field = match fields {
            Some(Fields::Named(all)) => all.iter().find(|it| it.name == *name),
            Some(Fields::Tuple(all)) => name.parse().ok().and_then(|at: usize| all.get(at)),
            _ => None,
        };
        field.map_or(Value::Unknown, |it| {
            let place = self.program.place(of.scope, def.at);
            Value::Typed(Rc::new(Typed { ty: it.ty.clone(), scope: of.scope, owner: None, place }))
        })
    }

    fn structure(&mut self, frame: &mut Frame, path: &Path, fields: &[(Name, Expr)], rest: Option<&Expr>) -> Value {
        let mut all: BTreeMap<Name, Value> = BTreeMap::new();
        if let Some(rest) = rest
            && let Value::Object(object) = self.expr(frame, rest)
        {
            all.clone_from(&object.fields);
        }
        for (name, value) in fields {
            let value = self.expr(frame, value);
            all.insert(Arc::clone(name), value);
        }
        let (of, variant) = match self.program.path(frame.scope, path, frame.owner.as_deref()) {
            Def::Type(id) => match self.program.alias(&id, 0) {
                Some(Def::Type(target)) => (target, None),
                _ => (id, None),
            },
            Def::Variant(id, name) => (id, Some(name)),
            _ => return Value::Unknown,
        };
        Value::Object(Rc::new(Object { of, variant, fields: all }))
    }

    /// What a path stands for.
    pub(super) fn path(&mut self, frame: &mut Frame, path: &Path, at: usize) -> Value {
        if let Some(name) = path.single() {
            if let Some((_, value)) = frame.variables.iter().rev().find(|(it, _)| it == name) {
                return value.clone();
            }
            if &**name == "None" {
                return Value::None;
            }
        }
        let def = self.program.path(frame.scope, path, frame.owner.as_deref());
        self.value_of(frame, path, &def, at)
    }

    pub(super) fn value_of(&mut self, frame: &Frame, path: &Path, def: &Def, at: usize) -> Value {
        match def {
            Def::Functions(all) => match all.as_slice() {
                [one] => Value::Function(one.clone()),
                all => Value::Either(Rc::new(all.iter().cloned().map(Value::Function).collect())),
            },
            Def::Const(scope, value) => self.constant(*scope, value),
            Def::Variant(of, name) => Value::Object(Rc::new(Object {
                of: of.clone(),
                variant: Some(Arc::clone(name)),
                fields: BTreeMap::new(),
            })),
            Def::Type(id) => match self.program.alias(id, 0) {
                Some(Def::Outside(names)) => self.outside(frame, path, names, at),
                Some(Def::Type(of)) => Value::Object(Rc::new(Object { of, variant: None, fields: BTreeMap::new() })),
                _ => Value::Object(Rc::new(Object { of: id.clone(), variant: None, fields: BTreeMap::new() })),
            },
            Def::Outside(names) => self.outside(frame, path, names.clone(), at),
            Def::TraitFunction(_, of, name) => {
                self.made(frame, path).unwrap_or_else(|| self.implementors(name, Some(of)))
            }
            Def::Missing if path.segments.len() > 1 => {
                self.made(frame, path).unwrap_or_else(|| self.implementors(&Arc::from(path.last()), None))
            }
            _ => Value::Unknown,
        }
    }

    /// `Type::name` and `<Type as Trait>::name`, where an attribute on the type may have written the function.
    fn made(&self, frame: &Frame, path: &Path) -> Option<Value> {
        let owner = frame.owner.as_deref();
        let of = match &path.of {
            Some(of) => self.program.ty(frame.scope, &of.0, owner),
            None => {
                let mut of = path.clone();
                of.segments.pop();
                self.program.path(frame.scope, &of, owner)
            }
        };
        let Def::Type(id) = of else { return None };
        let def = self.program.type_def(&id)?;
        let marked = def.attrs.iter().any(|it| self.program.procedural(id.scope, it));
        marked.then(|| Value::Made(id, Arc::from(path.last())))
    }

    /// Functions of this name in every `impl` of a trait.
    fn implementors(&self, name: &Name, of: Option<&Name>) -> Value {
        let all: Vec<Value> = self
            .program
            .methods_named(name)
            .iter()
            .filter(|it| self.is_hot(it))
            .filter(|it| {
                let implements = it.owner.as_ref().and_then(|it| it.implements.as_ref());
                implements.is_some() && of.is_none_or(|of| implements == Some(of))
            })
            .take(super::calls::MAX_CANDIDATES)
            .cloned()
            .map(Value::Function)
            .collect();
        Value::either(all)
    }

    fn outside(&mut self, frame: &Frame, path: &Path, names: Vec<Name>, at: usize) -> Value {
        Value::Term(Rc::new(Term {
            kind: TermKind::Path(path.args().to_vec()),
            head: Rc::from(names),
            place: self.program.place(frame.scope, at),
            scope: frame.scope,
            branch: self.branch(),
            text: Rc::from(path_text(path)),
        }))
    }

    pub(super) fn args(&mut self, frame: &mut Frame, args: &[Expr]) -> Vec<Arg> {
        args.iter()
            .map(|it| {
                let (name, value) = match &it.kind {
                    ExprKind::Assign(left, right) => match &left.kind {
                        ExprKind::Path(path) => (path.single().cloned(), &**right),
                        _ => (None, it),
                    },
                    _ => (None, it),
                };
                Arg {
                    value: self.expr(frame, value),
                    place: self.program.place(frame.scope, value.at),
                    text: Rc::from(shown(value)),
                    name,
                }
            })
            .collect()
    }
}

/// The type inside `&`, `Arc<…>`, `Box<…>`, `Option<…>` and the like.
pub(crate) fn unwrapped(ty: &Type) -> &Type {
    let mut at = ty;
    for _ in 0..32 {
        at = match at {
            Type::Ref(inner) => inner,
            Type::Path(path) if is_wrapper(path) => match path.args() {
                [first, ..] => first,
                [] => break,
            },
            _ => break,
        };
    }
    at
}

fn is_wrapper(path: &ir::Path) -> bool {
    matches!(path.last(), "Arc" | "Rc" | "Box" | "Option" | "Result" | "Pin" | "Cow" | "Mutex" | "RwLock")
}
