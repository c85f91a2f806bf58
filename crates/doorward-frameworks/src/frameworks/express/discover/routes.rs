//! Handlers registered for a method and paths: what they do, and the routes they make.

use std::collections::HashSet;

use doorward::inventory::{Guard, GuardSeen, GuardState, Method, Route, RouteId, Step};
use doorward::path::PathTemplate;
use doorward::shape::Shape;

use super::before::{Before, sheltered};
use super::host::{Layer, LayerKind};
use super::parts::{Part, parts};
use super::trace::Way;
use super::{Reader, errors, is_cors, is_error_handler, strength};
use crate::js::flow::Flow;
use crate::js::guards::{self, Verdict};
use crate::js::ir::Span;
use crate::js::value::{Place, Value};
use crate::model::{HandlerKind, Site};

/// A handler of a route: its name, what it does, where it stands, and whether it is the last.
pub(super) type Own = (String, Verdict, Place, bool);

/// Handlers of a layer, registered for one method and some paths.
#[derive(Clone, Copy)]
pub(super) struct Registration<'a> {
    pub(super) method: &'a str,
    pub(super) targets: &'a [PathTemplate],
    pub(super) layer: &'a Layer,
    pub(super) way: &'a Way,
}

/// What the handlers of one registration do.
#[derive(Default)]
struct Handled {
    own: Vec<Own>,
    /// A guard that stands where answers are expected: what is registered later for the same path runs behind it.
    ends_with: Option<Verdict>,
    /// None of them answers: `app.all('/api/*path', auth)` is middleware, written as a route.
    passes_on: bool,
}

