//! Express's path syntax, versions 4 and 5, as path templates.

use doorward::path::{PathTemplate, Segment};

/// What a path pattern means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Paths {
    /// The templates; several where a part is optional.
    pub(crate) templates: Vec<PathTemplate>,
    /// The templates say more, or less, than the pattern.
    pub(crate) approximate: bool,
}

/// Why a pattern has no template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PathProblem {
    /// It does not start with a slash, so no request matches it.
    NeverMatches,
    /// Control characters.
    Control,
    /// Beyond what templates can say.
    Unsupported,
}

/// One piece of a pattern.
#[derive(Debug, Clone)]
enum Piece {
    Char(char),
    Param { name: String, many: bool },
    Optional(Vec<Piece>),
}

/// Reads a string pattern.
pub(crate) fn parse(pattern: &str, major: u32) -> Result<Paths, PathProblem> {
    if pattern.chars().any(char::is_control) {
        return Err(PathProblem::Control);
    }
    let pattern = match pattern {
        "" | "/" => return Ok(Paths { templates: vec![PathTemplate::root()], approximate: false }),
        // Express 4 takes a lone star for everything.
        star if star.starts_with('*') => format!("/{star}"),
        brace if brace.starts_with('{') || brace.starts_with('(') || brace.starts_with('/') => brace.to_owned(),
        _ => return Err(PathProblem::NeverMatches),
    };
    let chars: Vec<char> = pattern.chars().collect();
    let mut reader = Reader { chars: &chars, at: 0, major, stars: 0, approximate: false };
    let pieces = reader.pieces(None)?;
    let mut approximate = reader.approximate;
    let mut templates: Vec<PathTemplate> = Vec::new();
    for flat in expand(&pieces) {
        let (template, loose) = template(&flat).ok_or(PathProblem::Unsupported)?;
        approximate |= loose;
        if !templates.contains(&template) {
            templates.push(template);
        }
    }
    templates.sort_by_key(|it| it.segments().len());
    Ok(Paths { templates, approximate })
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    major: u32,
    stars: usize,
    approximate: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += 1;
        next
    }

    fn eat(&mut self, expected: char) -> bool {
        let hit = self.peek() == Some(expected);
        self.at += usize::from(hit);
        hit
    }

    fn name(&mut self) -> String {
        if self.major >= 5 && self.eat('"') {
            let mut name = String::new();
            while let Some(c) = self.next().filter(|c| *c != '"') {
                name.push(c);
            }
            return name;
        }
        let mut name = String::new();
        while let Some(c) = self.peek().filter(|c| c.is_alphanumeric() || *c == '_' || *c == '$') {
            name.push(c);
            self.at += 1;
        }
        name
    }

    fn pieces(&mut self, until: Option<char>) -> Result<Vec<Piece>, PathProblem> {
        let mut pieces: Vec<Piece> = Vec::new();
        loop {
            let Some(c) = self.next() else {
                return if until.is_none() { Ok(pieces) } else { Err(PathProblem::Unsupported) };
            };
            if Some(c) == until {
                return Ok(pieces);
            }
            match c {
                '\\' => pieces.extend(self.next().map(Piece::Char)),
                ':' => {
                    let name = self.name();
                    if name.is_empty() {
                        pieces.push(Piece::Char(':'));
                        continue;
                    }
                    if self.peek() == Some('(') {
                        self.at += 1;
                        self.skip_group()?;
                    }
                    let many = self.major < 5 && (self.eat('+') || self.eat('*'));
                    let param = Piece::Param { name, many };
                    if self.major < 5 && self.eat('?') {
                        // `/:id?` makes the slash before it optional too.
                        let slash = matches!(pieces.last(), Some(Piece::Char('/')));
                        let mut inner = Vec::new();
                        if slash && matches!(self.peek(), None | Some('/')) {
                            inner.extend(pieces.pop());
                        }
                        inner.push(param);
                        pieces.push(Piece::Optional(inner));
                    } else {
                        pieces.push(param);
                    }
                }
                '*' => {
                    let name = if self.major >= 5 { self.name() } else { String::new() };
                    self.stars += 1;
                    let name = match (name.is_empty(), self.stars) {
                        (false, _) => name,
                        (true, 1) => "path".to_owned(),
                        (true, more) => format!("path{more}"),
                    };
                    pieces.push(Piece::Param { name, many: true });
                }
                '{' if self.major >= 5 => {
                    let inner = self.pieces(Some('}'))?;
                    // `{*rest}` is a catch-all, and a catch-all may be empty.
                    match inner.as_slice() {
                        [Piece::Param { many: true, .. }] | [Piece::Char('/'), Piece::Param { many: true, .. }] => {
                            pieces.extend(inner);
                        }
                        _ => pieces.push(Piece::Optional(inner)),
                    }
                }
                '(' if self.major < 5 => {
                    let start = self.at;
                    let body = self.skip_group()?;
                    let optional = self.eat('?');
                    if body.chars().any(|c| matches!(c, '|' | '[' | '\\' | '.' | '+' | '*' | '(' | '^' | '?')) {
                        if body.contains('/') {
                            return Err(PathProblem::Unsupported);
                        }
                        self.stars += 1;
                        self.approximate = true;
                        pieces.push(Piece::Param { name: format!("match{}", self.stars), many: false });
                        continue;
                    }
                    let inside: Vec<char> =
                        self.chars.get(start..start + body.chars().count()).unwrap_or_default().to_vec();
                    let mut inner =
                        Reader { chars: &inside, at: 0, major: self.major, stars: self.stars, approximate: false };
                    let inner = inner.pieces(None)?;
                    if optional { pieces.push(Piece::Optional(inner)) } else { pieces.extend(inner) }
                }
                '?' if self.major < 5 => {
                    if let Some(last) = pieces.pop() {
                        pieces.push(Piece::Optional(vec![last]));
                    }
                }
                '+' if self.major < 5 => self.approximate = true,
                '(' | ')' | '[' | ']' | '?' | '+' | '!' | '{' | '}' => return Err(PathProblem::Unsupported),
                other => pieces.push(Piece::Char(other)),
            }
        }
    }

    /// Skips to the `)` that belongs to the `(` just read.
    fn skip_group(&mut self) -> Result<String, PathProblem> {
        let mut depth = 1;
        let mut body = String::new();
        while let Some(c) = self.next() {
            match c {
                '\\' => {
                    body.push(c);
                    body.extend(self.next());
                    continue;
                }
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(body);
            }
            body.push(c);
        }
        Err(PathProblem::Unsupported)
    }
}

