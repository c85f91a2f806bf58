//! The crates of a tree, their modules, and what a name in them means.

mod names;
mod tree;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path as FilePath, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rayon::prelude::*;

use super::ir::{Const, Function, Impl, Items, Module, Name, offset_of};
use super::lower;
use super::macros::Macros;
use crate::source::{Place, Span};
use crate::walk;

pub(crate) use names::Def;
pub(crate) use tree::normalise;

/// The number of a module, or of a block that holds items.
pub(crate) type ScopeId = usize;

/// A module of a crate, or a block with items of its own.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) krate: usize,
    /// The file, by its number.
    pub(crate) module: usize,
    pub(crate) parent: Option<ScopeId>,
    /// Names of the scope around a block are seen inside of it; those around a module are not.
    pub(crate) block: bool,
    pub(crate) items: Arc<Items>,
    pub(crate) children: BTreeMap<Name, Vec<ScopeId>>,
    pub(crate) blocks: HashMap<u32, ScopeId>,
}

/// A library or a program.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    /// As other crates call it.
    pub(crate) name: Name,
    /// The package, by its number in [`Program::packages`].
    pub(crate) package: usize,
    pub(crate) root: ScopeId,
    pub(crate) program: bool,
}

/// What the manifest of a package says.
#[derive(Debug, Default, Clone)]
pub(crate) struct Manifest {
    /// Relative to the tree; `.` for the tree.
    pub(crate) folder: String,
    pub(crate) name: String,
    pub(crate) library: Option<(String, String)>,
    /// Paths of programs, relative to the tree.
    pub(crate) programs: Vec<String>,
    /// By the name in the source, with `_`: the package's real name and its version.
    pub(crate) dependencies: BTreeMap<String, Dependency>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Dependency {
    pub(crate) package: String,
    pub(crate) version: Option<String>,
}

/// A type of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TypeId {
    pub(crate) scope: ScopeId,
    pub(crate) name: Name,
}

/// A function, and where its names are looked up.
#[derive(Debug, Clone)]
pub(crate) struct FnRef {
    pub(crate) function: Arc<Function>,
    pub(crate) scope: ScopeId,
    /// The `impl` it stands in.
    pub(crate) owner: Option<Rc<Owner>>,
}

impl FnRef {
    /// What tells it from every other function. One function read as part of two crates is one.
    pub(crate) fn key(&self) -> usize {
        Arc::as_ptr(&self.function) as usize
    }
}

/// An `impl` block, or a trait.
#[derive(Debug)]
pub(crate) struct Owner {
    /// The type, if it is one of the tree.
    pub(crate) of: Option<TypeId>,
    pub(crate) implementation: Option<Arc<Impl>>,
    /// The trait's name.
    pub(crate) implements: Option<Name>,
    pub(crate) scope: ScopeId,
}

/// Everything read.
#[derive(Default)]
pub(crate) struct Program {
    modules: Vec<Arc<Module>>,
    pub(crate) packages: Vec<Manifest>,
    pub(crate) crates: Vec<Crate>,
    scopes: Vec<Scope>,
    /// The library of each package, by the package's name with `_`.
    libraries: HashMap<String, usize>,
    functions: Vec<FnRef>,
    methods: HashMap<TypeId, Vec<FnRef>>,
    consts: HashMap<(TypeId, Name), (ScopeId, Arc<Const>)>,
    /// Methods by name.
    by_name: HashMap<Name, Vec<FnRef>>,
    owners: Vec<Rc<Owner>>,
    /// Files that are part of no crate.
    pub(crate) orphans: BTreeSet<usize>,
    memo: RefCell<HashMap<(ScopeId, Name), Def>>,
}

