//! The handlers of one registration, whatever lists they stand in.

use super::{MAX_PARTS, inside};
use crate::js::guards;
use crate::js::ir::Span;
use crate::js::value::{Arg, External, Value};

/// One handler of a registration, arrays taken apart.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) value: Value,
    pub(super) span: Span,
    pub(super) spread: bool,
}

/// The handlers, with arrays taken apart.
pub(super) fn parts(args: &[Arg]) -> Vec<Part> {
    fn flatten(value: &Value, span: Span, depth: usize, all: &mut Vec<Part>) {
        if all.len() > MAX_PARTS {
            return;
        }
        match value {
            Value::Array(array) if depth < 8 => {
                for item in array.items.borrow().iter() {
                    flatten(item, item_span(item, span), depth + 1, all);
                }
                if array.open.get() {
                    all.push(Part { value: Value::Unknown, span, spread: true });
                }
            }
            Value::Undefined | Value::Null | Value::Bool(_) => {}
            Value::External(external) if depth < 8 && guards::wrapped(external).is_some() => {
                flatten(&guards::wrapped(external).unwrap_or(Value::Unknown), span, depth + 1, all);
            }
            other => all.push(Part { value: other.clone(), span, spread: false }),
        }
    }
    let mut all = Vec::new();
    for arg in args {
        if arg.spread {
            all.push(Part { value: Value::Unknown, span: arg.span, spread: true });
        } else {
            flatten(&arg.value, arg.span, 0, &mut all);
        }
    }
    all
}

/// Where an item of an array literal stands: a call knows its own place, if it lies within the argument.
fn item_span(item: &Value, whole: Span) -> Span {
    match item {
        Value::External(external) => match &**external {
            External::Call(_, _, place) if inside(place.span, whole) => place.span,
            _ => whole,
        },
        Value::Function(closure) if inside(closure.function.span, whole) => closure.function.span,
        _ => whole,
    }
}
