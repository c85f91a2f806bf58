//! `doorward emulate`: a Clerk of one's own, on loopback.

use std::io::Write as _;
use std::path::Path;

use doorward::policy::Policy;
use doorward_emulator::{Emulator, EmulatorConfig};
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::args::{Arguments, EmulateOptions};
use crate::exit::{Exit, Failure, INTERRUPTED, signals};
use crate::output::{BOLD, DIM, clean, say, tell};
use crate::project::Project;

/// Where the running emulator can be found, for `doorward token`. Readable by its owner only, and gone when the
/// emulator is.
pub(crate) const RUNNING: &str = "emulator.json";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) control: String,
}

pub(crate) fn run(arguments: &Arguments, options: &EmulateOptions) -> Outcome {
    let project = Project::open(arguments)?;
    let policy = project.policy()?;
    let config = policy.as_ref().map(EmulatorConfig::for_policy).unwrap_or_default();
    let config = EmulatorConfig { port: options.port, ..config };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| environment(&error))?;
    let code = runtime.block_on(async {
        let signal = signals().map_err(|error| environment(&error))?;
        let emulator = Emulator::start(config).await.map_err(|error| environment(&error))?;
        let running = Running { url: emulator.url(), control: emulator.control_token().reveal().to_owned() };
        announce(&project.root, &running)?;
        // These are the result: `eval "$(doorward emulate …)"` must find nothing else on stdout. They are keys of an
        // instance that exists only while this process does, so they are printed as they are.
        if arguments.json {
            let variables: serde_json::Map<String, serde_json::Value> =
                variables(&emulator, policy.as_ref()).into_iter().map(|(name, value)| (name, value.into())).collect();
            say!("{}", serde_json::json!({ "schema": "doorward/emulate/v1", "ok": true, "findings": [], "url": running.url, "environment": variables }));
        } else {
            for (name, value) in variables(&emulator, policy.as_ref()) {
                say!("{}", export(&name, &value));
            }
        }
        let personas: Vec<String> = emulator.signer().directory().personas().map(|persona| persona.name.clone()).collect();
        tell!("\n{BOLD}A local Clerk listens at {}{BOLD:#}", running.url);
        tell!("personas: {}", clean(&personas.join(", ")));
        tell!("{DIM}curl -H \"Authorization: Bearer $(doorward token --as admin)\" http://localhost:3000/…{DIM:#}");
        tell!("Ctrl-C ends it, and its keys with it.");
        let code = signal.await;
        let _ = std::fs::remove_file(project.root.join(doorward_frameworks::STATE).join(RUNNING));
        emulator.shutdown().await;
        Ok(code)
    })?;
    match code {
        // Ctrl-C is how it is meant to end.
        INTERRUPTED => Ok(Exit::Ok),
        code => std::process::exit(code),
    }
}

/// What a server needs to trust this Clerk.
///
/// A policy's own list of authorized parties is written into the project, and the variable would take its place: it
/// is empty then, which counts as unset, so that the list in the project is the one in force.
pub(crate) fn variables(emulator: &Emulator, policy: Option<&Policy>) -> Vec<(String, String)> {
    let listed = policy.is_some_and(|policy| !policy.clerk.authorized_parties.is_empty());
    let mut variables = emulator.environment();
    for (name, value) in &mut variables {
        if listed && name == "CLERK_AUTHORIZED_PARTIES" {
            value.clear();
        }
    }
    variables
}

/// A line for a shell. Single quotes hold line breaks as they are, which a PEM key needs: Clerk's SDK does not undo `\\n`.
pub(crate) fn export(name: &str, value: &str) -> String {
    format!("export {name}='{}'", value.replace('\'', r"'\''"))
}

fn environment(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Environment, format!("the local Clerk can't start: {error}"))
        .help("is the port taken? `--port 0` takes a free one")
}

/// Writes the file that `doorward token` reads, private from its first byte.
fn announce(root: &Path, running: &Running) -> Result<(), Failure> {
    let problem = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Environment, format!("`{}/{RUNNING}`: {error}", doorward_frameworks::STATE))
    };
    // Makes the folder and its .gitignore; an earlier file is emptied before it becomes private.
    doorward_frameworks::save_state(root, RUNNING, "").map_err(|error| problem(&error))?;
    let path = root.join(doorward_frameworks::STATE).join(RUNNING);
    std::fs::remove_file(&path).map_err(|error| problem(&error))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let text = serde_json::to_string(running).map_err(|error| problem(&error))?;
    options.open(&path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| problem(&error))
}
