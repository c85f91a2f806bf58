//! `cargo xtask soak discover`: spoiled copies of the fixtures, and a tree of 200,000 files. Nothing may crash the
//! reader, keep it busy for long, or make it take much memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::bench::{self, measure};
use crate::{Repo, process};

/// The largest tree, the time it may take, and the memory in MiB.
const FILES: usize = 200_000;
const LARGE: (Duration, f64) = (Duration::from_secs(120), 2048.0);
/// What a spoiled fixture may take.
const SPOILED: (Duration, f64) = (Duration::from_secs(20), 1024.0);

/// What a fixture is made of.
const SOURCES: &[&str] = &["js", "mjs", "cjs", "ts", "tsx", "jsx", "py", "rs", "json", "toml", "txt", "yaml", "env"];

pub(super) fn run(repo: &Repo, args: &[String]) -> Result<ExitCode> {
    let (mut minutes, mut seed) = (10, std::time::UNIX_EPOCH.elapsed()?.as_secs());
    for pair in args.chunks(2) {
        match pair {
            [name, value] if name == "--minutes" => minutes = value.parse().context("`--minutes` needs a number")?,
            [name, value] if name == "--seed" => seed = value.parse().context("`--seed` needs a number")?,
            _ => anyhow::bail!("`{}` is not understood", pair.join(" ")),
        }
    }
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    process::run_ok("cargo", &["build", "--release", "--quiet", "-p", "doorward-cli"], &repo.root)?;
    let doorward = bench::target(repo).join("release/doorward");
    let scratch = repo.root.join("target/soak");
    let large = bench::tree::generated(&scratch, FILES)?;
    check(&doorward, &large, LARGE).with_context(|| format!("the tree of {FILES} files"))?;
    println!("{FILES} files: read");

    let mut texts = Vec::new();
    collect(&repo.root.join("crates/doorward-frameworks/tests/fixtures"), &mut texts)?;
    let fixtures = fixtures(&texts);
    println!("{} files in {} fixtures, seed {seed}", texts.len(), fixtures.len());
    let mut random = Random(seed | 1);
    let mut rounds = 0_u64;
    while Instant::now() < end {
        let tree = scratch.join("spoiled");
        let _ = fs::remove_dir_all(&tree);
        let fixture = fixtures.get(random.below(fixtures.len())).context("no fixtures")?;
        spoil(&texts, fixture, &tree, &mut random)?;
        check(&doorward, &tree, SPOILED).with_context(|| format!("round {rounds}, kept in {}", tree.display()))?;
        rounds += 1;
    }
    println!("{rounds} spoiled trees: read");
    Ok(ExitCode::SUCCESS)
}

fn check(doorward: &Path, tree: &Path, (time, memory): (Duration, f64)) -> Result<()> {
    let program = measure::Program {
        name: "doorward",
        line: vec![doorward.display().to_string(), "discover".to_owned(), "--json".to_owned()],
        env: Vec::new(),
    };
    let ended = measure::within(&program, tree, time)?;
    // Where nothing is left that names a framework, doorward says so and ends with 2.
    if ended.status.code() != Some(2) {
        ended.well(&program)?;
    }
    anyhow::ensure!(ended.peak < memory, "it held {:.0} MiB (and took {:?})", ended.peak, ended.time);
    Ok(())
}

/// A file of a fixture: where it is, and what it holds.
type Text = (PathBuf, Vec<u8>);

fn collect(folder: &Path, texts: &mut Vec<Text>) -> Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?.map(|it| it.map(|it| it.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if !path.ends_with("node_modules") {
                collect(&path, texts)?;
            }
        } else if path.extension().is_some_and(|it| SOURCES.iter().any(|known| it == *known)) {
            let text = fs::read(&path)?;
            texts.push((path, text));
        }
    }
    Ok(())
}

/// The folders that have a manifest and are not inside of another one.
fn fixtures(texts: &[Text]) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    let manifests = ["package.json", "requirements.txt", "pyproject.toml", "Cargo.toml"];
    let mut folders: Vec<&Path> = texts
        .iter()
        .filter(|(path, _)| path.file_name().is_some_and(|name| manifests.iter().any(|it| name == *it)))
        .filter_map(|(path, _)| path.parent())
        .collect();
    folders.sort();
    for folder in folders {
        if !all.iter().any(|it| folder.starts_with(it)) {
            all.push(folder.to_path_buf());
        }
    }
    all
}

/// Writes the fixture to `tree`, with a few of its files spoiled.
fn spoil(texts: &[Text], fixture: &Path, tree: &Path, random: &mut Random) -> Result<()> {
    let files: Vec<&Text> = texts.iter().filter(|(path, _)| path.starts_with(fixture)).collect();
    for (path, text) in &files {
        let mut text = text.clone();
        for _ in 0..random.below(4) {
            let other = texts.get(random.below(texts.len())).map_or(&[][..], |(_, text)| text);
            mutate(&mut text, other, random);
        }
        let path = tree.join(path.strip_prefix(fixture)?);
        fs::create_dir_all(path.parent().context("a file without a folder")?)?;
        fs::write(path, text)?;
    }
    Ok(())
}

fn mutate(text: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let (from, to) = random.range(text.len());
    match random.below(8) {
        0 => drop(text.drain(from..to)),
        1 => text.truncate(from),
        2 => {
            let part = text.get(from..to).unwrap_or_default().to_vec();
            let times = random.below(50);
            text.splice(from..from, part.repeat(times));
        }
        3 => {
            let (start, end) = random.range(other.len());
            text.splice(from..to, other.get(start..end).unwrap_or_default().iter().copied());
        }
        4 => {
            let byte = u8::try_from(random.below(256)).unwrap_or_default();
            text.insert(from, byte);
        }
        5 => {
            let token = TOKENS.get(random.below(TOKENS.len())).copied().unwrap_or_default();
            let times = 1 + random.below(2_000);
            text.splice(from..from, token.repeat(times).into_bytes());
        }
        6 => text.get_mut(from..to).unwrap_or_default().reverse(),
        _ => {
            // The other file's names in this file's place: imports that lead elsewhere, or in circles.
            let line = other.split(|it| *it == b'\n').nth(random.below(20)).unwrap_or_default();
            text.splice(from..from, [b"\n", line, b"\n"].concat());
        }
    }
}

/// What parsers recurse on, or stumble over.
const TOKENS: &[&str] = &[
    "(",
    "[",
    "{",
    "x=>",
    "!",
    "-",
    "a?",
    "a.",
    "`${",
    "<a>",
    "if(a)",
    "not ",
    "lambda:",
    "\u{feff}",
    "\0",
    "\u{2028}",
    "\\",
    "/*",
    "\"\"\"",
    "#[",
    "r#\"",
    "&",
    "::<",
    "await ",
    "export * from './a';",
    "@",
    "😀",
    "*/",
    "\r",
];

/// Numbers that look random, and are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or_default() % end.max(1)
    }

    /// A part of something that is `len` long, usually a short one.
    fn range(&mut self, len: usize) -> (usize, usize) {
        let from = self.below(len + 1).min(len);
        let most = if self.below(4) == 0 { len } else { 80 };
        (from, len.min(from + self.below(most)))
    }
}
