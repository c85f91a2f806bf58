//! What the patterns of a URL configuration match, as parts of a path template.
//!
//! Routes with converters translate exactly. Regular expressions do where they are made of texts, named groups and
//! optional parts; otherwise the nearest template is given, and said not to be exact.

use doorward::inventory::RouteId;
use doorward::path::{PathTemplate, Piece, Segment};
use serde_json::{Value as Json, json};

/// More ways through a pattern than this are not listed one by one.
const MAX_WAYS: usize = 16;
const MAX_NESTING: usize = 50;

/// A piece of a path.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Text(String),
    /// A value; `many`: it may hold slashes.
    Value {
        name: String,
        many: bool,
    },
}

/// One way through a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Way {
    pub(super) parts: Vec<Part>,
    /// Whether the parts say all that the pattern says.
    pub(super) exact: bool,
    /// The schemas of its values, where the pattern tells.
    pub(super) schemas: Vec<(String, Json)>,
}

impl Way {
    pub(super) fn text(text: &str) -> Self {
        let parts = if text.is_empty() { Vec::new() } else { vec![Part::Text(text.to_owned())] };
        Self { parts, exact: true, schemas: Vec::new() }
    }

    fn value(name: &str, many: bool, exact: bool) -> Self {
        Self { parts: vec![Part::Value { name: name.to_owned(), many }], exact, schemas: Vec::new() }
    }

    /// This way, and then `next`.
    pub(super) fn then(&self, next: &Self) -> Self {
        let mut all = self.clone();
        all.exact &= next.exact;
        all.schemas.extend(next.schemas.iter().cloned());
        for part in &next.parts {
            match (all.parts.last_mut(), part) {
                (Some(Part::Text(text)), Part::Text(more)) => text.push_str(more),
                _ => all.parts.push(part.clone()),
            }
        }
        all
    }

    /// How it looks in a trace.
    pub(super) fn shown(&self) -> String {
        let shown = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Value { name, many } => format!("{{{}{name}}}", if *many { "*" } else { "" }),
        };
        self.parts.iter().map(shown).collect()
    }
}

/// What a converter takes.
#[derive(Debug, Clone)]
pub(super) struct Converter {
    pub(super) many: bool,
    pub(super) schema: Json,
}

/// The converters that Django brings.
pub(super) fn converter(name: &str) -> Option<Converter> {
    let (many, schema) = match name {
        "int" => (false, json!({ "type": "integer", "minimum": 0 })),
        "slug" => (false, json!({ "type": "string", "pattern": "^[-a-zA-Z0-9_]+$" })),
        "uuid" => (false, json!({ "type": "string", "format": "uuid" })),
        "path" => (true, json!({ "type": "string" })),
        "str" => (false, json!({ "type": "string" })),
        _ => return None,
    };
    Some(Converter { many, schema })
}

/// Reads a route of `path(…)`: `users/<int:pk>/`.
pub(super) fn route(text: &str, find: &dyn Fn(&str) -> Option<Converter>) -> Way {
    let mut way = Way::text("");
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        let Some((inside, after)) = after.split_once('>') else { break };
        way = way.then(&Way::text(before));
        let (kind, name) = inside.split_once(':').unwrap_or(("str", inside));
        if kind.starts_with("drf_format_suffix") {
            way = way.then(&Way::text(".")).then(&Way::value(name, false, true));
        } else {
            let converter = find(kind).unwrap_or(Converter { many: false, schema: json!({ "type": "string" }) });
            way = way.then(&Way::value(name, converter.many, true));
            way.schemas.push((name.to_owned(), converter.schema));
        }
        rest = after;
    }
    way.then(&Way::text(rest))
}

/// Reads a regular expression. `endpoint`: a view answers, so what follows has to be matched, too.
pub(super) fn regex(text: &str, endpoint: bool) -> Vec<Way> {
    let mut reader =
        Reader { chars: text.chars().collect(), at: 0, depth: 0, anchored: false, named: text.contains("(?P<") };
    let read = reader.alternatives();
    let complete = reader.at >= reader.chars.len();
    let Some(ways) = read.filter(|it| complete && it.len() <= MAX_WAYS) else {
        return vec![Way::value("path", true, false)];
    };
    let ends = text.ends_with('$') || text.ends_with("\\Z");
    let starts = reader.anchored || ends || text.is_empty();
    let all = ways.into_iter().map(|mut way| {
        way.exact &= starts;
        if endpoint && !ends && !matches!(way.parts.last(), Some(Part::Value { many: true, .. })) {
            way = way.then(&Way::value("rest", true, true));
        }
        way
    });
    let mut different: Vec<Way> = Vec::new();
    for way in all {
        if !different.contains(&way) {
            different.push(way);
        }
    }
    different
}

