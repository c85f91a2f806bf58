//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Finds every endpoint of a backend, locks them with Clerk, and proves it by attacking the running server.
///
/// Start with `doorward discover`: it only reads. Nothing is ever sent anywhere but to your own server on loopback,
/// and there is no telemetry.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, max_term_width = 110)]
pub(crate) struct Arguments {
    /// The folder to work on.
    #[arg(long, global = true, default_value = ".", value_name = "DIR", env = "DOORWARD_ROOT")]
    pub(crate) root: PathBuf,
    /// Print one JSON document on stdout.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours. `NO_COLOR` is respected.
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN")]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List every endpoint, and which of them are open.
    Discover(DiscoverFlags),
    /// Propose a policy and show every change that would enforce it.
    Plan(PlanOptions),
    /// Write the plan that was shown.
    Apply(ApplyOptions),
    /// Take the last applied plan back, byte for byte.
    Undo,
    /// Compare source, policy and lock, without starting anything.
    Check(CheckOptions),
    /// Attack the running server, route by route, and report what held.
    Verify(VerifyOptions),
    /// Run a local Clerk.
    Emulate(EmulateOptions),
    /// Print a token of the running local Clerk, right or wrong.
    Token(TokenOptions),
    /// Write what was discovered in a format of others.
    Export(ExportOptions),
    /// Tell the story behind a code such as DW1008, or how a route such as `GET /orders` came to be.
    Explain(ExplainOptions),
    /// Print shell completions.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

impl Arguments {
    /// A folder that was named without `--root` is the folder to work on.
    pub(crate) fn with_folder(mut self) -> Self {
        let path = match &mut self.command {
            Command::Discover(it) => it.folder.path.take(),
            Command::Plan(it) => it.folder.path.take(),
            Command::Apply(it) => it.folder.path.take(),
            Command::Check(it) => it.folder.path.take(),
            Command::Export(it) => it.folder.path.take(),
            Command::Explain(it) => folder_after(&mut it.what),
            Command::Undo
            | Command::Verify(_)
            | Command::Emulate(_)
            | Command::Token(_)
            | Command::Completions { .. } => None,
        };
        self.root = path.unwrap_or(self.root);
        self
    }
}

/// Takes the folder off what is to be explained: `CODE PATH`, `/route PATH`, `GET /route PATH`.
fn folder_after(what: &mut Vec<String>) -> Option<PathBuf> {
    let is_whole = what.first().is_some_and(|it| it.contains('/') || it.to_ascii_uppercase().starts_with("DW"));
    let words = if is_whole { 1 } else { 2 };
    if what.len() > words { what.pop().map(PathBuf::from) } else { None }
}

impl Command {
    /// The verb, as it appears in JSON schemas.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Discover(_) => "discover",
            Self::Plan(_) => "plan",
            Self::Apply(_) => "apply",
            Self::Undo => "undo",
            Self::Check(_) => "check",
            Self::Verify(_) => "verify",
            Self::Emulate(_) => "emulate",
            Self::Token(_) => "token",
            Self::Export(_) => "export",
            Self::Explain(_) => "explain",
            Self::Completions { .. } => "completions",
        }
    }
}

/// The folder, as people write it who come from other tools.
#[derive(Debug, Default, Args)]
pub(crate) struct Folder {
    /// The folder to work on: the same as `--root`.
    #[arg(value_name = "PATH", conflicts_with = "root")]
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct DiscoverFlags {
    #[command(flatten)]
    pub(crate) folder: Folder,
    /// Only apps of this framework, such as `express`.
    #[arg(long, value_name = "ID")]
    pub(crate) framework: Option<String>,
    /// Only this app, by its name or its folder.
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// List only the routes that are open, or whose guard can't be told.
    #[arg(long)]
    pub(crate) open: bool,
    /// Print a report to hand on, in place of the table.
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    pub(crate) report: Option<ReportFormat>,
    /// Write the report to this file, and not to stdout.
    #[arg(long, value_name = "FILE", requires = "report")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// One page that needs nothing else.
    Html,
    /// Markdown, for a comment on a pull request.
    Md,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// The format.
    pub(crate) what: ExportFormat,
    #[command(flatten)]
    pub(crate) folder: Folder,
    /// Which app, by its name or its folder, if there are several.
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// Write to this file, and not to stdout.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) out: Option<PathBuf>,
    /// How it is written down. By the ending of `--out` if there is one.
    #[arg(long, value_name = "SYNTAX")]
    pub(crate) format: Option<Syntax>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// OpenAPI 3.1: paths, parameters, bodies, answers, and which operations ask for a token.
    Openapi,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Syntax {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainOptions {
    /// A code; or a route, with or without its method: `GET /orders/{id}`, `/orders/42`. A folder after it is the same as
    /// `--root`.
    #[arg(value_name = "CODE|ROUTE", required = true, num_args = 1..=3)]
    pub(crate) what: Vec<String>,
    /// Only routes of this app, by its name or its folder.
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanOptions {
    #[command(flatten)]
    pub(crate) folder: Folder,
    /// Take every default without asking. Defaults never open a route.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Answer a question: `--set 'public-routes=GET /health,GET /products'`.
    #[arg(long = "set", value_name = "QUESTION=VALUE[,VALUE]")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyOptions {
    #[command(flatten)]
    pub(crate) folder: Folder,
    /// Apply without asking again.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Install the packages afterwards, with install scripts off.
    #[arg(long)]
    pub(crate) install: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    #[command(flatten)]
    pub(crate) folder: Folder,
    /// Fail if there is no lock file.
    #[arg(long)]
    pub(crate) locked: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// Start the server with this command. Without one, and without `--url`, the policy's or the package's start
    /// command is used.
    #[arg(long, value_name = "COMMAND", num_args = 0..=1, default_missing_value = "", conflicts_with = "url")]
    pub(crate) start: Option<String>,
    /// Attack a server that you start yourself, at this address, with the environment that is printed for it: only
    /// then does it trust the local Clerk of this run. Nothing may listen there before.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Which app of the inventory, if there are several.
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// Send writes with valid identities too. Always on for a server that verify starts itself.
    #[arg(long)]
    pub(crate) allow_writes: bool,
    /// Don't fail for routes that could not be tested.
    #[arg(long)]
    pub(crate) allow_untested: bool,
    /// Fail for what Clerk's own SDKs let pass as well, such as a token of another issuer under the right key.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Leave the PEM key out of the server's environment, so that it fetches its keys.
    #[arg(long, value_name = "HOW", default_value = "pem")]
    pub(crate) keys: Keys,
    /// The value to send for a path parameter: `--param id=42`.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Seconds to wait for the server to come up, and with `--url` for you to start it.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) wait: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keys {
    /// The server gets the public key in CLERK_JWT_KEY.
    Pem,
    /// The server fetches the key set.
    Jwks,
}

#[derive(Debug, Args)]
pub(crate) struct EmulateOptions {
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
}

#[derive(Debug, Args)]
pub(crate) struct TokenOptions {
    /// The persona: one of the policy's, or `member`, `admin`, `outsider`, `personal`.
    #[arg(long = "as", value_name = "PERSONA", default_value = "member")]
    pub(crate) persona: String,
    /// A token that expired a minute ago.
    #[arg(long, conflicts_with = "forge")]
    pub(crate) expired: bool,
    /// A forged token: the id of an attack case, as `verify` prints it.
    #[arg(long, value_name = "CASE")]
    pub(crate) forge: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// If stdout is a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    pub(crate) fn apply(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}
