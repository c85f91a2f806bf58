//! What a program does to routers, and what a stranger's request looks like to its guards.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::tables;
use super::verdict::To;
use crate::py::eval::{Host, Site};
use crate::py::guards::Body;
use crate::py::value::{Args, Class, Dict, External, Function, ListKind, Place, Value};

/// An object of the host.
pub(super) enum Made<'p> {
    /// A part of a stranger's request.
    Seen(Seen),
    /// `UserView.as_view`, and what calling it gives.
    AsView(Rc<Class<'p>>),
    View(Rc<ClassView<'p>>),
    Router(Box<Router<'p>>),
    /// `router.urls`, as it was when it was asked for.
    Urls(Rc<Urls<'p>>),
    /// `router.registry`.
    Registry(usize),
    /// `router.routes[n]`.
    Row(usize, usize),
    /// `Model._meta`.
    Meta(Rc<Class<'p>>),
}

/// Parts of a request, and where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Request,
    User,
    Headers,
    Session,
    /// The handler behind a guard, and what it answers.
    Next,
    Passed,
    /// The answer of a guard that refuses.
    Refused,
    /// The permissions that a class has if it says nothing.
    Inherited,
}

const SEEN: [Seen; 8] =
    [Seen::Request, Seen::User, Seen::Headers, Seen::Session, Seen::Next, Seen::Passed, Seen::Refused, Seen::Inherited];

/// `UserView.as_view(template_name="…")`.
pub(super) struct ClassView<'p> {
    pub(super) class: Rc<Class<'p>>,
    pub(super) args: Args<'p>,
}

/// A router of the REST framework.
#[derive(Clone)]
pub(super) struct Router<'p> {
    pub(super) place: Place,
    pub(super) name: Option<String>,
    /// It has a page of its own, and format suffixes.
    pub(super) default: bool,
    pub(super) args: Args<'p>,
    pub(super) entries: Vec<Entry<'p>>,
    /// Its rows, if the program looked at them and may have changed them.
    pub(super) mappings: BTreeMap<usize, Rc<Dict<'p>>>,
    /// The class of the tree it is an object of.
    pub(super) class: Option<Rc<Class<'p>>>,
    /// The router around a nested one, the prefix it is nested in, and the name before its values.
    pub(super) nested: Option<(usize, Value<'p>, Value<'p>)>,
}

/// `router.register(prefix, viewset)`.
#[derive(Clone)]
pub(super) struct Entry<'p> {
    pub(super) prefix: Value<'p>,
    pub(super) viewset: Value<'p>,
    pub(super) site: Site,
}

pub(super) struct Urls<'p> {
    pub(super) router: Router<'p>,
}

pub(super) struct Django<'p> {
    pub(super) made: Vec<Made<'p>>,
    /// The settings in force, by name.
    pub(super) settings: HashMap<String, Value<'p>>,
    /// The permissions of views that name none.
    pub(super) default_permissions: Option<Value<'p>>,
    /// Converters of the program, by name.
    pub(super) converters: HashMap<String, Value<'p>>,
    /// Where `DJANGO_SETTINGS_MODULE` was given a value.
    pub(super) chosen: Vec<(Value<'p>, Site)>,
    /// The request that is being assumed: its method, and its path if that is certain.
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    /// Credentials that mean nothing come with the request, where otherwise there are none.
    pub(super) forged: bool,
    /// Something looked for credentials.
    pub(super) looked: bool,
    /// What was put on the request.
    pub(super) attached: HashMap<String, Value<'p>>,
    /// Functions that stand behind the guard in question.
    pub(super) behind: Vec<*const u8>,
    /// While it is asked where a request is handed on to: what raises, and what was called of it.
    pub(super) barrier: Vec<*const u8>,
    pub(super) barred: &'static [&'static str],
    pub(super) handed: Vec<To>,
    /// Classes of the admin that make URLs of their own.
    pub(super) admin_urls: Vec<Rc<Class<'p>>>,
    /// A class of the tree decides whom the admin lets in.
    pub(super) own_admin: bool,
    /// What functions were read to do, by where they are.
    pub(super) scans: HashMap<*const u8, Rc<Body>>,
    /// The guard in question answered by itself, and said nothing about who calls.
    pub(super) unreached: bool,
    /// Objects of packages whose routes are not read, such as those of Django Ninja.
    pub(super) foreign: Vec<(String, Place)>,
    /// `URLRouter(…)` of Channels: its list, and where it is made.
    pub(super) sockets: Vec<(Value<'p>, Place)>,
}

