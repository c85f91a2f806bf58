//! Which versions an app gets, and which tool installs them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use doorward::diagnostic::{Diagnostic, Location};
use doorward::facts::{Ecosystem, Package, PackageManager, Place, VersionSource, is_watched};
use rayon::prelude::*;

use super::lock::{FORMATS, Format, Graph};
use super::manifests::{Asked, Manifest};
use crate::walk::{printable, relative};

/// Larger lock files are not read.
const MAX_LOCK: u64 = 64 * 1024 * 1024;

/// A lock file of the tree.
struct Lock {
    /// Relative to the tree.
    file: String,
    format: &'static Format,
    graph: Graph,
}

/// Every lock file, by folder and ecosystem.
pub(super) struct Locks(BTreeMap<(String, Ecosystem), Lock>);

impl Locks {
    pub(super) fn read(root: &Path, files: &[PathBuf], findings: &mut Vec<Diagnostic>) -> Self {
        let rank = |format: &Format| FORMATS.iter().position(|it| it.file == format.file);
        let mut wanted: BTreeMap<(String, Ecosystem), (&'static Format, &PathBuf)> = BTreeMap::new();
        for path in files {
            let Some(format) = path.file_name().and_then(|name| FORMATS.iter().find(|it| it.file == name)) else {
                continue;
            };
            let folder = relative(root, path.parent().unwrap_or(root));
            let key = (folder, format.ecosystem);
            if wanted.get(&key).is_none_or(|(other, _)| rank(format) < rank(other)) {
                wanted.insert(key, (format, path));
            }
        }
        let read: Vec<_> = wanted
            .into_par_iter()
            .map(|(key, (format, path))| {
                let small = std::fs::metadata(path).is_ok_and(|it| it.len() <= MAX_LOCK);
                let text = if small { std::fs::read_to_string(path).ok() } else { None };
                (key, relative(root, path), format, text.and_then(|it| format.parse(&it)))
            })
            .collect();
        let mut all = BTreeMap::new();
        for (key, file, format, graph) in read {
            let file = printable(&file);
            match graph {
                Some(graph) => drop(all.insert(key, Lock { file, format, graph })),
                None => findings.push(
                    Diagnostic::new("DW2320", format!("`{file}` can't be read, so versions are not known for certain"))
                        .at(Location::file(file))
                        .help(format!("write it anew with {}", format.manager)),
                ),
            }
        }
        Self(all)
    }

    /// The lock that holds in a folder: its own, or that of the nearest folder around it.
    fn of(&self, folder: &str, ecosystem: Ecosystem) -> Option<(&str, &Lock)> {
        ancestors(folder).find_map(|it| {
            let (key, lock) = self.0.get_key_value(&(it.to_owned(), ecosystem))?;
            Some((key.0.as_str(), lock))
        })
    }
}

/// A folder of the tree and every one around it, up to `.`.
pub(super) fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |it| match *it {
        "." => None,
        inner => Some(inner.rsplit_once('/').map_or(".", |(outer, _)| outer)),
    })
}

