//! Matches paths against regular expressions and against the patterns of `path-to-regexp`, within bounds.

/// No pattern that a person wrote is longer, or needs more steps on a path.
const MAX_PATTERN: usize = 2_000;
const MAX_STEPS: usize = 200_000;

#[derive(Debug, Clone)]
enum Node {
    Char(char),
    Any,
    /// Ranges, and whether they are excluded.
    Class(Vec<(char, char)>, bool),
    Start,
    End,
    /// A word boundary, whether or not there is one.
    Boundary,
    Group(Vec<Vec<Node>>),
    /// `(?=…)`, or `(?!…)` (`false`).
    Look(bool, Vec<Vec<Node>>),
    Repeat(Box<Node>, usize, usize),
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    branches: Vec<Vec<Node>>,
    fold: bool,
}

impl Pattern {
    /// A regular expression. `None`: it uses something that isn't understood.
    pub(crate) fn regex(source: &str, flags: &str) -> Option<Self> {
        let chars: Vec<char> = source.chars().take(MAX_PATTERN + 1).collect();
        if chars.len() > MAX_PATTERN {
            return None;
        }
        let mut parser = Parser { chars, at: 0, depth: 0 };
        let branches = parser.branches()?;
        (parser.at == parser.chars.len()).then_some(Self { branches, fold: flags.contains('i') })
    }

    /// A pattern such as `/users/:id` or `/admin(.*)`.
    pub(crate) fn path(source: &str) -> Option<Self> {
        Self::regex(&format!("^{}[/#?]?$", path_to_regex(source)?), "i")
    }

    /// Whether the pattern is found in `text`. `None`: it takes too long to tell.
    pub(crate) fn found_in(&self, text: &str) -> Option<bool> {
        let fold = |c: char| if self.fold { c.to_ascii_lowercase() } else { c };
        let chars: Vec<char> = text.chars().map(fold).collect();
        let mut matcher = Matcher { text: &chars, steps: 0, fold: self.fold };
        for start in 0..=chars.len() {
            if matcher.any(&self.branches, start, &mut |_, _| true) {
                return (matcher.steps < MAX_STEPS).then_some(true);
            }
        }
        (matcher.steps < MAX_STEPS).then_some(false)
    }
}

/// The regular expression that `path-to-regexp` makes of a pattern.
fn path_to_regex(source: &str) -> Option<String> {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while let Some(c) = chars.get(at).copied() {
        match c {
            ':' => {
                let name = chars.iter().skip(at + 1).take_while(|it| it.is_alphanumeric() || **it == '_').count();
                if name == 0 {
                    return None;
                }
                at += 1 + name;
                let inner = if chars.get(at) == Some(&'(') { group(&chars, &mut at)? } else { "[^/#?]+?".to_owned() };
                modified(&mut out, &inner, &chars, &mut at);
            }
            '(' => {
                let inner = group(&chars, &mut at)?;
                modified(&mut out, &inner, &chars, &mut at);
            }
            '{' => {
                let end = chars.iter().skip(at).position(|it| *it == '}')? + at;
                let inner: String = chars.get(at + 1..end)?.iter().collect();
                out.push_str(&format!("(?:{})", path_to_regex(&inner)?));
                at = end + 1;
                if let Some(mark @ ('?' | '*' | '+')) = chars.get(at) {
                    out.push(*mark);
                    at += 1;
                }
            }
            '\\' => {
                out.push('\\');
                out.push(*chars.get(at + 1)?);
                at += 2;
            }
            '*' | '+' | '?' => return None,
            c => {
                if matches!(c, '.' | '^' | '$' | '|' | '[' | ']' | ')' | '}') {
                    out.push('\\');
                }
                out.push(c);
                at += 1;
            }
        }
    }
    Some(out)
}

/// What stands between the parentheses that open at `at`.
fn group(chars: &[char], at: &mut usize) -> Option<String> {
    let start = *at + 1;
    let mut depth = 0_usize;
    let mut escaped = false;
    for (index, c) in chars.iter().enumerate().skip(*at) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth == 0 {
                    *at = index + 1;
                    return Some(chars.get(start..index)?.iter().collect());
                }
            }
            _ => {}
        }
    }
    None
}

