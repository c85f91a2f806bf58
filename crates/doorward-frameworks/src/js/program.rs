//! The modules of a tree and how they find each other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use oxc_resolver::{ResolveOptions, ResolverGeneric, TsconfigDiscovery};
use rayon::prelude::*;

use super::aliases::Aliases;
use super::files::Files;
use super::ir::{Module, Outline};
use super::lower;
use super::reach;
use super::silence;
use crate::walk;

/// Every module of a tree, in outline; each is read in full when something is asked of it, and forgotten with the view
/// through which it was asked. Files that only an import leads to are read on demand.
pub(crate) struct Program {
    tree: Arc<Tree>,
    /// What was read in full. It stays the same for as long as somebody looks: functions are told apart by where they
    /// are kept.
    modules: RefCell<HashMap<usize, Arc<Module>>>,
    /// What names led to, by the module that says them.
    targets: RefCell<HashMap<usize, HashMap<Box<str>, Target>>>,
    /// Whether modules are silent, where somebody asked.
    silent: RefCell<HashMap<usize, bool>>,
}

/// What all views share.
struct Tree {
    root: PathBuf,
    files: Vec<File>,
    /// The numbers of `files`, by their path in the tree.
    by_file: HashMap<Arc<str>, usize>,
    /// Files that were not among the sources. Their numbers go on where those of `files` end.
    late: RwLock<Late>,
    /// Whether a module may have to do with a server, for each of `files`.
    matters: Vec<bool>,
    resolver: ResolverGeneric<Files>,
    /// Where the resolver gives up on a broken configuration: the same without one, and what can be read of it.
    plain: ResolverGeneric<Files>,
    aliases: Aliases,
    /// What names led to, by the folder of the module that says them.
    resolved: RwLock<HashMap<PathBuf, HashMap<String, Target>>>,
    /// Packages of the tree itself, by name.
    workspace: HashMap<String, PathBuf>,
}

/// A tree that several threads may look at.
pub(crate) struct SharedTree(Arc<Tree>);

impl SharedTree {
    /// A view of its own, for one package.
    pub(crate) fn view(&self) -> Program {
        Program::of(Arc::clone(&self.0))
    }
}

/// One file: its outline, and all of it if it was worth reading in full at once, until the first view takes that.
struct File {
    outline: Outline,
    module: Mutex<Option<Arc<Module>>>,
}

impl File {
    fn module(&self) -> Arc<Module> {
        let kept = self.module.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.unwrap_or_else(|| Arc::new(lower::whole(&self.outline)))
    }
}

#[derive(Default)]
struct Late {
    files: Vec<Arc<File>>,
    by_path: HashMap<PathBuf, usize>,
}

/// What an import leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A module of the tree.
    Module(usize),
    /// A JSON file of the tree.
    Json(PathBuf),
    /// A package, or a part of the platform, by the name in the import.
    Package,
    /// A file that should be in the tree and isn't.
    Missing,
}

impl Program {
    /// Parses `sources`, in parallel.
    pub(crate) fn parse(root: &Path, sources: Vec<(PathBuf, Arc<str>)>, workspace: HashMap<String, PathBuf>) -> Self {
        let files: Vec<File> = sources
            .into_par_iter()
            .map(|(path, text)| {
                let (outline, module) = lower::outline(&walk::relative(root, &path), text);
                File { outline, module: Mutex::new(module.map(Arc::new)) }
            })
            .collect();
        let by_file = files.iter().enumerate().map(|(at, it)| (Arc::clone(&it.outline.file), at)).collect();
        let folders: Vec<(String, String)> =
            workspace.iter().map(|(name, folder)| (name.clone(), walk::relative(root, folder))).collect();
        let outlines: Vec<&Outline> = files.iter().map(|it| &it.outline).collect();
        let matters = reach::matters(&outlines, &folders);
        Self::of(Arc::new(Tree {
            root: root.to_path_buf(),
            files,
            by_file,
            late: RwLock::default(),
            matters,
            resolver: ResolverGeneric::new(options()),
            plain: ResolverGeneric::new(ResolveOptions { tsconfig: None, ..options() }),
            aliases: Aliases::default(),
            resolved: RwLock::default(),
            workspace,
        }))
    }

    fn of(tree: Arc<Tree>) -> Self {
        Self { tree, modules: RefCell::default(), targets: RefCell::default(), silent: RefCell::default() }
    }

