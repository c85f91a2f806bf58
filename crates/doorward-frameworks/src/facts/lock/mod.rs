//! Lock files: which version of a package a project really gets.
//!
//! Every format becomes the same graph: packages with a version, the packages they use, and the projects of the
//! workspace they are used from. A format that this can't express exactly is read by name.

mod bun;
mod cargo;
mod lines;
mod npm;
mod pnpm;
mod python;
#[cfg(test)]
mod tests;
mod yarn;

pub(super) use python::normal as normal_python;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use doorward::facts::Ecosystem;

/// A kind of lock file.
pub(super) struct Format {
    /// Its name.
    pub(super) file: &'static str,
    pub(super) ecosystem: Ecosystem,
    /// What writes it.
    pub(super) manager: &'static str,
    read: fn(&str) -> Option<Graph>,
}

/// Where several stand in one folder, the first that is here counts.
pub(super) static FORMATS: &[Format] = &[
    Format { file: "pnpm-lock.yaml", ecosystem: Ecosystem::Npm, manager: "pnpm", read: pnpm::read },
    Format { file: "yarn.lock", ecosystem: Ecosystem::Npm, manager: "yarn", read: yarn::read },
    Format { file: "bun.lock", ecosystem: Ecosystem::Npm, manager: "bun", read: bun::read },
    // npm itself prefers the shrinkwrap.
    Format { file: "npm-shrinkwrap.json", ecosystem: Ecosystem::Npm, manager: "npm", read: npm::read },
    Format { file: "package-lock.json", ecosystem: Ecosystem::Npm, manager: "npm", read: npm::read },
    Format { file: "uv.lock", ecosystem: Ecosystem::PyPi, manager: "uv", read: python::read_packages },
    Format { file: "poetry.lock", ecosystem: Ecosystem::PyPi, manager: "poetry", read: python::read_packages },
    Format { file: "pdm.lock", ecosystem: Ecosystem::PyPi, manager: "pdm", read: python::read_packages },
    Format { file: "Pipfile.lock", ecosystem: Ecosystem::PyPi, manager: "pipenv", read: python::read_pipfile },
    Format { file: "Cargo.lock", ecosystem: Ecosystem::Cargo, manager: "cargo", read: cargo::read },
];

impl Format {
    /// The graph of a file of this format. `None`: it is damaged, or a version nobody here knows.
    pub(super) fn parse(&self, text: &str) -> Option<Graph> {
        (self.read)(text.trim_start_matches('\u{feff}'))
    }
}

/// The packages of a lock file.
#[derive(Debug, Default)]
pub(super) struct Graph {
    packages: Vec<Node>,
    by_name: HashMap<String, Vec<usize>>,
    /// What was asked for, in the format's own words, and what came of it.
    by_request: HashMap<String, usize>,
    /// What each project of the workspace uses, by folder or, in Cargo's case, by name; `.` is the lock file's folder.
    importers: HashMap<String, Vec<usize>>,
}

#[derive(Debug, Default)]
struct Node {
    name: String,
    version: String,
    uses: Vec<usize>,
}

impl Graph {
    fn add(&mut self, name: &str, version: &str) -> usize {
        let at = self.packages.len();
        self.packages.push(Node { name: name.to_owned(), version: version.to_owned(), uses: Vec::new() });
        self.by_name.entry(name.to_owned()).or_default().push(at);
        at
    }

    fn set_uses(&mut self, at: usize, uses: Vec<usize>) {
        if let Some(node) = self.packages.get_mut(at) {
            node.uses = uses;
        }
    }

    /// The only package of this name.
    fn only(&self, name: &str) -> Option<usize> {
        match self.by_name.get(name)?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Name and version of every package that the project `importer` gets, once each. `asked` are the names and ranges
    /// of its manifest, for formats and files that do not list the project.
    /// Whether the project gets it itself, or only what it uses does, is said of each.
    pub(super) fn reach(&self, importer: &str, asked: &[(String, String)]) -> BTreeMap<(&str, &str), bool> {
        let mut open: Vec<usize> = match self.importers.get(importer) {
            Some(uses) => uses.clone(),
            None => asked
                .iter()
                .filter_map(|(name, range)| {
                    let request = [format!("{name}@{range}"), format!("{name}@npm:{range}"), name.clone()];
                    request.iter().find_map(|it| self.by_request.get(it)).copied().or_else(|| self.only(name))
                })
                .collect(),
        };
        let direct: BTreeSet<usize> = open.iter().copied().collect();
        let mut seen = vec![false; self.packages.len()];
        let mut found = BTreeMap::new();
        while let Some(at) = open.pop() {
            let (Some(node), Some(seen)) = (self.packages.get(at), seen.get_mut(at)) else { continue };
            if std::mem::replace(seen, true) {
                continue;
            }
            *found.entry((node.name.as_str(), node.version.as_str())).or_default() |= direct.contains(&at);
            open.extend(&node.uses);
        }
        found.retain(|(_, version), _| !version.is_empty());
        found
    }
}
