//! `pnpm-lock.yaml`, versions 5 to 9.

use std::collections::HashMap;

use super::Graph;
use super::lines::{Line, lines};

/// `(name, version reference)` of the dependencies of one package or project.
type Uses = Vec<(String, String)>;

#[derive(Default)]
struct File {
    /// By folder.
    importers: Vec<(String, Uses)>,
    /// By key, such as `/express/4.18.2`, `/express@4.18.2` or `express@4.18.2(peer@1.0.0)`.
    packages: Vec<(String, Uses)>,
}

pub(super) fn read(text: &str) -> Option<Graph> {
    if !text.contains("lockfileVersion") {
        return None;
    }
    let file = sections(text);
    let mut graph = Graph::default();
    let mut by_key: HashMap<String, usize> = HashMap::new();
    for (key, _) in &file.packages {
        let Some((name, version)) = split_key(key) else { continue };
        let at = graph.add(name, version);
        by_key.insert(key.trim_start_matches('/').to_owned(), at);
    }
    let find = |(name, version): &(String, String)| -> Option<usize> {
        let plain = version.trim_start_matches('/');
        [format!("{name}@{plain}"), plain.to_owned(), format!("{name}/{plain}")]
            .iter()
            .find_map(|it| by_key.get(it))
            .copied()
    };
    let uses: Vec<(usize, Vec<usize>)> = file
        .packages
        .iter()
        .filter_map(|(key, uses)| {
            Some((*by_key.get(key.trim_start_matches('/'))?, uses.iter().filter_map(find).collect()))
        })
        .collect();
    for (at, uses) in uses {
        graph.set_uses(at, uses);
    }
    // A project of the workspace is what it uses.
    let folders: HashMap<&str, usize> =
        file.importers.iter().map(|(folder, _)| (folder.as_str(), graph.add(folder, ""))).collect();
    for (folder, uses) in &file.importers {
        let linked = |(_, version): &(String, String)| {
            let path = join(folder, version.strip_prefix("link:")?)?;
            folders.get(path.as_str()).copied()
        };
        let uses: Vec<usize> = uses.iter().filter_map(|it| find(it).or_else(|| linked(it))).collect();
        if let Some(at) = folders.get(folder.as_str()) {
            graph.set_uses(*at, uses.clone());
        }
        graph.importers.insert(folder.clone(), uses);
    }
    Some(graph)
}

/// Name and version of a package's key.
fn split_key(key: &str) -> Option<(&str, &str)> {
    let key = key.trim_start_matches('/');
    // A scope has a slash of its own.
    let scope = if key.starts_with('@') { key.find('/')? + 1 } else { 0 };
    // Behind the name, `@` since version 6 and `/` before; peers come last, after `(` or `_`.
    let at = key.get(scope..)?.find(['@', '/'])? + scope;
    let version = key.get(at + 1..)?;
    let end = if key.get(at..)?.starts_with('@') { version.find('(') } else { version.find(['_', '(']) };
    Some((key.get(..at)?, version.get(..end.unwrap_or(version.len()))?))
}

/// A relative path from a folder of the workspace.
fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|it| *it != "." && !it.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

fn is_list(key: &str) -> bool {
    ["dependencies", "devDependencies", "optionalDependencies"].contains(&key)
}

/// Collects what stands in the sections, line by line: `path` holds the keys above the current line.
fn sections(text: &str) -> File {
    let mut file = File::default();
    let mut path: Vec<(usize, &str)> = Vec::new();
    for Line { indent, key, value } in lines(text) {
        path.truncate(path.iter().take_while(|(above, _)| *above < indent).count());
        let above: Vec<&str> = path.iter().map(|(_, key)| *key).collect();
        match above.as_slice() {
            ["importers"] => file.importers.push((key.to_owned(), Vec::new())),
            // In version 9, `packages` says what there is, and `snapshots` with which peers and dependencies.
            ["packages" | "snapshots"] => file.packages.push((key.to_owned(), Vec::new())),
            ["importers", _, list] if is_list(list) => push(&mut file.importers, key, value),
            ["importers", _, list, name] if is_list(list) && key == "version" => push(&mut file.importers, name, value),
            ["packages" | "snapshots", _, list] if is_list(list) => push(&mut file.packages, key, value),
            // Without a workspace, the one project's lists stand at the top.
            [list] if is_list(list) => push_root(&mut file, key, value),
            [list, name] if is_list(list) && key == "version" => push_root(&mut file, name, value),
            _ => {}
        }
        // Nothing of interest lies deeper.
        if path.len() < 5 {
            path.push((indent, key));
        }
    }
    file
}

fn push(all: &mut [(String, Uses)], name: &str, version: &str) {
    if let (Some((_, uses)), false) = (all.last_mut(), version.is_empty()) {
        uses.push((name.to_owned(), version.to_owned()));
    }
}

fn push_root(file: &mut File, name: &str, version: &str) {
    if file.importers.is_empty() {
        file.importers.push((".".to_owned(), Vec::new()));
    }
    push(&mut file.importers, name, version);
}
