//! The attach points: CORS first, then the raw body of webhooks, then Clerk, and the error handler last.

use std::collections::BTreeMap;

use doorward::diagnostic::{Diagnostic, Location};
use doorward::policy::Policy;

use super::imports::{continues_statement, is_blank, whole_lines};
use super::{FileEdits, PACKAGE, REPLACED, can_answer, file_edits};
use crate::edit::{indentation, line_end, line_start};
use crate::model::{AppSource, Wiring, WiringKind};
use crate::plan::Emitted;

/// Emits the wiring of every application that answers requests. Returns the file of the first one.
pub(super) fn emit<'a>(
    source: &'a AppSource,
    policy: &Policy,
    webhooks: &[String],
    files: &mut BTreeMap<&'a str, FileEdits<'a>>,
    emitted: &mut Emitted,
) -> Option<String> {
    let mut home = None;
    for create in source.wiring.iter().filter(|it| it.kind == WiringKind::Create) {
        let steps: Vec<&Wiring> =
            source.wiring.iter().filter(|it| it.file == create.file && it.app == create.app).collect();
        let is_root = steps.iter().any(|it| matches!(it.kind, WiringKind::Routes | WiringKind::End));
        let Some(edits) = file_edits(files, source, &create.file).filter(|_| is_root) else { continue };
        let root = Root { create, steps, policy, webhooks };
        root.emit(edits, emitted);
        errors(source, create, files, emitted);
        home.get_or_insert_with(|| create.file.clone());
    }
    home
}

struct Root<'a> {
    create: &'a Wiring,
    /// Every statement on this application, in the file's order, with `create` among them.
    steps: Vec<&'a Wiring>,
    policy: &'a Policy,
    webhooks: &'a [String],
}

