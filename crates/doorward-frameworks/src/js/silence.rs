//! Which modules can have nothing to say about who is let in.
//!
//! Handlers call services, and those the database: most of what a guard could be looked for in has nothing to do with
//! guarding. To find that out in the text is many times as fast as to read the code. This says yes only if none of
//! the words is there without which [`guards`](super::guards) sees nothing, neither in a module nor in what it leads to.

use std::collections::HashSet;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::program::{Program, Target};

/// Statuses, credentials, answers, failures, and what a choice is made by; packages that guard have them in their names.
const WORDS: &[&str] = &[
    "401",
    "403",
    "404",
    "auth",
    "forbidden",
    "denied",
    "redirect",
    "jwt",
    "jose",
    "token",
    "bearer",
    "session",
    "apikey",
    "api-key",
    "api_key",
    "credential",
    "user",
    "login",
    "cookie",
    "clerk",
    "passport",
    "firebase",
    "verify",
    "guard",
    "permission",
    "throw",
    "reject",
    "next(",
    "json",
    "send",
    "end(",
    "render",
    "download",
    "response",
    "path",
    "url",
    "env",
    "matcher",
];

static MARKS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(WORDS).ok());

/// What leads to more modules than this is read.
const MOST: usize = 40;

/// The modules that `at` leads to, itself among them, if they are all silent.
pub(super) fn silent(program: &Program, at: usize) -> Option<HashSet<usize>> {
    let marks = MARKS.as_ref()?;
    let mut seen = HashSet::new();
    let mut next = vec![at];
    while let Some(at) = next.pop() {
        if !seen.insert(at) {
            continue;
        }
        if seen.len() > MOST || !program.is_outlined(at) || marks.is_match(&*program.text(at)) {
            return None;
        }
        next.extend(program.sources(at).iter().filter_map(|source| match program.resolve(at, source) {
            Target::Module(target) => Some(target),
            _ => None,
        }));
    }
    Some(seen)
}
