//! `doorward export`: what was discovered, for other tools.

use crate::Outcome;
use crate::args::{Arguments, ExportFormat, ExportOptions, Syntax};
use crate::exit::{Exit, Failure};
use crate::output::{self, count, tell};
use crate::project::{Project, keep};

pub(crate) fn run(arguments: &Arguments, options: &ExportOptions) -> Outcome {
    let project = Project::open(arguments)?;
    let mut analysis = project.analysis()?;
    if let Some(wanted) = &options.app {
        keep(&mut analysis, wanted)?;
    }
    let app = match analysis.inventory.apps.as_slice() {
        [app] => app,
        [] => {
            return Err(Failure::new(Exit::Usage, "no app was found here, so there is nothing to export")
                .help("run `doorward discover` to see what could not be read"));
        }
        several => {
            let names: Vec<&str> = several.iter().map(|app| app.name.as_str()).collect();
            return Err(Failure::new(Exit::Usage, format!("there are {} apps here", several.len()))
                .help(format!("choose one with `--app`: {}", names.join(", "))));
        }
    };
    let document = match options.what {
        ExportFormat::Openapi => doorward_report::openapi(app),
    };
    let unresolved = &analysis.inventory.unresolved;
    if arguments.json {
        output::json("export", true, unresolved, &serde_json::json!({ "app": app.name, "document": document }));
        return Ok(Exit::Ok);
    }
    let named = options.out.as_deref().and_then(|file| file.extension()).and_then(|it| it.to_str());
    let is_yaml = match options.format {
        Some(syntax) => syntax == Syntax::Yaml,
        None => matches!(named, Some("yaml" | "yml")),
    };
    let text = if is_yaml { doorward_report::to_yaml(&document) } else { doorward_report::to_json(&document) };
    output::document(&text, options.out.as_deref())?;
    let unread = unresolved.iter().filter(|it| it.hides_routes()).count();
    if unread > 0 {
        tell!(
            "{} could not be read, and routes made there may be missing; `doorward discover` lists them.",
            count(unread, "place")
        );
    }
    Ok(Exit::Ok)
}
