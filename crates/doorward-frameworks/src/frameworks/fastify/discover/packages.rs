//! What registering the plugin of a package does.

use std::rc::Rc;
use std::sync::Arc;

use super::super::{PHASES, PLUGINS, Serves};
use super::avvio::{Plugin, join_prefix};
use super::host::{Fastify, Hook, MAX_MADE, Methods, Packaged, Registration, as_object};
use crate::js::guards::sounds_like_auth;
use crate::js::value::{Arg, External, Object, Value};

/// The package an import such as `@trpc/server/adapters/fastify` names.
pub(super) fn package_of(source: &str) -> &str {
    let parts = if source.starts_with('@') { 2 } else { 1 };
    source.match_indices('/').nth(parts - 1).and_then(|(at, _)| source.get(..at)).unwrap_or(source)
}

/// What is known about a package. `fastify-cors` is the old name of `@fastify/cors`.
pub(super) fn facts(package: &str) -> Option<&'static super::super::Plugin> {
    let find = |name: &str| PLUGINS.iter().find(|it| it.package == name);
    find(package).or_else(|| find(&format!("@fastify/{}", package.strip_prefix("fastify-")?)))
}

/// A text among the options.
fn text(options: Option<&Object>, name: &str) -> Option<Value> {
    options.and_then(|it| it.get(name)).filter(|it| !matches!(it, Value::Undefined | Value::Null))
}

