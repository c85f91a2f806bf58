//! One operation.

use doorward::inventory::{GuardState, Route};
use doorward::path::Segment;
use doorward::policy::Access;
use doorward::shape::Within;
use serde_json::{Map, Value, json};

use super::paths::Placed;
use super::schema::Names;
use super::{BEARER, Used, WEBHOOK};
use crate::text::visible;

/// Headers that OpenAPI describes elsewhere, and ignores as parameters.
static OWN_HEADERS: &[&str] = &["accept", "content-type", "authorization"];

pub(super) struct Operation<'a> {
    pub(super) route: &'a Route,
    /// In lower case; one of several for a route of every method.
    pub(super) method: &'a str,
    pub(super) path: &'a Placed,
    pub(super) names: &'a Names,
}

impl Operation<'_> {
    pub(super) fn write(&self, used: &mut Used) -> Value {
        let route = self.route;
        let mut operation = Map::new();
        let mut put = |key: &str, value: Value| operation.insert(key.to_owned(), value);
        put("operationId", json!(self.id(used)));
        if let Some(summary) = &route.shape.summary {
            put("summary", json!(visible(summary)));
        }
        let tags = self.tags();
        if !tags.is_empty() {
            used.tags.extend(tags.iter().cloned());
            put("tags", json!(tags));
        }
        let parameters = self.parameters();
        if !parameters.is_empty() {
            put("parameters", Value::Array(parameters));
        }
        // What a body means here is not defined, and tools refuse it.
        let takes_body = !matches!(self.method, "get" | "head" | "delete" | "trace");
        if let Some(body) = route.shape.body.as_ref().filter(|_| takes_body) {
            let content = json!({ media(&body.media_type): { "schema": self.names.fit(&body.schema) } });
            put("requestBody", json!({ "required": body.required, "content": content }));
        }
        let (security, asks) = self.security(used);
        put("responses", self.responses(asks, used));
        put("security", security);
        if route.method.is_all() {
            put("x-doorward-method", json!("ALL"));
        }
        put("x-doorward-source", json!(route.file));
        let by: Vec<&str> = route.guard.by.iter().map(|it| it.name.as_str()).collect();
        put("x-doorward-guard", json!({ "state": route.guard.state, "by": by }));
        Value::Object(operation)
    }

    /// `getOrgsByOrgIdInvoices`: made of the method and the path, so that it stays what it is when code moves.
    fn id(&self, used: &mut Used) -> String {
        let mut id = self.method.to_owned();
        for segment in self.route.path.segments() {
            let (by, text) = match segment {
                Segment::Literal(text) => ("", text.clone()),
                Segment::CatchAll(name) => ("Rest", name.clone()),
                other => ("By", other.params().collect::<Vec<_>>().join("-")),
            };
            id.push_str(by);
            let mut upper = true;
            for c in text.chars() {
                if !c.is_ascii_alphanumeric() {
                    upper = true;
                    continue;
                }
                id.push(if upper { c.to_ascii_uppercase() } else { c });
                upper = false;
            }
        }
        let mut free = id.clone();
        let mut at = 2;
        while !used.operation_ids.insert(free.clone()) {
            free = format!("{id}_{at}");
            at += 1;
        }
        free
    }

    /// The declared ones; or the first part of the path that is not there for the sake of versions.
    fn tags(&self) -> Vec<String> {
        if !self.route.shape.tags.is_empty() {
            let mut tags = self.route.shape.tags.clone();
            tags.sort();
            tags.dedup();
            return tags;
        }
        let is_version =
            |text: &str| text.strip_prefix('v').is_some_and(|it| it.chars().all(|c| c.is_ascii_digit() || c == '.'));
        let first = self.route.path.segments().iter().find_map(|segment| match segment {
            Segment::Literal(text) if text != "api" && !is_version(text) => Some(text.clone()),
            _ => None,
        });
        first.into_iter().collect()
    }

    fn parameters(&self) -> Vec<Value> {
        let shape = &self.route.shape;
        let mut all: Vec<Value> = Vec::new();
        for (name, own) in self.path.names.iter().zip(&self.path.own) {
            let declared = shape.parameter(Within::Path, own).map(|it| self.names.fit(&it.schema));
            let mut parameter = json!({
                "name": name, "in": "path", "required": true,
                "schema": declared.unwrap_or_else(|| json!({ "type": "string" })),
            });
            if let (true, Some(parameter)) = (self.path.catch_all.as_ref() == Some(name), parameter.as_object_mut()) {
                parameter.insert("x-doorward-catch-all".to_owned(), json!(true));
                parameter.insert("description".to_owned(), json!("Takes any number of segments, slashes and all."));
            }
            all.push(parameter);
        }
        let mut seen: Vec<(Within, &str)> = Vec::new();
        for it in &shape.parameters {
            let is_own =
                it.within == Within::Header && OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(&it.name));
            // A hole that the path does not have is not sent.
            if it.within == Within::Path || is_own || it.name.is_empty() || seen.contains(&(it.within, &it.name)) {
                continue;
            }
            seen.push((it.within, &it.name));
            all.push(json!({
                "name": it.name, "in": it.within, "required": it.required, "schema": self.names.fit(&it.schema),
            }));
        }
        all
    }

    /// What a caller has to bring, and what the guards ask for where that is known.
    fn security(&self, used: &mut Used) -> (Value, Asks) {
        let guard = &self.route.guard;
        let asks: Vec<&Access> = guard.by.iter().filter_map(|it| it.asks.as_ref()).map(|it| &it.access).collect();
        let known = !asks.is_empty() && asks.len() == guard.by.len();
        if guard.state != GuardState::Open && known && asks.iter().all(|it| **it == Access::Webhook) {
            used.webhook = true;
            return (json!([{ WEBHOOK: [] }]), Asks::Unknown);
        }
        let is_public = asks.iter().all(|it| matches!(it, Access::Public));
        let is_optional = asks.iter().all(|it| matches!(it, Access::Public | Access::Optional));
        match guard.state {
            GuardState::Open => (json!([]), Asks::Nothing),
            _ if known && is_public => (json!([]), Asks::Nothing),
            GuardState::Unsure => {
                used.bearer = true;
                (json!([{}, { BEARER: [] }]), Asks::Nothing)
            }
            GuardState::Guarded if known && is_optional => {
                used.bearer = true;
                (json!([{}, { BEARER: [] }]), Asks::Identity)
            }
            GuardState::Guarded => {
                used.bearer = true;
                let signed_in =
                    asks.iter().all(|it| matches!(it, Access::SignedIn | Access::Optional | Access::Public));
                let bound = guard.by.iter().filter_map(|it| it.asks.as_ref()).any(|it| !it.bind.is_empty());
                let asks = match (known, signed_in && !bound) {
                    (false, _) => Asks::Unknown,
                    (true, true) => Asks::Identity,
                    (true, false) => Asks::More,
                };
                (json!([{ BEARER: [] }]), asks)
            }
        }
    }

    fn responses(&self, asks: Asks, used: &mut Used) -> Value {
        let mut all: Map<String, Value> = Map::new();
        for it in &self.route.shape.responses {
            let Some(status) = status(&it.status) else { continue };
            let entry = all.entry(status.clone()).or_insert_with(|| json!({ "description": reason(&status) }));
            if let (Some(media_type), Some(entry)) = (&it.media_type, entry.as_object_mut()) {
                let content = entry.entry("content").or_insert_with(|| json!({}));
                let mut body = Map::new();
                body.extend(it.schema.as_ref().map(|schema| ("schema".to_owned(), self.names.fit(schema))));
                if let Some(content) = content.as_object_mut() {
                    content.insert(media(media_type), Value::Object(body));
                }
            }
        }
        if all.is_empty() {
            all.insert(
                "default".to_owned(),
                json!({ "description": "What the handler answers; the source does not declare it." }),
            );
        }
        let refer = |name: &str| json!({ "$ref": format!("#/components/responses/{name}") });
        match asks {
            Asks::Nothing => {}
            Asks::Unknown => {
                // How a guard that is not ours answers is its own affair.
                all.entry("401").or_insert_with(|| json!({ "description": "No identity, or a bad one." }));
            }
            Asks::Identity | Asks::More => {
                if !all.contains_key("401") {
                    used.unauthenticated = true;
                    all.insert("401".to_owned(), refer("Unauthenticated"));
                }
                if asks == Asks::More && !all.contains_key("403") {
                    used.forbidden = true;
                    all.insert("403".to_owned(), refer("Forbidden"));
                }
            }
        }
        Value::Object(all)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Nothing,
    /// Something, but not what.
    Unknown,
    /// A signed-in caller.
    Identity,
    /// A role, a permission, a tenant.
    More,
}

