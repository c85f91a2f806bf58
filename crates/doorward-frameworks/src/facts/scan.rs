//! Searches files for Clerk's keys and for names of its variables.
//!
//! A file is read in pieces, so that neither its size nor the length of its lines matters, and searched for all marks
//! at once. Only where one is found, some hundred bytes around it are looked at.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use aho_corasick::{AhoCorasick, MatchKind};
use doorward::secret::{self, KeyKind};

use super::names::{self, FileKind, Role, file_kind};

/// How much is read at once.
const PIECE: usize = 256 * 1024;
/// What of a piece stays, so that a finding at its end is seen whole: this much in front of a mark, and behind it.
const BEFORE: usize = 1024;
const AFTER: usize = 2048;
/// A file with more is either hostile or a list, and its first ones say as much.
const MOST: usize = 500;
/// Larger files are not searched.
pub(super) const MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// The start of every variable of Clerk's, without its prefix.
const NAME: &str = "CLERK_";
/// The same in fields of settings classes.
const FIELD: &str = "clerk_";
/// What makes a class of Python one whose fields are read from the environment.
const SETTINGS_CLASS: &str = "BaseSettings";

/// Something that was found in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) line: u32,
    pub(super) what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    Key {
        kind: KeyKind,
        live: Option<bool>,
        /// Whether it is Clerk's for certain.
        certain: bool,
        /// The host a publishable key names, unless it is one of the documentation.
        host: Option<String>,
        /// How many characters it has.
        length: usize,
        /// What the value is given to.
        target: Option<String>,
        /// Whether the line is a comment.
        comment: bool,
    },
    Name {
        name: String,
        role: Role,
    },
}

/// What to look for, made once.
pub(super) struct Scanner {
    marks: AhoCorasick,
}

/// A name is not known by which mark it was found, so the names come behind the keys.
const KEYS: usize = secret::MARKS.len();

impl Scanner {
    pub(super) fn new() -> Option<Self> {
        let marks = secret::MARKS.iter().chain(&[NAME, FIELD, SETTINGS_CLASS]);
        let marks = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(marks).ok()?;
        Some(Self { marks })
    }

    /// Everything in the file. Binary files hold nothing.
    pub(super) fn file(&self, path: &Path, buffer: &mut Vec<u8>) -> io::Result<Vec<Seen>> {
        self.named(path, File::open(path)?, buffer)
    }

    /// Everything in a file that was read already.
    pub(super) fn text(&self, path: &Path, text: &str, buffer: &mut Vec<u8>) -> io::Result<Vec<Seen>> {
        self.named(path, text.as_bytes(), buffer)
    }

    fn named(&self, path: &Path, content: impl Read, buffer: &mut Vec<u8>) -> io::Result<Vec<Seen>> {
        let kind = file_kind(&path.file_name().unwrap_or_default().to_string_lossy());
        self.read(content, kind, path.extension().is_some_and(|it| it == "py"), buffer)
    }

    fn read(&self, mut from: impl Read, kind: FileKind, python: bool, buffer: &mut Vec<u8>) -> io::Result<Vec<Seen>> {
        buffer.clear();
        let mut state =
            State { kind, python, settings_class: false, line: 1, counted: 0, seen: Vec::new(), judged: (0, 0, 0) };
        let mut start = 0;
        let mut utf16 = false;
        loop {
            let had = buffer.len();
            let read = from.by_ref().take(PIECE as u64).read_to_end(buffer)?;
            let last = read < PIECE;
            if had == 0 {
                let head = buffer.get(..buffer.len().min(8192)).unwrap_or_default();
                utf16 = is_utf16(head);
                if !utf16 && head.contains(&0) {
                    return Ok(Vec::new());
                }
            }
            if utf16 {
                narrow(buffer, had);
            }
            let end = if last { buffer.len() } else { buffer.len().saturating_sub(AFTER).max(start) };
            self.piece(buffer, start..end, &mut state);
            if last || state.seen.len() >= MOST {
                return Ok(state.seen);
            }
            let drop = end.saturating_sub(BEFORE);
            state.count_to(buffer, drop);
            state.counted = 0;
            buffer.drain(..drop);
            start = end - drop;
        }
    }

