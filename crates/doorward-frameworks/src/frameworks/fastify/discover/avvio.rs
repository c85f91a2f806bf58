//! The order in which Fastify loads plugins, which is that of its library `avvio`.
//!
//! Whatever is registered waits in the queue of the plugin that is being loaded at that moment. A queue is worked off
//! when the plugin's function is over, or while it waits for an instance. Hooks and `after` wait in the same queues.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use super::autoload::Scan;
use super::host::{App, Fastify, Hook, Instance, MAX_MADE, Mounted, SKIP_OVERRIDE, Trouble, as_object};
use crate::js::eval::{Due, Site};
use crate::js::ir::{self, ExprKind, Key, Pattern};
use crate::js::value::{Arg, Closure, Object, Place, Value};

/// No program a person wrote loads this many plugins.
const MAX_LOADS: usize = 10_000;
/// Plugins within plugins.
const MAX_NESTING: usize = 40;

/// A plugin that is being loaded.
#[derive(Debug)]
pub(crate) struct Load {
    pub(super) instance: usize,
    /// Its function is not over.
    pub(super) running: bool,
    pub(super) queue: VecDeque<Queued>,
    pub(super) mounted: Option<Rc<Mounted>>,
    /// The folder it reads plugins from.
    pub(super) scan: Option<Scan>,
}

impl Load {
    pub(super) fn new(instance: usize, mounted: Option<Rc<Mounted>>) -> Self {
        Self { instance, running: false, queue: VecDeque::new(), mounted, scan: None }
    }
}

/// What waits to be done.
#[derive(Debug)]
pub(crate) enum Queued {
    Plugin(Plugin),
    Hook(Hook),
    Callback {
        callee: Value,
        instance: usize,
        site: Site,
    },
    /// A scope without a function of its own: the folder of autoload that has hooks.
    Scope {
        prefix: Option<String>,
        items: Vec<Plugin>,
        mounted: Mounted,
    },
}

/// A plugin that was registered.
#[derive(Debug, Clone)]
pub(crate) struct Plugin {
    pub(super) value: Value,
    pub(super) options: Option<Value>,
    /// Where it stands in its call.
    pub(super) place: Place,
    pub(super) site: Site,
    /// It gets no scope, whatever it says itself.
    pub(super) bare: bool,
    /// Its options come from a function, which is too late for a prefix.
    pub(super) late: bool,
    /// The file it was loaded from, if a folder was loaded.
    pub(super) file: Option<Mounted>,
}

impl Plugin {
    pub(super) fn new(plugin: &Arg, options: Option<Value>, place: Place, site: &Site) -> Self {
        Self { value: plugin.value.clone(), options, place, site: site.clone(), bare: false, late: false, file: None }
    }
}

/// Work in the hands of the evaluator.
#[derive(Debug)]
pub(crate) enum Work {
    /// A plugin's function, of this app.
    Function(usize),
    Callback,
    /// The module of a plugin.
    Module(usize, Plugin),
    /// The options of a plugin, which are a function.
    Options(usize, Plugin),
    /// A file of a folder, for the plugin that reads it.
    File(usize),
}

