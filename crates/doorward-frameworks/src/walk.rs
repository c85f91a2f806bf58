//! Which files of a tree are worth reading.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use doorward::diagnostic::{Diagnostic, Location};
use ignore::WalkBuilder;
use rayon::prelude::*;

/// Files above this size are data or bundles, not something a person wrote.
const MAX_BYTES: u64 = 1024 * 1024;

/// Folders whose content is installed, or kept by tools.
const FOREIGN_FOLDERS: &[&str] = &[
    "node_modules",
    "bower_components",
    "jspm_packages",
    "site-packages",
    "__pycache__",
    "venv",
    "virtualenv",
    ".venv",
    ".tox",
    ".nox",
    ".git",
    ".hg",
    ".svn",
];

/// Folders whose content is mostly built, borrowed or only for tests. Among routes, they are names like any other:
/// `app/api/public/route.ts` is a route.
const SIDE_FOLDERS: &[&str] = &[
    "dist",
    "build",
    "out",
    "target",
    "coverage",
    "vendor",
    "vendored",
    "third_party",
    "__tests__",
    "__mocks__",
    "test",
    "tests",
    "spec",
    "specs",
    "e2e",
    "cypress",
    "playwright",
    "fixtures",
    "storybook-static",
    "public",
    "static",
];

/// Folders under which other folders name parts of an API.
const ROUTE_FOLDERS: &[&str] =
    &["app", "pages", "routes", "routers", "api", "apis", "controllers", "endpoints", "views", "handlers"];

/// The one hidden folder that is part of an API: file-system routers serve what is in it.
const WELL_KNOWN: &str = ".well-known";

/// Files that describe a package and what it needs, besides `requirements….txt`.
const MANIFESTS: &[&str] = &["package.json", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "Cargo.toml"];

/// Folders of Python files that change a database, one file per change.
const MIGRATION_FOLDERS: &[&str] = &["migrations", "versions", "alembic"];

/// Marks of test files, as the part before the extension.
const TEST_SUFFIXES: &[&str] = &["test", "spec", "e2e", "stories", "mock", "cy"];

/// The language of a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// JavaScript and TypeScript.
    JavaScript,
    /// Python.
    Python,
    /// Rust.
    Rust,
}

/// The result of a walk. Paths are absolute; `text` was read.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Source files by language, in path order.
    pub(crate) sources: BTreeMap<Kind, Vec<(PathBuf, Arc<str>)>>,
    /// Every manifest, of any language, in path order.
    pub(crate) manifests: Vec<(PathBuf, String)>,
    /// Every file, whatever it holds, in path order; only what is installed is left out.
    pub(crate) files: Vec<PathBuf>,
    /// What was left out although it looked like source.
    pub(crate) skipped: Vec<Diagnostic>,
}

impl Walk {
    /// For each of `files`, the text if it is a source file.
    pub(crate) fn texts(&self) -> Vec<Option<Arc<str>>> {
        // Both are in path order.
        let mut rest: Vec<_> = self.sources.values().map(|all| all.iter().peekable()).collect();
        let mut text = |path: &PathBuf| rest.iter_mut().find_map(|it| it.next_if(|(other, _)| other == path));
        self.files.iter().map(|path| text(path).map(|(_, text)| Arc::clone(text))).collect()
    }
}

