//! What the platform itself provides: arrays, strings, paths and folders.

use std::rc::Rc;
use std::sync::Arc;

use super::expressions::{concat, equal_values};
use super::{Eval, Host, Site};
use crate::js::value::{Arg, Array, External, MAX_ITEMS, Text, Value};

impl<H: Host> Eval<'_, H> {
    pub(super) fn keys(&mut self, object: &Value) -> Value {
        match object {
            Value::Object(it) => {
                let keys = it.props.borrow().iter().map(|(key, _)| Value::text(key)).collect();
                Value::array(keys, it.open.get())
            }
            Value::Namespace(module) => {
                let names = self.export_names(*module);
                Value::array(names.iter().map(|it| Value::text(it)).collect(), false)
            }
            Value::Array(array) => {
                let keys = (0..array.items.borrow().len()).map(|at| Value::text(&at.to_string())).collect();
                Value::array(keys, array.open.get())
            }
            _ => Value::Unknown,
        }
    }

    pub(super) fn platform(&mut self, external: &External, args: &[Arg]) -> Option<Value> {
        let first = args.first().map(|it| it.value.clone()).unwrap_or(Value::Undefined);
        let name = external.name();
        Some(match name.as_str() {
            "Object.keys" => self.keys(&first),
            "Object.values" | "Object.entries" => {
                let Value::Array(keys) = self.keys(&first) else { return Some(Value::Unknown) };
                let names: Vec<Value> = keys.items.borrow().clone();
                let mut all = Vec::new();
                for key in names {
                    let value = self.member(&first, key.as_str().unwrap_or_default());
                    all.push(if name == "Object.values" { value } else { Value::array(vec![key, value], false) });
                }
                Value::array(all, keys.open.get())
            }
            "Object.freeze" | "Object.seal" | "Promise.resolve" | "structuredClone" => first,
            "Object.assign" => {
                if let Value::Object(target) = &first {
                    for other in args.iter().skip(1) {
                        match &other.value {
                            Value::Object(other) => {
                                // It may be assigned to itself.
                                let props = other.props.borrow().clone();
                                props.into_iter().for_each(|(key, value)| target.set(&key, value));
                            }
                            _ => target.open.set(true),
                        }
                    }
                }
                first
            }
            "Promise.all" | "Promise.allSettled" | "Array.from" if matches!(first, Value::Array(_)) => first,
            "Array.of" => Value::array(args.iter().map(|it| it.value.clone()).collect(), false),
            "String" => match first {
                Value::Str(_) => first,
                _ => Value::Unknown,
            },
            "path.join" | "path.posix.join" | "path.resolve" => {
                let mut parts: Vec<String> = Vec::new();
                for arg in args {
                    match arg.value.as_str() {
                        Some(text) => parts.push(text.to_owned()),
                        None => return Some(Value::Unknown),
                    }
                }
                Value::text(&join_paths(&parts))
            }
            // `join(import.meta.url, 'routes')` of a package that stands in for `__dirname`.
            "desm.join" => match first.as_str().and_then(|it| it.strip_prefix("file://")) {
                Some(file) => {
                    let mut parts = vec![file.rsplit_once('/').map_or(file, |(folder, _)| folder).to_owned()];
                    for arg in args.iter().skip(1) {
                        match arg.value.as_str() {
                            Some(text) => parts.push(text.to_owned()),
                            None => return Some(Value::Unknown),
                        }
                    }
                    Value::text(&join_paths(&parts))
                }
                None => Value::Unknown,
            },
            "path.basename" => match (first.as_str(), args.get(1).map(|it| &it.value)) {
                (Some(path), suffix) => {
                    let base = path.rsplit('/').next().unwrap_or(path);
                    let suffix = suffix.and_then(|it| it.as_str()).unwrap_or_default();
                    Value::text(base.strip_suffix(suffix).unwrap_or(base))
                }
                _ => Value::Unknown,
            },
            // `new URL('routes', import.meta.url)`.
            "URL" | "url.URL" => match (first.as_str(), args.get(1).and_then(|it| it.value.as_str())) {
                (Some(url), None) if url.starts_with("file://") => first,
                (Some(path), Some(base)) if base.starts_with("file://") && !path.contains(':') => {
                    let folder = base.rsplit_once('/').map_or(base, |(folder, _)| folder);
                    let folder = folder.strip_prefix("file://").unwrap_or(folder);
                    Value::text(&format!("file://{}", join_paths(&[folder.to_owned(), path.to_owned()])))
                }
                _ => return None,
            },
            "url.fileURLToPath" => match first.as_str() {
                Some(url) => Value::text(url.strip_prefix("file://").unwrap_or(url)),
                None => Value::Unknown,
            },
            "path.dirname" => match first.as_str().and_then(|it| it.rsplit_once('/')) {
                Some((folder, _)) => Value::text(folder),
                None => Value::Unknown,
            },
            "fs.readdirSync" | "fs.promises.readdir" | "fs/promises.readdir" => match first.as_str() {
                Some(folder) if args.len() == 1 => {
                    let root = self.program.root().to_string_lossy().into_owned();
                    let relative = folder.strip_prefix(&root).unwrap_or(folder).trim_matches('/');
                    let relative = if relative.is_empty() { "." } else { relative };
                    let names = self.program.listing(relative);
                    Value::array(names.iter().map(|it| Value::text(it)).collect(), names.is_empty())
                }
                _ => Value::Unknown,
            },
            _ => return None,
        })
    }

    pub(super) fn array_method(
        &mut self,
        array: &Rc<Array>,
        receiver: &Value,
        name: &str,
        args: &[Arg],
        site: &Site,
    ) -> Option<Value> {
        let items = array.items.borrow().clone();
        self.steps += items.len() as u64;
        let open = array.open.get();
        let callback = args.first().map(|it| it.value.clone()).unwrap_or(Value::Undefined);
        Some(match name {
            "forEach" | "map" | "flatMap" | "filter" | "some" | "every" | "find" => {
                let mut results = Vec::new();
                let mut decided = true;
                for (at, item) in items.iter().enumerate() {
                    #[expect(clippy::cast_precision_loss, reason = "arrays in source code are short")]
                    let given = [item.clone(), Value::Num(at as f64), receiver.clone()].map(|value| Arg {
                        value,
                        span: site.call,
                        spread: false,
                    });
                    let result = self.call_value(&callback, None, &given, site);
                    match name {
                        "filter" | "find" => match result.truth() {
                            Some(true) => results.push(item.clone()),
                            Some(false) => {}
                            None => {
                                decided = false;
                                results.push(item.clone());
                            }
                        },
                        "flatMap" => match result {
                            Value::Array(inner) => results.extend(inner.items.borrow().iter().cloned()),
                            other => results.push(other),
                        },
                        _ => results.push(result),
                    }
                }
                if open {
                    let unknown =
                        [Value::Unknown, Value::Unknown].map(|value| Arg { value, span: site.call, spread: false });
                    self.in_branch(|it| it.call_value(&callback, None, &unknown, site));
                }
                match name {
                    "forEach" => Value::Undefined,
                    "map" | "flatMap" | "filter" => Value::array(results, open),
                    "find" if decided && !open => results.first().cloned().unwrap_or(Value::Undefined),
                    "find" => results.into_iter().fold(Value::Unknown, Value::or),
                    _ => Value::Unknown,
                }
            }
            "reduce" => {
                let mut rest = items.into_iter();
                let mut total = match args.get(1) {
                    Some(initial) => initial.value.clone(),
                    None => rest.next().unwrap_or(Value::Undefined),
                };
                for item in rest {
                    let given = [total, item].map(|value| Arg { value, span: site.call, spread: false });
                    total = self.call_value(&callback, None, &given, site);
                }
                if open { Value::Unknown } else { total }
            }
            "push" | "unshift" => {
                // What an undecided branch adds may be missing.
                let sure = self.undecided() <= array.depth.get();
                let new = args.iter().map(|it| if sure { it.value.clone() } else { it.value.clone().or_nothing() });
                let mut items = array.items.borrow_mut();
                if name == "push" {
                    items.extend(new);
                } else {
                    items.splice(0..0, new);
                }
                let too_many = items.len() > MAX_ITEMS;
                items.truncate(MAX_ITEMS);
                array.open.set(open || too_many || args.iter().any(|it| it.spread));
                Value::Unknown
            }
            "pop" | "shift" if !open && self.undecided() <= array.depth.get() => {
                let mut items = array.items.borrow_mut();
                let taken = if name == "pop" || items.is_empty() { items.pop() } else { Some(items.remove(0)) };
                taken.unwrap_or(Value::Undefined)
            }
            "pop" | "shift" | "splice" | "fill" | "copyWithin" => {
                array.doubt();
                Value::Unknown
            }
            "concat" => {
                let mut all = items;
                let mut open = open;
                for arg in args {
                    match &arg.value {
                        Value::Array(other) => {
                            all.extend(other.items.borrow().iter().cloned());
                            open |= other.open.get();
                        }
                        Value::Unknown | Value::External(_) => open = true,
                        other => all.push(other.clone()),
                    }
                }
                Value::array(all, open)
            }
            "slice" if args.is_empty() => Value::array(items, open),
            "slice" => match callback {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by the guard")]
                Value::Num(from) if from >= 0.0 && args.len() == 1 => {
                    Value::array(items.into_iter().skip(from as usize).collect(), open)
                }
                _ => Value::array(items, true),
            },
            "flat" => {
                let mut all = Vec::new();
                for item in items {
                    match item {
                        Value::Array(inner) => all.extend(inner.items.borrow().iter().cloned()),
                        other => all.push(other),
                    }
                }
                Value::array(all, open)
            }
            "reverse" => Value::array(items.into_iter().rev().collect(), open),
            "sort" | "values" => receiver.clone(),
            "entries" => {
                #[expect(clippy::cast_precision_loss, reason = "arrays in source code are short")]
                let pairs = items
                    .into_iter()
                    .enumerate()
                    .map(|(at, value)| Value::array(vec![Value::Num(at as f64), value], false))
                    .collect();
                Value::array(pairs, open)
            }
            "join" => {
                let separator = callback.as_str().unwrap_or(",").to_owned();
                let mut total = Value::text("");
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        total = concat(&total, &Value::text(&separator));
                    }
                    total = concat(&total, item);
                }
                if open { Value::Unknown } else { total }
            }
            "includes" | "indexOf" if !open && name == "includes" => {
                match items.iter().map(|it| equal_values(it, &callback)).collect::<Option<Vec<bool>>>() {
                    Some(all) => Value::Bool(all.contains(&true)),
                    None => Value::Unknown,
                }
            }
            _ => return None,
        })
    }
}

