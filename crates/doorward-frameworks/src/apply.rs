//! Writing a plan to disk, whole or not at all, and taking it back.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::{Change, Plan, sha256};

/// doorward's own folder in a project: the saved plan and the record for `undo`. It ignores itself in Git.
pub const STATE: &str = ".doorward";
const UNDO: &str = "undo.json";

/// Why a plan was not applied, or not taken back. In every case the files are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The saved plan was changed after it was shown.
    #[error("the plan is not the one that was shown: its digest does not fit its changes")]
    NotIntact,
    /// The plan holds errors.
    #[error("the plan holds {0} errors, and nothing is written until they are gone")]
    Obstacles(usize),
    /// A file is not what it was when the plan was made.
    #[error("`{0}` has changed since the plan was made")]
    Stale(String),
    /// A path leads out of the tree.
    #[error("`{0}` leads out of the project")]
    Outside(String),
    /// There is no record of an applied plan.
    #[error("there is nothing to undo: no plan was applied here")]
    NothingToUndo,
    /// A file could not be read or written.
    #[error("`{path}`: {error}")]
    Io {
        /// Which file.
        path: String,
        /// What went wrong.
        error: io::Error,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    digest: String,
    files: Vec<Undo>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    path: String,
    before: Option<String>,
    after_sha256: String,
}

/// Applies a plan under `root`.
///
/// Every pre-image is compared before the first byte is written; then each file is written beside its place and
/// moved over it. If one write fails, those before it are taken back.
///
/// # Errors
/// [`ApplyError`]; the tree is then as it was before.
pub fn apply(root: &Path, plan: &Plan) -> Result<(), ApplyError> {
    if !plan.is_intact() {
        return Err(ApplyError::NotIntact);
    }
    let obstacles = plan.obstacles().count();
    if obstacles > 0 {
        return Err(ApplyError::Obstacles(obstacles));
    }
    for change in &plan.changes {
        if read(root, &change.path)? != change.before {
            return Err(ApplyError::Stale(change.path.clone()));
        }
    }
    if plan.changes.is_empty() {
        return Ok(());
    }
    let record = Record {
        version: 1,
        digest: plan.digest.clone(),
        files: plan
            .changes
            .iter()
            .map(|change| Undo {
                path: change.path.clone(),
                before: change.before.clone(),
                after_sha256: sha256(&change.after),
            })
            .collect(),
    };
    // Before the first change: after a crash half-way there is still something to undo with.
    save_record(root, &record)?;
    let mut done: Vec<&Change> = Vec::new();
    for change in &plan.changes {
        if let Err(error) = write(root, &change.path, Some(&change.after)) {
            for earlier in done.iter().rev() {
                // The first error is the one to report; a second one changes nothing about what to do.
                let _ = write(root, &earlier.path, earlier.before.as_deref());
            }
            let _ = fs::remove_file(root.join(STATE).join(UNDO));
            return Err(error);
        }
        done.push(change);
    }
    Ok(())
}

/// Adds a file that something else has changed on doorward's behalf, such as a package manager's lock, to what
/// [`undo`] takes back. `before` is its text from before the change, `None` if it was not there.
///
/// # Errors
/// If there is no applied plan to add it to, or the file can't be read.
pub fn remember(root: &Path, path: &str, before: Option<String>) -> Result<(), ApplyError> {
    let after = read(root, path)?;
    let Some(after) = after.filter(|after| Some(after) != before.as_ref()) else { return Ok(()) };
    let mut record = load_record(root)?;
    let first = record.files.iter().find(|file| file.path == path).map(|file| file.before.clone());
    record.files.retain(|file| file.path != path);
    let before = first.unwrap_or(before);
    record.files.push(Undo { path: path.to_owned(), before, after_sha256: sha256(&after) });
    save_record(root, &record)
}

fn load_record(root: &Path) -> Result<Record, ApplyError> {
    let text = load_state(root, UNDO)?.ok_or(ApplyError::NothingToUndo)?;
    serde_json::from_str(&text).map_err(|error| ApplyError::Io { path: format!("{STATE}/{UNDO}"), error: error.into() })
}

