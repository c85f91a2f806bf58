//! From a folder to apps: finds packages, and asks each framework to read those that use it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use doorward::diagnostic::Diagnostic;
use doorward::facts::Ecosystem;
use doorward::inventory::{App, Inventory, Route};

use crate::facts::{self, Survey};
use crate::frameworks::{self, Framework};
use crate::js;
use crate::libraries;
use crate::model::{Analysis, AppSource};
use crate::py;
use crate::rs;
use crate::source::Place;
use crate::stack;
use crate::walk::{self, Kind, printable};

/// How to discover.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DiscoverOptions {
    /// Only apps of this framework id.
    pub framework: Option<String>,
}

/// Why nothing could be discovered at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// The folder can't be opened.
    #[error("`{folder}` can't be read: {error}; name the folder of your project")]
    Unreadable {
        /// The folder, as it was given.
        folder: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A file was given where a folder is expected.
    #[error("`{0}` is not a folder; name the folder of your project")]
    NotAFolder(String),
    /// There is no source file to read.
    #[error("`{folder}` holds no source in a language doorward reads; name the folder of your project")]
    Empty {
        /// The folder, as it was given.
        folder: String,
        /// What was left out, and why.
        diagnostics: Vec<Diagnostic>,
    },
    /// No framework doorward knows is used.
    #[error("`{folder}` uses none of the frameworks doorward knows ({known}); name the folder of a server")]
    NoFramework {
        /// The folder, as it was given.
        folder: String,
        /// The frameworks, by id.
        known: String,
        /// What was noticed on the way, such as a manifest that can't be read.
        diagnostics: Vec<Diagnostic>,
    },
    /// The machine refused to start a thread.
    #[error("no thread could be started to read the source")]
    NoThread,
}

impl DiscoverError {
    /// What was noticed before it was clear that there is nothing to discover.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Empty { diagnostics, .. } | Self::NoFramework { diagnostics, .. } => diagnostics,
            Self::Unreadable { .. } | Self::NotAFolder(_) | Self::NoThread => &[],
        }
    }
}

/// One package of the tree that uses a framework.
#[derive(Debug, Default)]
pub(crate) struct Package {
    /// Its folder, relative to the tree.
    pub(crate) root: String,
    /// The framework's version, as installed or as asked for.
    pub(crate) version: Option<String>,
    /// Its modules, where the program starts first.
    pub(crate) modules: Vec<usize>,
    /// `"type": "module"`, where that is a question.
    pub(crate) esm: bool,
}

/// What a framework read from one package.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) routes: Vec<Route>,
    /// Named schemas that the routes' shapes refer to.
    pub(crate) schemas: BTreeMap<String, serde_json::Value>,
    /// Whether a server is made here at all.
    pub(crate) serves: bool,
    pub(crate) unresolved: Vec<Diagnostic>,
    pub(crate) source: AppSource,
    /// Modules that were read for it.
    pub(crate) read: BTreeSet<usize>,
    /// Where routers are made that ended up mounted here, and those that did not.
    pub(crate) mounted: BTreeSet<Place>,
    pub(crate) loose: Vec<(Place, Diagnostic)>,
    /// Further servers of the same package, each with its folder.
    pub(crate) further: Vec<(String, Found)>,
}

impl Found {
    /// Adds the files that were read, with `add`.
    pub(crate) fn fill(&mut self, add: &dyn Fn(&BTreeSet<usize>, &mut AppSource)) {
        add(&self.read, &mut self.source);
        self.further.iter_mut().for_each(|(_, it)| it.fill(add));
    }
}

/// Reads the tree under `root`.
///
/// # Errors
/// [`DiscoverError`] if there is nothing to read. Whatever can't be understood in a tree that has something is a
/// diagnostic of the inventory.
pub fn discover(root: &Path, options: &DiscoverOptions) -> Result<Analysis, DiscoverError> {
    stack::with_stack(|| discover_here(root, options)).unwrap_or(Err(DiscoverError::NoThread))
}

