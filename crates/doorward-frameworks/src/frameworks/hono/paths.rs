//! Hono's path syntax, as path templates.

use doorward::path::{PathTemplate, Segment};

/// What a pattern means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Paths {
    /// The templates; several where a part is optional.
    pub(super) templates: Vec<PathTemplate>,
    /// A star at the end also stands for nothing.
    pub(super) star: bool,
}

/// Reads a pattern; parts of it were joined with slashes. `None`: it holds control characters.
pub(super) fn parse(pattern: &str) -> Option<Paths> {
    if pattern.chars().any(char::is_control) {
        return None;
    }
    let parts = split(pattern);
    let last = parts.len();
    let mut all: Vec<Vec<Segment>> = vec![Vec::new()];
    let mut star = false;
    for (at, part) in parts.iter().enumerate() {
        let is_last = at + 1 == last;
        let (segment, optional) = segment(part, is_last, at);
        star |= is_last && part == "*";
        if optional {
            let without = all.clone();
            all.iter_mut().for_each(|it| it.push(segment.clone()));
            all.splice(0..0, without);
            all.truncate(64);
        } else {
            all.iter_mut().for_each(|it| it.push(segment.clone()));
        }
    }
    let mut templates: Vec<PathTemplate> = Vec::new();
    for template in all.into_iter().map(PathTemplate::from_segments) {
        if !templates.contains(&template) {
            templates.push(template);
        }
    }
    Some(Paths { templates, star })
}

/// The parts between slashes; those of a pattern in braces don't count.
fn split(pattern: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0usize;
    for c in pattern.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.retain(|it| !it.is_empty());
    parts
}

/// One segment, and whether it may be left out.
fn segment(part: &str, is_last: bool, at: usize) -> (Segment, bool) {
    let value = |name: String| Segment::Param { prefix: String::new(), name, suffix: String::new() };
    if part == "*" {
        return if is_last {
            (Segment::CatchAll("path".to_owned()), false)
        } else {
            (value(format!("match{}", at + 1)), false)
        };
    }
    let Some(rest) = part.strip_prefix(':') else { return (Segment::Literal(part.to_owned()), false) };
    let (rest, optional) = rest.strip_suffix('?').map_or((rest, false), |it| (it, true));
    let (name, pattern) = rest.split_once('{').map_or((rest, None), |(name, pattern)| (name, Some(pattern)));
    let name: String = name.chars().filter(|it| !matches!(it, '{' | '}')).collect();
    // `:path{.+}` takes slashes too.
    let many = pattern.is_some_and(|it| it.starts_with(".+") || it.starts_with(".*"));
    if many && is_last { (Segment::CatchAll(name), optional) } else { (value(name), optional) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &[&str]) {
        let got: Vec<String> = parse(pattern).unwrap().templates.iter().map(ToString::to_string).collect();
        assert_eq!(got, expected, "{pattern}");
    }

    #[test]
    fn patterns_become_templates() {
        check("/", &["/"]);
        check("users/:id", &["/users/{id}"]);
        check("/users/:id{[0-9]+}/", &["/users/{id}"]);
        check("/animals/:kind?", &["/animals", "/animals/{kind}"]);
        check("/files/*", &["/files/{*path}"]);
        check("/wild/*/card", &["/wild/{match2}/card"]);
        check("/docs/:path{.+\\.md}", &["/docs/{*path}"]);
        check("/:date{[0-9]{4}/[0-9]+}", &["/{date}"]);
        assert_eq!(parse("/a\n"), None);
    }
}
