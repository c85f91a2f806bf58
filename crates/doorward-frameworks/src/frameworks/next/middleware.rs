//! `middleware.ts`, called `proxy.ts` since Next.js 16: whether it keeps strangers from a path.

use doorward::diagnostic::Diagnostic;
use doorward::inventory::GuardState;
use doorward::path::{PathTemplate, Piece, Segment};

use super::config;
use super::discover::Reader;
use super::exports;
use crate::js;
use crate::js::pattern::Pattern;
use crate::js::stranger::{self, Caller, Fate, Notice, Question, Style};
use crate::js::value::{Place, Value};
use crate::walk::printable;

/// The middleware of a project.
#[derive(Debug)]
pub(super) struct Middleware {
    pub(super) handler: Value,
    pub(super) place: Place,
    name: String,
    origin: String,
    /// The paths it runs for; nothing: for all.
    matchers: Option<Vec<Matcher>>,
    /// Clerk is attached.
    pub(super) clerk: bool,
    /// Routes it lets strangers pass to although it tells paths apart, and whether it refuses any.
    pub(super) passed: Vec<String>,
    pub(super) refused: usize,
    /// Routes of which some paths escape it.
    pub(super) escaped: Vec<String>,
    pub(super) tells_apart: bool,
    same_for_all: Option<Fate>,
}

#[derive(Debug)]
struct Matcher {
    /// Nothing: it can't be read.
    pattern: Option<Pattern>,
    /// It holds only for requests of a kind, which whoever asks decides.
    conditional: bool,
}

/// What runs before the handler of a route.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) name: String,
    pub(super) origin: String,
    pub(super) place: Place,
    pub(super) state: GuardState,
    pub(super) covers: Cover,
}

/// For which of a route's paths the middleware runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cover {
    All,
    Some,
}

/// Reads the middleware among `candidates`.
pub(super) fn read(reader: &mut Reader, candidates: &[usize], version: Option<&str>) -> Option<Middleware> {
    let major: u32 = version
        .map(|it| it.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect::<String>())
        .and_then(|it| it.parse().ok())
        .unwrap_or(16);
    let mut chosen = None;
    for module in candidates {
        let file = reader.program.file(*module).to_string();
        let is_proxy = file.rsplit('/').next().is_some_and(|it| it.starts_with("proxy."));
        if is_proxy && major < 16 {
            let at = js::packages::location(reader.program, Place { module: *module, ..Place::default() });
            reader.found.source.findings.push(
                Diagnostic::new("DW2143", "this version of Next.js does not run `proxy`; it runs `middleware`")
                    .at(at)
                    .help("rename the file and its export to `middleware`, or move to Next.js 16"),
            );
            continue;
        }
        chosen = Some((*module, if is_proxy { "proxy" } else { "middleware" }));
    }
    let (module, name) = chosen?;
    if reader.config.exported {
        return None;
    }
    reader.eval.allow(config::STEPS);
    let exports = exports::exports(&mut reader.eval, reader.program, module);
    let export = [name, "default"].into_iter().find(|it| exports.names.contains_key(*it))?;
    let place = exports.names.get(export).copied()?;
    let handler = reader.eval.exported(module, export).unwrap_or(Value::Unknown);
    let settings = reader.eval.exported(module, "config");
    let matchers = match settings {
        Some(Value::Object(object)) => object.get("matcher").map(|it| matchers(&it)),
        _ => None,
    };
    let clerk = matches!(&handler, Value::External(it) if it.package().is_some_and(|it| it.starts_with("@clerk/")))
        || reader.program.text(module).contains("clerkMiddleware(");
    if matchers.as_ref().is_some_and(|all| all.iter().any(|it| it.pattern.is_none())) {
        let at = reader.location(place);
        reader.found.unresolved.push(
            Diagnostic::new("DW2144", "for which paths the middleware runs can't be read")
                .at(at)
                .help("write `matcher` as literals; until then, its guards count as unsure"),
        );
    }
    let file = printable(&reader.program.file(module));
    let (name, origin) = match &handler {
        Value::External(external) => {
            let name = external.name().rsplit('.').next().map(printable).unwrap_or_default();
            (name, external.package().map_or_else(|| file.clone(), printable))
        }
        _ => (name.to_owned(), file),
    };
    Some(Middleware {
        handler,
        place,
        name,
        origin,
        matchers,
        clerk,
        passed: Vec::new(),
        refused: 0,
        escaped: Vec::new(),
        tells_apart: false,
        same_for_all: None,
    })
}