    /// The tree, without what was read through this view.
    pub(crate) fn tree(&self) -> SharedTree {
        SharedTree(Arc::clone(&self.tree))
    }

    /// The outlines of the tree's modules, by number.
    pub(crate) fn outlines(&self) -> impl Iterator<Item = &Outline> {
        self.tree.files.iter().map(|it| &it.outline)
    }

    /// Whether the module may have to do with a server: it uses packages that do, seems to register routes, or leads
    /// to a module of which that is true. The others are read when something of theirs is looked at.
    pub(crate) fn matters(&self, at: usize) -> bool {
        self.tree.matters.get(at).copied().unwrap_or(true)
    }

    /// The file of a module, relative to the tree.
    pub(crate) fn file(&self, at: usize) -> Arc<str> {
        self.tree.outlined(at, |it| Arc::clone(&it.file))
    }

    /// The text of a module.
    pub(crate) fn text(&self, at: usize) -> Arc<str> {
        self.tree.outlined(at, |it| Arc::clone(&it.text))
    }

    /// What a module imports, re-exports and requires, as it is written.
    pub(crate) fn sources(&self, at: usize) -> &[String] {
        self.tree.files.get(at).map(|it| it.outline.sources.as_slice()).unwrap_or_default()
    }

    /// All of a module.
    pub(crate) fn module(&self, at: usize) -> Arc<Module> {
        if let Some(known) = self.modules.borrow().get(&at) {
            return Arc::clone(known);
        }
        let module = match self.tree.files.get(at) {
            Some(file) => file.module(),
            None => self.tree.late(at).map(|it| it.module()).unwrap_or_default(),
        };
        self.modules.borrow_mut().insert(at, Arc::clone(&module));
        module
    }

    /// Where `source`, named in module `from`, leads.
    pub(crate) fn resolve(&self, from: usize, source: &str) -> Target {
        if let Some(known) = self.targets.borrow().get(&from).and_then(|it| it.get(source)) {
            return known.clone();
        }
        let target = self.tree.resolve(&self.file(from), source);
        self.targets.borrow_mut().entry(from).or_default().insert(Box::from(source), target.clone());
        target
    }

    /// Whether neither `source`, named in module `from`, nor what it leads to can have to do with who is let in.
    pub(crate) fn is_silent(&self, from: usize, source: &str) -> bool {
        let Target::Module(at) = self.resolve(from, source) else { return false };
        if let Some(known) = self.silent.borrow().get(&at) {
            return *known;
        }
        let all = silence::silent(self, at);
        let mut silent = self.silent.borrow_mut();
        match &all {
            Some(all) => silent.extend(all.iter().map(|it| (*it, true))),
            None => drop(silent.insert(at, false)),
        }
        all.is_some()
    }

    /// Whether all that a module imports is known without reading it in full.
    pub(super) fn is_outlined(&self, at: usize) -> bool {
        at < self.tree.files.len()
    }

    /// The modules directly in `folder` (relative to the tree), with their file names.
    pub(crate) fn listing(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .outlines()
            .filter_map(|it| {
                let (dir, name) = it.file.rsplit_once('/').unwrap_or((".", &it.file));
                (dir == folder).then(|| name.to_owned())
            })
            .collect();
        names.sort();
        names
    }

    pub(crate) fn read(&self, path: &Path) -> Option<String> {
        walk::read_text(path).ok()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.tree.root
    }
}

impl Tree {
    fn outlined<T: Default>(&self, at: usize, take: impl Fn(&Outline) -> T) -> T {
        match self.files.get(at) {
            Some(file) => take(&file.outline),
            None => self.late(at).map(|it| take(&it.outline)).unwrap_or_default(),
        }
    }

    fn late(&self, at: usize) -> Option<Arc<File>> {
        let late = self.late.read().unwrap_or_else(PoisonError::into_inner);
        late.files.get(at.checked_sub(self.files.len())?).cloned()
    }

    /// Where `source`, named in `file`, leads.
    fn resolve(&self, file: &str, source: &str) -> Target {
        if let Some(at) = self.beside(file, source) {
            return Target::Module(at);
        }
        let file = self.root.join(file);
        let folder = file.parent().unwrap_or(&self.root);
        let known = |all: &HashMap<PathBuf, HashMap<String, Target>>| all.get(folder)?.get(source).cloned();
        if let Some(known) = known(&self.resolved.read().unwrap_or_else(PoisonError::into_inner)) {
            return known;
        }
        let target = self.resolve_anew(&file, source);
        let mut resolved = self.resolved.write().unwrap_or_else(PoisonError::into_inner);
        resolved.entry(folder.to_path_buf()).or_default().insert(source.to_owned(), target.clone());
        target
    }

