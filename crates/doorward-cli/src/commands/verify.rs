//! `doorward verify`: and the running server?

mod checklist;
mod matrix;

use std::collections::BTreeMap;
use std::time::Duration;

use doorward::diagnostic::{Diagnostic, Severity};
use doorward::inventory::App;
use doorward::policy::{Access, AppConfig, Policy, Rule};
use doorward_emulator::{Emulator, EmulatorConfig};
use doorward_frameworks::AppSource;
use doorward_probe::{
    Base, PlanOptions, Report, RunOptions, Target, TargetConfig, TargetError, TargetProcess, Verdict,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::Outcome;
use crate::args::{Arguments, Keys, VerifyOptions};
use crate::commands::emulate::{export, variables};
use crate::exit::{Exit, Failure, signals};
use crate::output::{self, BOLD, DIM, tell};
use crate::project::{self, Project};

pub(crate) fn run(arguments: &Arguments, options: &VerifyOptions) -> Outcome {
    let project = Project::open(arguments)?;
    let policy = project.required_policy()?;
    let analysis = project.analysis()?;
    let app = choose(&analysis.inventory.apps, options.app.as_deref())?;
    let at = analysis.inventory.apps.iter().position(|it| it.name == app.name);
    let source = at.and_then(|at| analysis.sources.get(at)).cloned().unwrap_or_default();
    let cases = doorward_probe::cases().map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::new(Exit::Environment, error.to_string()))?;
    let ended = runtime.block_on(async {
        let signal = signals().map_err(|error| Failure::new(Exit::Environment, error.to_string()))?;
        let work = attack(&project, &policy, app, &cases, options);
        tokio::select! {
            report = work => report.map(Ended::Done),
            code = signal => Ok(Ended::Signal(code)),
        }
    })?;
    let mut report = match ended {
        Ended::Done(report) => report,
        // The target was killed with the work that held it.
        Ended::Signal(code) => std::process::exit(code),
    };
    report.findings.extend(policy.stale(&analysis.inventory));
    let gaps = gaps(&analysis.inventory.unresolved, &source.findings);
    report.findings.extend(gaps.iter().cloned());
    let points = checklist::points(&report, &seen(&project, &policy, app, &source, &cases));
    let has_untested = !gaps.is_empty() || report.routes.iter().any(|route| route.verdict == Verdict::Untested);
    let is_unfinished = points.iter().any(|point| point.verdict == Verdict::Failed);
    let has_failed = report.failed() || report.routes.is_empty() || is_unfinished;
    let exit = if has_failed || (has_untested && !options.allow_untested) { Exit::Findings } else { Exit::Ok };
    if arguments.json {
        let rest = serde_json::json!({ "app": app.name, "routes": report.routes, "summary": report.summary, "checklist": points });
        output::json("verify", exit == Exit::Ok, &report.findings, &rest);
    } else {
        matrix::show(&project.root, &report, &cases, &points, gaps.len(), options.allow_untested);
    }
    Ok(exit)
}

/// The finding for code that answers requests before any guard has run.
const ANSWERS_FIRST: &str = "DW2113";

/// What keeps a run from speaking of every route: places that could not be read, and code that answers in front of the
/// guards for requests that no case happens to send.
fn gaps(unresolved: &[Diagnostic], findings: &[Diagnostic]) -> Vec<Diagnostic> {
    let unread = unresolved.iter().filter(|it| it.severity >= Severity::Warning);
    unread.chain(findings.iter().filter(|it| it.code == ANSWERS_FIRST)).cloned().collect()
}

/// What the checklist is judged by, besides the report.
fn seen<'a>(
    project: &Project,
    policy: &Policy,
    app: &App,
    source: &'a AppSource,
    cases: &'a [doorward_probe::Case],
) -> checklist::Seen<'a> {
    let inside = |name: &str| if app.root == "." { name.to_owned() } else { format!("{}/{name}", app.root) };
    let read = |name: &str| project.read(&inside(name)).ok().flatten();
    let has_webhook = |rule: &&Rule| rule.access == Access::Webhook;
    let webhook = |rule: &Rule| rule.secret_env.clone().unwrap_or_else(|| "CLERK_WEBHOOK_SIGNING_SECRET".to_owned());
    let mut variables = vec![policy.clerk.publishable_key_env.clone(), policy.clerk.secret_key_env.clone()];
    variables.extend(policy.rules.iter().filter(has_webhook).map(webhook));
    checklist::Seen { cases, source, manifest: read("package.json"), env_example: read(".env.example"), variables }
}

/// How the work came to its end.
enum Ended {
    Done(Report),
    Signal(i32),
}

fn choose<'a>(apps: &'a [App], name: Option<&str>) -> Result<&'a App, Failure> {
    let names = || apps.iter().map(|app| app.name.as_str()).collect::<Vec<_>>().join(", ");
    match (apps, name) {
        (_, Some(name)) => apps.iter().find(|app| app.name == name).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("there is no app `{name}`")).help(format!("the apps are {}", names()))
        }),
        ([app], None) => Ok(app),
        ([], None) => Err(Failure::new(Exit::Usage, "no app was found here, so there is nothing to attack")
            .help("run `doorward discover` to see what could not be read")),
        _ => Err(Failure::new(Exit::Usage, format!("there are {} apps here", apps.len()))
            .help(format!("choose one with `--app`: {}", names()))),
    }
}

