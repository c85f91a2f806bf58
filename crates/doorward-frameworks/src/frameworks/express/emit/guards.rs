//! A guard at every route.

use std::collections::BTreeMap;

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{App, GuardState, Route, RouteId};
use doorward::path::Segment;
use doorward::policy::{Access, Bind, BindSource, Rule};

use super::imports::whole_lines;
use super::{FileEdits, PACKAGE, REPLACED, file_edits};
use crate::edit::Style;
use crate::model::{AppSource, Handler, HandlerKind, Site};
use crate::plan::Emitted;

/// What stands at a route: who may call, what is bound, and whether a refusal hides the resource.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish<'a> {
    access: &'a Access,
    bind: &'a [Bind],
    hide: bool,
}

/// A route that no rule names is closed to strangers.
const UNDECIDED: Wish<'static> = Wish { access: &Access::SignedIn, bind: &[], hide: false };

fn wish<'a>(rule: Option<&'a Rule>) -> Wish<'a> {
    rule.map_or(UNDECIDED, |rule| Wish { access: &rule.access, bind: &rule.bind, hide: rule.hide })
}

pub(super) fn emit<'a>(
    source: &'a AppSource,
    rules: &BTreeMap<&RouteId, Option<&Rule>>,
    files: &mut BTreeMap<&'a str, FileEdits<'a>>,
    emitted: &mut Emitted,
) {
    for site in &source.sites {
        let mut wishes = site.routes.iter().map(|id| (id, wish(rules.get(id).copied().flatten())));
        let Some((first, wanted)) = wishes.next() else {
            if let Some(edits) = file_edits(files, source, &site.file) {
                clear_mount(site, edits);
            }
            continue;
        };
        if let Some((other, _)) = wishes.find(|(_, other)| *other != wanted) {
            emitted.findings.push(
                Diagnostic::new(
                    "DW3001",
                    format!("one line registers `{first}` and `{other}`, and the policy wants different guards"),
                )
                .at(Location { file: site.file.clone(), line: site.line, column: 1 })
                .help("give both routes the same rule, or register them apart"),
            );
            continue;
        }
        if let Some(edits) = file_edits(files, source, &site.file) {
            edit_site(site, first, &wanted, edits);
        }
    }
}

/// What a Clerk guard gets in the way of: senders that have no session, and guards of the project's own.
pub(super) fn neighbours(app: &App, rules: &BTreeMap<&RouteId, Option<&Rule>>, emitted: &mut Emitted) {
    let mut own: BTreeMap<(&str, u32, &str), Vec<&Route>> = BTreeMap::new();
    for route in &app.routes {
        let wish = wish(rules.get(&route.id).copied().flatten());
        if !wish.access.needs_session() {
            continue;
        }
        if is_hook(route) {
            emitted.findings.push(
                Diagnostic::new(
                    "DW3018",
                    format!("`{}` looks like a webhook, and its sender can't bring a Clerk session", route.id),
                )
                .at(route.location())
                .help("if Clerk sends it, give it the access `webhook`; if someone else does, make it public with a reason, and verify the sender's own signature in the handler"),
            );
        } else if route.guard.state == GuardState::Guarded {
            let seen = route.guard.by.iter().filter(|it| it.asks.is_none());
            for it in seen.filter(|it| it.origin != "doorward" && !it.origin.starts_with("@clerk/")) {
                own.entry((&it.file, it.line, &it.name)).or_default().push(route);
            }
        }
    }
    for ((file, line, name), routes) in own {
        let Some(first) = routes.first() else { continue };
        let rest = match routes.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        emitted.findings.push(
            Diagnostic::new(
                "DW3019",
                format!("`{name}` stays next to the Clerk guard of `{}` ({}:{}){rest}", first.id, first.file, first.line),
            )
            .at(Location { file: file.to_owned(), line, column: 1 })
            .help("take it away if Clerk replaces it; if these callers have no Clerk session, make the route public with a reason"),
        );
    }
}

