//! Functions of the language and of its standard library that matter at start-up.

use std::path::Path;
use std::rc::Rc;

use super::operators::{copy_into, printed};
use super::{Eval, Host, Problem, Site};
use crate::py::value::{Args, Dict, External, ListKind, Value};

impl<'p, H: Host<'p>> Eval<'p, H> {
    /// `None`: not modelled, the call stays symbolic.
    pub(super) fn built_in(&mut self, external: &External<'p>, args: &Args<'p>, site: &Site) -> Option<Value<'p>> {
        if external.called().is_some() {
            return None;
        }
        let first = args.get(0, "").cloned();
        let name = external.name();
        Some(match name.as_str() {
            "os.getenv" | "os.environ.get" => environment(args.get(1, "default")),
            "decouple.config" | "environ.get" => environment(args.named("default")),
            "importlib.import_module" => self.import_module(args.get(0, "name"), site),
            "__import__" => self.import_module(args.get(0, "name"), site),
            "pkgutil.iter_modules" | "pkgutil.walk_packages" => self.iter_modules(args),
            "functools.partial" | "functools.partialmethod" => {
                let mut rest = args.clone();
                if rest.positional.is_empty() {
                    return None;
                }
                let callee = rest.positional.remove(0).value;
                Value::Partial(Rc::new((callee, rest)))
            }
            "typing.cast" => args.get(1, "val").cloned().unwrap_or(Value::Unknown),
            "copy.copy" | "copy.deepcopy" => first.unwrap_or(Value::Unknown),
            "typing.NewType" => args.get(1, "tp").cloned().unwrap_or(Value::Unknown),
            "os.path.join" | "posixpath.join" => joined(args),
            "os.path.dirname" => path_of(first, |it| it.parent()),
            "os.path.abspath" | "os.path.realpath" | "os.path.normpath" | "pathlib.Path" => {
                first.unwrap_or(Value::Unknown)
            }
            "pydantic.SecretStr" | "str" => match first.as_ref().and_then(printed) {
                Some((text, assumed)) => Value::str(&text, assumed),
                None if args.positional.is_empty() => Value::text(""),
                None => Value::Unknown,
            },
            "int" => match first {
                Some(Value::Str(text)) if !text.assumed => text.text.parse().map_or(Value::Unknown, Value::Int),
                Some(value @ Value::Int(_)) => value,
                _ => Value::Unknown,
            },
            "bool" => first.and_then(|it| it.truth()).map_or(Value::Unknown, Value::Bool),
            "list"
            | "tuple"
            | "set"
            | "frozenset"
            | "sorted"
            | "reversed"
            | "iter"
            | "itertools.chain.from_iterable" => {
                return Some(self.copied(&name, first));
            }
            "itertools.chain" => {
                let (mut items, mut open) = (Vec::new(), args.open);
                for arg in &args.positional {
                    let (more, is_open) = self.items(&arg.value);
                    items.extend(more);
                    open |= is_open;
                }
                Value::list(ListKind::List, items, open, self.branch.len())
            }
            "dict" | "collections.OrderedDict" | "collections.defaultdict" => self.dictionary(&name, args),
            "types.SimpleNamespace" => return None,
            "range" => self.range(args),
            "enumerate" => {
                let start = match args.get(1, "start") {
                    Some(Value::Int(start)) => *start,
                    _ => 0,
                };
                let (items, open) = first.map_or((Vec::new(), true), |it| self.items(&it));
                let pairs = (start..).zip(items).map(|(at, it)| Value::tuple(vec![Value::Int(at), it])).collect();
                Value::list(ListKind::List, pairs, open, self.branch.len())
            }
            "zip" => self.zip(args),
            "map" => {
                let (items, open) = args.get(1, "").map_or((Vec::new(), true), |it| self.items(it));
                let callee = first.unwrap_or(Value::Unknown);
                let made = items
                    .into_iter()
                    .map(|it| self.call_value(&callee, &Args::of(vec![it], site.place()), site))
                    .collect();
                Value::list(ListKind::List, made, open, self.branch.len())
            }
            "len" => match first {
                Some(Value::List(list)) if !list.open.get() => {
                    i64::try_from(list.items.borrow().len()).map_or(Value::Unknown, Value::Int)
                }
                Some(Value::Str(text)) if !text.assumed => {
                    i64::try_from(text.text.chars().count()).map_or(Value::Unknown, Value::Int)
                }
                _ => Value::Unknown,
            },
            "exec" | "eval" => {
                self.problem(Problem::Text(site.place()));
                Value::Unknown
            }
            "getattr" => match args.get(1, "").and_then(Value::as_str) {
                Some(attribute) => {
                    let object = first.unwrap_or(Value::Unknown);
                    let value = self.attribute(&object, attribute);
                    match (value, args.get(2, "")) {
                        (Value::Unknown, Some(default)) if matches!(object, Value::Module(_) | Value::Class(_)) => {
                            default.clone()
                        }
                        (value, _) => value,
                    }
                }
                None => match first {
                    // `getattr(app, method)` on an object of the host is a method that isn't known.
                    Some(object) if object.host().is_some() => Value::Method(Rc::new(object), Rc::from("")),
                    _ => Value::Unknown,
                },
            },
            "setattr" => {
                if let (Some(object), Some(attribute), Some(value)) =
                    (first, args.get(1, "").and_then(Value::as_str), args.get(2, ""))
                {
                    self.set_attribute(&object, attribute, value.clone(), site);
                }
                Value::None
            }
            "hasattr" => match (&first, args.get(1, "").and_then(Value::as_str)) {
                (Some(Value::Module(module)), Some(attribute)) => {
                    Value::Bool(self.module_attribute(*module, attribute).is_some())
                }
                _ => Value::Unknown,
            },
            "type" if args.positional.len() == 1 => match first {
                Some(Value::Instance(it)) => Value::Class(Rc::clone(&it.class)),
                Some(Value::Str(_)) => Value::builtin("str"),
                Some(Value::Class(_)) => Value::builtin("type"),
                _ => Value::Unknown,
            },
            "isinstance" => self.is_instance(first.as_ref(), args.get(1, "")),
            "asyncio.run" | "anyio.run" => match first {
                Some(callee @ (Value::Function(_) | Value::Bound(_))) => {
                    self.call_value(&callee, &Args::default(), site)
                }
                Some(value) => value,
                None => Value::Unknown,
            },
            _ if external.last() == "import_string" => {
                let (module, name) = match first.as_ref().and_then(Value::as_str).and_then(|it| it.rsplit_once('.')) {
                    Some((module, name)) => (Value::text(module), name.to_owned()),
                    None => return None,
                };
                let module = self.import_module(Some(&module), site);
                self.attribute(&module, &name)
            }
            "callable" | "issubclass" | "any" | "all" | "print" | "repr" | "open" | "vars" | "id" | "input"
            | "filter" => Value::Unknown,
            _ => return None,
        })
    }

    fn copied(&mut self, name: &str, first: Option<Value<'p>>) -> Value<'p> {
        let kind = match name {
            "tuple" => ListKind::Tuple,
            "set" | "frozenset" => ListKind::Set,
            _ => ListKind::List,
        };
        let (mut items, open) = first.map_or((Vec::new(), false), |it| self.items(&it));
        match name {
            "reversed" => items.reverse(),
            "itertools.chain.from_iterable" => {
                let lists: Vec<(Vec<Value<'p>>, bool)> = items.iter().map(|it| self.items(it)).collect();
                let inner_open = lists.iter().any(|(_, open)| *open);
                let all = lists.into_iter().flat_map(|(items, _)| items).collect();
                return Value::list(kind, all, open || inner_open, self.branch.len());
            }
            _ => {}
        }
        Value::list(kind, items, open, self.branch.len())
    }

    fn dictionary(&mut self, name: &str, args: &Args<'p>) -> Value<'p> {
        let dict = Dict::default();
        match args.get(0, "") {
            Some(Value::External(it)) if name.ends_with("defaultdict") && it.package().is_none() => {
                *dict.makes.borrow_mut() = Some(Rc::from(it.last()));
            }
            Some(_) if name.ends_with("defaultdict") => {}
            Some(Value::Dict(other)) => copy_into(other, &dict),
            Some(other) => {
                let (items, open) = self.items(other);
                dict.open.set(open);
                for item in items {
                    match self.items(&item).0.as_slice() {
                        [key, value] => dict.set(key.clone(), value.clone()),
                        _ => dict.open.set(true),
                    }
                }
            }
            None => {}
        }
        args.keywords.iter().for_each(|(key, arg)| dict.set(Value::text(key), arg.value.clone()));
        dict.open.set(dict.open.get() || args.open);
        Value::Dict(Rc::new(dict))
    }

    fn range(&mut self, args: &Args<'p>) -> Value<'p> {
        let int = |at: usize| match args.get(at, "") {
            Some(Value::Int(it)) => Some(*it),
            _ => None,
        };
        let (from, to) = match (int(0), int(1), args.positional.len()) {
            (Some(to), None, 1) => (0, to),
            (Some(from), Some(to), 2) => (from, to),
            _ => return Value::Unknown,
        };
        if to.saturating_sub(from) > 1_000 {
            return Value::Unknown;
        }
        Value::list(ListKind::List, (from..to).map(Value::Int).collect(), false, self.branch.len())
    }

    fn zip(&mut self, args: &Args<'p>) -> Value<'p> {
        let lists: Vec<(Vec<Value<'p>>, bool)> = args.positional.iter().map(|it| self.items(&it.value)).collect();
        let open = lists.iter().any(|(_, open)| *open);
        let count = lists.iter().map(|(items, _)| items.len()).min().unwrap_or(0);
        let rows = (0..count).map(|at| {
            Value::tuple(lists.iter().map(|(items, _)| items.get(at).cloned().unwrap_or(Value::Unknown)).collect())
        });
        Value::list(ListKind::List, rows.collect(), open, self.branch.len())
    }

    fn is_instance(&mut self, value: Option<&Value<'p>>, of: Option<&Value<'p>>) -> Value<'p> {
        match (value, of) {
            (Some(Value::Instance(it)), Some(Value::Class(class))) => Value::Bool(it.class.is_a(class)),
            (Some(Value::Str(_)), Some(Value::External(it))) => Value::Bool(it.name() == "str"),
            (Some(Value::List(list)), Some(Value::External(it))) => Value::Bool(match list.kind {
                ListKind::List => it.name() == "list",
                ListKind::Tuple => it.name() == "tuple",
                ListKind::Set => it.name() == "set",
            }),
            (Some(Value::External(it)), Some(Value::External(of)))
                if it.called().is_some_and(|(made, ..)| made.called().is_none() && made.name() == of.name()) =>
            {
                Value::Bool(true)
            }
            (Some(Value::None), Some(Value::External(_) | Value::Class(_))) => Value::Bool(false),
            _ => Value::Unknown,
        }
    }

    /// The modules of a package of the tree, as objects with a `name`.
    fn iter_modules(&mut self, args: &Args<'p>) -> Value<'p> {
        let Some(path) = args.get(0, "path") else { return Value::Unknown };
        let (folders, open) = self.items(path);
        let prefix = args.get(1, "prefix").map_or(Some(""), Value::as_str).map(str::to_owned);
        let root = self.program.root().to_path_buf();
        let mut found = Vec::new();
        for folder in folders {
            let inside = folder.as_str().and_then(|it| Path::new(it).strip_prefix(&root).ok());
            let (Some(inside), Some(prefix)) = (inside, &prefix) else { return Value::Unknown };
            let inside = inside.to_string_lossy().replace('\\', "/");
            let folder = if inside.is_empty() { ".".to_owned() } else { inside };
            for name in self.program.children(&folder).keys().filter(|it| *it != "__init__") {
                let name = Value::text(&format!("{prefix}{name}"));
                found.push(Value::tuple(vec![Value::Unknown, name, Value::Unknown]));
            }
        }
        Value::list(ListKind::List, found, open, self.branch.len())
    }
}

/// A variable of the environment: its default, which is only assumed.
fn environment<'p>(default: Option<&Value<'p>>) -> Value<'p> {
    match default {
        Some(Value::Str(text)) => Value::str(&text.text, true),
        _ => Value::Unknown,
    }
}

fn joined<'p>(args: &Args<'p>) -> Value<'p> {
    let parts: Option<Vec<&str>> = args.positional.iter().map(|it| it.value.as_str()).collect();
    parts.map_or(Value::Unknown, |parts| Value::text(&parts.join("/")))
}

fn path_of<'p>(value: Option<Value<'p>>, part: impl Fn(&Path) -> Option<&Path>) -> Value<'p> {
    let text = value.as_ref().and_then(Value::as_str);
    text.and_then(|it| part(Path::new(it))).map_or(Value::Unknown, |it| Value::text(&it.to_string_lossy()))
}
