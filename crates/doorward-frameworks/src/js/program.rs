//! The modules of a tree and how they find each other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oxc_resolver::{ResolveOptions, ResolverGeneric, TsconfigDiscovery};
use rayon::prelude::*;

use super::aliases::Aliases;
use super::files::Files;
use super::ir::Module;
use super::lower;
use crate::stack;
use crate::walk;

/// Every module read so far. Files that only an import leads to are read on demand.
pub(crate) struct Program {
    root: PathBuf,
    modules: RefCell<Vec<Arc<Module>>>,
    by_path: RefCell<HashMap<PathBuf, usize>>,
    resolver: ResolverGeneric<Files>,
    /// Where the resolver gives up on a broken configuration: the same without one, and what can be read of it.
    plain: ResolverGeneric<Files>,
    aliases: Aliases,
    /// What names led to, by the folder of the module that says them.
    resolved: RefCell<HashMap<(PathBuf, String), Target>>,
    /// Packages of the tree itself, by name.
    workspace: HashMap<String, PathBuf>,
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
    pub(crate) fn parse(
        root: &Path,
        sources: Vec<(PathBuf, String)>,
        workspace: HashMap<String, PathBuf>,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let parsed: Vec<(PathBuf, Arc<Module>)> = stack::pool()?.install(|| {
            sources
                .into_par_iter()
                .map(|(path, text)| {
                    let module = lower::parse(&walk::relative(root, &path), Arc::from(text));
                    (path, Arc::new(module))
                })
                .collect()
        });
        let by_path = parsed.iter().enumerate().map(|(at, (path, _))| (path.clone(), at)).collect();
        Ok(Self {
            root: root.to_path_buf(),
            modules: RefCell::new(parsed.into_iter().map(|(_, module)| module).collect()),
            by_path: RefCell::new(by_path),
            resolver: ResolverGeneric::new(options()),
            plain: ResolverGeneric::new(ResolveOptions { tsconfig: None, ..options() }),
            aliases: Aliases::default(),
            resolved: RefCell::default(),
            workspace,
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.modules.borrow().len()
    }

    pub(crate) fn module(&self, at: usize) -> Arc<Module> {
        self.modules.borrow().get(at).cloned().unwrap_or_default()
    }

    /// Where `source`, named in module `from`, leads.
    pub(crate) fn resolve(&self, from: usize, source: &str) -> Target {
        let file = self.root.join(&self.module(from).file);
        let key = (file.parent().map(Path::to_path_buf).unwrap_or_default(), source.to_owned());
        if let Some(known) = self.resolved.borrow().get(&key) {
            return known.clone();
        }
        let target = self.resolve_anew(from, source);
        self.resolved.borrow_mut().insert(key, target.clone());
        target
    }

    fn resolve_anew(&self, from: usize, source: &str) -> Target {
        let file = self.root.join(&self.module(from).file);
        let relative = source.starts_with('.') || source.starts_with('/');
        if source.starts_with("node:") {
            return Target::Package;
        }
        match self.resolver.resolve_file(&file, source) {
            Ok(found) => self.target(&found.into_path_buf()),
            Err(_) => match self.without_configuration(&file, source) {
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
        if let Some(at) = self.by_path.borrow().get(path) {
            return Some(*at);
        }
        let text = walk::read_text(path).ok()?;
        let module = lower::parse(&walk::relative(&self.root, path), Arc::from(text));
        let mut modules = self.modules.borrow_mut();
        modules.push(Arc::new(module));
        let at = modules.len() - 1;
        self.by_path.borrow_mut().insert(path.to_path_buf(), at);
        Some(at)
    }

    /// The modules directly in `folder` (relative to the tree), with their file names.
    pub(crate) fn listing(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .modules
            .borrow()
            .iter()
            .filter_map(|module| {
                let (dir, name) = module.file.rsplit_once('/').unwrap_or((".", &module.file));
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
        &self.root
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
