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
    /// Several values in one segment, with text between them: `{from}-{to}`.
    Mixed(Vec<Piece>),
    /// Any number of segments: `{*rest}`.
    CatchAll(String),
}

/// A part of a [`Segment::Mixed`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Piece {
    /// Text that must appear as it is.
    Text(String),
    /// A named value.
    Value(String),
}

impl Segment {
    /// The names of its values, in order.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        let (one, several): (Option<&str>, &[Piece]) = match self {
            Self::Literal(_) => (None, &[]),
            Self::Param { name, .. } | Self::CatchAll(name) => (Some(name), &[]),
            Self::Mixed(pieces) => (None, pieces),
        };
        one.into_iter().chain(several.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Value(name) => Some(name.as_str()),
        }))
    }

    /// Whether `part`, one segment of a request's path, can be this one.
    ///
    /// ```
    /// use doorward::path::PathTemplate;
    ///
    /// let path: PathTemplate = "/flights/{from}-{to}".parse().unwrap();
    /// assert!(path.segments()[1].matches("LHR-JFK"));
    /// assert!(!path.segments()[1].matches("LHR"));
    /// ```
    #[must_use]
    pub fn matches(&self, part: &str) -> bool {
        match self {
            Self::Literal(text) => text == part,
            Self::Param { prefix, suffix, .. } => {
                part.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.ends_with(suffix.as_str()))
            }
            Self::Mixed(pieces) => {
                // Texts in their order are enough; routers differ in how greedy the values between them are.
                let mut rest = Some(part);
                for piece in pieces {
                    if let Piece::Text(text) = piece {
                        rest = rest.and_then(|it| it.split_once(text.as_str())).map(|(_, after)| after);
                    }
                }
                rest.is_some()
            }
            Self::CatchAll(_) => true,
        }
    }
}

/// A path with named holes: `/orgs/{orgId}/invoices/{id}`.
///
/// Always starts with `/`, never ends with one (except the root), and holds no empty segment.
/// A catch-all is written `{*name}`.
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
    /// `{` without `}`, an empty name, or two values with nothing between them.
    #[error("`{0}` is not a literal, `{{name}}` or `{{*name}}`")]
    BadSegment(String),
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
        self.0.iter().flat_map(Segment::params)
    }

    /// Whether `prefix` is this path or one of its ancestors. Compared segment by segment: `/admin` is not a
    /// prefix of `/administrators`. Parameters match parameters whatever they are called.
    #[must_use]
    pub fn starts_with(&self, prefix: &Self) -> bool {
        prefix.0.len() <= self.0.len()
            && prefix.0.iter().zip(&self.0).all(|(ours, theirs)| match (ours, theirs) {
                (Segment::Param { .. }, Segment::Param { .. })
                | (Segment::Mixed(_), Segment::Mixed(_))
                | (Segment::CatchAll(_), Segment::CatchAll(_)) => true,
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
        let segments: Result<_, _> = rest.split('/').filter(|part| !part.is_empty()).map(parse_segment).collect();
        segments.map(Self)
    }
}

fn parse_segment(part: &str) -> Result<Segment, PathError> {
    let bad = || PathError::BadSegment(part.to_owned());
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = part;
    while let Some((text, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or_else(bad)?;
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        } else if matches!(pieces.last(), Some(Piece::Value(_))) {
            return Err(bad());
        }
        pieces.push(Piece::Value(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    let wrong = pieces.iter().any(|piece| match piece {
        Piece::Text(text) => text.contains('}'),
        Piece::Value(name) => name.is_empty() || name.contains('{') || (name.contains('*') && pieces.len() > 1),
    });
    if wrong {
        return Err(bad());
    }
    let text = |piece: Option<&Piece>| match piece {
        Some(Piece::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let mut values = pieces.iter().enumerate().filter_map(|(at, piece)| match piece {
        Piece::Value(name) => Some((at, name)),
        Piece::Text(_) => None,
    });
    Ok(match (values.next(), values.next()) {
        (None, _) => Segment::Literal(part.to_owned()),
        (Some((at, name)), None) => match name.strip_prefix('*') {
            Some("") => return Err(bad()),
            Some(name) => Segment::CatchAll(name.to_owned()),
            None => Segment::Param {
                prefix: text(at.checked_sub(1).and_then(|it| pieces.get(it))),
                name: name.clone(),
                suffix: text(pieces.get(at + 1)),
            },
        },
        _ => Segment::Mixed(pieces),
    })
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|segment| match segment {
            Segment::Literal(text) => write!(f, "/{text}"),
            Segment::Param { prefix, name, suffix } => write!(f, "/{prefix}{{{name}}}{suffix}"),
            Segment::Mixed(pieces) => {
                f.write_str("/")?;
                pieces.iter().try_for_each(|piece| match piece {
                    Piece::Text(text) => f.write_str(text),
                    Piece::Value(name) => write!(f, "{{{name}}}"),
                })
            }
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
        check("/files/{*path}/meta", Ok("/files/{*path}/meta"));
        check("/flights/{from}-{to}", Ok("/flights/{from}-{to}"));
        check("/v{major}.{minor}x", Ok("/v{major}.{minor}x"));
    }

    #[test]
    fn what_no_router_could_mean_is_refused() {
        check("orders", Err(PathError::NotAbsolute));
        check("/a/{", Err(PathError::BadSegment("{".into())));
        check("/a/{}", Err(PathError::BadSegment("{}".into())));
        check("/a/{b}{c}", Err(PathError::BadSegment("{b}{c}".into())));
        check("/{*}", Err(PathError::BadSegment("{*}".into())));
        check("/x{*a}", Err(PathError::BadSegment("x{*a}".into())));
        check("/a}b", Err(PathError::BadSegment("a}b".into())));
        check("/a\u{7}", Err(PathError::ControlCharacter));
    }
}
