//! `bun.lock`, the text form. The older binary form is not read.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Graph;

pub(super) fn read(text: &str) -> Option<Graph> {
    let file: Value = serde_json::from_str(&crate::facts::json::plain(text)).ok()?;
    file.get("lockfileVersion")?;
    let packages: BTreeMap<&str, &Vec<Value>> = file
        .get("packages")
        .and_then(Value::as_object)
        .map(|it| it.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_array()?))).collect())
        .unwrap_or_default();
    let workspaces = file.get("workspaces").and_then(Value::as_object);
    let mut graph = Graph::default();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (key, parts) in &packages {
        // `name@1.2.3`, `name@workspace:apps/api`.
        let Some(what) = parts.first().and_then(Value::as_str) else { continue };
        let Some(at) = what.get(1..).and_then(|it| it.find('@')) else { continue };
        let (name, version) = (what.get(..at + 1).unwrap_or_default(), what.get(at + 2..).unwrap_or_default());
        let version = if version.starts_with("workspace:") { "" } else { version };
        places.insert(key, graph.add(name, version));
    }
    // A package that is not shared stands under the one that uses it: `express/debug`.
    let find = |from: &str, name: &str| -> Option<usize> {
        let mut folder = from.get(..from.len().min(2048))?;
        for _ in 0..64 {
            let key = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            if let Some(at) = places.get(key.as_str()) {
                return Some(*at);
            }
            folder = match folder.rfind('/') {
                Some(at) => folder.get(..at)?,
                None if folder.is_empty() => return None,
                None => "",
            };
        }
        None
    };
    let uses = |from: &str, of: &Value| -> Vec<usize> {
        ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"]
            .iter()
            .filter_map(|list| of.get(list)?.as_object())
            .flat_map(|list| list.keys())
            .filter_map(|name| find(from, name))
            .collect()
    };
    let all: Vec<(usize, Vec<usize>)> = packages
        .iter()
        .filter_map(|(key, parts)| {
            let of = parts.iter().find(|it| it.is_object())?;
            Some((*places.get(key)?, uses(key, of)))
        })
        .collect();
    let projects: Vec<(String, Vec<usize>)> = workspaces
        .into_iter()
        .flatten()
        .map(|(folder, of)| {
            let name = of.get("name").and_then(Value::as_str).unwrap_or_default();
            (if folder.is_empty() { ".".to_owned() } else { folder.clone() }, uses(name, of))
        })
        .collect();
    for (at, uses) in all {
        graph.set_uses(at, uses);
    }
    for (folder, uses) in projects {
        let name = workspaces.and_then(|it| it.get(&folder)).and_then(|it| it.get("name")).and_then(Value::as_str);
        if let Some(at) = name.and_then(|name| places.get(name)) {
            graph.set_uses(*at, uses.clone());
        }
        graph.importers.insert(folder, uses);
    }
    Some(graph)
}
