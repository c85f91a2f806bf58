//! Nothing names a place that only one machine or one network has.

use super::{Text, Violation};

/// Folders at the root of a file system in which people and build machines keep their work.
static HOMES: &[&str] = &["root", "work"];
/// The same, when followed by somebody's name.
static HOMES_OF: &[&str] = &["home", "Users"];

/// Lock files of package managers, which may record where each package came from.
static LOCK_FILES: &[&str] = &["package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"];

/// Absolute paths of a machine.
pub(super) fn check_folders(text: &Text<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (line, content) in text.lines() {
        let Some(path) = machine_path(content) else { continue };
        found.push(Violation {
            rule: "machine-path",
            file: text.file.to_owned(),
            line,
            message: format!("`{path}` is a folder of one machine"),
            help: "write the path relative to the repository, or make a temporary folder".to_owned(),
        });
    }
    found
}

/// The start of the first path in this line that begins in somebody's folder.
fn machine_path(line: &str) -> Option<&str> {
    line.match_indices('/').find_map(|(at, _)| {
        let (before, path) = line.split_at_checked(at)?;
        if !starts_a_path(before) {
            return None;
        }
        let mut parts = path.get(1..)?.split('/');
        let home = parts.next()?;
        let length = if HOMES.contains(&home) {
            // `/root/` alone could be any word, but not with something behind it.
            parts.next().filter(|it| starts_a_name(it))?;
            1 + home.len()
        } else if HOMES_OF.contains(&home) {
            let name = parts.next().filter(|it| starts_a_name(it))?;
            parts.next()?;
            1 + home.len() + 1 + name.len()
        } else {
            return None;
        };
        path.get(..length)
    })
}

/// Whether a `/` after this text is the root of a file system, rather than the middle of a URL or of a relative path.
fn starts_a_path(before: &str) -> bool {
    if before.ends_with("file://") {
        return true;
    }
    before.chars().next_back().is_none_or(|it| it.is_whitespace() || "\"'`=(<[,:|>".contains(it))
}

fn starts_a_name(part: &str) -> bool {
    part.starts_with(|it: char| it.is_ascii_alphanumeric() || "._-".contains(it))
}

/// Hosts of registries in lock files: they belong to the network the file was made in, and the hash is what counts.
pub(super) fn check_registries(text: &Text<'_>) -> Vec<Violation> {
    let name = text.file.rsplit('/').next().unwrap_or(text.file);
    let (is_lock, is_npmrc) = (LOCK_FILES.contains(&name), name == ".npmrc");
    let mut found = Vec::new();
    for (line, content) in text.lines() {
        let content = content.trim_start();
        let names_host = is_lock && is_resolved(content) || is_npmrc && content.contains("registry=");
        if names_host {
            found.push(Violation {
                rule: "registry",
                file: text.file.to_owned(),
                line,
                message: "this names the registry a package came from".to_owned(),
                help:
                    "make the lock file again with `npm install --omit-lockfile-registry-resolved` and without `.npmrc`"
                        .to_owned(),
            });
        }
    }
    found
}

/// Whether this line of a lock file says where a package was fetched; packages inside the repository have no host.
fn is_resolved(line: &str) -> bool {
    let is_key = ["\"resolved\":", "resolved ", "resolution: {tarball:"].iter().any(|it| line.starts_with(it));
    is_key && line.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::messages;

    #[test]
    fn a_path_of_a_machine_is_refused() {
        // Put together here, so that this file passes its own rule.
        let path = |parts: &[&str]| format!("/{}", parts.join("/"));
        let somebody = path(&["home", "ada", "src", "x.rs"]);
        assert_eq!(machine_path(&somebody), Some(path(&["home", "ada"]).as_str()));
        assert_eq!(machine_path(&format!("at file://{somebody}")), Some(path(&["home", "ada"]).as_str()));
        assert_eq!(machine_path(&format!("\"{}\"", path(&["work", "main"]))), Some(path(&["work"]).as_str()));
        assert_eq!(machine_path(&format!("DIR={}", path(&["root", ".cargo"]))), Some(path(&["root"]).as_str()));
        assert_eq!(machine_path(&path(&["Users", "ada", "x"])), Some(path(&["Users", "ada"]).as_str()));
        assert_eq!(messages(check_folders, "a.md", &format!("\nsee {somebody}\n")).len(), 1);
    }

    #[test]
    fn the_same_words_elsewhere_are_accepted() {
        for line in [
            "https://example.com/work/items",
            "services/work/main.ts",
            "`./root/x`",
            "GET /home/",
            "GET /home/{id}",
            "GET /workers/1",
            "GET /workspace/members",
            "GET /work/{id}",
            "GET /work",
            "/usr/bin/env",
            "a / work / b",
        ] {
            assert_eq!(machine_path(line), None, "{line}");
        }
    }

    #[test]
    fn a_host_in_a_lock_file_is_refused_and_a_hash_is_not() {
        let lock = "{\n  \"resolved\": \"https://example.com/ms-2.1.3.tgz\",\n  \"integrity\": \"sha512-x\"\n}\n";
        assert_eq!(
            messages(check_registries, "examples/a/package-lock.json", lock),
            ["examples/a/package-lock.json:2: this names the registry a package came from"]
        );
        let inner = "{\n  \"resolved\": \"packages/a\",\n  \"link\": true\n}\n";
        assert!(messages(check_registries, "package-lock.json", inner).is_empty());
        assert!(messages(check_registries, "docs/locks.json", lock).is_empty(), "not a lock file");
    }

    #[test]
    fn a_committed_registry_is_refused_and_other_npm_settings_are_not() {
        assert_eq!(messages(check_registries, "examples/a/.npmrc", "registry=https://example.com/\n").len(), 1);
        assert!(messages(check_registries, "examples/a/.npmrc", "omit-lockfile-registry-resolved=true\n").is_empty());
    }
}
