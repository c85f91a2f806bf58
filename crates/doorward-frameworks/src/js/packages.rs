//! The packages of a tree: its `package.json` files, and the modules that belong to each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorward::diagnostic::{Diagnostic, Location};
use rayon::prelude::*;

use super::eval::Problem;
use super::ir::{Module, Outline};
use super::program::{Program, SharedTree};
use crate::frameworks::{Engine, Framework};
use crate::model::{AppSource, SourceFile};
use crate::project::{Found, Language, Package};
use crate::source::Place;
use crate::walk::{self, printable};

/// The manifest of a package.
const MANIFEST: &str = "package.json";

/// The JavaScript and TypeScript of a tree.
pub(crate) struct JavaScript {
    root: PathBuf,
    manifests: Vec<Manifest>,
    tree: SharedTree,
    owned: Vec<Owned>,
}

struct Manifest {
    folder: PathBuf,
    json: serde_json::Value,
}

impl JavaScript {
    /// Parses `sources`. `manifests` are those of every language.
    pub(crate) fn parse(
        root: &Path,
        sources: Vec<(PathBuf, Arc<str>)>,
        manifests: &[(PathBuf, String)],
        unresolved: &mut Vec<Diagnostic>,
    ) -> Self {
        let manifests = read_manifests(root, manifests, unresolved);
        let workspace: HashMap<String, PathBuf> = manifests
            .iter()
            .filter_map(|it| Some((it.json.get("name")?.as_str()?.to_owned(), it.folder.clone())))
            .collect();
        let program = Program::parse(root, sources, workspace);
        unresolved.extend(program.outlines().filter_map(syntax_error));
        let owned = owned(root, &program, &manifests);
        Self { root: root.to_path_buf(), manifests, tree: program.tree(), owned }
    }
}

impl Language for JavaScript {
    fn packages(&self, framework: &Framework) -> Vec<Package> {
        match framework.engine {
            Engine::JavaScript(_) => {
                packages(&self.root, &self.tree.view(), &self.manifests, &self.owned, framework.packages)
            }
            _ => Vec::new(),
        }
    }

    fn discover(&self, framework: &Framework, package: &Package) -> Option<Found> {
        match framework.engine {
            Engine::JavaScript(discover) => {
                let program = self.tree.view();
                let mut found = discover(&program, package);
                found.fill(&|read, source| fill_files(&program, package, read, source));
                Some(found)
            }
            _ => None,
        }
    }

    /// Packages share nothing but the program.
    fn discover_all(&self, jobs: &[(&Framework, Package)]) -> Vec<Option<Found>> {
        jobs.par_iter().map(|(framework, package)| self.discover(framework, package)).collect()
    }

    fn app_name(&self, root: &str) -> String {
        app_name(&self.root, &self.manifests, root)
    }
}

fn read_manifests(root: &Path, read: &[(PathBuf, String)], unresolved: &mut Vec<Diagnostic>) -> Vec<Manifest> {
    let mut all = Vec::new();
    for (path, text) in read.iter().filter(|(path, _)| path.ends_with(MANIFEST)) {
        let file = walk::relative(root, path);
        let Some(folder) = path.parent().map(Path::to_path_buf) else { continue };
        let text = text.trim_start_matches('\u{feff}');
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(json) if json.is_object() => all.push(Manifest { folder, json }),
            Ok(_) => unresolved.push(
                Diagnostic::new("DW2012", format!("`{}` is not a JSON object", printable(&file)))
                    .at(Location::file(printable(&file)))
                    .help("repair the file; `npm pkg fix` may help"),
            ),
            Err(error) => {
                let line = u32::try_from(error.line()).unwrap_or(0);
                let column = u32::try_from(error.column()).unwrap_or(1).max(1);
                unresolved.push(
                    Diagnostic::new("DW2012", format!("`{}` is not valid JSON: {error}", printable(&file)))
                        .at(Location { file: printable(&file), line, column })
                        .help("repair the file, so that its dependencies and entry point can be read"),
                );
                all.push(Manifest { folder, json: serde_json::Value::Null });
            }
        }
    }
    all
}

fn syntax_error(module: &Outline) -> Option<Diagnostic> {
    let (offset, message) = module.error.as_ref()?;
    let file = printable(&module.file);
    Some(
        Diagnostic::new("DW2001", format!("`{file}` does not parse: {}", printable(message)))
            .at(Location::of_offset(file, &module.text, *offset))
            .help("repair the syntax error; until then, routes in this file are not known"),
    )
}

