//! The part of YAML that package managers write: one key or item on a line, nested by indentation.
//!
//! Lock files are written by machines and have one shape. Reading only that shape needs no anchors, no aliases and no
//! recursion, which is where YAML is dangerous.

/// One line: how far it is indented, its key, and what follows on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) indent: usize,
    pub(super) key: &'a str,
    pub(super) value: &'a str,
}

/// Every `key: value` and `key:` of a text. Quotes are taken off both.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().filter_map(|line| {
        let body = line.trim_start_matches(' ');
        let (key, rest) = key(body)?;
        Some(Line { indent: line.len() - body.len(), key, value: unquote(rest.trim()) })
    })
}

fn key(body: &str) -> Option<(&str, &str)> {
    if body.is_empty() || body.starts_with(['#', '-']) {
        return None;
    }
    if let Some(quote @ ('"' | '\'')) = body.chars().next() {
        let inner = body.get(1..)?;
        let end = inner.find(quote)?;
        return Some((inner.get(..end)?, inner.get(end + 1..)?.trim_start().strip_prefix(':')?));
    }
    // A colon within a key, as in `npm:1.0.0`, is not followed by a blank.
    match body.find(": ") {
        Some(at) => Some((body.get(..at)?, body.get(at + 1..)?)),
        None => Some((body.trim_end().strip_suffix(':')?, "")),
    }
}

/// A scalar without its quotes.
pub(super) fn unquote(text: &str) -> &str {
    ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(text)
}
