//! Paths as axum writes them.

use doorward::path::{PathError, PathTemplate};

/// A path of axum, as a template; or the code of the diagnostic that says why it is none. `old` is before 0.8.
pub(crate) fn parse(text: &str, old: bool) -> Result<PathTemplate, &'static str> {
    if text.is_empty() {
        return Ok(PathTemplate::root());
    }
    let parts: Vec<String> = text.split('/').map(|part| segment(part, old)).collect();
    parts.join("/").parse().map_err(|error| match error {
        PathError::ControlCharacter => "DW2014",
        PathError::NotAbsolute => "DW2015",
        _ => "DW2009",
    })
}

fn segment(part: &str, old: bool) -> String {
    if let Some(name) = part.strip_prefix(':').filter(|it| !it.is_empty()) {
        return format!("{{{name}}}");
    }
    if let Some(name) = part.strip_prefix('*').filter(|it| !it.is_empty() || old) {
        return format!("{{*{}}}", if name.is_empty() { "path" } else { name });
    }
    part.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_values_are_one_template() {
        let check = |text: &str, expected: &str| assert_eq!(parse(text, false).unwrap().to_string(), expected);
        check("/users/:id", "/users/{id}");
        check("/users/{id}", "/users/{id}");
        check("/files/*rest", "/files/{*rest}");
        check("/files/{*rest}", "/files/{*rest}");
        check("", "/");
        check("/", "/");
        assert_eq!(parse("users", false), Err("DW2015"));
        assert_eq!(parse("/a\u{7}", false), Err("DW2014"));
    }
}
