//! What a name means: through modules, imports, re-exports and the crates of the tree.

use std::collections::HashMap;
use std::sync::Arc;

use super::{FnRef, Owner, Program, ScopeId, TypeId};
use crate::rs::ir::{Const, Name, Path, Type, TypeKind};

/// What a path leads to.
#[derive(Debug, Clone)]
pub(crate) enum Def {
    Scope(ScopeId),
    /// Several where `cfg` or the type decides.
    Functions(Vec<FnRef>),
    Const(ScopeId, Arc<Const>),
    Type(TypeId),
    Variant(TypeId, Name),
    Trait(ScopeId, Name),
    /// A function of a trait whose implementor is not named.
    TraitFunction(ScopeId, Name, Name),
    /// `macro_rules!` in a file, at these places.
    Macro(ScopeId, (usize, usize)),
    /// Something of another crate, by its full path.
    Outside(Vec<Name>),
    /// The path starts in the tree and then leads nowhere.
    Missing,
}

type Visited = HashMap<(ScopeId, Name), Option<Def>>;

/// Longer paths are not written by people.
const MAX_SEGMENTS: usize = 64;
const MAX_DEPTH: usize = 64;

impl Program {
    /// What `path` means in `scope`. `within` is the `impl` around it.
    pub(crate) fn path(&self, scope: ScopeId, path: &Path, within: Option<&Owner>) -> Def {
        if let Some(of) = &path.of {
            return self.qualified(scope, path, &of.0, of.1, within);
        }
        let names = path.names();
        if let Some(first) = names.first()
            && &**first == "Self"
            && let Some(owner) = within
        {
            return self.of_self(owner, names.get(1..).unwrap_or_default());
        }
        self.names(scope, &names, path.global)
    }

    /// The type that `ty` names, if it is one path.
    pub(crate) fn ty(&self, scope: ScopeId, ty: &Type, within: Option<&Owner>) -> Def {
        ty.path().map_or(Def::Missing, |path| self.path(scope, path, within))
    }

    fn of_self(&self, owner: &Owner, rest: &[Name]) -> Def {
        let first = match (&owner.of, &owner.implementation) {
            (Some(of), _) => Def::Type(of.clone()),
            (None, Some(item)) => match item.of.path() {
                Some(path) if path.last() != "Self" => self.path(owner.scope, path, None),
                _ => Def::Missing,
            },
            (None, None) => match &owner.implements {
                Some(name) => Def::Trait(owner.scope, Arc::clone(name)),
                None => Def::Missing,
            },
        };
        // `Self::Rejection` is a type of the `impl`.
        if let ([name], Some(item)) = (rest, &owner.implementation)
            && let Some(ty) = item.types.get(name)
            && ty.path().is_none_or(|it| it.segments.first().is_none_or(|it| &*it.name != "Self"))
        {
            return self.ty(owner.scope, ty, None);
        }
        self.walk(first, rest, &mut Visited::new(), 0)
    }

    /// `<T as Trait>::name`.
    fn qualified(&self, scope: ScopeId, path: &Path, of: &Type, position: usize, within: Option<&Owner>) -> Def {
        let names = path.names();
        let rest = names.get(position..).unwrap_or_default();
        match self.ty(scope, of, within) {
            Def::Missing => {
                let of = names.get(..position).unwrap_or_default();
                let first = self.names(scope, of, path.global);
                self.walk(first, rest, &mut Visited::new(), 0)
            }
            found => self.walk(found, rest, &mut Visited::new(), 0),
        }
    }

    /// What a list of names means in `scope`.
    pub(crate) fn names(&self, scope: ScopeId, names: &[Name], global: bool) -> Def {
        self.names_within(scope, names, global, &mut Visited::new(), 0)
    }

