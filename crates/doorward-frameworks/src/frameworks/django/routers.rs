//! The routes that routers of the REST framework make of viewsets.

use std::rc::Rc;

use doorward::diagnostic::{Diagnostic, Routes};
use doorward::inventory::{Method, StepKind};

use super::discover::{Context, Reader};
use super::host::{Entry, Router};
use super::pattern::{self, Way};
use super::tables::{self, Kind};
use super::views::{self, Action, METHODS, Target, View};
use crate::py::value::{Args, Class, Dict, Place, Value};
use crate::walk::printable;

/// Routers in routers; people nest two or three.
const MAX_NESTING: usize = 8;

/// One URL of a router, with the methods it answers.
struct Made {
    regex: String,
    methods: Vec<(String, Option<String>)>,
}

impl<'p> Reader<'p> {
    pub(super) fn router(&mut self, router: &Router<'p>, context: &Context) {
        let mut context = context.clone();
        let step = self.step(StepKind::Mount, router.place, None);
        context.steps.push(step);
        let own = |name: &str| router.class.as_ref().and_then(|it| views::own(it, name));
        for name in ["get_urls", "get_routes", "routes", "get_lookup_regex", "get_method_map"] {
            if own(name).is_some() {
                let place = router
                    .class
                    .as_ref()
                    .map_or(router.place, |it| Place { module: it.module, span: crate::py::eval::span(&it.def.name) });
                let message = format!("a router makes its URLs with its own `{name}`, which is not followed");
                self.tell("DW2247", message, place, "compare its routes with `manage.py show_urls` or the schema");
            }
        }
        let is = |name: &str| own(name).is_none_or(|it| it.truth() != Some(false));
        let suffixes = router.default && is("include_format_suffixes");
        let before = self.nested(router, 0);
        for entry in router.entries.clone() {
            self.entry(router, &entry, before.as_deref(), suffixes, &context);
        }
        if router.default && is("include_root_view") {
            self.root_view(router, suffixes, &context);
        }
    }

    /// The expression before the URLs of a nested router; `None`: it isn't known.
    fn nested(&mut self, router: &Router<'p>, depth: usize) -> Option<String> {
        let Some((around, prefix, lookup)) = router.nested.clone() else { return Some(String::new()) };
        let outer = self.eval.host.router(around).cloned()?;
        if depth > MAX_NESTING {
            return None;
        }
        let before = self.nested(&outer, depth + 1)?;
        let prefix = prefix.as_str()?.to_owned();
        let lookup = lookup.as_str()?.to_owned();
        let entry = outer.entries.iter().find(|it| it.prefix.as_str() == Some(&prefix))?;
        let viewset = match &entry.viewset {
            Value::Class(class) => Some(Rc::clone(class)),
            _ => None,
        };
        let value = self.lookup(viewset.as_ref(), &format!("{lookup}_"));
        Some(format!("{before}{prefix}/{value}/"))
    }

    /// The group that matches one object of a viewset.
    fn lookup(&mut self, class: Option<&Rc<Class<'p>>>, before: &str) -> String {
        let text = |name: &str| class.and_then(|it| views::own(it, name)).and_then(|it| it.as_str().map(str::to_owned));
        let name = text("lookup_url_kwarg").or_else(|| text("lookup_field")).unwrap_or_else(|| "pk".to_owned());
        let value = text("lookup_value_regex").unwrap_or_else(|| "[^/.]+".to_owned());
        format!("(?P<{before}{name}>{value})")
    }