async fn attack(
    project: &Project,
    policy: &Policy,
    app: &App,
    cases: &[doorward_probe::Case],
    options: &VerifyOptions,
) -> Result<Report, Failure> {
    let emulator = Emulator::start(EmulatorConfig::for_policy(policy))
        .await
        .map_err(|error| Failure::new(Exit::Environment, format!("the local Clerk can't start: {error}")))?;
    let resolution = policy.resolve(app);
    let targets: Vec<Target> =
        app.routes.iter().zip(&resolution.routes).map(|(route, it)| Target::new(route, it.rule)).collect();
    let config = app_config(policy, app);
    let server = Server::reach(project, policy, app, &config, &emulator, options).await?;
    let plan_options = PlanOptions {
        allow_writes: options.allow_writes || matches!(server, Server::Started(_)),
        params: params(&options.params)?,
        strict: options.strict,
        keys_fetched: options.keys == Keys::Jwks,
        ..PlanOptions::default()
    };
    let plan = doorward_probe::plan(&targets, policy, cases, emulator.signer(), &plan_options);
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("  {bar:30} {pos}/{len}  {wide_msg}") {
        bar.set_style(style);
    }
    let mut report = doorward_probe::run(&plan, &emulator, server.base(), &RunOptions::default(), |progress| {
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
        bar.set_message(output::clean(progress.label));
    })
    .await;
    bar.finish_and_clear();
    report.findings.extend(resolution.findings);
    report.findings.extend(analysis_gaps(app, &report));
    let started_by_hand = matches!(server, Server::Running(_));
    if !started_by_hand {
        for route in &mut report.routes {
            for case in &mut route.cases {
                case.curl = anywhere(&case.curl, &server.base().url());
            }
        }
        for evidence in report.findings.iter_mut().filter_map(|finding| finding.evidence.as_mut()) {
            *evidence = anywhere(evidence, &server.base().url());
        }
    }
    server.stop().await;
    emulator.shutdown().await;
    if started_by_hand && trusts_another(&report) {
        return Err(Failure::new(
            Exit::Environment,
            "the server refuses every good token, so it does not trust this run's Clerk",
        )
        .help("was it started with the environment that was printed? An env file of the project may override it"));
    }
    Ok(report)
}

/// Whether no guarded route took a good token, and at least one refused it as a server with other keys does.
fn trusts_another(report: &Report) -> bool {
    let sent = || {
        let cases = report.routes.iter().flat_map(|route| &route.cases);
        cases.filter(|case| case.id == GOOD && case.verdict != Verdict::Untested)
    };
    sent().next().is_some()
        && sent()
            .all(|case| case.verdict == Verdict::Failed && (case.got.starts_with("401") || case.got.starts_with("503")))
}

/// A command for a server that is gone, with `$BASE` in the place of its address.
fn anywhere(command: &str, address: &str) -> String {
    command
        .replace(&format!("$'{address}"), "\"$BASE\"$'")
        .replace(&format!("'{address}'"), "\"$BASE\"")
        .replace(&format!("'{address}"), "\"$BASE\"'")
        .replace(address, "\"$BASE\"")
}

/// Nothing found is nothing proved.
fn analysis_gaps(app: &App, report: &Report) -> Option<doorward::diagnostic::Diagnostic> {
    report.routes.is_empty().then(|| {
        doorward::diagnostic::Diagnostic::new(
            "DW4001",
            format!("no route of `{}` was found, so nothing was proved", app.name),
        )
        .help("run `doorward discover` to see what could not be read")
    })
}

fn app_config(policy: &Policy, app: &App) -> AppConfig {
    let named = policy.apps.get(&app.name);
    let only = policy.apps.values().next().filter(|_| policy.apps.len() == 1);
    named.or(only).cloned().unwrap_or_default()
}

fn params(given: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    given
        .iter()
        .map(|text| {
            text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| {
                Failure::new(Exit::Usage, format!("`--param {text}` has no `=`")).help("write `--param name=value`")
            })
        })
        .collect()
}

/// A port that nobody listens on. The server is told of it, and so is whoever has to find out why it stays silent.
fn free_port() -> Option<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).ok()?;
    listener.local_addr().ok().map(|address| address.port())
}

/// What to do about a server that does not come up.
fn advice(error: &TargetError, port: Option<u16>) -> String {
    let port = port.map_or_else(String::new, |port| format!(" ({port})"));
    match error {
        TargetError::PortBusy(_) => "stop what listens there".into(),
        TargetError::Spawn { .. } => "check the `start` command; it runs in the app's folder".into(),
        TargetError::Died { output, .. } if output.iter().any(|line| is_missing_module(line)) => {
            "run `npm install` first (or your package manager's), and the build if there is one".into()
        }
        TargetError::Died { .. } => {
            "start it by hand to see what is missing; is everything installed and built?".into()
        }
        TargetError::Silent { .. } => format!(
            "it was told its port in PORT{port}: does it listen there? `--wait` gives it more time; a server that \
             takes its port from elsewhere can be attacked with `--url`"
        ),
        _ => format!("it must speak HTTP on the port in PORT{port}"),
    }
}