/// Whether a route's path and method are those of a webhook.
fn is_hook(route: &Route) -> bool {
    let is_word = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("webhook") || text == "hook" || text == "hooks"
    };
    (route.method.is_all() || route.method.as_str() == "POST")
        && route.path.segments().iter().any(|it| matches!(it, Segment::Literal(text) if is_word(text)))
}

/// A `use(…)` that mounts something behind a deprecated guard: the routes behind it carry their own guards now.
fn clear_mount(site: &Site, edits: &mut FileEdits<'_>) {
    let deprecated: Vec<&Handler> =
        site.handlers.iter().filter(|handler| handler.kind == HandlerKind::Deprecated).collect();
    for handler in &deprecated {
        forget(handler, edits);
    }
    if deprecated.len() == site.handlers.len() && !deprecated.is_empty() {
        let lines = whole_lines(&edits.file.text, &site.call);
        edits.push(lines, String::new(), "a deprecated guard; routes carry their own".to_owned());
    } else {
        for handler in deprecated {
            remove(site, handler, edits, "a deprecated guard; routes carry their own".to_owned());
        }
    }
}

/// The name of a handler that goes may have been its import's only use.
fn forget(handler: &Handler, edits: &mut FileEdits<'_>) {
    let text = edits.file.text.get(handler.span.clone()).unwrap_or_default();
    let name = text.split('(').next().unwrap_or_default().trim().to_owned();
    edits.maybe_unused.extend(REPLACED.iter().copied().chain([PACKAGE.0]).map(|package| (name.clone(), package)));
}

fn edit_site(site: &Site, id: &RouteId, wanted: &Wish<'_>, edits: &mut FileEdits<'_>) {
    let of_kind = |kind| site.handlers.iter().filter(move |handler| handler.kind == kind);
    let ours = of_kind(HandlerKind::Doorward).next();
    let deprecated: Vec<&Handler> = of_kind(HandlerKind::Deprecated).collect();
    let is_open = *wanted.access == Access::Public;

    for handler in &deprecated {
        forget(handler, edits);
    }
    match (ours, deprecated.as_slice()) {
        (Some(handler), _) if is_open => remove(site, handler, edits, format!("`{id}` is public")),
        (None, rest) if is_open => {
            for handler in rest {
                remove(site, handler, edits, format!("`{id}` is public"));
            }
        }
        (Some(handler), _) => {
            let current = edits.file.text.get(handler.span.clone()).unwrap_or_default();
            let name = current.split('(').next().unwrap_or("guard").to_owned();
            let call = render(wanted, &name, edits.style);
            if squeeze(current) != squeeze(&call) {
                edits.push(handler.span.clone(), call, format!("`{id}`: {}", describe(wanted)));
            }
        }
        (None, [first, rest @ ..]) => {
            let name = edits.runtime("guard");
            let call = render(wanted, &name, edits.style);
            edits.push(
                first.span.clone(),
                call,
                format!("`{id}`: {} in place of a deprecated guard", describe(wanted)),
            );
            for handler in rest {
                remove(site, handler, edits, format!("`{id}` has one guard"));
            }
        }
        (None, []) => {
            let Some(first) = site.handlers.first() else { return };
            let name = edits.runtime("guard");
            let call = render(wanted, &name, edits.style);
            let separator = separator(site, first, edits);
            edits.push(
                first.span.start..first.span.start,
                format!("{call},{separator}"),
                format!("`{id}`: {}", describe(wanted)),
            );
        }
    }
}

/// A guard stands where its handler stands: on the same line, or on a line of its own if the handler has one.
fn separator(site: &Site, first: &Handler, edits: &FileEdits<'_>) -> String {
    let text = &edits.file.text;
    let before = text.get(site.call.start..first.span.start).unwrap_or_default();
    let own_line = before.rsplit_once('\n').is_some_and(|(_, line)| line.trim().is_empty());
    if own_line {
        format!("{}{}", edits.style.eol, crate::edit::indentation(text, first.span.start))
    } else {
        " ".to_owned()
    }
}

fn remove(site: &Site, handler: &Handler, edits: &mut FileEdits<'_>, reason: String) {
    let next = site.handlers.iter().map(|other| other.span.start).filter(|start| *start >= handler.span.end).min();
    let range = match next {
        Some(next) => handler.span.start..next,
        None => handler.span.clone(),
    };
    edits.push(range, String::new(), reason);
}

