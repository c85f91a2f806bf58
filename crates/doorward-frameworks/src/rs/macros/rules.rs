//! The rules of a `macro_rules!`, in a form that may leave the thread that read them.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Deeper rules are not written by people.
const MAX_DEPTH: usize = 64;

/// A token of a rule.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    Ident(String),
    /// Whether the next sign belongs to it.
    Punct(char, bool),
    Literal(String),
    Group(Delimiter, Vec<Tree>),
    /// `$name:kind`, or `$name`.
    Var(String, String),
    /// `$( … ) separator sign`.
    Repeat(Vec<Tree>, Vec<Tree>, char),
    /// `$crate`.
    Crate,
}

/// `(pattern) => { body }`.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) pattern: Vec<Tree>,
    pub(super) body: Vec<Tree>,
}

/// What a file defines.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    pub(super) rules: Vec<(String, Vec<Rule>)>,
    pub(super) procedural: Vec<String>,
}

/// Every definition in a file, wherever it stands.
pub(super) fn definitions(text: &str) -> Definitions {
    let mut all = Definitions::default();
    let Ok(tokens) = text.parse::<TokenStream>() else { return all };
    let mut work = vec![tokens];
    while let Some(tokens) = work.pop() {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, tree) in trees.iter().enumerate() {
            match tree {
                TokenTree::Ident(word) if *word == "macro_rules" => {
                    if let [TokenTree::Punct(_), TokenTree::Ident(name), TokenTree::Group(group), ..] =
                        trees.get(at + 1..).unwrap_or_default()
                    {
                        all.rules.push((name.to_string(), rules(group.stream())));
                    }
                }
                TokenTree::Group(group) => {
                    if is_proc_macro(group) {
                        all.procedural.extend(function_name(trees.get(at + 1..).unwrap_or_default()));
                    }
                    work.push(group.stream());
                }
                _ => {}
            }
        }
    }
    all
}

/// `[proc_macro]`.
fn is_proc_macro(group: &proc_macro2::Group) -> bool {
    let mut inner = group.stream().into_iter();
    group.delimiter() == Delimiter::Bracket
        && matches!(inner.next(), Some(TokenTree::Ident(word)) if word == "proc_macro")
        && inner.next().is_none()
}

/// The name behind the next `fn`.
fn function_name(trees: &[TokenTree]) -> Option<String> {
    let at = trees.iter().take(64).position(|it| matches!(it, TokenTree::Ident(word) if word == "fn"))?;
    match trees.get(at + 1) {
        Some(TokenTree::Ident(name)) => Some(name.to_string()),
        _ => None,
    }
}

fn rules(tokens: TokenStream) -> Vec<Rule> {
    let mut all = Vec::new();
    let mut pattern: Option<Vec<Tree>> = None;
    for tree in tokens {
        let TokenTree::Group(group) = tree else { continue };
        match pattern.take() {
            None => pattern = Some(trees(group.stream(), 0)),
            Some(pattern) => all.push(Rule { pattern, body: trees(group.stream(), 0) }),
        }
    }
    all
}

fn trees(tokens: TokenStream, depth: usize) -> Vec<Tree> {
    let mut all = Vec::new();
    if depth > MAX_DEPTH {
        return all;
    }
    let mut rest = tokens.into_iter().peekable();
    while let Some(tree) = rest.next() {
        let read = match tree {
            TokenTree::Punct(sign) if sign.as_char() == '$' => match rest.next() {
                Some(TokenTree::Ident(name)) if name == "crate" => Tree::Crate,
                Some(TokenTree::Ident(name)) => Tree::Var(name.to_string(), kind(&mut rest)),
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
                    let (separator, sign) = repetition(&mut rest);
                    Tree::Repeat(trees(group.stream(), depth + 1), separator, sign)
                }
                Some(other) => plain(other, depth),
                None => break,
            },
            other => plain(other, depth),
        };
        all.push(read);
    }
    all
}

type Rest = std::iter::Peekable<proc_macro2::token_stream::IntoIter>;

/// `:kind`. In a body a colon may follow a variable too, before something that is no kind.
fn kind(rest: &mut Rest) -> String {
    let mut ahead = rest.clone();
    let colon = matches!(ahead.next(), Some(TokenTree::Punct(sign)) if sign.as_char() == ':' && sign.spacing() == proc_macro2::Spacing::Alone);
    match ahead.next() {
        Some(TokenTree::Ident(kind)) if colon && super::matching::is_kind(&kind.to_string()) => {
            *rest = ahead;
            kind.to_string()
        }
        _ => String::new(),
    }
}

/// What stands behind `$( … )`: a separator, and how often.
fn repetition(rest: &mut Rest) -> (Vec<Tree>, char) {
    let mut separator = Vec::new();
    for _ in 0..3 {
        match rest.next() {
            Some(TokenTree::Punct(sign)) if matches!(sign.as_char(), '*' | '+' | '?') => {
                return (separator, sign.as_char());
            }
            Some(other) => separator.push(plain(other, MAX_DEPTH)),
            None => break,
        }
    }
    (separator, '*')
}

fn plain(tree: TokenTree, depth: usize) -> Tree {
    match tree {
        TokenTree::Ident(name) => Tree::Ident(name.to_string()),
        TokenTree::Punct(sign) => Tree::Punct(sign.as_char(), sign.spacing() == proc_macro2::Spacing::Joint),
        TokenTree::Literal(value) => Tree::Literal(value.to_string()),
        TokenTree::Group(group) => Tree::Group(group.delimiter(), trees(group.stream(), depth + 1)),
    }
}
