//! Builds the tree of modules of every crate, and the lists of functions and `impl`s.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::{Crate, Def, FnRef, Owner, Program, Scope, ScopeId, TypeId};
use crate::rs::ir::{Items, Mod, Name};

/// Modules may name the same file again through `#[path]`.
const MAX_DEPTH: usize = 64;
const MAX_SCOPES: usize = 200_000;

/// One module to be built.
struct Task<'a> {
    krate: usize,
    module: usize,
    parent: Option<ScopeId>,
    items: Arc<Items>,
    /// The folder in which its child modules are looked for.
    folder: String,
    files: &'a HashMap<String, usize>,
    depth: usize,
}

impl Program {
    pub(super) fn build(&mut self) {
        let modules = self.modules.clone();
        let files: HashMap<String, usize> = modules.iter().enumerate().map(|(at, it)| (it.file.clone(), at)).collect();
        let mut seen = HashSet::new();
        for package in 0..self.packages.len() {
            let Some(manifest) = self.packages.get(package).cloned() else { continue };
            let roots = manifest
                .library
                .iter()
                .map(|(name, path)| (name.clone(), path.clone(), false))
                .chain(manifest.programs.iter().map(|path| (String::new(), path.clone(), true)));
            for (name, path, program) in roots {
                let Some(file) = files.get(&path).copied() else { continue };
                let krate = self.crates.len();
                if !program {
                    self.libraries.entry(manifest.name.replace('-', "_")).or_insert(krate);
                }
                let root = self.scopes.len();
                self.crates.push(Crate { name: Arc::from(name), package, root, program });
                let items = modules.get(file).map(|it| Arc::clone(&it.items)).unwrap_or_default();
                let folder = folder_of(&path).to_owned();
                let task = Task { krate, module: file, parent: None, items, folder, files: &files, depth: 0 };
                self.scope_of(task, false, &mut seen);
            }
        }
        self.orphans = (0..self.modules.len()).filter(|it| !seen.contains(it)).collect();
        self.collect_functions();
    }

    fn scope_of(&mut self, task: Task<'_>, block: bool, seen: &mut HashSet<usize>) -> ScopeId {
        let id = self.scopes.len();
        seen.insert(task.module);
        self.scopes.push(Scope {
            krate: task.krate,
            module: task.module,
            parent: task.parent,
            block,
            items: Arc::clone(&task.items),
            ..Scope::default()
        });
        if task.depth > MAX_DEPTH || self.scopes.len() > MAX_SCOPES {
            return id;
        }
        let mut children: BTreeMap<Name, Vec<ScopeId>> = BTreeMap::new();
        for inner in &task.items.mods {
            if let Some(child) = self.child(&task, id, inner, seen) {
                children.entry(Arc::clone(&inner.name)).or_default().push(child);
            }
        }
        let mut blocks = HashMap::new();
        for (number, items) in &task.items.blocks {
            let inner = Task {
                parent: Some(id),
                items: Arc::clone(items),
                depth: task.depth + 1,
                folder: task.folder.clone(),
                ..task
            };
            blocks.insert(*number, self.scope_of(inner, true, seen));
        }
        if let Some(scope) = self.scopes.get_mut(id) {
            scope.children = children;
            scope.blocks = blocks;
        }
        id
    }