    /// Judges every mark that begins in `range`.
    fn piece(&self, buffer: &[u8], range: std::ops::Range<usize>, state: &mut State) {
        let longest = secret::PRIVATE_KEY.len();
        let here = buffer.get(..buffer.len().min(range.end + longest)).unwrap_or_default();
        let input = aho_corasick::Input::new(here).span(range.start..here.len());
        for found in self.marks.find_iter(input) {
            if found.start() >= range.end || state.seen.len() >= MOST {
                break;
            }
            let window = found.start().saturating_sub(BEFORE)..buffer.len().min(found.start() + AFTER);
            let text = buffer.get(window.clone()).unwrap_or_default();
            let at = found.start() - window.start;
            let which = found.pattern().as_usize().checked_sub(KEYS);
            let what: Vec<What> = match which {
                None => key(text, at).into_iter().collect(),
                Some(2) => {
                    state.settings_class = true;
                    Vec::new()
                }
                Some(which) if state.may_judge(buffer, found.start()) => name(text, at, which == 1, state),
                Some(_) => Vec::new(),
            };
            for what in what {
                state.push(buffer, found.start(), what);
            }
        }
    }
}

struct State {
    kind: FileKind,
    python: bool,
    settings_class: bool,
    /// The line of the byte at `counted` of the buffer.
    line: u32,
    counted: usize,
    seen: Vec<Seen>,
    /// How many names were judged, on this line and in all.
    judged: (u32, usize, usize),
}

impl State {
    /// Whether another name is worth a look. People name few variables on a line.
    fn may_judge(&mut self, buffer: &[u8], at: usize) -> bool {
        const ON_A_LINE: usize = 32;
        const IN_A_FILE: usize = 20_000;
        self.count_to(buffer, at);
        let (line, here, all) = self.judged;
        self.judged = (self.line, if line == self.line { here + 1 } else { 1 }, all + 1);
        self.judged.1 <= ON_A_LINE && all < IN_A_FILE
    }

    fn count_to(&mut self, buffer: &[u8], at: usize) {
        let passed = buffer.get(self.counted..at).unwrap_or_default();
        let lines = memchr::memchr_iter(b'\n', passed).count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.counted = self.counted.max(at);
    }

    fn push(&mut self, buffer: &[u8], at: usize, what: What) {
        self.count_to(buffer, at);
        let seen = Seen { line: self.line, what };
        if self.seen.last() != Some(&seen) {
            self.seen.push(seen);
        }
    }
}

fn key(text: &[u8], at: usize) -> Option<What> {
    let key = secret::key_at(text, at)?;
    let before = text.get(..key.range.start)?;
    let line = String::from_utf8_lossy(before.rsplit(|it| *it == b'\n').next().unwrap_or_default()).into_owned();
    Some(What::Key {
        kind: key.kind,
        live: key.live,
        certain: key.certain,
        length: key.range.len(),
        target: names::target(&line).map(str::to_owned),
        comment: names::is_comment(line.trim_start()),
        host: key.host.clone().filter(|_| !key.is_example()),
    })
}

/// The variables of which one has its mark at `at`.
fn name(text: &[u8], at: usize, lower: bool, state: &State) -> Vec<What> {
    let part = |it: &u8| it.is_ascii_alphanumeric() || *it == b'_';
    let (Some(front), Some(back)) = (text.get(..at), text.get(at..)) else { return Vec::new() };
    let start = at - front.iter().rev().take(64).take_while(|it| part(it)).count();
    let end = at + back.iter().take(64).take_while(|it| part(it)).count();
    let name = String::from_utf8_lossy(text.get(start..end).unwrap_or_default()).into_owned();
    let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    if lower {
        let read = state.python && state.settings_class && start == at && is_field(before, after);
        return if read { vec![What::Name { name: name.to_ascii_uppercase(), role: Role::Read }] } else { Vec::new() };
    }
    if name == NAME {
        return if state.python { prefixed_fields(before, after) } else { Vec::new() };
    }
    if name.bytes().any(|it| it.is_ascii_lowercase()) || name.ends_with('_') {
        return Vec::new();
    }
    let near = before.len().saturating_sub(400);
    let after = after.get(..after.len().min(400)).unwrap_or_default();
    let role = names::role(state.kind, before.get(near..).unwrap_or_default(), after);
    if role == Role::Mentioned { Vec::new() } else { vec![What::Name { name, role }] }
}

/// `    clerk_secret_key: str` of a class.
fn is_field(before: &[u8], after: &[u8]) -> bool {
    let line = before.rsplit(|it| *it == b'\n').next().unwrap_or_default();
    let indented = !line.is_empty() && line.iter().all(|it| matches!(it, b' ' | b'\t'));
    indented && after.trim_ascii_start().starts_with(b":")
}

