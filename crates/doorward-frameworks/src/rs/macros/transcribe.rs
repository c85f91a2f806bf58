//! Writes the body of a rule out.

use proc_macro2::{Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

use super::matching::{Binds, Bound, variables};
use super::rules::Tree;

/// Adds the tokens of `body` to `out`. `false` if there would be too many, or one can't be made.
///
/// Tokens of the call keep their places; those of the rule have none.
pub(super) fn write(body: &[Tree], binds: &Binds, root: &str, out: &mut Vec<TokenTree>, budget: &mut usize) -> bool {
    for tree in body {
        *budget = budget.saturating_sub(1);
        if *budget == 0 {
            return false;
        }
        match tree {
            Tree::Ident(name) => out.push(TokenTree::Ident(ident(name))),
            Tree::Punct(sign, joint) => {
                let spacing = if *joint { Spacing::Joint } else { Spacing::Alone };
                out.push(TokenTree::Punct(Punct::new(*sign, spacing)));
            }
            Tree::Literal(text) => {
                let Ok(mut literal) = text.parse::<Literal>() else { return false };
                literal.set_span(Span::call_site());
                out.push(TokenTree::Literal(literal));
            }
            Tree::Crate => out.push(TokenTree::Ident(ident(root))),
            Tree::Group(delimiter, inner) => {
                let mut tokens = Vec::new();
                if !write(inner, binds, root, &mut tokens, budget) {
                    return false;
                }
                out.push(TokenTree::Group(Group::new(*delimiter, tokens.into_iter().collect::<TokenStream>())));
            }
            Tree::Var(name, _) => match binds.get(name) {
                Some(Bound::Tokens(tokens)) => {
                    *budget = budget.saturating_sub(tokens.len());
                    out.extend(tokens.iter().cloned());
                }
                Some(Bound::Each(_)) => return false,
                None => {
                    // A variable of a macro that the body defines.
                    out.push(TokenTree::Punct(Punct::new('$', Spacing::Alone)));
                    out.push(TokenTree::Ident(ident(name)));
                }
            },
            Tree::Repeat(inner, separator, _) => {
                if !repeat(inner, separator, binds, root, out, budget) {
                    return false;
                }
            }
        }
    }
    true
}

fn repeat(
    body: &[Tree],
    separator: &[Tree],
    binds: &Binds,
    root: &str,
    out: &mut Vec<TokenTree>,
    budget: &mut usize,
) -> bool {
    let repeated: Vec<(String, &Vec<Bound>)> = variables(body)
        .into_iter()
        .filter_map(|name| match binds.get(&name) {
            Some(Bound::Each(all)) => Some((name, &**all)),
            _ => None,
        })
        .collect();
    let Some(times) = repeated.iter().map(|(_, all)| all.len()).max() else { return false };
    for at in 0..times {
        let mut inner = binds.clone();
        *budget = budget.saturating_sub(inner.len());
        for (name, all) in &repeated {
            match all.get(at) {
                Some(one) => drop(inner.insert(name.clone(), one.clone())),
                None => return false,
            }
        }
        if (at > 0 && !write(separator, binds, root, out, budget)) || !write(body, &inner, root, out, budget) {
            return false;
        }
    }
    true
}

fn ident(name: &str) -> Ident {
    match name.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, Span::call_site()),
        None => Ident::new(name, Span::call_site()),
    }
}
