//! `doorward undo`: take it back.

use crate::Outcome;
use crate::args::Arguments;
use crate::commands::apply::failure;
use crate::exit::Exit;
use crate::output::{self, clean, count, say, tell};
use crate::project::Project;

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let project = Project::open(arguments)?;
    let restored = doorward_frameworks::undo(&project.root).map_err(failure)?;
    let total = restored.len();
    // What was not there before the plan is gone now.
    let (restored, removed): (Vec<String>, Vec<String>) =
        restored.into_iter().partition(|path| project.root.join(path).exists());
    if arguments.json {
        output::json("undo", true, &[], &serde_json::json!({ "restored": restored, "removed": removed }));
        return Ok(Exit::Ok);
    }
    for path in &restored {
        say!("  restored {}", clean(path));
    }
    for path in &removed {
        say!("  removed  {}", clean(path));
    }
    tell!("\n{} as before the last apply. The policy stays.", count(total, "file"));
    Ok(Exit::Ok)
}