/// A value with `?`, `*` or `+` behind it takes the slash in front of it along.
fn modified(out: &mut String, inner: &str, chars: &[char], at: &mut usize) {
    let mark = chars.get(*at).copied().filter(|it| matches!(it, '?' | '*' | '+'));
    let Some(mark) = mark else {
        out.push_str(&format!("({inner})"));
        return;
    };
    *at += 1;
    let slash = if out.ends_with('/') {
        out.pop();
        "/"
    } else {
        ""
    };
    match mark {
        '?' => out.push_str(&format!("(?:{slash}({inner}))?")),
        mark => {
            let optional = if mark == '*' { "?" } else { "" };
            out.push_str(&format!("(?:{slash}((?:{inner})(?:{slash}(?:{inner}))*)){optional}"));
        }
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn eat(&mut self, text: &str) -> bool {
        let fits = text.chars().enumerate().all(|(at, c)| self.chars.get(self.at + at) == Some(&c));
        if fits {
            self.at += text.chars().count();
        }
        fits
    }

    fn branches(&mut self) -> Option<Vec<Vec<Node>>> {
        self.depth += 1;
        if self.depth > 50 {
            return None;
        }
        let mut all = vec![Vec::new()];
        while let Some(c) = self.peek() {
            match c {
                ')' => break,
                '|' => {
                    self.at += 1;
                    all.push(Vec::new());
                }
                _ => {
                    let node = self.repeated()?;
                    all.last_mut()?.push(node);
                }
            }
        }
        self.depth -= 1;
        Some(all)
    }

    fn repeated(&mut self) -> Option<Node> {
        let node = self.atom()?;
        let (least, most) = match self.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => {
                let end = self.chars.iter().skip(self.at).position(|it| *it == '}')? + self.at;
                let text: String = self.chars.get(self.at + 1..end)?.iter().collect();
                let (least, most) = text.split_once(',').unwrap_or((&text, &text));
                self.at = end;
                (least.parse().ok()?, if most.is_empty() { usize::MAX } else { most.parse().ok()? })
            }
            _ => return Some(node),
        };
        self.at += 1;
        // Lazy or not makes no difference to whether something matches.
        self.eat("?");
        Some(Node::Repeat(Box::new(node), least, most))
    }

    fn atom(&mut self) -> Option<Node> {
        let c = self.peek()?;
        self.at += 1;
        Some(match c {
            '.' => Node::Any,
            '^' => Node::Start,
            '$' => Node::End,
            '[' => self.class()?,
            '(' => {
                let look = if self.eat("?!") {
                    Some(false)
                } else if self.eat("?=") {
                    Some(true)
                } else {
                    None
                };
                if look.is_none() && self.eat("?<") {
                    // A look behind, or a name.
                    let named = self.peek().is_some_and(char::is_alphabetic);
                    let end = self.chars.iter().skip(self.at).position(|it| *it == '>').filter(|_| named)?;
                    self.at += end + 1;
                } else if look.is_none() {
                    self.eat("?:");
                }
                let branches = self.branches()?;
                if !self.eat(")") {
                    return None;
                }
                match look {
                    Some(wanted) => Node::Look(wanted, branches),
                    None => Node::Group(branches),
                }
            }
            '\\' => {
                let c = self.peek()?;
                self.at += 1;
                match c {
                    'b' | 'B' => Node::Boundary,
                    c => match escape(c)? {
                        (ranges, false) if matches!(ranges.as_slice(), [(one, two)] if one == two) => {
                            Node::Char(ranges.first()?.0)
                        }
                        (ranges, excluded) => Node::Class(ranges, excluded),
                    },
                }
            }
            '*' | '+' | '?' => return None,
            c => Node::Char(c),
        })
    }

    fn class(&mut self) -> Option<Node> {
        let excluded = self.eat("^");
        let mut ranges = Vec::new();
        loop {
            let c = self.peek()?;
            self.at += 1;
            let start = match c {
                ']' => return Some(Node::Class(ranges, excluded)),
                '\\' => {
                    let c = self.peek()?;
                    self.at += 1;
                    let (inner, not) = escape(c)?;
                    if not {
                        return None;
                    }
                    match inner.as_slice() {
                        [(one, two)] if one == two => *one,
                        _ => {
                            ranges.extend(inner);
                            continue;
                        }
                    }
                }
                c => c,
            };
            let is_range = self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|it| *it != ']');
            if is_range {
                let end = *self.chars.get(self.at + 1)?;
                self.at += 2;
                ranges.push((start, end));
            } else {
                ranges.push((start, start));
            }
        }
    }
}

/// What `\c` stands for, and whether that is excluded.
fn escape(c: char) -> Option<(Vec<(char, char)>, bool)> {
    let word = vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')];
    let space = vec![(' ', ' '), ('\t', '\r'), ('\u{a0}', '\u{a0}')];
    Some(match c {
        'd' => (vec![('0', '9')], false),
        'D' => (vec![('0', '9')], true),
        'w' => (word, false),
        'W' => (word, true),
        's' => (space, false),
        'S' => (space, true),
        'n' => (vec![('\n', '\n')], false),
        'r' => (vec![('\r', '\r')], false),
        't' => (vec![('\t', '\t')], false),
        c if c.is_alphanumeric() => return None,
        c => (vec![(c, c)], false),
    })
}

