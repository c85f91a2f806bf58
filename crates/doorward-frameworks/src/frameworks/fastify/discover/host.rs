//! What a program does to its instances.
//!
//! Fastify does not run plugins where they are registered: it queues them, and runs the queue once the program waits
//! for an instance or starts to listen ([`avvio`](super::avvio)). Until then an instance lacks what they decorate.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use super::super::{CHAINABLE, PHASES, VERBS};
use super::avvio::{Load, Queued, Work};
use crate::js::eval::{Due, Host, Site};
use crate::js::ir::{Function, Span};
use crate::js::program::Program;
use crate::js::value::{Arg, External, Object, Place, Value};

/// Marks a plugin that gets no scope of its own, as `fastify-plugin` does.
pub(super) const SKIP_OVERRIDE: &str = "@@skip-override";
/// No program a person wrote has more scopes, hooks or routes than this.
pub(super) const MAX_MADE: usize = 50_000;

/// A root instance, or the scope of a plugin.
#[derive(Debug)]
pub(crate) struct Instance {
    /// Index in `Fastify::apps`.
    pub(super) app: usize,
    pub(super) parent: Option<usize>,
    /// What its routes' paths start with. Several if that hangs on a condition.
    pub(super) prefixes: Vec<String>,
    /// A part of the prefix is not known.
    pub(super) computed: bool,
    pub(super) place: Place,
    /// What the program calls it first.
    pub(super) name: Option<String>,
    pub(super) decorators: Vec<(Arc<str>, Value)>,
    /// Packages whose plugins were registered in this scope, in order.
    pub(super) packages: Vec<Arc<str>>,
    /// A plugin that can't be read was registered here, and may have decorated the instance.
    pub(super) is_opaque: bool,
    pub(super) escapes: Vec<Site>,
}

/// One `fastify()`.
#[derive(Debug)]
pub(crate) struct App {
    pub(super) root: usize,
    /// The plugins that are being loaded, the outermost first.
    pub(super) stack: Vec<Load>,
    pub(super) methods: BTreeSet<String>,
}

/// How a plugin came to be registered: a call, or a file in a folder.
#[derive(Debug, Clone)]
pub(crate) struct Mounted {
    pub(super) is_folder: bool,
    pub(super) text: String,
    pub(super) prefix: Option<String>,
    pub(super) place: Place,
}

/// A hook.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(super) instance: usize,
    /// Index in `PHASES`.
    pub(super) phase: usize,
    pub(super) value: Value,
    pub(super) place: Place,
    pub(super) site: Site,
    /// When it was added, in the order of hooks and plugins.
    pub(super) at: usize,
}

/// Which methods a route answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Methods {
    /// In upper case.
    These(Vec<String>),
    All,
    /// Only known when the program runs.
    Computed,
}

/// One registration of routes.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(super) instance: usize,
    pub(super) methods: Methods,
    pub(super) url: Arg,
    pub(super) options: Option<Rc<Object>>,
    /// An argument stands where options could be, and it isn't known.
    pub(super) loose: bool,
    pub(super) handler: Option<Arg>,
    pub(super) site: Site,
    pub(super) mounts: Vec<Rc<Mounted>>,
    /// The package whose plugin makes the route, if it isn't the project.
    pub(super) package: Option<String>,
    pub(super) at: usize,
}

/// A package's plugin that was registered.
#[derive(Debug, Clone)]
pub(crate) struct Packaged {
    pub(super) instance: usize,
    pub(super) external: Rc<External>,
    pub(super) options: Option<Rc<Object>>,
    pub(super) site: Site,
    pub(super) at: usize,
}

/// Something worth a diagnostic.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// A plugin that can't be read, and the prefixes below which it may serve.
    UnknownPlugin {
        what: String,
        prefixes: Vec<String>,
        place: Place,
    },
    TooComplex(Place),
    ComputedPrefix(Place),
    AssumedPrefix(String, Place),
    ComputedRoute(Place),
    ComputedFolder(Place),
    /// A pattern of autoload that can't be read.
    Pattern(String, Place),
    /// A prefix on a plugin that ignores it.
    IgnoredPrefix(String, Place),
}

/// Middleware of `@fastify/middie` or `@fastify/express`.
#[derive(Debug, Clone)]
pub(crate) struct Middleware {
    pub(super) instance: usize,
    pub(super) args: Vec<Arg>,
    pub(super) site: Site,
}

