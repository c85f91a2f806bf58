//! One HTML file that needs nothing else: no script, no font, no network.
//!
//! The page's policy allows its own style sheet and nothing more, so that text that slipped through the escaping could
//! still load and run nothing. Styles are classes of that sheet, never attributes.

mod surface;

use std::collections::BTreeMap;

use base64::Engine as _;
use doorward::diagnostic::{Diagnostic, code};
use doorward::inventory::{App, GuardState, Route, StepKind};
use sha2::{Digest as _, Sha256};

use crate::survey::{Counts, Group, Survey, UNREAD, groups, places, same, unsure_by};
use crate::text::{count, line_of, visible};
use crate::type_text;

/// Some servers run hundreds of middleware; nobody reads them all, for every route.
const MOST_STEPS: usize = 30;

static STYLE: &str = include_str!("style.css");

/// Text as the content of an element, or as the value of a quoted attribute.
fn esc(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A sentence of ours, with the user's words in backticks as code.
fn prose(text: &str) -> String {
    let parts: Vec<String> = visible(text).split('`').map(str::to_owned).collect();
    // An odd one is no pair.
    let pairs = parts.len() - usize::from(parts.len().is_multiple_of(2));
    let mut safe = String::new();
    for (at, part) in parts.iter().enumerate() {
        match at {
            at if at >= pairs => safe.push_str(&format!("`{}", esc(part))),
            at if at % 2 == 1 => safe.push_str(&format!("<code>{}</code>", esc(part))),
            _ => safe.push_str(&esc(part)),
        }
    }
    safe
}

pub(crate) fn word(state: GuardState) -> &'static str {
    match state {
        GuardState::Open => "open",
        GuardState::Unsure => "unsure",
        GuardState::Guarded => "guarded",
    }
}

/// What discovery found, as a page. `source` gives the text of a file of the target, for the lines that findings point
/// at; `title` is what the target is called.
#[must_use]
pub fn html(survey: &Survey<'_>, title: &str, source: &dyn Fn(&str) -> Option<String>) -> String {
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    let title = esc(&format!("Endpoints of {title}"));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header class=\"top\">\n<h1>{title}</h1>\n\
         <p class=\"quiet\">Read from the source by doorward {version}; nothing was run. What is open may be meant to be.</p>\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    numbers(&mut page, survey);
    page.push_str("</header>\n<main>\n");
    surface::show(&mut page, survey);
    routes(&mut page, survey);
    let mut lines = Lines { source, files: BTreeMap::new() };
    let [unread, assumed] = survey.unresolved();
    let about =
        "Routes that are made in these places may be missing from the list: no reading of the source can know them.";
    diagnostics(&mut page, "Unread", about, "Everything could be read.", &unread, &mut lines);
    let about = "Nothing is missing from the list for these places, but look at what was assumed there.";
    diagnostics(&mut page, "Assumed", about, "Nothing was assumed.", &assumed, &mut lines);
    let found = survey.by_severity();
    diagnostics(&mut page, "Findings", "The worst come first.", "Nothing was noticed.", &found, &mut lines);
    page.push_str("</main>\n<footer>\n<p>Guarded: something known to refuse strangers runs before the handler. Open: nothing does. \
                   Unsure: something runs whose effect can't be read.</p>\n</footer>\n</body>\n</html>\n");
    page
}

fn numbers(page: &mut String, survey: &Survey<'_>) {
    let counts = survey.counts();
    let [unread, assumed] = survey.unresolved();
    let all = [
        ("open", counts.open, "open"),
        ("unsure", counts.unsure, "unsure"),
        ("guarded", counts.guarded, "guarded"),
        ("", unread.len(), UNREAD[0].0),
        ("", assumed.len(), UNREAD[1].0),
        ("", survey.findings.len(), if survey.findings.len() == 1 { "finding" } else { "findings" }),
    ];
    page.push_str("<ul class=\"numbers\">\n");
    for (class, number, noun) in all {
        page.push_str(&format!("<li class=\"{class}\"><strong>{number}</strong> {noun}</li>\n"));
    }
    page.push_str("</ul>\n");
}