    /// The TypeScript file of the tree that a name beginning with a dot leads to. It is what is looked for first, so
    /// that the file system, which takes its time, need not be asked.
    fn beside(&self, file: &str, source: &str) -> Option<usize> {
        if !source.starts_with('.') {
            return None;
        }
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = reach::joined(folder, source)?;
        let stem = path.strip_suffix(".js").unwrap_or(&path);
        self.by_file.get(format!("{stem}.ts").as_str()).copied()
    }

    fn resolve_anew(&self, file: &Path, source: &str) -> Target {
        let relative = source.starts_with('.') || source.starts_with('/');
        if source.starts_with("node:") {
            return Target::Package;
        }
        match self.resolver.resolve_file(file, source) {
            Ok(found) => self.target(&found.into_path_buf()),
            Err(_) => match self.without_configuration(file, source) {
                Some(target) => target,
                None if relative => Target::Missing,
                None => self.in_workspace(source),
            },
        }
    }

    /// A configuration that can't be loaded makes the resolver give up on every name.
    fn without_configuration(&self, file: &Path, source: &str) -> Option<Target> {
        let folder = file.parent()?;
        if source.starts_with('.') || source.starts_with('/') {
            return self.plain.resolve(folder, source).ok().map(|it| self.target(&it.into_path_buf()));
        }
        let targets = self.aliases.targets(&self.root, folder, source);
        let found = targets.iter().find_map(|(base, name)| self.plain.resolve(base, name).ok());
        found.map(|it| self.target(&it.into_path_buf()))
    }

    /// Packages of a workspace that were not installed yet.
    fn in_workspace(&self, source: &str) -> Target {
        let found = self.workspace.iter().find_map(|(name, folder)| {
            let rest = source.strip_prefix(name.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (folder, format!(".{rest}")))
        });
        let Some((folder, inside)) = found else { return Target::Package };
        let guesses = [inside.clone(), inside.replacen('.', "./src", 1)];
        guesses
            .iter()
            .find_map(|guess| self.resolver.resolve(folder, guess).ok())
            .map_or(Target::Missing, |found| self.target(&found.into_path_buf()))
    }

    fn target(&self, path: &Path) -> Target {
        let inside = path.strip_prefix(&self.root).ok();
        let installed = inside.is_none_or(|path| path.components().any(|part| part.as_os_str() == "node_modules"));
        if installed {
            return Target::Package;
        }
        match path.extension().and_then(|it| it.to_str()) {
            Some("json") => Target::Json(path.to_path_buf()),
            Some("js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx") => {
                self.load(path).map_or(Target::Missing, Target::Module)
            }
            _ => Target::Package,
        }
    }

    fn load(&self, path: &Path) -> Option<usize> {
        if let Some(at) = self.by_file.get(walk::relative(&self.root, path).as_str()) {
            return Some(*at);
        }
        if let Some(at) = self.late.read().unwrap_or_else(PoisonError::into_inner).by_path.get(path) {
            return Some(*at);
        }
        let text = walk::read_text(path).ok()?;
        let (outline, _) = lower::outline(&walk::relative(&self.root, path), Arc::from(text));
        let mut late = self.late.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = late.by_path.get(path) {
            return Some(*at);
        }
        let at = self.files.len() + late.files.len();
        late.files.push(Arc::new(File { outline, module: Mutex::default() }));
        late.by_path.insert(path.to_path_buf(), at);
        Some(at)
    }
}

fn options() -> ResolveOptions {
    let names = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    ResolveOptions {
        tsconfig: Some(TsconfigDiscovery::Auto),
        extensions: names(&[".ts", ".tsx", ".mts", ".cts", ".js", ".mjs", ".cjs", ".jsx", ".json"]),
        extension_alias: vec![
            (".js".to_owned(), names(&[".ts", ".tsx", ".js", ".jsx"])),
            (".mjs".to_owned(), names(&[".mts", ".mjs"])),
            (".cjs".to_owned(), names(&[".cts", ".cjs"])),
        ],
        condition_names: names(&["node", "import", "require", "default"]),
        main_fields: names(&["module", "main"]),
        ..ResolveOptions::default()
    }
}
