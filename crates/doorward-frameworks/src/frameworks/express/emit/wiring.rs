//! The attach points: CORS first, then the raw body of webhooks, then Clerk, and the error handler last.

use std::collections::BTreeMap;

use doorward::diagnostic::{Diagnostic, Location};
use doorward::policy::Policy;

use super::imports::whole_lines;
use super::{FileEdits, PACKAGE, REPLACED, can_answer, file_edits};
use crate::edit::{indentation, line_end};
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
        Root { create, steps, policy, webhooks }.emit(edits, emitted);
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
        let lines: Vec<String> = first.iter().map(|call| self.line(call, edits)).collect();
        if !lines.is_empty() {
            let at = line_end(&edits.file.text, after.statement.end);
            let lead =
                if edits.file.text.get(..at).is_some_and(|text| text.ends_with('\n')) { "" } else { edits.style.eol };
            let reason =
                "CORS answers before authentication, and Clerk reads the bearer token before any route".to_owned();
            edits.push(at..at, format!("{lead}{}", lines.concat()), reason);
        }
        self.raw_bodies(edits);
        self.errors(edits);
        self.describe(emitted);
    }

    /// A statement on a line of its own, indented like the one that makes the application.
    fn line(&self, call: &str, edits: &FileEdits<'_>) -> String {
        let indent = indentation(&edits.file.text, self.create.statement.start);
        format!("{indent}{}.use({call}){}{}", self.create.app, edits.style.semicolon(), edits.style.eol)
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
                let lines = whole_lines(&edits.file.text, &it.statement);
                edits.push(lines, String::new(), "CORS moves before everything that can answer".to_owned());
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
                let lines = whole_lines(&edits.file.text, &it.statement);
                edits.push(lines, String::new(), "Clerk is attached once, before every route".to_owned());
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
            let lines = whole_lines(&edits.file.text, &it.statement);
            edits.push(lines, String::new(), format!("`{callee}()` is deprecated; routes carry their own guards"));
        }
        if !attached {
            let (middleware, options) = (edits.sdk("clerkMiddleware"), edits.runtime("clerkOptions"));
            first.push(format!("{middleware}({options})"));
        }
    }

    fn raw_bodies(&self, edits: &mut FileEdits<'_>) {
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
            let line = self.line(&call, edits);
            let at = crate::edit::line_start(&edits.file.text, parser.statement.start);
            edits.push(at..at, line, format!("the signature of `{path}` covers the bytes as they came"));
        }
    }

    fn errors(&self, edits: &mut FileEdits<'_>) {
        if !self.of(&WiringKind::ErrorHandler(true)).is_empty() {
            return;
        }
        let last_route =
            self.steps.iter().rfind(|it| !matches!(it.kind, WiringKind::End | WiringKind::ErrorHandler(_)));
        let Some(last_route) = last_route else { return };
        let name = edits.runtime("authErrors");
        let line = self.line(&name, edits);
        let reason = "errors of authentication are answered as JSON, without a stack".to_owned();
        let handler = self
            .of(&WiringKind::ErrorHandler(false))
            .into_iter()
            .find(|it| it.statement.start > last_route.statement.start);
        match handler {
            Some(handler) => {
                let at = crate::edit::line_start(&edits.file.text, handler.statement.start);
                edits.push(at..at, line, reason);
            }
            None => {
                let at = line_end(&edits.file.text, last_route.statement.end);
                let lead = if edits.file.text.get(..at).is_some_and(|text| text.ends_with('\n')) {
                    ""
                } else {
                    edits.style.eol
                };
                edits.push(at..at, format!("{lead}{line}"), reason);
            }
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
        for it in &self.steps {
            let what = match it.kind {
                WiringKind::BodyParser => "body parser",
                WiringKind::Middleware => "the app's own middleware",
                _ => continue,
            };
            order.push(format!("{what} ({}:{})", it.file, it.line));
        }
        order.push("guard(…) at the route: 401, 403 or 404, 503 when keys can't be had".to_owned());
        order.push("the handler, with caller(req)".to_owned());
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

fn place(it: &Wiring) -> Location {
    Location { file: it.file.clone(), line: it.line, column: 1 }
}
