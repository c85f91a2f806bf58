//! `doorward explain`: the story behind a code, or of a route.

mod route;

use doorward::diagnostic::{code, codes};

use crate::Outcome;
use crate::args::{Arguments, ExplainOptions};
use crate::exit::{Exit, Failure};
use crate::output::{self, BOLD, say};

pub(crate) fn run(arguments: &Arguments, options: &ExplainOptions) -> Outcome {
    let what = options.what.join(" ");
    // No code holds a slash, and every route does.
    if what.contains('/') {
        return route::run(arguments, &what, options.app.as_deref());
    }
    let Some(code) = code(&what) else {
        let all: Vec<&str> = codes().map(|code| code.id).collect();
        return Err(Failure::new(Exit::Usage, format!("there is no code `{what}`"))
            .help(format!("name a route, such as `GET /orders`, or one of the codes: {}", all.join(", "))));
    };
    if arguments.json {
        let rest =
            serde_json::json!({ "code": code.id, "title": code.title, "severity": code.severity, "story": code.story });
        output::json("explain", true, &[], &rest);
    } else {
        say!("{BOLD}{}: {}{BOLD:#} ({})\n\n{}", code.id, code.title, code.severity, code.story);
    }
    Ok(Exit::Ok)
}
