//! `cargo xtask bench discover`: what reading a tree costs, against parsing it, against more of it, and against others.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use super::measure::{Figures, Program, interleaved};
use super::{Options, tree};
use crate::{Repo, process};

/// The size of the tree that most comparisons use: a large TypeScript repository.
const FILES: usize = 3_500;
/// The sizes at which growth is looked at.
const GROWTH: &[usize] = &[1_000, 10_000, 100_000];

/// One comparison, ready to print.
struct Row {
    name: String,
    ours: Figures,
    peers: Vec<(&'static str, Figures)>,
    /// What was promised, and whether it was kept.
    floor: Option<(String, bool)>,
    command: String,
}

pub(super) fn run(repo: &Repo, options: &Options) -> Result<ExitCode> {
    let tools = Tools::build(repo, options)?;
    let scratch = repo.root.join("target/bench");
    let root = match &options.tree {
        Some(given) => given.canonicalize().with_context(|| format!("`{}` can't be read", given.display()))?,
        None => tree::generated(&scratch, FILES)?,
    };
    let mut rows = tools.on(&root, options)?;
    if options.tree.is_none() {
        rows.extend(growth(&tools, &scratch, options)?);
    }
    let kept = rows.iter().filter_map(|it| it.floor.as_ref()).all(|(_, kept)| *kept);
    if options.json {
        print_json(&rows)?
    } else {
        print_table(&root, &rows)
    }
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The programs that are compared.
struct Tools {
    doorward: PathBuf,
    parse_alone: PathBuf,
    semgrep: Option<PathBuf>,
    kingfisher: Option<PathBuf>,
    rule: PathBuf,
}

impl Tools {
    fn build(repo: &Repo, options: &Options) -> Result<Self> {
        let build = ["build", "--release", "--quiet", "-p"];
        process::run_ok("cargo", &[&build[..], &["doorward-cli"]].concat(), &repo.root)?;
        process::run_ok(
            "cargo",
            &[&build[..], &["doorward-frameworks", "--example", "parse_alone"]].concat(),
            &repo.root,
        )?;
        let target = super::target(repo);
        let peers = repo.root.join("target/peers");
        let wanted = !options.quick;
        if wanted {
            install(repo, &peers)?;
        }
        let peer = |name: &str| Some(peers.join("bin").join(name)).filter(|it| wanted && it.is_file());
        Ok(Self {
            doorward: target.join("release/doorward"),
            parse_alone: target.join("release/examples/parse_alone"),
            semgrep: peer("semgrep"),
            kingfisher: peer("kingfisher"),
            rule: repo.root.join("xtask/peers/routes.yaml"),
        })
    }

    fn discover(&self, threads: usize) -> Program {
        Program { name: "doorward", line: line(&self.doorward, &["discover", "--json"]), env: threads_env(threads) }
    }

    /// The comparisons on one tree.
    fn on(&self, root: &Path, options: &Options) -> Result<Vec<Row>> {
        let threads = std::thread::available_parallelism()?.get().min(2);
        let parse =
            |threads| Program { name: "parse alone", line: line(&self.parse_alone, &["."]), env: threads_env(threads) };
        let mut rows = Vec::new();
        let compared = interleaved(&[self.discover(threads), parse(threads)], root, options.runs)?;
        rows.push(self.row("against parsing alone", &compared, &["parse alone"], |ours, peer| {
            (format!("≤ 2 × parsing; here {:.2} ×", ours / peer), ours <= 2.0 * peer)
        }));
        if options.tree.is_none() {
            rows.push(
                self.row(&format!("{FILES} files"), &compared, &[], |ours, _| ("< 0.5 s".to_owned(), ours < 0.5)),
            );
        }
        let compared = interleaved(&[self.discover(2), self.discover(1)], root, options.runs)?;
        rows.push(self.row("two threads against one", &compared, &["one thread"], |ours, peer| {
            (format!("two threads are faster; here {:.2} ×", peer / ours), ours < peer)
        }));
        // Those take their time: two runs are enough to see it.
        let runs = options.runs.min(2);
        if let Some(semgrep) = &self.semgrep {
            let rule = self.rule.to_string_lossy();
            let args = [
                "scan",
                "--config",
                &*rule,
                "--metrics=off",
                "--disable-version-check",
                "--json",
                "--quiet",
                "--no-git-ignore",
                ".",
            ];
            let peer = Program { name: "semgrep", line: line(semgrep, &args), env: Vec::new() };
            let compared = interleaved(&[self.discover(threads), peer], root, runs)?;
            rows.push(
                self.row("against semgrep", &compared, &["semgrep"], |ours, peer| ("faster".to_owned(), ours < peer)),
            );
        }
        if let Some(kingfisher) = &self.kingfisher {
            let args = ["scan", ".", "--no-validate", "--no-update-check", "--format", "json", "--git-history", "none"];
            let peer = Program { name: "kingfisher", line: line(kingfisher, &args), env: Vec::new() };
            let compared = interleaved(&[self.discover(threads), peer], root, runs)?;
            rows.push(self.row("secrets, against kingfisher", &compared, &["kingfisher"], |ours, peer| {
                ("faster".to_owned(), ours < peer)
            }));
        }
        Ok(rows)
    }

    /// The first of `figures` is ours; `peers` name the others.
    fn row(
        &self,
        name: &str,
        figures: &[Figures],
        peers: &[&'static str],
        floor: impl Fn(f64, f64) -> (String, bool),
    ) -> Row {
        let ours = figures.first().copied().unwrap_or_default();
        let peers: Vec<_> = peers.iter().copied().zip(figures.iter().skip(1).copied()).collect();
        let floor = floor(ours.seconds, peers.first().map_or(f64::NAN, |(_, it)| it.seconds));
        Row { name: name.to_owned(), ours, peers, floor: Some(floor), command: "doorward discover --json".to_owned() }
    }
}

/// Whether time grows no faster than the tree, and memory stays within a GiB.
fn growth(tools: &Tools, scratch: &Path, options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut before: Option<(usize, f64)> = None;
    for files in GROWTH.iter().copied().filter(|it| !options.quick || *it <= 10_000) {
        let root = tree::generated(scratch, files)?;
        let compared = interleaved(&[tools.discover(2)], &root, options.runs.min(3))?;
        let row = tools.row(&format!("{files} files, growth"), &compared, &[], |ours, _| {
            let memory = compared.first().map_or(0.0, |it| it.memory);
            let factor = before.map_or(1.0, |(count, seconds)| ours / seconds * count as f64 / files as f64);
            (format!("linear, < 1024 MiB; here {factor:.2} × linear"), factor < 1.5 && memory < 1024.0)
        });
        before = Some((files, row.ours.seconds));
        rows.push(row);
    }
    Ok(rows)
}

fn install(repo: &Repo, peers: &Path) -> Result<()> {
    let stamp = peers.join("installed.txt");
    let wanted = std::fs::read(repo.root.join("xtask/peers/requirements.txt"))?;
    if std::fs::read(&stamp).is_ok_and(|it| it == wanted) {
        return Ok(());
    }
    let folder = peers.to_string_lossy();
    process::run_ok("python3", &["-m", "venv", &folder], &repo.root)?;
    let pip = peers.join("bin/pip");
    process::run_ok(&pip.to_string_lossy(), &["install", "--quiet", "-r", "xtask/peers/requirements.txt"], &repo.root)?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

fn line(program: &Path, args: &[&str]) -> Vec<String> {
    let program = program.to_string_lossy().into_owned();
    std::iter::once(program).chain(args.iter().map(|it| (*it).to_owned())).collect()
}

fn threads_env(threads: usize) -> Vec<(&'static str, String)> {
    vec![("RAYON_NUM_THREADS", threads.to_string())]
}

fn print_json(rows: &[Row]) -> Result<()> {
    let figures = |it: &Figures| json!({ "seconds": it.seconds, "mib": it.memory });
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let peers: serde_json::Map<_, _> = row.peers.iter().map(|(name, it)| ((*name).to_owned(), figures(it))).collect();
            let ratios: serde_json::Map<_, _> =
                row.peers.iter().map(|(name, it)| ((*name).to_owned(), json!(row.ours.seconds / it.seconds))).collect();
            let floor = row.floor.as_ref().map(|(text, kept)| json!({ "text": text, "kept": kept }));
            json!({ "name": row.name, "ours": figures(&row.ours), "peers": peers, "ratios": ratios, "floor": floor, "command": row.command })
        })
        .collect();
    println!("{}", serde_json::to_string_pretty(&rows)?);
    Ok(())
}

fn print_table(root: &Path, rows: &[Row]) {
    println!("doorward discover, on {}\n", root.display());
    for row in rows {
        let mut text = format!("{:<30}{:>8.3} s {:>6.0} MiB", row.name, row.ours.seconds, row.ours.memory);
        for (name, it) in &row.peers {
            text.push_str(&format!("   {name} {:.3} s", it.seconds));
        }
        if let Some((floor, kept)) = &row.floor {
            text.push_str(&format!("   {}: {floor}", if *kept { "kept" } else { "MISSED" }));
        }
        println!("{text}");
    }
}