/// The versions of watched packages that one project gets.
pub(super) fn packages(root: &Path, manifest: &Manifest, locks: &Locks) -> Vec<Package> {
    let asked = |name: &str| manifest.asked.iter().find(|it| it.name == name);
    let place = |it: &Asked| Place { file: it.file.clone(), line: it.line };
    let mut all: BTreeSet<Package> = BTreeSet::new();
    let mut locked: BTreeSet<&str> = BTreeSet::new();
    let requests: Vec<(String, String)> = manifest.asked.iter().map(|it| (it.name.clone(), it.range.clone())).collect();
    let lock = locks.of(&manifest.folder, manifest.ecosystem);
    if let Some((folder, lock)) = lock {
        let importer = match manifest.ecosystem {
            Ecosystem::PyPi => "*",
            Ecosystem::Cargo => manifest.name.as_deref().unwrap_or("*"),
            Ecosystem::Npm if folder == manifest.folder => ".",
            Ecosystem::Npm if folder == "." => &manifest.folder,
            Ecosystem::Npm => manifest.folder.strip_prefix(folder).unwrap_or_default().trim_start_matches('/'),
        };
        let reached = lock.graph.reach(importer, &requests);
        let direct: BTreeSet<&str> =
            reached.iter().filter(|(_, direct)| **direct).map(|((name, _), _)| *name).collect();
        for ((name, version), is_direct) in &reached {
            let (name, version) = (*name, *version);
            // A second version of a package is what a tool brings along, nested in it; the manifest asks for the first.
            let is_asked = *is_direct || !direct.contains(name);
            if is_watched(manifest.ecosystem, name) {
                locked.insert(name);
                all.insert(Package {
                    name: name.to_owned(),
                    version: printable(version),
                    source: VersionSource::Lock,
                    file: lock.file.clone(),
                    ecosystem: manifest.ecosystem,
                    asked: asked(name).filter(|_| is_asked).map(place),
                });
            }
        }
    }
    // What no lock tells, a pin does, or the package that is installed, or else the range.
    for it in manifest.asked.iter().filter(|it| !locked.contains(it.name.as_str())) {
        if !is_watched(manifest.ecosystem, &it.name) || it.range.starts_with("workspace:") {
            continue;
        }
        let pin = manifest.asked.iter().find(|other| other.name == it.name && other.pinned);
        let (version, source, file) = match (pin, installed(root, manifest, &it.name)) {
            (Some(pin), _) => (pin.range.clone(), VersionSource::Lock, pin.file.clone()),
            (None, Some((version, file))) => (version, VersionSource::Installed, file),
            (None, None) => (it.range.clone(), VersionSource::Manifest, it.file.clone()),
        };
        if all.iter().any(|other| other.name == it.name) {
            continue;
        }
        all.insert(Package {
            name: it.name.clone(),
            version,
            source,
            file,
            ecosystem: manifest.ecosystem,
            asked: Some(place(it)),
        });
    }
    all.into_iter().collect()
}

/// The version that is installed, and the file that says so.
fn installed(root: &Path, manifest: &Manifest, name: &str) -> Option<(String, String)> {
    // A name from a manifest must not lead anywhere else.
    let plain = |it: char| it.is_ascii_alphanumeric() || "-_.@/".contains(it);
    if !name.chars().all(plain) || name.contains("..") || name.starts_with('/') {
        return None;
    }
    match manifest.ecosystem {
        Ecosystem::Npm => ancestors(&manifest.folder).find_map(|folder| {
            let path = root.join(folder).join("node_modules").join(name).join("package.json");
            let json: serde_json::Value = serde_json::from_str(&crate::walk::read_text(&path).ok()?).ok()?;
            Some((printable(json.get("version")?.as_str()?), printable(&relative(root, &path))))
        }),
        Ecosystem::PyPi => ancestors(&manifest.folder).find_map(|folder| {
            let start = format!("{}-", name.replace('-', "_"));
            [".venv", "venv"].iter().find_map(|venv| {
                let lib = root.join(folder).join(venv).join("lib");
                let python = std::fs::read_dir(&lib).ok()?.filter_map(Result::ok).next()?.path();
                let packages = std::fs::read_dir(python.join("site-packages")).ok()?.filter_map(Result::ok);
                packages.map(|it| it.path()).find_map(|path| {
                    let file = path.file_name()?.to_string_lossy().to_ascii_lowercase();
                    let version = file.strip_suffix(".dist-info")?.strip_prefix(&start)?.to_owned();
                    Some((printable(&version), printable(&relative(root, &path))))
                })
            })
        }),
        Ecosystem::Cargo => None,
    }
}

/// The tool that installs packages for a project: as its manifest or one around it says, or as the lock file tells.
pub(super) fn manager(manifest: &Manifest, all: &[Manifest], locks: &Locks) -> Option<PackageManager> {
    let told = ancestors(&manifest.folder).find_map(|folder| {
        all.iter().find(|it| it.folder == folder && it.ecosystem == manifest.ecosystem)?.manager.as_ref()
    });
    if let Some((text, file)) = told {
        // `pnpm@9.1.0+sha512.…`
        let (name, version) = text.split_once('@').map_or((text.as_str(), None), |(name, rest)| {
            (name, Some(rest.split('+').next().unwrap_or(rest).to_owned()))
        });
        return Some(PackageManager { name: name.to_owned(), version, file: file.clone() });
    }
    if let Some((_, lock)) = locks.of(&manifest.folder, manifest.ecosystem) {
        let name = lock.format.manager.to_owned();
        return Some(PackageManager { name, version: None, file: lock.file.clone() });
    }
    let list = manifest.asked.iter().find(|it| it.pinned)?;
    Some(PackageManager { name: "pip".to_owned(), version: None, file: list.file.clone() })
}
