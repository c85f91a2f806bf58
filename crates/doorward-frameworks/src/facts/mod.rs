//! What is true of the tree as a whole, whatever its frameworks: keys that should not be there, versions, tools,
//! settings and variables.

mod git;
pub(crate) mod json;
mod lock;
mod manifests;
mod names;
mod packages;
mod scan;
mod secrets;
mod typescript;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorward::diagnostic::{Diagnostic, Location};
use doorward::facts::{Ecosystem, Facts, ModuleSystem, Place, Variable, VersionSource};
use doorward::inventory::App;
use doorward::secret::KeyKind;
use rayon::prelude::*;

use crate::walk::{Walk, printable, relative};
use git::Tracked;
use names::{FileKind, Role, file_kind};
use packages::Locks;
use scan::{Scanner, Seen, What};
use secrets::Standing;

/// What was read from the tree.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) findings: Vec<Diagnostic>,
    files: Vec<FileSeen>,
    /// What the manifests and lock files tell, by folder and ecosystem.
    projects: BTreeMap<(String, Ecosystem), Facts>,
}

/// What was seen in one file.
#[derive(Debug)]
struct FileSeen {
    /// Relative to the tree.
    file: String,
    kind: FileKind,
    standing: Standing,
    seen: Vec<Seen>,
}

impl FileSeen {
    fn at(&self, line: u32) -> Location {
        Location { file: printable(&self.file), line, column: 1 }
    }
}

/// Files whose content is never text.
const BINARY: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "bmp", "tiff", "pdf", "zip", "gz", "tgz", "xz", "zst", "bz2",
    "7z", "jar", "war", "wasm", "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "mov", "avi", "webm", "ogg", "wav",
    "so", "dylib", "dll", "exe", "a", "o", "class", "pyc", "node", "db", "sqlite",
];

/// Everything that is true of the tree as a whole. `texts` are those of its files, where they were read already.
pub(crate) fn survey(root: &Path, walked: &Walk, texts: Vec<Option<Arc<str>>>) -> Survey {
    let mut survey = search(root, walked, texts);
    survey.read_projects(root, walked);
    if !survey.uses_clerk() {
        // Others who use Svix write their webhook secrets the same way, and theirs are not our business.
        survey.findings.retain(|it| it.code != "DW2303");
    }
    survey
}

/// Searches every file of the tree, and those that git tracks although they are ignored. Environment files beside a
/// manifest are read even where they are ignored.
fn search(root: &Path, walked: &Walk, texts: Vec<Option<Arc<str>>>) -> Survey {
    let folders = walked.manifests.iter().filter_map(|(path, _)| path.parent());
    let Some(scanner) = Scanner::new() else { return Survey::default() };
    let tracked = Tracked::below(root);
    let mut all: Vec<(String, Standing, Option<Arc<str>>)> = walked
        .files
        .iter()
        .zip(texts)
        .map(|(path, text)| {
            let file = relative(root, path);
            let standing =
                if tracked.as_ref().is_some_and(|it| it.has(&file)) { Standing::Tracked } else { Standing::Loose };
            (file, standing, text)
        })
        .collect();
    let known: BTreeSet<&str> = all.iter().map(|(file, ..)| file.as_str()).collect();
    let mut more: Vec<(String, Standing, Option<Arc<str>>)> = Vec::new();
    for file in tracked.iter().flat_map(Tracked::iter) {
        if !known.contains(file) && !is_foreign(file) && is_inside(root, file) {
            more.push((file.to_owned(), Standing::Tracked, None));
        }
    }
    for folder in folders.chain([root]).collect::<BTreeSet<_>>() {
        for file in environment_files(root, folder) {
            if !known.contains(file.as_str()) && !more.iter().any(|(other, ..)| *other == file) {
                more.push((file, Standing::Local, None));
            }
        }
    }
    all.append(&mut more);
    all.retain(|(file, ..)| !file.rsplit_once('.').is_some_and(|(_, it)| BINARY.contains(&it)));
    let read: Vec<Result<FileSeen, Box<Diagnostic>>> = all
        .into_par_iter()
        .map_init(Vec::new, |buffer, (file, standing, text)| read_one(&scanner, root, file, text, standing, buffer))
        .collect();
    let mut survey = Survey::default();
    for one in read {
        match one {
            Ok(file) if file.seen.is_empty() => {}
            Ok(file) => {
                survey.findings.extend(secrets::judge(&file));
                survey.files.push(file);
            }
            Err(finding) => survey.findings.push(*finding),
        }
    }
    survey
}