fn save_record(root: &Path, record: &Record) -> Result<(), ApplyError> {
    let text =
        serde_json::to_string(record).map_err(|error| ApplyError::Io { path: UNDO.into(), error: error.into() })?;
    save_state(root, UNDO, &text)
}

/// Takes the last applied plan back. Returns the paths that were restored.
///
/// # Errors
/// [`ApplyError`]; if a file has changed since, nothing is touched.
pub fn undo(root: &Path) -> Result<Vec<String>, ApplyError> {
    let record = load_record(root)?;
    for file in &record.files {
        let now = read(root, &file.path)?;
        let is_applied = now.as_deref().is_some_and(|text| sha256(text) == file.after_sha256);
        // A crash half-way leaves some files as they were; those need nothing.
        if !is_applied && now != file.before {
            return Err(ApplyError::Stale(file.path.clone()));
        }
    }
    for file in &record.files {
        write(root, &file.path, file.before.as_deref())?;
    }
    let state = root.join(STATE).join(UNDO);
    fs::remove_file(&state).map_err(|error| ApplyError::Io { path: format!("{STATE}/{UNDO}"), error })?;
    Ok(record.files.into_iter().map(|file| file.path).collect())
}

/// Reads a text file of the tree; `None` if it is not there.
///
/// # Errors
/// If it leads out of the tree or is not UTF-8 text.
pub fn read(root: &Path, path: &str) -> Result<Option<String>, ApplyError> {
    match fs::read_to_string(inside(root, path)?) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ApplyError::Io { path: path.to_owned(), error }),
    }
}

/// Writes a text file of the tree atomically; `None` removes it, with the folders that this leaves empty.
///
/// # Errors
/// If it leads out of the tree or can't be written; the old file is then still there.
pub fn write(root: &Path, path: &str, text: Option<&str>) -> Result<(), ApplyError> {
    let target = inside(root, path)?;
    let problem = |error| ApplyError::Io { path: path.to_owned(), error };
    let Some(text) = text else {
        match fs::remove_file(&target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(problem(error)),
            _ => {}
        }
        let mut folder = target.parent();
        while let Some(empty) = folder.filter(|folder| *folder != root && fs::remove_dir(folder).is_ok()) {
            folder = empty.parent();
        }
        return Ok(());
    };
    let folder = target.parent().unwrap_or(root);
    fs::create_dir_all(folder).map_err(problem)?;
    let permissions = fs::metadata(&target).map(|it| it.permissions()).ok();
    let mut temporary = tempfile::Builder::new().prefix(".doorward-").tempfile_in(folder).map_err(problem)?;
    temporary.write_all(text.as_bytes()).map_err(problem)?;
    let permissions = permissions.or_else(new_file_permissions);
    if let Some(permissions) = permissions {
        fs::set_permissions(temporary.path(), permissions).map_err(problem)?;
    }
    temporary.as_file().sync_all().map_err(problem)?;
    temporary.persist(&target).map_err(|error| problem(error.error))?;
    Ok(())
}

/// Temporary files are private to their owner; source files are not.
#[cfg(unix)]
fn new_file_permissions() -> Option<fs::Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn new_file_permissions() -> Option<fs::Permissions> {
    None
}

/// The place of a path of the tree. Refuses absolute paths, `..`, and links to somewhere else, so that a hostile tree
/// can't make us write outside it; Git's own folder, whose settings run commands; and links in our own folder, which
/// holds none.
fn inside(root: &Path, path: &str) -> Result<PathBuf, ApplyError> {
    let outside = || ApplyError::Outside(path.to_owned());
    let relative = Path::new(path);
    if path.is_empty() || !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(outside());
    }
    let is_git = |part: Component<'_>| part.as_os_str().to_string_lossy().to_ascii_lowercase().starts_with(".git");
    // Files such as `.gitignore` are ordinary; `.git` and what file systems take for it (`.git.`, `.git `) are not.
    let is_git_folder = |part: Component<'_>| {
        is_git(part) && part.as_os_str().to_string_lossy().trim_end_matches(['.', ' ', ':']).len() == 4
    };
    if relative.components().any(is_git_folder) {
        return Err(outside());
    }
    let is_state = relative.starts_with(STATE);
    let problem = |error| ApplyError::Io { path: path.to_owned(), error };
    let real_root = fs::canonicalize(root).map_err(problem)?;
    let mut at = real_root.clone();
    for part in relative.components() {
        at.push(part);
        match fs::symlink_metadata(&at) {
            Ok(it) if it.file_type().is_symlink() && is_state => return Err(outside()),
            Ok(it) if it.file_type().is_symlink() => {
                at = fs::canonicalize(&at).map_err(problem)?;
                if !at.starts_with(&real_root) {
                    return Err(outside());
                }
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(problem(error)),
        }
    }
    Ok(at)
}

