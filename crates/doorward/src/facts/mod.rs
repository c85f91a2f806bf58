//! What is known about the project an app belongs to: versions, tools, settings and variables, each with the file
//! that says so.
//!
//! Reading is done elsewhere. Here are the types, the tables of packages worth knowing, and the judgement over them.

mod known;
mod version;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use known::{is_watched, judge};
pub use version::{Version, newest_of_range};

/// The facts of one app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Frameworks, Clerk's packages and others that decide who gets in, ordered by name and version.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub packages: Vec<Package>,
    /// What installs them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub package_manager: Option<PackageManager>,
    /// How files of the app are loaded where their name does not say. JavaScript only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub module_system: Option<ModuleSystem>,
    /// The compiler's settings. TypeScript only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub typescript: Option<TypeScript>,
    /// Clerk's variables: names and places, never values.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub variables: Vec<Variable>,
}

/// Where packages come from. The same name means something else in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecosystem {
    /// JavaScript.
    Npm,
    /// Python.
    PyPi,
    /// Rust.
    Cargo,
}

/// One package, as this app gets it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Its name, as its registry spells it.
    pub name: String,
    /// The version; a range where `source` is `manifest`.
    pub version: String,
    /// What tells the version.
    pub source: VersionSource,
    /// The file that tells it, relative to the tree.
    pub file: String,
    /// Where it comes from.
    pub ecosystem: Ecosystem,
    /// Where the app's own manifest asks for it; absent if only a package it uses does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asked: Option<Place>,
}

/// What tells the version of a package, the most reliable first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionSource {
    /// A lock file, or a pinned list of requirements.
    Lock,
    /// The package that is installed.
    Installed,
    /// The range the manifest asks for.
    Manifest,
}

/// What installs packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageManager {
    /// `npm`, `pnpm`, `yarn`, `bun`, `uv`, `poetry`, `pdm`, `pipenv`, `pip` or `cargo`.
    pub name: String,
    /// Its version, where the manifest names one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// The file that tells: a manifest or a lock file.
    pub file: String,
}

/// How Node.js loads `.js` files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModuleSystem {
    /// `import` and `export`: `"type": "module"`.
    Esm,
    /// `require`.
    CommonJs,
}

/// Settings of `tsconfig.json`, what it extends included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeScript {
    /// The files that were read, the app's own first.
    pub files: Vec<String>,
    /// `strict`. Without it, a check on a value that may be missing is not asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub strict: Option<bool>,
    /// `module`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub module: Option<String>,
    /// `moduleResolution`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub module_resolution: Option<String>,
    /// `baseUrl`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base_url: Option<String>,
    /// `paths`: what an import by this pattern means.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub paths: BTreeMap<String, Vec<String>>,
    /// What could not be found, as it is written in `extends`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub missing: Vec<String>,
}

/// One of Clerk's variables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Where the source reads it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub read: Vec<Place>,
    /// The environment files that declare it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub declared: Vec<Place>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Relative to the tree.
    pub file: String,
    /// From 1.
    pub line: u32,
}
