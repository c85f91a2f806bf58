//! `doorward discover`: which doors are there?

mod table;

use std::path::Path;

use doorward::inventory::{App, GuardState};
use doorward_report::Survey;

use crate::Outcome;
use crate::args::{Arguments, DiscoverFlags, ReportFormat};
use crate::exit::Exit;
use crate::output::{self, tell};
use crate::project::{POLICY, Project, keep};

pub(crate) fn run(arguments: &Arguments, flags: &DiscoverFlags) -> Outcome {
    let project = Project::open(arguments)?;
    let mut analysis = project.analysis_of(flags.framework.as_deref())?;
    if let Some(wanted) = &flags.app {
        keep(&mut analysis, wanted)?;
    }
    let findings: Vec<_> = analysis.all_findings().cloned().collect();
    // Whoever reads a table or a report is told how many there are besides; programs get what they asked for.
    if flags.open && arguments.json {
        for app in &mut analysis.inventory.apps {
            app.routes.retain(|route| route.guard.state != GuardState::Guarded);
        }
    }
    if arguments.json {
        output::json("discover", true, &findings, &analysis.inventory);
        // The program ends here, and to take a large inventory apart takes time.
        std::mem::forget(analysis);
        return Ok(Exit::Ok);
    }
    let survey = Survey { inventory: &analysis.inventory, findings: &findings, only_open: flags.open };
    if let Some(format) = flags.report {
        let source = |file: &str| project.read(file).ok().flatten();
        let title = title(&project.root, &analysis.inventory.apps);
        let text = match format {
            ReportFormat::Html => doorward_report::html(&survey, &title, &source),
            ReportFormat::Md => doorward_report::markdown(&survey, &title),
            ReportFormat::Sarif => doorward_report::sarif(&survey),
        };
        output::document(&text, flags.out.as_deref())?;
        return Ok(Exit::Ok);
    }
    table::show(&project.root, &survey);
    if project.read(POLICY).is_ok_and(|policy| policy.is_some()) {
        tell!("\nNothing was changed. Next: `doorward check` compares this with the policy.");
    } else {
        let written = |app: &App| doorward_frameworks::writes_guards(&app.framework);
        let edits = match analysis.inventory.apps.iter().all(written) {
            true => "proposes who may call what, and shows the edits",
            false => "proposes who may call what; it edits Express apps only",
        };
        tell!("\nNothing was changed. Next: `doorward plan` {edits}.");
    }
    Ok(Exit::Ok)
}

/// What the target is called: its only app, or its folder.
fn title(root: &Path, apps: &[App]) -> String {
    if let [app] = apps {
        return app.name.clone();
    }
    let folder = root.canonicalize().ok();
    let name = folder.as_deref().and_then(Path::file_name);
    name.map_or_else(|| "this project".to_owned(), |name| name.to_string_lossy().into_owned())
}
