//! Finding a route by what a person types.

use crate::inventory::{App, Inventory, Route};
use crate::path::{PathTemplate, Segment};

/// What a text names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookup<'a> {
    /// The routes it names. Several where it is not one route's id: a path without a method, or one in several apps.
    pub routes: Vec<(&'a App, &'a Route)>,
    /// If it names none: the ids that are nearest to it, the nearest first.
    pub near: Vec<String>,
}

/// How many near misses are worth showing.
const NEAR: usize = 5;
/// Comparing is quadratic; nobody types longer paths, and what is compared is bounded.
const LONGEST: usize = 120;
const MOST_COMPARED: usize = 4_000;

/// The routes that `text` names: `GET /orders/{id}`, `/orders/:id`, `GET /orders/42` or a whole URL.
///
/// The closest reading wins: the template itself, then the template whatever its parameters are called, then a path
/// that a request may have.
///
/// ```
/// use doorward::inventory::{App, Inventory, Route};
/// use doorward::lookup::lookup;
///
/// let mut app = App::new("shop", ".", "express");
/// app.routes.push(Route::new("GET /orders/{id}".parse().unwrap(), "app.js", 1));
/// let inventory = Inventory { apps: vec![app], ..Inventory::default() };
/// assert_eq!(lookup(&inventory, "/orders/:order").routes.len(), 1);
/// assert_eq!(lookup(&inventory, "GET http://localhost:3000/orders/42?page=2").routes.len(), 1);
/// assert_eq!(lookup(&inventory, "POST /orders/{id}").near, ["GET /orders/{id}"]);
/// ```
#[must_use]
pub fn lookup<'a>(inventory: &'a Inventory, text: &str) -> Lookup<'a> {
    let (method, path) = parts(text);
    let all = || inventory.apps.iter().flat_map(|app| app.routes.iter().map(move |route| (app, route)));
    let Ok(wanted) = path.parse::<PathTemplate>() else { return Lookup::default() };
    let concrete: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let readings: [&dyn Fn(&PathTemplate) -> bool; 3] =
        [&|it| *it == wanted, &|it| it.segments().len() == wanted.segments().len() && it.starts_with(&wanted), &|it| {
            takes(it, &concrete)
        }];
    for reading in readings {
        let on_path: Vec<_> = all().filter(|(_, route)| reading(&route.path)).collect();
        let fits = |route: &Route| method.as_deref().is_none_or(|it| route.method.as_str() == it);
        let exact: Vec<_> = on_path.iter().copied().filter(|(_, route)| fits(route)).collect();
        if !exact.is_empty() {
            return Lookup { routes: exact, near: Vec::new() };
        }
        // A route for every method takes this one too.
        let every: Vec<_> = on_path.iter().copied().filter(|(_, route)| route.method.is_all()).collect();
        if !every.is_empty() {
            return Lookup { routes: every, near: Vec::new() };
        }
        if !on_path.is_empty() {
            let ids: std::collections::BTreeSet<String> = on_path.iter().map(|(_, it)| it.id.to_string()).collect();
            let near = ids.into_iter().take(NEAR).collect();
            return Lookup { routes: Vec::new(), near };
        }
    }
    Lookup { routes: Vec::new(), near: near(all().map(|(_, route)| route), &method.unwrap_or_default(), &path) }
}

/// The method, if there is one, and the path as a template is written.
fn parts(text: &str) -> (Option<String>, String) {
    let text = text.trim();
    let (method, target) = match text.split_once(char::is_whitespace) {
        Some((method, target)) => (Some(method.to_ascii_uppercase()), target.trim()),
        None => (None, text),
    };
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or_else(|| "/".to_owned(), |(_, path)| format!("/{path}")),
        None => target.to_owned(),
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    (method, path.split('/').map(segment).collect::<Vec<_>>().join("/"))
}

/// `:id`, `<id>` and `[id]` are `{id}` in other frameworks.
fn segment(part: &str) -> String {
    let inside = |open: &str, close: &str| part.strip_prefix(open).and_then(|it| it.strip_suffix(close));
    if let Some(rest) = inside("[[...", "]]").or_else(|| inside("[...", "]")) {
        return format!("{{*{rest}}}");
    }
    let name = part.strip_prefix(':').or_else(|| inside("<", ">")).or_else(|| inside("[", "]"));
    match name.map(|it| it.rsplit(':').next().unwrap_or(it)) {
        Some(name) if !name.is_empty() => format!("{{{name}}}"),
        _ => part.to_owned(),
    }
}

