//! The project a command works on: its folder, its policy, its inventory.

use std::path::PathBuf;

use doorward::inventory::App;
use doorward::policy::Policy;
use doorward_frameworks::{Analysis, DiscoverOptions};

use crate::args::Arguments;
use crate::exit::{Exit, Failure};

pub(crate) const POLICY: &str = "doorward.toml";
pub(crate) use doorward_frameworks::LOCK;
pub(crate) const SAVED_PLAN: &str = "plan.json";

pub(crate) struct Project {
    pub(crate) root: PathBuf,
}

impl Project {
    pub(crate) fn open(arguments: &Arguments) -> Result<Self, Failure> {
        if !arguments.root.is_dir() {
            let message = format!("`{}` is not a folder", arguments.root.display());
            return Err(Failure::new(Exit::Usage, message).help("name the folder of the backend with `--root`"));
        }
        Ok(Self { root: arguments.root.clone() })
    }

    pub(crate) fn analysis(&self) -> Result<Analysis, Failure> {
        doorward_frameworks::discover(&self.root, &DiscoverOptions::default()).map_err(|error| {
            Failure::new(Exit::Usage, error.to_string()).findings(error.diagnostics().to_vec()).help(
                "run this in the folder of a backend that doorward knows (Express so far), or name it with `--root`",
            )
        })
    }

    pub(crate) fn read(&self, path: &str) -> Result<Option<String>, Failure> {
        doorward_frameworks::read(&self.root, path).map_err(|error| Failure::new(Exit::Environment, error.to_string()))
    }

    /// The policy, if there is one; a broken one is a failure.
    pub(crate) fn policy(&self) -> Result<Option<Policy>, Failure> {
        let Some(text) = self.read(POLICY)? else { return Ok(None) };
        parse(&text).map(Some)
    }

    pub(crate) fn required_policy(&self) -> Result<Policy, Failure> {
        self.policy()?.ok_or_else(|| {
            Failure::new(Exit::Usage, format!("there is no `{POLICY}` here"))
                .help("run `doorward plan`: it proposes a policy and shows what would change")
        })
    }
}

pub(crate) fn parse(text: &str) -> Result<Policy, Failure> {
    Policy::parse(POLICY, text)
        .map_err(|findings| Failure::new(Exit::Usage, format!("`{POLICY}` can't be used")).findings(findings))
}

/// The command that starts an app, as its manifest names it.
pub(crate) fn start_command(project: &Project, app: &App) -> Option<String> {
    if !doorward_frameworks::runs_on_node(&app.framework) {
        return None;
    }
    let path = if app.root == "." || app.root.is_empty() {
        "package.json".to_owned()
    } else {
        format!("{}/package.json", app.root)
    };
    let manifest: serde_json::Value = serde_json::from_str(&project.read(&path).ok()??).ok()?;
    manifest.get("scripts")?.get("start")?.as_str()?;
    Some("npm start".to_owned())
}