/// Every combination of optional parts, up to a limit no real pattern reaches.
fn expand(pieces: &[Piece]) -> Vec<Vec<Piece>> {
    let mut all: Vec<Vec<Piece>> = vec![Vec::new()];
    for piece in pieces {
        match piece {
            Piece::Optional(inner) => {
                let mut with = Vec::new();
                for tail in expand(inner) {
                    with.extend(all.iter().map(|head| head.iter().chain(&tail).cloned().collect::<Vec<_>>()));
                }
                all.extend(with);
                all.truncate(64);
            }
            other => all.iter_mut().for_each(|it| it.push(other.clone())),
        }
    }
    all
}

/// Pieces without options as a template, and whether it is only near the truth.
fn template(pieces: &[Piece]) -> Option<(PathTemplate, bool)> {
    let mut segments = Vec::new();
    let mut approximate = false;
    let mut parts: Vec<Vec<&Piece>> = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Char('/') => parts.push(Vec::new()),
            other => match parts.last_mut() {
                Some(part) => part.push(other),
                None => parts.push(vec![other]),
            },
        }
    }
    parts.retain(|it| !it.is_empty());
    let last = parts.len();
    for (at, part) in parts.iter().enumerate() {
        let params: Vec<(&str, bool)> = part
            .iter()
            .filter_map(|it| match it {
                Piece::Param { name, many } => Some((name.as_str(), *many)),
                _ => None,
            })
            .collect();
        let text = |parts: &[&Piece]| {
            parts
                .iter()
                .filter_map(|it| match it {
                    Piece::Char(c) => Some(*c),
                    _ => None,
                })
                .collect::<String>()
        };
        let first = part.iter().position(|it| matches!(it, Piece::Param { .. })).unwrap_or(part.len());
        let after = part.iter().rposition(|it| matches!(it, Piece::Param { .. })).map_or(part.len(), |it| it + 1);
        let (prefix, suffix) = (text(part.get(..first)?), text(part.get(after..)?));
        if prefix.contains(['{', '}']) || suffix.contains(['{', '}']) {
            return None;
        }
        segments.push(match params.as_slice() {
            [] => Segment::Literal(prefix),
            [(name, true)] if prefix.is_empty() && suffix.is_empty() && at + 1 == last => {
                Segment::CatchAll((*name).to_owned())
            }
            [(name, many)] => {
                approximate |= *many;
                Segment::Param { prefix, name: (*name).to_owned(), suffix }
            }
            several => {
                approximate = true;
                let name = several.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("_");
                Segment::Param { prefix, name, suffix }
            }
        });
    }
    Some((PathTemplate::from_segments(segments), approximate))
}

