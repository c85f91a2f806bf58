//! The regular expressions that people give to autoload: names with wildcards, alternatives and ends.

/// A regular expression of literal text, `.`, `.*`, `.+`, `?`, groups of alternatives and anchors.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// Any of these.
    choices: Vec<Vec<Piece>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Start,
    End,
    Letter(char),
    Any,
    /// Any number of letters.
    Many,
}

/// More alternatives than people write.
const MAX_CHOICES: usize = 64;
const MAX_LENGTH: usize = 200;

impl Pattern {
    /// A pattern that looks for `text` itself.
    pub(super) fn containing(text: &str) -> Self {
        Self { choices: vec![text.chars().take(MAX_LENGTH).map(Piece::Letter).collect()] }
    }

    /// `None`: it says more than this can.
    pub(super) fn parse(source: &str) -> Option<Self> {
        if source.len() > MAX_LENGTH {
            return None;
        }
        let letters: Vec<char> = source.chars().collect();
        let mut at = 0;
        let choices = alternatives(&letters, &mut at, 0)?;
        (at == letters.len()).then_some(Self { choices })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().take(1_000).collect();
        self.choices.iter().any(|pieces| (0..=text.len()).any(|from| fits(pieces, &text, from)))
    }
}

fn alternatives(letters: &[char], at: &mut usize, depth: usize) -> Option<Vec<Vec<Piece>>> {
    if depth > 8 {
        return None;
    }
    let mut done: Vec<Vec<Piece>> = Vec::new();
    let mut open: Vec<Vec<Piece>> = vec![Vec::new()];
    while let Some(letter) = letters.get(*at).copied() {
        if letter == ')' && depth > 0 {
            break;
        }
        *at += 1;
        let pieces: Vec<Vec<Piece>> = match letter {
            '|' => {
                done.append(&mut open);
                open.push(Vec::new());
                continue;
            }
            '(' => {
                for skipped in ['?', ':'] {
                    if letters.get(*at) == Some(&skipped) {
                        *at += 1;
                    }
                }
                let inner = alternatives(letters, at, depth + 1)?;
                if letters.get(*at) != Some(&')') {
                    return None;
                }
                *at += 1;
                inner
            }
            '^' => vec![vec![Piece::Start]],
            '$' => vec![vec![Piece::End]],
            '.' => vec![vec![Piece::Any]],
            '\\' => {
                let escaped = letters.get(*at).copied().filter(|it| !it.is_alphanumeric())?;
                *at += 1;
                vec![vec![Piece::Letter(escaped)]]
            }
            '[' | ']' | '{' | '}' | '*' | '+' | '?' | ')' => return None,
            other => vec![vec![Piece::Letter(other)]],
        };
        let is_any = pieces == [[Piece::Any]];
        let pieces = match letters.get(*at) {
            Some('*') if is_any => vec![vec![Piece::Many]],
            Some('+') if is_any => vec![vec![Piece::Any, Piece::Many]],
            Some('?') => pieces.into_iter().chain([Vec::new()]).collect(),
            Some('*' | '+' | '{') => return None,
            _ => {
                open = product(&open, &pieces)?;
                continue;
            }
        };
        *at += 1;
        open = product(&open, &pieces)?;
    }
    done.append(&mut open);
    (done.len() <= MAX_CHOICES).then_some(done)
}

fn product(heads: &[Vec<Piece>], tails: &[Vec<Piece>]) -> Option<Vec<Vec<Piece>>> {
    if heads.len() * tails.len() > MAX_CHOICES {
        return None;
    }
    let joined = heads.iter().flat_map(|head| tails.iter().map(|tail| head.iter().chain(tail).cloned().collect()));
    Some(joined.collect())
}

/// Whether the pieces fit `text` from `from` on. Wildcards are tried from the last one back, as in file globs.
fn fits(pieces: &[Piece], text: &[char], from: usize) -> bool {
    let (mut piece, mut letter) = (0, from);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let hit = match pieces.get(piece) {
            None => return true,
            Some(Piece::Start) => letter == 0,
            Some(Piece::End) => letter == text.len(),
            Some(Piece::Many) => {
                retry = Some((piece + 1, letter));
                piece += 1;
                continue;
            }
            Some(Piece::Any) => letter < text.len(),
            Some(Piece::Letter(wanted)) => text.get(letter) == Some(wanted),
        };
        if hit {
            letter += usize::from(matches!(pieces.get(piece), Some(Piece::Any | Piece::Letter(_))));
            piece += 1;
            continue;
        }
        match &mut retry {
            Some((after, tried)) if *tried < text.len() => {
                *tried += 1;
                (piece, letter) = (*after, *tried);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_of_names() {
        for (pattern, hits, misses) in [
            (".*(test|spec).js", &["a.test.js", "x/spec.js"][..], &["a.js"][..]),
            (r"^.*\.test\.ts$", &["a.test.ts"], &["a.test.tsx", "atest.ts"]),
            ("schema|hooks", &["users/schema.js", "hooks.js"], &["users/index.js"]),
            (r"(?:^|\/)_.*", &["_x.js", "a/_x.js"], &["a_x.js"]),
            (r".no-load\.js$", &["a.no-load.js"], &["no-load.js"]),
        ] {
            let pattern = Pattern::parse(pattern).expect("it is simple enough");
            hits.iter().for_each(|it| assert!(pattern.matches(it), "{it}"));
            misses.iter().for_each(|it| assert!(!pattern.matches(it), "{it}"));
        }
        assert!(Pattern::parse("[a-z]+").is_none() && Pattern::parse("(a").is_none());
    }
}