    fn entry(
        &mut self,
        router: &Router<'p>,
        entry: &Entry<'p>,
        before: Option<&str>,
        suffixes: bool,
        context: &Context,
    ) {
        let place = entry.site.place();
        let context = Context { maybe: context.maybe || !entry.site.branch.is_empty(), ..context.clone() };
        let (Some(before), Some(_)) = (before, entry.prefix.as_str()) else {
            if matches!(&entry.prefix, Value::OneOf(_)) && before.is_some() {
                for prefix in entry.prefix.each() {
                    let one = Entry { prefix, ..entry.clone() };
                    self.entry(router, &one, before, suffixes, &Context { maybe: true, ..context.clone() });
                }
                return;
            }
            let message = "the prefix of a viewset is only known when the program runs".to_owned();
            return self.tell("DW2003", message, place, "use a literal or a constant");
        };
        let prefix = format!("{before}{}", entry.prefix.as_str().unwrap_or_default());
        for viewset in entry.viewset.each() {
            match &viewset {
                Value::Class(class) => self.viewset(router, class, &prefix, suffixes, place, &context),
                Value::None => {}
                Value::External(external) => {
                    let name = external.name();
                    match tables::base(&name).filter(|it| it.kind == Kind::Rest && !it.actions.is_empty()) {
                        Some(base) => {
                            let has = |action: &str| base.actions.contains(&action);
                            let made = rows(router, &prefix, &self.lookup(None, ""), &has, &[]);
                            let target =
                                Target { layers: Vec::new(), view: View::Package(name.clone(), Args::default()) };
                            self.add(&target, &made, suffixes, place, &context);
                        }
                        None => self.foreign_viewset(&name, &prefix, place, &context),
                    }
                }
                _ => {
                    let message = "a viewset is only known when the program runs".to_owned();
                    self.tell("DW2244", message, place, "register the class itself");
                }
            }
        }
    }

    /// A viewset of a package: what it answers isn't known.
    fn foreign_viewset(&mut self, name: &str, prefix: &str, place: Place, context: &Context) {
        let message = format!("the viewset `{}` is not in the tree; its prefix is listed", printable(name));
        self.tell("DW2241", message, place, "read in the package's documentation which routes it has");
        let target = Target { layers: Vec::new(), view: View::Package(name.to_owned(), Args::default()) };
        for way in pattern::regex(&format!("^{prefix}/"), true) {
            self.endpoint(context, &way, &target, &[(Method::ALL.to_owned(), None)], place);
        }
    }

    fn viewset(
        &mut self,
        router: &Router<'p>,
        class: &Rc<Class<'p>>,
        prefix: &str,
        suffixes: bool,
        place: Place,
        context: &Context,
    ) {
        let lookup = self.lookup(Some(class), "");
        let actions = views::extra_actions(&mut self.eval, class);
        for action in &actions {
            if action.url_path.is_none() || action.detail.is_none() {
                let message = format!("the path of the action `{}` is only known when the program runs", action.name);
                self.tell("DW2003", printable(&message), place, "use literals for `url_path` and `detail`");
            }
        }
        if views::is_foreign(class) {
            let message = format!(
                "`{}` inherits from a class that is not in the tree, which may add actions",
                printable(class.name())
            );
            let help = "read in the package's documentation which routes it adds";
            let more = Diagnostic { routes: Some(Routes::Missing), ..Diagnostic::new("DW2241", message).help(help) };
            self.note(more, place);
        }
        let has = |action: &str| views::has(class, action);
        for row in 0..tables::ROWS.len() {
            let made = row_urls(router, row, prefix, &lookup, &has, &actions);
            for (made, args) in made {
                let target = Target::class(Rc::clone(class), args);
                self.add(&target, &[made], suffixes, place, context);
            }
        }
    }

    fn add(&mut self, target: &Target<'p>, made: &[Made], suffixes: bool, place: Place, context: &Context) {
        for one in made {
            let mut regexes = vec![one.regex.clone()];
            if suffixes {
                let text = one.regex.trim_end_matches('$').trim_end_matches('/');
                regexes.push(format!("{text}\\.(?P<format>[a-z0-9]+)/?$"));
            }
            for regex in regexes {
                for way in pattern::regex(&regex, true) {
                    self.endpoint(context, &way, target, &one.methods, place);
                }
            }
        }
    }

