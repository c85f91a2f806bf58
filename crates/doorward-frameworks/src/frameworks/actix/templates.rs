//! Paths as actix-web writes them.

use doorward::path::{PathError, PathTemplate};

/// A path of actix-web, as a template; or the code of the diagnostic that says why it is none.
pub(super) fn parse(text: &str) -> Result<PathTemplate, &'static str> {
    let mut path = String::from("/");
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('{') {
        path.push_str(before);
        // The pattern of a value may hold braces of its own: `{year:[0-9]{4}}`.
        let mut depth = 1_usize;
        let end = from.char_indices().find(|(_, it)| {
            match it {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let Some((end, _)) = end else { return Err("DW2009") };
        let (inside, after) = from.split_at(end);
        let (name, pattern) = inside.split_once(':').unwrap_or((inside, ""));
        let anything = matches!(pattern, ".*" | ".+" | "(.*)" | "(.+)" | ".*?") || pattern.contains('/');
        path.push('{');
        if anything {
            path.push('*');
        }
        path.push_str(if name.trim().is_empty() { "path" } else { name.trim() });
        path.push('}');
        rest = after.get(1..).unwrap_or_default();
    }
    path.push_str(rest);
    path.parse().map_err(|error| match error {
        PathError::ControlCharacter => "DW2014",
        _ => "DW2009",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_values_are_left_out_and_those_that_cross_segments_are_catch_alls() {
        let check = |text: &str, expected: &str| assert_eq!(parse(text).unwrap().to_string(), expected);
        check("/users/{id}", "/users/{id}");
        check("/users/{id:\\d+}", "/users/{id}");
        check("/archive/{year:[0-9]{4}}", "/archive/{year}");
        check("/files/{tail:.*}", "/files/{*tail}");
        check("users", "/users");
        check("", "/");
        assert_eq!(parse("/a/{b"), Err("DW2009"));
    }
}
