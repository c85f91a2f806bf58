//! `paste!`: names that are put together, `[<get_ $name>]`.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

/// Deeper code is left as it is.
const MAX_DEPTH: usize = 256;

/// Code with its names put together.
pub(crate) fn pasted(tokens: TokenStream) -> TokenStream {
    written(tokens, 0)
}

fn written(tokens: TokenStream, depth: usize) -> TokenStream {
    tokens
        .into_iter()
        .map(|tree| match tree {
            TokenTree::Group(group) if depth < MAX_DEPTH => match name(&group) {
                Some(name) => TokenTree::Ident(name),
                None => {
                    let mut inner = Group::new(group.delimiter(), written(group.stream(), depth + 1));
                    inner.set_span(group.span());
                    TokenTree::Group(inner)
                }
            },
            other => other,
        })
        .collect()
}

/// The name that `[< … >]` stands for.
fn name(group: &Group) -> Option<Ident> {
    let trees: Vec<TokenTree> = group.stream().into_iter().collect();
    let sign =
        |tree: Option<&TokenTree>, wanted: char| matches!(tree, Some(TokenTree::Punct(it)) if it.as_char() == wanted);
    if group.delimiter() != Delimiter::Bracket || !sign(trees.first(), '<') || !sign(trees.last(), '>') {
        return None;
    }
    let mut text = String::new();
    let mut last = String::new();
    let mut span: Option<Span> = None;
    let mut parts = flat(trees.get(1..trees.len().checked_sub(1)?)?).into_iter();
    while let Some(part) = parts.next() {
        match part {
            TokenTree::Ident(word) => {
                text.push_str(&last);
                last = word.to_string().trim_start_matches("r#").to_owned();
                span = span.or(Some(word.span()));
            }
            TokenTree::Literal(value) => {
                text.push_str(&last);
                last = value.to_string().trim_matches('"').to_owned();
            }
            // `$name:lower`
            TokenTree::Punct(colon) if colon.as_char() == ':' => match parts.next()? {
                TokenTree::Ident(form) => last = formed(&last, &form.to_string())?,
                _ => return None,
            },
            _ => return None,
        }
    }
    text.push_str(&last);
    syn::parse_str::<Ident>(&text).ok().map(|it| Ident::new(&it.to_string(), span.unwrap_or_else(Span::call_site)))
}

/// What a macro put in is one token in brackets that nobody wrote.
fn flat(trees: &[TokenTree]) -> Vec<TokenTree> {
    let mut all = Vec::new();
    for tree in trees {
        match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => all.extend(group.stream()),
            other => all.push(other.clone()),
        }
    }
    all
}

fn formed(word: &str, form: &str) -> Option<String> {
    Some(match form {
        "lower" => word.to_lowercase(),
        "upper" => word.to_uppercase(),
        "snake" => {
            let mut text = String::new();
            for (at, sign) in word.char_indices() {
                if at > 0 && sign.is_uppercase() && !text.ends_with('_') {
                    text.push('_');
                }
                text.extend(sign.to_lowercase());
            }
            text
        }
        "camel" => word
            .split('_')
            .map(|it| {
                let mut signs = it.chars();
                signs.next().map(|it| it.to_ascii_uppercase()).into_iter().chain(signs).collect::<String>()
            })
            .collect(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_together() {
        let check = |text: &str, expected: &str| {
            assert_eq!(pasted(text.parse().unwrap()).to_string(), expected.parse::<TokenStream>().unwrap().to_string());
        };
        check("fn [<get_ users>]() {}", "fn get_users() {}");
        check("[<Users:snake _by_ ID:lower>]", "users_by_id");
        check("{ ([<a \"b\" 1>]) }", "{ (ab1) }");
        check("[a, b] [<a + b>]", "[a, b] [<a + b>]");
    }
}
