//! SARIF 2.1.0, for code scanning.

use std::collections::{BTreeMap, HashMap};

use doorward::diagnostic::{Code, Diagnostic, Severity, code};
use doorward::inventory::{App, GuardState, Route};
use doorward::secret;
use serde_json::{Value, json};

use crate::survey::{Survey, UNREAD, unsure_by};
use crate::text::visible;

/// What tells a result from others, from one run to the next.
const ROUTE: &str = "doorwardRoute/v1";
const FINDING: &str = "doorwardFinding/v1";

/// The rules for routes that strangers reach, and for those that strangers may reach.
const OPEN: &str = "DW2360";
const UNSURE: &str = "DW2361";

/// What discovery found, as a log: open and unsure routes, findings, and what is unresolved, each at its place.
#[must_use]
pub fn sarif(survey: &Survey<'_>) -> String {
    let mut log = Log::default();
    let several = survey.inventory.apps.len() > 1;
    for app in &survey.inventory.apps {
        app.routes.iter().for_each(|route| log.route(app, route, several));
    }
    survey.by_severity().into_iter().for_each(|it| log.diagnostic(it, None));
    for ((_, means), all) in UNREAD.iter().zip(survey.unresolved()) {
        all.into_iter().for_each(|it| log.diagnostic(it, Some(means)));
    }
    log.tell_apart();
    let rules: Vec<Value> = log.rules.values().map(|(_, rule)| rule.clone()).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "doorward",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "informationUri": env!("CARGO_PKG_REPOSITORY"),
                    "rules": sorted(&log.rules, rules),
                },
            },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "SRCROOT": { "description": { "text": "The folder that was read." } } },
            "results": log.results,
        }],
    });
    secret::redact(&format!("{document:#}")) + "\n"
}

/// In the order of the indices that the results name.
fn sorted(by_id: &BTreeMap<String, (usize, Value)>, rules: Vec<Value>) -> Vec<Value> {
    let mut all: Vec<(usize, Value)> = by_id.values().map(|(at, _)| *at).zip(rules).collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, rule)| rule).collect()
}

#[derive(Default)]
struct Log {
    /// By id: the index, and the rule.
    rules: BTreeMap<String, (usize, Value)>,
    results: Vec<Value>,
}

impl Log {
    fn rule(&mut self, id: &str) -> usize {
        let next = self.rules.len();
        self.rules.entry(id.to_owned()).or_insert_with(|| (next, rule(id, code(id)))).0
    }

    fn route(&mut self, app: &App, route: &Route, several: bool) {
        let (id, what) = match route.guard.state {
            GuardState::Guarded => return,
            GuardState::Open => {
                (OPEN, "is open: nothing that could refuse a stranger runs before its handler".to_owned())
            }
            GuardState::Unsure => {
                let by = unsure_by(&route.guard.by, &|name| format!("`{name}`"));
                (UNSURE, format!("may be open: whether strangers are refused is not known of {by}"))
            }
        };
        let of = if several { format!(" of `{}`", app.name) } else { String::new() };
        let level = level(code(id).map_or(Severity::Warning, |it| it.severity));
        let index = self.rule(id);
        self.results.push(json!({
            "ruleId": id,
            "ruleIndex": index,
            "level": level,
            "message": { "text": visible(&format!("`{}`{of} {what}", route.id)) },
            "locations": [location(&route.file, route.line, None)],
            // Lines move; the route and its file do not.
            "partialFingerprints": { ROUTE: format!("{} {} {} {}", app.name, app.root, route.id, route.file) },
        }));
    }

    /// `means` is what a place that could not be read in full means for the list of routes.
    fn diagnostic(&mut self, it: &Diagnostic, means: Option<&str>) {
        let index = self.rule(&it.code);
        let help = it.help.as_deref().map(|help| format!(". {help}")).unwrap_or_default();
        let means = means.map(|means| format!(" ({means})")).unwrap_or_default();
        let file = it.location.as_ref().map(|place| place.file.as_str()).unwrap_or_default();
        let mut result = json!({
            "ruleId": it.code,
            "ruleIndex": index,
            "level": level(it.severity),
            "message": { "text": visible(&format!("{}{means}{help}", it.message)) },
            "partialFingerprints": { FINDING: visible(&format!("{} {file} {}", it.code, it.message)) },
        });
        if let (Some(routes), Some(result)) = (it.routes, result.as_object_mut()) {
            result.insert("properties".to_owned(), json!({ "routes": routes }));
        }
        if let (Some(place), Some(result)) = (&it.location, result.as_object_mut()) {
            let place = location(&place.file, place.line, Some(place.column));
            result.insert("locations".to_owned(), json!([place]));
        }
        self.results.push(result);
    }

    /// Results that would have one fingerprint are numbered in the order in which they stand in their file.
    fn tell_apart(&mut self) {
        let mut met: HashMap<String, usize> = HashMap::new();
        for result in &mut self.results {
            let prints = result.get_mut("partialFingerprints").and_then(Value::as_object_mut);
            for (kind, print) in prints.into_iter().flatten() {
                let Value::String(text) = print else { continue };
                let number = met.entry(format!("{kind} {text}")).or_default();
                *number += 1;
                if *number > 1 {
                    text.push_str(&format!(" #{number}"));
                }
            }
        }
    }
}

fn rule(id: &str, code: Option<&Code>) -> Value {
    let Some(code) = code else { return json!({ "id": id }) };
    let security = match code.severity {
        Severity::Critical => "9.0",
        Severity::Error => "7.0",
        Severity::Warning => "5.0",
        Severity::Info => "2.0",
    };
    json!({
        "id": id,
        "shortDescription": { "text": code.title },
        "fullDescription": { "text": code.story },
        "help": { "text": code.story },
        "defaultConfiguration": { "level": level(code.severity) },
        "properties": { "tags": ["security", "authentication"], "security-severity": security },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// A place; line 0 is the whole file.
fn location(file: &str, line: u32, column: Option<u32>) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": uri(file), "uriBaseId": "SRCROOT" } });
    if let (true, Some(place)) = (line > 0, place.as_object_mut()) {
        let region = match column.filter(|it| *it > 0) {
            Some(column) => json!({ "startLine": line, "startColumn": column }),
            None => json!({ "startLine": line }),
        };
        place.insert("region".to_owned(), region);
    }
    json!({ "physicalLocation": place })
}

/// A relative reference: the path, with what a reference may not hold percent-encoded.
fn uri(file: &str) -> String {
    let mut uri = String::with_capacity(file.len());
    for byte in file.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
