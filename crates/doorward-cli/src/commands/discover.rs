//! `doorward discover`: which doors are there?

mod table;

use doorward::inventory::GuardState;
use doorward_report::Survey;

use crate::Outcome;
use crate::args::{Arguments, DiscoverFlags};
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
    if arguments.json {
        if flags.open {
            for app in &mut analysis.inventory.apps {
                app.routes.retain(|route| route.guard.state != GuardState::Guarded);
            }
        }
        output::json("discover", true, &findings, &analysis.inventory);
        return Ok(Exit::Ok);
    }
    let survey = Survey { inventory: &analysis.inventory, findings: &findings };
    table::show(&project.root, &survey, flags.open);
    if project.read(POLICY).is_ok_and(|policy| policy.is_some()) {
        tell!("\nNothing was changed. Next: `doorward check` compares this with the policy.");
    } else {
        tell!("\nNothing was changed. Next: `doorward plan` proposes who may call what, and shows the edits.");
    }
    Ok(Exit::Ok)
}