fn discover_here(given: &Path, options: &DiscoverOptions) -> Result<Analysis, DiscoverError> {
    let shown = printable(&given.display().to_string());
    let root = given.canonicalize().map_err(|error| DiscoverError::Unreadable { folder: shown.clone(), error })?;
    if !root.is_dir() {
        return Err(DiscoverError::NotAFolder(shown));
    }
    let mut walked = walk::walk(&root);
    let is_empty = walked.sources.values().all(Vec::is_empty);
    let take = |walked: &mut walk::Walk, kind| walked.sources.remove(&kind).unwrap_or_default();
    let texts = walked.texts();
    let scripts = take(&mut walked, Kind::JavaScript);
    let has_scripts = !scripts.is_empty();
    // Neither needs the other, and each has parts that only one thread can do.
    let mut unresolved = Vec::new();
    let (survey, language) = rayon::join(
        || facts::survey(&root, &walked, texts),
        || js::packages::JavaScript::parse(&root, scripts, &walked.manifests, &mut unresolved),
    );
    if is_empty {
        let mut diagnostics = survey.findings;
        diagnostics.append(&mut walked.skipped);
        return Err(DiscoverError::Empty { folder: shown, diagnostics });
    }
    let mut reading = Reading { unresolved: std::mem::take(&mut walked.skipped), ..Reading::default() };
    if has_scripts {
        reading.unresolved.append(&mut unresolved);
        reading.read(&language, options, &survey);
    }
    let sources = take(&mut walked, Kind::Python);
    if !sources.is_empty() {
        let language = py::packages::Python::parse(&root, sources, &walked.manifests, &mut reading.unresolved);
        reading.read(&language, options, &survey);
    }
    let sources = take(&mut walked, Kind::Rust);
    if !sources.is_empty() {
        let language = rs::packages::Rust::parse(&root, sources, &walked.manifests, &mut reading.unresolved);
        reading.read(&language, options, &survey);
    }
    libraries::take_out(&root, &walked, &mut reading.apps);
    reading.finish(shown, survey)
}

/// Everything read so far, over all languages.
#[derive(Default)]
struct Reading {
    apps: Vec<(App, AppSource)>,
    unresolved: Vec<Diagnostic>,
    /// Whether any framework is used at all.
    found_any: bool,
    names: BTreeSet<String>,
}

impl Reading {
    /// Asks each framework of `language` to read the packages that use it.
    fn read(&mut self, language: &dyn Language, options: &DiscoverOptions, survey: &Survey) {
        let wanted = frameworks::ALL
            .iter()
            .copied()
            .filter(|it| options.framework.as_deref().is_none_or(|wanted| wanted == it.id));
        let mut jobs: Vec<(&Framework, Package)> = Vec::new();
        for framework in wanted.clone() {
            let main = framework.packages.first().copied().unwrap_or_default();
            for mut package in language.packages(framework) {
                // The lock file knows better than the range, and decides how paths are read.
                if let Some(version) = survey.version(&package.root, framework.engine.ecosystem(), main) {
                    package.version = Some(version.to_owned());
                }
                jobs.push((framework, package));
            }
        }
        let mut done = language.discover_all(&jobs);
        let mut mounted = BTreeSet::new();
        let mut loose: Vec<(Place, Diagnostic)> = Vec::new();
        let mut jobs = jobs.into_iter().zip(done.drain(..)).peekable();
        for framework in wanted {
            let mut read_by_others: BTreeSet<usize> = BTreeSet::new();
            let mut results: Vec<(Package, Found)> = Vec::new();
            while let Some(((_, package), found)) = jobs.next_if(|((it, _), _)| it.id == framework.id) {
                let Some(mut found) = found else { continue };
                self.found_any = true;
                for (root, further) in std::mem::take(&mut found.further) {
                    let version = package.version.clone();
                    results.push((Package { root, version, ..Package::default() }, further));
                }
                if found.serves {
                    read_by_others.extend(&found.read);
                }
                results.push((package, found));
            }
            for (package, mut found) in results {
                mounted.append(&mut found.mounted);
                loose.append(&mut found.loose);
                self.unresolved.append(&mut found.unresolved);
                // A library of routers that servers elsewhere in the tree mount is not a server of its own.
                let is_library = !found.serves && package.modules.iter().any(|it| read_by_others.contains(it));
                if is_library || (!found.serves && found.routes.is_empty()) {
                    continue;
                }
                let name = self.name(language.app_name(&package.root), &package.root, framework.id);
                let app = App {
                    version: package.version,
                    routes: found.routes,
                    schemas: found.schemas,
                    ..App::new(name, package.root, framework.id)
                };
                self.apps.push((app, found.source));
            }
        }
        self.unresolved.extend(loose.into_iter().filter(|(place, _)| !mounted.contains(place)).map(|(_, it)| it));
    }

    /// A name that no other app has.
    fn name(&mut self, name: String, root: &str, framework: &str) -> String {
        let choices = [name.clone(), format!("{name} ({root})"), format!("{name} ({root}, {framework})")];
        choices.into_iter().find(|it| self.names.insert(it.clone())).unwrap_or(name)
    }

