//! Fastify's path syntax, that of its router `find-my-way`, as path templates.

use doorward::path::{PathTemplate, Piece, Segment};

/// What a path means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Paths {
    /// The templates; two where the last parameter is optional.
    pub(super) templates: Vec<PathTemplate>,
    /// The templates say more, or less, than the path.
    pub(super) approximate: bool,
}

/// Why a path has no template.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PathProblem {
    /// Control characters.
    Control,
    /// Fastify refuses it, or it is beyond what templates can say.
    Unsupported,
}

/// Reads a path with its prefix.
pub(super) fn parse(path: &str) -> Result<Paths, PathProblem> {
    if path.chars().any(char::is_control) {
        return Err(PathProblem::Control);
    }
    let mut paths = Paths::default();
    // An optional parameter is the last one.
    let whole = path.strip_suffix('/').unwrap_or(path);
    if let Some(full) = whole.strip_suffix('?')
        && let Some((head, name)) = full.rsplit_once("/:")
        && !name.contains(['(', ')', '/'])
    {
        paths.templates.push(template(head, &mut paths.approximate)?);
        paths.templates.push(template(full, &mut paths.approximate)?);
        return Ok(paths);
    }
    paths.templates.push(template(path, &mut paths.approximate)?);
    Ok(paths)
}

fn template(path: &str, approximate: &mut bool) -> Result<PathTemplate, PathProblem> {
    let letters: Vec<char> = path.chars().collect();
    let mut segments = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        if letters.get(at) == Some(&'/') {
            at += 1;
            continue;
        }
        let (segment, after) = segment(&letters, at, approximate)?;
        segments.push(segment);
        at = after;
    }
    Ok(PathTemplate::from_segments(segments))
}

/// One segment, and where it ends.
fn segment(letters: &[char], start: usize, approximate: &mut bool) -> Result<(Segment, usize), PathProblem> {
    let mut at = start;
    let mut pieces: Vec<Piece> = Vec::new();
    let mut text = String::new();
    while let Some(letter) = letters.get(at).copied().filter(|it| *it != '/') {
        match letter {
            ':' if letters.get(at + 1) == Some(&':') => {
                text.push(':');
                at += 2;
            }
            ':' => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                at += 1;
                let mut name = String::new();
                while let Some(letter) = letters.get(at).filter(|it| !matches!(it, '/' | '-' | '.' | '(')) {
                    name.push(*letter);
                    at += 1;
                }
                if letters.get(at) == Some(&'(') {
                    at = group_end(letters, at).ok_or(PathProblem::Unsupported)?;
                }
                if name.is_empty() || name.contains(['?', '{', '}', '*', ':']) {
                    return Err(PathProblem::Unsupported);
                }
                pieces.push(Piece::Value(name));
            }
            '*' if at + 1 == letters.len() => {
                if pieces.is_empty() && text.is_empty() {
                    return Ok((Segment::CatchAll("path".to_owned()), at + 1));
                }
                // `/file*` also takes slashes, which no template can say.
                *approximate = true;
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Value("path".to_owned()));
                at += 1;
            }
            '*' | '{' | '}' => return Err(PathProblem::Unsupported),
            other => {
                text.push(other);
                at += 1;
            }
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok((of_pieces(pieces), at))
}

fn of_pieces(pieces: Vec<Piece>) -> Segment {
    let text = |it: Option<&Piece>| match it {
        Some(Piece::Text(text)) => text.clone(),
        _ => String::new(),
    };
    match pieces.as_slice() {
        [] => Segment::Literal(String::new()),
        [Piece::Text(text)] => Segment::Literal(text.clone()),
        [Piece::Value(name)]
        | [Piece::Text(_), Piece::Value(name)]
        | [Piece::Value(name), Piece::Text(_)]
        | [Piece::Text(_), Piece::Value(name), Piece::Text(_)] => {
            Segment::Param { prefix: text(pieces.first()), name: name.clone(), suffix: text(pieces.last()) }
        }
        _ => Segment::Mixed(pieces),
    }
}

/// Where the group that starts at `at` is over.
fn group_end(letters: &[char], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = at;
    while let Some(letter) = letters.get(at) {
        match letter {
            '\\' => at += 1,
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at + 1),
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: &[&str]) {
        let got = parse(path).map(|it| it.templates.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(got, Ok(expected.iter().map(|it| (*it).to_owned()).collect()), "{path}");
    }

    #[test]
    fn paths_of_find_my_way() {
        check("", &["/"]);
        check("/", &["/"]);
        check("/users/:id", &["/users/{id}"]);
        check("/users/:id/", &["/users/{id}"]);
        check("/users/:id?", &["/users", "/users/{id}"]);
        check("/users/:id(^\\d+$)", &["/users/{id}"]);
        check("/users/:id(^(a|b)$)/x", &["/users/{id}/x"]);
        check("/flights/:from-:to", &["/flights/{from}-{to}"]);
        check("/at/:hour(^\\d{2}$)h:minute(^\\d{2}$)m", &["/at/{hour}h{minute}m"]);
        check("/files/:name.png", &["/files/{name}.png"]);
        check("/static/*", &["/static/{*path}"]);
        check("*", &["/{*path}"]);
        check("/name::verb", &["/name:verb"]);
        assert!(parse("/api*").is_ok_and(|it| it.approximate));
    }

    #[test]
    fn what_has_no_template_is_told() {
        assert_eq!(parse("/a\u{1b}b"), Err(PathProblem::Control));
        assert_eq!(parse("/a/*/b"), Err(PathProblem::Unsupported));
        assert_eq!(parse("/a/:id(\\d+"), Err(PathProblem::Unsupported));
    }
}