pub(crate) struct Fastify<'p> {
    pub(super) program: &'p Program,
    pub(super) instances: Vec<Instance>,
    pub(super) apps: Vec<App>,
    pub(super) routes: Vec<Registration>,
    pub(super) hooks: Vec<Hook>,
    /// `onRoute` hooks: they may change every route that comes after them.
    pub(super) on_route: Vec<Hook>,
    pub(super) packages: Vec<Packaged>,
    pub(super) middleware: Vec<Middleware>,
    pub(super) troubles: Vec<Trouble>,
    /// Calls of `@clerk/fastify` and its kin.
    pub(super) noticed: Vec<(String, Vec<Arg>, Site)>,
    /// What was handed out as due and is not over, the innermost last.
    pub(super) working: Vec<Work>,
    /// What `addSchema` was given.
    pub(super) schemas: Vec<Value>,
    pub(super) clock: usize,
    pub(super) scans: usize,
    pub(super) loads: usize,
}

impl<'p> Fastify<'p> {
    pub(super) fn new(program: &'p Program) -> Self {
        Self {
            program,
            instances: Vec::new(),
            apps: Vec::new(),
            routes: Vec::new(),
            hooks: Vec::new(),
            on_route: Vec::new(),
            packages: Vec::new(),
            middleware: Vec::new(),
            troubles: Vec::new(),
            noticed: Vec::new(),
            working: Vec::new(),
            schemas: Vec::new(),
            clock: 0,
            scans: 0,
            loads: 0,
        }
    }

    /// Makes a root instance.
    pub(super) fn make(&mut self, place: Place) -> usize {
        let (root, app) = (self.instances.len(), self.apps.len());
        self.instances.push(Instance {
            app,
            parent: None,
            prefixes: vec![String::new()],
            computed: false,
            place,
            name: None,
            decorators: Vec::new(),
            packages: Vec::new(),
            is_opaque: false,
            escapes: Vec::new(),
        });
        let mut load = Load::new(root, None);
        load.running = true;
        self.apps.push(App { root, stack: vec![load], methods: VERBS.iter().map(|it| (*it).to_owned()).collect() });
        root
    }

    pub(super) fn tick(&mut self) -> usize {
        self.clock += 1;
        self.clock
    }

    /// The scopes around `instance`, itself first.
    pub(super) fn scopes(&self, instance: usize) -> impl Iterator<Item = (usize, &Instance)> {
        std::iter::successors(Some(instance), |it| self.instances.get(*it).and_then(|it| it.parent))
            .filter_map(|it| Some((it, self.instances.get(it)?)))
    }

    fn app_of(&mut self, instance: usize) -> Option<&mut App> {
        let app = self.instances.get(instance)?.app;
        self.apps.get_mut(app)
    }

    /// Adds to the queue of the plugin that is being loaded, whichever instance was asked.
    fn queue(&mut self, instance: usize, item: Queued) {
        if let Some(load) = self.app_of(instance).and_then(|it| it.stack.last_mut())
            && load.queue.len() < MAX_MADE
        {
            load.queue.push_back(item);
        }
    }

    /// How the plugins that are being loaded were registered.
    pub(super) fn mounts(&self, instance: usize) -> Vec<Rc<Mounted>> {
        let app = self.instances.get(instance).and_then(|it| self.apps.get(it.app));
        app.map(|it| it.stack.iter().filter_map(|it| it.mounted.clone()).collect()).unwrap_or_default()
    }

    pub(super) fn add_route(&mut self, route: Registration) {
        if self.routes.len() < MAX_MADE {
            self.routes.push(route);
        }
    }