struct Matcher<'t> {
    text: &'t [char],
    steps: usize,
    fold: bool,
}

type Then<'a> = &'a mut dyn FnMut(&mut Matcher, usize) -> bool;

impl Matcher<'_> {
    fn any(&mut self, branches: &[Vec<Node>], at: usize, then: Then) -> bool {
        branches.iter().any(|it| self.all(it, at, then))
    }

    fn all(&mut self, nodes: &[Node], at: usize, then: Then) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return false;
        }
        let Some((first, rest)) = nodes.split_first() else { return then(self, at) };
        match first {
            Node::Repeat(inner, least, most) => self.repeat(inner, *least, *most, at, rest, then),
            Node::Group(branches) => self.any(branches, at, &mut |it, at| it.all(rest, at, then)),
            Node::Look(wanted, branches) => {
                self.any(branches, at, &mut |_, _| true) == *wanted && self.all(rest, at, then)
            }
            Node::Start => at == 0 && self.all(rest, at, then),
            Node::End => at == self.text.len() && self.all(rest, at, then),
            Node::Boundary => self.all(rest, at, then),
            one => self.one(one, at) && self.all(rest, at + 1, then),
        }
    }

    fn repeat(&mut self, node: &Node, least: usize, most: usize, at: usize, rest: &[Node], then: Then) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return false;
        }
        if most > 0 {
            let again = &mut |it: &mut Matcher, next: usize| {
                // Something that takes no room would repeat forever.
                (next > at || least > 0)
                    && it.repeat(node, least.saturating_sub(1), most.saturating_sub(1), next, rest, then)
            };
            if self.all(std::slice::from_ref(node), at, again) {
                return true;
            }
        }
        least == 0 && self.all(rest, at, then)
    }

    fn one(&self, node: &Node, at: usize) -> bool {
        let Some(c) = self.text.get(at).copied() else { return false };
        let fold = |c: char| if self.fold { c.to_ascii_lowercase() } else { c };
        match node {
            Node::Char(it) => fold(*it) == c,
            Node::Any => !matches!(c, '\n' | '\r'),
            Node::Class(ranges, excluded) => {
                let inside = |c: char| ranges.iter().any(|(from, to)| (*from..=*to).contains(&c));
                (inside(c) || (self.fold && inside(c.to_ascii_uppercase()))) != *excluded
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions_match_as_in_javascript() {
        for (pattern, text, expected) in [
            ("^/api/admin", "/api/admin/users", true),
            ("^/api/admin$", "/api/admin/users", false),
            ("\\.(png|jpe?g)$", "/a/b.jpg", true),
            ("^/((?!_next|api).*)$", "/api/x", false),
            ("^/((?!_next|api).*)$", "/dashboard", true),
            ("^[a-z0-9_-]{2,3}$", "a-1", true),
            ("^(a*)*$", "aaaa!", false),
        ] {
            assert_eq!(Pattern::regex(pattern, "").unwrap().found_in(text), Some(expected), "{pattern} on {text}");
        }
    }

    #[test]
    fn patterns_of_paths_match_as_in_path_to_regexp() {
        for (pattern, text, expected) in [
            ("/about/:path*", "/about", true),
            ("/about/:path*", "/about/a/b", true),
            ("/about/:path*", "/aboutus", false),
            ("/about/:path+", "/about", false),
            ("/users/:id", "/users/1", true),
            ("/users/:id", "/users/1/posts", false),
            ("/users/:id(\\d{1,})", "/users/x", false),
            ("/api/admin(.*)", "/api/administrators", true),
            ("/(api|trpc)(.*)", "/api/users", true),
            ("/((?!_next|[^?]*\\.(?:html?|css|csv)).*)", "/export/report.csv", false),
            ("/((?!_next|[^?]*\\.(?:html?|css|csv)).*)", "/export/report", true),
            ("/blog{/:slug}?", "/blog", true),
        ] {
            assert_eq!(Pattern::path(pattern).unwrap().found_in(text), Some(expected), "{pattern} on {text}");
        }
    }

    #[test]
    fn what_takes_forever_is_not_answered() {
        let pattern = Pattern::regex("^((a+)+)+$", "").unwrap();
        assert_eq!(pattern.found_in(&format!("{}!", "a".repeat(60))), None);
    }
}
