//! `doorward plan`: what would it take to lock them?

use doorward::inventory::App;
use doorward::policy::{Answers, Policy, Proposed, propose};
use doorward_frameworks::{Analysis, Plan};

use crate::Outcome;
use crate::args::{Arguments, PlanOptions};
use crate::exit::{Exit, Failure};
use crate::output::{self, BOLD, CYAN, DIM, GREEN, clean, count, say, tell};
use crate::project::{self, POLICY, Project, SAVED_PLAN};
use crate::questions;

/// How a request travels once the plan is applied.
const FLOW: &[&str] = &[
    "the client asks Clerk for a session token (it lives for 60 seconds) and sends `Authorization: Bearer …`",
    "clerkMiddleware verifies the signature with the instance's public key, then issuer, authorized party and lifetime",
    "the guard at the route compares the verified claims with what the policy asks: 401 without identity, 403 or 404 with the wrong one",
    "the handler reads who is calling with `caller(req)`; cookies, query strings and other headers are never looked at",
];

pub(crate) fn run(arguments: &Arguments, options: &PlanOptions) -> Outcome {
    let project = Project::open(arguments)?;
    let mut answers = questions::from_flags(&options.set)?;
    let analysis = project.analysis()?;
    let (policy, proposal) = match project.policy()? {
        Some(policy) if answers.is_empty() => (policy, None),
        Some(_) => {
            return Err(Failure::new(
                Exit::Usage,
                format!("`{POLICY}` is there already, so `--set` has no question to answer"),
            )
            .help(format!("edit `{POLICY}`, or move it away to have a new one proposed")));
        }
        None => {
            let text = proposed(&project, &analysis, &mut answers, options.yes)?;
            (project::parse(&text)?, Some(text))
        }
    };
    let plan = make(&project, &analysis, &policy);
    let saved = serde_json::to_string(&plan).map_err(|error| Failure::new(Exit::Environment, error.to_string()))?;
    // The state first: if its folder can't be used, no half of a proposal is left behind.
    let written = doorward_frameworks::save_state(&project.root, SAVED_PLAN, &saved).and_then(|()| {
        proposal.as_deref().map_or(Ok(()), |text| doorward_frameworks::write(&project.root, POLICY, Some(text)))
    });
    written.map_err(|error| Failure::new(Exit::Environment, error.to_string()))?;

    let obstacles = plan.obstacles().count();
    let exit = if obstacles == 0 { Exit::Ok } else { Exit::Findings };
    if arguments.json {
        let rest = serde_json::json!({ "policy": POLICY, "proposed": proposal, "digest": plan.digest, "order": plan.order, "changes": changes(&plan) });
        output::json("plan", exit == Exit::Ok, &plan.findings, &rest);
        return Ok(exit);
    }
    show(&project, &plan, proposal.as_deref());
    if exit == Exit::Ok && plan.changes.is_empty() {
        tell!("Nothing to change: the source already does what `{POLICY}` says.");
    } else if exit == Exit::Ok {
        let written =
            if proposal.is_some() { format!("Only `{POLICY}` was written.") } else { "Nothing was written.".into() };
        match by_hand(&analysis) {
            None => {
                tell!("{written} Plan {}. Next: `doorward apply` writes exactly these changes.", short(&plan.digest))
            }
            Some(text) => tell!("{written} Plan {}.\n\n{text}", short(&plan.digest)),
        }
    } else {
        tell!("The plan can't be applied yet: {} above.", count(obstacles, "error"));
    }
    Ok(exit)
}