/// The fields of the class whose `env_prefix="CLERK_"` stands between these.
fn prefixed_fields(before: &[u8], after: &[u8]) -> Vec<What> {
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let Some(start) = before.rfind("\nclass ").map(|at| at + 1).or(before.starts_with("class ").then_some(0)) else {
        return Vec::new();
    };
    let class = before.get(start..).unwrap_or_default();
    let told = class.lines().last().is_some_and(|line| line.contains("env_prefix"));
    if !told || !class.lines().next().is_some_and(|line| line.contains("Settings")) {
        return Vec::new();
    }
    let rest = after.lines().skip(1).take_while(|line| line.is_empty() || line.starts_with([' ', '\t', ')', '}']));
    class
        .lines()
        .skip(1)
        .chain(rest)
        .filter_map(|line| {
            let (name, _) = line.strip_prefix("    ")?.split_once(':')?;
            let is_name = !name.is_empty() && name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
            is_name.then(|| What::Name { name: format!("{NAME}{}", name.to_ascii_uppercase()), role: Role::Read })
        })
        .collect()
}

/// Whether the text is UTF-16, as PowerShell writes it.
fn is_utf16(head: &[u8]) -> bool {
    head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff])
}

/// Keys and names are ASCII, whose UTF-16 is the same with zeros between.
fn narrow(buffer: &mut Vec<u8>, from: usize) {
    let mut at = 0;
    buffer.retain(|it| {
        at += 1;
        at <= from || *it != 0
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_like(length: usize) -> String {
        let letters = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let random = (0..length).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(letters[(state >> 33) as usize % letters.len()])
        });
        format!("sk_live_{}", random.collect::<String>())
    }

    fn seen(name: &str, text: &[u8]) -> Vec<Seen> {
        Scanner::new().unwrap().read(text, file_kind(name), name.ends_with(".py"), &mut Vec::new()).unwrap()
    }

    fn names(name: &str, text: &str) -> Vec<(u32, String)> {
        let named = |it: Seen| match it.what {
            What::Name { name, .. } => Some((it.line, name)),
            What::Key { .. } => None,
        };
        seen(name, text.as_bytes()).into_iter().filter_map(named).collect()
    }

    #[test]
    fn a_key_is_found_wherever_pieces_are_cut() {
        let key = key_like(42);
        for around in [0, 1, 20, 60, BEFORE, AFTER - 10, AFTER, AFTER + 10, PIECE / 2] {
            for eol in ["\n", " "] {
                let filler = format!("x{eol}").repeat((PIECE - around) / 2);
                let text = format!("{filler}{eol}{key}\n{filler}{filler}");
                let got = seen("a.ts", text.as_bytes());
                let lines = if eol == "\n" { u32::try_from((PIECE - around) / 2).unwrap() + 2 } else { 1 };
                assert_eq!(got.len(), 1, "{around} {eol:?}");
                assert_eq!(got[0].line, lines, "{around} {eol:?}");
            }
        }
    }

    #[test]
    fn one_long_line_takes_no_time_whatever_it_holds() {
        for unit in ["CLERK_A=", "ak_", "sk_live_", "clerk_x:", "-----BEGIN PRIVATE KEY-----", "a", "env_prefix=CLERK_"]
        {
            let text = unit.repeat(1024 * 1024 / unit.len());
            for name in ["a.py", ".env"] {
                let start = std::time::Instant::now();
                assert!(seen(name, text.as_bytes()).len() <= MOST);
                assert!(start.elapsed().as_secs() < 10, "{unit}: {:?}", start.elapsed());
            }
        }
    }

    #[test]
    fn binary_files_hold_nothing_and_utf_16_is_text() {
        let key = key_like(42);
        assert!(seen("a.bin", format!("\0{key}").as_bytes()).is_empty());
        let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(format!("A={key}").bytes().flat_map(|it| [it, 0])).collect();
        assert_eq!(seen(".env", &wide).len(), 1);
    }

    #[test]
    fn settings_classes_read_variables_and_other_classes_do_not() {
        let class = "from pydantic_settings import BaseSettings\n\nclass S(BaseSettings):\n    clerk_secret_key: str\n    port: int = 1\n";
        assert_eq!(names("s.py", class), [(4, "CLERK_SECRET_KEY".to_owned())]);
        assert!(names("s.py", &class.replace("BaseSettings", "BaseModel")).is_empty());
        let prefixed = "class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix=\"CLERK_\")\n    secret_key: str\n    jwt_key: str | None = None\n\nclass T:\n    other: str\n";
        let found: Vec<String> = names("s.py", prefixed).into_iter().map(|it| it.1).collect();
        assert_eq!(found, ["CLERK_SECRET_KEY", "CLERK_JWT_KEY"]);
    }
}