fn routes(page: &mut String, survey: &Survey<'_>) {
    page.push_str("<h2 id=\"routes\">Routes</h2>\n<fieldset class=\"filter\"><legend>Show</legend>\n");
    for (id, label) in [("all", "all"), ("open", "open"), ("unsure", "unsure"), ("guarded", "guarded")] {
        let checked = if id == "all" { " checked" } else { "" };
        page.push_str(&format!(
            "<span><input type=\"radio\" name=\"show\" id=\"show-{id}\"{checked}><label for=\"show-{id}\"> {label}</label></span>\n"
        ));
    }
    page.push_str("</fieldset>\n");
    for app in &survey.inventory.apps {
        show_app(page, app, survey);
    }
}

fn show_app(page: &mut String, app: &App, survey: &Survey<'_>) {
    let version = app.version.as_deref().unwrap_or_default();
    let counts = Counts::of(&app.routes);
    page.push_str(&format!(
        "<section class=\"app\">\n<h3>{} <small>{} {} in <code>{}</code>: {}</small></h3>\n",
        esc(&app.name),
        esc(&app.framework),
        esc(version),
        esc(&app.root),
        count(counts.total(), "route"),
    ));
    if survey.only_open && counts.guarded > 0 {
        page.push_str(&format!("<p>The {} guarded are left out here.</p>\n", counts.guarded));
    }
    for mut group in groups(app) {
        group.routes.retain(|it| survey.lists(it));
        if !group.routes.is_empty() {
            show_group(page, &group);
        }
    }
    page.push_str("</section>\n");
}

fn show_group(page: &mut String, group: &Group<'_>) {
    let mounted = group.mounted_at.as_deref().map(|it| format!(", mounted at <code>{}</code>", esc(it)));
    page.push_str(&format!(
        "<section class=\"group\">\n<table>\n<caption><code>{}</code>{}</caption>\n<thead><tr><th scope=\"col\">Guard</th>\
         <th scope=\"col\">Method</th><th scope=\"col\">Path</th><th scope=\"col\">Guarded by</th><th scope=\"col\">Source</th></tr></thead>\n<tbody>\n",
        esc(group.file),
        mounted.unwrap_or_default(),
    ));
    group.routes.iter().for_each(|route| row(page, route));
    page.push_str("</tbody>\n</table>\n</section>\n");
}

fn row(page: &mut String, route: &Route) {
    let word = word(route.guard.state);
    let code = |name: &str| format!("<code>{}</code>", esc(name));
    let by = match route.guard.state {
        GuardState::Unsure => unsure_by(&route.guard.by, &code),
        GuardState::Guarded | GuardState::Open => {
            let mut names: Vec<String> = route.guard.by.iter().map(|it| code(&it.name)).collect();
            let mut told = std::collections::BTreeSet::new();
            names.retain(|it| told.insert(it.clone()));
            names.join(", ")
        }
    };
    let path = format!("<span class=\"path\">{}</span>", esc(&route.path.to_string()));
    let details = details(route);
    let path = if details.is_empty() { path } else { format!("<details><summary>{path}</summary>{details}</details>") };
    page.push_str(&format!(
        "<tr class=\"{word}\"><td class=\"state\"><span class=\"mark {word}\">{word}</span></td><td class=\"method\"><code>{}</code></td>\
         <td>{path}</td><td class=\"by\">{}</td><td class=\"source\"><code>{}:{}</code></td></tr>\n",
        esc(route.method.as_str()),
        by,
        // A long place is broken between folders, and not in its line's number.
        esc(&route.file).replace('/', "/<wbr>"),
        route.line,
    ));
}

