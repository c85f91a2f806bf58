//! Path templates: the name of a route, as OpenAPI writes it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One segment of a [`PathTemplate`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Text that must appear as it is.
    Literal(String),
    /// A named value that fills the segment, or part of it: `{id}`, `{name}.json`.
    Param {
        /// Text before the value.
        prefix: String,
        /// The parameter's name.
        name: String,
        /// Text after the value.
        suffix: String,
    },
    /// The rest of the path, any number of segments: `{*rest}`.
    CatchAll(String),
}

/// A path with named holes: `/orgs/{orgId}/invoices/{id}`.
///
/// Always starts with `/`, never ends with one (except the root), and holds no empty segment.
/// A catch-all is written `{*name}` and may only stand last.
///
/// ```
/// use doorward::path::PathTemplate;
///
/// let path: PathTemplate = "/orgs/{orgId}/invoices/".parse().unwrap();
/// assert_eq!(path.to_string(), "/orgs/{orgId}/invoices");
/// assert_eq!(path.params().collect::<Vec<_>>(), ["orgId"]);
/// assert!(path.starts_with(&"/orgs".parse().unwrap()));
/// assert!(!path.starts_with(&"/org".parse().unwrap()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PathTemplate(Vec<Segment>);

/// Why a text is not a path template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Templates are absolute.
    #[error("a path starts with `/`")]
    NotAbsolute,
    /// `{` without `}`, an empty name, or more than one parameter in a segment.
    #[error("`{0}` is not a literal, `{{name}}` or `{{*name}}`")]
    BadSegment(String),
    /// A catch-all swallows everything after it.
    #[error("`{0}` must be the last segment")]
    CatchAllNotLast(String),
    /// Control characters would corrupt every report that prints them.
    #[error("a path holds no control characters")]
    ControlCharacter,
}

impl PathTemplate {
    /// The root, `/`.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Builds a template from segments that were already told apart.
    #[must_use]
    pub fn from_segments(segments: Vec<Segment>) -> Self {
        Self(segments)
    }

    /// The segments, in order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// This template with `tail` mounted under it.
    #[must_use]
    pub fn join(&self, tail: &Self) -> Self {
        Self(self.0.iter().chain(&tail.0).cloned().collect())
    }

    /// The names of the parameters, in order.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Param { name, .. } | Segment::CatchAll(name) => Some(name.as_str()),
        })
    }

    /// Whether `prefix` is this path or one of its ancestors. Compared segment by segment: `/admin` is not a
    /// prefix of `/administrators`. Parameters match parameters whatever they are called.
    #[must_use]
    pub fn starts_with(&self, prefix: &Self) -> bool {
        prefix.0.len() <= self.0.len()
            && prefix.0.iter().zip(&self.0).all(|(ours, theirs)| match (ours, theirs) {
                (Segment::Param { .. }, Segment::Param { .. }) | (Segment::CatchAll(_), Segment::CatchAll(_)) => true,
                _ => ours == theirs,
            })
    }
}

impl FromStr for PathTemplate {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.chars().any(char::is_control) {
            return Err(PathError::ControlCharacter);
        }
        let rest = text.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
        let mut segments: Vec<Segment> = Vec::new();
        for part in rest.split('/').filter(|part| !part.is_empty()) {
            if let Some(Segment::CatchAll(name)) = segments.last() {
                return Err(PathError::CatchAllNotLast(format!("{{*{name}}}")));
            }
            segments.push(parse_segment(part)?);
        }
        Ok(Self(segments))
    }
}

fn parse_segment(part: &str) -> Result<Segment, PathError> {
    let bad = || PathError::BadSegment(part.to_owned());
    let Some((prefix, rest)) = part.split_once('{') else {
        return if part.contains('}') { Err(bad()) } else { Ok(Segment::Literal(part.to_owned())) };
    };
    let (name, suffix) = rest.split_once('}').ok_or_else(bad)?;
    if suffix.contains(['{', '}']) || prefix.contains('}') || name.contains('{') {
        return Err(bad());
    }
    match name.strip_prefix('*') {
        Some(name) if prefix.is_empty() && suffix.is_empty() && !name.is_empty() => {
            Ok(Segment::CatchAll(name.to_owned()))
        }
        None if !name.is_empty() => {
            Ok(Segment::Param { prefix: prefix.to_owned(), name: name.to_owned(), suffix: suffix.to_owned() })
        }
        _ => Err(bad()),
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|segment| match segment {
            Segment::Literal(text) => write!(f, "/{text}"),
            Segment::Param { prefix, name, suffix } => write!(f, "/{prefix}{{{name}}}{suffix}"),
            Segment::CatchAll(name) => write!(f, "/{{*{name}}}"),
        })
    }
}

impl Serialize for PathTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PathTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, PathError>) {
        let got = text.parse::<PathTemplate>().map(|path| path.to_string());
        assert_eq!(got.as_deref(), expected.as_ref().map(|text| *text), "{text}");
    }

    #[test]
    fn templates_are_normalised_without_changing_their_meaning() {
        check("/", Ok("/"));
        check("/orders/", Ok("/orders"));
        check("//orders//{id}", Ok("/orders/{id}"));
        check("/files/{*path}", Ok("/files/{*path}"));
        check("/report/{name}.json", Ok("/report/{name}.json"));
    }

    #[test]
    fn what_no_router_could_mean_is_refused() {
        check("orders", Err(PathError::NotAbsolute));
        check("/a/{", Err(PathError::BadSegment("{".into())));
        check("/a/{}", Err(PathError::BadSegment("{}".into())));
        check("/a/{b}{c}", Err(PathError::BadSegment("{b}{c}".into())));
        check("/{*a}/b", Err(PathError::CatchAllNotLast("{*a}".into())));
        check("/a\u{7}", Err(PathError::ControlCharacter));
    }
}