/// A folder with a manifest, or the tree itself, and what belongs to it and to no folder further down.
struct Owned {
    folder: PathBuf,
    manifest: Option<usize>,
    modules: Vec<usize>,
    /// The packages that its modules import.
    imports: BTreeSet<String>,
}

fn owned(root: &Path, program: &Program, manifests: &[Manifest]) -> Vec<Owned> {
    let new = |folder, manifest| Owned { folder, manifest, modules: Vec::new(), imports: BTreeSet::new() };
    let mut all: Vec<Owned> = manifests.iter().enumerate().map(|(at, it)| new(it.folder.clone(), Some(at))).collect();
    if !all.iter().any(|it| it.folder == root) {
        all.push(new(root.to_path_buf(), None));
    }
    all.sort_by(|one, two| one.folder.cmp(&two.folder));
    let by_folder: HashMap<PathBuf, usize> = all.iter().enumerate().map(|(at, it)| (it.folder.clone(), at)).collect();
    // They come in the order of their paths, many from each folder.
    let mut last: Option<(&str, Option<usize>)> = None;
    for (at, module) in program.outlines().enumerate() {
        let folder = module.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let owner = match last {
            Some((other, owner)) if other == folder => owner,
            _ => root.join(folder).ancestors().find_map(|it| by_folder.get(it)).copied(),
        };
        last = Some((folder, owner));
        let Some(owner) = owner.and_then(|it| all.get_mut(it)) else { continue };
        owner.modules.push(at);
        for source in module.sources.iter().map(|it| package_of(it)).filter(|it| !it.starts_with(['.', '/'])) {
            if !owner.imports.contains(source) {
                owner.imports.insert(source.to_owned());
            }
        }
    }
    all.retain(|it| !it.modules.is_empty());
    all
}

/// The packages that use one of `names`, with their modules.
fn packages(root: &Path, program: &Program, manifests: &[Manifest], owned: &[Owned], names: &[&str]) -> Vec<Package> {
    let mut all = Vec::new();
    for Owned { folder, manifest, modules, imports } in owned {
        let manifest = manifest.and_then(|at| manifests.get(at)).map(|it| &it.json);
        let depends = manifest.is_some_and(|it| names.iter().any(|name| dependency(it, name).is_some()));
        if !depends && !names.iter().any(|name| imports.contains(*name)) {
            continue;
        }
        let package = names.first().copied().unwrap_or_default();
        let range = manifest.and_then(|it| dependency(it, package));
        let esm = manifest.and_then(|it| it.get("type")).and_then(|it| it.as_str()) == Some("module");
        let mut starts = manifest.map(entry_points).unwrap_or_default();
        starts.extend(
            ["src/index", "src/server", "src/main", "src/app", "index", "server", "main", "app"].map(str::to_owned),
        );
        let mut modules = modules.clone();
        modules.sort_by_cached_key(|at| {
            let file = program.file(*at);
            let inside = walk::relative(folder, &root.join(&*file));
            let stem = inside.rsplit_once('.').map_or(inside.as_str(), |(stem, _)| stem).to_owned();
            let rank = starts.iter().position(|it| *it == inside || *it == stem).unwrap_or(usize::MAX);
            (rank, file)
        });
        all.push(Package {
            root: walk::relative(root, folder),
            version: installed_version(root, folder, package).or_else(|| {
                range.or_else(|| {
                    manifests
                        .iter()
                        .filter(|it| folder.starts_with(&it.folder))
                        .find_map(|it| dependency(&it.json, package))
                })
            }),
            modules,
            esm,
        });
    }
    all
}

/// The package that an import such as `next/server` or `@nestjs/common` names.
fn package_of(source: &str) -> &str {
    let parts = if source.starts_with('@') { 2 } else { 1 };
    source.match_indices('/').nth(parts - 1).and_then(|(at, _)| source.get(..at)).unwrap_or(source)
}

fn dependency(manifest: &serde_json::Value, package: &str) -> Option<String> {
    ["dependencies", "devDependencies", "peerDependencies"]
        .iter()
        .find_map(|kind| manifest.get(kind)?.get(package)?.as_str())
        .map(printable)
}