impl Program {
    /// Parses `sources`, in parallel, and builds the crates that `packages` describe.
    pub(crate) fn parse(root: &FilePath, sources: Vec<(PathBuf, Arc<str>)>, packages: Vec<Manifest>) -> Self {
        let libraries: Vec<(String, String)> = packages
            .iter()
            .filter_map(|it| Some((it.folder.clone(), it.library.as_ref()?.0.replace('-', "_"))))
            .collect();
        let own: BTreeSet<&str> = libraries.iter().map(|(_, name)| name.as_str()).collect();
        let foreign: BTreeSet<String> = packages
            .iter()
            .flat_map(|it| &it.dependencies)
            .filter(|(_, it)| !own.contains(&*it.package.replace('-', "_")))
            .map(|(name, _)| name.clone())
            .collect();
        let sources: Vec<(String, Arc<str>)> =
            sources.into_iter().map(|(path, text)| (walk::relative(root, &path), text)).collect();
        let macros = Macros::collect(&sources, &libraries, foreign);
        let parse = |(file, text): (String, Arc<str>)| Arc::new(lower::parse(&file, text, &macros));
        let modules = sources.into_par_iter().map(parse).collect();
        let mut program = Self { modules, packages, ..Self::default() };
        program.build();
        program
    }

    pub(crate) fn count(&self) -> usize {
        self.modules.len()
    }

    pub(crate) fn module(&self, at: usize) -> Arc<Module> {
        self.modules.get(at).cloned().unwrap_or_default()
    }

    pub(crate) fn scope(&self, at: ScopeId) -> Option<&Scope> {
        self.scopes.get(at)
    }

    /// The file in which a scope stands.
    pub(crate) fn file_of(&self, scope: ScopeId) -> usize {
        self.scope(scope).map_or(usize::MAX, |it| it.module)
    }

    pub(crate) fn place(&self, scope: ScopeId, at: usize) -> Place {
        // The end tells what a macro made from other things at the same place.
        Place { module: self.file_of(scope), span: Span { start: offset_of(at), end: at } }
    }

    /// The package a scope belongs to.
    pub(crate) fn package_of(&self, scope: ScopeId) -> Option<usize> {
        self.crates.get(self.scope(scope)?.krate).map(|it| it.package)
    }

    /// Whether an attribute is a macro of the tree.
    pub(crate) fn procedural(&self, scope: ScopeId, attr: &super::ir::Attr) -> bool {
        match self.path(scope, &attr.path, None) {
            Def::Functions(all) => {
                all.iter().any(|it| it.function.attrs.iter().any(|it| it.name() == "proc_macro_attribute"))
            }
            _ => false,
        }
    }

    /// Every function that has a body.
    pub(crate) fn functions(&self) -> &[FnRef] {
        &self.functions
    }

    /// The functions of a type, in all its `impl`s.
    pub(crate) fn methods_of(&self, of: &TypeId) -> &[FnRef] {
        self.methods.get(of).map_or(&[], Vec::as_slice)
    }

    /// Functions of any `impl` or trait with this name.
    pub(crate) fn methods_named(&self, name: &str) -> &[FnRef] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// Every `impl`.
    pub(crate) fn owners(&self) -> &[Rc<Owner>] {
        &self.owners
    }

    /// The scope of a block with items, seen from `scope`.
    pub(crate) fn block(&self, scope: ScopeId, number: u32) -> Option<ScopeId> {
        let mut at = Some(scope);
        for _ in 0..64 {
            let here = self.scope(at?)?;
            if let Some(found) = here.blocks.get(&number) {
                return Some(*found);
            }
            at = if here.block { here.parent } else { None };
        }
        None
    }

    /// The modules and blocks of a package's crates.
    pub(crate) fn scopes_of(&self, package: usize) -> Vec<ScopeId> {
        (0..self.scopes.len()).filter(|it| self.package_of(*it) == Some(package)).collect()
    }

    /// The files of a package's crates.
    pub(crate) fn files_of(&self, package: usize) -> BTreeSet<usize> {
        let mine: HashSet<usize> =
            self.crates.iter().enumerate().filter(|(_, it)| it.package == package).map(|(at, _)| at).collect();
        self.scopes.iter().filter(|it| mine.contains(&it.krate)).map(|it| it.module).collect()
    }
}
