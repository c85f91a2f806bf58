//! A first policy for an API that has none.
//!
//! Nothing is opened because it looks open: a route becomes `public` only when the answer to a question says so.
//! Without an answer it is `signed-in`, so a proposal never widens access.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::inventory::{App, Route};
use crate::path::{PathTemplate, Segment};

/// Something detection left open. Stable id, evidence, and a default that is never wider than `signed-in`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Stable: `public-routes`, `admin-role`, `authorized-parties`, `cors-origins`.
    pub id: String,
    /// The question, as a sentence.
    pub text: String,
    /// Why it is asked: what was seen.
    pub evidence: Vec<String>,
    /// What may be answered; empty: free text.
    pub choices: Vec<String>,
    /// What is taken without an answer.
    pub default: Vec<String>,
}

/// Answers by question id; several values for lists.
pub type Answers = BTreeMap<String, Vec<String>>;

/// A proposed policy and what had to be asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The text of `doorward.toml`.
    pub text: String,
    /// The questions, answered or not.
    pub questions: Vec<Question>,
}

/// Where front ends run during development.
const DEFAULT_PARTY: &str = "http://localhost:5173";

/// Paths that are often meant for everyone. Only a reason to ask.
const PUBLIC_WORDS: &[&str] = &[
    "health",
    "healthz",
    "livez",
    "readyz",
    "ready",
    "ping",
    "status",
    "version",
    "metrics",
    "docs",
    "openapi.json",
    "favicon.ico",
    "robots.txt",
    "products",
    "categories",
    "catalog",
    "catalogue",
    "pricing",
    "public",
];
const ADMIN_WORDS: &[&str] = &["admin", "internal", "backoffice", "management", "superuser"];
const ORG_PARAMS: &[(&str, &str)] = &[
    ("orgId", "org_id"),
    ("org_id", "org_id"),
    ("organizationId", "org_id"),
    ("organization_id", "org_id"),
    ("orgSlug", "org_slug"),
    ("org_slug", "org_slug"),
];

/// What to propose a policy for.
#[derive(Debug, Clone, Copy)]
pub struct Proposed<'a> {
    /// The app.
    pub app: &'a App,
    /// The command that starts it, if that is known.
    pub start: Option<&'a str>,
}

