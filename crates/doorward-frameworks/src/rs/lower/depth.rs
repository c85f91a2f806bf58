//! How deeply source nests, before a parser recurses over it.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// More levels than people write, and fewer than the stack holds.
const LIMIT: usize = 20_000;

/// Whether a parser would recurse too deeply. Brackets nest, and so do operators and chains: each sign in one
/// statement or argument counts as a level.
pub(super) fn is_too_deep(tokens: TokenStream) -> bool {
    let mut levels = vec![(tokens.into_iter(), 0_usize, 0_usize)];
    while let Some((rest, base, signs)) = levels.last_mut() {
        let Some(tree) = rest.next() else {
            levels.pop();
            continue;
        };
        let mut inner = None;
        match tree {
            TokenTree::Punct(sign) if matches!(sign.as_char(), ',' | ';') => *signs = 0,
            TokenTree::Punct(_) => *signs += 1,
            TokenTree::Ident(word) => {
                // Words that take what follows them as an operand, and names between `else if`s.
                if word == "else" || word == "return" || word == "break" || word == "await" {
                    *signs += 2;
                } else if word == "fn" || word == "let" || word == "impl" || word == "mod" {
                    *signs = 0;
                }
            }
            TokenTree::Group(group) => {
                if group.delimiter() != Delimiter::None || *signs > 0 {
                    *signs += 1;
                }
                inner = Some((group.stream().into_iter(), *base + *signs, 0));
            }
            TokenTree::Literal(_) => {}
        }
        if *base + *signs > LIMIT {
            return true;
        }
        levels.extend(inner);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deep(text: &str) -> bool {
        is_too_deep(text.parse().unwrap())
    }

    #[test]
    fn chains_that_people_write_are_fine_and_towers_are_not() {
        assert!(!deep(&format!("fn a() {{ x{} }}", ".a()".repeat(5_000))));
        assert!(!deep(&format!("static X: &[i32] = &[{}];", "-1,".repeat(100_000))));
        assert!(!deep(&"fn a() { if b { c() } else { d() } }\n".repeat(20_000)));
        for (text, tail) in
            [("&", "1"), ("!", "1"), ("||", "1"), ("return ", "1"), ("1+", "1"), ("if a {} else ", "{}")]
        {
            assert!(deep(&format!("fn a() {{ {}{tail} }}", text.repeat(30_000))), "{text}");
        }
        assert!(deep(&format!("type A = {}B{};", "V<".repeat(30_000), ">".repeat(30_000))));
    }
}
