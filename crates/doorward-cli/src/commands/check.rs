//! `doorward check`: does the source keep its promises?

use doorward::check::{Lock, check};

use crate::Outcome;
use crate::args::{Arguments, CheckOptions};
use crate::commands::plan::make;
use crate::exit::{Exit, Failure};
use crate::output::{self, GREEN, RED, count, say, tell};
use crate::project::{LOCK, Project};

pub(crate) fn run(arguments: &Arguments, options: &CheckOptions) -> Outcome {
    let project = Project::open(arguments)?;
    let policy = project.required_policy()?;
    let analysis = project.analysis()?;
    let lock = match project.read(LOCK)? {
        Some(text) => Some(Lock::parse(LOCK, &text).map_err(|finding| {
            Failure::new(Exit::Usage, format!("`{LOCK}` can't be used")).findings(vec![*finding])
        })?),
        None if options.locked => {
            return Err(Failure::new(Exit::Usage, format!("there is no `{LOCK}`"))
                .help("run `doorward plan` and `doorward apply`, and commit the lock"));
        }
        None => None,
    };
    let mut findings = check(&analysis.inventory, &policy, lock.as_ref());
    findings.extend(make(&project, &analysis, &policy).disagreements());
    findings.extend(analysis.inventory.unresolved.iter().cloned());
    findings.extend(analysis.all_findings().cloned());
    let failing = findings.iter().filter(|finding| finding.fails()).count();
    let exit = if failing == 0 { Exit::Ok } else { Exit::Findings };
    let routes: usize = analysis.inventory.apps.iter().map(|app| app.routes.len()).sum();
    if arguments.json {
        let rest = serde_json::json!({ "routes": routes, "locked": lock.is_some(), "unresolved": analysis.inventory.unresolved.len() });
        output::json("check", exit == Exit::Ok, &findings, &rest);
        return Ok(exit);
    }
    if !findings.is_empty() {
        say!("{}", output::findings(&project.root, &findings).trim_end());
        say!("");
    }
    match failing {
        0 => say!("{GREEN}✓ {} and their guards agree with the policy{GREEN:#}", count(routes, "route")),
        _ => say!("{RED}✗ {} in {}{RED:#}", count(failing, "finding"), count(routes, "route")),
    }
    if lock.is_none() {
        tell!("There is no `{LOCK}` yet, so drift was not checked.");
    }
    tell!("This was read from the source. `doorward verify` asks the running server.");
    Ok(exit)
}
