//! Names of modules that `tsconfig.json` or `jsconfig.json` maps to folders.
//!
//! The resolver knows them too, but gives up on everything where a configuration extends one of a package that is not
//! installed. Here, what can be read counts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::ir::{Expr, ExprKind, Key, Prop, StmtKind};
use super::lower;

/// Configurations extend each other, and a hostile one in a circle.
const MAX_EXTENDS: usize = 8;

/// The mappings in force, by folder.
#[derive(Default)]
pub(crate) struct Aliases {
    known: RwLock<HashMap<PathBuf, Arc<Vec<Alias>>>>,
}

/// `"@/*": ["./src/*"]`, or the base folder of all names (an empty pattern).
#[derive(Debug)]
struct Alias {
    before: String,
    after: Option<String>,
    /// Folder, and what to look for in it, with `*`.
    targets: Vec<(PathBuf, String)>,
}

impl Aliases {
    /// Folders and relative names that `source`, named in a file of `folder`, may stand for.
    pub(crate) fn targets(&self, root: &Path, folder: &Path, source: &str) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for alias in self.of(root, folder).iter() {
            let Some(rest) = source.strip_prefix(alias.before.as_str()) else { continue };
            let star = match &alias.after {
                Some(after) => rest.strip_suffix(after.as_str()),
                None => rest.is_empty().then_some(""),
            };
            let Some(star) = star else { continue };
            found.extend(alias.targets.iter().map(|(base, target)| {
                let target = target.replacen('*', star, 1);
                (base.clone(), format!("./{}", target.trim_start_matches("./")))
            }));
        }
        found
    }

    fn of(&self, root: &Path, folder: &Path) -> Arc<Vec<Alias>> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(folder) {
            return Arc::clone(known);
        }
        let own = ["tsconfig.json", "jsconfig.json"].iter().map(|name| folder.join(name)).find(|it| it.is_file());
        let all = match own {
            Some(file) => Arc::new(read(root, &file, 0)),
            None => match folder.parent().filter(|_| folder != root && folder.starts_with(root)) {
                Some(parent) => self.of(root, parent),
                None => Arc::default(),
            },
        };
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(folder.to_path_buf(), Arc::clone(&all));
        all
    }
}

fn read(root: &Path, file: &Path, depth: usize) -> Vec<Alias> {
    let text = crate::walk::read_text(file).ok().filter(|it| it.len() <= 256 * 1024 && depth < MAX_EXTENDS);
    let (Some(text), Some(folder)) = (text, file.parent()) else { return Vec::new() };
    // Comments and trailing commas are allowed, as in JavaScript.
    let module = lower::parse("tsconfig.js", Arc::from(format!("({})", text.trim_start_matches('\u{feff}'))));
    let Some(StmtKind::Expr(whole)) = module.body.first().map(|it| &it.kind) else { return Vec::new() };
    let options = get(whole, "compilerOptions");
    let base = options.and_then(|it| get(it, "baseUrl")).and_then(text_of).map(|it| folder.join(it));
    let mut all = Vec::new();
    if let Some(Expr { kind: ExprKind::Object(props), .. }) = options.and_then(|it| get(it, "paths")) {
        for prop in props {
            let Prop::Entry { key: Key::Name(pattern), value, .. } = prop else { continue };
            let ExprKind::Array(items) = &value.kind else { continue };
            let (before, after) = match pattern.split_once('*') {
                Some((before, after)) => (before.to_owned(), Some(after.to_owned())),
                None => (pattern.to_string(), None),
            };
            let from = base.clone().unwrap_or_else(|| folder.to_path_buf());
            let targets = items.iter().filter_map(|it| text_of(&it.value));
            let targets = targets.map(|it| (from.clone(), it.to_owned())).collect();
            all.push(Alias { before, after, targets });
        }
        // The longest pattern wins.
        all.sort_by_key(|it| std::cmp::Reverse(it.before.len()));
    }
    let extends: Vec<&str> = match get(whole, "extends").map(|it| &it.kind) {
        Some(ExprKind::Str(one)) => vec![one],
        Some(ExprKind::Array(items)) => items.iter().filter_map(|it| text_of(&it.value)).collect(),
        _ => Vec::new(),
    };
    if all.is_empty() {
        for other in extends.iter().rev().filter(|it| it.starts_with('.')) {
            let named = folder.join(other);
            let other = if named.is_file() { named } else { folder.join(format!("{other}.json")) };
            if other.canonicalize().is_ok_and(|it| it.starts_with(root)) {
                all.extend(read(root, &other, depth + 1));
            }
        }
    }
    if let Some(base) = base {
        all.push(Alias { before: String::new(), after: Some(String::new()), targets: vec![(base, "*".to_owned())] });
    }
    all
}

fn get<'e>(object: &'e Expr, name: &str) -> Option<&'e Expr> {
    let ExprKind::Object(props) = &object.kind else { return None };
    props.iter().find_map(|it| match it {
        Prop::Entry { key: Key::Name(key), value, .. } if &**key == name => Some(value),
        _ => None,
    })
}

fn text_of(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Str(text) => Some(text),
        _ => None,
    }
}
