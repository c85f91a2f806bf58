//! `doorward explain`: the story behind a code.

use doorward::diagnostic::{code, codes};

use crate::Outcome;
use crate::args::Arguments;
use crate::exit::{Exit, Failure};
use crate::output::{self, BOLD, say};

pub(crate) fn run(arguments: &Arguments, id: &str) -> Outcome {
    let Some(code) = code(id) else {
        let all: Vec<&str> = codes().map(|code| code.id).collect();
        return Err(Failure::new(Exit::Usage, format!("there is no code `{id}`"))
            .help(format!("the codes are {}", all.join(", "))));
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