impl Fastify<'_> {
    pub(super) fn next_due(&mut self, waiting: Option<usize>) -> Option<Due> {
        let apps = match waiting {
            Some(instance) => {
                let app = self.instances.get(instance)?.app;
                app..app + 1
            }
            None => 0..self.apps.len(),
        };
        apps.into_iter().find_map(|app| self.due_of(app))
    }

    fn due_of(&mut self, app: usize) -> Option<Due> {
        loop {
            let load = self.apps.get_mut(app)?.stack.last_mut()?;
            if let Some(module) = load.scan.as_mut().and_then(Scan::next) {
                self.working.push(Work::File(app));
                return Some(Due::Load(module));
            }
            if load.scan.is_some() {
                self.scanned(app);
                continue;
            }
            let instance = load.instance;
            let Some(item) = load.queue.pop_front() else {
                if load.running {
                    return None;
                }
                self.apps.get_mut(app)?.stack.pop();
                continue;
            };
            match item {
                Queued::Hook(hook) => {
                    let at = self.tick();
                    if self.hooks.len() < MAX_MADE {
                        self.hooks.push(Hook { at, ..hook });
                    }
                }
                Queued::Callback { callee, instance, site } => {
                    self.working.push(Work::Callback);
                    let error = arg(Value::Undefined, &site);
                    let args = vec![error, arg(Value::Host(instance), &site), arg(Value::Unknown, &site)];
                    return Some(Due::Call { callee, args, site });
                }
                Queued::Scope { prefix, items, mounted } => {
                    let mounted = Rc::new(mounted);
                    let prefixes = prefix.map(|it| vec![it]).unwrap_or_default();
                    let scope = self.scope(instance, &prefixes, false, mounted.place);
                    let mut load = Load::new(scope, Some(mounted));
                    load.queue.extend(items.into_iter().map(Queued::Plugin));
                    self.push(app, load);
                }
                Queued::Plugin(plugin) => {
                    if let Some(due) = self.plugin(app, instance, plugin) {
                        return Some(due);
                    }
                }
            }
        }
    }

    fn push(&mut self, app: usize, load: Load) {
        if let Some(App { stack, .. }) = self.apps.get_mut(app)
            && stack.len() < MAX_NESTING
        {
            stack.push(load);
        }
    }

    /// The scope of a plugin in `parent`.
    pub(super) fn scope(&mut self, parent: usize, prefixes: &[String], computed: bool, place: Place) -> usize {
        let Some(outer) = self.instances.get(parent) else { return parent };
        if self.instances.len() > MAX_MADE {
            return parent;
        }
        let mut all: Vec<String> = Vec::new();
        for outer in &outer.prefixes {
            match prefixes {
                [] => all.push(outer.clone()),
                _ => all.extend(prefixes.iter().map(|it| join_prefix(outer, it))),
            }
        }
        all.truncate(64);
        self.instances.push(Instance {
            app: outer.app,
            parent: Some(parent),
            prefixes: all,
            computed: computed || outer.computed,
            place,
            name: None,
            decorators: Vec::new(),
            packages: Vec::new(),
            is_opaque: false,
            escapes: Vec::new(),
        });
        self.instances.len() - 1
    }

    /// Begins to load a plugin. What it needs from the evaluator is due.
    fn plugin(&mut self, app: usize, parent: usize, plugin: Plugin) -> Option<Due> {
        if let Some(callee @ Value::Function(_)) = plugin.options.clone() {
            let site = plugin.site.clone();
            self.working.push(Work::Options(app, plugin));
            return Some(Due::Call { callee, args: vec![arg(Value::Host(parent), &site)], site });
        }
        match plugin.value.clone() {
            Value::OneOf(values) => {
                let load = self.apps.get_mut(app)?.stack.last_mut()?;
                for value in values.iter().rev() {
                    load.queue.push_front(Queued::Plugin(Plugin { value: value.clone(), ..plugin.clone() }));
                }
                None
            }
            Value::Namespace(module) => {
                self.working.push(Work::Module(app, plugin));
                Some(Due::Load(module))
            }
            Value::Object(object) => match object.get("default") {
                Some(value @ (Value::Function(_) | Value::External(_) | Value::Object(_))) => {
                    let load = self.apps.get_mut(app)?.stack.last_mut()?;
                    load.queue.push_front(Queued::Plugin(Plugin { value, ..plugin }));
                    None
                }
                // A file of autoload may hold a route in place of a plugin.
                _ if plugin.file.is_some() && object.get("method").is_some() => {
                    self.file_route(parent, object, &plugin);
                    None
                }
                _ => self.unknown_plugin(parent, &plugin),
            },
            Value::External(external) => {
                self.packaged(app, parent, &external, &plugin);
                None
            }
            Value::Function(closure) => self.function(app, parent, &closure, plugin),
            // `cond && plugin`, where the condition is false.
            Value::Bool(_) | Value::Null => None,
            _ => self.unknown_plugin(parent, &plugin),
        }
    }

    fn file_route(&mut self, parent: usize, route: Rc<Object>, plugin: &Plugin) {
        let Some(mounted) = plugin.file.clone() else { return };
        let (prefixes, computed) = self.prefixes(plugin);
        let scope = if plugin.bare { parent } else { self.scope(parent, &prefixes, computed, mounted.place) };
        let site = Site { module: mounted.place.module, call: mounted.place.span, ..plugin.site.clone() };
        self.full(scope, &[arg(Value::Object(route), &site)], &site);
        let mounted = Rc::new(mounted);
        if let Some(made) = self.routes.last_mut() {
            made.mounts.push(mounted);
        }
    }

    pub(super) fn unknown_plugin(&mut self, parent: usize, plugin: &Plugin) -> Option<Due> {
        let (prefixes, _) = self.prefixes(plugin);
        let what = self.source(plugin.place);
        self.opaque(parent, what, &prefixes, plugin.place);
        None
    }

    /// Tells of a plugin that can't be read.
    pub(super) fn opaque(&mut self, parent: usize, what: String, prefixes: &[String], place: Place) {
        let Some(scope) = self.instances.get_mut(parent) else { return };
        scope.is_opaque = true;
        let outer = scope.prefixes.first().cloned().unwrap_or_default();
        let prefixes = match prefixes {
            [] => vec![outer],
            _ => prefixes.iter().map(|it| join_prefix(&outer, it)).collect(),
        };
        self.troubles.push(Trouble::UnknownPlugin { what, prefixes, place });
    }

    fn function(&mut self, app: usize, parent: usize, closure: &Rc<Closure>, plugin: Plugin) -> Option<Due> {
        self.loads += 1;
        if self.loads > MAX_LOADS {
            if self.loads == MAX_LOADS + 1 {
                self.troubles.push(Trouble::TooComplex(plugin.site.place()));
            }
            return None;
        }
        let skips = closure.props.get(SKIP_OVERRIDE).is_some_and(|it| it.truth() == Some(true));
        let bare = plugin.bare || skips;
        let (prefixes, computed) = self.prefixes(&plugin);
        let mounted = Rc::new(plugin.file.clone().unwrap_or_else(|| Mounted {
            is_folder: false,
            text: self.source(plugin.place),
            prefix: prefixes.first().filter(|_| !bare).cloned(),
            place: plugin.site.place(),
        }));
        let instance = if bare {
            if let Some(prefix) = prefixes.first()
                && plugin.file.is_none()
                && !reads_prefix(closure)
            {
                self.troubles.push(Trouble::IgnoredPrefix(prefix.clone(), plugin.site.place()));
            }
            parent
        } else {
            self.scope(parent, &prefixes, computed, plugin.site.place())
        };
        let mut load = Load::new(instance, Some(mounted));
        load.running = true;
        if self.apps.get(app)?.stack.len() >= MAX_NESTING {
            return None;
        }
        self.push(app, load);
        self.working.push(Work::Function(app));
        let site = plugin.site;
        let options = plugin.options.filter(|it| !matches!(it, Value::Undefined | Value::Null));
        let options = options.unwrap_or_else(|| Value::Object(Rc::new(Object::default())));
        let args = vec![arg(Value::Host(instance), &site), arg(options, &site), arg(Value::Unknown, &site)];
        Some(Due::Call { callee: Value::Function(Rc::clone(closure)), args, site })
    }

    /// The prefixes a plugin is registered with, and whether there is one that isn't known.
    pub(super) fn prefixes(&mut self, plugin: &Plugin) -> (Vec<String>, bool) {
        let options = plugin.options.as_ref().filter(|_| !plugin.late);
        let prefix = options.and_then(as_object).and_then(|it| it.get("prefix"));
        let mut all = Vec::new();
        let mut computed = false;
        for value in prefix.map(|it| it.each()).unwrap_or_default() {
            match value {
                Value::Str(text) => {
                    if text.assumed {
                        self.troubles.push(Trouble::AssumedPrefix(text.text.to_string(), plugin.site.place()));
                    }
                    if !text.text.is_empty() {
                        all.push(text.text.to_string());
                    }
                }
                Value::Undefined | Value::Null | Value::Bool(false) => {}
                _ => {
                    computed = true;
                    self.troubles.push(Trouble::ComputedPrefix(plugin.site.place()));
                }
            }
        }
        all.dedup();
        (all, computed)
    }

    pub(super) fn source(&self, place: Place) -> String {
        let module = self.program.module(place.module);
        super::text::shown(module.text.get(place.span.range()).unwrap_or_default())
    }

    /// The evaluator has done what was due.
    pub(super) fn finish(&mut self, result: &Value) {
        match self.working.pop() {
            Some(Work::Function(app)) => {
                let load = self.apps.get_mut(app).and_then(|it| it.stack.iter_mut().rev().find(|it| it.running));
                if let Some(load) = load {
                    load.running = false;
                }
            }
            Some(Work::Module(app, plugin)) => {
                let value = match result {
                    Value::Object(object) => object.get("default").unwrap_or_else(|| result.clone()),
                    other => other.clone(),
                };
                self.again(app, Plugin { value, ..plugin });
            }
            Some(Work::Options(app, plugin)) => {
                let options = match result {
                    Value::Function(_) => Value::Unknown,
                    other => other.clone(),
                };
                self.again(app, Plugin { options: Some(options), late: true, ..plugin });
            }
            Some(Work::File(app)) => {
                let load = self.apps.get_mut(app).and_then(|it| it.stack.last_mut());
                if let Some(scan) = load.and_then(|it| it.scan.as_mut()) {
                    scan.loaded(result.clone());
                }
            }
            Some(Work::Callback) | None => {}
        }
    }

    fn again(&mut self, app: usize, plugin: Plugin) {
        if let Some(load) = self.apps.get_mut(app).and_then(|it| it.stack.last_mut()) {
            load.queue.push_front(Queued::Plugin(plugin));
        }
    }
}