/// Walks `root`, respecting ignore files. Symbolic links are not followed, so loops can't happen.
pub(crate) fn walk(root: &Path) -> Walk {
    let mut found = Walk::default();
    let mut wanted: Vec<Wanted> = Vec::new();
    // Whoever reads a pipe that is called like an ignore file waits for ever; such a tree is read without any.
    let odd = Arc::new(AtomicBool::new(has_odd_ignore_file(root)));
    let mut entries: Vec<_> = walker(root, &odd).collect();
    if odd.load(Ordering::Relaxed) {
        entries = walker(root, &odd).collect();
    }
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let text = error.to_string().replace(&format!("{}/", root.display()), "");
                let text = text.rsplit("IO error for operation on ").next().unwrap_or_default();
                found.skipped.push(
                    Diagnostic::new("DW2002", format!("a folder or file can't be read: {}", printable(text)))
                        .help("give the user who runs doorward read access, or exclude it in .gitignore"),
                );
                continue;
            }
        };
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        found.files.push(path.to_path_buf());
        let name = entry.file_name().to_string_lossy();
        let is_manifest = is_manifest(&name);
        let relative = relative(root, path);
        let kind = kind(&relative).filter(|it| *it != Kind::Python || !is_migration(path));
        if !is_manifest && kind.is_none() {
            continue;
        }
        if if kind == Some(Kind::Rust) { is_beside_crate(&relative) } else { is_aside(&relative) } {
            continue;
        }
        wanted.push(Wanted { path: path.to_path_buf(), relative, kind: kind.filter(|_| !is_manifest) });
    }
    let texts: Vec<_> = wanted.par_iter().map_init(Vec::new, |buffer, it| it.read(buffer)).collect();
    for (Wanted { path, relative, kind }, text) in wanted.into_iter().zip(texts) {
        match (text, kind) {
            (Ok(text), None) => found.manifests.push((path, text.as_ref().to_owned())),
            (Ok(text), Some(kind)) => found.sources.entry(kind).or_default().push((path, text)),
            (Err(why), _) => found.skipped.push(skipped(&relative, &why)),
        }
    }
    found
}

/// Lists the tree in path order. It enters no folder with an `odd` ignore file, unless ignore files are not respected
/// because one was seen before.
fn walker(root: &Path, odd: &Arc<AtomicBool>) -> ignore::Walk {
    let (root, odd) = (root.to_path_buf(), Arc::clone(odd));
    let respects = !odd.load(Ordering::Relaxed);
    WalkBuilder::new(&root)
        .follow_links(false)
        .standard_filters(respects)
        .hidden(false)
        .require_git(false)
        .sort_by_file_path(Path::cmp)
        .filter_entry(move |entry| {
            if entry.path() == root || !entry.file_type().is_some_and(|kind| kind.is_dir()) {
                return true;
            }
            if respects && has_odd_ignore_file(entry.path()) {
                odd.store(true, Ordering::Relaxed);
                return false;
            }
            !is_foreign(&entry.file_name().to_string_lossy())
        })
        .build()
}

/// Whether what says which files to ignore in `folder` is there and can't simply be read.
fn has_odd_ignore_file(folder: &Path) -> bool {
    [".gitignore", ".ignore", ".git/info/exclude"]
        .iter()
        .any(|name| std::fs::metadata(folder.join(name)).is_ok_and(|it| !it.is_file()))
}

/// A file to read: a source file of some language, or a manifest.
struct Wanted {
    path: PathBuf,
    relative: String,
    kind: Option<Kind>,
}

impl Wanted {
    /// The text, or why it is of no use. `buffer` is what others were read into.
    fn read(&self, buffer: &mut Vec<u8>) -> Result<Arc<str>, String> {
        read_bytes(&self.path, buffer)?;
        // Latin-1 in a comment must not cost the routes of a file; runtimes replace such bytes, too.
        let text = match std::str::from_utf8(buffer) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(buffer),
        };
        if self.kind.is_none() {
            return Ok(Arc::from(text));
        }
        if is_nested_too_deeply(&text) {
            return Err("it is nested too deeply".to_owned());
        }
        if self.path.file_name().is_some_and(|name| name.to_string_lossy().contains(".min.")) || is_minified(&text) {
            return Err("it is minified".to_owned());
        }
        Ok(Arc::from(text))
    }
}