    fn names_within(&self, scope: ScopeId, names: &[Name], global: bool, visited: &mut Visited, depth: usize) -> Def {
        let Some((first, rest)) = names.split_first().filter(|_| names.len() <= MAX_SEGMENTS && depth < MAX_DEPTH)
        else {
            return Def::Missing;
        };
        let module = self.module_of(scope);
        let start = match &**first {
            "crate" | "$crate" => self.root_of(scope).map(Def::Scope),
            "self" => Some(Def::Scope(module)),
            "super" => self.scope(module).and_then(|it| it.parent).map(|it| Def::Scope(self.module_of(it))),
            _ if global => self.external(scope, first),
            _ => self.first(scope, first, visited, depth),
        };
        match start {
            Some(start) if rest.is_empty() => self.beside(module, first, start, visited, depth),
            Some(start) => self.walk(start, rest, visited, depth),
            None => Def::Missing,
        }
    }

    /// The module around a block.
    pub(crate) fn module_of(&self, mut scope: ScopeId) -> ScopeId {
        for _ in 0..MAX_DEPTH * 2 {
            match self.scope(scope) {
                Some(it) if it.block => scope = it.parent.unwrap_or(scope),
                _ => break,
            }
        }
        scope
    }

    fn root_of(&self, scope: ScopeId) -> Option<ScopeId> {
        self.crates.get(self.scope(scope)?.krate).map(|it| it.root)
    }

    /// A crate by the name that `scope` may call it.
    fn external(&self, scope: ScopeId, name: &Name) -> Option<Def> {
        let krate = self.crates.get(self.scope(scope)?.krate)?;
        let manifest = self.packages.get(krate.package)?;
        if let Some(own) = self.crates.iter().find(|it| it.package == krate.package && !it.program)
            && own.name == *name
        {
            return Some(Def::Scope(own.root));
        }
        if let Some(dependency) = manifest.dependencies.get(&**name) {
            let real = dependency.package.replace('-', "_");
            return Some(match self.libraries.get(&real).and_then(|it| self.crates.get(*it)) {
                Some(found) => Def::Scope(found.root),
                None => Def::Outside(vec![Arc::from(real)]),
            });
        }
        matches!(&**name, "std" | "core" | "alloc").then(|| Def::Outside(vec![Arc::clone(name)]))
    }

    /// The first name of a path.
    fn first(&self, scope: ScopeId, name: &Name, visited: &mut Visited, depth: usize) -> Option<Def> {
        let mut at = Some(scope);
        let mut glob = None;
        for _ in 0..MAX_DEPTH {
            let Some(here) = at else { break };
            match self.inside(here, name, visited, depth + 1) {
                Some(Def::Outside(path)) if path.last() == Some(name) && self.is_glob(here, name) => {
                    glob = glob.or(Some(Def::Outside(path)));
                }
                Some(found) => return Some(found),
                None => {}
            }
            at = self.scope(here).filter(|it| it.block).and_then(|it| it.parent);
        }
        // A crate without a manifest may still name the crates it uses.
        let undeclared = || {
            let krate = self.crates.get(self.scope(scope)?.krate)?;
            let manifest = self.packages.get(krate.package)?;
            let known = manifest.dependencies.is_empty() && name.starts_with(char::is_lowercase);
            known.then(|| Def::Outside(vec![Arc::clone(name)]))
        };
        self.external(scope, name).or(glob).or_else(undeclared)
    }

    /// Whether only a glob could bring `name` into `scope`.
    fn is_glob(&self, scope: ScopeId, name: &Name) -> bool {
        self.scope(scope).is_some_and(|it| !it.items.uses.iter().any(|it| it.name.as_ref() == Some(name)))
    }

    /// What `name` means as a member of `scope`.
    fn inside(&self, scope: ScopeId, name: &Name, visited: &mut Visited, depth: usize) -> Option<Def> {
        let key = (scope, Arc::clone(name));
        if let Some(known) = self.memo.borrow().get(&key) {
            return Some(known.clone());
        }
        if depth > MAX_DEPTH {
            return None;
        }
        if let Some(known) = visited.get(&key) {
            return known.clone();
        }
        visited.insert(key.clone(), None);
        let found = self.inside_now(scope, name, visited, depth);
        visited.insert(key.clone(), found.clone());
        if let Some(found) = &found
            && !matches!(found, Def::Missing)
            && depth <= 1
        {
            self.memo.borrow_mut().insert(key, found.clone());
        }
        found
    }