    fn shorthand(&mut self, instance: usize, methods: Methods, args: &[Arg], site: &Site) {
        let Some((url, rest)) = args.split_first() else { return };
        let is_options = |it: &Arg| match &it.value {
            Value::OneOf(all) => all.iter().all(|it| matches!(it, Value::Object(_) | Value::Undefined)),
            value => matches!(value, Value::Object(_)),
        };
        let (options, handler) = match rest {
            [] => return,
            [only] if is_options(only) => (Some(only), None),
            [only] => (None, Some(only)),
            [first, second, ..] => (Some(first), Some(second)),
        };
        let loose = options.is_some_and(|it| !is_options(it) && !matches!(it.value, Value::Undefined));
        let options = options.and_then(|it| as_object(&it.value));
        self.route(instance, methods, url.clone(), options, handler.cloned(), loose, site);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one call, put into one struct here")]
    fn route(
        &mut self,
        instance: usize,
        methods: Methods,
        url: Arg,
        options: Option<Rc<Object>>,
        handler: Option<Arg>,
        loose: bool,
        site: &Site,
    ) {
        let from_options = options.as_ref().and_then(|it| it.get("handler").or_else(|| it.get("wsHandler")));
        let handler = handler.or_else(|| from_options.map(|value| Arg { value, span: site.call, spread: false }));
        let (mounts, at) = (self.mounts(instance), self.tick());
        let site = site.clone();
        let package = None;
        self.add_route(Registration { instance, methods, url, options, loose, handler, site, mounts, package, at });
    }

    /// `app.route({ … })`.
    pub(super) fn full(&mut self, instance: usize, args: &[Arg], site: &Site) {
        for value in args.first().map(|it| it.value.each()).unwrap_or_default() {
            let Some(options) = as_object(&value) else {
                self.troubles.push(Trouble::ComputedRoute(site.place()));
                continue;
            };
            let Some(url) = options.get("url").or_else(|| options.get("path")) else {
                self.troubles.push(Trouble::ComputedRoute(site.place()));
                continue;
            };
            let methods = methods_of(options.get("method").as_ref());
            let url = Arg { value: url, span: site.call, spread: false };
            self.route(instance, methods, url, Some(options), None, false, site);
        }
    }

    fn hook(&mut self, instance: usize, args: &[Arg], site: &Site) {
        let [name, function, ..] = args else { return };
        for name in name.value.each() {
            let hook = |phase| Hook {
                instance,
                phase,
                value: function.value.clone(),
                place: Place { module: site.module, span: function.span },
                site: site.clone(),
                at: 0,
            };
            match name.as_str() {
                Some("onRoute") => {
                    let at = self.tick();
                    self.on_route.push(Hook { at, ..hook(0) });
                }
                Some(name) => {
                    if let Some(phase) = PHASES.iter().position(|it| *it == name) {
                        self.queue(instance, Queued::Hook(hook(phase)));
                    }
                }
                None => self.queue(instance, Queued::Hook(hook(PHASES.len() - 1))),
            }
        }
    }

    /// What `name` is on `instance`, if a plugin or the program put it there.
    fn decorated(&self, instance: usize, name: &str) -> Option<Value> {
        for (_, scope) in self.scopes(instance) {
            if let Some((_, value)) = scope.decorators.iter().rev().find(|(key, _)| &**key == name) {
                return Some(value.clone());
            }
            for package in &scope.packages {
                let facts = super::packages::facts(package);
                if facts.is_some_and(|it| it.decorates.contains(&name)) {
                    let package = Rc::new(External::Package(Arc::clone(package)));
                    return Some(Value::External(Rc::new(External::Member(package, Arc::from(name)))));
                }
            }
        }
        None
    }

    fn is_builtin(&self, instance: usize, name: &str) -> bool {
        let methods = self.instances.get(instance).and_then(|it| self.apps.get(it.app)).map(|it| &it.methods);
        methods.is_some_and(|it| it.contains(name))
            || CHAINABLE.contains(&name)
            || matches!(
                name,
                "register"
                    | "route"
                    | "addHook"
                    | "decorate"
                    | "after"
                    | "ready"
                    | "listen"
                    | "inject"
                    | "close"
                    | "use"
            )
    }
}

/// An object, also one that is only one of several possibilities.
pub(super) fn as_object(value: &Value) -> Option<Rc<Object>> {
    value.as_object()
}

fn methods_of(value: Option<&Value>) -> Methods {
    let mut all = Vec::new();
    let mut values: VecDeque<Value> = value.map(Value::each).unwrap_or_default().into();
    let mut spent = 0;
    while let Some(value) = values.pop_front() {
        spent += 1;
        match value {
            Value::Str(text) => all.push(text.text.to_ascii_uppercase()),
            Value::Array(array) if spent < 64 && !array.open.get() => {
                values.extend(array.items.borrow().iter().cloned())
            }
            Value::OneOf(inner) if spent < 64 => values.extend(inner.iter().cloned()),
            // `app.supportedMethods`.
            Value::Method(_, name) if &*name == "supportedMethods" => return Methods::All,
            _ => return Methods::Computed,
        }
    }
    match all.is_empty() {
        true => Methods::Computed,
        false => Methods::These(all),
    }
}

impl Host for Fastify<'_> {
    fn call(&mut self, callee: &External, args: &[Arg], site: &Site) -> Option<Value> {
        let path = callee.path();
        match path.as_slice() {
            ["fastify"] | ["fastify", "default" | "fastify"] | ["fastify", "default", "fastify"] => {
                if self.apps.len() > 2_000 {
                    return Some(Value::Unknown);
                }
                return Some(Value::Host(self.make(site.place())));
            }
            ["fastify-plugin"] | ["fastify-plugin", "default" | "fastifyPlugin"] => {
                let plugin = args.first().map(|it| it.value.clone()).unwrap_or(Value::Undefined);
                let plugin = match &plugin {
                    Value::Object(object) => object.get("default").unwrap_or(plugin),
                    _ => plugin,
                };
                let options = args.get(1).and_then(|it| as_object(&it.value));
                let own_scope = options.and_then(|it| it.get("encapsulate")).and_then(|it| it.truth());
                if own_scope != Some(true) {
                    for value in plugin.each() {
                        if let Value::Function(closure) = value {
                            closure.props.set(SKIP_OVERRIDE, Value::Bool(true));
                        }
                    }
                }
                return Some(plugin);
            }
            _ => {}
        }
        // It adds an error handler, and no routes.
        if callee.package().is_some_and(|it| it.starts_with("@sentry/")) {
            return Some(Value::Undefined);
        }
        if callee.package().is_some_and(|it| it.starts_with("@clerk/")) {
            self.noticed.push((callee.name(), args.to_vec(), site.clone()));
        }
        None
    }