impl Root<'_> {
    fn emit(&self, edits: &mut FileEdits<'_>, emitted: &mut Emitted) {
        let mut first: Vec<String> = Vec::new();
        let first_answer = self.steps.iter().find(|it| can_answer(&it.kind)).map(|it| it.statement.start);
        let is_early = |it: &Wiring| first_answer.is_none_or(|answer| it.statement.start < answer);

        let after = self.cors(edits, &mut first, &is_early, emitted).unwrap_or(self.create);
        self.clerk(edits, &mut first, &is_early, emitted);
        if !first.is_empty() && self.goes_on(after, &edits.file.text) {
            emitted.findings.push(
                Diagnostic::new(
                    "DW3017",
                    format!(
                        "`{}` has to stand between what this statement makes and what it does next",
                        first.join("`, `")
                    ),
                )
                .at(place(after))
                .help(
                    "end the statement where the application is made, and call each method in a statement of its own",
                ),
            );
        } else if !first.is_empty() {
            let reason = "CORS answers before authentication, and Clerk reads the bearer token before any route";
            add_after(after, &first, reason, edits, emitted);
        }
        self.raw_bodies(edits, emitted);
        self.describe(emitted);
    }

    /// Whether nothing can be attached behind this statement: it registers more, and that would come first, or it
    /// returns the application, or gives it no name.
    fn goes_on(&self, after: &Wiring, text: &str) -> bool {
        let Some(place) = &after.place else { return false };
        let statement = text.get(place.clone()).unwrap_or_default();
        if statement.starts_with("return") || !statement.contains(self.create.app.as_str()) {
            return true;
        }
        self.steps.iter().any(|it| {
            !matches!(it.kind, WiringKind::Create | WiringKind::End | WiringKind::Cors)
                && place.start <= it.call.start
                && it.call.end <= place.end
        })
    }

    /// Takes away a statement that does one thing.
    fn take_away(&self, it: &Wiring, reason: &str, edits: &mut FileEdits<'_>, emitted: &mut Emitted) {
        let text = &edits.file.text;
        let head = text.get(it.statement.start..it.call.start).unwrap_or_default();
        let tail = text.get(it.call.end..it.statement.end).unwrap_or_default();
        let tail: String = tail.chars().filter(|it| !it.is_whitespace()).collect();
        let is_plain = head.matches('(').count() == 1 && matches!(tail.trim_start_matches(','), ")" | ");");
        if !is_plain {
            emitted.findings.push(
                Diagnostic::new("DW3017", "this has to go, and its statement does more")
                    .at(place(it))
                    .help("call `use` for it in a statement of its own, and plan again"),
            );
            return;
        }
        let before = text.get(..it.statement.start).unwrap_or_default().trim_end();
        let is_branch = it.place.as_ref() != Some(&it.statement) && (before.ends_with(')') || before.ends_with("else"));
        if is_branch {
            edits.push(it.statement.clone(), "{}".to_owned(), reason.to_owned());
        } else {
            edits.push(whole_lines(text, &it.statement), String::new(), reason.to_owned());
        }
    }

    fn text<'t>(&self, it: &Wiring, edits: &'t FileEdits<'_>) -> &'t str {
        edits.file.text.get(it.statement.clone()).unwrap_or_default()
    }

    fn of(&self, kind: &WiringKind) -> Vec<&Wiring> {
        self.steps.iter().copied().filter(|it| it.kind == *kind).collect()
    }

    /// Attaches CORS. Returns the statement in which it stands, if it has one already.
    fn cors(
        &self,
        edits: &mut FileEdits<'_>,
        first: &mut Vec<String>,
        is_early: &dyn Fn(&Wiring) -> bool,
        emitted: &mut Emitted,
    ) -> Option<&Wiring> {
        let present = self.of(&WiringKind::Cors);
        let is_ours = |it: &Wiring, edits: &FileEdits<'_>| self.text(it, edits).contains("crossOrigin");
        if self.policy.cors.origins.is_empty() {
            emitted.findings.extend(present.iter().filter(|it| !is_ours(it, edits)).map(|it| {
                Diagnostic::new("DW3004", "the policy names no CORS origins, so this `cors()` is left as it is")
                    .at(place(it))
                    .help("list the browser origins under [cors] to have it replaced")
            }));
            return present.into_iter().find(|it| is_early(it));
        }
        let mut attached = present.iter().copied().find(|it| is_ours(it, edits) && is_early(it));
        for it in present {
            if attached.is_some_and(|place| std::ptr::eq(place, it)) {
                continue;
            }
            let callee = self.callee(it, edits);
            edits.maybe_unused.push((callee, "cors"));
            if is_early(it) && attached.is_none() {
                let name = edits.runtime("crossOrigin");
                edits.push(it.call.clone(), name, "only the policy's origins may call from a browser".to_owned());
                attached = Some(it);
            } else {
                self.take_away(it, "CORS moves before everything that can answer", edits, emitted);
            }
        }
        if attached.is_none() {
            let name = edits.runtime("crossOrigin");
            first.push(name);
        }
        attached
    }

    fn callee(&self, it: &Wiring, edits: &FileEdits<'_>) -> String {
        let call = edits.file.text.get(it.call.clone()).unwrap_or_default();
        call.split('(').next().unwrap_or_default().trim().to_owned()
    }

    fn clerk(
        &self,
        edits: &mut FileEdits<'_>,
        first: &mut Vec<String>,
        is_early: &dyn Fn(&Wiring) -> bool,
        emitted: &mut Emitted,
    ) {
        let mut attached = false;
        for it in self.of(&WiringKind::Clerk) {
            let call = edits.file.text.get(it.call.clone()).unwrap_or_default();
            let callee = self.callee(it, edits);
            let arguments = call.get(callee.len()..).unwrap_or_default().trim();
            let arguments = arguments
                .strip_prefix('(')
                .and_then(|rest| rest.strip_suffix(')'))
                .unwrap_or_default()
                .trim()
                .to_owned();
            // A body parser before Clerk is harmless; a route or a gate before it is not.
            let in_order = is_early(it)
                || self
                    .steps
                    .iter()
                    .all(|step| step.statement.start >= it.statement.start || !matches!(step.kind, WiringKind::Routes));
            if attached || !in_order {
                self.take_away(it, "Clerk is attached once, before every route", edits, emitted);
                continue;
            }
            attached = true;
            let options = edits.runtime("clerkOptions");
            if arguments == options {
                continue;
            }
            if !arguments.is_empty() {
                emitted.findings.push(
                    Diagnostic::new("DW3005", "the options of this `clerkMiddleware()` are replaced by `clerkOptions`")
                        .at(place(it))
                        .help("compare them in the diff; keys and authorized parties are read from the variables named in doorward.toml"),
                );
            }
            edits.push(it.call.clone(), format!("{callee}({options})"), "the attach point gets all options".to_owned());
        }
        for it in self.of(&WiringKind::DeprecatedClerk) {
            let callee = self.callee(it, edits);
            edits.maybe_unused.push((callee.clone(), PACKAGE.0));
            edits.maybe_unused.extend(REPLACED.iter().map(|package| (callee.clone(), *package)));
            let reason = format!("`{callee}()` is deprecated; routes carry their own guards");
            self.take_away(it, &reason, edits, emitted);
        }
        if !attached {
            let (middleware, options) = (edits.sdk("clerkMiddleware"), edits.runtime("clerkOptions"));
            first.push(format!("{middleware}({options})"));
        }
    }

    fn raw_bodies(&self, edits: &mut FileEdits<'_>, emitted: &mut Emitted) {
        let Some(parser) = self.of(&WiringKind::BodyParser).into_iter().next() else { return };
        for path in self.webhooks {
            let present = self.steps.iter().any(|it| {
                matches!(&it.kind, WiringKind::RawBody(at) if at == path) && it.statement.start < parser.statement.start
            });
            if present {
                continue;
            }
            let raw = edits.runtime("rawBody");
            let call = format!("{}, {raw}", edits.style.string(path));
            let reason = format!("the signature of `{path}` covers the bytes as they came");
            add_before(parser, &call, &reason, edits, emitted);
        }
    }

    fn describe(&self, emitted: &mut Emitted) {
        let order = &mut emitted.order;
        if !self.policy.cors.origins.is_empty() {
            order.push("crossOrigin: answers preflights and names the allowed origin, on refusals too".to_owned());
        }
        order.push("clerkMiddleware(clerkOptions): reads the bearer token, verifies it, refuses nobody".to_owned());
        for path in self.webhooks {
            order.push(format!("rawBody on {path}: keeps the bytes that were signed"));
        }
        let last_route = self.steps.iter().rposition(|it| it.kind == WiringKind::Routes).unwrap_or(self.steps.len());
        let (before, after) = self.steps.split_at(last_route);
        order.extend(before.iter().filter_map(|it| own_step(it)));
        order.push("guard(…) at the route: 401, 403 or 404, 503 when keys can't be had".to_owned());
        order.push("the handler, with caller(req)".to_owned());
        order.extend(after.iter().filter_map(|it| own_step(it)).map(|it| format!("if no route answered: {it}")));
        order.push("authErrors: JSON for what went wrong in authentication".to_owned());
        if let Some(parser) = self.of(&WiringKind::BodyParser).first() {
            emitted.findings.push(
                Diagnostic::new("DW3006", "a malformed body is answered with 400 before the guard can say 401")
                    .at(place(parser))
                    .help("give the body parser to the routes that need it, after their guard, if that matters to you"),
            );
        }
    }
}