impl<'p> Django<'p> {
    pub(super) fn new() -> Self {
        Self {
            made: SEEN.iter().map(|it| Made::Seen(*it)).collect(),
            settings: HashMap::new(),
            default_permissions: None,
            converters: HashMap::new(),
            chosen: Vec::new(),
            method: None,
            path: None,
            forged: false,
            looked: false,
            attached: HashMap::new(),
            behind: Vec::new(),
            barrier: Vec::new(),
            barred: &[],
            handed: Vec::new(),
            admin_urls: Vec::new(),
            own_admin: false,
            scans: HashMap::new(),
            unreached: false,
            foreign: Vec::new(),
            sockets: Vec::new(),
        }
    }

    fn make(&mut self, made: Made<'p>) -> Value<'p> {
        self.made.push(made);
        Value::Host(self.made.len() - 1)
    }

    /// The object that stands for a part of the request.
    pub(super) fn part(seen: Seen) -> Value<'p> {
        SEEN.iter().position(|it| *it == seen).map_or(Value::Unknown, Value::Host)
    }

    pub(super) fn seen(&self, value: &Value<'p>) -> Option<Seen> {
        match self.made.get(value.host()?)? {
            Made::Seen(seen) => Some(*seen),
            _ => None,
        }
    }

    pub(super) fn router(&self, at: usize) -> Option<&Router<'p>> {
        match self.made.get(at)? {
            Made::Router(router) => Some(router),
            _ => None,
        }
    }

    fn router_mut(&mut self, at: usize) -> Option<&mut Router<'p>> {
        match self.made.get_mut(at)? {
            Made::Router(router) => Some(router),
            _ => None,
        }
    }

    /// A setting: the program's, or what Django has without it.
    pub(super) fn setting(&self, name: &str) -> Option<Value<'p>> {
        self.settings.get(name).cloned().or_else(|| {
            Some(match name {
                "DEBUG" | "PREPEND_WWW" => Value::Bool(false),
                "USE_I18N" | "APPEND_SLASH" => Value::Bool(true),
                "LOGIN_URL" => Value::text("/accounts/login/"),
                _ => return None,
            })
        })
    }

    /// A setting of the REST framework.
    pub(super) fn rest_setting(&self, name: &str) -> Option<Value<'p>> {
        match self.settings.get("REST_FRAMEWORK")? {
            Value::Dict(dict) => dict.get_str(name).or_else(|| dict.open.get().then_some(Value::Unknown)),
            _ => Some(Value::Unknown),
        }
    }

    fn new_router(&mut self, default: bool, args: &Args<'p>, site: &Site, nested: bool) -> Value<'p> {
        let nested = if nested {
            let around = args.get(0, "parent_router").and_then(|it| {
                let at = it.host()?;
                self.router(at).is_some().then_some(at)
            });
            let prefix = args.get(1, "parent_prefix").cloned().unwrap_or(Value::Unknown);
            let lookup = args.get(2, "lookup").cloned().unwrap_or(Value::Unknown);
            around.map(|at| (at, prefix, lookup))
        } else {
            None
        };
        self.make(Made::Router(Box::new(Router {
            place: site.place(),
            name: None,
            default,
            args: args.clone(),
            entries: Vec::new(),
            mappings: BTreeMap::new(),
            class: None,
            nested,
        })))
    }

    /// The methods of a row of a router, which the program may change.
    fn mapping(&mut self, at: usize, row: usize) -> Value<'p> {
        let Some(router) = self.router_mut(at) else { return Value::Unknown };
        let known = router.mappings.entry(row).or_insert_with(|| {
            let dict = Dict::default();
            for (method, action) in tables::ROWS.get(row).map(|it| it.mapping).unwrap_or_default() {
                dict.set(Value::text(method), Value::text(action));
            }
            Rc::new(dict)
        });
        Value::Dict(Rc::clone(known))
    }

    /// A header or cookie: `None` if what it holds is not about who calls.
    fn credential(&mut self, key: Option<&str>) -> Option<Value<'p>> {
        let key = key?.to_ascii_lowercase().replace('_', "-");
        let words =
            ["auth", "token", "key", "secret", "cookie", "session", "signature", "credential", "user", "bearer"];
        if key.ends_with("user-agent") || !words.iter().any(|it| key.contains(it)) {
            return None;
        }
        self.looked = true;
        Some(if self.forged { Value::text("forged") } else { Value::None })
    }
}