/// Whether values of a converter with this regular expression may hold slashes.
pub(super) fn holds_slashes(text: &str) -> bool {
    let mut reader = Reader { chars: text.chars().collect(), at: 0, depth: 0, anchored: false, named: true };
    match reader.alternatives() {
        Some(ways) => ways.iter().flat_map(|it| &it.parts).any(|part| match part {
            Part::Text(text) => text.contains('/'),
            Part::Value { many, .. } => *many,
        }),
        None => true,
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    /// The expression starts with `^`.
    anchored: bool,
    /// Some groups have names, so the others give no values.
    named: bool,
}

enum Atom {
    Char(char),
    /// Any of a set of characters.
    Class {
        slash: bool,
    },
    Group(Vec<Way>),
    /// A dot that stands alone: people mean a dot.
    Any,
    Nothing {
        exact: bool,
    },
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let found = self.peek()?;
        self.at += 1;
        Some(found)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = text.chars().enumerate().all(|(at, it)| self.chars.get(self.at + at) == Some(&it));
        if found {
            self.at += text.chars().count();
        }
        found
    }

    /// `None`: it is not a regular expression, or one of a size nobody writes.
    fn alternatives(&mut self) -> Option<Vec<Way>> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return None;
        }
        let mut all = self.sequence()?;
        while self.eat("|") {
            all.extend(self.sequence()?);
            if all.len() > MAX_WAYS {
                return None;
            }
        }
        self.depth -= 1;
        Some(all)
    }

    fn sequence(&mut self) -> Option<Vec<Way>> {
        let mut ways = vec![Way::text("")];
        while let Some(next) = self.peek() {
            if next == '|' || next == ')' {
                break;
            }
            let atom = self.atom()?;
            let choices = self.quantified(atom)?;
            ways = ways.iter().flat_map(|way| choices.iter().map(|it| joined(way, it))).collect();
            if ways.len() > MAX_WAYS {
                return None;
            }
        }
        Some(ways)
    }

    fn atom(&mut self) -> Option<Atom> {
        Some(match self.next()? {
            '^' => {
                self.anchored |= self.at == 1 || self.depth <= 2;
                Atom::Nothing { exact: true }
            }
            '$' => Atom::Nothing { exact: true },
            '.' if !self.repeats() => Atom::Any,
            '.' => Atom::Class { slash: true },
            '[' => self.class()?,
            '(' => self.group()?,
            '\\' => match self.next()? {
                'd' | 'w' | 's' => Atom::Class { slash: false },
                'D' | 'W' | 'S' => Atom::Class { slash: true },
                'A' => {
                    self.anchored = true;
                    Atom::Nothing { exact: true }
                }
                'Z' | 'z' => Atom::Nothing { exact: true },
                'b' | 'B' => Atom::Nothing { exact: false },
                other if other.is_ascii_alphanumeric() => return None,
                other => Atom::Char(other),
            },
            '*' | '+' | '?' => return None,
            other => Atom::Char(other),
        })
    }

    /// Whether a quantifier follows.
    fn repeats(&self) -> bool {
        matches!(self.peek(), Some('*' | '+' | '?' | '{'))
    }

    fn class(&mut self) -> Option<Atom> {
        // A few texts, as in `[-_]`, are told apart.
        let inside: String = self.chars.iter().skip(self.at).take_while(|it| **it != ']').collect();
        let after = self.chars.get(self.at + inside.chars().count() + 1);
        let few = (1..=4).contains(&inside.chars().count()) && !inside.starts_with('^') && !inside.contains('\\');
        let ranges = inside.trim_matches('-').contains('-');
        if few && !ranges && !matches!(after, Some('*' | '+' | '?' | '{')) {
            self.at += inside.chars().count() + 1;
            return Some(Atom::Group(inside.chars().map(|it| Way::text(&it.to_string())).collect()));
        }
        let negated = self.eat("^");
        let (mut slash, mut first) = (false, true);
        loop {
            match self.next()? {
                ']' if !first => break,
                '\\' => match self.next()? {
                    'D' | 'W' | 'S' => slash = true,
                    '/' => slash = true,
                    _ => {}
                },
                '/' => slash = true,
                // A range that goes past the slash: `[!-~]`.
                from if self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|to| *to != ']') => {
                    self.at += 1;
                    let to = self.next()?;
                    slash |= (from..=to).contains(&'/');
                }
                _ => {}
            }
            first = false;
        }
        Some(Atom::Class { slash: slash != negated })
    }

    fn group(&mut self) -> Option<Atom> {
        if self.eat("?P<") || (self.eat("?<") && self.peek().is_some_and(char::is_alphabetic)) {
            let mut name = String::new();
            loop {
                match self.next()? {
                    '>' => break,
                    other => name.push(other),
                }
            }
            let inside = self.closed()?;
            return Some(Atom::Group(vec![Way::value(&name, slashes(&inside), true)]));
        }
        if self.eat("?:") {
            return self.closed().map(Atom::Group);
        }
        if self.peek() == Some('?') {
            // Flags, and what looks ahead or behind.
            self.at += 1;
            while self.peek().is_some_and(|it| "imsxuaL=!<-".contains(it)) {
                self.at += 1;
            }
            if self.eat(":") {
                return self.closed().map(Atom::Group);
            }
            self.closed()?;
            return Some(Atom::Nothing { exact: false });
        }
        let inside = self.closed()?;
        let plain = inside.iter().all(|way| way.parts.iter().all(|it| matches!(it, Part::Text(_))));
        let has_values = inside.iter().any(|way| way.parts.iter().any(|it| matches!(it, Part::Value { .. })));
        Some(match (self.named || plain, has_values) {
            (true, _) => Atom::Group(inside),
            (false, _) => Atom::Group(vec![Way::value("value", slashes(&inside), true)]),
        })
    }

    fn closed(&mut self) -> Option<Vec<Way>> {
        let inside = self.alternatives()?;
        self.eat(")").then_some(inside)
    }

    /// An atom with what follows it: `?`, `*`, `+`, `{2,3}`.
    fn quantified(&mut self, atom: Atom) -> Option<Vec<Way>> {
        let (least, most) = match self.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => {
                let text: String = self.chars.iter().skip(self.at + 1).take_while(|it| **it != '}').collect();
                let (from, to) = text.split_once(',').unwrap_or((&text, &text));
                let Ok(least) = (if from.is_empty() { Ok(0) } else { from.parse::<u32>() }) else { return None };
                self.at += text.chars().count() + 1;
                (least, to.parse().ok())
            }
            _ => (1, Some(1)),
        };
        if (least, most) != (1, Some(1)) || matches!(self.peek(), Some('}')) {
            self.at += 1;
            if matches!(self.peek(), Some('?' | '+')) {
                self.at += 1;
            }
        }
        let once = (least, most) == (1, Some(1));
        Some(match atom {
            Atom::Nothing { exact } => vec![Way { exact, ..Way::text("") }],
            Atom::Any => vec![Way { exact: false, ..Way::text(".") }],
            Atom::Class { slash } => vec![Way::value("value", slash && !once, most.is_none())],
            Atom::Char(it) if once => vec![Way::text(&it.to_string())],
            Atom::Char(it) if most == Some(1) => vec![Way::text(&it.to_string()), Way::text("")],
            // Templates know no double slashes.
            Atom::Char('/') => vec![Way::text("/")],
            Atom::Char(_) => vec![Way::value("value", false, false)],
            Atom::Group(ways) if once => ways,
            Atom::Group(mut ways) if most == Some(1) => {
                ways.push(Way::text(""));
                ways
            }
            Atom::Group(ways) => match ways.as_slice() {
                [Way { parts, .. }] if parts.is_empty() => ways,
                _ => vec![Way::value("value", slashes(&ways), false)],
            },
        })
    }
}

