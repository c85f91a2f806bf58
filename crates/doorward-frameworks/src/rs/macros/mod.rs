//! `macro_rules!` of the tree: found by name, matched with a call, and written out.
//!
//! Calls are expanded while a file is lowered, so that everything after it sees the code that the compiler sees.

mod matching;
mod paste;
mod rules;
mod transcribe;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proc_macro2::{TokenStream, TokenTree};
use rayon::prelude::*;

pub(crate) use paste::pasted;
use rules::Rule;

/// Macros that the language brings along. A macro of the tree is meant only in the file that defines it.
const BUILT_IN: &[&str] = &[
    "vec",
    "format",
    "concat",
    "stringify",
    "println",
    "print",
    "eprintln",
    "eprint",
    "panic",
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "write",
    "writeln",
    "matches",
    "todo",
    "unreachable",
    "unimplemented",
    "include_str",
    "include",
    "include_bytes",
    "env",
    "option_env",
    "cfg",
    "line",
    "file",
    "dbg",
    "thread_local",
    "compile_error",
    "format_args",
];

/// Tokens that all macros of a tree may make.
const MAX_TOTAL: usize = 8_000_000;

/// More of one name are not looked at.
const MAX_CHOICES: usize = 16;

/// One `macro_rules!`.
#[derive(Debug)]
struct Definition {
    file: String,
    rules: Vec<Rule>,
    /// The package it stands in, as other crates call it.
    krate: Option<String>,
}

/// All that the tree defines.
#[derive(Debug, Default)]
pub(crate) struct Macros {
    by_name: HashMap<String, Vec<Definition>>,
    /// Crates outside of the tree, as the source calls them.
    foreign: BTreeSet<String>,
    /// Functions marked with `#[proc_macro]`, whose calls can't be written out.
    procedural: BTreeSet<String>,
    /// Tokens that were made.
    made: AtomicUsize,
}

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Expansion {
    /// The tree defines no such macro.
    Foreign,
    /// The tree defines it, and none of its rules could be applied.
    Opaque,
    Code(TokenStream),
}

impl Macros {
    /// Reads the definitions in `sources`: relative path and text. `libraries` are folder and name of each library,
    /// `foreign` the crates that come from elsewhere.
    pub(crate) fn collect(
        sources: &[(String, Arc<str>)],
        libraries: &[(String, String)],
        foreign: BTreeSet<String>,
    ) -> Self {
        let read = |(file, text): &(String, Arc<str>)| {
            let found = if text.contains("macro_rules!") || text.contains("proc_macro") {
                rules::definitions(text)
            } else {
                rules::Definitions::default()
            };
            proc_macro2::extra::invalidate_current_thread_spans();
            (file.clone(), found)
        };
        let all: Vec<(String, rules::Definitions)> = sources.par_iter().map(read).collect();
        let mut macros = Self { foreign, ..Self::default() };
        for (file, found) in all {
            macros.procedural.extend(found.procedural);
            for (name, rules) in found.rules {
                let krate = libraries
                    .iter()
                    .filter(|(folder, _)| is_below(&file, folder))
                    .max_by_key(|(folder, _)| folder.len())
                    .map(|(_, name)| name.clone());
                macros.by_name.entry(name).or_default().push(Definition { file: file.clone(), rules, krate });
            }
        }
        macros
    }

    /// Whether a path with this first name leads out of the tree.
    pub(crate) fn is_foreign(&self, head: &str) -> bool {
        matches!(head, "std" | "core" | "alloc") || self.foreign.contains(head)
    }