/// Proposes a policy for the apps of a tree.
#[must_use]
pub fn propose(apps: &[Proposed<'_>], answers: &Answers) -> Proposal {
    let shared = apps.len() > 1;
    let all = || apps.iter().flat_map(|it| it.app.routes.iter().map(|route| (it.app, route)));
    let mut questions = Vec::new();
    if all().any(|(_, route)| is_for_anyone(route)) {
        let public_looking = || all().filter(|(_, route)| looks_public(route));
        // Whatever a stranger could want to read may be named; what looks like it comes first.
        let may_be_public = all().filter(|(_, route)| is_for_anyone(route) && !looks_public(route));
        questions.push(Question {
            id: "public-routes".into(),
            text: "Which of these routes may be called by anyone?".into(),
            evidence: public_looking()
                .map(|(app, route)| format!("{} ({}:{})", choice(app, route, shared), route.file, route.line))
                .collect(),
            choices: public_looking().chain(may_be_public).map(|(app, route)| choice(app, route, shared)).collect(),
            default: Vec::new(),
        });
    }
    let admins: BTreeSet<PathTemplate> = apps.iter().flat_map(|it| admin_prefixes(&it.app.routes)).collect();
    if !admins.is_empty() {
        questions.push(Question {
            id: "admin-role".into(),
            text: "Which organization role may call the administration routes?".into(),
            evidence: admins.iter().map(ToString::to_string).collect(),
            choices: Vec::new(),
            default: vec!["org:admin".into()],
        });
    }
    questions.push(Question {
        id: "authorized-parties".into(),
        text: "From which origins do your users sign in? Their tokens carry it as `azp`.".into(),
        evidence: vec!["without a list, a token of any sibling site is accepted".into()],
        choices: Vec::new(),
        default: vec![DEFAULT_PARTY.into()],
    });
    questions.push(Question {
        id: "cors-origins".into(),
        text: "Which browser origins call this API directly?".into(),
        evidence: vec!["without CORS, browsers of other origins can't call; answer `none` if none ever should".into()],
        choices: Vec::new(),
        default: answers.get("authorized-parties").cloned().unwrap_or_else(|| vec![DEFAULT_PARTY.into()]),
    });
    let mut text = head(apps, &questions, answers);
    for it in apps {
        text.push_str(&rules(it.app, shared, &questions, answers));
    }
    Proposal { text, questions }
}

/// How a route is named in an answer: with its app where there are several.
fn choice(app: &App, route: &Route, shared: bool) -> String {
    if shared { format!("{}: {}", app.name, route.id) } else { route.id.to_string() }
}

fn answer<'a>(questions: &'a [Question], answers: &'a Answers, id: &str) -> &'a [String] {
    answers
        .get(id)
        .or_else(|| questions.iter().find(|question| question.id == id).map(|question| &question.default))
        .map_or(&[], Vec::as_slice)
}

/// Everything before the rules.
fn head(apps: &[Proposed<'_>], questions: &[Question], answers: &Answers) -> String {
    let parties = answer(questions, answers, "authorized-parties");
    let origins = match answer(questions, answers, "cors-origins") {
        [one] if one == "none" => &[],
        given => given,
    };
    let mut out = String::from(
        "# Who may call this API. A route that no rule names is closed, and `doorward check` reports it.\n\
         version = 1\ndefault = \"deny\"\n\n",
    );
    for Proposed { app, start } in apps {
        let start = start.map_or_else(
            || "# start = \"node server.js\"   # what `doorward verify --start` runs".to_owned(),
            |start| format!("start = {}   # what `doorward verify --start` runs", quoted(start)),
        );
        let has_health = app.routes.iter().any(|route| route.id.to_string() == "GET /health");
        // Writing to a String can't fail.
        let _ = write!(
            out,
            "[app.{}]\nroot = {}\nframework = {}\nstrategy = \"sdk\"\n{start}\n{}health = \"/health\"\n\n",
            key(&app.name),
            quoted(&app.root),
            quoted(&app.framework),
            if has_health { "" } else { "# " },
        );
    }
    let _ = write!(
        out,
        "# Names of environment variables, never values.\n[clerk]\n\
         publishable_key_env = \"CLERK_PUBLISHABLE_KEY\"\nsecret_key_env = \"CLERK_SECRET_KEY\"\njwt_key_env = \"CLERK_JWT_KEY\"\n\
         authorized_parties = {}\ncarriers = [\"bearer\"]\n\n[cors]\norigins = {}\ncredentials = false\n",
        list(parties),
        list(origins),
    );
    out
}

/// The rules for one app. `shared`: there are others, so each rule says which app it is for.
fn rules(app: &App, shared: bool, questions: &[Question], answers: &Answers) -> String {
    let mut out = String::new();
    let admins = &admin_prefixes(&app.routes);
    let rule = if shared { format!("[[rule]]\napp = {}", quoted(&app.name)) } else { "[[rule]]".to_owned() };
    let confirmed: BTreeSet<&str> = answer(questions, answers, "public-routes").iter().map(String::as_str).collect();
    let role = answer(questions, answers, "admin-role").first().map_or("org:admin", String::as_str);

    let mut exact: Vec<&Route> = Vec::new();
    let mut public: BTreeMap<PathTemplate, Vec<String>> = BTreeMap::new();
    for route in &app.routes {
        let id = route.id.to_string();
        if is_webhook(route) {
            let variable = if id.to_lowercase().contains("clerk") || !id.to_lowercase().contains("stripe") {
                "CLERK_WEBHOOK_SIGNING_SECRET"
            } else {
                // Another sender signs by other rules; only a person knows which.
                continue;
            };
            let _ = write!(
                out,
                "\n{rule}\nroutes = [{}]\naccess = \"webhook\"\nsecret_env = \"{variable}\"\n",
                quoted(&id)
            );
            exact.push(route);
        } else if confirmed.contains(choice(app, route, shared).as_str()) {
            public.entry(first_literal(&route.path)).or_default().push(quoted(&id));
            exact.push(route);
        }
    }
    for ids in public.values() {
        let _ = write!(
            out,
            "\n{rule}\nroutes = [{}]\naccess = \"public\"\nreason = \"confirmed when the policy was made; say why here\"\n",
            ids.join(", ")
        );
    }
    for (param, claim) in ORG_PARAMS {
        let routes: Vec<&Route> = app
            .routes
            .iter()
            .filter(|route| {
                route.path.params().any(|name| name == *param) && !exact.iter().any(|done| done.id == route.id)
            })
            .collect();
        if routes.is_empty() {
            continue;
        }
        let ids: Vec<String> = routes.iter().map(|route| format!("  {},\n", quoted(&route.id.to_string()))).collect();
        let access = if routes.iter().any(|route| admins.iter().any(|admin| route.path.starts_with(admin))) {
            format!("{{ role = {} }}", quoted(role))
        } else {
            "\"signed-in\"".into()
        };
        let _ = write!(
            out,
            "\n# The caller's organization must be the one in the path.\n{rule}\nroutes = [\n{}]\naccess = {access}\nbind = {{ \"param:{param}\" = \"{claim}\" }}\n",
            ids.concat()
        );
        exact.extend(routes);
    }
    let left = |route: &&Route| !exact.iter().any(|done| done.id == route.id);
    for prefix in admins {
        if app.routes.iter().filter(left).any(|route| route.path.starts_with(prefix)) {
            let _ = write!(
                out,
                "\n{rule}\nprefix = {}\naccess = {{ role = {} }}\nhide = true\n",
                quoted(&prefix.to_string()),
                quoted(role)
            );
        }
    }
    let rest: Vec<&Route> = app
        .routes
        .iter()
        .filter(left)
        .filter(|route| !admins.iter().any(|admin| route.path.starts_with(admin)))
        .collect();
    let prefixes: BTreeSet<PathTemplate> = rest.iter().map(|route| first_literal(&route.path)).collect();
    for prefix in prefixes {
        if prefix.segments().is_empty() {
            // A rule for the root would take every future route with it, so these are named one by one.
            let ids: BTreeSet<String> = rest
                .iter()
                .filter(|route| first_literal(&route.path) == prefix)
                .map(|route| quoted(&route.id.to_string()))
                .collect();
            let _ = write!(
                out,
                "\n{rule}\nroutes = [{}]\naccess = \"signed-in\"\n",
                ids.into_iter().collect::<Vec<_>>().join(", ")
            );
        } else {
            let _ = write!(out, "\n{rule}\nprefix = {}\naccess = \"signed-in\"\n", quoted(&prefix.to_string()));
        }
    }
    out
}

/// Leading `api` and version segments say nothing about who may call.
fn is_neutral(text: &str) -> bool {
    matches!(text, "api" | "rest")
        || text.strip_prefix('v').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

fn literals(path: &PathTemplate) -> impl Iterator<Item = &str> {
    path.segments().iter().filter_map(|segment| match segment {
        Segment::Literal(text) => Some(text.as_str()),
        _ => None,
    })
}

fn first_literal(path: &PathTemplate) -> PathTemplate {
    let mut taken = Vec::new();
    for segment in path.segments() {
        let Segment::Literal(text) = segment else {
            return PathTemplate::from_segments(if taken.iter().all(neutral) { Vec::new() } else { taken });
        };
        taken.push(segment.clone());
        if !is_neutral(text) {
            return PathTemplate::from_segments(taken);
        }
    }
    PathTemplate::from_segments(Vec::new())
}

fn neutral(segment: &Segment) -> bool {
    matches!(segment, Segment::Literal(text) if is_neutral(text))
}

fn is_one_of(text: &str, words: &[&str]) -> bool {
    words.contains(&text.to_ascii_lowercase().as_str())
}

/// Reads that are neither administration nor one organization's own.
fn is_for_anyone(route: &Route) -> bool {
    matches!(route.method.as_str(), "GET" | "HEAD")
        && !literals(&route.path).any(|text| is_one_of(text, ADMIN_WORDS))
        && !route.path.params().any(|name| ORG_PARAMS.iter().any(|(param, _)| *param == name))
}

fn looks_public(route: &Route) -> bool {
    let subject = literals(&route.path).find(|text| !is_neutral(text));
    is_for_anyone(route)
        && match subject {
            Some(text) => is_one_of(text, PUBLIC_WORDS),
            None => route.params.is_empty(),
        }
}

fn is_webhook(route: &Route) -> bool {
    matches!(route.method.as_str(), "POST" | "ALL")
        && literals(&route.path)
            .any(|text| matches!(text.to_ascii_lowercase().as_str(), "webhook" | "webhooks" | "hooks" | "svix"))
}

fn admin_prefixes(routes: &[Route]) -> Vec<PathTemplate> {
    let mut found = BTreeSet::new();
    for route in routes {
        let at = route.path.segments().iter().position(|segment| matches!(segment, Segment::Literal(text) if ADMIN_WORDS.contains(&text.to_ascii_lowercase().as_str())));
        if let Some(at) = at {
            found.insert(PathTemplate::from_segments(route.path.segments().iter().take(at + 1).cloned().collect()));
        }
    }
    let all: Vec<PathTemplate> = found.into_iter().collect();
    all.iter().filter(|path| !all.iter().any(|other| other != *path && path.starts_with(other))).cloned().collect()
}

/// A basic string of TOML. Whatever a reader could not see, or could take for something else, is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii_graphic() || c == ' ' || (c.is_alphanumeric() && !c.is_control()) => out.push(c),
            c => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

fn key(text: &str) -> String {
    let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { text.to_owned() } else { quoted(text) }
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}
