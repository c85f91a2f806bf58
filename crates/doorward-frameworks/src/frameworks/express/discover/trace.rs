//! How a route came to be: the application, each mount, each middleware, the registration and the handler.

use doorward::inventory::{Step, StepKind};
use doorward::path::PathTemplate;

use super::host::{Layer, LayerKind};
use super::routes::Own;
use super::{Before, Part, Reader, callee, one_line};
use crate::js::eval::Branch;
use crate::js::ir::Span;
use crate::js::value::Place;
use crate::walk::printable;

/// Nobody reads a longer history.
const MAX_STEPS: usize = 200;

/// The way from an application to a router.
#[derive(Debug, Clone, Default)]
pub(super) struct Way {
    /// The conditions under which each mount happens.
    pub(super) branches: Vec<Branch>,
    /// The application and each mount, with the number of middleware that had been added before.
    steps: Vec<(usize, Step)>,
}

impl Way {
    /// This way, through one more mount.
    pub(super) fn through(&self, branch: &Branch, before: usize, step: Step) -> Self {
        let mut way = self.clone();
        way.branches.push(branch.clone());
        way.steps.push((before, step));
        way
    }
}

impl Reader<'_> {
    /// The way that begins at an application.
    pub(super) fn way_from(&self, root: usize) -> Way {
        let place = self.eval.host.made.get(root).map(|it| it.place).unwrap_or_default();
        let text = callee(&one_line(&self.text(place.module, place.span)));
        Way { branches: Vec::new(), steps: vec![(0, self.step(StepKind::App, text, None, place))] }
    }

    pub(super) fn mount(&self, layer: &Layer, path: &PathTemplate, part: &Part) -> Step {
        let name = self.shown(&part.value, &self.text(layer.site.module, part.span));
        let shown = path_text(layer, path);
        let arguments = if layer.path.is_some() { format!("\"{shown}\", {name}") } else { name };
        let text = format!("{}.use({arguments})", self.object(layer));
        let path = (!path.segments().is_empty()).then(|| path.to_string());
        self.step(StepKind::Mount, text, path, self.call(layer))
    }

    /// Everything that leads to a route: what `hits` of `chain` run before it, and its own handlers.
    pub(super) fn trace(
        &self,
        way: &Way,
        chain: &[Before],
        hits: &[usize],
        layer: &Layer,
        path: &PathTemplate,
        own: &[Own],
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut mounts = way.steps.iter().peekable();
        for hit in hits.iter().take(MAX_STEPS) {
            while let Some((_, step)) = mounts.next_if(|(before, _)| before <= hit) {
                steps.push(step.clone());
            }
            if let Some(before) = chain.get(*hit) {
                steps.push(self.step(StepKind::Middleware, before.name.clone(), None, before.place));
            }
        }
        steps.extend(mounts.map(|(_, step)| step.clone()));
        let verb = match &layer.kind {
            LayerKind::Use => "use".to_owned(),
            LayerKind::Route(method) => method.to_lowercase(),
            LayerKind::Computed => "[…]".to_owned(),
        };
        let shown = layer.path.as_ref().map(|_| format!("\"{}\"", path_text(layer, path))).unwrap_or_default();
        let object = self.object(layer);
        // `router.route("/x").get(…)` is what `router.get("/x", …)` is.
        let object = object.strip_suffix(".route").unwrap_or(&object);
        let text = format!("{object}.{verb}({shown})");
        steps.push(self.step(StepKind::Route, text, None, self.call(layer)));
        for (name, _, place, is_last) in own.iter().take(MAX_STEPS) {
            let kind = if *is_last { StepKind::Handler } else { StepKind::Middleware };
            steps.push(self.step(kind, name.clone(), None, *place));
        }
        steps
    }

    /// A registration. In a chain over several lines, the line of the method is the one people look at.
    fn call(&self, layer: &Layer) -> Place {
        let span = Span { start: layer.site.callee_end.saturating_sub(1), end: layer.site.call.end };
        Place { module: layer.site.module, span }
    }

    /// What a registration is made on, as the source calls it.
    fn object(&self, layer: &Layer) -> String {
        let text = self.text(layer.site.module, layer.site.object);
        // The beginning of a chain may be long, and may hold the handlers of others.
        let name: String =
            text.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '#')).collect();
        if name.is_empty() { "router".to_owned() } else { printable(&name) }
    }

    fn step(&self, kind: StepKind, text: String, path: Option<String>, place: Place) -> Step {
        Step { kind, text, path, file: self.file(place.module), line: self.location(place.module, place.span).line }
    }
}

/// The path of a registration as it is written, if it is one text.
fn path_text(layer: &Layer, path: &PathTemplate) -> String {
    match layer.path.as_ref().and_then(|it| it.value.as_str()) {
        Some(text) => printable(text),
        None => path.to_string(),
    }
}