/// How the route came to be, and what it takes and gives.
fn details(route: &Route) -> String {
    let mut text = String::new();
    if let Some(summary) = &route.shape.summary {
        text.push_str(&format!("<p>{}</p>", esc(summary)));
    }
    if !route.trace.is_empty() {
        text.push_str("<ol class=\"steps\">");
        for step in route.trace.iter().take(MOST_STEPS) {
            let kind = match step.kind {
                StepKind::App => "application",
                StepKind::Mount => "mount",
                StepKind::Prefix => "prefix",
                StepKind::Middleware => "middleware",
                StepKind::Route => "route",
                StepKind::Handler => "handler",
            };
            text.push_str(&format!(
                "<li>{kind} <code>{}</code> <small>{}:{}</small></li>",
                esc(&step.text),
                esc(&step.file),
                step.line
            ));
        }
        text.push_str("</ol>");
        if route.trace.len() > MOST_STEPS {
            text.push_str(&format!("<p>… and {} more</p>", route.trace.len() - MOST_STEPS));
        }
    }
    let mut shapes: Vec<(String, String)> = Vec::new();
    for it in &route.shape.parameters {
        let within = format!("{:?}", it.within).to_lowercase();
        shapes.push((format!("{within} {}", it.name), type_text(&it.schema)));
    }
    shapes.extend(route.shape.body.iter().map(|it| ("body".to_owned(), type_text(&it.schema))));
    shapes.extend(
        route
            .shape
            .responses
            .iter()
            .map(|it| (format!("answer {}", it.status), it.schema.as_ref().map(type_text).unwrap_or_default())),
    );
    if !shapes.is_empty() {
        text.push_str("<ul>");
        for (name, schema) in shapes {
            text.push_str(&format!("<li>{} <code>{}</code></li>", esc(&name), esc(&schema)));
        }
        text.push_str("</ul>");
    }
    text
}

/// Reads files once.
struct Lines<'a> {
    source: &'a dyn Fn(&str) -> Option<String>,
    files: BTreeMap<String, Option<String>>,
}

impl Lines<'_> {
    fn get(&mut self, file: &str, line: u32) -> Option<&str> {
        let text = self.files.entry(file.to_owned()).or_insert_with(|| (self.source)(file));
        line_of(text.as_deref()?, line)
    }
}

fn diagnostics(page: &mut String, title: &str, about: &str, none: &str, all: &[&Diagnostic], lines: &mut Lines<'_>) {
    page.push_str(&format!("<h2>{title}</h2>\n<p>{}</p>\n", if all.is_empty() { none } else { about }));
    let mut told = std::collections::BTreeSet::new();
    for group in same(all.iter().copied()) {
        let it = group.first;
        page.push_str(&format!(
            "<article class=\"{severity}\">\n<h3>{severity} {}: {}</h3>\n",
            esc(&it.code),
            prose(&it.message),
            severity = it.severity
        ));
        if let Some(location) = &it.location {
            page.push_str(&format!("<p><code>{}</code></p>\n", esc(&location.to_string())));
            if let Some(line) = lines.get(&location.file, location.line) {
                page.push_str(&format!("<pre>{}</pre>\n", esc(line)));
            }
        }
        if !group.others.is_empty() {
            let others: Vec<String> =
                places(&group.others).iter().map(|it| format!("<li><code>{}</code></li>", esc(it))).collect();
            page.push_str(&format!(
                "<details><summary>The same in {}</summary><ul>{}</ul></details>\n",
                count(group.others.len(), "more place"),
                others.concat()
            ));
        }
        if let Some(evidence) = &it.evidence {
            page.push_str(&format!("<p>Seen: {}</p>\n", prose(evidence)));
        }
        if let Some(help) = &it.help {
            page.push_str(&format!("<p>What to do: {}</p>\n", prose(help)));
        }
        // The story is told once.
        if told.insert(it.code.as_str())
            && let Some(code) = code(&it.code)
        {
            page.push_str(&format!(
                "<details><summary>Why it matters</summary><p>{}</p></details>\n",
                prose(code.story)
            ));
        }
        page.push_str("</article>\n");
    }
}