/// The files a manifest starts, without `./`, built folders mapped back to `src`.
fn entry_points(manifest: &serde_json::Value) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for script in ["start", "dev", "serve", "start:dev"] {
        let command =
            manifest.get("scripts").and_then(|it| it.get(script)).and_then(|it| it.as_str()).unwrap_or_default();
        texts.extend(command.split_whitespace().map(str::to_owned));
    }
    texts.extend(manifest.get("main").and_then(|it| it.as_str()).map(str::to_owned));
    let mut all = Vec::new();
    for text in texts {
        let text = text.trim_matches(['"', '\'']).trim_start_matches("./").to_owned();
        if !text.contains(['.', '/']) {
            continue;
        }
        for folder in ["dist/", "build/", "lib/", "out/"] {
            if let Some(inside) = text.strip_prefix(folder) {
                let stem = inside.rsplit_once('.').map_or(inside, |(stem, _)| stem);
                all.push(format!("src/{stem}"));
                all.push(stem.to_owned());
            }
        }
        all.push(text);
    }
    all
}

fn installed_version(root: &Path, folder: &Path, package: &str) -> Option<String> {
    folder.ancestors().take_while(|it| it.starts_with(root)).find_map(|folder| {
        let text = walk::read_text(&folder.join("node_modules").join(package).join("package.json")).ok()?;
        let json: serde_json::Value = serde_json::from_str(&text).ok()?;
        json.get("version")?.as_str().map(printable)
    })
}

fn app_name(root: &Path, manifests: &[Manifest], app: &str) -> String {
    let folder = if app == "." { root.to_path_buf() } else { root.join(app) };
    manifests
        .iter()
        .find(|it| it.folder == folder)
        .and_then(|it| it.json.get("name")?.as_str())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .or_else(|| folder.file_name().map(|it| it.to_string_lossy().into_owned()))
        .map_or_else(|| "app".to_owned(), |name| printable(&name))
}

fn fill_files(program: &Program, package: &Package, read: &BTreeSet<usize>, source: &mut AppSource) {
    let relative_extension = |module: &Module| {
        module.sources.iter().filter(|it| it.starts_with('.')).find_map(|it| {
            let name = it.rsplit('/').next().unwrap_or(it);
            match name.rsplit_once('.') {
                Some((stem, extension @ ("js" | "ts" | "mjs" | "cjs" | "mts" | "cts"))) if !stem.is_empty() => {
                    Some(format!(".{extension}"))
                }
                _ if name.starts_with('.') => None,
                _ => Some(String::new()),
            }
        })
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for at in read {
        if let Some(extension) = relative_extension(&program.module(*at)) {
            *counts.entry(extension).or_default() += 1;
        }
    }
    let usual = counts.into_iter().max_by_key(|(_, count)| *count).map(|(extension, _)| extension);
    for at in read {
        let module = program.module(*at);
        let says_nothing = !module.esm && module.sources.is_empty();
        let esm = match module.file.rsplit_once('.').map(|(_, extension)| extension) {
            Some("mjs" | "mts") => true,
            Some("cjs" | "cts") => false,
            _ if module.esm => true,
            _ => (module.typescript && says_nothing) || (package.esm && !module.typescript),
        };
        let fallback = || match (esm, module.typescript) {
            (true, false) => ".js".to_owned(),
            (true, true) if package.esm => ".js".to_owned(),
            _ => String::new(),
        };
        source.files.insert(
            module.file.to_string(),
            SourceFile {
                text: module.text.to_string(),
                esm,
                typescript: module.typescript,
                after_imports: module.after_imports,
                names: module.names.clone(),
                import_extension: relative_extension(&module).or_else(|| usual.clone()).unwrap_or_else(fallback),
            },
        );
    }
}

/// The place of `place` in text.
pub(crate) fn location(program: &Program, place: Place) -> Location {
    Location::of_offset(printable(&program.file(place.module)), &program.text(place.module), place.span.start)
}

/// What the evaluation could not know, for people.
pub(crate) fn problem(program: &Program, problem: &Problem) -> Diagnostic {
    match problem {
        Problem::DynamicImport(place) => {
            Diagnostic::new("DW2006", "a module is loaded by a name that is only known when the program runs")
                .at(location(program, *place))
                .help("load modules by a literal name; until then, routes in them are not known")
        }
        Problem::MissingModule(place, source) => {
            Diagnostic::new("DW2007", format!("`{}` does not lead to a file", printable(source)))
                .at(location(program, *place))
                .help("correct the path, or generate the file first; until then, routes in it are not known")
        }
        Problem::Text(place) => Diagnostic::new("DW2023", "code is made of a text while the program runs")
            .at(location(program, *place))
            .help("write what it does as code; until then, routes that it registers are not known"),
        Problem::TooComplex(place) => {
            Diagnostic::new("DW2013", "the program does more at start-up than doorward follows; the rest was not read")
                .at(location(program, *place))
                .help("move heavy work out of start-up, or run doorward on the folder of one app")
        }
    }
}