/// The text of a regular file of moderate size, or why there is none.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    read_bytes(path, &mut bytes)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Fills `bytes` with a regular file of moderate size.
fn read_bytes(path: &Path, bytes: &mut Vec<u8>) -> Result<(), String> {
    let unread = |error: std::io::Error| format!("it can't be read: {error}");
    // Opening a pipe waits for somebody to write to it.
    let known = std::fs::metadata(path).map_err(unread)?;
    if !known.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    bytes.clear();
    // Room for the end, which is only found by reading on. A file may have grown since.
    bytes.reserve(usize::try_from(known.len().min(MAX_BYTES)).unwrap_or(0) + 1);
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(bytes)).map_err(unread)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("it is larger than 1 MB".to_owned());
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("it is UTF-16, not UTF-8".to_owned());
    }
    Ok(())
}

/// `path` as seen from `root`, with `/`.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    // Most paths are written as they should be: looking at each of their parts takes ten times as long.
    if let (Some(root), Some(path)) = (root.to_str(), path.to_str())
        && MAIN_SEPARATOR == '/'
        && let Some(inside) = path.strip_prefix(root).and_then(|it| it.strip_prefix('/'))
        && !inside.split('/').any(|part| matches!(part, "" | "."))
    {
        return inside.to_owned();
    }
    let inside = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = inside.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// Control characters made visible, so that no report can be corrupted by a name.
pub(crate) fn printable(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn skipped(file: &str, why: &str) -> Diagnostic {
    Diagnostic::new("DW2002", format!("`{}` was not read: {why}", printable(file)))
        .at(Location::file(printable(file)))
        .help("if it registers routes, move them to a source file; otherwise list it in .gitignore")
}

/// Whether a folder of this name holds what others wrote.
pub(crate) fn is_foreign(name: &str) -> bool {
    FOREIGN_FOLDERS.contains(&name)
}

/// Whether the file at `path`, relative to the tree, is hidden, or in a folder that holds no source of the project.
fn is_aside(path: &str) -> bool {
    let mut among_routes = false;
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    (name.starts_with('.') && !is_below_pages_api(path))
        || folders.split('/').any(|it| {
            let aside = (it.starts_with('.') && it != WELL_KNOWN) || (SIDE_FOLDERS.contains(&it) && !among_routes);
            among_routes |= ROUTE_FOLDERS.contains(&it);
            aside
        })
}

fn is_manifest(name: &str) -> bool {
    let is_requirements = || {
        let rest = name.strip_prefix("requirements").and_then(|it| it.strip_suffix(".txt"));
        rest.is_some_and(|it| it.is_empty() || it.starts_with(['-', '_', '.']))
    };
    MANIFESTS.contains(&name) || is_requirements()
}

/// Whether a Python file is one step of a database's history: Django and Alembic number or hash them.
fn is_migration(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name).and_then(|it| it.to_str()).unwrap_or_default();
    let stem = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default();
    let (mark, rest) = stem.split_once('_').unwrap_or((stem, ""));
    let is_numbered = mark.len() >= 4 && mark.bytes().any(|it| it.is_ascii_digit()) && !rest.is_empty();
    MIGRATION_FOLDERS.contains(&folder) && is_numbered
}

/// Whether the Rust file at `path` is an example, a benchmark or a test of a crate, or none of the project's. Below
/// `src`, folders are modules, whatever they are called.
fn is_beside_crate(path: &str) -> bool {
    let crate_folder = path.split_inclusive('/').take_while(|it| *it != "src/").collect::<String>();
    is_aside(&crate_folder) || crate_folder.split('/').any(|it| matches!(it, "examples" | "benches"))
}

/// Whether Next.js makes an endpoint of every source file there, whatever it is called.
fn is_below_pages_api(path: &str) -> bool {
    path.starts_with("pages/api/") || path.contains("/pages/api/")
}