/// Saves something in doorward's own folder.
///
/// # Errors
/// If it can't be written.
pub fn save_state(root: &Path, name: &str, text: &str) -> Result<(), ApplyError> {
    write(root, &format!("{STATE}/.gitignore"), Some("*\n"))?;
    write(root, &format!("{STATE}/{name}"), Some(text))
}

/// Loads something from doorward's own folder; `None` if it is not there.
///
/// # Errors
/// If it can't be read.
pub fn load_state(root: &Path, name: &str) -> Result<Option<String>, ApplyError> {
    read(root, &format!("{STATE}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn plan(changes: &[(&str, Option<&str>, &str)]) -> Plan {
        let changes: BTreeMap<String, Change> = changes
            .iter()
            .map(|(path, before, after)| {
                let change = Change {
                    path: (*path).into(),
                    before: before.map(str::to_owned),
                    after: (*after).into(),
                    reasons: Vec::new(),
                };
                ((*path).to_owned(), change)
            })
            .collect();
        Plan::new(changes, Vec::new(), Vec::new())
    }

    #[test]
    fn undo_restores_every_byte_and_removes_what_was_new() {
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("a.js"), "one\r\n").unwrap();
        let plan = plan(&[("a.js", Some("one\r\n"), "two"), ("src/doorward/index.js", None, "new")]);
        apply(tree.path(), &plan).unwrap();
        assert_eq!(fs::read_to_string(tree.path().join("src/doorward/index.js")).unwrap(), "new");
        assert_eq!(undo(tree.path()).unwrap(), ["a.js", "src/doorward/index.js"]);
        assert_eq!(fs::read(tree.path().join("a.js")).unwrap(), b"one\r\n");
        assert!(!tree.path().join("src").exists());
        assert!(matches!(undo(tree.path()), Err(ApplyError::NothingToUndo)));
    }

    #[test]
    fn a_file_that_changed_stops_everything_before_the_first_byte() {
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("b.js"), "changed").unwrap();
        let stale = plan(&[("a.js", None, "new"), ("b.js", Some("old"), "new")]);
        assert!(matches!(apply(tree.path(), &stale), Err(ApplyError::Stale(path)) if path == "b.js"));
        assert!(!tree.path().join("a.js").exists());
        apply(tree.path(), &plan(&[("b.js", Some("changed"), "new")])).unwrap();
        fs::write(tree.path().join("b.js"), "work").unwrap();
        assert!(matches!(undo(tree.path()), Err(ApplyError::Stale(_))));
        assert_eq!(fs::read_to_string(tree.path().join("b.js")).unwrap(), "work");
    }

    #[test]
    fn nothing_is_written_outside_the_tree() {
        let tree = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        for path in ["../x", "/x", "a/../../x", "", ".git/config", "sub/.GIT/hooks/x"] {
            assert!(matches!(apply(tree.path(), &plan(&[(path, None, "x")])), Err(ApplyError::Outside(_))), "{path}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(elsewhere.path(), tree.path().join("link")).unwrap();
            assert!(matches!(apply(tree.path(), &plan(&[("link/x", None, "x")])), Err(ApplyError::Outside(_))));
            assert!(!elsewhere.path().join("x").exists());
        }
        apply(tree.path(), &plan(&[("sub/x", None, "x"), (".gitignore", None, "x")])).unwrap();
    }

    #[test]
    fn a_plan_that_was_edited_by_hand_is_refused() {
        let tree = tempfile::tempdir().unwrap();
        let mut plan = plan(&[("a", None, "x")]);
        plan.changes[0].after = "y".into();
        assert!(matches!(apply(tree.path(), &plan), Err(ApplyError::NotIntact)));
    }
}
