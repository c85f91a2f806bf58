//! What manifests ask for: names, ranges, and the lines they stand on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use doorward::facts::Ecosystem;

use super::lock::normal_python as normal;
use crate::walk::printable;

/// Of so many packages, lines are told.
const MOST: usize = 1000;

/// The manifests of one folder, for one ecosystem.
#[derive(Debug)]
pub(super) struct Manifest {
    /// Relative to the tree.
    pub(super) folder: String,
    pub(super) ecosystem: Ecosystem,
    /// The package's own name.
    pub(super) name: Option<String>,
    pub(super) asked: Vec<Asked>,
    /// `packageManager`, and the file it stands in.
    pub(super) manager: Option<(String, String)>,
    /// The text of `package.json`.
    pub(super) json: Option<serde_json::Value>,
}

/// A package that a manifest asks for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) range: String,
    pub(super) file: String,
    pub(super) line: u32,
    /// Whether the range is one version, in a file that pins what is installed.
    pub(super) pinned: bool,
}

/// All manifests, one per folder and ecosystem. What can't be read is told elsewhere.
pub(super) fn read(root: &std::path::Path, files: &[(PathBuf, String)]) -> Vec<Manifest> {
    let mut all: BTreeMap<(String, Ecosystem), Manifest> = BTreeMap::new();
    for (path, text) in files {
        let file = printable(&crate::walk::relative(root, path));
        let (folder, name) = file.rsplit_once('/').unwrap_or((".", &file));
        let ecosystem = match name {
            "package.json" => Ecosystem::Npm,
            "Cargo.toml" => Ecosystem::Cargo,
            _ => Ecosystem::PyPi,
        };
        let is_list = name.ends_with(".txt");
        let folder = match folder.rsplit_once('/') {
            Some((outer, "requirements")) if is_list => outer,
            None if is_list && folder == "requirements" => ".",
            _ => folder,
        };
        let manifest = all.entry((folder.to_owned(), ecosystem)).or_insert_with(|| Manifest {
            folder: folder.to_owned(),
            ecosystem,
            name: None,
            asked: Vec::new(),
            manager: None,
            json: None,
        });
        let text = text.trim_start_matches('\u{feff}');
        match name {
            "package.json" => package_json(manifest, &file, text),
            "Cargo.toml" => cargo_toml(manifest, &file, text),
            "pyproject.toml" | "Pipfile" => pyproject(manifest, &file, text),
            _ => requirements(manifest, &file, text, is_list),
        }
    }
    all.into_values().collect()
}

fn package_json(manifest: &mut Manifest, file: &str, text: &str) {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(text) else { return };
    manifest.name = json.get("name").and_then(|it| it.as_str()).map(str::to_owned);
    manifest.manager = json.get("packageManager").and_then(|it| it.as_str()).map(|it| (printable(it), file.to_owned()));
    for list in ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] {
        for (name, range) in json.get(list).and_then(|it| it.as_object()).into_iter().flatten() {
            if let Some(range) = range.as_str() {
                manifest.ask(file, text, name, range, &format!("\"{name}\""));
            }
        }
    }
    manifest.json = Some(json);
}

fn cargo_toml(manifest: &mut Manifest, file: &str, text: &str) {
    let Ok(toml) = toml::from_str::<toml::Table>(text) else { return };
    manifest.name = toml.get("package").and_then(|it| it.get("name")?.as_str()).map(str::to_owned);
    let workspace = toml.get("workspace").and_then(|it| it.get("dependencies"));
    let lists = ["dependencies", "dev-dependencies", "build-dependencies"];
    for list in lists.iter().filter_map(|it| toml.get(*it)).chain(workspace) {
        for (name, of) in list.as_table().into_iter().flatten() {
            let real = of.get("package").and_then(|it| it.as_str()).unwrap_or(name);
            let range = of.as_str().or_else(|| of.get("version")?.as_str()).unwrap_or("*");
            manifest.ask(file, text, real, range, name);
        }
    }
}