fn read_one(
    scanner: &Scanner,
    root: &Path,
    file: String,
    text: Option<Arc<str>>,
    standing: Standing,
    buffer: &mut Vec<u8>,
) -> Result<FileSeen, Box<Diagnostic>> {
    let unread = |why: &str| {
        let finding = Diagnostic::new("DW2321", format!("`{}` was not searched for secrets: {why}", printable(&file)))
            .at(Location::file(printable(&file)))
            .help("give the user who runs doorward read access, or take the file out of the tree");
        Box::new(finding)
    };
    let path = root.join(&file);
    let seen = match text {
        Some(text) => scanner.text(&path, &text, buffer),
        None if std::fs::metadata(&path).is_ok_and(|it| it.len() > scan::MAX_BYTES) => {
            return Err(unread("it is larger than 1 GB"));
        }
        None => scanner.file(&path, buffer),
    };
    let seen = seen.map_err(|error| unread(&error.to_string()))?;
    let kind = file_kind(file.rsplit('/').next().unwrap_or(&file));
    Ok(FileSeen { kind, standing, seen, file })
}

/// Whether a path lies in a folder of installed packages.
fn is_foreign(path: &str) -> bool {
    path.split('/').any(crate::walk::is_foreign)
}

/// Whether a path that git names is a file of the tree: neither gone nor reached through a link.
fn is_inside(root: &Path, file: &str) -> bool {
    let path = root.join(file);
    std::fs::symlink_metadata(&path).is_ok_and(|it| it.is_file())
        && path.parent().and_then(|it| it.canonicalize().ok()).is_some_and(|it| it.starts_with(root))
}

/// Whether `path` lies in `folder`; `.` is the tree itself.
fn is_below(path: &str, folder: &str) -> bool {
    folder == "." || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn environment_files(root: &Path, folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|it| it.file_type().is_ok_and(|kind| kind.is_file()))
        .filter(|it| matches!(file_kind(&it.file_name().to_string_lossy()), FileKind::Env(_)))
        .map(|it| relative(root, &it.path()))
        .collect()
}

impl Survey {
    /// Reads manifests and lock files.
    fn read_projects(&mut self, root: &Path, walked: &Walk) {
        let locks = Locks::read(root, &walked.files, &mut self.findings);
        let mut files = walked.manifests.clone();
        files.extend(more_requirements(walked));
        let manifests = manifests::read(root, &files);
        let workspace: BTreeMap<&str, &str> = manifests
            .iter()
            .filter(|it| it.ecosystem == Ecosystem::Npm)
            .filter_map(|it| Some((it.name.as_deref()?, it.folder.as_str())))
            .collect();
        let read: Vec<((String, Ecosystem), Facts)> = manifests
            .par_iter()
            .map(|manifest| {
                let is_npm = manifest.ecosystem == Ecosystem::Npm;
                let facts = Facts {
                    packages: packages::packages(root, manifest, &locks),
                    package_manager: packages::manager(manifest, &manifests, &locks),
                    module_system: manifest.json.as_ref().map(module_system),
                    typescript: is_npm.then(|| typescript::settings(root, &manifest.folder, &workspace)).flatten(),
                    variables: Vec::new(),
                };
                ((manifest.folder.clone(), manifest.ecosystem), facts)
            })
            .collect();
        let mut judged: Vec<Diagnostic> =
            read.iter().flat_map(|(_, facts)| doorward::facts::judge(&facts.packages)).collect();
        // What a manifest asks for is told there, and not again for those who get it through another project.
        let at_line = |it: &Diagnostic| it.location.as_ref().is_some_and(|at| at.line > 0);
        let told: BTreeSet<String> = judged.iter().filter(|it| at_line(it)).map(|it| it.message.clone()).collect();
        judged.retain(|it| at_line(it) || !told.contains(&it.message));
        judged.sort_by(|one, two| (&one.location, &one.message).cmp(&(&two.location, &two.message)));
        judged.dedup();
        self.findings.append(&mut judged);
        self.projects = read.into_iter().collect();
    }

