//! Lock files of Python. All packages of a lock go into one environment, so there is one version of each.

use serde::Deserialize;

use super::Graph;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    version: String,
}

/// `uv.lock`, `poetry.lock` and `pdm.lock`.
pub(super) fn read_packages(text: &str) -> Option<Graph> {
    let file: File = toml::from_str(text).ok()?;
    Some(of(file.package.into_iter().map(|it| (normal(&it.name), it.version))))
}

/// `Pipfile.lock`.
pub(super) fn read_pipfile(text: &str) -> Option<Graph> {
    let file: serde_json::Value = serde_json::from_str(text).ok()?;
    file.get("_meta")?;
    let lists = ["default", "develop"].iter().filter_map(|it| file.get(it)?.as_object()).flatten();
    Some(of(lists.filter_map(|(name, of)| {
        Some((normal(name), of.get("version")?.as_str()?.trim_start_matches('=').to_owned()))
    })))
}

fn of(packages: impl Iterator<Item = (String, String)>) -> Graph {
    let mut graph = Graph::default();
    for (name, version) in packages {
        graph.add(&name, &version);
    }
    // Everything is there for everybody.
    let all = (0..graph.packages.len()).collect::<Vec<_>>();
    graph.importers.insert("*".to_owned(), all);
    graph
}

/// A name as registries compare it: `Django_Rest` is `django-rest`.
pub(in crate::facts) fn normal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        match c {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            c => out.push(c.to_ascii_lowercase()),
        }
    }
    out
}