fn arg(value: Value, site: &Site) -> Arg {
    Arg { value, span: site.call, spread: false }
}

/// Whether a plugin looks at its own prefix.
fn reads_prefix(closure: &Closure) -> bool {
    let is_key = |it: &Key| matches!(it, Key::Name(name) if &**name == "prefix");
    let in_pattern = |it: &Pattern| matches!(it, Pattern::Object(props, _) if props.iter().any(|(key, _)| is_key(key)));
    let mut reads = closure.function.params.iter().any(in_pattern);
    ir::visit(&closure.function.body, &mut |expr| {
        reads |= match &expr.kind {
            ExprKind::Member(_, key) => is_key(key),
            ExprKind::Name(name) => &**name == "prefix",
            _ => false,
        };
        !reads
    });
    reads
}

/// The prefix of a scope: there is exactly one slash between the two parts.
pub(super) fn join_prefix(outer: &str, inner: &str) -> String {
    match (outer.ends_with('/'), inner.strip_prefix('/')) {
        _ if inner.is_empty() => outer.to_owned(),
        (true, Some(inner)) => format!("{outer}{inner}"),
        (false, None) => format!("{outer}/{inner}"),
        _ => format!("{outer}{inner}"),
    }
}

/// An object of options.
pub(super) fn options(props: Vec<(Arc<str>, Value)>) -> Value {
    let object = Object::default();
    *object.props.borrow_mut() = props;
    Value::Object(Rc::new(object))
}