/// Whether the application has its name in a statement: in `make().listen()` it has none.
fn names_app(source: &AppSource, it: &Wiring) -> bool {
    let text = source.files.get(&it.file).and_then(|file| file.text.get(it.statement.clone()));
    text.is_some_and(|text| text.contains(it.app.as_str()))
}

/// Attaches the handler of authentication's errors behind every route, wherever it is registered.
fn errors<'a>(
    source: &'a AppSource,
    create: &Wiring,
    files: &mut BTreeMap<&'a str, FileEdits<'a>>,
    emitted: &mut Emitted,
) {
    // As the program runs them.
    let steps: Vec<&Wiring> = source.wiring.iter().filter(|it| it.object == create.object).collect();
    if steps.iter().any(|it| it.kind == WiringKind::ErrorHandler(true)) {
        return;
    }
    let Some(last) = steps.iter().rposition(|it| !matches!(it.kind, WiringKind::End | WiringKind::ErrorHandler(_)))
    else {
        return;
    };
    let (Some(last_route), Some(later)) = (steps.get(last), steps.get(last..)) else { return };
    let is_foreign = last_route.file != create.file;
    let next = later.iter().find(|it| match it.kind {
        WiringKind::ErrorHandler(_) => true,
        // Where it listens is closer at hand than the end of a file of routes.
        WiringKind::End => is_foreign && it.file == create.file && it.place.is_some() && names_app(source, it),
        _ => false,
    });
    let Some(edits) = file_edits(files, source, &next.unwrap_or(last_route).file) else { return };
    let name = edits.runtime("authErrors");
    let reason = "errors of authentication are answered as JSON, without a stack";
    match next {
        Some(next) => add_before(next, &name, reason, edits, emitted),
        None => add_after(last_route, &[name], reason, edits, emitted),
    }
}

