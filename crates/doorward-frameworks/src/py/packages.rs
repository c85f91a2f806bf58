//! The packages of a tree: its Python manifests, and the modules that belong to each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorward::diagnostic::{Diagnostic, Location};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;

use super::eval::Problem;
use super::program::{Module, Program};
use crate::frameworks::{Engine, Framework};
use crate::model::{AppSource, SourceFile};
use crate::project::{Found, Language, Package};
use crate::source::Place;
use crate::walk::{self, printable};

/// Modules in which programs start, by their last name, the most telling first.
static STARTS: &[&str] =
    &["main", "asgi", "app", "server", "wsgi", "api", "application", "manage", "run", "__main__", "__init__"];

/// The Python of a tree.
pub(crate) struct Python {
    root: PathBuf,
    manifests: Vec<Manifest>,
    program: Program,
}

/// What one folder's manifests say.
#[derive(Debug, Default)]
struct Manifest {
    folder: PathBuf,
    name: Option<String>,
    /// What is needed, by normalised name, with the versions asked for.
    needs: BTreeMap<String, String>,
}

impl Python {
    /// Parses `sources`. `manifests` are those of every language.
    pub(crate) fn parse(
        root: &Path,
        sources: Vec<(PathBuf, Arc<str>)>,
        manifests: &[(PathBuf, String)],
        unresolved: &mut Vec<Diagnostic>,
    ) -> Self {
        let manifests = read_manifests(root, manifests, unresolved);
        let program = Program::parse(root, sources);
        for at in 0..program.count() {
            unresolved.extend(syntax_error(program.module(at)));
        }
        Self { root: root.to_path_buf(), manifests, program }
    }
}

impl Language for Python {
    fn packages(&self, framework: &Framework) -> Vec<Package> {
        match framework.engine {
            Engine::Python(_) => packages(&self.root, &self.program, &self.manifests, framework.packages),
            _ => Vec::new(),
        }
    }

    fn discover(&self, framework: &Framework, package: &Package) -> Option<Found> {
        match framework.engine {
            Engine::Python(discover) => {
                let mut found = discover(&self.program, package);
                found.fill(&|read, source| fill_files(&self.program, read, source));
                Some(found)
            }
            _ => None,
        }
    }

    fn app_name(&self, root: &str) -> String {
        let folder = if root == "." { self.root.clone() } else { self.root.join(root) };
        let named = self.manifests.iter().find(|it| it.folder == folder).and_then(|it| it.name.clone());
        named
            .filter(|it| !it.is_empty())
            .or_else(|| folder.file_name().map(|it| it.to_string_lossy().into_owned()))
            .map_or_else(|| "app".to_owned(), |name| printable(&name))
    }
}

fn fill_files(program: &Program, read: &BTreeSet<usize>, source: &mut AppSource) {
    for at in read {
        let module = program.module(*at);
        // A folder without a file has no text to edit.
        if module.file.ends_with(".py") {
            source.files.insert(module.file.clone(), source_file(module));
        }
    }
}

