//! `doorward apply`: write exactly that.

use std::io::IsTerminal as _;
use std::process::{Command, Stdio};

use doorward_frameworks::{ApplyError, Plan};

use crate::Outcome;
use crate::args::{ApplyOptions, Arguments};
use crate::commands::plan::{make, short};
use crate::exit::{Exit, Failure};
use crate::output::{self, BOLD, CYAN, clean, count, say, tell};
use crate::project::{Project, SAVED_PLAN};

pub(crate) fn run(arguments: &Arguments, options: &ApplyOptions) -> Outcome {
    let project = Project::open(arguments)?;
    let text = doorward_frameworks::load_state(&project.root, SAVED_PLAN).map_err(failure)?.ok_or_else(|| {
        Failure::new(Exit::Usage, "there is no plan to apply")
            .help("run `doorward plan` first and look at what it shows")
    })?;
    let plan: Plan = serde_json::from_str(&text).map_err(|error| {
        Failure::new(Exit::Refused, format!("the saved plan can't be read: {error}")).help("run `doorward plan` again")
    })?;
    if !plan.is_intact() {
        return Err(failure(ApplyError::NotIntact));
    }
    // The policy or the source may have changed since: then the plan shown is not the plan needed.
    let analysis = project.analysis()?;
    let folders: Vec<String> = analysis.inventory.apps.iter().map(|app| app.root.clone()).collect();
    let current = make(&project, &analysis, &project.required_policy()?);
    if current.changes.is_empty() {
        return finish(arguments, &project, options, &current, &folders);
    }
    if current.digest != plan.digest {
        return Err(Failure::new(Exit::Refused, "the source or the policy has changed since the plan was shown")
            .help("run `doorward plan` again and look at the new diff"));
    }
    if !options.yes {
        confirm(&current)?;
    }
    // The plan made just now, not the one on disk: the digest covers what is written, and only this one's findings
    // are known to be its own.
    doorward_frameworks::apply(&project.root, &current).map_err(failure)?;
    finish(arguments, &project, options, &current, &folders)
}

fn finish(
    arguments: &Arguments,
    project: &Project,
    options: &ApplyOptions,
    plan: &Plan,
    folders: &[String],
) -> Outcome {
    if options.install {
        for folder in folders {
            install(project, folder)?;
        }
    }
    let paths: Vec<&str> = plan.changes.iter().map(|change| change.path.as_str()).collect();
    if arguments.json {
        output::json("apply", true, &[], &serde_json::json!({ "digest": plan.digest, "written": paths }));
        return Ok(Exit::Ok);
    }
    if plan.changes.is_empty() {
        tell!("Nothing to do: the source already does what the policy says.");
        return Ok(Exit::Ok);
    }
    for change in &plan.changes {
        let word = if change.before.is_none() { "new    " } else { "changed" };
        say!("  {CYAN}{word}{CYAN:#} {}", clean(&change.path));
    }
    let guards = plan
        .changes
        .iter()
        .flat_map(|change| &change.reasons)
        .filter(|reason| reason.starts_with('`') && reason.contains("`: "))
        .count();
    tell!(
        "\n{BOLD}{} written, {} in place; not verified yet.{BOLD:#}",
        count(plan.changes.len(), "file"),
        count(guards, "guard")
    );
    if !options.install {
        tell!("Install the new package with your package manager, or run `doorward apply --install`.");
    }
    tell!("Next: `doorward verify --start` attacks the running server. `doorward undo` takes this back.");
    Ok(Exit::Ok)
}

fn confirm(plan: &Plan) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::new(
            Exit::InputNeeded,
            format!("plan {} waits for a yes, and there is no terminal to ask on", short(&plan.digest)),
        )
        .help("run `doorward apply --yes` once you have read the plan"));
    }
    let question = format!("Write plan {} ({})?", short(&plan.digest), count(plan.changes.len(), "file"));
    match cliclack::confirm(question).initial_value(false).interact() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::new(Exit::Refused, "nothing was written")),
        Err(error) => Err(Failure::new(Exit::InputNeeded, format!("no answer: {error}"))),
    }
}

/// Runs the project's own package manager, told by its lock file. Install scripts stay off: agreeing to a diff is
/// not agreeing to run strangers' code.
fn install(project: &Project, folder: &str) -> Result<(), Failure> {
    // The lock a manager writes, and how to run it. The last row is for projects that have no lock yet.
    let managers: &[(&str, &str, &[&str])] = &[
        ("pnpm-lock.yaml", "pnpm-lock.yaml", &["pnpm", "install", "--ignore-scripts", "--no-frozen-lockfile"]),
        ("yarn.lock", "yarn.lock", &["yarn", "install", "--ignore-scripts"]),
        ("bun.lock", "bun.lock", &["bun", "install", "--ignore-scripts"]),
        ("package-lock.json", "package-lock.json", &["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]),
        ("package.json", "package-lock.json", &["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]),
    ];
    // A workspace is installed from its root, where its lock is; an app of its own where its manifest is.
    let inside = |name: &str| if folder == "." { name.to_owned() } else { format!("{folder}/{name}") };
    let found = managers.iter().find_map(|(file, lock, command)| {
        let places = [
            (project.root.join(folder), inside(file), inside(lock)),
            (project.root.clone(), (*file).to_owned(), (*lock).to_owned()),
        ];
        let place = places.into_iter().find(|(_, file, _)| project.root.join(file).is_file())?;
        Some((place.0, place.2, *command))
    });
    let Some((root, lock, [program, rest @ ..])) = found else {
        return Err(Failure::new(Exit::Environment, "there is no package.json to install from"));
    };
    let before = project.read(&lock)?;
    tell!("{CYAN}$ {program} {}{CYAN:#}", rest.join(" "));
    let status =
        Command::new(program).args(rest).current_dir(&root).stdin(Stdio::null()).stdout(Stdio::null()).status();
    let help = "the source is written; install by hand, or `doorward undo`";
    match status {
        Ok(status) if status.success() => match doorward_frameworks::remember(&project.root, &lock, before) {
            // Installing again later is fine; there is then nothing to take back.
            Ok(()) | Err(ApplyError::NothingToUndo) => Ok(()),
            Err(error) => Err(failure(error)),
        },
        Ok(status) => Err(Failure::new(Exit::Environment, format!("`{program}` ended with {status}")).help(help)),
        Err(error) => Err(Failure::new(Exit::Environment, format!("`{program}` can't be started: {error}")).help(help)),
    }
}

pub(crate) fn failure(error: ApplyError) -> Failure {
    let exit = match error {
        ApplyError::Io { .. } => Exit::Environment,
        ApplyError::Obstacles(_) => Exit::Findings,
        ApplyError::NothingToUndo => Exit::Usage,
        _ => Exit::Refused,
    };
    let help = match error {
        ApplyError::NotIntact | ApplyError::Obstacles(_) => "run `doorward plan` again",
        ApplyError::Stale(_) => "nothing was written; keep or take back the other change first",
        ApplyError::NothingToUndo => "`doorward undo` takes back what `doorward apply` wrote, once",
        _ => "nothing was written",
    };
    Failure::new(exit, error.to_string()).help(help)
}
