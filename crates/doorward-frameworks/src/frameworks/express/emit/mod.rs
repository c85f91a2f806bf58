//! Writing Clerk into an Express app: one attach point, a guard at every route, and a runtime file that thinks.
//!
//! Everything here turns facts into [`Edit`]s; nothing reads or writes a file. What is emitted is recognised again
//! by discovery, which is how a second plan comes out empty.

mod guards;
mod imports;
mod migrate;
mod runtime;
mod wiring;

use std::collections::BTreeMap;

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{App, RouteId};
use doorward::policy::{Access, Policy, Rule};

use crate::edit::{self, Edit, Style};
use crate::model::{AppSource, SourceFile, WiringKind};
use crate::plan::{Change, Emitted};

use imports::Wanted;

/// The package that verifies tokens, and the range that has every fix the runtime relies on.
pub(crate) const PACKAGE: (&str, &str) = ("@clerk/express", "^2.1.70");
/// Packages that [`PACKAGE`] replaces.
pub(crate) const REPLACED: &[&str] = &["@clerk/clerk-sdk-node"];

/// Plans the source edits of one Express app. `rules` holds the rule in force per route.
pub(crate) fn emit(
    app: &App,
    source: &AppSource,
    policy: &Policy,
    rules: &BTreeMap<&RouteId, Option<&Rule>>,
    existing: &dyn Fn(&str) -> Option<String>,
) -> Emitted {
    let mut emitted = Emitted::default();
    let mut files: BTreeMap<&str, FileEdits<'_>> = BTreeMap::new();

    guards::emit(source, rules, &mut files, &mut emitted);
    guards::neighbours(app, rules, &mut emitted);
    let Some(home) = wiring::emit(source, policy, &webhook_paths(rules), &mut files, &mut emitted) else {
        emitted.findings.push(
            Diagnostic::new(
                "DW3002",
                format!("no `express()` call was found in `{}`, so Clerk can't be attached", app.name),
            )
            .at(Location::file(app.root.clone()))
            .help(
                "create the application in a file doorward can read, or attach `clerkMiddleware(clerkOptions)` by hand",
            ),
        );
        return emitted;
    };
    let Some(home) = source.files.get(&home).map(|file| runtime::Home::new(&home, file)) else { return emitted };

    migrate::emit(source, &mut files);
    for (path, edits) in files {
        if let Some(change) = edits.finish(path, &home, &mut emitted.findings) {
            emitted.changes.insert(path.to_owned(), change);
        }
    }
    for (path, text, reason) in home.files(policy) {
        let change =
            Change { path: path.clone(), before: existing(&path), after: text, reasons: vec![reason.to_owned()] };
        emitted.changes.insert(path, change);
    }
    emitted
}

fn webhook_paths(rules: &BTreeMap<&RouteId, Option<&Rule>>) -> Vec<String> {
    let mut paths: Vec<String> = rules
        .iter()
        .filter(|(_, rule)| rule.is_some_and(|rule| rule.access == Access::Webhook))
        .map(|(id, _)| express_path(&id.path))
        .collect();
    paths.dedup();
    paths
}

/// A template in Express's own spelling.
fn express_path(path: &doorward::path::PathTemplate) -> String {
    path.to_string().replace("{*", "*").replace('{', ":").replace('}', "")
}

/// The edits of one file, and the names it needs.
pub(crate) struct FileEdits<'a> {
    pub(crate) file: &'a SourceFile,
    pub(crate) style: Style,
    pub(crate) edits: Vec<Edit>,
    /// Names needed from the runtime.
    runtime_names: Vec<&'static str>,
    /// Names needed from the SDK.
    sdk_names: Vec<&'static str>,
    /// Names that are imported, with their package, and that the edits may have made useless.
    maybe_unused: Vec<(String, &'static str)>,
}

impl<'a> FileEdits<'a> {
    fn new(file: &'a SourceFile) -> Self {
        Self {
            file,
            style: Style::of(&file.text),
            edits: Vec::new(),
            runtime_names: Vec::new(),
            sdk_names: Vec::new(),
            maybe_unused: Vec::new(),
        }
    }

    /// The local name of something the runtime exports; it will be imported.
    pub(crate) fn runtime(&mut self, name: &'static str) -> String {
        if !self.runtime_names.contains(&name) {
            self.runtime_names.push(name);
        }
        imports::local_name(self.file, &imports::is_runtime, name)
    }

    /// The local name of something the SDK exports; it will be imported.
    pub(crate) fn sdk(&mut self, name: &'static str) -> String {
        if !self.sdk_names.contains(&name) {
            self.sdk_names.push(name);
        }
        imports::local_name(self.file, &|spec| spec == PACKAGE.0, name)
    }

    pub(crate) fn push(&mut self, range: std::ops::Range<usize>, text: String, reason: String) {
        self.edits.push(Edit { range, text, reason });
    }

    fn finish(mut self, path: &str, home: &runtime::Home, findings: &mut Vec<Diagnostic>) -> Option<Change> {
        self.runtime_names.sort_unstable();
        let runtime_specifier = home.specifier_from(path, self.file);
        let first_use = self.edits.iter().map(|edit| edit.range.start).min().unwrap_or(self.file.text.len());
        for (names, specifier) in [(&self.sdk_names, PACKAGE.0.to_owned()), (&self.runtime_names, runtime_specifier)] {
            if !names.is_empty() {
                let wanted = Wanted { names, specifier: &specifier };
                self.edits.extend(imports::ensure(self.file, self.style, &wanted, first_use));
            }
        }
        let reasons = self.edits.iter().map(|edit| edit.reason.clone()).filter(|reason| !reason.is_empty()).collect();
        let mut after = match edit::apply(&self.file.text, &self.edits) {
            Ok(after) => after,
            Err(error) => {
                let message = format!("the edits of this file don't fit together: {error}");
                findings.push(
                    Diagnostic::new("DW3003", message)
                        .at(Location::file(path))
                        .help("please report this; nothing will be written"),
                );
                return None;
            }
        };
        for (name, package) in &self.maybe_unused {
            after = imports::drop_if_unused(&after, name, package);
        }
        after = migrate::packages(path, &after, findings);
        Some(Change { path: path.to_owned(), before: Some(self.file.text.clone()), after, reasons })
    }
}

/// The edits of the file at `path`, which discovery has read.
pub(crate) fn file_edits<'m, 'a>(
    files: &'m mut BTreeMap<&'a str, FileEdits<'a>>,
    source: &'a AppSource,
    path: &str,
) -> Option<&'m mut FileEdits<'a>> {
    let (path, file) = source.files.get_key_value(path)?;
    Some(files.entry(path.as_str()).or_insert_with(|| FileEdits::new(file)))
}

/// Whether a wiring kind is a place where a request can be answered.
pub(crate) fn can_answer(kind: &WiringKind) -> bool {
    matches!(kind, WiringKind::Routes | WiringKind::Middleware | WiringKind::BodyParser | WiringKind::DeprecatedClerk)
}
