//! WebSockets, which Channels serves beside Django's own patterns.

use doorward::inventory::StepKind;

use super::discover::{Context, Reader};
use super::pattern::Way;
use crate::py::program;
use crate::py::value::{Place, Value};

impl<'p> Reader<'p> {
    /// Walks what the application for ASGI gives to `URLRouter`.
    pub(super) fn sockets(&mut self) {
        let Some(module) = self.asgi() else { return };
        self.eval.load(module);
        let all = std::mem::take(&mut self.eval.host.sockets);
        for (at, (routes, place)) in all.iter().enumerate() {
            // A router inside of another one is made before it, and is walked with it.
            let inside = |list: &Value<'p>| holds(&self.eval.items(list).0, *place);
            if all.iter().skip(at + 1).map(|(list, _)| list).any(inside) {
                continue;
            }
            let steps = vec![self.step(StepKind::App, *place, None)];
            let context = Context { way: Way::text("/"), steps, maybe: false, sockets: true, depth: 0 };
            self.patterns(routes, *place, &context);
        }
    }

    /// The module of `ASGI_APPLICATION`, or the `asgi` beside the URLs.
    fn asgi(&self) -> Option<usize> {
        let setting = |name: &str| self.eval.host.settings.get(name).and_then(Value::as_str).map(str::to_owned);
        let named = setting("ASGI_APPLICATION").and_then(|it| Some(it.rsplit_once('.')?.0.to_owned()));
        let beside = || Some(format!("{}.asgi", setting("ROOT_URLCONF")?.rsplit_once('.')?.0));
        match self.program.resolve(self.project.from, 0, &named.or_else(beside)?) {
            program::Target::Module(module) => Some(module),
            _ => None,
        }
    }
}

/// Whether one of these patterns leads to the router that was made at a place.
fn holds(patterns: &[Value<'_>], place: Place) -> bool {
    patterns.iter().any(|it| match it {
        Value::External(pattern) => pattern.called().and_then(|(_, args, _)| args.get(1, "view").cloned()).is_some_and(
            |view| matches!(&view, Value::External(it) if it.called().is_some_and(|(_, _, at)| at == place)),
        ),
        _ => false,
    })
}
