//! What operators make of values.

use std::rc::Rc;

use ruff_python_ast::{BoolOp, Operator};

use super::statements::known_equal;
use crate::py::value::{Args, Dict, External, MAX_CHOICES, Place, Value};

/// Whether a class of this name makes its subclasses enumerations.
pub(crate) fn is_enum(name: &str) -> bool {
    matches!(name, "enum.Enum" | "enum.StrEnum" | "enum.IntEnum" | "enum.Flag" | "enum.IntFlag")
}

/// Which of two texts is meant where a default that the environment may override decides. Nothing but a text is
/// assumed: of two guards, either may be there.
pub(super) fn assumed_of<'p>(test: &Value<'p>, one: &Value<'p>, two: &Value<'p>) -> Option<Value<'p>> {
    match (test, one, two) {
        (Value::Str(test), Value::Str(one), Value::Str(two)) => {
            Some(Value::str(if test.text.is_empty() { &two.text } else { &one.text }, true))
        }
        _ => None,
    }
}

/// Whether subscripting it makes another type.
pub(super) fn is_type_like(value: &Value) -> bool {
    match value {
        Value::External(it) => it.called().is_none(),
        Value::Class(_) | Value::Item(_) => true,
        _ => false,
    }
}

/// `a or b` and `a and b` where `a` is not known.
pub(super) fn weaker<'p>(before: Value<'p>, value: Value<'p>, op: BoolOp) -> Value<'p> {
    match (op, &before, &value) {
        // `os.getenv("PREFIX") or "/api"`: the default is taken, and said to be one.
        (BoolOp::Or, Value::Unknown | Value::External(_), Value::Str(text)) => Value::str(&text.text, true),
        (BoolOp::Or, Value::Str(text), _) if text.assumed && !text.text.is_empty() => before,
        (BoolOp::Or, ..) => before.some().or(value),
        (BoolOp::And, ..) => before.or(value),
    }
}

pub(super) fn contains<'p>(list: &Value<'p>, item: &Value<'p>) -> Option<bool> {
    match (list, item) {
        (Value::List(list), item) => {
            let items = list.items.borrow();
            if items.iter().any(|it| known_equal(it, item) == Some(true)) {
                return Some(true);
            }
            let none = !list.open.get() && items.iter().all(|it| known_equal(it, item) == Some(false));
            none.then_some(false)
        }
        (Value::Dict(dict), key) => match dict.get(key) {
            Some(_) => Some(true),
            None if !dict.open.get() && matches!(key, Value::Str(it) if !it.assumed) => Some(false),
            None => None,
        },
        (Value::Str(text), Value::Str(part)) if !text.assumed && !part.assumed => Some(text.text.contains(&*part.text)),
        _ => None,
    }
}

pub(super) fn copy_into<'p>(from: &Dict<'p>, to: &Dict<'p>) {
    let items = from.items.borrow().clone();
    items.into_iter().for_each(|(key, value)| to.set(key, value));
    to.open.set(to.open.get() || from.open.get());
}

/// Each of `texts` with each of `more` behind it.
pub(super) fn combined(texts: &[(String, bool)], more: &[(String, bool)]) -> Vec<(String, bool)> {
    texts
        .iter()
        .flat_map(|(text, assumed)| {
            more.iter().map(move |(part, is_assumed)| (format!("{text}{part}"), *assumed || *is_assumed))
        })
        .collect()
}

pub(super) fn one_of<'p>(texts: &[(String, bool)]) -> Value<'p> {
    let texts = texts.iter().map(|(text, assumed)| Value::str(text, *assumed));
    texts.reduce(Value::or).unwrap_or(Value::Unknown)
}

/// How a value looks in a text, and whether the environment may change it.
pub(super) fn printed(value: &Value) -> Option<(String, bool)> {
    match value {
        Value::Str(text) => Some((text.text.to_string(), text.assumed)),
        Value::Int(int) => Some((int.to_string(), false)),
        Value::None => Some(("None".to_owned(), false)),
        Value::Bool(true) => Some(("True".to_owned(), false)),
        Value::Bool(false) => Some(("False".to_owned(), false)),
        _ => None,
    }
}

