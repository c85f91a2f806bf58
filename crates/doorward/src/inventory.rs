//! What an API offers: its routes, where they stand in the source, and the guards seen on them.
//!
//! The inventory is what `discover` finds and what a policy is judged against. It holds facts only; whether a fact
//! is right is decided elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::diagnostic::{Diagnostic, Location};
use crate::facts::Facts;
use crate::path::PathTemplate;
use crate::policy::Access;
use crate::shape::Shape;

/// An HTTP method, or every method at once (`ALL`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(String);

impl Method {
    /// Every method. Express's `app.all` and handlers given to `app.use` answer to it.
    pub const ALL: &'static str = "ALL";

    /// A WebSocket, which no plain request reaches.
    pub const WEBSOCKET: &'static str = "WEBSOCKET";

    /// Takes any spelling; methods are compared in upper case, as every router we know does.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.to_ascii_uppercase())
    }

    /// The method's name in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this stands for every method.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0 == Self::ALL
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of a route in its app: `GET /orgs/{orgId}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId {
    /// The method, or `ALL`.
    pub method: Method,
    /// The path template.
    pub path: PathTemplate,
}

/// Why a text does not name a route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteIdError {
    /// A route id is a method, a space and a path.
    #[error("`{0}` is not `METHOD /path`")]
    Shape(String),
    /// The path is not a template.
    #[error("`{text}`: {error}")]
    Path {
        /// The text that was given.
        text: String,
        /// What is wrong with its path.
        error: crate::path::PathError,
    },
}

impl FromStr for RouteId {
    type Err = RouteIdError;

    fn from_str(text: &str) -> Result<Self, RouteIdError> {
        let (method, path) = text
            .split_once(' ')
            .filter(|(method, _)| !method.is_empty() && method.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-'))
            .ok_or_else(|| RouteIdError::Shape(text.to_owned()))?;
        let path = path.trim().parse().map_err(|error| RouteIdError::Path { text: text.to_owned(), error })?;
        Ok(Self { method: Method::new(method), path })
    }
}

impl fmt::Display for RouteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
serde_as_text!(Method, RouteId);

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

impl<'de> Deserialize<'de> for RouteId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Everything found in a source tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// The applications, ordered by root.
    pub apps: Vec<App>,
    /// What no static reading could know, each at its place. Never empty because something was dropped.
    pub unresolved: Vec<Diagnostic>,
}

/// One server program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// A short name, unique in the inventory: the package's name or its folder's.
    pub name: String,
    /// The folder of its manifest, relative to the tree, `.` for the tree itself; `/` separates.
    pub root: String,
    /// The framework's id, e.g. `express`.
    pub framework: String,
    /// The framework's version as far as the manifest or the installed package tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// The routes in order of registration.
    pub routes: Vec<Route>,
    /// The named schemas that the routes' shapes refer to, each a JSON Schema.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub schemas: BTreeMap<String, serde_json::Value>,
    /// Versions, tools, settings and variables of the project around it.
    #[serde(default)]
    pub facts: Facts,
}

impl App {
    /// An application without routes.
    #[must_use]
    pub fn new(name: impl Into<String>, root: impl Into<String>, framework: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            root: root.into(),
            framework: framework.into(),
            version: None,
            routes: Vec::new(),
            schemas: BTreeMap::new(),
            facts: Facts::default(),
        }
    }
}

/// One method on one path, and the code that answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// `METHOD /path`.
    pub id: RouteId,
    /// The method, again, for readers of the JSON.
    pub method: Method,
    /// The path template, again, for readers of the JSON.
    pub path: PathTemplate,
    /// The file of the registration, relative to the tree, with `/`.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// The names of what runs before the handler, outermost first, as the source calls them.
    pub chain: Vec<String>,
    /// The protection seen in the source.
    pub guard: Guard,
    /// The path's parameters.
    pub params: Vec<String>,
    /// How the route came to be, outermost first: each mount, prefix and middleware, and the handler last.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub trace: Vec<Step>,
    /// What it takes and gives, as far as the source declares it.
    #[serde(skip_serializing_if = "Shape::is_empty", default)]
    pub shape: Shape,
}

impl Route {
    /// A route that was registered in `file` at `line`, with nothing known about it yet: open, and without a history.
    ///
    /// ```
    /// use doorward::inventory::Route;
    ///
    /// let route = Route::new("GET /orgs/{orgId}".parse().unwrap(), "src/orgs.ts", 12);
    /// assert_eq!(route.params, ["orgId"]);
    /// ```
    #[must_use]
    pub fn new(id: RouteId, file: impl Into<String>, line: u32) -> Self {
        Self {
            method: id.method.clone(),
            path: id.path.clone(),
            file: file.into(),
            line,
            chain: Vec::new(),
            guard: Guard::open(),
            params: id.path.params().map(str::to_owned).collect(),
            trace: Vec::new(),
            shape: Shape::default(),
            id,
        }
    }

    /// Where the route is registered.
    #[must_use]
    pub fn location(&self) -> Location {
        Location { file: self.file.clone(), line: self.line, column: 1 }
    }
}

/// One part of how a route came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it is.
    pub kind: StepKind,
    /// As the source calls it: `app.use("/api", users)`, `requireAuth()`, `listUsers`. Never with arguments that may
    /// hold secrets.
    pub text: String,
    /// The part of the path it adds, if it adds one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// The file, relative to the tree.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// What a [`Step`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// The application is made.
    App,
    /// A router, blueprint, plugin, module or sub-application is mounted.
    Mount,
    /// Something sets a prefix for all that follows: a router's own, a setting, a folder.
    Prefix,
    /// Something runs before the handler.
    Middleware,
    /// The registration itself.
    Route,
    /// The code that answers.
    Handler,
}

/// What the source says about a route's protection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// Guarded, open, or not to be told.
    pub state: GuardState,
    /// Why: each thing that guards, or that might.
    pub by: Vec<GuardSeen>,
}

impl Guard {
    /// No guard at all.
    #[must_use]
    pub fn open() -> Self {
        Self { state: GuardState::Open, by: Vec::new() }
    }
}

/// Whether a route refuses strangers, as far as the source tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuardState {
    /// Something known to refuse strangers runs before the handler.
    Guarded,
    /// Nothing that could refuse runs before the handler.
    Open,
    /// Something runs before the handler whose effect can't be read; `by` says what.
    Unsure,
}

/// One thing that guards a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardSeen {
    /// As the source calls it, e.g. `requireAuth()` or `guard({ role: "org:admin" })`.
    pub name: String,
    /// Where it comes from, e.g. `@clerk/express`, `doorward`, or a file of the project.
    pub origin: String,
    /// The file in which it is attached.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What it asks for, where that can be read. `None`: it refuses, or may refuse, for reasons of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asks: Option<GuardAsk>,
}

/// What a doorward guard in the source asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardAsk {
    /// The access it requires.
    pub access: Access,
    /// The bindings it checks.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub bind: Vec<crate::policy::Bind>,
    /// Whether it answers 404 in place of 403.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub hide: bool,
}