fn source_file(module: &Module) -> SourceFile {
    let imports = module.body.iter().filter(|it| matches!(it, Stmt::Import(_) | Stmt::ImportFrom(_)));
    let mut names = Vec::new();
    for statement in &module.body {
        match statement {
            Stmt::FunctionDef(it) => names.push(it.name.id.to_string()),
            Stmt::ClassDef(it) => names.push(it.name.id.to_string()),
            Stmt::Import(it) => {
                names.extend(it.names.iter().map(|it| it.asname.as_ref().unwrap_or(&it.name).id.to_string()))
            }
            Stmt::ImportFrom(it) => {
                names.extend(it.names.iter().map(|it| it.asname.as_ref().unwrap_or(&it.name).id.to_string()));
            }
            Stmt::Assign(it) => names.extend(it.targets.iter().filter_map(|it| match it {
                Expr::Name(name) => Some(name.id.to_string()),
                _ => None,
            })),
            _ => {}
        }
    }
    SourceFile {
        text: module.text.to_string(),
        esm: false,
        typescript: false,
        after_imports: imports.last().map_or(0, |it| it.range().end().to_usize()),
        names,
        import_extension: String::new(),
    }
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

fn read_manifests(root: &Path, read: &[(PathBuf, String)], unresolved: &mut Vec<Diagnostic>) -> Vec<Manifest> {
    let mut all: BTreeMap<PathBuf, Manifest> = BTreeMap::new();
    for (path, text) in read {
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let Some(mut folder) = path.parent() else { continue };
        // `requirements/base.txt` and its kin belong to the folder around them.
        if folder.file_name().is_some_and(|it| it == "requirements") {
            folder = folder.parent().unwrap_or(folder);
        }
        if matches!(name, "package.json" | "Cargo.toml") {
            continue;
        }
        let manifest = all.entry(folder.to_path_buf()).or_default();
        match name {
            "pyproject.toml" | "Pipfile" => match text.parse::<toml::Table>() {
                Ok(table) => read_toml(&table, manifest),
                Err(error) => {
                    let file = printable(&walk::relative(root, path));
                    let offset = error.span().map_or(0, |it| it.start);
                    unresolved.push(
                        Diagnostic::new(
                            "DW2012",
                            format!("`{file}` is not valid TOML: {}", printable(error.message())),
                        )
                        .at(Location::of_offset(file, text, offset))
                        .help("repair the file, so that its dependencies can be read"),
                    );
                }
            },
            // Any module may be called `setup`.
            "setup.py" if !text.contains("setuptools") && !text.contains("distutils") => {}
            "setup.py" | "setup.cfg" => read_setup(text, manifest),
            _ => text.lines().for_each(|it| need(it, manifest)),
        }
    }
    all.into_iter().map(|(folder, manifest)| Manifest { folder, ..manifest }).collect()
}

fn read_toml(table: &toml::Table, manifest: &mut Manifest) {
    let text = |of: Option<&toml::Value>, key: &str| Some(of?.get(key)?.as_str()?.to_owned());
    let project = table.get("project");
    let poetry = table.get("tool").and_then(|it| it.get("poetry"));
    manifest.name = text(project, "name").or_else(|| text(poetry, "name")).or_else(|| manifest.name.take());
    let list = |of: Option<&toml::Value>, manifest: &mut Manifest| {
        let items = of.and_then(toml::Value::as_array).into_iter().flatten();
        items.filter_map(toml::Value::as_str).for_each(|it| need(it, manifest));
    };
    list(project.and_then(|it| it.get("dependencies")), manifest);
    let groups = [project.and_then(|it| it.get("optional-dependencies")), table.get("dependency-groups")];
    for group in groups.into_iter().flatten().filter_map(toml::Value::as_table) {
        group.values().for_each(|it| list(Some(it), manifest));
    }
    let tables = [poetry.and_then(|it| it.get("dependencies")), table.get("packages")];
    for (name, version) in tables.into_iter().flatten().filter_map(toml::Value::as_table).flatten() {
        let version = version.as_str().or_else(|| version.get("version")?.as_str()).unwrap_or_default();
        manifest.needs.entry(normalised(name)).or_insert_with(|| printable(version));
    }
}

/// `setup.py` is code and `setup.cfg` is a table; what is needed is found as text in both.
fn read_setup(text: &str, manifest: &mut Manifest) {
    for line in text.lines() {
        let line = line.trim().trim_matches(['"', '\'', ',']);
        if let Some(name) = line.strip_prefix("name").map(str::trim_start).and_then(|it| it.strip_prefix('=')) {
            let name = name.trim().trim_matches(['"', '\'', ',']);
            manifest.name.get_or_insert_with(|| name.to_owned());
        }
        line.split(['"', '\'']).for_each(|it| need(it, manifest));
    }
}

/// One requirement, as in `fastapi[standard]>=0.115,<1  # why`.
fn need(text: &str, manifest: &mut Manifest) {
    let text = text.split(['#', ';']).next().unwrap_or_default().trim();
    let end = text.find(|it: char| !(it.is_ascii_alphanumeric() || "-_.".contains(it))).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let rest = rest.trim_start();
    let version = match rest.strip_prefix('[').and_then(|it| it.split_once(']')) {
        Some((_, version)) => version,
        None => rest,
    };
    if !name.is_empty() && (version.is_empty() || version.trim_start().starts_with(['=', '>', '<', '~', '!', '@', '(']))
    {
        manifest.needs.entry(normalised(name)).or_insert_with(|| printable(version.trim()));
    }
}

/// Names of distributions are compared without case, and `-`, `_` and `.` are the same.
fn normalised(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// The packages that use one of `names`, with their modules.
fn packages(root: &Path, program: &Program, manifests: &[Manifest], names: &[&str]) -> Vec<Package> {
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
        let manifest = manifests.iter().find(|it| it.folder == folder);
        let depends = manifest.is_some_and(|it| names.iter().any(|name| it.needs.contains_key(&normalised(name))));
        let imports = modules.iter().any(|at| imports_one(program.module(*at), names));
        if !depends && !imports {
            continue;
        }
        modules.sort_by_key(|at| {
            let file = &program.module(*at).file;
            let stem = file.rsplit('/').next().and_then(|it| it.strip_suffix(".py")).unwrap_or_default();
            let rank = STARTS.iter().position(|it| *it == stem).unwrap_or(usize::MAX);
            (rank, file.matches('/').count(), file.clone())
        });
        let package = normalised(names.first().copied().unwrap_or_default());
        let asked = manifests
            .iter()
            .filter(|it| folder.starts_with(&it.folder))
            .max_by_key(|it| (it.needs.contains_key(&package), it.folder.components().count()))
            .and_then(|it| it.needs.get(&package).cloned())
            .filter(|it| !it.is_empty());
        all.push(Package {
            root: walk::relative(root, folder),
            version: locked_version(root, folder, &package).or(asked),
            modules,
            esm: false,
        });
    }
    all
}

fn imports_one(module: &Module, names: &[&str]) -> bool {
    module.facts.imports.iter().any(|it| {
        let top = it.module.split('.').next().unwrap_or_default();
        it.level == 0 && names.contains(&top)
    })
}

/// The version that a lock file next to the package, or above it, names.
fn locked_version(root: &Path, folder: &Path, package: &str) -> Option<String> {
    let wanted = format!("name = \"{package}\"");
    folder.ancestors().take_while(|it| it.starts_with(root)).find_map(|folder| {
        ["uv.lock", "poetry.lock", "pdm.lock"].iter().find_map(|file| {
            let path = folder.join(file);
            let small = path.symlink_metadata().is_ok_and(|it| it.is_file() && it.len() < 16 * 1024 * 1024);
            let text = if small { std::fs::read_to_string(path).ok()? } else { return None };
            let mut lines = text.lines().skip_while(|it| *it != wanted).skip(1).take(2);
            let version = lines.find_map(|it| it.strip_prefix("version = "))?;
            Some(printable(version.trim_matches('"')))
        })
    })
}

/// The place of `place` in text.
pub(crate) fn location(program: &Program, place: Place) -> Location {
    let module = program.module(place.module);
    // Programs have many places, and files many lines before them.
    let (before, start) = module.line_of(place.span.start);
    let rest = module.text.get(start..).unwrap_or_default();
    let at = Location::of_offset(printable(&module.file), rest, place.span.start.saturating_sub(start));
    Location { line: at.line.saturating_add(u32::try_from(before).unwrap_or(u32::MAX)), ..at }
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
            Diagnostic::new("DW2007", format!("`{}` does not lead to a module", printable(source)))
                .at(location(program, *place))
                .help("correct the import, or generate the file first; until then, routes in it are not known")
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