/// `pyproject.toml` of every tool, and `Pipfile`.
fn pyproject(manifest: &mut Manifest, file: &str, text: &str) {
    let Ok(toml) = toml::from_str::<toml::Table>(text) else { return };
    let project = toml.get("project");
    manifest.name = project.and_then(|it| it.get("name")?.as_str()).map(str::to_owned);
    let groups =
        project.and_then(|it| it.get("optional-dependencies")).into_iter().chain(toml.get("dependency-groups"));
    let lists = groups.filter_map(|it| it.as_table()).flatten().map(|(_, list)| list);
    for list in lists.chain(project.and_then(|it| it.get("dependencies"))) {
        for text_of in list.as_array().into_iter().flatten().filter_map(|it| it.as_str()) {
            if let Some((name, range)) = requirement(text_of) {
                manifest.ask(file, text, &normal(name), range, name);
            }
        }
    }
    let poetry = toml.get("tool").and_then(|it| it.get("poetry"));
    let groups = poetry.and_then(|it| it.get("group")?.as_table()).into_iter().flatten();
    let tables = groups.filter_map(|(_, it)| it.get("dependencies"));
    let tables = tables.chain(poetry.and_then(|it| it.get("dependencies")));
    for table in tables.chain(["packages", "dev-packages"].iter().filter_map(|it| toml.get(*it))) {
        for (name, of) in table.as_table().into_iter().flatten() {
            let range = of.as_str().or_else(|| of.get("version")?.as_str()).unwrap_or("*");
            manifest.ask(file, text, &normal(name), range, name);
        }
    }
}

/// Lists of requirements, and the older manifests whose lists look alike.
fn requirements(manifest: &mut Manifest, file: &str, text: &str, is_list: bool) {
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim().trim_matches(['"', '\'', ',']);
        let Some((name, range)) = requirement(content) else { continue };
        // Other files hold more than requirements, so a bare word there is none.
        if !is_list && range.is_empty() {
            continue;
        }
        let pinned = is_list && range.starts_with("==") && !range.contains(['*', ',']);
        let range = if pinned { range.trim_start_matches('=').trim() } else { range };
        manifest.asked.push(Asked { name: normal(name), range: printable(range), file: file.to_owned(), line, pinned });
    }
}

/// Name and range of `name[extra] >=1,<2 ; marker  # comment`.
fn requirement(text: &str) -> Option<(&str, &str)> {
    let text = text.split([';', '#']).next()?.split(" --").next()?.trim().trim_end_matches('\\').trim();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('[').and_then(|it| it.split_once(']')).map_or(rest, |(_, rest)| rest).trim();
    let fits = rest.is_empty() || rest.starts_with(['=', '>', '<', '~', '!', '@', '(']);
    (fits && name.starts_with(|c: char| c.is_ascii_alphanumeric())).then_some((name, rest))
}

impl Manifest {
    /// `written` is what the line that asks begins with.
    fn ask(&mut self, file: &str, text: &str, name: &str, range: &str, written: &str) {
        // Where nothing is told about it, the line is of no use, and finding it costs.
        let told = self.asked.len() < MOST && doorward::facts::is_watched(self.ecosystem, name);
        let line = if told { line_of(text, written) } else { 0 };
        self.asked.push(Asked {
            name: name.to_owned(),
            range: printable(range),
            file: file.to_owned(),
            line,
            pinned: false,
        });
    }
}

/// The first line where `name` stands as a whole.
fn line_of(text: &str, name: &str) -> u32 {
    const QUOTES: [char; 3] = ['"', '\'', ' '];
    let plain = name.trim_matches(QUOTES);
    let found = (1..).zip(text.lines()).find(|(_, line)| {
        let line = line.trim_start().trim_start_matches(QUOTES);
        line.strip_prefix(plain)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "-_./".contains(c)))
    });
    // Several entries may share a line.
    found.or_else(|| (1..).zip(text.lines()).find(|(_, line)| line.contains(name))).map_or(0, |(line, _)| line)
}
