//! The frameworks doorward knows.

mod actix;
mod axum;
mod django;
mod express;
mod fastapi;
mod fastify;
mod flask;
mod hono;
mod koa;
mod nest;
mod next;
mod rust;

use std::collections::BTreeMap;

use doorward::facts::Ecosystem;
use doorward::inventory::{App, RouteId};
use doorward::policy::{Policy, Rule};

use crate::js;
use crate::model::AppSource;
use crate::plan::Emitted;
use crate::project::{Found, Package};
use crate::py;
use crate::rs;

/// What sets one framework apart.
pub(crate) struct Framework {
    /// Its id in inventories and policies.
    pub(crate) id: &'static str,
    /// The packages whose presence in a manifest, or import in a file, tells that it is used. The first one's version
    /// is the framework's.
    pub(crate) packages: &'static [&'static str],
    /// Reads the apps of one package.
    pub(crate) engine: Engine,
    /// How its guards are written; `None` where doorward can only read so far.
    pub(crate) emission: Option<Emission>,
}

/// A reader of one package, over its language's program.
pub(crate) enum Engine {
    /// JavaScript and TypeScript.
    JavaScript(fn(&js::program::Program, &Package) -> Found),
    /// Python.
    Python(fn(&py::program::Program, &Package) -> Found),
    /// Rust.
    Rust(fn(&rs::program::Program, &Package) -> Found),
}

impl Engine {
    /// Where the packages of its language come from.
    pub(crate) fn ecosystem(&self) -> Ecosystem {
        match self {
            Self::JavaScript(_) => Ecosystem::Npm,
            Self::Python(_) => Ecosystem::PyPi,
            Self::Rust(_) => Ecosystem::Cargo,
        }
    }
}

/// What writing guards needs.
pub(crate) struct Emission {
    /// The official package that is wired in, and the range of versions it needs.
    pub(crate) sdk: (&'static str, &'static str),
    /// Packages that the SDK replaces.
    pub(crate) replaced: &'static [&'static str],
    /// Plans the source edits of one app.
    pub(crate) emit: Emit,
}

/// An app, its source, the policy, the rule in force per route, and a reader of files.
pub(crate) type Emit =
    fn(&App, &AppSource, &Policy, &BTreeMap<&RouteId, Option<&Rule>>, &dyn Fn(&str) -> Option<String>) -> Emitted;

/// The framework with this id.
pub(crate) fn find(id: &str) -> Option<&'static Framework> {
    ALL.iter().copied().find(|framework| framework.id == id)
}

/// The id of every framework doorward knows, in alphabetical order.
pub fn known_frameworks() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|framework| framework.id)
}

/// Whether guards are written for apps of this framework, and not only judged.
#[must_use]
pub fn writes_guards(id: &str) -> bool {
    find(id).is_some_and(|framework| framework.emission.is_some())
}

/// Whether apps of this framework are started by what their `package.json` says.
#[must_use]
pub fn runs_on_node(id: &str) -> bool {
    find(id).is_some_and(|framework| matches!(framework.engine, Engine::JavaScript(_)))
}

/// Every framework doorward knows, in alphabetical order.
pub(crate) static ALL: &[&Framework] = &[
    &actix::FRAMEWORK,
    &axum::FRAMEWORK,
    &django::FRAMEWORK,
    &express::FRAMEWORK,
    &fastapi::FRAMEWORK,
    &fastify::FRAMEWORK,
    &flask::FRAMEWORK,
    &hono::FRAMEWORK,
    &koa::FRAMEWORK,
    &nest::FRAMEWORK,
    &next::FRAMEWORK,
];