fn describe(wish: &Wish<'_>) -> String {
    let mut text = wish.access.to_string();
    for bind in wish.bind {
        text.push_str(&format!(", {} = {}", bind.source, bind.claim));
    }
    if wish.hide {
        text.push_str(", hidden");
    }
    text
}

/// Text without what formatters change.
fn squeeze(text: &str) -> String {
    text.replace('"', "'")
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .replace(",}", "}")
        .replace(",]", "]")
        .replace(",)", ")")
}

fn render(wish: &Wish<'_>, name: &str, style: Style) -> String {
    let plain = wish.bind.is_empty() && !wish.hide;
    let keyword = match wish.access {
        Access::SignedIn if plain => Some("signed-in"),
        Access::Optional => Some("optional"),
        Access::Webhook => Some("webhook"),
        _ => None,
    };
    if let Some(keyword) = keyword {
        return format!("{name}({})", style.string(keyword));
    }
    let mut members = vec![condition(wish.access, style)];
    if !wish.bind.is_empty() {
        let binds: Vec<String> = wish
            .bind
            .iter()
            .map(|bind| {
                let BindSource::Param(param) = &bind.source else { return String::new() };
                format!("{}: {}", property(param, style), style.string(&bind.claim))
            })
            .collect();
        members.push(format!("bind: {{ {} }}", binds.join(", ")));
    }
    if wish.hide {
        members.push("hide: true".to_owned());
    }
    format!("{name}({{ {} }})", members.join(", "))
}

fn condition(access: &Access, style: Style) -> String {
    let list = |of: &[Access]| {
        of.iter().map(|access| format!("{{ {} }}", condition(access, style))).collect::<Vec<_>>().join(", ")
    };
    match access {
        Access::Role(role) => format!("role: {}", style.string(role)),
        Access::Permission(permission) => format!("permission: {}", style.string(permission)),
        Access::Feature(feature) => format!("feature: {}", style.string(feature)),
        Access::Plan(plan) => format!("plan: {}", style.string(plan)),
        Access::Any(of) => format!("any: [{}]", list(of)),
        Access::All(of) => format!("all: [{}]", list(of)),
        // Accesses without a condition of their own still need a caller.
        _ => "signedIn: true".to_owned(),
    }
}

fn property(name: &str, style: Style) -> String {
    let identifier = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if identifier && !name.is_empty() { name.to_owned() } else { style.string(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { eol: "\n", quote: '\'', semicolons: true };

    fn check(access: Access, bind: &[(&str, &str)], hide: bool, expected: &str) {
        let bind: Vec<Bind> = bind
            .iter()
            .map(|(param, claim)| Bind { source: BindSource::Param((*param).to_owned()), claim: (*claim).to_owned() })
            .collect();
        assert_eq!(render(&Wish { access: &access, bind: &bind, hide }, "guard", STYLE), expected);
    }

    #[test]
    fn every_access_has_one_spelling() {
        check(Access::SignedIn, &[], false, "guard('signed-in')");
        check(Access::Webhook, &[], false, "guard('webhook')");
        check(
            Access::SignedIn,
            &[("org-id", "org_id")],
            true,
            "guard({ signedIn: true, bind: { 'org-id': 'org_id' }, hide: true })",
        );
        check(Access::role("admin").unwrap(), &[], true, "guard({ role: 'org:admin', hide: true })");
        check(
            Access::any(vec![Access::role("a").unwrap(), Access::permission("b:c").unwrap()]).unwrap(),
            &[("orgId", "org_id")],
            false,
            "guard({ any: [{ role: 'org:a' }, { permission: 'org:b:c' }], bind: { orgId: 'org_id' } })",
        );
    }

    #[test]
    fn a_reformatted_guard_is_the_same_guard() {
        assert_eq!(squeeze("guard({\n  role: \"org:a\",\n})"), squeeze("guard({ role: 'org:a' })"));
        assert_ne!(squeeze("guard({ role: 'org:a' })"), squeeze("guard({ role: 'org:b' })"));
    }
}
