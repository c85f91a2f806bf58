//! What is given to `use`: routers, middleware, and functions that answer.

use std::collections::BTreeSet;

use doorward::inventory::{GuardState, Method};
use doorward::path::{PathTemplate, Segment};

use super::before::{Before, sheltered};
use super::host::{Kind, Layer};
use super::parts::{Part, parts};
use super::routes::Registration;
use super::trace::Way;
use super::{Reader, errors, is_error_handler};
use crate::frameworks::express::SERVES_PAGES;
use crate::js::flow::Flow;
use crate::js::value::{Place, Value};

/// Handlers of a layer, used below some paths of what is mounted at a prefix.
#[derive(Clone, Copy)]
pub(super) struct Used<'a> {
    pub(super) layer: &'a Layer,
    pub(super) paths: &'a [PathTemplate],
    pub(super) prefix: &'a PathTemplate,
    pub(super) way: &'a Way,
}

impl Reader<'_> {
    pub(super) fn used(
        &mut self,
        it: &Used,
        chain: &mut Vec<Before>,
        stack: &mut Vec<usize>,
        reached: &mut BTreeSet<usize>,
    ) {
        let all = parts(&it.layer.handlers);
        let last = all.len().saturating_sub(1);
        for (at, part) in all.iter().enumerate() {
            if part.spread {
                self.unknown_handlers(&it.layer.site, part.span);
            }
            let mut judged = false;
            let flow = self.flow_of(&part.value);
            for value in part.value.each() {
                match value {
                    Value::Host(inner) if self.kind(inner).is_some_and(|it| !matches!(it, Kind::Route(..))) => {
                        for path in it.paths {
                            let step = self.mount(it.layer, path, part);
                            let way = it.way.through(&it.layer.site.branch, chain.len(), step);
                            self.walk(inner, &it.prefix.join(path), &way, chain, stack, reached);
                        }
                    }
                    value @ Value::Function(_) if is_error_handler(&value) => {
                        if errors::forgives(&value) {
                            let place = Place { module: it.layer.site.module, span: part.span };
                            self.forgive_below(chain, it.prefix, place);
                        }
                    }
                    Value::Function(closure) if self.answers_all(&closure) => self.answering(it, chain),
                    _ if judged => {}
                    value => {
                        judged = true;
                        self.mount_of_unknown(&value, part, it.layer, it.paths, at == last);
                        self.passing(it, part, &value, flow, at == last, chain);
                    }
                }
            }
            if flow.stops() && flow.terminal() {
                self.unheard(it.layer, all.get(at + 1..).unwrap_or_default());
                break;
            }
        }
    }

    /// A function that answers whatever is below the paths.
    fn answering(&mut self, it: &Used, chain: &mut Vec<Before>) {
        let rest = PathTemplate::from_segments(vec![Segment::CatchAll("path".to_owned())]);
        let below = |path: &PathTemplate| {
            let path = it.prefix.join(path);
            match path.segments().last() {
                Some(Segment::CatchAll(_)) => path,
                _ => path.join(&rest),
            }
        };
        let targets: Vec<PathTemplate> = it.paths.iter().map(below).collect();
        self.routes(&Registration { method: Method::ALL, targets: &targets, layer: it.layer, way: it.way }, chain);
    }

    /// A middleware, before whatever comes behind it.
    fn passing(&mut self, it: &Used, part: &Part, value: &Value, flow: Flow, is_last: bool, chain: &mut Vec<Before>) {
        let place = Place { module: it.layer.site.module, span: part.span };
        let text = self.text(place.module, part.span);
        let verdict = self.judge(&part.value, &text, place);
        let name = self.shown(&part.value, &text);
        if verdict.state == GuardState::Open
            && self.answers_some(&part.value, flow)
            && !it.paths.iter().all(|path| sheltered(chain, &it.way.branches, it.layer, &it.prefix.join(path)))
        {
            self.tell_of_answers(&name, place);
        }
        if let Value::External(external) = value
            && SERVES_PAGES.contains(&external.name().as_str())
        {
            self.files_for_anyone(chain, &it.way.branches, it.layer, part, it.paths, it.prefix);
        }
        let first = it.paths.first().map_or_else(|| it.prefix.clone(), |path| it.prefix.join(path));
        let guard = self.count_guard(&verdict, &name, place, first);
        if !is_last && let Some(guard) = guard.and_then(|it| self.guards.get_mut(it)) {
            // It guards what follows it in the same call, whatever that is.
            guard.anything = true;
        }
        for path in it.paths {
            chain.push(Before {
                prefix: it.prefix.join(path),
                exact: false,
                bare: self.bare(it.layer),
                method: None,
                name: name.clone(),
                verdict: verdict.clone(),
                branch: it.layer.site.branch.clone(),
                place,
                guard,
            });
        }
    }
}
