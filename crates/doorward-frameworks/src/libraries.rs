//! Libraries that look like servers, because the server that mounts them stands elsewhere in the tree.

use std::path::Path;

use doorward::inventory::{App, Route};

use crate::model::AppSource;
use crate::walk::{Walk, relative};

/// Scripts of a `package.json` that start something.
const SCRIPTS: &[&str] = &["start", "start:prod", "dev", "serve", "deploy"];
/// Files of a package that run, or are deployed, by themselves.
const STARTS: &[&str] =
    &["src/main.rs", "Dockerfile", "wrangler.toml", "wrangler.json", "wrangler.jsonc", "vercel.json"];

/// Takes out apps that are counted with another one already: packages that nothing starts, whose routes are all routes
/// of one other app, at the same places, with the same guards.
pub(crate) fn take_out(root: &Path, walked: &Walk, apps: &mut Vec<(App, AppSource)>) {
    let mut at = 0;
    while let Some((app, _)) = apps.get(at) {
        let server = apps.iter().enumerate().find(|(other, (server, _))| *other != at && serves(server, app));
        let server = server.map(|(other, _)| other).filter(|_| !starts(root, walked, &app.root));
        let Some(server) = server else {
            at += 1;
            continue;
        };
        // What was noticed in it is told all the same.
        let (_, library) = apps.remove(at);
        if let Some((_, source)) = apps.get_mut(server - usize::from(server > at)) {
            let more: Vec<_> = library.findings.into_iter().filter(|it| !source.findings.contains(it)).collect();
            source.findings.extend(more);
        }
    }
}

/// Whether every route of `library` is one of `server`, below whatever path it is mounted at.
fn serves(server: &App, library: &App) -> bool {
    let is_own = |route: &Route| library.root == "." || Path::new(&route.file).starts_with(&library.root);
    let is_same = |one: &Route, other: &Route| {
        (&one.file, one.line, &one.method) == (&other.file, other.line, &other.method)
            && one.guard.state == other.guard.state
            && one.path.to_string().ends_with(&other.path.to_string())
    };
    server.root != library.root
        && server.framework == library.framework
        && !library.routes.is_empty()
        && library.routes.iter().all(|it| is_own(it) && server.routes.iter().any(|served| is_same(served, it)))
}

/// Whether a package is started, or may be: what nothing describes may be.
fn starts(root: &Path, walked: &Walk, folder: &str) -> bool {
    let below = |path: &Path| relative(&root.join(folder), path);
    let inside = |path: &Path| path.starts_with(root.join(folder));
    let manifest = walked.manifests.iter().find_map(|(path, text)| match below(path).as_str() {
        "package.json" | "Cargo.toml" if inside(path) => Some((path, text)),
        _ => None,
    });
    let Some((path, text)) = manifest else { return true };
    if path.ends_with("package.json") {
        let json: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let scripts = json.get("scripts");
        if json.get("bin").is_some() || SCRIPTS.iter().any(|name| scripts.is_some_and(|it| it.get(name).is_some())) {
            return true;
        }
    } else if text.contains("[[bin]]") {
        return true;
    }
    let runs = |file: &str| STARTS.contains(&file) || file.starts_with("src/bin/");
    walked.files.iter().any(|path| inside(path) && runs(&below(path)))
}
