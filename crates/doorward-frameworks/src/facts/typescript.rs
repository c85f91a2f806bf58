//! `tsconfig.json`, with what it extends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use doorward::facts::TypeScript;
use serde_json::Value;

use super::json;
use super::packages::ancestors;
use crate::walk::{printable, relative};

const MAX_BYTES: u64 = 1024 * 1024;
/// How many files may extend each other.
const MAX_FILES: usize = 32;

/// The settings that hold in `folder`: of its own `tsconfig.json`, or of the nearest one around it. `workspace` tells
/// where the packages of the tree are, by name.
pub(super) fn settings(root: &Path, folder: &str, workspace: &BTreeMap<&str, &str>) -> Option<TypeScript> {
    let first = ancestors(folder).map(|it| root.join(it).join("tsconfig.json")).find(|it| it.is_file())?;
    let mut reader = Reader { root, workspace, seen: BTreeSet::new(), out: TypeScript::default() };
    reader.read(&first);
    Some(reader.out)
}

struct Reader<'a> {
    root: &'a Path,
    workspace: &'a BTreeMap<&'a str, &'a str>,
    seen: BTreeSet<PathBuf>,
    out: TypeScript,
}

impl Reader<'_> {
    /// What a file says holds before what it extends, and of several that it extends the last.
    fn read(&mut self, path: &Path) {
        let Ok(path) = path.canonicalize() else { return };
        let small = std::fs::metadata(&path).is_ok_and(|it| it.is_file() && it.len() <= MAX_BYTES);
        // Nothing outside of the tree is read, whatever is written in `extends`.
        if !small || !path.starts_with(self.root) || self.seen.len() >= MAX_FILES || !self.seen.insert(path.clone()) {
            return;
        }
        let Some(config) =
            crate::walk::read_text(&path).ok().and_then(|it| serde_json::from_str(&json::plain(&it)).ok())
        else {
            return;
        };
        self.out.files.push(printable(&relative(self.root, &path)));
        self.take(&config);
        let extends = match config.get("extends") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).rev().collect(),
            _ => Vec::new(),
        };
        for name in extends {
            match self.find(&path, name) {
                Some(next) => self.read(&next),
                None => self.out.missing.push(printable(name)),
            }
        }
    }

    fn take(&mut self, config: &Value) {
        let Some(options) = config.get("compilerOptions") else { return };
        let text = |name: &str| options.get(name).and_then(Value::as_str).map(printable);
        let out = &mut self.out;
        out.strict = out.strict.or_else(|| options.get("strict").and_then(Value::as_bool));
        out.module = out.module.take().or_else(|| text("module"));
        out.module_resolution = out.module_resolution.take().or_else(|| text("moduleResolution"));
        out.base_url = out.base_url.take().or_else(|| text("baseUrl"));
        if out.paths.is_empty() {
            let paths = options.get("paths").and_then(Value::as_object).into_iter().flatten();
            out.paths = paths
                .map(|(pattern, targets)| {
                    let targets = targets.as_array().into_iter().flatten().filter_map(Value::as_str);
                    (printable(pattern), targets.map(printable).collect())
                })
                .collect();
        }
    }

    fn find(&self, from: &Path, name: &str) -> Option<PathBuf> {
        let folder = from.parent()?;
        let as_file = |path: PathBuf| {
            let with = |end: &str| {
                let mut text = path.clone().into_os_string();
                text.push(end);
                PathBuf::from(text)
            };
            [path.clone(), with(".json"), path.join("tsconfig.json")].into_iter().find(|it| it.is_file())
        };
        if name.starts_with("./") || name.starts_with("../") || name == "." || name == ".." || name.starts_with('/') {
            return as_file(folder.join(name));
        }
        let installed = folder.ancestors().take_while(|it| it.starts_with(self.root));
        let mut installed = installed.map(|it| it.join("node_modules").join(name));
        let own = || {
            // A package of the workspace that is not installed yet.
            let parts: Vec<&str> = name.splitn(if name.starts_with('@') { 3 } else { 2 }, '/').collect();
            let count = if name.starts_with('@') { 2 } else { 1 };
            let package = parts.get(..count)?.join("/");
            let target = self.root.join(self.workspace.get(package.as_str())?);
            as_file(parts.get(count).map_or_else(|| target.clone(), |rest| target.join(rest)))
        };
        installed.find_map(as_file).or_else(own)
    }
}
