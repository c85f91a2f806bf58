//! Matches the tokens of a call with the pattern of a rule.

use std::collections::BTreeMap;
use std::rc::Rc;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};

use super::rules::Tree;

/// What a variable stands for.
#[derive(Debug, Clone)]
pub(super) enum Bound {
    Tokens(Rc<Vec<TokenTree>>),
    /// One for each time that a repetition matched.
    Each(Rc<Vec<Bound>>),
}

pub(super) type Binds = BTreeMap<String, Bound>;

/// Whether a word is a kind of fragment.
pub(super) fn is_kind(word: &str) -> bool {
    matches!(
        word,
        "ident"
            | "expr"
            | "expr_2021"
            | "ty"
            | "path"
            | "tt"
            | "literal"
            | "block"
            | "pat"
            | "pat_param"
            | "stmt"
            | "item"
            | "lifetime"
            | "vis"
            | "meta"
    )
}

/// What the variables of a pattern stand for, if it matches all of `tokens`.
pub(super) fn matched(pattern: &[Tree], tokens: TokenStream, budget: &mut usize) -> Option<Binds> {
    let mut binds = Binds::new();
    let parse = |input: ParseStream<'_>| trees(pattern, input, &mut binds, budget);
    parse.parse2(tokens).ok()?;
    Some(binds)
}

fn no<T>(input: ParseStream<'_>) -> syn::Result<T> {
    Err(input.error("no match"))
}

fn trees(pattern: &[Tree], input: ParseStream<'_>, binds: &mut Binds, budget: &mut usize) -> syn::Result<()> {
    for tree in pattern {
        *budget = budget.saturating_sub(1);
        if *budget == 0 {
            return no(input);
        }
        let fits = match tree {
            Tree::Ident(word) => input.call(syn::Ident::parse_any)? == *word,
            Tree::Crate => input.call(syn::Ident::parse_any)? == "crate",
            Tree::Punct(sign, _) => {
                matches!(input.parse::<TokenTree>()?, TokenTree::Punct(it) if it.as_char() == *sign)
            }
            Tree::Literal(text) => {
                matches!(input.parse::<TokenTree>()?, TokenTree::Literal(it) if it.to_string() == *text)
            }
            Tree::Group(delimiter, inner) => match input.parse::<TokenTree>()? {
                TokenTree::Group(group) if group.delimiter() == *delimiter => {
                    let parse = |input: ParseStream<'_>| trees(inner, input, binds, budget);
                    parse.parse2(group.stream())?;
                    true
                }
                _ => false,
            },
            Tree::Var(name, kind) => {
                let tokens = fragment(kind, input)?;
                *budget = budget.saturating_sub(tokens.len());
                binds.insert(name.clone(), Bound::Tokens(Rc::new(tokens)));
                true
            }
            Tree::Repeat(inner, separator, sign) => repeat(inner, separator, *sign, input, binds, budget)?,
        };
        if !fits {
            return no(input);
        }
    }
    Ok(())
}

/// As often as it goes. Whether that is often enough.
fn repeat(
    pattern: &[Tree],
    separator: &[Tree],
    sign: char,
    input: ParseStream<'_>,
    binds: &mut Binds,
    budget: &mut usize,
) -> syn::Result<bool> {
    let mut each: Vec<Binds> = Vec::new();
    while (sign != '?' || each.is_empty()) && !input.is_empty() && *budget > 0 {
        let ahead = input.fork();
        let mut inner = Binds::new();
        let separated = each.is_empty() || trees(separator, &ahead, &mut Binds::new(), budget).is_ok();
        if !separated || trees(pattern, &ahead, &mut inner, budget).is_err() || ahead.cursor() == input.cursor() {
            break;
        }
        input.advance_to(&ahead);
        each.push(inner);
    }
    for name in variables(pattern) {
        let all: Vec<Bound> = each.iter().filter_map(|it| it.get(&name).cloned()).collect();
        binds.insert(name, Bound::Each(Rc::new(all)));
    }
    Ok(sign != '+' || !each.is_empty())
}

/// The names of all variables in a pattern or a body.
pub(super) fn variables(pattern: &[Tree]) -> Vec<String> {
    let mut all = Vec::new();
    let mut work: Vec<&[Tree]> = vec![pattern];
    while let Some(trees) = work.pop() {
        for tree in trees {
            match tree {
                Tree::Var(name, _) => all.push(name.clone()),
                Tree::Group(_, inner) | Tree::Repeat(inner, ..) => work.push(inner),
                _ => {}
            }
        }
    }
    all
}

/// The tokens of one fragment.
fn fragment(kind: &str, input: ParseStream<'_>) -> syn::Result<Vec<TokenTree>> {
    let ahead = input.fork();
    match kind {
        "ident" => drop(ahead.call(syn::Ident::parse_any)?),
        "expr" | "expr_2021" => drop(ahead.parse::<syn::Expr>()?),
        "ty" => drop(ahead.parse::<syn::Type>()?),
        "path" => drop(ahead.parse::<syn::Path>()?),
        "literal" => {
            ahead.parse::<Option<syn::Token![-]>>()?;
            drop(ahead.parse::<syn::Lit>()?);
        }
        "tt" if ahead.peek(syn::Lifetime) => drop(ahead.parse::<syn::Lifetime>()?),
        "tt" => drop(ahead.parse::<TokenTree>()?),
        "block" => drop(ahead.parse::<syn::Block>()?),
        "pat" => drop(syn::Pat::parse_multi_with_leading_vert(&ahead)?),
        "pat_param" => drop(syn::Pat::parse_single(&ahead)?),
        "stmt" => drop(ahead.parse::<syn::Stmt>()?),
        "item" => drop(ahead.parse::<syn::Item>()?),
        "lifetime" => drop(ahead.parse::<syn::Lifetime>()?),
        "vis" => drop(ahead.parse::<syn::Visibility>()?),
        "meta" => drop(ahead.parse::<syn::Meta>()?),
        _ => return no(input),
    }
    let mut tokens = Vec::new();
    while !input.is_empty() && input.cursor() != ahead.cursor() {
        tokens.push(input.parse::<TokenTree>()?);
    }
    // What was one expression stays one, whatever stands around it.
    let whole = matches!(kind, "expr" | "expr_2021" | "ty") && tokens.len() > 1;
    Ok(if whole { vec![TokenTree::Group(Group::new(Delimiter::None, tokens.into_iter().collect()))] } else { tokens })
}