fn slashes(ways: &[Way]) -> bool {
    ways.iter().flat_map(|it| &it.parts).any(|it| match it {
        Part::Text(text) => text.contains('/'),
        Part::Value { many, .. } => *many,
    })
}

/// `one` and then `two`; values without a name that follow each other are one.
fn joined(one: &Way, two: &Way) -> Way {
    let nameless = |part: Option<&Part>| matches!(part, Some(Part::Value { name, .. }) if name == "value");
    if two.parts.len() == 1 && nameless(one.parts.last()) && nameless(two.parts.first()) {
        let mut all = one.clone();
        if let (Some(Part::Value { many, .. }), Some(Part::Value { many: more, .. })) =
            (all.parts.last_mut(), two.parts.first())
        {
            *many |= more;
        }
        all.exact &= two.exact;
        return all;
    }
    one.then(two)
}

/// The template of a whole path, and whether it says all that its parts say. `None`: it can't be written down.
pub(super) fn template(way: &Way) -> Option<(PathTemplate, bool)> {
    let mut exact = way.exact;
    let mut segments: Vec<Segment> = Vec::new();
    let mut current: Vec<Part> = Vec::new();
    for part in &way.parts {
        match part {
            Part::Text(text) => {
                let mut pieces = text.split('/');
                if let Some(first) = pieces.next()
                    && !first.is_empty()
                {
                    current.push(Part::Text(first.to_owned()));
                }
                for piece in pieces {
                    segments.extend(segment(std::mem::take(&mut current), &mut exact)?);
                    if !piece.is_empty() {
                        current.push(Part::Text(piece.to_owned()));
                    }
                }
            }
            value => current.push(value.clone()),
        }
    }
    segments.extend(segment(current, &mut exact)?);
    let template = PathTemplate::from_segments(segments);
    // What can't be read again can't be named in a policy.
    let again = format!("GET {template}").parse::<RouteId>().ok()?;
    (again.path == template).then_some((template, exact))
}