/// A call that stays as it is, as the one item of a list.
fn listed<'p>(callee: &External<'p>, args: &Args<'p>, site: &Site) -> Value<'p> {
    let call = External::Call(Rc::new(callee.clone()), Rc::new(args.clone()), site.place());
    Value::list(ListKind::List, vec![Value::External(Rc::new(call))], false, site.branch.len())
}

fn is_settings(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::External(it)) if it.called().is_none() && it.name() == "django.conf.settings")
}

impl<'p> Host<'p> for Django<'p> {
    fn call(&mut self, callee: &External<'p>, args: &Args<'p>, site: &Site) -> Option<Value<'p>> {
        let name = callee.name();
        match name.as_str() {
            "os.environ.setdefault" if args.get(0, "key").and_then(Value::as_str) == Some("DJANGO_SETTINGS_MODULE") => {
                self.chosen.push((args.get(1, "value").cloned().unwrap_or(Value::Unknown), site.clone()));
                return Some(Value::None);
            }
            "getattr" if is_settings(args.get(0, "")) => {
                let found = self.setting(args.get(1, "")?.as_str()?);
                return Some(found.or_else(|| args.get(2, "").cloned()).unwrap_or(Value::Unknown));
            }
            "hasattr" if is_settings(args.get(0, "")) => {
                let found = self.setting(args.get(1, "")?.as_str()?);
                return Some(Value::Bool(found.is_some()));
            }
            "issubclass" => return is_subclass(args),
            "django.urls.register_converter" | "django.urls.converters.register_converter" => {
                let name = args.get(1, "type_name")?.as_str()?.to_owned();
                self.converters.insert(name, args.get(0, "converter").cloned().unwrap_or(Value::Unknown));
                return Some(Value::None);
            }
            "django.conf.urls.i18n.i18n_patterns"
            | "django.conf.urls.static.static"
            | "django.contrib.staticfiles.urls.staticfiles_urlpatterns"
            | "rest_framework.urlpatterns.format_suffix_patterns" => {
                return Some(listed(callee, args, site));
            }
            "channels.routing.URLRouter" => {
                let routes = args.get(0, "routes").cloned().unwrap_or(Value::Unknown);
                self.sockets.push((routes, site.place()));
            }
            // Texts for people are texts.
            "django.utils.translation.gettext_lazy"
            | "django.utils.translation.gettext"
            | "django.utils.translation.pgettext_lazy" => return args.get(0, "message").cloned(),
            _ => {}
        }
        if let Some(nested) = tables::router(&name) {
            return Some(self.new_router(name.ends_with("DefaultRouter"), args, site, nested));
        }
        let last = callee.last();
        if last == "get_permissions" && callee.package() == Some("rest_framework") {
            return Some(Self::part(Seen::Inherited));
        }
        if tables::passes_on(callee.package(), last) {
            return Some(Self::part(Seen::Passed));
        }
        if matches!(last, "handle_no_permission" | "handle_exception")
            || (last == "process_view" && name.contains("LoginRequiredMiddleware"))
        {
            return Some(Self::part(Seen::Refused));
        }
        if last == "finalize_response" && callee.package() == Some("rest_framework") {
            return args.get(1, "response").cloned();
        }
        if last == "has_permission" && callee.package() == Some("rest_framework") {
            return tables::permission(&name).and_then(|it| it.lets_strangers(self.method.as_deref())).map(Value::Bool);
        }
        if matches!(callee.package(), Some("ninja" | "ninja_extra")) && matches!(last, "NinjaAPI" | "NinjaExtraAPI") {
            self.foreign.push(("ninja".to_owned(), site.place()));
        }
        None
    }

    fn method(&mut self, object: usize, name: &str, args: &Args<'p>, site: &Site) -> Value<'p> {
        match self.made.get(object) {
            Some(Made::Router(_)) if name == "register" => {
                let get = |at, name| args.get(at, name).cloned().unwrap_or(Value::Unknown);
                let entry = Entry { prefix: get(0, "prefix"), viewset: get(1, "viewset"), site: site.clone() };
                if let Some(router) = self.router_mut(object) {
                    router.entries.push(entry);
                }
                Value::None
            }
            Some(Made::Router(router)) if name == "get_urls" => {
                let urls = Rc::new(Urls { router: (**router).clone() });
                let made = self.make(Made::Urls(urls));
                Value::list(ListKind::List, vec![made], false, site.branch.len())
            }
            Some(Made::Registry(of)) if matches!(name, "extend" | "append") => {
                let of = *of;
                let more = args.get(0, "").and_then(Value::host);
                let entries = match more.and_then(|it| self.made.get(it)) {
                    Some(Made::Registry(other)) => self.router(*other).map(|it| it.entries.clone()),
                    _ => None,
                };
                let unknown = Entry { prefix: Value::Unknown, viewset: Value::Unknown, site: site.clone() };
                if let Some(router) = self.router_mut(of) {
                    router.entries.extend(entries.unwrap_or_else(|| vec![unknown]));
                }
                Value::None
            }
            Some(Made::Seen(seen)) => match (*seen, name) {
                (Seen::User, "has_perm" | "has_perms" | "has_module_perms") => Value::Bool(false),
                (Seen::Headers, "get") => match self.credential(args.get(0, "key").and_then(Value::as_str)) {
                    Some(Value::None) => args.get(1, "default").cloned().unwrap_or(Value::None),
                    found => found.unwrap_or(Value::Unknown),
                },
                (Seen::Session, "get") => args.get(1, "default").cloned().unwrap_or(Value::None),
                (Seen::Request, "get_full_path" | "get_full_path_info") => self.known_path(),
                (Seen::Request, "user_is_authenticated") => Value::Bool(false),
                _ => Value::Unknown,
            },
            _ => Value::Unknown,
        }
    }

    fn invoke(&mut self, object: usize, args: &Args<'p>, _: &Site) -> Value<'p> {
        match self.made.get(object) {
            Some(Made::AsView(class)) => {
                let view = ClassView { class: Rc::clone(class), args: args.clone() };
                self.make(Made::View(Rc::new(view)))
            }
            Some(Made::View(_) | Made::Seen(Seen::Next)) => Self::part(Seen::Passed),
            _ => Value::Unknown,
        }
    }

    fn attribute(&mut self, object: usize, name: &str) -> Option<Value<'p>> {
        match self.made.get(object)? {
            Made::Seen(seen) => self.seen_attribute(*seen, name),
            Made::Router(router) => match name {
                "urls" => {
                    let urls = Rc::new(Urls { router: (**router).clone() });
                    let made = self.make(Made::Urls(urls));
                    Some(Value::list(ListKind::List, vec![made], false, 0))
                }
                "registry" => Some(self.make(Made::Registry(object))),
                "routes" => {
                    let rows = (0..tables::ROWS.len()).map(|row| self.make(Made::Row(object, row))).collect();
                    Some(Value::list(ListKind::List, rows, false, 0))
                }
                _ => None,
            },
            Made::Row(router, row) if name == "mapping" => {
                let (router, row) = (*router, *row);
                Some(self.mapping(router, row))
            }
            Made::Meta(class) => Some(match name {
                "model_name" => Value::text(&class.name().to_lowercase()),
                "object_name" => Value::text(class.name()),
                "app_label" => self.app_label(class),
                _ => Value::Unknown,
            }),
            Made::View(view) => Some(match name {
                "cls" | "view_class" => Value::Class(Rc::clone(&view.class)),
                _ => Value::Unknown,
            }),
            _ => None,
        }
    }

    fn member(&mut self, of: &External<'p>, name: &str) -> Option<Value<'p>> {
        if of.called().is_none() {
            match of.name().as_str() {
                "django.conf.settings" => return self.setting(name),
                "rest_framework.permissions" if name == "SAFE_METHODS" => return Some(safe_methods()),
                "rest_framework.settings.api_settings" => return self.rest_setting(name),
                _ => {}
            }
        }
        // What a class of the framework has if a class of the tree doesn't say otherwise.
        if name == "permission_classes" && of.package() == Some("rest_framework") {
            return self.default_permissions.clone();
        }
        None
    }

    fn class_member(&mut self, class: &Rc<Class<'p>>, _: &External<'p>, name: &str) -> Option<Value<'p>> {
        match name {
            "as_view" | "as_asgi" => Some(self.make(Made::AsView(Rc::clone(class)))),
            "_meta" => Some(self.make(Made::Meta(Rc::clone(class)))),
            _ => None,
        }
    }

    fn assign(&mut self, object: usize, name: &str, value: &Value<'p>, site: &Site) {
        if let Some(Made::Seen(Seen::Request)) = self.made.get(object) {
            let value = match self.attached.remove(name) {
                Some(old) if !site.branch.is_empty() => old.or(value.clone()),
                None if !site.branch.is_empty() => value.clone().or(Value::Unknown),
                _ => value.clone(),
            };
            self.attached.insert(name.to_owned(), value);
        }
    }

    fn item(&mut self, object: usize, key: &Value<'p>) -> Value<'p> {
        match (self.made.get(object), key.as_str()) {
            (Some(Made::Seen(Seen::Session)), _) => Value::Unknown,
            (Some(Made::Seen(Seen::Headers)), Some("REQUEST_METHOD")) => self.known_method(),
            (Some(Made::Seen(Seen::Headers)), Some("PATH_INFO")) => self.known_path(),
            // Without the header this raises, which is no answer of its own.
            (Some(Made::Seen(Seen::Headers)), Some(key)) => match self.credential(Some(key)) {
                Some(Value::None) | None => Value::Unknown,
                Some(found) => found,
            },
            _ => Value::Unknown,
        }
    }

    fn contains(&mut self, object: usize, key: &Value<'p>) -> Option<bool> {
        match self.made.get(object)? {
            Made::Seen(Seen::Headers) => self.credential(key.as_str()).map(|it| !matches!(it, Value::None)),
            Made::Seen(Seen::Session) => Some(false),
            _ => None,
        }
    }

    fn named(&mut self, object: usize, name: &str) {
        if let Some(router) = self.router_mut(object) {
            router.name.get_or_insert_with(|| name.to_owned());
        }
    }

    fn based(&mut self, object: usize, class: &Rc<Class<'p>>) {
        if let Some(router) = self.router_mut(object) {
            router.class = Some(Rc::clone(class));
        }
    }

    fn class(&mut self, class: &Rc<Class<'p>>) {
        let of_admin = class.inherits(|it| it.starts_with("django.contrib.admin.") || it.ends_with("Admin"));
        if of_admin && class.own("get_urls").is_some() {
            self.admin_urls.push(Rc::clone(class));
        }
        let is_site = class.inherits(|it| it.starts_with("django.contrib.admin.") && it.ends_with("AdminSite"));
        self.own_admin |= is_site && ["has_permission", "admin_view"].iter().any(|it| class.own(it).is_some());
    }

    fn raises(&mut self, callee: &External<'p>, _: &Args<'p>) -> bool {
        if let (External::Member(of, _), true) = (callee, self.barred.contains(&callee.last())) {
            let explicit = of.called().is_none();
            self.handed.push(if explicit { To::Package(of.name()) } else { To::Next });
            return true;
        }
        let checks = ["decode", "verify", "unsign", "authenticate"].iter().any(|it| callee.last().contains(it));
        // Checks of tokens raise for those that mean nothing; `encode().decode()` is about bytes.
        (callee.last() == "permission_denied" && callee.package() == Some("rest_framework"))
            || (self.forged && checks && callee.package().is_some_and(|it| it != "base64"))
    }

    fn stops(&mut self, function: &Function<'p>) -> bool {
        let stops = self.barrier.contains(&function.key());
        if stops {
            self.handed.push(To::Function(function.key()));
        }
        stops
    }

    fn answers(&mut self, function: &Function<'p>) -> Option<Value<'p>> {
        self.behind.contains(&function.key()).then(|| Self::part(Seen::Passed))
    }

    fn makes(&self, _: &str) -> bool {
        false
    }
}

impl<'p> Django<'p> {
    fn known_method(&self) -> Value<'p> {
        self.method.as_deref().map_or(Value::Unknown, Value::text)
    }

    fn known_path(&self) -> Value<'p> {
        self.path.as_deref().map_or(Value::Unknown, Value::text)
    }

    fn seen_attribute(&self, seen: Seen, name: &str) -> Option<Value<'p>> {
        Some(match (seen, name) {
            (Seen::Request, "get_full_path" | "get_full_path_info" | "build_absolute_uri") => return None,
            (Seen::Request, name) if self.attached.contains_key(name) => {
                self.attached.get(name).cloned().unwrap_or(Value::Unknown)
            }
            (Seen::Request, "user" | "_user") => Self::part(Seen::User),
            (Seen::Request, "auth") => Value::None,
            (Seen::Request, "headers" | "META" | "COOKIES") => Self::part(Seen::Headers),
            (Seen::Request, "session") => Self::part(Seen::Session),
            (Seen::Request, "method") => self.known_method(),
            (Seen::Request, "path" | "path_info") => self.known_path(),
            (Seen::Request, "_request") => Self::part(Seen::Request),
            (Seen::User, "is_authenticated" | "is_staff" | "is_superuser" | "is_active") => Value::Bool(false),
            (Seen::User, "is_anonymous") => Value::Bool(true),
            (Seen::User, "pk" | "id") => Value::None,
            (Seen::User, "username") => Value::text(""),
            (Seen::User, "has_perm" | "has_perms" | "has_module_perms") => return None,
            (Seen::Headers | Seen::Session, "get") => return None,
            _ => Value::Unknown,
        })
    }

    /// The name of the app a model belongs to: the folder its module lies in.
    fn app_label(&self, class: &Class<'p>) -> Value<'p> {
        match self.settings.get("\0labels") {
            Some(Value::Dict(labels)) => {
                let key = i64::try_from(class.module).map_or(Value::Unknown, Value::Int);
                labels.get(&key).unwrap_or(Value::Unknown)
            }
            _ => Value::Unknown,
        }
    }
}

pub(super) fn safe_methods<'p>() -> Value<'p> {
    Value::tuple(["GET", "HEAD", "OPTIONS"].into_iter().map(Value::text).collect())
}

fn is_subclass<'p>(args: &Args<'p>) -> Option<Value<'p>> {
    let (Value::Class(class), of) = (args.get(0, "")?, args.get(1, "")?) else { return None };
    match of {
        Value::Class(of) => Some(Value::Bool(class.is_a(of))),
        Value::External(of) if of.last() == "View" => {
            let known = class.inherits(|name| tables::base(name).is_some());
            known.then_some(Value::Bool(true))
        }
        _ => None,
    }
}