    fn inside_now(&self, scope: ScopeId, name: &Name, visited: &mut Visited, depth: usize) -> Option<Def> {
        let here = self.scope(scope)?;
        let items = &here.items;
        if let Some(all) = items.functions.get(name) {
            let all = all.iter().map(|it| FnRef { function: Arc::clone(it), scope, owner: None }).collect();
            return Some(Def::Functions(all));
        }
        if items.types.contains_key(name) {
            return Some(Def::Type(TypeId { scope, name: Arc::clone(name) }));
        }
        if let Some(value) = items.consts.get(name) {
            return Some(Def::Const(scope, Arc::clone(value)));
        }
        if items.traits.contains_key(name) {
            return Some(Def::Trait(scope, Arc::clone(name)));
        }
        if let Some(child) = here.children.get(name).and_then(|it| it.first()) {
            return Some(Def::Scope(*child));
        }
        if let Some(place) = items.macros.get(name) {
            return Some(Def::Macro(scope, *place));
        }
        let mut missing = None;
        for import in items.uses.iter().filter(|it| it.name.as_ref() == Some(name)) {
            match self.import(scope, &import.path, import.global, visited, depth) {
                Def::Missing => missing = Some(Def::Missing),
                found => return Some(found),
            }
        }
        self.globs(scope, name, visited, depth).or(missing)
    }

    /// The function or constant that is imported under the name of a module.
    fn beside(&self, scope: ScopeId, name: &Name, found: Def, visited: &mut Visited, depth: usize) -> Def {
        let (Def::Scope(_), Some(here)) = (&found, self.scope(scope)) else { return found };
        for import in here.items.uses.iter().filter(|it| it.name.as_ref() == Some(name)) {
            let value = self.import(scope, &import.path, import.global, visited, depth + 1);
            if matches!(value, Def::Functions(_) | Def::Const(..)) {
                return value;
            }
        }
        found
    }

    fn import(&self, scope: ScopeId, path: &[Name], global: bool, visited: &mut Visited, depth: usize) -> Def {
        // `use axum;` names a crate, and not itself.
        if let [only] = path
            && let Some(found) = self.external(scope, only)
        {
            return found;
        }
        self.names_within(scope, path, global, visited, depth + 1)
    }

    fn globs(&self, scope: ScopeId, name: &Name, visited: &mut Visited, depth: usize) -> Option<Def> {
        let here = self.scope(scope)?;
        let mut outside: Option<Def> = None;
        for import in here.items.uses.iter().filter(|it| it.name.is_none()) {
            match self.names_within(scope, &import.path, import.global, visited, depth + 1) {
                Def::Scope(target) if target != scope => match self.inside(target, name, visited, depth + 1) {
                    Some(Def::Missing) | None => {}
                    Some(Def::Outside(path)) => outside = outside.or(Some(Def::Outside(path))),
                    found => return found,
                },
                Def::Type(id) => {
                    if let Some(found) = self.variant(&id, name) {
                        return Some(found);
                    }
                }
                Def::Outside(mut path) => {
                    let preludes = ["std", "core", "alloc", "super"];
                    if path.first().is_some_and(|it| !preludes.contains(&&**it)) {
                        let better = outside.is_none() || path.last().is_some_and(|it| &**it == "routing");
                        path.push(Arc::clone(name));
                        if better && is_framework_like(name, &path) {
                            outside = Some(Def::Outside(path));
                        }
                    }
                }
                _ => {}
            }
        }
        outside
    }