fn segment(parts: Vec<Part>, exact: &mut bool) -> Option<Option<Segment>> {
    // Values with nothing between them are one.
    let mut pieces: Vec<Part> = Vec::new();
    for part in parts {
        match (pieces.last_mut(), &part) {
            (Some(Part::Value { name, many }), Part::Value { name: next, many: next_many }) => {
                *exact = false;
                *many |= next_many;
                if name != next {
                    name.push('_');
                    name.push_str(next);
                }
            }
            _ => pieces.push(part),
        }
    }
    Some(match pieces.as_slice() {
        [] => None,
        [Part::Value { name, many: true }] => Some(Segment::CatchAll(name.clone())),
        [Part::Text(text)] => Some(Segment::Literal(text.clone())),
        all => {
            *exact &= !all.iter().any(|it| matches!(it, Part::Value { many: true, .. }));
            let values = all.iter().filter(|it| matches!(it, Part::Value { .. })).count();
            match (values, all) {
                (1, [Part::Value { name, .. }]) => Some(param("", name, "")),
                (1, [Part::Text(before), Part::Value { name, .. }]) => Some(param(before, name, "")),
                (1, [Part::Value { name, .. }, Part::Text(after)]) => Some(param("", name, after)),
                (1, [Part::Text(before), Part::Value { name, .. }, Part::Text(after)]) => {
                    Some(param(before, name, after))
                }
                _ => Some(Segment::Mixed(
                    all.iter()
                        .map(|it| match it {
                            Part::Text(text) => Piece::Text(text.clone()),
                            Part::Value { name, .. } => Piece::Value(name.clone()),
                        })
                        .collect(),
                )),
            }
        }
    })
}

fn param(prefix: &str, name: &str, suffix: &str) -> Segment {
    Segment::Param { prefix: prefix.to_owned(), name: name.to_owned(), suffix: suffix.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, bool)]) {
        let got: Vec<(String, bool)> =
            regex(text, true).iter().filter_map(template).map(|(path, exact)| (path.to_string(), exact)).collect();
        let expected: Vec<(String, bool)> = expected.iter().map(|(path, exact)| ((*path).to_owned(), *exact)).collect();
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn expressions_of_texts_and_named_groups_are_templates() {
        check(r"^users/(?P<pk>\d+)/$", &[("/users/{pk}", true)]);
        check(r"^(?P<year>[0-9]{4})-(?P<month>[0-9]{2})/$", &[("/{year}-{month}", true)]);
        check(r"^files/(?P<path>.*)$", &[("/files/{*path}", true)]);
        check(r"^a\.b/$", &[("/a.b", true)]);
        check(r"^x/(?P<id>[^/.]+)/?$", &[("/x/{id}", true), ("/x/{id}", true)]);
        check(r"^x/(?:(?P<format>[a-z]+)/)?$", &[("/x/{format}", true), ("/x", true)]);
        check(r"^(?:a|b)/c$", &[("/a/c", true), ("/b/c", true)]);
        check(r"^x/(\d+)/$", &[("/x/{value}", true)]);
        check(r"^.*$", &[("/{*value}", true)]);
        check(r"^x[-_]y/$", &[("/x-y", true), ("/x_y", true)]);
        check("^$", &[("/", true)]);
        check("", &[("/{*rest}", true)]);
    }

    #[test]
    fn what_is_more_than_a_template_is_said_to_be() {
        check(r"^x[a-c]/$", &[("/x{value}", false)]);
        check(r"^favicon.ico$", &[("/favicon.ico", false)]);
        check(r"^(?P<a>\w+)(?P<b>\d+)/$", &[("/{a_b}", false)]);
        check(r"^a/(?!admin)(?P<b>\w+)/$", &[("/a/{b}", false)]);
        check(r"^plugins/(?P<id>\d+)/", &[("/plugins/{id}/{*rest}", true)]);
        check(r"^(((", &[("/{*path}", false)]);
    }
}
