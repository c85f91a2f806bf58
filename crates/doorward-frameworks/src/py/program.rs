//! The modules of a tree and how they find each other.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use ruff_python_ast::{PySourceType, Stmt};
use ruff_text_size::Ranged;

use super::imports::{self, Facts, ImportRef};
use super::stdlib::is_standard;
use crate::walk;

/// One source file, or a folder that is a package without having a file that says so.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Relative to the tree, with `/`. A folder's name for a namespace package.
    pub(crate) file: String,
    pub(crate) text: Arc<str>,
    pub(crate) body: Vec<Stmt>,
    /// The folder whose files are its submodules, for packages.
    pub(crate) folder: Option<String>,
    pub(crate) facts: Facts,
    /// The first syntax error: where, and what the parser says.
    pub(crate) error: Option<(usize, String)>,
    /// Where its lines start, once somebody asked.
    lines: OnceLock<Vec<usize>>,
}

impl Module {
    /// How many lines end before `offset`, and where the line of `offset` starts.
    pub(crate) fn line_of(&self, offset: usize) -> (usize, usize) {
        let starts = self.lines.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(ends).collect()
        });
        let before = starts.partition_point(|it| *it <= offset).saturating_sub(1);
        (before, starts.get(before).copied().unwrap_or(0))
    }
}

/// What an import leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A module of the tree.
    Module(usize),
    /// Something that is not in the tree.
    Package,
    /// A module that should be in the tree and isn't.
    Missing,
}

/// Every module of the tree.
pub(crate) struct Program {
    root: PathBuf,
    modules: Vec<Module>,
    /// Modules by file, and packages without a file by their folder.
    by_file: HashMap<String, usize>,
    /// For each name that an absolute import may start with, the folders that have it.
    tops: HashMap<String, Vec<String>>,
    /// The first names of all absolute imports.
    imported: HashSet<String>,
    resolved: RefCell<HashMap<(String, String), Target>>,
}

/// Files that only an import leads to: so many are read, and no more.
const MAX_LED_TO: usize = 2_000;

impl Program {
    /// Parses `sources`, in parallel, and what their imports lead to in folders that are otherwise left out.
    pub(crate) fn parse(root: &Path, sources: Vec<(PathBuf, Arc<str>)>) -> Self {
        let mut program = Self {
            root: root.to_path_buf(),
            modules: Vec::new(),
            by_file: HashMap::new(),
            tops: HashMap::new(),
            imported: HashSet::new(),
            resolved: RefCell::default(),
        };
        let mut batch: Vec<(String, Arc<str>)> =
            sources.into_iter().map(|(path, text)| (walk::relative(root, &path), text)).collect();
        let mut asked = HashSet::new();
        let mut led_to = 0;
        while !batch.is_empty() {
            let from = program.modules.len();
            let parsed: Vec<Module> = batch.into_par_iter().map(|(file, text)| parse(file, text)).collect();
            for module in parsed {
                program.by_file.insert(module.file.clone(), program.modules.len());
                program.modules.push(module);
            }
            batch = program.led_to(from, &mut asked);
            led_to += batch.len();
            if led_to > MAX_LED_TO {
                break;
            }
        }
        program.add_folders();
        program.index();
        program
    }

    pub(crate) fn count(&self) -> usize {
        self.modules.len()
    }

    pub(crate) fn module(&self, at: usize) -> &Module {
        static NONE: OnceLock<Module> = OnceLock::new();
        self.modules.get(at).unwrap_or_else(|| NONE.get_or_init(Module::default))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The module of this file.
    pub(crate) fn find(&self, file: &str) -> Option<usize> {
        self.by_file.get(file).copied()
    }

    /// The module called `name` in `folder`.
    pub(crate) fn child(&self, folder: &str, name: &str) -> Option<usize> {
        let base = join(folder, name);
        self.find(&format!("{base}/__init__.py"))
            .or_else(|| self.find(&format!("{base}.py")))
            .or_else(|| self.find(&base))
    }

    /// The modules directly in `folder`, by name.
    pub(crate) fn children(&self, folder: &str) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for (at, module) in self.modules.iter().enumerate() {
            let path = module.folder.as_deref().unwrap_or(&module.file);
            let (outside, name) = path.rsplit_once('/').unwrap_or((".", path));
            if outside == folder {
                all.insert(name.strip_suffix(".py").unwrap_or(name).to_owned(), at);
            }
        }
        all
    }