pub(super) fn binary<'p>(left: &Value<'p>, op: Operator, right: &Value<'p>) -> Value<'p> {
    match (op, left, right) {
        (Operator::Add, Value::Str(a), Value::Str(b)) => {
            Value::str(&format!("{}{}", a.text, b.text), a.assumed || b.assumed)
        }
        (Operator::Add, Value::OneOf(_), Value::Str(_) | Value::OneOf(_))
        | (Operator::Add, Value::Str(_), Value::OneOf(_)) => {
            let texts = |it: &Value<'p>| -> Vec<(String, bool)> {
                it.each().iter().filter(|it| it.as_str().is_some()).filter_map(printed).collect()
            };
            let (one, two) = (texts(left), texts(right));
            let others = one.len() < left.each().len() || two.len() < right.each().len();
            match one.len() * two.len() {
                1..=MAX_CHOICES if others => one_of(&combined(&one, &two)).or(Value::Unknown),
                1..=MAX_CHOICES => one_of(&combined(&one, &two)),
                _ => Value::Unknown,
            }
        }
        (Operator::Add, Value::List(a), Value::List(b)) => {
            let items = a.items.borrow().iter().chain(b.items.borrow().iter()).cloned().collect();
            Value::list(a.kind, items, a.open.get() || b.open.get(), a.depth)
        }
        (Operator::Add, Value::List(a), _) => Value::list(a.kind, a.items.borrow().clone(), true, a.depth),
        (Operator::Add, Value::Int(a), Value::Int(b)) => a.checked_add(*b).map_or(Value::Unknown, Value::Int),
        (Operator::Sub, Value::Int(a), Value::Int(b)) => a.checked_sub(*b).map_or(Value::Unknown, Value::Int),
        (Operator::Mult, Value::Int(a), Value::Int(b)) => a.checked_mul(*b).map_or(Value::Unknown, Value::Int),
        (Operator::Pow, Value::Int(a), Value::Int(b)) => {
            u32::try_from(*b).ok().and_then(|b| a.checked_pow(b)).map_or(Value::Unknown, Value::Int)
        }
        (Operator::Mod, Value::Str(text), with) => percent(&text.text, with),
        // `pathlib.Path` and URL types.
        (Operator::Div, Value::Str(a), Value::Str(b)) => {
            let joined = format!("{}/{}", a.text.trim_end_matches('/'), b.text.trim_start_matches('/'));
            Value::str(&joined, a.assumed || b.assumed)
        }
        (Operator::BitOr, Value::Dict(a), Value::Dict(b)) => {
            let dict = Dict::default();
            copy_into(a, &dict);
            copy_into(b, &dict);
            Value::Dict(Rc::new(dict))
        }
        (Operator::BitAnd, one, two) if is_type(one) && is_type(two) => {
            operator("and_", vec![one.clone(), two.clone()])
        }
        (Operator::BitOr, one, two) if is_type(one) && is_type(two) => {
            let mut all = Vec::new();
            for it in [one, two] {
                match it {
                    Value::Union(of) => all.extend(of.iter().cloned()),
                    other => all.push(other.clone()),
                }
            }
            all.truncate(200);
            Value::Union(Rc::new(all))
        }
        _ => Value::Unknown,
    }
}

pub(super) fn is_type(value: &Value) -> bool {
    is_type_like(value)
        || matches!(value, Value::Union(_) | Value::None | Value::Unknown)
        || matches!(value, Value::External(it) if it.called().is_some() && it.name().starts_with("operator."))
}

/// An operator between types, which some packages give a meaning: it stays a call of the function of that name.
pub(super) fn operator<'p>(name: &str, operands: Vec<Value<'p>>) -> Value<'p> {
    let module = Rc::new(External::Builtin(Rc::from("operator")));
    let function = Rc::new(External::Member(module, Rc::from(name)));
    let args = Args::of(operands, Place::default());
    Value::External(Rc::new(External::Call(function, Rc::new(args), Place::default())))
}

/// `"%s/%s" % (a, b)`.
pub(super) fn percent<'p>(text: &str, with: &Value<'p>) -> Value<'p> {
    let values = match with {
        Value::List(list) => list.items.borrow().clone(),
        other => vec![other.clone()],
    };
    let mut parts = text.split("%s");
    let (mut result, mut assumed) = (parts.next().unwrap_or_default().to_owned(), false);
    let mut values = values.iter();
    for part in parts {
        let Some((text, is_assumed)) = values.next().and_then(printed) else { return Value::Unknown };
        assumed |= is_assumed;
        result.push_str(&text);
        result.push_str(part);
    }
    if result.contains('%') { Value::Unknown } else { Value::str(&result, assumed) }
}
