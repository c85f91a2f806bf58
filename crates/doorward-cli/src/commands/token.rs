//! `doorward token`: a token for `curl`, right or wrong.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Outcome;
use crate::args::{Arguments, TokenOptions};
use crate::commands::emulate::{RUNNING, Running};
use crate::exit::{Exit, Failure};
use crate::output::say;
use crate::project::Project;

pub(crate) fn run(arguments: &Arguments, options: &TokenOptions) -> Outcome {
    let project = Project::open(arguments)?;
    let text = doorward_frameworks::load_state(&project.root, RUNNING).ok().flatten().ok_or_else(|| {
        Failure::new(Exit::Environment, "no local Clerk is running for this folder")
            .help("start one with `doorward emulate` in another terminal")
    })?;
    let running: Running = serde_json::from_str(&text).map_err(|_| {
        Failure::new(Exit::Environment, "the record of the local Clerk can't be read")
            .help("start `doorward emulate` again")
    })?;
    let mut request = json!({ "persona": options.persona, "expired": options.expired });
    if let Some(id) = &options.forge {
        let cases = doorward_probe::cases().map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let case = cases.iter().find(|case| case.id == *id && case.start.is_some()).ok_or_else(|| {
            let known: Vec<&str> =
                cases.iter().filter(|case| case.start.is_some()).map(|case| case.id.as_str()).collect();
            Failure::new(Exit::Usage, format!("no case forges a token as `{id}`"))
                .help(format!("the cases are {}", known.join(", ")))
        })?;
        let problem = |error: serde_json::Error| Failure::new(Exit::Usage, error.to_string());
        if let Some(fields) = request.as_object_mut() {
            fields.insert("start".into(), serde_json::to_value(case.start).map_err(problem)?);
            fields.insert("forge".into(), serde_json::to_value(&case.forge).map_err(problem)?);
        }
    }
    // A record that came with a repository could name anybody.
    doorward_probe::Base::loopback(&running.url).map_err(|error| {
        Failure::new(Exit::Refused, format!("the record of the local Clerk is not one of ours: {error}"))
            .help("start `doorward emulate` again")
    })?;
    let token = ask(&running, &request)?;
    if token.chars().any(char::is_control) {
        return Err(Failure::new(Exit::Usage, "this token holds control characters, which no terminal should see")
            .help("`doorward verify` sends it as it is"));
    }
    // The one place where a token is printed: it is what was asked for, and it dies with the emulator.
    if arguments.json {
        say!("{}", json!({ "schema": "doorward/token/v1", "ok": true, "findings": [], "token": token }));
    } else {
        say!("{token}");
    }
    Ok(Exit::Ok)
}

fn ask(running: &Running, request: &Value) -> Result<String, Failure> {
    let gone = |error: ureq::Error| {
        Failure::new(Exit::Environment, format!("the local Clerk does not answer: {error}"))
            .help("start `doorward emulate` again")
    };
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .build()
        .into();
    let mut answer = agent
        .post(format!("{}/_doorward/token", running.url))
        .header("x-doorward-control", &running.control)
        .send_json(request)
        .map_err(gone)?;
    let body: Value = answer.body_mut().read_json().map_err(gone)?;
    match body.get("token").and_then(Value::as_str) {
        Some(token) => Ok(token.to_owned()),
        None => {
            let message =
                body.pointer("/errors/0/message").and_then(Value::as_str).unwrap_or("no token came back").to_owned();
            Err(Failure::new(Exit::Usage, message).help("`doorward emulate` lists its personas when it starts"))
        }
    }
}
