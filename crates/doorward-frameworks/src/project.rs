//! From a folder to apps: finds packages, and asks each framework to read those that use it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{App, Inventory, Route};

use crate::frameworks;
use crate::js::eval::Problem;
use crate::js::ir::Module;
use crate::js::program::Program;
use crate::js::value::Place;
use crate::model::{Analysis, AppSource, SourceFile};
use crate::walk::{self, printable};

/// How to discover.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DiscoverOptions {
    /// Only apps of this framework id.
    pub framework: Option<String>,
}

/// Why nothing could be discovered at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// The folder can't be opened.
    #[error("`{folder}` can't be read: {error}; name the folder of your project")]
    Unreadable {
        /// The folder, as it was given.
        folder: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A file was given where a folder is expected.
    #[error("`{0}` is not a folder; name the folder that holds your `package.json`")]
    NotAFolder(String),
    /// There is no source file to read.
    #[error("`{folder}` holds no JavaScript or TypeScript source; name the folder of your project")]
    Empty {
        /// The folder, as it was given.
        folder: String,
        /// What was left out, and why.
        diagnostics: Vec<Diagnostic>,
    },
    /// No framework doorward knows is used.
    #[error("`{folder}` uses none of the frameworks doorward knows ({known}); name the folder of a server")]
    NoFramework {
        /// The folder, as it was given.
        folder: String,
        /// The frameworks, by id.
        known: String,
        /// What was noticed on the way, such as a manifest that can't be read.
        diagnostics: Vec<Diagnostic>,
    },
    /// The machine refused to start a thread.
    #[error("no thread could be started to read the source")]
    NoThread,
}

/// One package of the tree that uses a framework.
#[derive(Debug, Default)]
pub(crate) struct Package {
    /// Its folder, relative to the tree.
    pub(crate) root: String,
    /// The framework's version, as installed or as asked for.
    pub(crate) version: Option<String>,
    /// Its modules, where the program starts first.
    pub(crate) modules: Vec<usize>,
    /// `"type": "module"`.
    pub(crate) esm: bool,
}

/// What a framework read from one package.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) routes: Vec<Route>,
    /// Whether a server is made here at all.
    pub(crate) serves: bool,
    pub(crate) unresolved: Vec<Diagnostic>,
    pub(crate) source: AppSource,
    /// Modules that were read for it.
    pub(crate) read: BTreeSet<usize>,
    /// Where routers are made that ended up mounted here, and those that did not.
    pub(crate) mounted: BTreeSet<Place>,
    pub(crate) loose: Vec<(Place, Diagnostic)>,
}

struct Manifest {
    folder: PathBuf,
    json: serde_json::Value,
}

/// Reads the tree under `root`.
///
/// # Errors
/// [`DiscoverError`] if there is nothing to read. Whatever can't be understood in a tree that has something is a
/// diagnostic of the inventory.
pub fn discover(root: &Path, options: &DiscoverOptions) -> Result<Analysis, DiscoverError> {
    Program::with_stack(|| discover_here(root, options)).unwrap_or(Err(DiscoverError::NoThread))
}