fn matchers(value: &Value) -> Vec<Matcher> {
    let one = |it: &Value| match it {
        Value::Str(text) => Matcher { pattern: Pattern::path(&text.text), conditional: false },
        Value::Object(object) => Matcher {
            pattern: object.get("source").and_then(|it| Pattern::path(it.as_str()?)),
            conditional: object.get("has").is_some() || object.get("missing").is_some() || object.open.get(),
        },
        _ => Matcher { pattern: None, conditional: false },
    };
    match value {
        Value::Array(array) if !array.open.get() => array.items.borrow().iter().map(one).collect(),
        Value::Array(_) => vec![Matcher { pattern: None, conditional: false }],
        other => vec![one(other)],
    }
}

/// Paths that a request for a route may ask for. Where a value stands, it may hold a dot, which matchers often exclude.
pub(super) fn samples(path: &PathTemplate) -> Vec<String> {
    let fill = |plain: &str, rest: &str| {
        let mut text = String::new();
        for segment in path.segments() {
            text.push('/');
            match segment {
                Segment::Literal(it) => text.push_str(it),
                Segment::Param { prefix, suffix, .. } => text.push_str(&format!("{prefix}{plain}{suffix}")),
                Segment::Mixed(pieces) => pieces.iter().for_each(|it| match it {
                    Piece::Text(it) => text.push_str(it),
                    Piece::Value(_) => text.push_str(plain),
                }),
                Segment::CatchAll(_) => text.push_str(rest),
            }
        }
        if text.is_empty() { "/".to_owned() } else { text }
    };
    let mut all = vec![fill("x1", "x1")];
    if path.params().next().is_some() {
        all.push(fill("x.csv", "x1/x2"));
        all.push(fill("x.png", "x1/x.png"));
    }
    all.dedup();
    all
}

impl Reader<'_> {
    /// Whether the middleware lets strangers pass to a path that nobody thought of.
    pub(super) fn passes_the_unlisted(&mut self) -> bool {
        let Some(middleware) = &self.middleware else { return true };
        let question = Question {
            chain: vec![middleware.handler.clone()],
            style: Style::Passes,
            caller: Caller::Forger,
            method: Some("POST".to_owned()),
            paths: vec!["/api/a-path-that-nobody-lists".to_owned()],
            place: middleware.place,
        };
        stranger::ask(&mut self.eval, self.program, &question).fate == Fate::Served
    }

    /// What the middleware does to strangers who ask for `path`.
    pub(super) fn before(&mut self, path: &PathTemplate, method: &str) -> Option<Before> {
        let paths = samples(path);
        let middleware = self.middleware.as_ref()?;
        let covers = |text: &String| match &middleware.matchers {
            None => Some(true),
            Some(all) => {
                let found = |it: &Matcher| it.pattern.as_ref().and_then(|it| it.found_in(text));
                if all.iter().any(|it| !it.conditional && found(it) == Some(true)) {
                    Some(true)
                } else if all.iter().any(|it| found(it) != Some(false)) {
                    None
                } else {
                    Some(false)
                }
            }
        };
        let all: Vec<Option<bool>> = paths.iter().map(covers).collect();
        if all.iter().all(|it| *it == Some(false)) {
            return None;
        }
        let covers = if all.iter().all(|it| *it == Some(true)) { Cover::All } else { Cover::Some };
        let question = Question {
            chain: vec![middleware.handler.clone()],
            style: Style::Passes,
            caller: Caller::Forger,
            method: (method != "ALL").then(|| method.to_owned()),
            paths,
            place: middleware.place,
        };
        let (name, origin, place) = (middleware.name.clone(), middleware.origin.clone(), middleware.place);
        self.eval.allow(config::STEPS);
        // What looks neither at the path nor at the method does the same to all.
        let known = middleware.same_for_all;
        let (fate, tells_apart) = match known {
            Some(fate) => (fate, false),
            None => {
                let answer = stranger::ask(&mut self.eval, self.program, &question);
                let same = !answer.reads_path && !answer.reads_method;
                if let Some(middleware) = self.middleware.as_mut().filter(|_| same) {
                    middleware.same_for_all = Some(answer.fate);
                }
                (answer.fate, answer.notices.iter().any(|it| matches!(it, Notice::Matcher(_))))
            }
        };
        let state = match (fate, covers) {
            (Fate::Refused, Cover::All) => GuardState::Guarded,
            (Fate::Refused, Cover::Some) | (Fate::Unsure, _) => GuardState::Unsure,
            _ => GuardState::Open,
        };
        if let Some(middleware) = &mut self.middleware {
            middleware.tells_apart |= tells_apart;
            let shown = format!("{method} {path}");
            match (fate, covers) {
                (Fate::Refused, Cover::All) => middleware.refused += 1,
                (Fate::Refused, Cover::Some) => middleware.escaped.push(shown),
                (Fate::Served, _) => middleware.passed.push(shown),
                _ => {}
            }
        }
        Some(Before { name, origin, place, state, covers })
    }
}