/// Adds calls of `use` behind a statement: on lines of their own, or on its line if that goes on.
fn add_after(it: &Wiring, calls: &[String], reason: &str, edits: &mut FileEdits<'_>, emitted: &mut Emitted) {
    let text = &edits.file.text;
    let Some(place) = &it.place else { return emitted.findings.push(no_place(it, calls)) };
    let end = line_end(text, place.end);
    let tail = text.get(place.end..end).unwrap_or_default();
    let app = &it.app;
    let (at, added) = if is_blank(tail) {
        let lead = if text.get(..end).is_some_and(|text| text.ends_with('\n')) { "" } else { edits.style.eol };
        let indent = indentation(text, place.start);
        let semicolon = edits.style.semicolon();
        let mut lines: Vec<String> = calls.iter().map(|call| format!("{indent}{app}.use({call}){semicolon}")).collect();
        if semicolon.is_empty()
            && continues_statement(text.get(end..).unwrap_or_default())
            && let Some(last) = lines.last_mut()
        {
            last.push(';');
        }
        let lines: Vec<String> = lines.iter().map(|line| format!("{line}{}", edits.style.eol)).collect();
        (end, format!("{lead}{}", lines.concat()))
    } else {
        let ended = text.get(..place.end).is_some_and(|text| text.ends_with(';'));
        let calls: Vec<String> = calls.iter().map(|call| format!(" {app}.use({call});")).collect();
        (place.end, format!("{}{}", if ended { "" } else { ";" }, calls.concat()))
    };
    edits.push(at..at, added, reason.to_owned());
}

/// Adds a call of `use` before a statement: on a line of its own, or on its line if that began earlier.
fn add_before(it: &Wiring, call: &str, reason: &str, edits: &mut FileEdits<'_>, emitted: &mut Emitted) {
    let text = &edits.file.text;
    let Some(place) = &it.place else { return emitted.findings.push(no_place(it, &[call.to_owned()])) };
    let start = line_start(text, place.start);
    let head = text.get(start..place.start).unwrap_or_default();
    let app = &it.app;
    let (at, added) = if head.trim().is_empty() {
        let next = continues_statement(text.get(place.start..).unwrap_or_default());
        let semicolon = if next { ";" } else { edits.style.semicolon() };
        (start, format!("{head}{app}.use({call}){semicolon}{}", edits.style.eol))
    } else {
        (place.start, format!("{app}.use({call}); "))
    };
    edits.push(at..at, added, reason.to_owned());
}

/// A step of the app's own, for the reader of the plan.
fn own_step(it: &Wiring) -> Option<String> {
    let what = match it.kind {
        WiringKind::BodyParser => "body parser",
        WiringKind::Middleware => "the app's own middleware",
        _ => return None,
    };
    Some(format!("{what} ({}:{})", it.file, it.line))
}

fn no_place(it: &Wiring, calls: &[String]) -> Diagnostic {
    Diagnostic::new("DW3016", format!("there is no place for `{}` behind this", calls.join("`, `")))
        .at(place(it))
        .help("put this in a function with braces, on a line of its own, and plan again")
}

fn place(it: &Wiring) -> Location {
    Location { file: it.file.clone(), line: it.line, column: 1 }
}