/// What is left to do where doorward reads a framework and does not write its guards yet.
fn by_hand(analysis: &Analysis) -> Option<String> {
    let apps = &analysis.inventory.apps;
    let unwritten: Vec<&App> = apps.iter().filter(|it| !doorward_frameworks::writes_guards(&it.framework)).collect();
    if unwritten.is_empty() {
        return None;
    }
    let written: Vec<&str> =
        doorward_frameworks::known_frameworks().filter(|it| doorward_frameworks::writes_guards(it)).collect();
    let names: Vec<String> = unwritten.iter().map(|it| format!("{} ({})", clean(&it.name), it.framework)).collect();
    let apply = if unwritten.len() == apps.len() {
        format!(
            "doorward writes guards for {} only as yet: `doorward apply` would write the lock, and none of your code.",
            written.join(", ")
        )
    } else {
        format!(
            "doorward writes guards for {} only as yet. `doorward apply` writes the changes above; these apps get none:\n  {}",
            written.join(", "),
            names.join("\n  ")
        )
    };
    Some(format!(
        "{apply}\nWhat you can do:\n  1. say in `{POLICY}` who may call what\n  \
         2. write the guards yourself; `doorward explain 'GET /path'` shows where a route is made and what guards it\n  \
         3. run `doorward check`: it names each route whose guard the policy asks for and the source lacks\n  \
         4. run `doorward verify`: it attacks the running server, whatever it is written in"
    ))
}

/// Plans the changes; the lock is one of them.
pub(crate) fn make(project: &Project, analysis: &Analysis, policy: &Policy) -> Plan {
    doorward_frameworks::plan(analysis, policy, &|path| doorward_frameworks::read(&project.root, path).ok().flatten())
}

fn proposed(project: &Project, analysis: &Analysis, answers: &mut Answers, yes: bool) -> Result<String, Failure> {
    let starts: Vec<Option<String>> =
        analysis.inventory.apps.iter().map(|app| project::start_command(project, app)).collect();
    let apps: Vec<Proposed<'_>> = analysis
        .inventory
        .apps
        .iter()
        .zip(&starts)
        .map(|(app, start)| Proposed { app, start: start.as_deref() })
        .collect();
    let first = propose(&apps, answers);
    questions::check(&first.questions, answers)?;
    questions::ask(&first.questions, answers, yes)?;
    Ok(propose(&apps, answers).text)
}

fn changes(plan: &Plan) -> Vec<serde_json::Value> {
    plan.changes
        .iter()
        .map(|change| serde_json::json!({ "path": change.path, "new": change.before.is_none(), "reasons": change.reasons, "diff": change.diff() }))
        .collect()
}

pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn show(project: &Project, plan: &Plan, proposal: Option<&str>) {
    if let Some(text) = proposal {
        say!("{BOLD}The policy, in {POLICY}: yours to edit{BOLD:#}\n");
        for line in text.lines() {
            let style = if line.starts_with('#') { DIM } else { GREEN };
            say!("  {style}{}{style:#}", clean(line));
        }
        say!("");
    }
    // Where no guard is written, nothing of ours runs on a request.
    if !plan.order.is_empty() {
        say!("{BOLD}What runs on a request, in this order{BOLD:#}\n");
        for (at, step) in plan.order.iter().enumerate() {
            say!("  {CYAN}{}{CYAN:#} {}", at + 1, clean(step));
        }
        say!("\n{BOLD}How a token flows{BOLD:#}\n");
        for (at, step) in FLOW.iter().enumerate() {
            say!("  {CYAN}{}{CYAN:#} {step}", at + 1);
        }
        say!("");
    }
    if !plan.findings.is_empty() {
        say!("{BOLD}To know before you agree{BOLD:#}\n");
        say!("{}", output::findings(&project.root, &plan.findings).trim_end());
        say!("");
    }
    say!("{BOLD}{}{BOLD:#}\n", count(plan.changes.len(), "changed file"));
    for change in &plan.changes {
        // A new runtime file is long and the same everywhere: its head is enough to know it.
        let diff = change.diff();
        let lines = diff.lines().count();
        if change.before.is_none() && lines > 60 {
            output::diff(&diff.lines().take(24).collect::<Vec<_>>().join("\n"));
            say!("{DIM}  … and {} more lines of this new file{DIM:#}", lines - 24);
        } else {
            output::diff(&diff);
        }
        say!("");
    }
}