/// Reads a regular expression, if it says no more than a template can.
pub(crate) fn parse_regex(source: &str) -> Result<Paths, PathProblem> {
    let body = source.strip_prefix('^').ok_or(PathProblem::Unsupported)?;
    let body = body.strip_suffix('$').unwrap_or(body);
    let body = body.strip_suffix("\\/?").unwrap_or(body);
    let mut segments: Vec<Vec<Piece>> = Vec::new();
    let mut chars = body.chars().peekable();
    let mut params = 0;
    let mut param = |name: Option<String>| {
        params += 1;
        Piece::Param { name: name.unwrap_or_else(|| format!("match{params}")), many: false }
    };
    while let Some(c) = chars.next() {
        let piece = match c {
            '\\' => match chars.next() {
                Some('/') => {
                    segments.push(Vec::new());
                    continue;
                }
                Some('d' | 'w') if matches!(chars.peek(), Some('+')) => {
                    chars.next();
                    param(None)
                }
                Some(c) if !c.is_alphanumeric() => Piece::Char(c),
                _ => return Err(PathProblem::Unsupported),
            },
            '/' => {
                segments.push(Vec::new());
                continue;
            }
            '(' => {
                let mut group = String::new();
                loop {
                    match chars.next() {
                        Some(')') => break,
                        Some('(') | None => return Err(PathProblem::Unsupported),
                        Some(c) => group.push(c),
                    }
                }
                if matches!(chars.peek(), Some('?' | '*' | '+')) || group.contains("\\/") || group.contains(".*") {
                    return Err(PathProblem::Unsupported);
                }
                let name = group.strip_prefix("?<").and_then(|it| it.split_once('>')).map(|(name, _)| name.to_owned());
                param(name)
            }
            '[' => {
                let class: String = chars.by_ref().take_while(|c| *c != ']').collect();
                if chars.next() != Some('+') || (class.contains('/') && !class.starts_with('^')) {
                    return Err(PathProblem::Unsupported);
                }
                param(None)
            }
            c if c.is_alphanumeric() || matches!(c, '-' | '_' | '~') => Piece::Char(c),
            _ => return Err(PathProblem::Unsupported),
        };
        if matches!(chars.peek(), Some('?' | '*' | '+' | '{')) {
            return Err(PathProblem::Unsupported);
        }
        segments.last_mut().ok_or(PathProblem::Unsupported)?.push(piece);
    }
    let pieces: Vec<Piece> =
        segments.into_iter().flat_map(|segment| std::iter::once(Piece::Char('/')).chain(segment)).collect();
    let (template, _) = template(&pieces).ok_or(PathProblem::Unsupported)?;
    Ok(Paths { templates: vec![template], approximate: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(major: u32, pattern: &str, expected: &[&str]) {
        let got = parse(pattern, major).map(|it| it.templates.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(got, Ok(expected.iter().map(|it| (*it).to_owned()).collect()), "{pattern} in Express {major}");
    }

    #[test]
    fn express_4_patterns() {
        check(4, "/", &["/"]);
        check(4, "/users/:id", &["/users/{id}"]);
        check(4, "/users/:id?", &["/users", "/users/{id}"]);
        check(4, "/users/:id(\\d+)", &["/users/{id}"]);
        check(4, "/files/*", &["/files/{*path}"]);
        check(4, "*", &["/{*path}"]);
        check(4, "/report/:name.json", &["/report/{name}.json"]);
        check(4, "/ab?cd", &["/acd", "/abcd"]);
        check(4, "/:from-:to", &["/{from_to}"]);
        check(4, "/docs(/:page)?", &["/docs", "/docs/{page}"]);
    }

    #[test]
    fn express_5_patterns() {
        check(5, "/*splat", &["/{*splat}"]);
        check(5, "/{*splat}", &["/{*splat}"]);
        check(5, "/api{/*splat}", &["/api/{*splat}"]);
        check(5, "/users{/:id}", &["/users", "/users/{id}"]);
        check(5, "/files/:name{.:ext}", &["/files/{name}", "/files/{name_ext}"]);
        check(5, "/a\\:b", &["/a:b"]);
    }

    #[test]
    fn what_never_matches_or_has_no_template_is_told() {
        assert_eq!(parse("users", 4), Err(PathProblem::NeverMatches));
        assert_eq!(parse("/a\u{1b}b", 4), Err(PathProblem::Control));
        assert_eq!(parse("/a(b|c/d)", 4), Err(PathProblem::Unsupported));
        assert_eq!(parse("/a{", 5), Err(PathProblem::Unsupported));
    }

    #[test]
    fn simple_regular_expressions_become_templates() {
        let of = |text| parse_regex(text).map(|it| it.templates.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of("^\\/users\\/(\\d+)$"), Ok(vec!["/users/{match1}".to_owned()]));
        assert_eq!(of("^\\/users\\/(?<id>[0-9]+)\\/?$"), Ok(vec!["/users/{id}".to_owned()]));
        assert_eq!(of(".*fly$"), Err(PathProblem::Unsupported));
    }
}