/// How Node, and the shell that looks for a package's command, say that something is not installed.
fn is_missing_module(line: &str) -> bool {
    ["MODULE_NOT_FOUND", "Cannot find module", "Cannot find package", ": not found", "command not found"]
        .iter()
        .any(|text| line.contains(text))
}

/// The case that must be let in on every guarded route.
const GOOD: &str = "good-session";

/// The server under attack.
enum Server {
    Started(Box<TargetProcess>),
    Running(Base),
}

impl Server {
    async fn reach(
        project: &Project,
        policy: &Policy,
        app: &App,
        config: &AppConfig,
        emulator: &Emulator,
        options: &VerifyOptions,
    ) -> Result<Self, Failure> {
        let mut environment = variables(emulator, Some(policy));
        if options.keys == Keys::Jwks {
            // Empty and not absent: an env file of the project could put a real key in its place.
            for (name, value) in &mut environment {
                if *name == policy.clerk.jwt_key_env {
                    value.clear();
                }
            }
        }
        if let Some(url) = &options.url {
            return Self::running(url, &environment, options.wait).await.map(Self::Running);
        }
        let given = options.start.clone().filter(|command| !command.is_empty());
        let command = given
            .or_else(|| config.start.clone())
            .or_else(|| project::start_command(project, app))
            .ok_or_else(|| {
                Failure::new(Exit::Usage, "it is not known how to start the server")
                    .help("write `start = \"…\"` under the app in doorward.toml, or say `--start \"node server.js\"`")
            })?;
        let split = doorward_probe::split_command(&command)
            .map_err(|error| Failure::new(Exit::Usage, format!("`{command}` can't be read as a command: {error}")))?;
        tell!(
            "{DIM}starting `{}` with the local Clerk's environment; reads and writes will be sent to it{DIM:#}",
            output::clean(&command)
        );
        let port = free_port();
        let config = TargetConfig {
            command: split,
            directory: if app.root == "." { project.root.clone() } else { project.root.join(&app.root) },
            environment,
            port,
            health: config.health.clone().unwrap_or_else(|| "/".to_owned()),
            within: Duration::from_secs(options.wait.min(600)),
        };
        TargetProcess::start(config)
            .await
            .map(|process| Self::Started(Box::new(process)))
            .map_err(|error| Failure::new(Exit::Environment, error.to_string()).help(advice(&error, port)))
    }

    /// A server that somebody else starts. It has to be started with this environment, or it would judge by other
    /// keys and nothing could be shown.
    async fn running(url: &str, environment: &[(String, String)], wait: u64) -> Result<Base, Failure> {
        let base = Base::loopback(url).map_err(|error| {
            Failure::new(Exit::Refused, error.to_string())
                .help("attacks go to loopback only; start the server on this machine")
        })?;
        let address = base.url();
        let address = address.strip_prefix("http://").unwrap_or(&address).trim_end_matches('/').to_owned();
        // Its keys would be another's: the Clerk it has to trust is only just there.
        if tokio::net::TcpStream::connect(&address).await.is_ok() {
            let message = format!("something listens at {} already, and it can't know this run's keys", base.url());
            return Err(Failure::new(Exit::Environment, message)
                .help("stop it, run this again, and start it with the environment that is printed then"));
        }
        tell!("{BOLD}Start your server now, with this environment:{BOLD:#}\n");
        for (name, value) in environment {
            tell!("{}", export(name, value));
        }
        tell!("\n{DIM}waiting for {} (at most {wait} s; Ctrl-C ends it){DIM:#}", base.url());
        for _ in 0..wait.saturating_mul(5).max(1) {
            if tokio::net::TcpStream::connect(&address).await.is_ok() {
                return Ok(base);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Err(Failure::new(Exit::Environment, format!("nothing answers at {}", base.url()))
            .help("start the server, or let `--start` do it"))
    }

    fn base(&self) -> &Base {
        match self {
            Self::Started(process) => process.base(),
            Self::Running(base) => base,
        }
    }

    async fn stop(self) {
        if let Self::Started(process) = self {
            process.stop().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_or_answers_before_the_guards_is_a_gap_and_other_notes_are_not() {
        let of = |ids: &[&str]| ids.iter().map(|id| Diagnostic::new(id, "x")).collect::<Vec<_>>();
        let codes = |found: Vec<Diagnostic>| found.into_iter().map(|it| it.code).collect::<Vec<_>>();
        assert_eq!(codes(gaps(&of(&["DW2009"]), &of(&["DW2113"]))), ["DW2009", "DW2113"]);
        assert_eq!(codes(gaps(&of(&["DW2021"]), &of(&["DW2101", "DW2108"]))), Vec::<String>::new());
    }
}