    /// The package around a module, if there is one in the tree.
    pub(crate) fn parent(&self, at: usize) -> Option<usize> {
        let module = self.module(at);
        let path = module.folder.as_deref().unwrap_or(&module.file);
        let (outside, _) = path.rsplit_once('/')?;
        self.find(&format!("{outside}/__init__.py"))
    }

    /// Where `import module`, written in module `from` with `level` dots, leads.
    pub(crate) fn resolve(&self, from: usize, level: u32, module: &str) -> Target {
        if level > 0 {
            return self.relative(from, level, module);
        }
        let folder = self.folder_of(from);
        let key = (folder.clone(), module.to_owned());
        if let Some(known) = self.resolved.borrow().get(&key) {
            return *known;
        }
        let target = self.absolute(&folder, module);
        self.resolved.borrow_mut().insert(key, target);
        target
    }

    fn folder_of(&self, at: usize) -> String {
        let module = self.module(at);
        match &module.folder {
            Some(folder) => folder.clone(),
            None => module.file.rsplit_once('/').map_or_else(|| ".".to_owned(), |(folder, _)| folder.to_owned()),
        }
    }

    fn relative(&self, from: usize, level: u32, module: &str) -> Target {
        let mut folder = self.folder_of(from);
        for _ in 1..level {
            match folder.rsplit_once('/') {
                Some((outside, _)) => folder = outside.to_owned(),
                None if folder != "." => ".".clone_into(&mut folder),
                None => return Target::Missing,
            }
        }
        if module.is_empty() {
            let init = join(&folder, "__init__.py");
            return self.find(&init).or_else(|| self.find(&folder)).map_or(Target::Missing, Target::Module);
        }
        self.descend(&folder, module).map_or(Target::Missing, Target::Module)
    }

    /// The module with this dotted name, seen from `folder`.
    fn descend(&self, folder: &str, dotted: &str) -> Option<usize> {
        let mut parts = dotted.split('.');
        let mut at = self.child(folder, parts.next()?)?;
        for part in parts {
            let folder = self.module(at).folder.as_deref()?;
            at = self.child(folder, part)?;
        }
        Some(at)
    }

    fn absolute(&self, folder: &str, module: &str) -> Target {
        let top = module.split('.').next().unwrap_or(module);
        let Some(folders) = self.tops.get(top) else { return Target::Package };
        let mut candidates: Vec<&String> = folders.iter().collect();
        // Closest to the importing file first: its own ancestors, then whatever shares most of the way.
        candidates.sort_by_key(|it| {
            let is_package = self.is_package(it);
            let around = it.as_str() == "." || folder == it.as_str() || folder.starts_with(&format!("{it}/"));
            (is_package, !around, usize::MAX - shared(it, folder), it.len())
        });
        let mut missing = false;
        for candidate in candidates {
            let around = candidate == "." || folder == candidate || folder.starts_with(&format!("{candidate}/"));
            // A module next to the importing one is only meant if nothing else can be: `import logging`.
            if self.is_package(candidate) && (is_standard(top) || !around || self.is_imported(candidate)) {
                continue;
            }
            match self.descend(candidate, module) {
                Some(at) => {
                    let is_folder = self.module(at).file == *self.module(at).folder.as_deref().unwrap_or_default();
                    let plain = !module.contains('.');
                    if is_standard(top) && (is_folder || plain) {
                        continue;
                    }
                    // A folder of anything may be called like a package.
                    if is_folder && plain && !around {
                        continue;
                    }
                    return Target::Module(at);
                }
                None => missing |= self.child(candidate, top).is_some_and(|at| !self.module(at).text.is_empty()),
            }
        }
        if missing && !is_standard(top) { Target::Missing } else { Target::Package }
    }

    /// Whether the package that `folder` is, or lies in, is imported by its name: then names are not looked up inside.
    fn is_imported(&self, folder: &str) -> bool {
        let mut outermost = folder;
        while let Some((outside, _)) = outermost.rsplit_once('/')
            && self.is_package(outside)
        {
            outermost = outside;
        }
        self.imported.contains(outermost.rsplit('/').next().unwrap_or(outermost))
    }

    fn is_package(&self, folder: &str) -> bool {
        self.by_file.contains_key(&join(folder, "__init__.py"))
    }

