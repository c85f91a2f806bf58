//! `yarn.lock`, of Yarn 1 and of later versions.

use super::Graph;
use super::lines::unquote;

/// One block of the file.
#[derive(Default)]
struct Block<'a> {
    /// `name@range`, each a request that led here.
    requests: Vec<&'a str>,
    version: &'a str,
    uses: Vec<String>,
}

pub(super) fn read(text: &str) -> Option<Graph> {
    let berry = text.lines().any(|line| line.starts_with("__metadata:"));
    if !berry && !text.contains("yarn lockfile v1") {
        return None;
    }
    let mut graph = Graph::default();
    let mut uses: Vec<(usize, Vec<String>)> = Vec::new();
    let mut projects: Vec<(String, usize)> = Vec::new();
    for block in blocks(text) {
        let Some(first) = block.requests.first() else { continue };
        let Some((name, range)) = split(first) else { continue };
        let folder = range.strip_prefix("workspace:").map(str::to_owned);
        let at = graph.add(name, if folder.is_some() { "" } else { block.version });
        for request in &block.requests {
            graph.by_request.insert((*request).to_owned(), at);
        }
        for request in block.requests.iter().filter_map(|it| split(it)?.1.strip_prefix("workspace:")) {
            projects.push((request.to_owned(), at));
        }
        uses.push((at, block.uses));
    }
    for (at, requests) in uses {
        let uses: Vec<usize> = requests.iter().filter_map(|it| graph.by_request.get(it)).copied().collect();
        graph.set_uses(at, uses);
    }
    for (folder, at) in projects {
        let uses = graph.packages.get(at).map(|it| it.uses.clone()).unwrap_or_default();
        graph.importers.insert(folder, uses);
    }
    Some(graph)
}

/// `@scope/name@range`.
fn split(request: &str) -> Option<(&str, &str)> {
    let at = request.get(1..)?.find('@')? + 1;
    Some((request.get(..at)?, request.get(at + 1..)?))
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut all: Vec<Block<'_>> = Vec::new();
    let mut in_list = false;
    for line in text.lines().filter(|it| !it.trim().is_empty() && !it.starts_with('#')) {
        let body = line.trim_start_matches(' ');
        match line.len() - body.len() {
            0 => {
                // Yarn 1 quotes each request, later versions all of them at once.
                let requests = body.trim_end().trim_end_matches(':').split(',');
                let requests = requests.map(|it| it.trim().trim_matches('"')).filter(|it| !it.is_empty()).collect();
                all.push(Block { requests, ..Block::default() });
            }
            2 => {
                in_list = matches!(body.trim_end(), "dependencies:" | "optionalDependencies:");
                if let (Some(("version", version)), Some(block)) = (pair(body), all.last_mut()) {
                    block.version = version;
                }
            }
            4 if in_list => {
                if let (Some((name, range)), Some(block)) = (pair(body), all.last_mut()) {
                    block.uses.push(format!("{name}@{range}"));
                }
            }
            _ => {}
        }
    }
    all
}

/// `name "range"` of Yarn 1, `name: "range"` of later versions.
fn pair(body: &str) -> Option<(&str, &str)> {
    let body = body.trim_end();
    let end = if let Some(rest) = body.strip_prefix('"') { rest.find('"')? + 2 } else { body.find([' ', ':'])? };
    let key = unquote(body.get(..end)?);
    Some((key, unquote(body.get(end..)?.trim_start_matches([':', ' ']))))
}
