//! Methods of texts, lists and dictionaries.

use std::rc::Rc;

use super::operators::{copy_into, printed};
use super::{Eval, Host, Site};
use crate::py::value::{Args, Dict, List, ListKind, MAX_ITEMS, Text, Value};

impl<'p, H: Host<'p>> Eval<'p, H> {
    pub(super) fn built_in_method(
        &mut self,
        receiver: &Value<'p>,
        name: &str,
        args: &Args<'p>,
        site: &Site,
    ) -> Value<'p> {
        match receiver {
            Value::Str(text) => self.text_method(text, name, args),
            Value::List(list) => self.list_method(list, name, args),
            Value::Dict(dict) => self.dict_method(dict, name, args, site),
            _ => Value::Unknown,
        }
    }

    fn text_method(&mut self, text: &Text, name: &str, args: &Args<'p>) -> Value<'p> {
        let made = |it: &str| Value::str(it, text.assumed);
        let all = &*text.text;
        let first = args.get(0, "").and_then(Value::as_str);
        let second = args.get(1, "").and_then(Value::as_str);
        let set = |c: char| first.map_or(c.is_whitespace(), |it| it.contains(c));
        let whole = args.positional.is_empty() || first.is_some();
        let known = |it: bool| if text.assumed { Value::Unknown } else { Value::Bool(it) };
        match (name, first, second) {
            ("strip", ..) if whole => made(all.trim_matches(set)),
            ("lstrip", ..) if whole => made(all.trim_start_matches(set)),
            ("rstrip", ..) if whole => made(all.trim_end_matches(set)),
            ("lower" | "casefold", ..) => made(&all.to_lowercase()),
            ("upper", ..) => made(&all.to_uppercase()),
            ("title", ..) => made(&title(all)),
            ("capitalize", ..) => {
                let mut chars = all.chars();
                let first = chars.next().map(|it| it.to_uppercase().collect::<String>()).unwrap_or_default();
                made(&(first + &chars.as_str().to_lowercase()))
            }
            ("replace", Some(from), Some(to)) if !from.is_empty() => made(&all.replace(from, to)),
            ("removeprefix", Some(it), _) => made(all.strip_prefix(it).unwrap_or(all)),
            ("removesuffix", Some(it), _) => made(all.strip_suffix(it).unwrap_or(all)),
            ("startswith", Some(it), _) => known(all.starts_with(it)),
            ("endswith", Some(it), _) => known(all.ends_with(it)),
            ("split", Some(by), None) if !by.is_empty() => {
                let parts = all.split(by).map(made).collect();
                Value::list(ListKind::List, parts, false, self.branch.len())
            }
            ("split", None, _) if args.positional.is_empty() => {
                Value::list(ListKind::List, all.split_whitespace().map(made).collect(), false, self.branch.len())
            }
            ("partition", Some(by), _) if !by.is_empty() => {
                let (before, by, after) = match all.split_once(by) {
                    Some((before, after)) => (before, by, after),
                    None => (all, "", ""),
                };
                Value::tuple(vec![made(before), made(by), made(after)])
            }
            ("join", ..) => self.join(text, args),
            ("format", ..) => format(text, args),
            ("encode" | "decode" | "strip" | "__str__" | "get_secret_value", ..) => made(all),
            _ => Value::Unknown,
        }
    }

    fn join(&mut self, by: &Text, args: &Args<'p>) -> Value<'p> {
        let Some(list) = args.get(0, "") else { return Value::Unknown };
        let (items, open) = self.items(list);
        let texts: Option<Vec<(String, bool)>> = items.iter().map(printed).collect();
        match texts {
            Some(texts) if !open => {
                let assumed = by.assumed || texts.iter().any(|(_, assumed)| *assumed);
                let texts: Vec<String> = texts.into_iter().map(|(text, _)| text).collect();
                Value::str(&texts.join(&by.text), assumed)
            }
            _ => Value::Unknown,
        }
    }

    /// Adds items. What an undecided branch adds may not be there.
    pub(super) fn extend(&mut self, list: &List<'p>, items: Vec<Value<'p>>, open: bool) {
        let unsure = self.branch.len() > list.depth;
        let mut known = list.items.borrow_mut();
        for item in items {
            if known.len() >= MAX_ITEMS {
                list.open.set(true);
                break;
            }
            known.push(if unsure { item.or(Value::None) } else { item });
        }
        list.open.set(list.open.get() || open);
    }

    fn list_method(&mut self, list: &Rc<List<'p>>, name: &str, args: &Args<'p>) -> Value<'p> {
        let first = args.get(0, "").cloned();
        match (name, first) {
            ("append" | "add", Some(item)) => self.extend(list, vec![item], false),
            ("extend" | "update", Some(more)) => {
                let (items, open) = self.items(&more);
                self.extend(list, items, open);
            }
            ("insert", _) => {
                if let Some(item) = args.get(1, "") {
                    let unsure = self.branch.len() > list.depth;
                    let item = if unsure { item.clone().or(Value::None) } else { item.clone() };
                    let mut items = list.items.borrow_mut();
                    let at = match args.get(0, "") {
                        Some(Value::Int(at)) => usize::try_from(*at).unwrap_or(items.len()).min(items.len()),
                        _ => items.len(),
                    };
                    if items.len() < MAX_ITEMS {
                        items.insert(at, item);
                    }
                }
            }
            ("copy", _) => {
                return Value::list(list.kind, list.items.borrow().clone(), list.open.get(), self.branch.len());
            }
            ("union", Some(more)) => {
                let (items, open) = self.items(&more);
                let all = list.items.borrow().iter().cloned().chain(items).collect();
                return Value::list(list.kind, all, open || list.open.get(), self.branch.len());
            }
            ("pop", None) if self.branch.len() <= list.depth && !list.open.get() => {
                return list.items.borrow_mut().pop().unwrap_or(Value::Unknown);
            }
            ("clear", _) if self.branch.len() <= list.depth => {
                list.items.take();
                list.open.set(false);
            }
            // Any of the items may be the one that is gone.
            ("clear" | "remove" | "pop" | "discard", _) => {
                list.doubt();
                return Value::Unknown;
            }
            ("sort" | "reverse", _) => {}
            _ => return Value::Unknown,
        }
        Value::None
    }

    fn dict_method(&mut self, dict: &Rc<Dict<'p>>, name: &str, args: &Args<'p>, _site: &Site) -> Value<'p> {
        let depth = self.branch.len();
        match name {
            "get" | "pop" => {
                let Some(key) = args.get(0, "key") else { return Value::Unknown };
                let default = args.get(1, "default").cloned().unwrap_or(Value::None);
                match dict.get(key) {
                    Some(value) => value,
                    None if dict.open.get() || matches!(key, Value::Unknown | Value::OneOf(_)) => Value::Unknown,
                    None => default,
                }
            }
            "__getitem__" => {
                let key = args.get(0, "").cloned().unwrap_or(Value::Unknown);
                self.item(&Value::Dict(Rc::clone(dict)), &key)
            }
            "setdefault" => {
                let Some(key) = args.get(0, "key") else { return Value::Unknown };
                let default = args.get(1, "default").cloned().unwrap_or(Value::None);
                dict.get(key).unwrap_or_else(|| {
                    dict.set(key.clone(), default.clone());
                    default
                })
            }
            "items" => {
                let pairs = dict.items.borrow();
                let pairs = pairs.iter().map(|(key, value)| Value::tuple(vec![key.clone(), value.clone()])).collect();
                Value::list(ListKind::List, pairs, dict.open.get(), depth)
            }
            "keys" => {
                let keys = dict.items.borrow().iter().map(|(key, _)| key.clone()).collect();
                Value::list(ListKind::List, keys, dict.open.get(), depth)
            }
            "values" => {
                let values = dict.items.borrow().iter().map(|(_, value)| value.clone()).collect();
                Value::list(ListKind::List, values, dict.open.get(), depth)
            }
            "copy" => {
                let copy = Dict::default();
                copy_into(dict, &copy);
                Value::Dict(Rc::new(copy))
            }
            "update" => {
                match args.get(0, "") {
                    Some(Value::Dict(other)) => copy_into(other, dict),
                    Some(_) => dict.open.set(true),
                    None => {}
                }
                for (name, arg) in &args.keywords {
                    dict.set(Value::text(name), arg.value.clone());
                }
                Value::None
            }
            _ => Value::Unknown,
        }
    }
}

fn title(text: &str) -> String {
    let mut start = true;
    text.chars()
        .flat_map(|c| {
            let shown: Vec<char> = if start { c.to_uppercase().collect() } else { c.to_lowercase().collect() };
            start = !c.is_alphabetic();
            shown
        })
        .collect()
}

/// `"/{}/{name}".format(…)`. Other forms are not followed.
fn format<'p>(text: &Text, args: &Args<'p>) -> Value<'p> {
    let (mut result, mut assumed, mut next) = (String::new(), text.assumed, 0);
    let mut rest = &*text.text;
    while let Some((before, after)) = rest.split_once('{') {
        result.push_str(before);
        let Some((hole, after)) = after.split_once('}') else { return Value::Unknown };
        let value = match hole {
            "" => {
                next += 1;
                args.positional.get(next - 1).map(|it| &it.value)
            }
            name => match name.parse::<usize>() {
                Ok(at) => args.positional.get(at).map(|it| &it.value),
                Err(_) => args.named(name),
            },
        };
        let Some((shown, is_assumed)) = value.and_then(printed) else { return Value::Unknown };
        result.push_str(&shown);
        assumed |= is_assumed;
        rest = after;
    }
    result.push_str(rest);
    Value::str(&result, assumed)
}
