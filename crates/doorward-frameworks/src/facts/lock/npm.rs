//! `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::Graph;

#[derive(Deserialize)]
struct File {
    /// Versions 2 and 3: every package by the folder it is installed in, and every project by its own.
    #[serde(default)]
    packages: BTreeMap<String, Entry>,
    /// Version 1.
    #[serde(default)]
    dependencies: BTreeMap<String, Old>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: Option<String>,
    version: Option<String>,
    resolved: Option<String>,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    dependencies: BTreeMap<String, serde::de::IgnoredAny>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, serde::de::IgnoredAny>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, serde::de::IgnoredAny>,
    #[serde(default)]
    peer_dependencies: BTreeMap<String, serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Old {
    version: String,
    /// A list of names, or `true` in files of npm 2.
    #[serde(default)]
    requires: serde_json::Value,
    #[serde(default)]
    dependencies: BTreeMap<String, Old>,
}

/// Longer paths are none of npm's.
const MAX_PATH: usize = 2048;
const INSTALLED: &str = "node_modules/";

pub(super) fn read(text: &str) -> Option<Graph> {
    let file: File = serde_json::from_str(text).ok()?;
    let mut packages = file.packages;
    if packages.is_empty() {
        flatten("", file.dependencies, &mut packages);
    }
    let mut graph = Graph::default();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (path, entry) in &packages {
        let installed = path.rfind(INSTALLED).and_then(|at| path.get(at + INSTALLED.len()..));
        if !entry.link && path.len() < MAX_PATH {
            // An alias is installed under its own name and says what it is.
            let name = entry.name.as_deref().or(installed).unwrap_or(path);
            let version = if installed.is_some() { entry.version.as_deref().unwrap_or_default() } else { "" };
            places.insert(path, graph.add(name, version));
        }
    }
    let find = |from: &str, name: &str| resolve(&packages, &places, from, name);
    let mut all = Vec::new();
    for (path, entry) in packages.iter().filter(|(path, it)| !it.link && path.len() < MAX_PATH) {
        let is_project = !path.contains(INSTALLED);
        let names = entry.dependencies.keys().chain(entry.optional_dependencies.keys());
        let names = names.chain(entry.peer_dependencies.keys());
        let names = names.chain(entry.dev_dependencies.keys().filter(|_| is_project));
        let uses: Vec<usize> = names.filter_map(|name| find(path, name)).collect();
        all.push((path.as_str(), is_project, uses));
    }
    for (path, is_project, uses) in all {
        if is_project {
            graph.importers.insert(if path.is_empty() { ".".to_owned() } else { path.to_owned() }, uses.clone());
        } else if let Some(name) = path.strip_prefix(INSTALLED).filter(|it| !it.contains(INSTALLED))
            && let Some(at) = places.get(path)
        {
            graph.by_request.insert(name.to_owned(), *at);
        }
        if let Some(at) = places.get(path) {
            graph.set_uses(*at, uses);
        }
    }
    (!graph.packages.is_empty() || text.contains("lockfileVersion")).then_some(graph)
}

/// As Node.js looks: in the folder itself, then in each one above.
fn resolve(packages: &BTreeMap<String, Entry>, places: &HashMap<&str, usize>, from: &str, name: &str) -> Option<usize> {
    let mut folder = from;
    // Nobody nests deeper, and a hostile file must not make every look-up long.
    for _ in 0..64 {
        let path = if folder.is_empty() { format!("{INSTALLED}{name}") } else { format!("{folder}/{INSTALLED}{name}") };
        if let Some(entry) = packages.get(&path) {
            let path = if entry.link { entry.resolved.as_deref()? } else { &path };
            return places.get(path).copied();
        }
        if folder.is_empty() {
            return None;
        }
        folder = match folder
            .rfind("/node_modules/")
            .or_else(|| folder.rfind('/').filter(|_| !folder.starts_with(INSTALLED)))
        {
            Some(at) => folder.get(..at)?,
            None => "",
        };
    }
    None
}

/// Version 1 nests what later versions name by path. How deep is bounded by the JSON parser.
fn flatten(folder: &str, dependencies: BTreeMap<String, Old>, packages: &mut BTreeMap<String, Entry>) {
    for (name, old) in dependencies {
        let path = if folder.is_empty() { format!("{INSTALLED}{name}") } else { format!("{folder}/{INSTALLED}{name}") };
        let names = old.requires.as_object().map(|it| it.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let entry = Entry {
            version: Some(old.version),
            dependencies: names.into_iter().map(|name| (name, serde::de::IgnoredAny)).collect(),
            ..Entry::default()
        };
        packages.insert(path.clone(), entry);
        flatten(&path, old.dependencies, packages);
    }
}
