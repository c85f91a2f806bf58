//! The npm and Python packages in this repository, found by directory.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{Repo, process};

/// The copy of the lock file that [`install`] leaves behind.
const STAMP: &str = "node_modules/.installed-package-lock.json";

/// The file that locks the Python packages of a folder, and the environment they are installed into.
const REQUIREMENTS: &str = "requirements.txt";
const VENV: &str = ".venv";

/// Folders with a `package-lock.json` that we install and test: tests of the crates, and the examples.
///
/// Fixtures are input, not programs: nothing in them is ever installed.
pub(crate) fn find(repo: &Repo) -> Result<Vec<PathBuf>> {
    holding(repo, "package-lock.json")
}

/// Folders with a `requirements.txt` that we install: oracles of the tests, and the examples.
pub(crate) fn find_python(repo: &Repo) -> Result<Vec<PathBuf>> {
    holding(repo, REQUIREMENTS)
}

fn holding(repo: &Repo, lock: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for name in folders(&repo.root.join("crates"))? {
        walk(&name.join("tests"), lock, &mut found)?;
    }
    walk(&repo.root.join("examples"), lock, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, lock: &str, found: &mut Vec<PathBuf>) -> Result<()> {
    if folder.join(lock).is_file() {
        found.push(folder.to_owned());
    }
    for inner in folders(folder)? {
        if is_searched(&inner) {
            walk(&inner, lock, found)?;
        }
    }
    Ok(())
}

fn is_searched(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let is_state = name == "states" && folder.parent().is_some_and(|it| it.ends_with("tests"));
    !is_state && !name.starts_with('.') && !matches!(&*name, "node_modules" | "fixtures" | "dist" | "target")
}

/// The folders directly inside one that may not exist.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))? {
        let entry = entry?;
        // A link is not followed: it could lead in a circle.
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Installs what the lock file says, unless that has been done.
pub(crate) fn install(repo: &Repo, folder: &Path) -> Result<()> {
    let shown = relative(repo, folder);
    if is_installed(folder) {
        println!("{shown}: up to date");
        return Ok(());
    }
    println!("{shown}: npm ci");
    process::run_ok("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
        .with_context(|| format!("could not install the packages of {shown}"))?;
    // npm makes no folder when there is nothing to install.
    fs::create_dir_all(folder.join("node_modules"))?;
    fs::copy(folder.join("package-lock.json"), folder.join(STAMP))?;
    Ok(())
}

/// Installs what `requirements.txt` says into an environment beside it, unless that has been done.
pub(crate) fn install_python(repo: &Repo, folder: &Path) -> Result<()> {
    let shown = relative(repo, folder);
    let (wanted, stamp) = (folder.join(REQUIREMENTS), folder.join(VENV).join(".installed-requirements.txt"));
    if fs::read(&wanted).ok() == fs::read(&stamp).ok() {
        println!("{shown}: up to date");
        return Ok(());
    }
    println!("{shown}: pip install");
    let failed = || format!("could not install the packages of {shown}");
    process::run_ok("python3", &["-m", "venv", "--clear", VENV], folder).with_context(failed)?;
    let pip = folder.join(VENV).join("bin/pip");
    let pip = pip.to_str().context("the path of the repository is not UTF-8")?;
    let quiet = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", REQUIREMENTS];
    process::run_ok(pip, &quiet, folder).with_context(failed)?;
    fs::copy(wanted, stamp)?;
    Ok(())
}

/// Whether `node_modules` is what our last installation of exactly this lock file left.
///
/// The lock is compared by content, because a checkout gives files whatever time it likes. npm rewrites its own record at each
/// installation, so a record newer than our copy means that someone installed something else since.
fn is_installed(folder: &Path) -> bool {
    let (Ok(wanted), Ok(stamp)) = (fs::read(folder.join("package-lock.json")), fs::read(folder.join(STAMP))) else {
        return false;
    };
    let changed = |it: &str| fs::metadata(folder.join(it)).and_then(|it| it.modified()).ok();
    wanted == stamp && changed("node_modules/.package-lock.json") <= changed(STAMP)
}

/// Whether `package.json` names this script.
pub(crate) fn has_script(folder: &Path, script: &str) -> bool {
    let question = format!("Boolean(require('./package.json').scripts?.['{script}'])");
    process::output("node", &["-p", &question], folder).as_deref() == Some("true")
}

/// A path as people write it: from the root of the repository, with `/`.
pub(crate) fn relative(repo: &Repo, path: &Path) -> String {
    let path = path.strip_prefix(&repo.root).unwrap_or(path);
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_searched_and_inputs_of_tests_are_not() {
        let searched = |it: &str| is_searched(Path::new(it));
        assert!(searched("crates/doorward-frameworks/tests/runtime"));
        assert!(searched("examples/states"));
        assert!(!searched("crates/doorward-frameworks/tests/states"));
        assert!(!searched("crates/doorward-frameworks/tests/fixtures"));
        assert!(!searched("examples/express-orders/node_modules"));
        assert!(!searched("examples/.cache"));
    }
}