pub(super) fn string_method(text: &Text, name: &str, args: &[Arg]) -> Value {
    let arg = |at: usize| args.get(at).and_then(|it| it.value.as_str());
    let same = |new: String| Value::Str(Text { text: Arc::from(new), assumed: text.assumed });
    match (name, arg(0), arg(1)) {
        ("toLowerCase", ..) => same(text.text.to_lowercase()),
        ("toUpperCase", ..) => same(text.text.to_uppercase()),
        ("trim", ..) => same(text.text.trim().to_owned()),
        ("toString" | "valueOf", ..) => Value::Str(text.clone()),
        ("replace", Some(from), Some(to)) => same(text.text.replacen(from, to, 1)),
        ("replaceAll", Some(from), Some(to)) => same(text.text.replace(from, to)),
        ("startsWith", Some(part), _) if !text.assumed => Value::Bool(text.text.starts_with(part)),
        ("endsWith", Some(part), _) if !text.assumed => Value::Bool(text.text.ends_with(part)),
        ("includes", Some(part), _) if !text.assumed => Value::Bool(text.text.contains(part)),
        ("concat", Some(more), None) => same(format!("{}{more}", text.text)),
        ("split", Some(separator), _) if !separator.is_empty() => {
            Value::array(text.text.split(separator).map(|it| same(it.to_owned())).collect(), false)
        }
        _ => Value::Unknown,
    }
}

pub(super) fn join_paths(parts: &[String]) -> String {
    let absolute = parts.first().is_some_and(|it| it.starts_with('/'));
    let mut segments: Vec<&str> = Vec::new();
    for part in parts.iter().flat_map(|it| it.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    format!("{}{}", if absolute { "/" } else { "" }, segments.join("/"))
}