    fn finish(mut self, folder: String, survey: Survey) -> Result<Analysis, DiscoverError> {
        if self.found_any && self.apps.is_empty() {
            self.unresolved.push(
                Diagnostic::new(
                    "DW2018",
                    "a framework is used, but no application is created where doorward can see it",
                )
                .help("name the folder of the server, or create the application in code of the project"),
            );
        }
        self.unresolved.sort_by(|one, two| {
            (&one.location, &one.code, &one.message).cmp(&(&two.location, &two.code, &two.message))
        });
        self.unresolved.dedup();
        let mut survey = survey;
        tell_once(&mut self.unresolved, &mut survey.findings);
        if !self.found_any {
            let known = frameworks::ALL.iter().map(|it| it.id).collect::<Vec<_>>().join(", ");
            let mut diagnostics = survey.findings;
            diagnostics.append(&mut self.unresolved);
            return Err(DiscoverError::NoFramework { folder, known, diagnostics });
        }
        self.apps.sort_by(|(one, _), (two, _)| one.root.cmp(&two.root));
        let engine = |app: &App| frameworks::find(&app.framework).map_or(Ecosystem::Npm, |it| it.engine.ecosystem());
        survey.describe(self.apps.iter_mut().map(|(app, _)| {
            let ecosystem = engine(app);
            (app, ecosystem)
        }));
        let (apps, sources): (Vec<App>, Vec<AppSource>) = self.apps.into_iter().unzip();
        let mut findings = survey.findings;
        findings.retain(|it| !sources.iter().flat_map(|source| &source.findings).any(|told| is_told(it, told)));
        findings.sort_by(|one, two| (&one.location, &one.code).cmp(&(&two.location, &two.code)));
        Ok(Analysis { inventory: Inventory { apps, unresolved: self.unresolved }, sources, findings })
    }
}

/// A file that can't be read is told of once: neither are its secrets known, nor where an import of it leads.
fn tell_once(unresolved: &mut Vec<Diagnostic>, findings: &mut Vec<Diagnostic>) {
    let file = |it: &Diagnostic| it.location.as_ref().map(|at| at.file.clone());
    let skipped: BTreeSet<String> = unresolved.iter().filter(|it| it.code == "DW2002").filter_map(file).collect();
    let told = |it: &Diagnostic| it.code == "DW2321" && file(it).is_some_and(|it| skipped.contains(&it));
    let unsearched: BTreeSet<String> = findings.iter().filter(|it| told(it)).filter_map(file).collect();
    findings.retain(|it| !told(it));
    for it in unresolved.iter_mut().filter(|it| it.code == "DW2002") {
        if file(it).is_some_and(|it| unsearched.contains(&it)) {
            it.message = it.message.replacen("was not read:", "was not read, nor searched for secrets:", 1);
        }
    }
    unresolved.retain(|it| it.code != "DW2007" || !leads_to(it, &skipped));
}

/// Whether the relative import that a finding tells of leads to one of these files.
fn leads_to(finding: &Diagnostic, files: &BTreeSet<String>) -> bool {
    let Some(import) = finding.message.split('`').nth(1).filter(|it| it.starts_with('.')) else { return false };
    let Some(at) = &finding.location else { return false };
    let mut path: Vec<&str> = at.file.split('/').collect();
    path.pop();
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => drop(path.pop()),
            part => path.push(part),
        }
    }
    let path = path.join("/");
    files.iter().filter_map(|it| it.strip_prefix(&path)).any(|rest| {
        let rest = rest.strip_prefix("/index").unwrap_or(rest);
        rest.is_empty() || rest.starts_with('.') && !rest.contains('/')
    })
}

/// A key that is given to a call of Clerk's is told where the call is read; it stands on one of the lines of the call.
fn is_told(finding: &Diagnostic, told: &Diagnostic) -> bool {
    const LINES: u32 = 20;
    let (Some(at), Some(call)) = (&finding.location, &told.location) else { return false };
    finding.code == told.code && at.file == call.file && (call.line..call.line.saturating_add(LINES)).contains(&at.line)
}

/// What a language's engine offers to discovery.
pub(crate) trait Language {
    /// The packages that use `framework`; none if it is written in another language.
    fn packages(&self, framework: &Framework) -> Vec<Package>;
    /// What `framework` reads from `package`; `None` if it is written in another language.
    fn discover(&self, framework: &Framework, package: &Package) -> Option<Found>;
    /// The same for several packages, in this order.
    fn discover_all(&self, jobs: &[(&Framework, Package)]) -> Vec<Option<Found>> {
        jobs.iter().map(|(framework, package)| self.discover(framework, package)).collect()
    }
    /// What the package in the folder `root` is called.
    fn app_name(&self, root: &str) -> String;
}