    /// Whether anything in the tree has to do with Clerk.
    fn uses_clerk(&self) -> bool {
        let named = |it: &Seen| match &it.what {
            What::Name { .. } => true,
            What::Key { kind, certain, host, .. } => {
                (*certain && *kind != KeyKind::PublishableKey) || (*kind == KeyKind::PublishableKey && host.is_some())
            }
        };
        self.files.iter().any(|file| file.seen.iter().any(named))
            || self.projects.values().flat_map(|it| &it.packages).any(|it| it.name.contains("clerk"))
    }

    /// The facts of the project in a folder, or of the nearest one around it.
    fn project(&self, folder: &str, ecosystem: Ecosystem) -> Option<&Facts> {
        packages::ancestors(folder).find_map(|it| self.projects.get(&(it.to_owned(), ecosystem)))
    }

    /// The version of a package that the project in a folder really gets.
    pub(crate) fn version(&self, folder: &str, ecosystem: Ecosystem, package: &str) -> Option<&str> {
        let package = self.project(folder, ecosystem)?.packages.iter().find(|it| it.name == package)?;
        (package.source < VersionSource::Manifest).then_some(package.version.as_str())
    }

    /// Adds what is known to each app.
    pub(crate) fn describe<'a>(&self, apps: impl Iterator<Item = (&'a mut App, Ecosystem)>) {
        let mut apps: Vec<(&mut App, Ecosystem)> = apps.collect();
        let roots: Vec<String> = apps.iter().map(|(app, _)| app.root.clone()).collect();
        for (app, ecosystem) in &mut apps {
            app.facts = self.project(&app.root, *ecosystem).cloned().unwrap_or_default();
            let others: Vec<&str> =
                roots.iter().map(String::as_str).filter(|it| *it != app.root && is_below(it, &app.root)).collect();
            let belongs = |file: &str| is_below(file, &app.root) && !others.iter().any(|it| is_below(file, it));
            app.facts.variables = self.variables(belongs);
        }
    }

    /// Clerk's variables in the files for which `belongs` holds.
    fn variables(&self, belongs: impl Fn(&str) -> bool) -> Vec<Variable> {
        let mut all: BTreeMap<&str, Variable> = BTreeMap::new();
        for file in self.files.iter().filter(|it| belongs(&it.file)) {
            for seen in &file.seen {
                let What::Name { name, role } = &seen.what else { continue };
                let variable =
                    all.entry(name).or_insert_with(|| Variable { name: name.clone(), ..Variable::default() });
                let place = Place { file: printable(&file.file), line: seen.line };
                match (role, file.kind) {
                    (Role::Read, FileKind::Code) => variable.read.push(place),
                    (Role::Declared, FileKind::Env(_)) => variable.declared.push(place),
                    _ => {}
                }
            }
        }
        all.into_values().filter(|it| !it.read.is_empty() || !it.declared.is_empty()).collect()
    }
}

fn module_system(manifest: &serde_json::Value) -> ModuleSystem {
    match manifest.get("type").and_then(|it| it.as_str()) {
        Some("module") => ModuleSystem::Esm,
        _ => ModuleSystem::CommonJs,
    }
}

/// Lists of requirements under other names than `requirements.txt`.
fn more_requirements(walked: &Walk) -> Vec<(PathBuf, String)> {
    const MAX_BYTES: u64 = 1024 * 1024;
    let is_list = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let among = path.parent().and_then(Path::file_name).is_some_and(|it| it == "requirements");
        name.ends_with(".txt") && name != "requirements.txt" && (among || name.starts_with("requirements"))
    };
    let small = |path: &Path| std::fs::metadata(path).is_ok_and(|it| it.len() <= MAX_BYTES);
    let lists = walked.files.iter().filter(|it| is_list(it) && small(it));
    lists.filter_map(|path| Some((path.clone(), std::fs::read_to_string(path).ok()?))).collect()
}