    /// Whether the tree defines a macro of this name.
    pub(crate) fn defines(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Writes a call out. `budget` is how many tokens may still be made.
    pub(crate) fn expand(&self, name: &str, from: &str, tokens: &TokenStream, budget: &mut usize) -> Expansion {
        if self.made.load(Ordering::Relaxed) > MAX_TOTAL {
            *budget = 0;
        }
        let before = *budget;
        let expansion = self.expand_within(name, from, tokens, budget);
        self.made.fetch_add(before.saturating_sub(*budget), Ordering::Relaxed);
        expansion
    }

    fn expand_within(&self, name: &str, from: &str, tokens: &TokenStream, budget: &mut usize) -> Expansion {
        let Some(all) = self.by_name.get(name) else {
            return if self.procedural.contains(name) { Expansion::Opaque } else { Expansion::Foreign };
        };
        let mut choices: Vec<&Definition> = all.iter().collect();
        let cost = tokens.clone().into_iter().count() / 8;
        choices.sort_by_key(|it| std::cmp::Reverse(nearness(&it.file, from)));
        let own = choices.first().is_some_and(|it| it.file == from);
        if BUILT_IN.contains(&name) && !own {
            return Expansion::Foreign;
        }
        for definition in choices.into_iter().take(MAX_CHOICES) {
            let root = match &definition.krate {
                // What another crate defines names its own crate by `$crate`.
                Some(name) if package_folder(&definition.file) != package_folder(from) => name.as_str(),
                _ => "crate",
            };
            for rule in &definition.rules {
                if *budget == 0 {
                    return Expansion::Opaque;
                }
                // Every rule that is tried reads the call once.
                *budget = budget.saturating_sub(1 + cost);
                let Some(bound) = matching::matched(&rule.pattern, tokens.clone(), budget) else { continue };
                let mut out: Vec<TokenTree> = Vec::new();
                return match transcribe::write(&rule.body, &bound, root, &mut out, budget) {
                    true => Expansion::Code(out.into_iter().collect()),
                    false => Expansion::Opaque,
                };
            }
        }
        Expansion::Opaque
    }
}

/// The part of a path before its `src`.
fn package_folder(file: &str) -> &str {
    file.rfind("/src/")
        .map_or_else(|| if file.starts_with("src/") { "" } else { file }, |at| file.get(..at).unwrap_or(file))
}

fn is_below(file: &str, folder: &str) -> bool {
    folder == "." || file.strip_prefix(folder).is_some_and(|it| it.starts_with('/'))
}

/// How many folders two files share; most for one and the same file.
fn nearness(one: &str, two: &str) -> usize {
    if one == two {
        return usize::MAX;
    }
    one.split('/').zip(two.split('/')).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(definition: &str, call: &str) -> Option<String> {
        let macros = Macros::collect(&[("src/lib.rs".to_owned(), definition.into())], &[], BTreeSet::new());
        let mut budget = 10_000;
        match macros.expand("m", "src/lib.rs", &call.parse().unwrap(), &mut budget) {
            Expansion::Code(code) => Some(code.to_string()),
            _ => None,
        }
    }

    #[track_caller]
    fn check(definition: &str, call: &str, expected: &str) {
        let bare = |text: &str| text.chars().filter(|it| !it.is_whitespace()).collect::<String>();
        assert_eq!(expanded(definition, call).map(|it| bare(&it)), Some(bare(expected)));
    }

    #[test]
    fn fragments_are_put_where_the_rule_says() {
        check("macro_rules! m { ($a:ident, $b:literal) => { route($b, $a) } }", "list, \"/x\"", "route(\"/x\", list)");
        check("macro_rules! m { ($t:ty) => { <$t>::new() } }", "Vec<u8>", "<Vec<u8>>::new()");
        check("macro_rules! m { ($p:path) => { get($p) } }", "a::b", "get(a::b)");
        check("macro_rules! m { () => { $crate::a() } }", "", "crate::a()");
    }

    #[test]
    fn repetitions_go_over_every_match() {
        let list = "macro_rules! m { ($($p:literal => $h:ident),* $(,)?) => { r() $(.route($p, get($h)))* } }";
        check(list, "", "r()");
        check(list, "\"/a\" => a", "r().route(\"/a\", get(a))");
        check(list, "\"/a\" => a, \"/b\" => b,", "r().route(\"/a\", get(a)).route(\"/b\", get(b))");
        let nested = "macro_rules! m { ($($p:literal: [$($h:ident)+]);*) => { $($(on($p, $h);)+)* } }";
        check(nested, "\"/a\": [x y]; \"/b\": [z]", "on(\"/a\", x); on(\"/a\", y); on(\"/b\", z);");
        check("macro_rules! m { ($($a:ident)? ; $b:ident) => { $($a)? $b } }", "; c", "c");
    }

    #[test]
    fn the_first_rule_that_fits_is_taken() {
        let rules = "macro_rules! m { (get $h:ident) => { get($h) }; ($($rest:tt)*) => { other($($rest)*) } }";
        check(rules, "get a", "get(a)");
        check(rules, "post a, 1", "other(post a, 1)");
        assert_eq!(expanded("macro_rules! m { (a) => { b } }", "c"), None);
    }

    #[test]
    fn macros_that_grow_without_end_are_given_up_on() {
        let rule = "macro_rules! m { ($($a:tt)*) => { $($a $a $a $a)* $($a $a $a $a)* } }";
        assert_eq!(expanded(rule, &"x ".repeat(5_000)), None);
    }
}