    fn child(&mut self, task: &Task<'_>, parent: ScopeId, inner: &Mod, seen: &mut HashSet<usize>) -> Option<ScopeId> {
        let below = |folder: &str, name: &str| normalise(&format!("{folder}/{name}"));
        let (krate, module, files) = (task.krate, task.module, task.files);
        let id = parent;
        let (parent, depth, folder) = (Some(parent), task.depth + 1, below(&task.folder, &inner.name));
        let base = Task { krate, module, parent, items: Arc::default(), folder, files, depth };
        if let Some(items) = &inner.inline {
            let folder = inner.path.as_ref().map_or(base.folder.clone(), |it| below(&task.folder, it));
            return Some(self.scope_of(Task { items: Arc::clone(items), folder, ..base }, false, seen));
        }
        let own = self.modules.get(task.module).map(|it| folder_of(&it.file).to_owned()).unwrap_or_default();
        let choices = match &inner.path {
            Some(path) => vec![below(&own, path), below(&task.folder, path)],
            None => {
                vec![
                    below(&task.folder, &format!("{}.rs", inner.name)),
                    below(&task.folder, &format!("{}/mod.rs", inner.name)),
                ]
            }
        };
        let file = choices.iter().find_map(|it| task.files.get(it).copied())?;
        if self.is_inside(file, id) {
            // The compiler refuses a file that is a module of itself.
            return None;
        }
        let path = self.modules.get(file).map(|it| it.file.clone()).unwrap_or_default();
        if inner.test {
            let folder = format!("{}/", base.folder);
            seen.insert(file);
            seen.extend(task.files.iter().filter(|(name, _)| name.starts_with(&folder)).map(|(_, at)| *at));
            return None;
        }
        let items = self.modules.get(file).map(|it| Arc::clone(&it.items)).unwrap_or_default();
        let folder = match &inner.path {
            Some(_) => folder_of(&path).to_owned(),
            None => base.folder.clone(),
        };
        Some(self.scope_of(Task { module: file, items, folder, ..base }, false, seen))
    }

    /// Whether a scope stands in a file, or in a module of that file.
    fn is_inside(&self, file: usize, scope: ScopeId) -> bool {
        let outer = |it: &ScopeId| self.scopes.get(*it).and_then(|it| it.parent);
        std::iter::successors(Some(scope), outer)
            .take(MAX_DEPTH * 2)
            .any(|it| self.scopes.get(it).is_some_and(|it| it.module == file))
    }

    fn collect_functions(&mut self) {
        let mut functions = Vec::new();
        let mut owners = Vec::new();
        for (at, scope) in self.scopes.iter().enumerate() {
            for function in scope.items.functions.values().flatten() {
                functions.push(FnRef { function: Arc::clone(function), scope: at, owner: None });
            }
            for (name, item) in &scope.items.traits {
                let owner = Owner { of: None, implementation: None, implements: Some(Arc::clone(name)), scope: at };
                owners.push((Rc::new(owner), item.functions.clone()));
            }
            for item in &scope.items.impls {
                let of = match item.of.path().map(|it| self.path(at, it, None)) {
                    Some(Def::Type(id)) => Some(id),
                    _ => None,
                };
                let implements = item.implements.as_ref().map(|it| Arc::from(it.last()));
                let owner = Owner { of, implementation: Some(Arc::clone(item)), implements, scope: at };
                owners.push((Rc::new(owner), item.functions.clone()));
            }
        }
        let mut methods: HashMap<TypeId, Vec<FnRef>> = HashMap::new();
        let mut by_name: HashMap<Name, Vec<FnRef>> = HashMap::new();
        for (owner, all) in &owners {
            for function in all {
                let found = FnRef { function: Arc::clone(function), scope: owner.scope, owner: Some(Rc::clone(owner)) };
                if let Some(of) = &owner.of {
                    methods.entry(of.clone()).or_default().push(found.clone());
                }
                by_name.entry(Arc::clone(&function.name)).or_default().push(found.clone());
                functions.push(found);
            }
            let (Some(of), Some(item)) = (&owner.of, &owner.implementation) else { continue };
            for (name, value) in &item.consts {
                self.consts.insert((of.clone(), Arc::clone(name)), (owner.scope, Arc::clone(value)));
            }
        }
        functions.retain(|it| it.function.body.is_some());
        self.functions = functions;
        self.methods = methods;
        self.by_name = by_name;
        self.owners = owners.into_iter().map(|(owner, _)| owner).collect();
        self.memo.borrow_mut().clear();
    }
}

pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Without `.` and `..`.
pub(crate) fn normalise(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
