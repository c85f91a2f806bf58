//! What a route takes and gives, as far as its source declares it.
//!
//! Schemas are JSON Schema 2020-12, the dialect of OpenAPI 3.1, kept as JSON: they come from type annotations, schema
//! libraries and models, and go into a document. Named ones live in [`App::schemas`](crate::inventory::App::schemas)
//! and are referred to as `{"$ref": "#/components/schemas/Name"}`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything the source declares about one route. Empty where it declares nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// One line for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub summary: Option<String>,
    /// Groups the route belongs to.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tags: Vec<String>,
    /// Values in the path, the query, headers and cookies.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parameters: Vec<Parameter>,
    /// The request's body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Body>,
    /// The responses, by status.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub responses: Vec<Response>,
}

impl Shape {
    /// Whether the source declares nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The parameter of this name in this place.
    #[must_use]
    pub fn parameter(&self, within: Within, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|it| it.within == within && it.name == name)
    }
}

/// One value outside of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name, as it is sent.
    pub name: String,
    /// Where it is sent.
    #[serde(rename = "in")]
    pub within: Within,
    /// Whether a request without it is refused.
    pub required: bool,
    /// Its JSON Schema.
    pub schema: Value,
}

/// Where a parameter is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Within {
    /// A hole of the path template.
    Path,
    /// The query string.
    Query,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// E.g. `application/json`.
    pub media_type: String,
    /// Whether a request without it is refused.
    pub required: bool,
    /// Its JSON Schema.
    pub schema: Value,
}

/// One kind of response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// `200`, `4XX` or `default`.
    pub status: String,
    /// E.g. `application/json`; nothing for an empty response.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub media_type: Option<String>,
    /// Its JSON Schema, if it is declared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub schema: Option<Value>,
}