impl Fastify<'_> {
    /// `app.register(plugin of a package, options)`.
    pub(super) fn packaged(&mut self, app: usize, parent: usize, external: &Rc<External>, plugin: &Plugin) {
        let Some(package) = external.package().map(package_of).map(str::to_owned) else {
            self.unknown_plugin(parent, plugin);
            return;
        };
        if matches!(&*package, "@fastify/autoload" | "fastify-autoload") {
            self.autoload(app, parent, plugin);
            return;
        }
        let options = plugin.options.as_ref().and_then(as_object);
        let at = self.tick();
        if self.packages.len() < MAX_MADE {
            self.packages.push(Packaged {
                instance: parent,
                external: Rc::clone(external),
                options: options.clone(),
                site: plugin.site.clone(),
                at,
            });
        }
        if let Some(scope) = self.instances.get_mut(parent) {
            scope.packages.push(Arc::from(package.as_str()));
        }
        let options = options.as_deref();
        match facts(&package).map(|it| it.serves) {
            Some(Serves::Nothing) => {}
            Some(Serves::Known) => self.serves(parent, facts(&package).map_or("", |it| it.package), options, plugin),
            Some(Serves::Below { option, default }) => {
                let prefix = match text(options, option) {
                    Some(Value::Str(prefix)) => prefix.text.to_string(),
                    _ => default.to_owned(),
                };
                let what = self.source(plugin.place);
                let outer = self.instances.get(parent).map(|it| it.is_opaque).unwrap_or_default();
                self.opaque(parent, what, &[prefix], plugin.place);
                // These are known to decorate nothing.
                if let Some(scope) = self.instances.get_mut(parent) {
                    scope.is_opaque = outer;
                }
            }
            None => {
                self.unknown_plugin(parent, plugin);
                if sounds_like_auth(&package) {
                    self.guards(parent, 0, external, plugin);
                }
            }
        }
        if matches!(&*package, "@fastify/bearer-auth" | "fastify-bearer-auth") {
            match text(options, "addHook") {
                Some(Value::Bool(false)) => {}
                Some(Value::Str(phase)) => {
                    let phase = PHASES.iter().position(|it| **it == *phase.text).unwrap_or(0);
                    self.guards(parent, phase, external, plugin);
                }
                _ => self.guards(parent, 0, external, plugin),
            }
        }
    }

    /// The plugin adds a hook of its own.
    fn guards(&mut self, instance: usize, phase: usize, external: &Rc<External>, plugin: &Plugin) {
        let at = self.tick();
        let (place, site) = (plugin.place, plugin.site.clone());
        // What registering it means is what calling it gives.
        let value = Value::External(Rc::new(External::Call(Rc::clone(external), Vec::new(), place)));
        self.hooks.push(Hook { instance, phase, value, place, site, at });
    }

    fn serves(&mut self, parent: usize, package: &str, options: Option<&Object>, plugin: &Plugin) {
        let prefix = text(options, "prefix");
        let or = |value: Option<Value>, default: &str| value.unwrap_or_else(|| Value::text(default));
        let is =
            |name: &str, what: &dyn Fn(&Value) -> bool| options.and_then(|it| it.get(name)).is_some_and(|it| what(&it));
        let mut serve = |methods: &[&str], path: Value, tail: &[&str]| {
            self.serve(parent, package, methods, &path, tail, options, plugin);
        };
        match package {
            "@fastify/static" if !is("serve", &|it| matches!(it, Value::Bool(false))) => {
                serve(&["GET"], or(prefix, "/"), &["/*"]);
            }
            "@fastify/swagger-ui" => {
                let path = or(text(options, "routePrefix"), "/documentation");
                let files = ["", "/json", "/yaml", "/static/index.html", "/static/swagger-initializer.js", "/static/*"];
                serve(&["GET"], path, &files);
            }
            "@fastify/under-pressure" | "under-pressure" => match text(options, "exposeStatusRoute") {
                Some(Value::Bool(true)) => serve(&["GET"], Value::text("/status"), &[""]),
                Some(path @ Value::Str(_)) => serve(&["GET"], path, &[""]),
                Some(Value::Object(route)) => serve(&["GET"], or(route.get("url"), "/status"), &[""]),
                Some(Value::Bool(false)) | None => {}
                Some(_) => serve(&["GET"], Value::text("/status"), &[""]),
            },
            "fastify-metrics" if !is("endpoint", &|it| matches!(it, Value::Null)) => {
                let endpoint = match text(options, "endpoint") {
                    Some(Value::Object(route)) => route.get("url"),
                    other => other,
                };
                serve(&["GET"], or(endpoint, "/metrics"), &[""]);
            }
            "fastify-healthcheck" => serve(&["GET"], or(text(options, "healthcheckUrl"), "/health"), &[""]),
            "@fastify/http-proxy" => {
                let given = text(options, "httpMethods").and_then(|it| match it {
                    Value::Array(array) => {
                        let items = array.items.borrow();
                        items.iter().map(|it| it.as_str().map(str::to_ascii_uppercase)).collect::<Option<Vec<_>>>()
                    }
                    _ => None,
                });
                let usual = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT", "OPTIONS"];
                let methods: Vec<&str> = match &given {
                    Some(given) => given.iter().map(String::as_str).collect(),
                    None => usual.to_vec(),
                };
                serve(&methods, or(prefix, ""), &["/", "/*"]);
            }
            "@fastify/oauth2" => {
                if let Some(path) = text(options, "startRedirectPath") {
                    serve(&["GET"], path, &[""]);
                }
            }
            "@trpc/server" => serve(&["ALL"], or(prefix, "/trpc"), &["/:path"]),
            "mercurius" => {
                let outer = or(prefix, "");
                let at = |path: &Value| match (&outer, path) {
                    (Value::Str(outer), Value::Str(path)) => Value::text(&join_prefix(&outer.text, &path.text)),
                    _ => Value::Unknown,
                };
                if !is("routes", &|it| matches!(it, Value::Bool(false))) {
                    serve(&["GET", "POST"], at(&or(text(options, "path"), "/graphql")), &[""]);
                }
                let page = options.and_then(|it| it.get("graphiql")).or_else(|| options?.get("ide"));
                if page.and_then(|it| it.truth()) == Some(true) {
                    serve(&["GET"], at(&Value::text("/graphiql")), &["", "/main.js", "/sw.js", "/config.js"]);
                }
            }
            _ => {}
        }
    }

    /// Routes that a plugin adds: `path`, followed by each of `tails`.
    #[expect(clippy::too_many_arguments, reason = "the parts of one registration, put into one struct here")]
    fn serve(
        &mut self,
        instance: usize,
        package: &str,
        methods: &[&str],
        path: &Value,
        tails: &[&str],
        options: Option<&Object>,
        plugin: &Plugin,
    ) {
        let methods = match methods {
            ["ALL"] => Methods::All,
            _ => Methods::These(methods.iter().map(|it| (*it).to_owned()).collect()),
        };
        // Hooks for the plugin's own routes.
        let hooks = options.and_then(|it| match package {
            "@fastify/http-proxy" => it.get("preHandler").map(|hook| {
                let own = Object::default();
                own.set("preHandler", hook);
                Rc::new(own)
            }),
            "@fastify/swagger-ui" => it.get("uiHooks").as_ref().and_then(as_object),
            "@fastify/under-pressure" => {
                let route = it.get("exposeStatusRoute").as_ref().and_then(as_object);
                route.and_then(|it| it.get("routeOpts")).as_ref().and_then(as_object)
            }
            _ => None,
        });
        for tail in tails {
            let url = match path {
                Value::Str(text) => Value::text(&format!("{}{tail}", text.text.trim_end_matches('/'))),
                other => other.clone(),
            };
            let (mounts, at) = (self.mounts(instance), self.tick());
            self.add_route(Registration {
                instance,
                methods: methods.clone(),
                url: Arg { value: url, span: plugin.place.span, spread: false },
                options: hooks.clone(),
                loose: false,
                handler: None,
                site: plugin.site.clone(),
                mounts,
                package: Some(package.to_owned()),
                at,
            });
        }
    }
}