/// Whether a request for these segments can be for this template.
fn takes(template: &PathTemplate, parts: &[&str]) -> bool {
    let segments = template.segments();
    for (at, segment) in segments.iter().enumerate() {
        match (segment, parts.get(at)) {
            (Segment::CatchAll(_), _) => return true,
            (segment, Some(part)) if segment.matches(part) => {}
            _ => return false,
        }
    }
    segments.len() == parts.len()
}

/// The word that was probably meant by `wanted`, if one is near.
///
/// ```
/// assert_eq!(doorward::lookup::nearest("nextjs", ["nestjs", "next"].into_iter()), Some("next"));
/// assert_eq!(doorward::lookup::nearest("rails", ["nest", "next"].into_iter()), None);
/// ```
#[must_use]
pub fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let letters = |text: &str| {
        let text: String = text.to_lowercase().chars().filter(|it| it.is_alphanumeric()).take(LONGEST).collect();
        // `next.js`, `nextjs` and `next` are one name to whoever types it.
        text.strip_suffix("js").unwrap_or(&text).chars().collect()
    };
    let wanted: Vec<char> = letters(wanted);
    let all = known.map(|it| (distance(&wanted, &letters(it)), it));
    all.filter(|(distance, it)| *distance <= 2 && *distance < it.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, it)| it)
}

fn near<'a>(routes: impl Iterator<Item = &'a Route>, method: &str, path: &str) -> Vec<String> {
    let wanted: Vec<char> = path.chars().take(LONGEST).collect();
    let mut all: Vec<(usize, bool, String)> = routes
        .take(MOST_COMPARED)
        .map(|route| {
            let path: Vec<char> = route.path.to_string().chars().take(LONGEST).collect();
            (distance(&wanted, &path), route.method.as_str() != method, route.id.to_string())
        })
        .filter(|(distance, ..)| *distance <= 2.max(wanted.len() / 3))
        .collect();
    all.sort();
    all.dedup();
    all.into_iter().take(NEAR).map(|(.., id)| id).collect()
}

/// How many characters have to be added, removed or replaced.
fn distance(one: &[char], two: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (at, a) in one.iter().enumerate() {
        let mut last = at + 1;
        let mut next = vec![last];
        for ((b, before), above) in two.iter().zip(&row).zip(row.iter().skip(1)) {
            last = (before + usize::from(a != b)).min(above + 1).min(last + 1);
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or(one.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, routes: &[&str], near: &[&str]) {
        let mut one = App::new("one", "one", "express");
        let ids = ["GET /orders", "POST /orders", "GET /orders/new", "GET /orders/{id}", "ALL /files/{*path}"];
        one.routes = ids.map(|id| Route::new(id.parse().unwrap(), "a.js", 1)).to_vec();
        let mut two = App::new("two", "two", "express");
        two.routes = vec![Route::new("GET /orders".parse().unwrap(), "b.js", 1)];
        let inventory = Inventory { apps: vec![one, two], ..Inventory::default() };
        let found = lookup(&inventory, text);
        let ids: Vec<String> = found.routes.iter().map(|(app, route)| format!("{} {}", app.name, route.id)).collect();
        assert_eq!((ids, found.near), (own(routes), own(near)), "{text}");
    }

    fn own(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn the_closest_reading_wins() {
        check("POST /orders", &["one POST /orders"], &[]);
        check("get orders/", &["one GET /orders", "two GET /orders"], &[]);
        check("/orders", &["one GET /orders", "one POST /orders", "two GET /orders"], &[]);
        check("/orders/new", &["one GET /orders/new"], &[]);
        check("/orders/:other", &["one GET /orders/{id}"], &[]);
        check("/orders/42?x=1", &["one GET /orders/{id}"], &[]);
        check("DELETE https://a.example/files/a/b", &["one ALL /files/{*path}"], &[]);
    }

    #[test]
    fn near_misses_are_named() {
        check("DELETE /orders", &[], &["GET /orders", "POST /orders"]);
        check("GET /ordesr", &[], &["GET /orders", "POST /orders"]);
        check("GET /something/else", &[], &[]);
        check("GET /{", &[], &[]);
        check("", &[], &[]);
    }
}
