//! What is wrong with the protection that is already there.

use std::collections::BTreeSet;
use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{Guard, GuardSeen, GuardState};

use super::super::PHASES;
use super::guards::Judged;
use super::host::{Packaged, Registration};
use super::packages::package_of;
use super::stranger::RouteFacts;
use super::{Before, Part, Reader};
use crate::js::ir::{self, ExprKind, Key, Pattern};
use crate::js::value::{Place, Value};
use crate::walk::printable;

/// The Clerk plugins of a program.
#[derive(Debug, Default)]
pub(super) struct Clerk {
    plugins: Vec<ClerkPlugin>,
}

#[derive(Debug, Clone, Copy)]
struct ClerkPlugin {
    instance: usize,
    phase: usize,
    at: usize,
    place: Place,
}

impl Reader<'_> {
    /// Finds Clerk's plugins, and tells of their options.
    pub(super) fn clerk_plugins(&mut self) -> Clerk {
        let mut plugins: Vec<ClerkPlugin> = Vec::new();
        for packaged in self.packages_named(&["@clerk/fastify"]) {
            let place = packaged.site.place();
            let option = |name: &str| packaged.options.as_ref().and_then(|it| it.get(name));
            let open = packaged.options.as_ref().is_some_and(|it| it.open.get());
            if option("authorizedParties").is_none() && !open {
                self.find(
                    "DW2108",
                    place,
                    "Clerk accepts tokens of any origin".to_owned(),
                    "give `clerkPlugin` the option `authorizedParties`",
                );
            }
            if option("secretKey").and_then(|it| it.as_str().map(|it| it.starts_with("sk_"))) == Some(true) {
                self.find(
                    "DW2109",
                    place,
                    "a secret key of Clerk is written in the source".to_owned(),
                    "read it from the environment, and replace it in Clerk's dashboard",
                );
            }
            let phase = match option("hookName") {
                Some(Value::Str(name)) => PHASES.iter().position(|it| **it == *name.text).unwrap_or(PHASES.len() - 1),
                _ => PHASES.len() - 1,
            };
            let around: BTreeSet<usize> = self.eval.host.scopes(packaged.instance).map(|(at, _)| at).collect();
            if plugins.iter().any(|it| around.contains(&it.instance)) {
                self.find(
                    "DW2123",
                    place,
                    "`clerkPlugin` is registered here for the second time, and the server will not start".to_owned(),
                    "register it once, on the instance around all routes that need it",
                );
            }
            plugins.push(ClerkPlugin { instance: packaged.instance, phase, at: packaged.at, place });
        }
        Clerk { plugins }
    }

    fn packages_named(&self, names: &[&str]) -> Vec<Packaged> {
        let is = |it: &&Packaged| it.external.package().is_some_and(|it| names.contains(&package_of(it)));
        self.eval.host.packages.iter().filter(is).cloned().collect()
    }

    fn find(&mut self, code: &'static str, place: Place, message: String, help: &str) {
        if !self.told.insert((code, place)) {
            return;
        }
        let location = self.location(place);
        self.found.source.findings.push(Diagnostic::new(code, message).at(location).help(help));
    }

    /// Guards that ask Clerk before its plugin has run, or where it never runs.
    pub(super) fn order_of_clerk(
        &mut self,
        route: &Registration,
        before: &[Before],
        judged: &[Judged],
        handler: Option<&Judged>,
    ) {
        let hooks = before.iter().zip(judged).map(|(it, judged)| (it.phase, it.at, it.name.clone(), judged));
        let handler = handler.map(|it| (PHASES.len(), usize::MAX, "the handler".to_owned(), it));
        let asks: Vec<(usize, usize, String, Place)> = hooks
            .chain(handler)
            .flat_map(|(phase, at, name, judged)| {
                judged.outcome.get_auth.iter().map(move |place| (phase, at, name.clone(), *place))
            })
            .collect();
        if asks.is_empty() {
            return;
        }
        let scopes: Vec<(usize, bool)> =
            self.eval.host.scopes(route.instance).map(|(at, it)| (at, it.is_opaque)).collect();
        let covers = |it: &&ClerkPlugin| scopes.iter().any(|(at, _)| *at == it.instance);
        let Some(clerk) = self.clerk.plugins.iter().filter(covers).min_by_key(|it| (it.phase, it.at)).copied() else {
            if !scopes.iter().any(|(_, opaque)| *opaque) {
                let there = self.clerk.plugins.first().map(|it| self.location(it.place));
                for (_, _, _, place) in asks {
                    let message = match &there {
                        Some(there) => format!(
                            "`getAuth` is called where `clerkPlugin`, registered at {}:{}, does not reach",
                            there.file, there.line
                        ),
                        None => "`getAuth` is called, but `clerkPlugin` is not registered".to_owned(),
                    };
                    self.find("DW2124", place, message, "register `clerkPlugin` on an instance around this route");
                }
            }
            return;
        };
        for (phase, at, name, place) in asks {
            if (phase, at) >= (clerk.phase, clerk.at) {
                continue;
            }
            let (runs, attached) = (PHASES.get(phase), PHASES.get(clerk.phase));
            let (runs, attached) = (runs.copied().unwrap_or("handler"), attached.copied().unwrap_or("preHandler"));
            self.find(
                "DW2120",
                place,
                format!("`{name}` asks Clerk in `{runs}`, before `clerkPlugin` has run in `{attached}`"),
                "register `clerkPlugin` with `hookName: 'onRequest'`, before the guard",
            );
        }
    }

    /// Hooks that answer wrongly.
    pub(super) fn defects(&mut self, before: &[Before], judged: &[Judged]) {
        for (it, judged) in before.iter().zip(judged) {
            for place in &judged.outcome.unsent {
                self.find(
                    "DW2121",
                    *place,
                    format!("`{}` sets the status of a refusal, but never sends it", it.name),
                    "add `.send({ … })`, and return the reply",
                );
            }
            for place in &judged.outcome.unreturned {
                self.find(
                    "DW2122",
                    *place,
                    format!("`{}` refuses the request, but does not return the reply", it.name),
                    "write `return reply…`, so that the handler never runs",
                );
            }
        }
    }

    /// A hook that isn't there when the route is registered.
    ///
    /// Returns whether it is missing for sure.
    pub(super) fn missing_hook(&mut self, route: &Registration, option: &str, part: &Part) -> bool {
        let Value::Method(of, name) = &part.value else { return matches!(part.value, Value::Undefined) };
        let may_be_there = self.eval.host.scopes(route.instance).any(|(_, it)| it.is_opaque);
        if may_be_there || !matches!(**of, Value::Host(_)) {
            return false;
        }
        let what = if part.listed { "the server will not start" } else { "the route is open" };
        self.find(
            "DW2127",
            route.site.place(),
            format!("`{}` does not exist yet when it is given as `{option}`, so {what}", printable(name)),
            "register the plugin that decorates it first, with `await`, or move the route into a plugin of its own",
        );
        true
    }

    /// A guard that is attached under a condition that doesn't hold for the route.
    pub(super) fn conditional(&mut self, before: &Before) {
        self.find(
            "DW2110",
            before.place,
            format!("`{}` is attached only under a condition", before.name),
            "attach it always, and decide inside of it",
        );
    }

    /// `onRoute` hooks that give routes hooks of their own.
    pub(super) fn changed_by_on_route(&mut self, route: &Registration, guard: &mut Guard) {
        let scopes: BTreeSet<usize> = self.eval.host.scopes(route.instance).map(|(at, _)| at).collect();
        let hooks = self.eval.host.on_route.iter().filter(|it| scopes.contains(&it.instance) && it.at < route.at);
        for hook in hooks {
            let Value::Function(closure) = &hook.value else { continue };
            let mut changes = false;
            ir::visit(&closure.function.body, &mut |expr| {
                let target = match &expr.kind {
                    ExprKind::Assign(target, ..) => match &**target {
                        Pattern::Member(member) => Some(&member.kind),
                        _ => None,
                    },
                    ExprKind::Call(callee, _) => match &callee.kind {
                        ExprKind::Member(object, _) => Some(&object.kind),
                        _ => None,
                    },
                    _ => None,
                };
                if let Some(ExprKind::Member(_, Key::Name(name))) = target {
                    changes |= PHASES.contains(&&**name);
                }
                !changes
            });
            if changes {
                guard.state = GuardState::Unsure;
                guard.by.push(GuardSeen {
                    name: "onRoute".to_owned(),
                    origin: self.file(closure.module),
                    file: self.file(hook.place.module),
                    line: self.location(hook.place).line,
                    asks: None,
                });
                return;
            }
        }
    }

    /// Guards in a scope without routes: whoever wrote them meant the routes outside.
    pub(super) fn idle_guards(&mut self) {
        let hooks = self.eval.host.hooks.clone();
        for (at, hook) in hooks.iter().enumerate() {
            let scoped = self.eval.host.instances.get(hook.instance).is_some_and(|it| it.parent.is_some());
            if !scoped || self.found.routes.is_empty() || self.used.contains(&at) {
                continue;
            }
            let name = match self.shown(&hook.value, hook.place) {
                name if name == "(inline)" => format!("{} hook", PHASES.get(hook.phase).copied().unwrap_or_default()),
                name => name,
            };
            let done = if hook.phase == 1 { 3 } else { 2 };
            if self.judge(&hook.value, &name, done, &RouteFacts::default()).verdict.state == GuardState::Guarded {
                self.find(
                    "DW2126",
                    hook.place,
                    format!("`{name}` guards no route: its plugin has a scope of its own, without routes"),
                    "wrap the plugin with `fastify-plugin`, so that its hooks reach the routes around it",
                );
            }
        }
    }

    /// Preflights carry no token: what answers them has to run first.
    pub(super) fn cors_after_guards(&mut self) {
        for cors in self.packages_named(&["@fastify/cors", "fastify-cors"]) {
            let phase = match cors.options.as_ref().and_then(|it| it.get("hook")) {
                Some(Value::Str(name)) => PHASES.iter().position(|it| **it == *name.text).unwrap_or(0),
                _ => 0,
            };
            let hooks = self.hooks_around(cors.instance);
            for hook in Rc::clone(&hooks).iter().filter(|it| (it.phase, it.at) < (phase, cors.at)) {
                let facts = RouteFacts { method: Some("OPTIONS".to_owned()), config: None };
                let done = if hook.phase == 1 { 3 } else { 2 };
                if self.judge(&hook.value, &hook.name, done, &facts).verdict.state == GuardState::Guarded {
                    self.find(
                        "DW2107",
                        cors.site.place(),
                        format!("CORS is registered behind `{}`, which refuses preflights", hook.name),
                        "register CORS before every guard",
                    );
                }
            }
        }
    }
}
