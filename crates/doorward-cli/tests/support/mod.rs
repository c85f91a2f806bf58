//! Running the built command in folders of their own.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test may fail the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A folder that is gone when the test is.
pub(crate) struct Tree(tempfile::TempDir);

impl Tree {
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Replaces text that must be there, once.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {path}:\n{text}");
        self.write(path, &text.replacen(from, to, 1));
    }

    /// Every file and link with its content, but for what `skipped` names at the top.
    pub(crate) fn bytes(&self, skipped: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.path().to_path_buf()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let relative = path.strip_prefix(self.path()).unwrap().to_path_buf();
                if skipped.iter().any(|name| relative == Path::new(name)) {
                    continue;
                }
                let kind = fs::symlink_metadata(&path).unwrap().file_type();
                if kind.is_symlink() {
                    found.insert(relative, fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes());
                } else if kind.is_dir() {
                    open.push(path);
                } else {
                    found.insert(relative, fs::read(&path).unwrap());
                }
            }
        }
        found
    }

    /// Runs the command here, without a terminal.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let output = doorward(self.path()).args(arguments).output().unwrap();
        let run = Run {
            line: arguments.join(" "),
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("stdout is text"),
            err: String::from_utf8(output.stderr).expect("stderr is text"),
        };
        for sign in ["panicked", "RUST_BACKTRACE", "internal error", "unwrap()"] {
            assert!(!run.all().contains(sign), "{}", run.all());
        }
        run
    }
}

/// The command, in `folder`, in an environment that holds nothing of ours or of Clerk's.
pub(crate) fn doorward(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.contains("CLERK_") || name.starts_with("DOORWARD_") {
            command.env_remove(&*name);
        }
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// How a run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) line: String,
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn all(&self) -> String {
        format!(
            "$ doorward {}\n-- ended with {:?}\n-- stdout\n{}\n-- stderr\n{}",
            self.line, self.code, self.out, self.err
        )
    }

    #[track_caller]
    pub(crate) fn ends(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.all());
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.out.contains(text) || self.err.contains(text), "`{text}` is missing\n{}", self.all());
        }
        self
    }

    #[track_caller]
    pub(crate) fn never_says(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(!self.out.contains(text) && !self.err.contains(text), "`{text}` was said\n{}", self.all());
        }
        self
    }

    /// The one document of `--json`: its envelope is right, and `explain` knows every code in it.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let document: Value = serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}\n{}", self.all()));
        let verb = self.line.split(' ').find(|word| !word.starts_with('-')).unwrap();
        assert_eq!(document["schema"], format!("doorward/{verb}/v1"), "{}", self.all());
        assert_eq!(document["ok"], self.code == Some(0), "{}", self.all());
        assert!(document["findings"].is_array(), "{}", self.all());
        let mut codes = Vec::new();
        collect_codes(&document, &mut codes);
        codes.sort();
        codes.dedup();
        for code in codes {
            let here = Tree::of(&[]);
            here.run(&["explain", &code]).ends(0).says(&[&code]);
        }
        document
    }
}

/// The codes of findings, wherever in a document they stand.
fn collect_codes(value: &Value, codes: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_codes(item, codes)),
        Value::Object(fields) => {
            if let (Some(code), Some(_)) = (fields.get("code").and_then(Value::as_str), fields.get("message")) {
                codes.push(code.to_owned());
            }
            fields.values().for_each(|item| collect_codes(item, codes));
        }
        _ => {}
    }
}
