//! `Cargo.lock`.

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
    version: String,
    /// Absent for members of the workspace and packages read from a folder.
    source: Option<String>,
    /// `name`, or `name version` where there are several.
    #[serde(default)]
    dependencies: Vec<String>,
}

pub(super) fn read(text: &str) -> Option<Graph> {
    let file: File = toml::from_str(text).ok()?;
    let mut graph = Graph::default();
    for package in &file.package {
        let at = graph.add(&package.name, if package.source.is_some() { &package.version } else { "" });
        graph.by_request.insert(format!("{} {}", package.name, package.version), at);
    }
    for (at, package) in file.package.iter().enumerate() {
        let uses: Vec<usize> = package
            .dependencies
            .iter()
            .filter_map(|it| {
                let mut words = it.split(' ');
                let name = words.next()?;
                let exact = words.next().and_then(|version| graph.by_request.get(&format!("{name} {version}")));
                exact.copied().or_else(|| graph.only(name))
            })
            .collect();
        if package.source.is_none() {
            graph.importers.insert(package.name.clone(), uses.clone());
        }
        graph.set_uses(at, uses);
    }
    Some(graph)
}
