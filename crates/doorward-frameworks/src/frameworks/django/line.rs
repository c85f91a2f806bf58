//! The line in which Python looks for a method: a class, and everything above it.
//!
//! What packages bring is not in the tree, so the classes above theirs are added: which of `View` and
//! `LoginRequiredMixin` comes first decides whether a view is guarded.

use std::collections::HashMap;
use std::rc::Rc;

use super::tables::{self, Kind};
use crate::py::value::{Class, External, Value};

const VIEW: &str = "django.views.View";
const REST: &str = "rest_framework.views.APIView";
/// Classes inherit a few levels deep.
const MAX_DEPTH: usize = 32;
const MAX_LENGTH: usize = 256;

type Known<'p> = HashMap<*const Class<'p>, Vec<Value<'p>>>;

/// Where `dispatch` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    View,
    Rest,
}

/// A class and everything above it, in Python's order.
pub(super) fn line<'p>(class: &Rc<Class<'p>>) -> Vec<Value<'p>> {
    of_class(class, 0, &mut Known::new()).unwrap_or_else(|| class.mro())
}

/// Whether it is the class whose `dispatch` calls the function that answers.
pub(super) fn root(external: &External<'_>) -> Option<Root> {
    match external.name().as_str() {
        VIEW => Some(Root::View),
        REST => Some(Root::Rest),
        _ => None,
    }
}

/// Where a class of a package stands in a line.
pub(super) fn position(line: &[Value<'_>], name: &str) -> Option<usize> {
    let name = canonical(name).unwrap_or(name);
    line.iter().position(|it| matches!(it, Value::External(it) if it.name() == name))
}

fn of_class<'p>(class: &Rc<Class<'p>>, depth: usize, known: &mut Known<'p>) -> Option<Vec<Value<'p>>> {
    if let Some(line) = known.get(&Rc::as_ptr(class)) {
        return Some(line.clone());
    }
    if depth > MAX_DEPTH {
        return None;
    }
    let bases: Vec<Value<'p>> = class.bases.iter().flat_map(bases).collect();
    let mut lines = Vec::new();
    for base in &bases {
        lines.push(match base {
            Value::Class(base) => of_class(base, depth + 1, known)?,
            Value::External(base) => of_package(base),
            other => vec![other.clone()],
        });
    }
    lines.push(lines.iter().filter_map(|it| it.first().cloned()).collect());
    let mut line = vec![Value::Class(Rc::clone(class))];
    line.extend(merged(lines)?);
    known.insert(Rc::as_ptr(class), line.clone());
    Some(line)
}

/// The classes that a base may be: `Generic[Model]` is one too.
fn bases<'p>(value: &Value<'p>) -> Vec<Value<'p>> {
    match value {
        Value::Item(item) => bases(&item.0),
        Value::OneOf(values) => values.iter().flat_map(bases).collect(),
        Value::Class(_) | Value::External(_) | Value::Unknown => vec![value.clone()],
        _ => Vec::new(),
    }
}

/// What is above a class of a package, as far as it matters here.
fn of_package<'p>(external: &Rc<External<'p>>) -> Vec<Value<'p>> {
    let name = external.name();
    let own = canonical(&name).map_or_else(|| Value::External(Rc::clone(external)), Value::package);
    let above: &[&str] = match tables::base(&name).map(|it| it.kind) {
        Some(Kind::Rest) => &[REST, VIEW],
        Some(Kind::Plain) => &[VIEW],
        Some(Kind::Mixin) | None => &[],
    };
    let above = above.iter().map(|it| Value::package(it)).filter(|it| !it.same(&own));
    std::iter::once(own.clone()).chain(above).collect()
}

/// `View` and `APIView` can be imported from several modules.
fn canonical(name: &str) -> Option<&'static str> {
    let last = name.rsplit('.').next().unwrap_or(name);
    tables::base(name)?;
    match last {
        "View" => Some(VIEW),
        "APIView" => Some(REST),
        _ => None,
    }
}

/// Python's way to merge the lines of parents. `None`: it can't be done, and Python refuses such a class.
fn merged<'p>(mut lines: Vec<Vec<Value<'p>>>) -> Option<Vec<Value<'p>>> {
    let mut all = Vec::new();
    loop {
        lines.retain(|it| !it.is_empty());
        if lines.is_empty() {
            return Some(all);
        }
        if all.len() > MAX_LENGTH {
            return None;
        }
        let later = |value: &Value<'p>| lines.iter().any(|it| it.iter().skip(1).any(|it| it.same(value)));
        let next = lines.iter().filter_map(|it| it.first()).find(|it| !later(it)).cloned()?;
        for line in &mut lines {
            if line.first().is_some_and(|it| it.same(&next)) {
                line.remove(0);
            }
        }
        all.push(next);
    }
}
