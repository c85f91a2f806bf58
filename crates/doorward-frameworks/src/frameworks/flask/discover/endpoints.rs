//! What answers an endpoint. Flask looks a view up by name, and programs put others in its place.

use super::host::Flask;
use super::made::{Methods, OpKind, Registration};
use crate::py::eval::Site;
use crate::py::value::{Args, ListKind, Value};

/// Wrappers in one view; people write fewer.
const MAX_WRAPPERS: usize = 16;

impl<'p> Flask<'p> {
    /// The endpoints of an application so far, and whether it has others.
    pub(super) fn views(&self, on: usize) -> (Vec<(String, Value<'p>)>, bool) {
        let (mut all, mut open) = (Vec::<(String, Value<'p>)>::new(), false);
        for op in self.holder(on).map(|it| it.ops.as_slice()).unwrap_or_default() {
            let (name, view) = match &op.kind {
                OpKind::Rule(registration, Some(view)) => (endpoint(registration, Some(view)), view),
                OpKind::View(name, view) => (name.as_str().map(str::to_owned), view),
                OpKind::Register(..) | OpKind::Foreign(_) => {
                    open = true;
                    continue;
                }
                _ => continue,
            };
            match name {
                Some(name) => {
                    let old = all.iter().position(|(it, _)| *it == name).map(|at| all.remove(at).1);
                    let certain = op.site.branch.is_empty();
                    let view = old.filter(|_| !certain).map_or_else(|| view.clone(), |it| it.or(view.clone()));
                    all.push((name, view));
                }
                None => open = true,
            }
        }
        (all, open)
    }

    /// Whether some endpoint, nobody knows which, was given another view.
    pub(super) fn replaces_any(&self, on: usize) -> bool {
        let ops = self.holder(on).map(|it| it.ops.as_slice()).unwrap_or_default();
        ops.iter().any(|it| matches!(&it.kind, OpKind::View(name, _) if name.as_str().is_none()))
    }

    pub(super) fn hooks_gone(&self, on: usize) -> bool {
        let ops = self.holder(on).map(|it| it.ops.as_slice()).unwrap_or_default();
        ops.iter().any(|it| matches!(it.kind, OpKind::HooksGone))
    }

    /// A method of `app.view_functions`.
    pub(super) fn views_method(&mut self, on: usize, name: &str, args: &Args<'p>, site: &Site) -> Value<'p> {
        match name {
            "get" | "pop" => {
                let key = args.get(0, "").and_then(Value::as_str);
                let found = self.views(on).0.into_iter().find(|(it, _)| Some(it.as_str()) == key);
                found.map_or(Value::Unknown, |(_, view)| view)
            }
            "items" | "values" | "keys" => {
                let (views, open) = self.views(on);
                let items = views.into_iter().map(|(key, view)| match name {
                    "items" => Value::tuple(vec![Value::text(&key), view]),
                    "keys" => Value::text(&key),
                    _ => view,
                });
                Value::list(ListKind::List, items.collect(), open, site.branch.len())
            }
            "update" => {
                match args.get(0, "") {
                    Some(Value::Dict(table)) if !table.open.get() => {
                        let items = table.items.borrow().clone();
                        items.into_iter().for_each(|(key, view)| self.push(on, OpKind::View(key, view), site));
                    }
                    _ => self.push(on, OpKind::View(Value::Unknown, Value::Unknown), site),
                }
                Value::None
            }
            _ => Value::Unknown,
        }
    }

    /// A method of `app.url_map`.
    pub(super) fn map_method(&mut self, on: usize, name: &str, args: &Args<'p>, site: &Site) -> Value<'p> {
        if name != "add" {
            return Value::Unknown;
        }
        for rule in args.positional.first().map(|it| it.value.each()).unwrap_or_default() {
            let given = match &rule {
                Value::External(it) if it.last() == "Rule" => it.called().map(|(_, args, _)| args.clone()),
                _ => None,
            };
            let given = given.unwrap_or_default();
            let registration = Registration {
                on,
                rules: vec![given.get(0, "string").cloned().unwrap_or(Value::Unknown)],
                endpoint: Some(given.named("endpoint").cloned().unwrap_or(Value::Unknown)),
                methods: match given.named("methods") {
                    None | Some(Value::None) => Methods::Any,
                    Some(methods) => Methods::Given(methods.clone()),
                },
                site: site.clone(),
            };
            self.push(on, OpKind::Rule(registration, None), site);
        }
        Value::None
    }

    /// A method of `app.before_request_funcs`, or of one of its lists.
    pub(super) fn hooks_method(&mut self, object: usize, on: usize, name: &str, site: &Site) -> Value<'p> {
        match name {
            "setdefault" | "get" | "values" => Value::Host(object),
            "clear" | "pop" | "remove" | "update" => {
                self.push(on, OpKind::HooksGone, site);
                Value::Unknown
            }
            _ => Value::Unknown,
        }
    }
}

/// The name of what answers a rule.
pub(super) fn endpoint(registration: &Registration<'_>, view: Option<&Value<'_>>) -> Option<String> {
    match (&registration.endpoint, view) {
        (Some(name), _) => name.as_str().map(str::to_owned),
        (None, Some(Value::Function(function))) => {
            let mut at = function;
            for _ in 0..MAX_WRAPPERS {
                if let Some(name) = at.attrs.borrow().get("__name__") {
                    return name.as_str().map(str::to_owned);
                }
                let Some(inner) = &at.wraps else { break };
                at = inner;
            }
            Some(at.name().to_owned())
        }
        _ => None,
    }
}
