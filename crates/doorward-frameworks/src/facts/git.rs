//! Which files git tracks, read from the index.
//!
//! The index is read here and `git` is not run: a hostile tree can make git run programs of its choice.

use std::path::{Path, PathBuf};

/// An index above this size is not read; git itself would be slow.
const MAX_INDEX: u64 = 512 * 1024 * 1024;

/// The files git tracks in one tree.
#[derive(Debug, Default)]
pub(crate) struct Tracked {
    /// Relative to the tree, in the order of their bytes.
    paths: Vec<String>,
}

impl Tracked {
    /// What is tracked below `root`, which may be a folder inside of a repository. `None`: there is no repository, or
    /// its index can't be read.
    pub(crate) fn below(root: &Path) -> Option<Self> {
        let (work_tree, git) = root.ancestors().find_map(|it| Some((it, git_folder(it)?)))?;
        let index = git.join("index");
        let meta = std::fs::metadata(&index).ok()?;
        if !meta.is_file() || meta.len() > MAX_INDEX {
            return None;
        }
        let prefix = crate::walk::relative(work_tree, root);
        let prefix = if prefix == "." { String::new() } else { format!("{prefix}/") };
        let mut paths = Vec::new();
        read_index(&std::fs::read(index).ok()?, |path| {
            if let Some(inside) = path.strip_prefix(prefix.as_bytes()) {
                paths.extend(String::from_utf8(inside.to_vec()));
            }
        })?;
        paths.sort_unstable();
        Some(Self { paths })
    }

    /// Whether git tracks this file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.binary_search_by(|it| it.as_str().cmp(path)).is_ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }
}

/// `.git`, or where the file of that name says it is.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    let meta = std::fs::symlink_metadata(&git).ok()?;
    if meta.is_dir() {
        return Some(git);
    }
    if !meta.is_file() || meta.len() > 4096 {
        return None;
    }
    let text = std::fs::read_to_string(&git).ok()?;
    Some(folder.join(text.strip_prefix("gitdir:")?.trim()))
}

/// Calls `each` with every path of an index of version 2, 3 or 4. `None` if it is not one.
fn read_index(bytes: &[u8], mut each: impl FnMut(&[u8])) -> Option<()> {
    /// Times, modes, sizes and the hash.
    const FIXED: usize = 60;
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if bytes.get(..4)? != b"DIRC" {
        return None;
    }
    let version = number(4)?;
    if !(2..=4).contains(&version) {
        return None;
    }
    let mut at = 12;
    let mut path: Vec<u8> = Vec::new();
    for _ in 0..number(8)? {
        let flags = u16::from_be_bytes(bytes.get(at + FIXED..at + FIXED + 2)?.try_into().ok()?);
        let extended = if flags & 0x4000 != 0 { 2 } else { 0 };
        let mut name = at + FIXED + 2 + extended;
        if version == 4 {
            let (keep_off, next) = offset(bytes, name)?;
            path.truncate(path.len().checked_sub(keep_off)?);
            name = next;
        } else {
            path.clear();
        }
        let rest = bytes.get(name..)?;
        let length = rest.iter().position(|it| *it == 0)?;
        path.extend(rest.get(..length)?);
        // An index with hashes of another length reads as nonsense.
        if path.is_empty() || path.contains(&b'\n') || path.starts_with(b"/") {
            return None;
        }
        each(&path);
        at = match version {
            4 => name + length + 1,
            // Entries end with one to eight zeros, so that the next one starts at a multiple of eight.
            _ => at + (name + length - at + 8) / 8 * 8,
        };
    }
    Some(())
}

/// A number in git's own variable length.
fn offset(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut byte = *bytes.get(at)?;
    let mut value = usize::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        at += 1;
        byte = *bytes.get(at)?;
        value = value.checked_add(1)?.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
    }
    Some((value, at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(version: u32, paths: &[&str]) -> Vec<u8> {
        let mut out = b"DIRC".to_vec();
        out.extend(version.to_be_bytes());
        out.extend(u32::try_from(paths.len()).unwrap().to_be_bytes());
        let mut previous = "";
        for path in paths {
            let start = out.len();
            out.extend([7; 60]);
            out.extend(u16::try_from(path.len()).unwrap().to_be_bytes());
            if version == 4 {
                let common = path.bytes().zip(previous.bytes()).take_while(|(one, two)| one == two).count();
                out.push(u8::try_from(previous.len() - common).unwrap());
                out.extend(&path.as_bytes()[common..]);
                out.push(0);
            } else {
                out.extend(path.as_bytes());
                out.extend(vec![0; 8 - (out.len() - start) % 8]);
            }
            previous = path;
        }
        out
    }

    #[test]
    fn every_version_of_the_index_is_read_and_damage_is_noticed() {
        let paths = [".env", "apps/api/.env.production", "apps/api/src/index.ts", "b"];
        for version in 2..=4 {
            let bytes = index(version, &paths);
            let mut got = Vec::new();
            read_index(&bytes, |path| got.push(String::from_utf8(path.to_vec()).unwrap())).unwrap();
            assert_eq!(got, paths, "version {version}");
            for cut in 0..bytes.len() {
                let _ = read_index(&bytes[..cut], |_| {});
            }
        }
        assert!(read_index(&index(5, &paths), |_| {}).is_none());
        assert!(read_index(b"", |_| {}).is_none());
    }
}