    /// The page that lists the others.
    fn root_view(&mut self, router: &Router<'p>, suffixes: bool, context: &Context) {
        let class = router.class.as_ref().and_then(|it| views::own(it, "APIRootView"));
        let target = match class {
            Some(Value::Class(class)) => Target::class(class, Args::default()),
            _ => Target {
                layers: Vec::new(),
                view: View::Package("rest_framework.routers.APIRootView".to_owned(), Args::default()),
            },
        };
        let methods = [("GET".to_owned(), None)];
        self.endpoint(context, &Way::text(""), &target, &methods, router.place);
        if suffixes {
            let way = pattern::route("<drf_format_suffix:format>", &pattern::converter);
            self.endpoint(context, &way, &target, &methods, router.place);
        }
    }
}

/// What the rows of a router make of a viewset without actions of its own.
fn rows<'p>(
    router: &Router<'p>,
    prefix: &str,
    lookup: &str,
    has: &dyn Fn(&str) -> bool,
    actions: &[Action<'p>],
) -> Vec<Made> {
    (0..tables::ROWS.len())
        .flat_map(|row| row_urls(router, row, prefix, lookup, has, actions))
        .map(|(made, _)| made)
        .collect()
}

/// What one row makes of a viewset: URLs, each with what its views are given.
fn row_urls<'p>(
    router: &Router<'p>,
    row: usize,
    prefix: &str,
    lookup: &str,
    has: &dyn Fn(&str) -> bool,
    actions: &[Action<'p>],
) -> Vec<(Made, Args<'p>)> {
    let Some(known) = tables::ROWS.get(row) else { return Vec::new() };
    let slash = match router.args.get(0, "trailing_slash") {
        Some(Value::Bool(false)) => "",
        _ => "/",
    };
    let url = |path: &str| {
        let url = known
            .url
            .replace("{prefix}", prefix)
            .replace("{lookup}", lookup)
            .replace("{url_path}", path)
            .replace("{trailing_slash}", slash);
        if prefix.is_empty() { url.replacen("^/", "^", 1) } else { url }
    };
    if known.dynamic {
        return actions
            .iter()
            .filter(|it| it.detail == Some(known.detail))
            .filter_map(|action| {
                let methods =
                    action.mapping.iter().map(|(method, name)| (method.to_ascii_uppercase(), Some(name.clone())));
                let methods = shown(methods.collect());
                let made = Made { regex: url(action.url_path.as_deref()?), methods };
                Some((made, Args { positional: Vec::new(), ..action.args.clone() }))
            })
            .collect();
    }
    let mapping = mapping(router.mappings.get(&row).map(|it| &**it), known.mapping);
    let methods: Vec<(String, Option<String>)> = mapping
        .into_iter()
        .filter(|(_, action)| has(action))
        .map(|(method, action)| (method.to_ascii_uppercase(), Some(action)))
        .collect();
    if methods.is_empty() {
        return Vec::new();
    }
    vec![(Made { regex: url(""), methods: shown(methods) }, Args::default())]
}

fn shown(methods: Vec<(String, Option<String>)>) -> Vec<(String, Option<String>)> {
    let known = |it: &str| it == Method::ALL || METHODS.contains(&it.to_ascii_lowercase().as_str());
    methods.into_iter().filter(|(method, _)| known(method)).collect()
}

/// Methods and actions of a row: those the program left in it, or the framework's.
fn mapping(changed: Option<&Dict<'_>>, known: &[(&str, &str)]) -> Vec<(String, String)> {
    match changed {
        Some(dict) => dict
            .items
            .borrow()
            .iter()
            .filter_map(|(method, action)| Some((method.as_str()?.to_owned(), action.as_str()?.to_owned())))
            .collect(),
        None => known.iter().map(|(method, action)| ((*method).to_owned(), (*action).to_owned())).collect(),
    }
}