/// A media type as a key; what is none accepts everything.
fn media(text: &str) -> String {
    let is_one = text.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty());
    if is_one { text.to_owned() } else { "*/*".to_owned() }
}

/// `200`, `4XX` or `default`.
fn status(text: &str) -> Option<String> {
    let text = text.to_ascii_uppercase();
    if text == "DEFAULT" {
        return Some("default".to_owned());
    }
    let mut chars = text.chars();
    let is_class = matches!(chars.next(), Some('1'..='5'));
    let rest = chars.as_str();
    let is_status = rest == "XX" || (rest.len() == 2 && rest.chars().all(|c| c.is_ascii_digit()));
    (is_class && is_status).then_some(text)
}

fn reason(status: &str) -> &'static str {
    match status {
        "200" => "OK",
        "201" => "Created",
        "202" => "Accepted",
        "204" => "No content",
        "400" => "The request is malformed",
        "401" => "No identity, or a bad one",
        "403" => "The wrong identity",
        "404" => "Not found",
        "409" => "Conflict",
        "422" => "The request does not fit its schema",
        "default" => "Any other answer",
        status if status.starts_with('2') => "Success",
        status if status.starts_with('3') => "Redirection",
        status if status.starts_with('4') => "The request was refused",
        _ => "The server failed",
    }
}
