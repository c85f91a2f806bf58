//! From the paths of Starlette to templates.

use std::str::FromStr;

use doorward::path::PathTemplate;

use crate::py::value::Value;

/// One path that a value may be, and whether the environment may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) text: String,
    pub(crate) assumed: bool,
}

/// Every path a value may be; `None` where one of them isn't known.
pub(crate) fn known(value: Option<&Value>) -> Option<Vec<Known>> {
    let Some(value) = value else { return Some(vec![Known { text: String::new(), assumed: false }]) };
    value
        .each()
        .iter()
        .map(|it| match it {
            Value::Str(text) => Some(Known { text: text.text.to_string(), assumed: text.assumed }),
            Value::None => Some(Known { text: String::new(), assumed: false }),
            _ => None,
        })
        .collect()
}

/// Why a path has no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Odd {
    /// It holds control characters.
    Control,
    /// It doesn't start with a slash.
    NeverMatches,
    /// Its pattern has no exact template.
    Pattern,
}

/// The template of a path such as `/files/{path:path}`.
pub(crate) fn template(path: &str) -> Result<PathTemplate, Odd> {
    if path.chars().any(char::is_control) {
        return Err(Odd::Control);
    }
    if !path.is_empty() && !path.starts_with('/') {
        return Err(Odd::NeverMatches);
    }
    let mut text = String::with_capacity(path.len() + 1);
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((hole, after)) = after.split_once('}') else { return Err(Odd::Pattern) };
        text.push_str(before);
        let (name, convertor) = hole.split_once(':').unwrap_or((hole, "str"));
        let whole = before.ends_with('/') && (after.is_empty() || after.starts_with('/'));
        // A path convertor in the middle of a segment takes slashes too, which no template says.
        let star = if convertor == "path" && whole { "*" } else { "" };
        text.push_str(&format!("{{{star}{name}}}"));
        rest = after;
    }
    text.push_str(rest);
    if text.is_empty() {
        text.push('/');
    }
    PathTemplate::from_str(&text).map_err(|_| Odd::Pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convertors_say_what_a_hole_takes() {
        let shown = |it: &str| template(it).map(|it| it.to_string());
        assert_eq!(shown("/a/{id:int}/b"), Ok("/a/{id}/b".to_owned()));
        assert_eq!(shown("/files/{rest:path}"), Ok("/files/{*rest}".to_owned()));
        assert_eq!(shown("/f/{name}.json"), Ok("/f/{name}.json".to_owned()));
        assert_eq!(shown(""), Ok("/".to_owned()));
        assert_eq!(shown("a"), Err(Odd::NeverMatches));
        assert_eq!(shown("/{a"), Err(Odd::Pattern));
        assert_eq!(shown("/\n"), Err(Odd::Control));
    }
}