fn discover_here(given: &Path, options: &DiscoverOptions) -> Result<Analysis, DiscoverError> {
    let shown = printable(&given.display().to_string());
    let root = given.canonicalize().map_err(|error| DiscoverError::Unreadable { folder: shown.clone(), error })?;
    if !root.is_dir() {
        return Err(DiscoverError::NotAFolder(shown));
    }
    let walked = walk::walk(&root);
    if walked.sources.is_empty() {
        return Err(DiscoverError::Empty { folder: shown, diagnostics: walked.skipped });
    }
    let mut unresolved = walked.skipped;
    let manifests = manifests(&root, walked.manifests, &mut unresolved);
    let workspace: HashMap<String, PathBuf> = manifests
        .iter()
        .filter_map(|it| Some((it.json.get("name")?.as_str()?.to_owned(), it.folder.clone())))
        .collect();
    let program = Program::parse(&root, walked.sources, workspace).map_err(|_| DiscoverError::NoThread)?;
    for at in 0..program.count() {
        unresolved.extend(syntax_error(&program.module(at)));
    }
    let mut analysis = Analysis::default();
    let mut found_any = false;
    let mut mounted = BTreeSet::new();
    let mut loose: Vec<(Place, Diagnostic)> = Vec::new();
    let mut names = BTreeSet::new();
    for framework in frameworks::ALL {
        if options.framework.as_deref().is_some_and(|wanted| wanted != framework.id) {
            continue;
        }
        let packages = packages(&root, &program, &manifests, framework.package);
        found_any |= !packages.is_empty();
        let mut read_by_others: BTreeSet<usize> = BTreeSet::new();
        let mut results: Vec<(Package, Found)> = Vec::new();
        for package in packages {
            let found = (framework.discover)(&program, &package);
            if found.serves {
                read_by_others.extend(&found.read);
            }
            results.push((package, found));
        }
        for (package, mut found) in results {
            mounted.append(&mut found.mounted);
            loose.append(&mut found.loose);
            // A library of routers that servers elsewhere in the tree mount is not a server of its own.
            let is_library = !found.serves && package.modules.iter().any(|it| read_by_others.contains(it));
            if is_library || (!found.serves && found.routes.is_empty()) {
                unresolved.append(&mut found.unresolved);
                continue;
            }
            unresolved.append(&mut found.unresolved);
            let mut name = app_name(&root, &manifests, &package.root);
            if !names.insert(name.clone()) {
                name = format!("{name} ({})", package.root);
                names.insert(name.clone());
            }
            fill_files(&program, &package, &found.read, &mut found.source);
            analysis.inventory.apps.push(App {
                name,
                root: package.root,
                framework: framework.id.to_owned(),
                version: package.version,
                routes: found.routes,
            });
            analysis.sources.push(found.source);
        }
    }
    unresolved.extend(loose.into_iter().filter(|(place, _)| !mounted.contains(place)).map(|(_, it)| it));
    unresolved
        .sort_by(|one, two| (&one.location, &one.code, &one.message).cmp(&(&two.location, &two.code, &two.message)));
    unresolved.dedup();
    if !found_any {
        let known = frameworks::ALL.iter().map(|it| it.id).collect::<Vec<_>>().join(", ");
        return Err(DiscoverError::NoFramework { folder: shown, known, diagnostics: unresolved });
    }
    if analysis.inventory.apps.is_empty() {
        unresolved.push(
            Diagnostic::new("DW2018", "a framework is used, but no application is created where doorward can see it")
                .help("name the folder of the server, or create the application in code of the project"),
        );
    }
    let Analysis { inventory: Inventory { apps, .. }, sources } = analysis;
    let mut pairs: Vec<(App, AppSource)> = apps.into_iter().zip(sources).collect();
    pairs.sort_by(|(one, _), (two, _)| one.root.cmp(&two.root));
    let (apps, sources) = pairs.into_iter().unzip();
    Ok(Analysis { inventory: Inventory { apps, unresolved }, sources })
}

fn manifests(root: &Path, read: Vec<(PathBuf, String)>, unresolved: &mut Vec<Diagnostic>) -> Vec<Manifest> {
    let mut all = Vec::new();
    for (path, text) in read {
        let file = walk::relative(root, &path);
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

fn syntax_error(module: &Module) -> Option<Diagnostic> {
    let (offset, message) = module.error.as_ref()?;
    let file = printable(&module.file);
    Some(
        Diagnostic::new("DW2001", format!("`{file}` does not parse: {}", printable(message)))
            .at(Location::of_offset(file, &module.text, *offset))
            .help("repair the syntax error; until then, routes in this file are not known"),
    )
}

/// The packages that use `package`, with their modules.
fn packages(root: &Path, program: &Program, manifests: &[Manifest], package: &str) -> Vec<Package> {
    let mut folders: Vec<&Path> = manifests.iter().map(|it| it.folder.as_path()).collect();
    if !folders.contains(&root) {
        folders.push(root);
    }
    folders.sort_by_key(|it| std::cmp::Reverse(it.components().count()));
    let mut owned: BTreeMap<&Path, Vec<usize>> = BTreeMap::new();
    for at in 0..program.count() {
        let file = root.join(&program.module(at).file);
        if let Some(folder) = folders.iter().find(|it| file.starts_with(it)) {
            owned.entry(folder).or_default().push(at);
        }
    }
    let mut all = Vec::new();
    for (folder, mut modules) in owned {
        let manifest = manifests.iter().find(|it| it.folder == folder).map(|it| &it.json);
        let range = manifest.and_then(|it| dependency(it, package));
        let imports = modules.iter().any(|at| program.module(*at).sources.iter().any(|it| it == package));
        if range.is_none() && !imports {
            continue;
        }
        let esm = manifest.and_then(|it| it.get("type")).and_then(|it| it.as_str()) == Some("module");
        let mut starts = manifest.map(entry_points).unwrap_or_default();
        starts.extend(
            ["src/index", "src/server", "src/main", "src/app", "index", "server", "main", "app"].map(str::to_owned),
        );
        modules.sort_by_key(|at| {
            let module = program.module(*at);
            let inside = walk::relative(folder, &root.join(&module.file));
            let stem = inside.rsplit_once('.').map_or(inside.as_str(), |(stem, _)| stem).to_owned();
            let rank = starts.iter().position(|it| *it == inside || *it == stem).unwrap_or(usize::MAX);
            (rank, module.file.clone())
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
        let text = std::fs::read_to_string(folder.join("node_modules").join(package).join("package.json")).ok()?;
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
            module.file.clone(),
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
    let module = program.module(place.module);
    Location::of_offset(printable(&module.file), &module.text, place.span.start)
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
        Problem::TooComplex(place) => {
            Diagnostic::new("DW2013", "the program does more at start-up than doorward follows; the rest was not read")
                .at(location(program, *place))
                .help("move heavy work out of start-up, or run doorward on the folder of one app")
        }
    }
}
