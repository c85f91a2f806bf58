//! Expressions.

use std::rc::Rc;

use ruff_python_ast::{
    BoolOp, CmpOp, Comprehension, Expr, ExprBoolOp, ExprCompare, ExprFString, FStringPart, InterpolatedStringElement,
    Number, Operator, StmtAugAssign, UnaryOp,
};

use super::operators::{
    assumed_of, binary, combined, contains, copy_into, is_enum, is_type, is_type_like, one_of, operator, printed,
    weaker,
};
use super::statements::known_equal;
use super::{Eval, Host};
use crate::py::value::{Dict, ListKind, MAX_CHOICES, MAX_ITEMS, Scope, ScopeKind, Value};

impl<'p, H: Host<'p>> Eval<'p, H> {
    pub(crate) fn expr(&mut self, expr: &'p Expr, scope: &Rc<Scope<'p>>) -> Value<'p> {
        if self.depth > super::MAX_DEPTH {
            return Value::Unknown;
        }
        self.depth += 1;
        let value = self.expr_kind(expr, scope);
        self.depth -= 1;
        value
    }

    fn expr_kind(&mut self, expr: &'p Expr, scope: &Rc<Scope<'p>>) -> Value<'p> {
        match expr {
            Expr::StringLiteral(it) => Value::text(it.value.to_str()),
            Expr::NumberLiteral(it) => match &it.value {
                Number::Int(int) => int.as_i64().map_or(Value::Unknown, Value::Int),
                Number::Float(float) => Value::Float(*float),
                Number::Complex { .. } => Value::Unknown,
            },
            Expr::BooleanLiteral(it) => Value::Bool(it.value),
            Expr::NoneLiteral(_) => Value::None,
            Expr::EllipsisLiteral(_) => Value::Ellipsis,
            Expr::FString(it) => self.f_string(it, scope),
            Expr::Name(name) => self.lookup(&name.id, scope),
            Expr::Attribute(it) => {
                let object = self.expr(&it.value, scope);
                self.attribute(&object, &it.attr.id)
            }
            Expr::Call(it) => self.call_expr(it, scope),
            Expr::Await(it) => self.awaited(|eval| eval.expr(&it.value, scope)),
            Expr::List(it) => self.display(&it.elts, ListKind::List, scope),
            Expr::Tuple(it) => self.display(&it.elts, ListKind::Tuple, scope),
            Expr::Set(it) => self.display(&it.elts, ListKind::Set, scope),
            Expr::Dict(it) => {
                let dict = Dict::default();
                for item in &it.items {
                    match &item.key {
                        Some(key) => {
                            let key = self.expr(key, scope);
                            let value = self.expr(&item.value, scope);
                            if matches!(key, Value::Unknown) { dict.open.set(true) } else { dict.set(key, value) }
                        }
                        None => match self.expr(&item.value, scope) {
                            Value::Dict(other) => copy_into(&other, &dict),
                            _ => dict.open.set(true),
                        },
                    }
                }
                Value::Dict(Rc::new(dict))
            }
            Expr::Lambda(lambda) => self.lambda(lambda, scope),
            Expr::If(it) => {
                let test = self.expr(&it.test, scope);
                match test.truth() {
                    Some(true) => self.expr(&it.body, scope),
                    Some(false) => self.expr(&it.orelse, scope),
                    None => {
                        let one = self.in_branch(|eval| eval.expr(&it.body, scope));
                        let two = self.in_branch(|eval| eval.expr(&it.orelse, scope));
                        assumed_of(&test, &one, &two).unwrap_or_else(|| one.or(two))
                    }
                }
            }
            Expr::BoolOp(it) => self.bool_op(it, scope),
            Expr::UnaryOp(it) => {
                let value = self.expr(&it.operand, scope);
                match (it.op, &value) {
                    (UnaryOp::Not, value) => value.truth().map_or(Value::Unknown, |it| Value::Bool(!it)),
                    (UnaryOp::USub, Value::Int(int)) => int.checked_neg().map_or(Value::Unknown, Value::Int),
                    (UnaryOp::USub, Value::Float(float)) => Value::Float(-float),
                    (UnaryOp::UAdd, _) => value,
                    (UnaryOp::Invert, value) if is_type(value) => operator("invert", vec![value.clone()]),
                    _ => Value::Unknown,
                }
            }
            Expr::BinOp(it) => {
                let left = self.expr(&it.left, scope);
                let right = self.expr(&it.right, scope);
                let made = binary(&left, it.op, &right);
                // Long lists and texts take as long as many steps.
                self.steps += match &made {
                    Value::List(list) => list.items.borrow().len() as u64 / 8,
                    Value::Str(text) => text.text.len() as u64 / 256,
                    _ => 0,
                };
                made
            }
            Expr::Compare(it) => self.compare(it, scope),
            Expr::Named(it) => {
                let value = self.expr(&it.value, scope);
                self.bind(&it.target, value.clone(), scope);
                value
            }
            Expr::Subscript(it) => {
                let object = self.expr(&it.value, scope);
                let literal = matches!(&object, Value::External(of) if of.last() == "Literal");
                let key = match &*it.slice {
                    // In `list["User"]` the text is a type, in `Literal["a"]` and `table["a"]` it is not.
                    Expr::Slice(slice) => return self.slice(&object, slice, scope),
                    key if is_type_like(&object) && !literal => self.type_arguments(key, scope),
                    key => self.expr(key, scope),
                };
                self.item(&object, &key)
            }
            Expr::ListComp(it) => self.comprehension(&it.generators, &it.elt, ListKind::List, scope),
            Expr::SetComp(it) => self.comprehension(&it.generators, &it.elt, ListKind::Set, scope),
            Expr::Generator(it) => self.comprehension(&it.generators, &it.elt, ListKind::List, scope),
            Expr::DictComp(it) => {
                let dict = Rc::new(Dict::default());
                let scope = self.child(scope, ScopeKind::Function);
                let open = self.generate(&it.generators, &scope, &mut |eval, scope| {
                    let key = it.key.as_ref().map_or(Value::Unknown, |it| eval.expr(it, scope));
                    let value = eval.expr(&it.value, scope);
                    if matches!(key, Value::Unknown) { dict.open.set(true) } else { dict.set(key, value) }
                });
                dict.open.set(dict.open.get() || open);
                Value::Dict(dict)
            }
            Expr::Starred(it) => self.expr(&it.value, scope),
            Expr::Yield(it) => {
                let value = it.value.as_ref().map_or(Value::None, |it| self.expr(it, scope));
                if let Some(frame) = self.frames.last_mut()
                    && frame.yielded.len() < MAX_ITEMS
                {
                    frame.yielded.push(value);
                }
                Value::Unknown
            }
            Expr::YieldFrom(it) => {
                let value = self.expr(&it.value, scope);
                let (items, open) = self.items(&value);
                if let Some(frame) = self.frames.last_mut()
                    && frame.yielded.len() < MAX_ITEMS
                {
                    frame.yielded.extend(items);
                    frame.yielded.extend(open.then_some(Value::Unknown));
                }
                Value::Unknown
            }
            Expr::BytesLiteral(_) | Expr::TString(_) | Expr::Slice(_) | Expr::IpyEscapeCommand(_) => Value::Unknown,
        }
    }

    fn f_string(&mut self, it: &'p ExprFString, scope: &Rc<Scope<'p>>) -> Value<'p> {
        // A part that may be one of a few makes a few texts.
        let mut texts = vec![(String::new(), false)];
        let (mut known, mut others) = (true, false);
        for part in it.value.as_slice() {
            match part {
                FStringPart::Literal(literal) => texts.iter_mut().for_each(|(text, _)| text.push_str(&literal.value)),
                FStringPart::FString(inner) => {
                    for element in &inner.elements {
                        match element {
                            InterpolatedStringElement::Literal(literal) => {
                                texts.iter_mut().for_each(|(text, _)| text.push_str(&literal.value));
                            }
                            InterpolatedStringElement::Interpolation(hole) => {
                                let value = self.expr(&hole.expression, scope);
                                let all = value.each();
                                let choices: Vec<(String, bool)> = all.iter().filter_map(printed).collect();
                                others |= choices.len() < all.len();
                                known &= hole.format_spec.is_none() && !choices.is_empty();
                                known &= texts.len() * choices.len() <= MAX_CHOICES;
                                if known {
                                    texts = combined(&texts, &choices);
                                }
                            }
                        }
                    }
                }
            }
        }
        match (known, others) {
            (true, false) => one_of(&texts),
            (true, true) => one_of(&texts).or(Value::Unknown),
            (false, _) => Value::Unknown,
        }
    }

    fn display(&mut self, elements: &'p [Expr], kind: ListKind, scope: &Rc<Scope<'p>>) -> Value<'p> {
        let (mut items, mut open) = (Vec::new(), false);
        for element in elements {
            match element {
                Expr::Starred(it) => {
                    let value = self.expr(&it.value, scope);
                    let (more, is_open) = self.items(&value);
                    items.extend(more);
                    open |= is_open;
                }
                _ => items.push(self.expr(element, scope)),
            }
            if items.len() > MAX_ITEMS {
                break;
            }
        }
        Value::list(kind, items, open, self.branch.len())
    }

    fn bool_op(&mut self, it: &'p ExprBoolOp, scope: &Rc<Scope<'p>>) -> Value<'p> {
        let stops_at = it.op == BoolOp::Or;
        let mut result: Option<Value<'p>> = None;
        for part in &it.values {
            let value = match &result {
                None => self.expr(part, scope),
                Some(_) => self.in_branch(|eval| eval.expr(part, scope)),
            };
            match value.truth() {
                Some(truth) if truth == stops_at => {
                    return match result {
                        Some(before) => weaker(before, value, it.op),
                        None => value,
                    };
                }
                Some(_) if result.is_none() => {
                    // A value that never counts is left behind, unless it is the last.
                    if std::ptr::eq(part, it.values.last().unwrap_or(part)) {
                        return value;
                    }
                }
                _ => result = Some(result.map_or(value.clone(), |before| weaker(before, value, it.op))),
            }
        }
        result.unwrap_or(Value::Unknown)
    }

    fn compare(&mut self, it: &'p ExprCompare, scope: &Rc<Scope<'p>>) -> Value<'p> {
        let left = self.expr(&it.left, scope);
        let rights: Vec<Value<'p>> = it.comparators.iter().map(|it| self.expr(it, scope)).collect();
        let ([op], [right]) = (&*it.ops, rights.as_slice()) else { return Value::Unknown };
        let equal = || known_equal(&left, right);
        let is_none = |one: &Value<'p>, two: &Value<'p>| match (one, two) {
            (Value::None, Value::None) => Some(true),
            (
                Value::None,
                Value::Instance(_) | Value::Function(_) | Value::Class(_) | Value::Host(_) | Value::Module(_),
            ) => Some(false),
            (Value::External(one), Value::External(two)) if one.package().is_none() && two.package().is_none() => {
                Some(one.name() == two.name())
            }
            _ => None,
        };
        let known = match op {
            CmpOp::Eq => equal(),
            CmpOp::NotEq => equal().map(|it| !it),
            CmpOp::Is => equal().or_else(|| is_none(&left, right)).or_else(|| is_none(right, &left)),
            CmpOp::IsNot => equal().or_else(|| is_none(&left, right)).or_else(|| is_none(right, &left)).map(|it| !it),
            CmpOp::In | CmpOp::NotIn => self.contains(right, &left).map(|it| it == (*op == CmpOp::In)),
            CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE => match (&left, right) {
                (Value::Int(a), Value::Int(b)) => Some(match op {
                    CmpOp::Lt => a < b,
                    CmpOp::LtE => a <= b,
                    CmpOp::Gt => a > b,
                    _ => a >= b,
                }),
                _ => None,
            },
        };
        known.map_or(Value::Unknown, Value::Bool)
    }

    fn contains(&mut self, all: &Value<'p>, one: &Value<'p>) -> Option<bool> {
        match all {
            Value::External(external) => self.host.contained(external, one),
            _ => match all.host() {
                Some(object) => self.host.contains(object, one),
                None => contains(all, one),
            },
        }
    }

    fn comprehension(
        &mut self,
        generators: &'p [Comprehension],
        element: &'p Expr,
        kind: ListKind,
        scope: &Rc<Scope<'p>>,
    ) -> Value<'p> {
        let mut items = Vec::new();
        let scope = self.child(scope, ScopeKind::Function);
        let depth = self.branch.len();
        let open = self.generate(generators, &scope, &mut |eval, scope| {
            let value = eval.expr(element, scope);
            if items.len() < MAX_ITEMS {
                // What a condition lets through may be missing.
                items.push(if eval.branch.len() > depth { value.or(Value::None) } else { value });
            }
        });
        Value::list(kind, items, open, depth)
    }

    fn generate(
        &mut self,
        generators: &'p [Comprehension],
        scope: &Rc<Scope<'p>>,
        each: &mut dyn FnMut(&mut Self, &Rc<Scope<'p>>),
    ) -> bool {
        let Some((first, rest)) = generators.split_first() else {
            each(self, scope);
            return false;
        };
        let iterable = self.expr(&first.iter, scope);
        let (mut items, mut open) = self.items(&iterable);
        if open {
            items.push(Value::Unknown);
        }
        for item in items {
            if self.exhausted(&first.iter) {
                return true;
            }
            self.bind(&first.target, item, scope);
            let truth = first.ifs.iter().try_fold(true, |all, it| {
                let truth = self.expr(it, scope).truth()?;
                Some(all && truth)
            });
            open |= match truth {
                Some(false) => false,
                Some(true) => self.generate(rest, scope, each),
                None => {
                    self.in_branch(|eval| eval.generate(rest, scope, each));
                    true
                }
            };
        }
        open
    }

    pub(super) fn augment(&mut self, it: &'p StmtAugAssign, scope: &Rc<Scope<'p>>) {
        let old = self.expr(&it.target, scope);
        let more = self.expr(&it.value, scope);
        if let (Value::List(list), Operator::Add) = (&old, it.op)
            && list.kind == ListKind::List
        {
            let (items, open) = self.items(&more);
            self.extend(list, items, open);
            return;
        }
        let value = binary(&old, it.op, &more);
        self.bind(&it.target, value, scope);
    }

    /// The items of something that can be looped over, and whether there may be others.
    pub(crate) fn items(&mut self, value: &Value<'p>) -> (Vec<Value<'p>>, bool) {
        match value {
            Value::List(list) => (list.items.borrow().clone(), list.open.get()),
            Value::Dict(dict) => (dict.items.borrow().iter().map(|(key, _)| key.clone()).collect(), dict.open.get()),
            Value::Class(class) if class.inherits(is_enum) => {
                let members = class.attrs.borrow();
                (members.iter().filter(|(name, _)| !name.starts_with('_')).map(|(_, it)| it.clone()).collect(), false)
            }
            Value::OneOf(values) => {
                let lists: Vec<(Vec<Value<'p>>, bool)> = values.iter().map(|it| self.items(it)).collect();
                // Each may be there, and none must.
                let items = lists.into_iter().flat_map(|(items, _)| items).map(|it| it.or(Value::None)).collect();
                (items, values.iter().any(|it| !matches!(it, Value::List(_) | Value::Dict(_) | Value::None)))
            }
            Value::None => (Vec::new(), false),
            Value::Host(object) => self.host.iterate(*object).unwrap_or((Vec::new(), true)),
            _ => (Vec::new(), true),
        }
    }
}