    /// Goes on from `at` through `rest`.
    fn walk(&self, mut at: Def, rest: &[Name], visited: &mut Visited, depth: usize) -> Def {
        for (number, name) in rest.iter().enumerate() {
            let last = number + 1 == rest.len();
            at = match at {
                Def::Scope(scope) => {
                    if &**name == "self" {
                        Def::Scope(scope)
                    } else if &**name == "super" {
                        let parent = self.scope(scope).and_then(|it| it.parent);
                        parent.map_or(Def::Missing, |it| Def::Scope(self.module_of(it)))
                    } else {
                        let found = self.inside(scope, name, visited, depth + 1).unwrap_or(Def::Missing);
                        if last { self.beside(scope, name, found, visited, depth) } else { found }
                    }
                }
                // A module and a function may share a name.
                Def::Functions(all) => {
                    let module = all.first().and_then(|it| {
                        let scope = self.scope(it.scope).filter(|_| it.owner.is_none())?;
                        scope.children.get(&it.function.name)?.first().copied()
                    });
                    match module {
                        Some(scope) => self.inside(scope, name, visited, depth + 1).unwrap_or(Def::Missing),
                        None => Def::Missing,
                    }
                }
                Def::Type(id) => self.associated(&id, name, depth),
                Def::Trait(scope, of) => Def::TraitFunction(scope, of, Arc::clone(name)),
                Def::Outside(mut path) => {
                    path.push(Arc::clone(name));
                    Def::Outside(path)
                }
                _ => Def::Missing,
            };
        }
        at
    }

    fn variant(&self, id: &TypeId, name: &Name) -> Option<Def> {
        let def = self.type_def(id)?;
        match &def.kind {
            TypeKind::Enum(variants) => {
                variants.iter().any(|it| it.name == *name).then(|| Def::Variant(id.clone(), Arc::clone(name)))
            }
            _ => None,
        }
    }

    pub(crate) fn type_def(&self, id: &TypeId) -> Option<&Arc<crate::rs::ir::TypeDef>> {
        self.scope(id.scope)?.items.types.get(&id.name)
    }

    /// `Type::name`.
    fn associated(&self, id: &TypeId, name: &Name, depth: usize) -> Def {
        if let Some(found) = self.variant(id, name) {
            return found;
        }
        let all: Vec<FnRef> = self.methods_of(id).iter().filter(|it| it.function.name == *name).cloned().collect();
        if !all.is_empty() {
            return Def::Functions(all);
        }
        if let Some((scope, value)) = self.consts.get(&(id.clone(), Arc::clone(name))) {
            return Def::Const(*scope, Arc::clone(value));
        }
        match self.alias(id, depth) {
            Some(target) => self.walk(target, std::slice::from_ref(name), &mut Visited::new(), depth + 1),
            None => {
                // A default method of a trait that the type implements.
                let default = self.methods_named(name).iter().find(|it| {
                    it.owner.as_ref().is_some_and(|it| it.implementation.is_none()) && it.function.body.is_some()
                });
                default.map_or(Def::Missing, |it| Def::Functions(vec![it.clone()]))
            }
        }
    }

    /// What an alias stands for.
    pub(crate) fn alias(&self, id: &TypeId, depth: usize) -> Option<Def> {
        let def = self.type_def(id).filter(|_| depth < 16)?;
        match &def.kind {
            TypeKind::Alias(ty) => match self.ty(id.scope, ty, None) {
                Def::Type(inner) if inner == *id => None,
                Def::Type(inner) => Some(self.alias(&inner, depth + 1).unwrap_or(Def::Type(inner))),
                found => Some(found),
            },
            _ => None,
        }
    }
}

/// Every crate's glob could bring any name. Types of the language's own prelude come from none of them.
fn is_framework_like(name: &Name, _path: &[Name]) -> bool {
    !matches!(
        &**name,
        "Ok" | "Err" | "Some" | "None" | "Vec" | "String" | "Option" | "Result" | "Box" | "Self" | "drop"
    )
}