/// The language of a file by its path; `None` for tests, declarations and everything that is not source.
fn kind(path: &str) -> Option<Kind> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, extension) = name.rsplit_once('.')?;
    match extension {
        "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx" => {
            let declaration = stem.ends_with(".d");
            let test = stem.rsplit_once('.').is_some_and(|(_, mark)| TEST_SUFFIXES.contains(&mark));
            (!declaration && (!test || is_below_pages_api(path))).then_some(Kind::JavaScript)
        }
        "py" => {
            let test = stem.starts_with("test_") || stem.ends_with("_test") || matches!(stem, "conftest" | "tests");
            (!test).then_some(Kind::Python)
        }
        "rs" => Some(Kind::Rust),
        _ => None,
    }
}

/// Long lines without whitespace are what a bundler leaves behind.
fn is_minified(text: &str) -> bool {
    text.len() > 5_000 && {
        let lines = text.lines().count().max(1);
        let blanks = text.bytes().filter(u8::is_ascii_whitespace).count();
        text.len() / lines > 500 && blanks * 20 < text.len()
    }
}

/// A parser that recurses, as they all do, needs stack for every level. People stay far below this.
fn is_nested_too_deeply(text: &str) -> bool {
    const LIMIT: usize = 5_000;
    if text.len() <= LIMIT {
        return false;
    }
    let (mut depth, mut run, mut previous) = (0_usize, 0_usize, b' ');
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        // `!!!!…` nests without brackets. Ruled comments and blank space do not.
        run = if byte == previous && matches!(byte, b'!' | b'~') { run + 1 } else { 0 };
        previous = byte;
        if depth > LIMIT || run > LIMIT {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_bundles_and_declarations_are_not_sources() {
        for name in ["app.test.ts", "app.spec.js", "types.d.ts", "readme.md", "Makefile", "test_app.py", "conftest.py"]
        {
            assert!(kind(name).is_none(), "{name}");
        }
        for name in
            ["app.js", "users.routes.ts", "pages/api/users.test.ts", "server.mjs", "test.js", "app.py", "test.py"]
        {
            assert!(kind(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_steps_of_a_database_are_left_out_and_other_code_in_their_folder_is_not() {
        assert!(is_migration(Path::new("shop/migrations/0001_initial.py")));
        assert!(is_migration(Path::new("alembic/versions/1a2b3c4d_add_users.py")));
        assert!(!is_migration(Path::new("api/versions/users_v2.py")));
        assert!(!is_migration(Path::new("shop/migrations/__init__.py")));
    }

    #[test]
    fn below_src_a_folder_of_rust_is_a_module_whatever_it_is_called() {
        for path in ["crates/a/examples/b.rs", "tests/a.rs", "target/debug/build/a/src/b.rs", "benches/a.rs"] {
            assert!(is_beside_crate(path), "{path}");
        }
        for path in ["src/public/mod.rs", "crates/a/src/tests/mod.rs", "main.rs", "crates/a/src/main.rs"] {
            assert!(!is_beside_crate(path), "{path}");
        }
    }

    #[test]
    fn requirements_are_manifests_whatever_they_are_for() {
        assert!(is_manifest("requirements.txt") && is_manifest("requirements-dev.txt"));
        assert!(!is_manifest("requirementsfile.txt"));
    }

    #[test]
    fn folders_of_tests_and_builds_are_left_out_unless_they_stand_among_routes() {
        for path in ["test/a.ts", "packages/a/dist/a.ts", "src/tests/a.ts", ".config/a.ts", "src/.a.ts"] {
            assert!(is_aside(path), "{path}");
        }
        for path in ["app/api/public/a.ts", "src/routes/static/a.ts", "pages/api/test/a.ts", "src/a.ts", "test"] {
            assert!(!is_aside(path), "{path}");
        }
    }

    #[test]
    fn one_long_line_is_minified_and_prose_is_not() {
        assert!(is_minified(&"a(b,c);".repeat(2000)));
        assert!(!is_minified(&"const a = 1;\n".repeat(2000)));
    }
}
