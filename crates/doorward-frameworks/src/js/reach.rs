//! Which modules of a tree may have to do with a server.
//!
//! Most files of a large tree never do, and reading them costs as much as reading those that matter. This decides by
//! names alone, without asking the file system, and says yes where it is in doubt: a module that is taken for one that
//! matters costs time, one that is passed over by mistake could cost a route. What it passes over is still read as
//! soon as code that matters looks at something of it.

use std::collections::{HashMap, HashSet};

use memchr::memmem;

use super::ir::Outline;

/// Parts of the names of packages that make servers, routes or guards.
const SERVING: &[&str] = &[
    "express", "fastify", "koa", "hono", "nest", "rout", "serv", "http", "clerk", "passport", "auth", "connect", "rpc",
    "swagger", "middle", "graphql",
];

/// What calls that register routes look like, in front of a quoted path.
const REGISTERING: &[&str] =
    &["get", "post", "put", "patch", "delete", "del", "head", "options", "all", "use", "route", "register", "mount"];

/// Files by which a folder is named in an import.
const INDEX: &str = "index";

/// Whether a module has to do with a server whatever it leads to.
pub(super) fn is_seed(sources: &[String], text: &str) -> bool {
    sources.iter().any(|it| !it.starts_with('.') && SERVING.iter().any(|part| it.contains(part)))
        || registers(text)
        || loads_by_variable(text)
}

/// Whether `part` is somewhere in `text`.
pub(super) fn holds(text: &str, part: &str) -> bool {
    memmem::find(text.as_bytes(), part.as_bytes()).is_some()
}

/// Whether there is something like `.get('/…`, `.route(` or `method: "GET"`.
fn registers(text: &str) -> bool {
    let quoted = ["'/", "\"/", "`/"].iter().any(|quote| {
        memmem::find_iter(text.as_bytes(), quote.as_bytes()).any(|at| {
            let before = text.get(..at).unwrap_or_default().trim_end();
            let Some(callee) = before.strip_suffix('(') else { return false };
            let callee = callee.trim_end();
            let Some(dot) = callee.rfind(|c: char| !c.is_alphanumeric() && c != '_') else { return false };
            let name = callee.get(dot..).unwrap_or_default();
            name.strip_prefix('.').is_some_and(|it| REGISTERING.contains(&it.trim_start()))
        })
    });
    quoted || [".route(", ".register(", "ontroller(", "use server", "use("].iter().any(|it| holds(text, it))
}

/// Whether a module is loaded by a name that only a run would tell.
fn loads_by_variable(text: &str) -> bool {
    ["require(", "import("].iter().any(|call| {
        memmem::find_iter(text.as_bytes(), call.as_bytes()).any(|at| {
            let rest = text.get(at + call.len()..).unwrap_or_default().trim_start();
            !rest.starts_with(['\'', '"'])
        })
    })
}

/// For each of `modules`, whether it is a seed or leads to one. `packages` are those of the tree, each with its folder.
pub(crate) fn matters(modules: &[&Outline], packages: &[(String, String)]) -> Vec<bool> {
    let names = Names::of(modules, packages);
    let mut importers: HashMap<Key, Vec<usize>> = HashMap::new();
    let mut matter = vec![false; modules.len()];
    let mut next: Vec<usize> = Vec::new();
    for (at, module) in modules.iter().enumerate() {
        let mut sure = !module.seed;
        for source in &module.sources {
            match names.keys(&module.file, source) {
                Some(keys) => keys.into_iter().for_each(|key| importers.entry(key).or_default().push(at)),
                None => sure = false,
            }
        }
        if !sure {
            next.push(at);
        }
    }
    let mut done: HashSet<Key> = HashSet::new();
    while let Some(at) = next.pop() {
        let (Some(matters), Some(module)) = (matter.get_mut(at), modules.get(at)) else { continue };
        if std::mem::replace(matters, true) {
            continue;
        }
        for key in names.of_module(&module.file) {
            if let Some(waiting) = importers.get(&key)
                && done.insert(key)
            {
                next.extend(waiting);
            }
        }
    }
    matter
}

/// What an import may name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// A file, relative to the tree and without its ending, or the folder whose `index` it is.
    Path(String),
    /// The last part of such a path, wherever it is: mapped names end in it.
    Last(String),
    /// Anything in a package of the tree.
    Package(usize),
}

struct Names<'a> {
    paths: HashSet<String>,
    lasts: HashSet<String>,
    packages: &'a [(String, String)],
}

impl<'a> Names<'a> {
    fn of(modules: &[&Outline], packages: &'a [(String, String)]) -> Self {
        let mut names = Self { paths: HashSet::new(), lasts: HashSet::new(), packages };
        for module in modules {
            let path = path_of(&module.file);
            names.lasts.insert(last(path).to_owned());
            names.paths.insert(path.to_owned());
        }
        names
    }

    /// The keys under which a module can be named.
    fn of_module(&self, file: &str) -> Vec<Key> {
        let path = path_of(file);
        let mut keys = vec![Key::Path(path.to_owned()), Key::Last(last(path).to_owned())];
        keys.extend(
            self.packages
                .iter()
                .enumerate()
                .filter(|(_, (_, folder))| file.strip_prefix(folder.as_str()).is_some_and(|it| it.starts_with('/')))
                .map(|(at, _)| Key::Package(at)),
        );
        keys
    }

