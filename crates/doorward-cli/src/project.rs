//! The project a command works on: its folder, its policy, its inventory.

use std::path::PathBuf;

use doorward::inventory::App;
use doorward::lookup::nearest;
use doorward::policy::Policy;
use doorward_frameworks::{Analysis, DiscoverError, DiscoverOptions};

use crate::args::Arguments;
use crate::exit::{Exit, Failure};
use crate::progress::Progress;

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
            return Err(Failure::new(Exit::Usage, message)
                .help("name the folder of the backend, as in `doorward discover ../api`, or with `--root`"));
        }
        Ok(Self { root: arguments.root.clone() })
    }

    pub(crate) fn analysis(&self) -> Result<Analysis, Failure> {
        self.analysis_of(None)
    }

    /// The apps of one framework, or of every one.
    pub(crate) fn analysis_of(&self, framework: Option<&str>) -> Result<Analysis, Failure> {
        let known = || doorward_frameworks::known_frameworks().collect::<Vec<_>>().join(", ");
        let lower = framework.map(str::to_ascii_lowercase);
        let framework = lower.as_deref();
        if let Some(wanted) =
            framework.filter(|wanted| !doorward_frameworks::known_frameworks().any(|it| it == *wanted))
        {
            let near = nearest(wanted, doorward_frameworks::known_frameworks());
            let near = near.map(|it| format!("did you mean `{it}`? ")).unwrap_or_default();
            return Err(Failure::new(Exit::Usage, format!("doorward knows no framework `{wanted}`"))
                .help(format!("{near}the frameworks are {}", known())));
        }
        let mut options = DiscoverOptions::default();
        options.framework = framework.map(str::to_owned);
        let _progress = Progress::start("Reading the source");
        doorward_frameworks::discover(&self.root, &options).map_err(|error| match (&error, framework) {
            (DiscoverError::NoFramework { folder, .. }, Some(wanted)) => {
                Failure::new(Exit::Usage, format!("`{folder}` holds no app of `{wanted}`"))
                    .help("leave `--framework` out to see the apps there are")
            }
            _ => Failure::new(Exit::Usage, error.to_string()).findings(error.diagnostics().to_vec()).help(format!(
                "run this in the folder of a backend that doorward knows ({}), or name that folder with `--root`, as in `doorward discover --root ../api`",
                known()
            )),
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

/// Keeps only the app that is asked for, by its name or its folder.
pub(crate) fn keep(analysis: &mut Analysis, wanted: &str) -> Result<(), Failure> {
    let is_wanted = |app: &App| app.name == wanted || app.root == wanted.trim_end_matches('/');
    let apps = std::mem::take(&mut analysis.inventory.apps);
    let names: Vec<String> = apps.iter().map(|app| app.name.clone()).collect();
    let sources = std::mem::take(&mut analysis.sources);
    (analysis.inventory.apps, analysis.sources) =
        apps.into_iter().zip(sources).filter(|(app, _)| is_wanted(app)).unzip();
    if analysis.inventory.apps.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("there is no app `{wanted}`"))
            .help(format!("the apps are {}", names.join(", "))));
    }
    Ok(())
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