impl Reader<'_> {
    pub(super) fn routes(&mut self, it: &Registration, chain: &mut Vec<Before>) {
        let mut all = parts(&it.layer.handlers);
        if it.method == "OPTIONS" && !all.is_empty() && all.iter().all(|it| is_cors(&it.value)) {
            // It answers preflights, as `app.use(cors())` does. Nobody is let in or kept out.
            return;
        }
        let flows: Vec<Flow> = all.iter().map(|it| self.flow_of(&it.value)).collect();
        if let Some(end) = flows.iter().position(|it| it.stops()) {
            let behind = all.split_off(end + 1);
            self.unheard(it.layer, &behind);
        }
        let Some(handled) = self.handled(it, &all, &flows, chain) else { return };
        if !handled.passes_on && !it.targets.is_empty() {
            let shape = self.shape(&all);
            for target in it.targets {
                self.route(it, target, &handled.own, shape.clone(), chain);
            }
        }
        self.stand_before(it, handled, chain);
    }

    /// What each of the handlers does; `None` if they only answer that there is nothing.
    fn handled(&mut self, it: &Registration, all: &[Part], flows: &[Flow], chain: &[Before]) -> Option<Handled> {
        let mut handled = Handled::default();
        let last = all.iter().rposition(|it| !is_error_handler(&it.value)).unwrap_or(0);
        // Whether something before may have answered already.
        let mut answered = false;
        for (at, part) in all.iter().enumerate() {
            if part.spread {
                self.unknown_handlers(&it.layer.site, part.span);
            }
            let place = Place { module: it.layer.site.module, span: part.span };
            if errors::forgives(&part.value) {
                self.forgive(handled.own.iter_mut().map(|it| &mut it.1), place);
            }
            if is_error_handler(&part.value) || matches!(part.value, Value::Host(_)) {
                continue;
            }
            let text = self.text(place.module, part.span);
            let is_last = at == last && !part.spread;
            let flow = flows.get(at).copied().unwrap_or_default();
            let mut verdict = match is_last {
                true => self.judge_last(it, part, &text, flow, &mut handled)?,
                false => self.judge(&part.value, &text, place),
            };
            if answered && verdict.state == GuardState::Guarded {
                verdict.state = GuardState::Unsure;
                verdict.asks = None;
            }
            let name = self.shown(&part.value, &text);
            let guarded = handled.own.iter().any(|(_, verdict, ..)| verdict.state == GuardState::Guarded)
                || it.targets.iter().all(|target| sheltered(chain, &it.way.branches, it.layer, target));
            if !is_last && !guarded && verdict.state == GuardState::Open && self.answers_some(&part.value, flow) {
                answered = true;
                self.tell_of_answers(&name, place);
            }
            handled.own.push((name, verdict, place, is_last));
        }
        Some(handled)
    }

    /// What answers is not what guards, unless it is made to pass requests on.
    fn judge_last(
        &mut self,
        it: &Registration,
        part: &Part,
        text: &str,
        flow: Flow,
        handled: &mut Handled,
    ) -> Option<Verdict> {
        let place = Place { module: it.layer.site.module, span: part.span };
        let is_all = it.method == Method::ALL;
        match &part.value {
            Value::Function(closure) => {
                let mut body = guards::Body::default();
                guards::scan(&mut self.eval, closure, &mut body, &mut HashSet::new(), 4);
                if is_all && self.only_not_found(closure) {
                    return None;
                }
                let answers = flow.shows && !body.refuses;
                if is_all && body.continues && closure.function.arity == 3 && !answers {
                    let verdict = self.judge(&part.value, text, place);
                    handled.passes_on = true;
                    handled.ends_with = (verdict.state != GuardState::Open).then(|| verdict.clone());
                    return Some(verdict);
                }
                let inline = body.refuses && body.get_auth;
                let state = if inline { GuardState::Unsure } else { GuardState::Open };
                Some(Verdict::new(state, self.file(closure.module)))
            }
            Value::External(_) => {
                let verdict = self.judge(&part.value, text, place);
                if verdict.state != GuardState::Guarded {
                    return Some(Verdict { state: GuardState::Open, ..verdict });
                }
                handled.passes_on = is_all;
                handled.ends_with = Some(verdict.clone());
                Some(verdict)
            }
            _ => Some(Verdict::new(GuardState::Open, "")),
        }
    }

    /// Adds the route at one of the paths, behind what runs before it.
    fn route(&mut self, it: &Registration, target: &PathTemplate, own: &[Own], shape: Shape, chain: &[Before]) {
        let maybe_bare = it.layer.kind == LayerKind::Use || self.bare(it.layer);
        let id = RouteId { method: Method::new(it.method), path: target.clone() };
        let mut names = Vec::new();
        let mut by = Vec::new();
        let mut state = GuardState::Open;
        let mut passed = Vec::new();
        for (at, before) in chain.iter().enumerate() {
            let method_fits =
                before.method.as_deref().is_none_or(|method| method == Method::ALL || method == it.method);
            if !method_fits || !before.covers(target, false) {
                continue;
            }
            names.push(before.name.clone());
            passed.push(at);
            if let Some(guard) = before.guard.and_then(|it| self.guards.get_mut(it)) {
                guard.anything = true;
            }
            let mut branches = it.way.branches.iter().chain([&it.layer.site.branch]);
            let sure = branches.any(|it| it.starts_with(&before.branch)) && before.covers(target, maybe_bare);
            let seen = match before.verdict.state {
                GuardState::Guarded if !sure => GuardState::Unsure,
                state => state,
            };
            self.see(&before.name, &before.verdict, seen, before.place, &mut state, &mut by);
        }
        for (name, verdict, place, is_last) in own {
            if !is_last {
                names.push(name.clone());
            }
            self.see(name, verdict, verdict.state, *place, &mut state, &mut by);
        }
        let trace = self.trace(it.way, chain, &passed, it.layer, target, own);
        self.add(id, it.layer, (names, trace, shape), Guard { state, by });
    }

    /// What ends with a guard stands before whatever follows at the same paths.
    fn stand_before(&mut self, it: &Registration, handled: Handled, chain: &mut Vec<Before>) {
        let Some(verdict) = handled.ends_with else { return };
        let (name, _, place, _) =
            handled.own.last().cloned().unwrap_or_else(|| (String::new(), verdict.clone(), Place::default(), true));
        for target in it.targets {
            let counted = handled.passes_on.then(|| self.count_guard(&verdict, &name, place, target.clone()));
            chain.push(Before {
                prefix: target.clone(),
                exact: true,
                bare: self.bare(it.layer),
                method: Some(it.method.to_owned()),
                name: name.clone(),
                verdict: verdict.clone(),
                branch: it.layer.site.branch.clone(),
                place,
                guard: counted.flatten(),
            });
        }
    }

    fn see(
        &self,
        name: &str,
        verdict: &Verdict,
        seen: GuardState,
        place: Place,
        state: &mut GuardState,
        by: &mut Vec<GuardSeen>,
    ) {
        if seen == GuardState::Open && verdict.kind != HandlerKind::Doorward {
            return;
        }
        by.push(GuardSeen {
            name: name.to_owned(),
            origin: verdict.origin.clone(),
            file: self.file(place.module),
            line: self.location(place.module, place.span).line,
            asks: if seen == verdict.state { verdict.asks.clone() } else { None },
        });
        *state = match (*state, seen) {
            (GuardState::Guarded, _) | (_, GuardState::Guarded) => GuardState::Guarded,
            (GuardState::Unsure, _) | (_, GuardState::Unsure) => GuardState::Unsure,
            _ => GuardState::Open,
        };
    }

    fn add(&mut self, id: RouteId, layer: &Layer, known: (Vec<String>, Vec<Step>, Shape), guard: Guard) {
        let (chain, trace, shape) = known;
        let place = layer.site.place();
        // In a chain over several lines, the line of the method is the one people look at.
        let method = Span { start: layer.site.callee_end.saturating_sub(1), end: layer.site.call.end };
        let line = self.location(place.module, method).line;
        let file = self.file(place.module);
        let key = (id.clone(), place);
        if let Some(known) = self.seen.get(&key).and_then(|at| self.found.routes.get_mut(*at)) {
            // Reached twice, as when a factory is called twice: the weaker protection is the true one.
            if strength(guard.state) < strength(known.guard.state) {
                known.guard = guard;
                known.chain = chain;
                known.trace = trace;
            }
            return;
        }
        self.seen.insert(key, self.found.routes.len());
        self.found.routes.push(Route { chain, trace, shape, guard, ..Route::new(id.clone(), file.clone(), line) });
        if let Some(site) = self.sites.get(&place).and_then(|at| self.found.source.sites.get_mut(*at)) {
            site.routes.push(id);
            return;
        }
        let handlers = self.handlers(layer);
        self.sites.insert(place, self.found.source.sites.len());
        let call = place.span.range();
        self.found.source.sites.push(Site { routes: vec![id], file, line, call, handlers });
    }
}
