//! `cargo xtask demo`: secures the example and attacks it, before the reader's eyes, in a folder of its own.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{Repo, no_arguments, packages, process, table};

/// The program that starts out with no authentication at all.
const EXAMPLE: &str = "examples/express-orders";

/// What is left out of the copy: everything that can be made again.
static NOT_COPIED: &[&str] = &["node_modules", "dist"];

/// What we tell the reader, and the command they could have typed.
struct Scene {
    title: &'static str,
    command: &'static [&'static str],
    when: When,
}

enum When {
    Always,
    /// Only when `package.json` has this script.
    Script(&'static str),
}

/// The story, in order. Whatever changes about doorward's command line changes here.
static SCENES: &[Scene] = &[
    Scene {
        title: "the example, as its authors left it",
        command: &["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        when: When::Always,
    },
    Scene { title: "which doors are there?", command: &["doorward", "discover"], when: When::Always },
    Scene {
        title: "what would it take to lock them? (nothing is changed yet)",
        command: &[
            "doorward",
            "plan",
            "--yes",
            "--set",
            "public-routes=GET /health,GET /products,GET /products/{id},GET /categories,GET /products/{id}/reviews",
        ],
        when: When::Always,
    },
    Scene {
        title: "write exactly that, and install what it needs",
        command: &["doorward", "apply", "--yes", "--install"],
        when: When::Always,
    },
    Scene { title: "does it still compile?", command: &["npm", "run", "build"], when: When::Script("build") },
    Scene { title: "do its own tests still pass?", command: &["npm", "test"], when: When::Script("test") },
    Scene { title: "does the source keep its promises?", command: &["doorward", "check"], when: When::Always },
    Scene {
        title: "and the running server? start it and attack every route",
        command: &["doorward", "verify", "--start"],
        when: When::Always,
    },
];

pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<ExitCode> {
    no_arguments(args)?;
    let started = Instant::now();
    let example = repo.root.join(EXAMPLE);
    anyhow::ensure!(example.is_dir(), "`{EXAMPLE}` is not there");
    let path = build(repo)?;

    let folder = std::env::temp_dir().join(format!("doorward-demo-{}", std::process::id()));
    copy(&example, &folder)?;

    let scenes: Vec<&Scene> = SCENES.iter().filter(|it| it.when.applies(&example)).collect();
    for (index, scene) in scenes.iter().enumerate() {
        let Some((program, args)) = scene.command.split_first() else { continue };
        println!("\n━━━ {} of {}: {}\n$ {}\n", index + 1, scenes.len(), scene.title, process::line(program, args));
        let mut command = process::command(program, args, &folder);
        command.env("PATH", &path);
        forget_accounts(&mut command);
        let status = process::run(command)?;
        anyhow::ensure!(
            status.success(),
            "`{}` failed ({status}); the folder is as it left it: {}",
            process::line(program, args),
            folder.display()
        );
    }
    println!("\nthe secured example is in {} ({})", folder.display(), table::seconds(started.elapsed()));
    Ok(ExitCode::SUCCESS)
}

impl When {
    fn applies(&self, example: &Path) -> bool {
        match self {
            When::Always => true,
            When::Script(script) => packages::has_script(example, script),
        }
    }
}

/// A profile of its own, in which dependencies are not optimised: from cold that takes a third of the time of a development
/// build, and the demo spends its own time waiting for Node.js anyway.
static BUILD: &[&str] = &[
    "build",
    "--workspace",
    "--bin",
    "doorward",
    "--locked",
    "--profile",
    "demo",
    "--config",
    "profile.demo.inherits=\"dev\"",
    "--config",
    "profile.demo.package.\"*\".opt-level=0",
];

/// Builds the command, and returns a `PATH` in which `doorward` is it.
fn build(repo: &Repo) -> Result<OsString> {
    println!("$ {}", process::line("cargo", BUILD));
    process::run_ok("cargo", BUILD, &repo.root)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repo.root.join("target"), |it| repo.root.join(it));
    let mut path = vec![target.join("demo")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    Ok(std::env::join_paths(path)?)
}

/// The demo needs no account, so a key in the reader's own environment is kept out of it.
fn forget_accounts(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().contains("CLERK_") {
            command.env_remove(name);
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("could not make {}", to.display()))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if !entry.file_type()?.is_dir() {
            fs::copy(&source, &target).with_context(|| format!("could not copy {}", source.display()))?;
        } else if !NOT_COPIED.contains(&&*entry.file_name().to_string_lossy()) {
            copy(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_leaves_out_what_can_be_made_again() {
        let folder = std::env::temp_dir().join(format!("doorward-xtask-copy-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("to"));
        for file in ["src/app.js", "src/dist.js", "node_modules/express/index.js", "dist/app.js", ".env.example"] {
            let file = from.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x").unwrap();
        }
        copy(&from, &to).unwrap();
        let is_there = |it: &str| to.join(it).exists();
        assert!(is_there("src/app.js") && is_there("src/dist.js") && is_there(".env.example"));
        assert!(!is_there("node_modules") && !is_there("dist"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_story_ends_with_the_proof() {
        assert_eq!(SCENES.last().unwrap().command.get(..2), Some(["doorward", "verify"].as_slice()));
    }
}