    /// What `source`, named in `file`, may lead to: nothing of the tree, if there are no keys. `None` if there is no
    /// telling.
    fn keys(&self, file: &str, source: &str) -> Option<Vec<Key>> {
        if source.starts_with('.') {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = joined(folder, source)?;
            let path = path_of(&path);
            if self.paths.contains(path) {
                return Some(vec![Key::Path(path.to_owned())]);
            }
            // A style sheet, a picture, data; or a file that something generates, or a folder with a manifest.
            let is_other = last(source).rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && !is_code(end));
            return is_other.then(Vec::new);
        }
        let mut keys: Vec<Key> = Vec::new();
        let within = |name: &str| source.strip_prefix(name).is_some_and(|it| it.is_empty() || it.starts_with('/'));
        keys.extend(
            self.packages.iter().enumerate().filter(|(_, (name, _))| within(name)).map(|(at, _)| Key::Package(at)),
        );
        let end = last(path_of(source));
        if self.lasts.contains(end) {
            keys.push(Key::Last(end.to_owned()));
        } else if keys.is_empty() && source.starts_with(['#', '~', '$', '@', '/']) && !is_scoped_package(source) {
            return None;
        }
        Some(keys)
    }
}

/// `@scope/name`, as packages are called, and not `@/lib/name`.
fn is_scoped_package(source: &str) -> bool {
    source.strip_prefix('@').is_some_and(|it| it.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

fn is_code(extension: &str) -> bool {
    matches!(extension, "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx")
}

/// A file's path without its ending; for an `index`, its folder's.
fn path_of(file: &str) -> &str {
    let stem = match file.rsplit_once('.') {
        Some((stem, extension)) if is_code(extension) => stem,
        _ => file,
    };
    match stem.strip_suffix(INDEX) {
        Some("") => "",
        Some(folder) => folder.strip_suffix('/').unwrap_or(stem),
        None => stem,
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `source` as seen from `folder`; `None` if it leads out of the tree.
pub(super) fn joined(folder: &str, source: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|it| !it.is_empty()).collect();
    for part in source.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn module(file: &str, sources: &[&str], text: &str) -> Outline {
        let sources: Vec<String> = sources.iter().map(|it| (*it).to_owned()).collect();
        let seed = is_seed(&sources, text);
        Outline { file: Arc::from(file), text: Arc::from(text), sources, seed, error: None }
    }

    fn those_that_matter(modules: &[Outline], packages: &[(&str, &str)]) -> Vec<String> {
        let packages: Vec<(String, String)> =
            packages.iter().map(|(name, folder)| ((*name).to_owned(), (*folder).to_owned())).collect();
        let outlines: Vec<&Outline> = modules.iter().collect();
        let matters = matters(&outlines, &packages);
        modules.iter().zip(matters).filter(|(_, it)| *it).map(|(it, _)| it.file.to_string()).collect()
    }

    #[test]
    fn what_leads_to_a_server_matters_and_what_it_leads_to_waits_until_it_is_looked_at() {
        let modules = [
            module("src/main.ts", &["./routes/index.js"], ""),
            module("src/routes/index.ts", &["express", "../services/list"], ""),
            module("src/services/list.ts", &["lodash"], ""),
            module("src/views/page.tsx", &["react", "./page.css"], ""),
        ];
        assert_eq!(those_that_matter(&modules, &[]), ["src/main.ts", "src/routes/index.ts"]);
    }

    #[test]
    fn mapped_names_lead_by_their_end_and_names_of_packages_by_their_folder() {
        let modules = [
            module("apps/web/a.ts", &["@/lib/guard"], ""),
            module("apps/web/b.ts", &["@acme/api"], ""),
            module("apps/web/c.ts", &["@acme/ui"], ""),
            module("apps/web/lib/guard.ts", &["@clerk/backend"], ""),
            module("packages/api/src/x.ts", &["fastify"], ""),
            module("packages/ui/src/y.ts", &["react"], ""),
        ];
        let packages = [("@acme/api", "packages/api"), ("@acme/ui", "packages/ui")];
        assert_eq!(
            those_that_matter(&modules, &packages),
            ["apps/web/a.ts", "apps/web/b.ts", "apps/web/lib/guard.ts", "packages/api/src/x.ts"]
        );
    }

    #[test]
    fn a_name_that_could_lead_anywhere_matters() {
        let modules =
            [module("a.ts", &["#app"], ""), module("b.ts", &["./generated"], ""), module("c.ts", &["react"], "")];
        assert_eq!(those_that_matter(&modules, &[]), ["a.ts", "b.ts"]);
    }

    #[test]
    fn code_that_seems_to_register_routes_matters_whatever_it_imports() {
        for text in ["app.get('/x', f)", "router\n  .post (\n  \"/x\", f)", "require(name)", "import(`./${name}`)"] {
            assert!(is_seed(&[], text), "{text}");
        }
        for text in ["const get = '/x'", "require('./x')", "f('/x')", "import(\"./x\")"] {
            assert!(!is_seed(&[], text), "{text}");
        }
    }
}