    /// Files that imports name and the walk left out, such as those of a package called `build`.
    fn led_to(&self, from: usize, asked: &mut HashSet<String>) -> Vec<(String, Arc<str>)> {
        let mut found = Vec::new();
        for at in from..self.modules.len() {
            for import in &self.module(at).facts.imports {
                for base in self.places(at, import) {
                    for file in [format!("{base}.py"), format!("{base}/__init__.py")] {
                        if self.by_file.contains_key(&file) || !asked.insert(file.clone()) {
                            continue;
                        }
                        let path = self.root.join(&file);
                        let real = path.symlink_metadata().is_ok_and(|it| it.is_file() && it.len() <= 1024 * 1024);
                        if real && let Ok(text) = std::fs::read_to_string(&path) {
                            found.push((file, Arc::from(text)));
                        }
                    }
                }
            }
        }
        found
    }

    /// Where the modules that an import names would lie, without ending, if they are in the tree.
    fn places(&self, at: usize, import: &ImportRef) -> Vec<String> {
        let folder = self.folder_of(at);
        let bases: Vec<String> = if import.level > 0 {
            let mut base = folder;
            for _ in 1..import.level {
                base = base.rsplit_once('/').map_or_else(|| ".".to_owned(), |(outside, _)| outside.to_owned());
            }
            vec![base]
        } else {
            let top = import.module.split('.').next().unwrap_or_default();
            let is_foreign = is_standard(top) || walk::is_foreign(top);
            let ancestors = std::iter::successors(Some(folder.as_str()), |it| match it.rsplit_once('/') {
                Some((outside, _)) => Some(outside),
                None => (*it != ".").then_some("."),
            });
            ancestors.filter(|_| !is_foreign).take(12).map(str::to_owned).collect()
        };
        let mut all = Vec::new();
        for base in bases {
            let inside = import.module.replace('.', "/");
            let module = if inside.is_empty() { base.clone() } else { join(&base, &inside) };
            all.extend(import.names.iter().filter(|it| *it != "*").map(|it| join(&module, it)));
            let mut folder = module;
            while folder.len() > base.len() {
                all.push(folder.clone());
                folder = folder.rsplit_once('/').map_or_else(String::new, |(outside, _)| outside.to_owned());
            }
        }
        all
    }

    /// Makes a module of every folder that holds modules and has no `__init__.py`.
    fn add_folders(&mut self) {
        let mut folders = BTreeSet::new();
        for module in &self.modules {
            let mut at = module.file.as_str();
            while let Some((outside, _)) = at.rsplit_once('/') {
                if !folders.insert(outside.to_owned()) {
                    break;
                }
                at = outside;
            }
        }
        for folder in folders {
            if !self.is_package(&folder) {
                self.by_file.insert(folder.clone(), self.modules.len());
                self.modules.push(Module { file: folder.clone(), folder: Some(folder), ..Module::default() });
            }
        }
    }

    fn index(&mut self) {
        let mut tops: HashMap<String, Vec<String>> = HashMap::new();
        for module in &self.modules {
            let path = module.folder.as_deref().unwrap_or(&module.file);
            let (outside, name) = path.rsplit_once('/').unwrap_or((".", path));
            let name = name.strip_suffix(".py").unwrap_or(name);
            tops.entry(name.to_owned()).or_default().push(outside.to_owned());
        }
        self.tops = tops;
        let imports = self.modules.iter().flat_map(|it| &it.facts.imports).filter(|it| it.level == 0);
        self.imported = imports
            .filter_map(|it| it.module.split('.').next())
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect();
    }
}

fn parse(file: String, text: Arc<str>) -> Module {
    let parsed = ruff_python_parser::parse_unchecked_source(&text, PySourceType::Python);
    let mut error = parsed.errors().first().map(|it| (it.range().start().to_usize(), it.error.to_string()));
    let mut body: Vec<Stmt> = parsed.into_syntax().body.into_iter().collect();
    let facts = imports::facts(&body);
    if let Some(at) = facts.too_deep {
        error = error.or(Some((at, "expressions are nested too deeply".to_owned())));
        body.clear();
    }
    let folder = match file.rsplit_once('/') {
        Some((folder, "__init__.py")) => Some(folder.to_owned()),
        None if file == "__init__.py" => Some(".".to_owned()),
        _ => None,
    };
    Module { file, text, body, folder, facts, error, lines: OnceLock::new() }
}

fn join(folder: &str, name: &str) -> String {
    if folder == "." || folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// How many folders two paths share from the top.
fn shared(one: &str, two: &str) -> usize {
    one.split('/').zip(two.split('/')).take_while(|(a, b)| a == b).count()
}