    fn method(&mut self, object: usize, name: &str, args: &[Arg], site: &Site) -> Value {
        if self.instances.get(object).is_none() {
            return Value::Unknown;
        }
        let itself = Value::Host(object);
        match name {
            "register" => {
                if let Some(plugin) = args.first() {
                    let options = args.get(1).map(|it| it.value.clone());
                    let place = Place { module: site.module, span: plugin.span };
                    self.queue(object, Queued::Plugin(super::avvio::Plugin::new(plugin, options, place, site)));
                }
                itself
            }
            "route" => {
                self.full(object, args, site);
                itself
            }
            "addHook" => {
                self.hook(object, args, site);
                itself
            }
            "decorate" => {
                if let [name, value, ..] = args
                    && let Some(name) = name.value.as_str()
                    && let Some(instance) = self.instances.get_mut(object)
                    && instance.decorators.len() < MAX_MADE / 10
                {
                    instance.decorators.push((Arc::from(name), value.value.clone()));
                }
                itself
            }
            "after" | "ready" => {
                if let Some(callback) = args.first() {
                    let item =
                        Queued::Callback { callee: callback.value.clone(), instance: object, site: site.clone() };
                    match name {
                        "after" => self.queue(object, item),
                        _ => {
                            if let Some(load) = self.app_of(object).and_then(|it| it.stack.first_mut()) {
                                load.queue.push_back(item);
                            }
                        }
                    }
                }
                itself
            }
            "listen" => itself,
            "inject" | "close" => Value::Unknown,
            "use" => {
                self.middleware.push(Middleware { instance: object, args: args.to_vec(), site: site.clone() });
                itself
            }
            "addHttpMethod" => {
                if let (Some(name), Some(app)) = (args.first().and_then(|it| it.value.as_str()), self.app_of(object)) {
                    let name = name.to_ascii_lowercase();
                    app.methods.insert(name);
                }
                itself
            }
            name if CHAINABLE.contains(&name) => {
                if name == "addSchema" && self.schemas.len() < MAX_MADE {
                    self.schemas.extend(args.first().map(|it| it.value.clone()));
                }
                itself
            }
            "all" => {
                self.shorthand(object, Methods::All, args, site);
                itself
            }
            name => {
                let knows = self.app_of(object).is_some_and(|it| it.methods.contains(name));
                if !knows {
                    return Value::Unknown;
                }
                self.shorthand(object, Methods::These(vec![name.to_ascii_uppercase()]), args, site);
                itself
            }
        }
    }

    fn computed_method(&mut self, object: usize, args: &[Arg], site: &Site) {
        if args.len() > 1 {
            self.shorthand(object, Methods::Computed, args, site);
        }
    }

    fn named(&mut self, object: usize, name: &str) {
        if let Some(made) = self.instances.get_mut(object)
            && name != crate::js::lower::DEFAULT
        {
            made.name.get_or_insert_with(|| name.to_owned());
        }
    }

    fn returned(&mut self, _object: usize, _module: usize, _statement: Span, _value: Span) {}

    fn escaped(&mut self, object: usize, site: &Site) {
        if let Some(made) = self.instances.get_mut(object) {
            made.escapes.push(site.clone());
        }
    }

    fn is_handler(&self, function: &Function) -> bool {
        let plain = |at: usize| function.param_name(at).unwrap_or_default().trim_start_matches('_');
        matches!(plain(0), "req" | "request") || matches!(plain(1), "res" | "response" | "reply" | "rep")
    }

    fn member(&mut self, object: usize, name: &str) -> Option<Value> {
        if self.is_builtin(object, name) {
            return None;
        }
        if let Some(value) = self.decorated(object, name) {
            return Some(value);
        }
        match name {
            "prefix" => {
                let prefixes = &self.instances.get(object)?.prefixes;
                prefixes.iter().map(|it| Value::text(it)).reduce(Value::or)
            }
            "httpErrors" => {
                let package = Rc::new(External::Package(Arc::from("@fastify/sensible")));
                Some(Value::External(Rc::new(External::Member(package, Arc::from(name)))))
            }
            _ => None,
        }
    }

    fn due(&mut self, waiting: Option<usize>) -> Option<Due> {
        self.next_due(waiting)
    }

    fn done(&mut self, result: &Value) {
        self.finish(result);
    }
}
