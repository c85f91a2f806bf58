//! Which files of a project are endpoints, and under which paths: Next.js routes by folders.

use doorward::path::{PathTemplate, Segment};

/// The extensions of pages and route handlers, unless the configuration names others.
pub(super) const EXTENSIONS: &[&str] = &["tsx", "ts", "jsx", "js"];

/// What a file is to Next.js.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// A `route` file of the App Router.
    Handler(Located),
    /// A file below `pages/api`.
    Api(Located),
    /// A page, of either router.
    Page,
    /// `middleware.ts`, or `proxy.ts` as it is called since Next.js 16.
    Middleware,
}

/// The paths at which a file answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    /// Two for an optional catch-all: without and with something in its place.
    pub(super) paths: Vec<PathTemplate>,
    /// It stands in the place of another path, for requests that come from within the application.
    pub(super) intercepts: bool,
    /// The folders that add to the path, as they are written, with what they add.
    pub(super) folders: Vec<(String, String)>,
}

/// Where a project keeps its routes, relative to its root; nothing where there is no such folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) app: Option<&'static str>,
    pub(super) pages: Option<&'static str>,
}

impl Layout {
    /// Next.js looks into `src` only where the root has no such folder.
    pub(super) fn of<'f>(files: impl Iterator<Item = &'f str> + Clone) -> Self {
        let first = |choices: [&'static str; 2]| {
            choices.into_iter().find(|folder| files.clone().any(|it| it.starts_with(&format!("{folder}/"))))
        };
        Self { app: first(["app", "src/app"]), pages: first(["pages", "src/pages"]) }
    }

    /// What `file`, relative to the project's root, is.
    pub(super) fn role(&self, file: &str, extensions: &[String]) -> Option<Role> {
        let within = |folder: Option<&'static str>| file.strip_prefix(folder?)?.strip_prefix('/');
        if let Some(inside) = within(self.app) {
            return app_role(inside, extensions);
        }
        if let Some(inside) = within(self.pages) {
            return pages_role(inside, extensions);
        }
        let in_src = [self.app, self.pages].iter().flatten().any(|it| it.starts_with("src/"));
        let inside = if in_src { file.strip_prefix("src/")? } else { file };
        let name = stem(inside, extensions)?;
        matches!(name, "middleware" | "proxy").then_some(Role::Middleware)
    }
}

/// The file's name without its extension, if that is one of pages.
fn stem<'f>(file: &'f str, extensions: &[String]) -> Option<&'f str> {
    extensions.iter().find_map(|it| file.strip_suffix(it.as_str())?.strip_suffix('.'))
}

fn app_role(inside: &str, extensions: &[String]) -> Option<Role> {
    let (folder, name) = inside.rsplit_once('/').unwrap_or(("", inside));
    match stem(name, extensions)? {
        "page" => Some(Role::Page),
        "route" => app_paths(folder).map(Role::Handler),
        _ => None,
    }
}

/// The paths of a folder of the App Router. `None`: it is private.
fn app_paths(folder: &str) -> Option<Located> {
    let mut located = Located { paths: Vec::new(), intercepts: false, folders: Vec::new() };
    let mut segments: Vec<Segment> = Vec::new();
    let mut optional = None;
    for name in folder.split('/').filter(|it| !it.is_empty()) {
        let is_group = name.starts_with('(') && name.ends_with(')');
        if is_group || name.starts_with('@') {
            located.folders.push((name.to_owned(), String::new()));
            continue;
        }
        if name.starts_with('_') {
            return None;
        }
        let mut name = name;
        while let Some((mark, rest)) = interception(name) {
            located.intercepts = true;
            match mark {
                "(.)" => {}
                "(...)" => segments.clear(),
                _ => {
                    segments.pop();
                }
            }
            name = rest;
        }
        let (segment, is_optional) = segment(name);
        if is_optional {
            optional = Some(segments.len());
        }
        located.folders.push((name.to_owned(), format!("/{}", shown(&segment))));
        segments.push(segment);
    }
    located.paths = with_optional(segments, optional);
    Some(located)
}

fn interception(name: &str) -> Option<(&'static str, &str)> {
    ["(...)", "(..)", "(.)"].into_iter().find_map(|mark| Some((mark, name.strip_prefix(mark)?)))
}

fn pages_role(inside: &str, extensions: &[String]) -> Option<Role> {
    let path = stem(inside, extensions)?;
    let Some(rest) = path.strip_prefix("api") else {
        return Some(Role::Page);
    };
    if !(rest.is_empty() || rest.starts_with('/')) {
        return Some(Role::Page);
    }
    let mut located = Located { paths: Vec::new(), intercepts: false, folders: Vec::new() };
    let mut segments = vec![Segment::Literal("api".to_owned())];
    located.folders.push(("pages/api".to_owned(), "/api".to_owned()));
    let mut optional = None;
    let names: Vec<&str> = rest.split('/').filter(|it| !it.is_empty()).collect();
    for (at, name) in names.iter().enumerate() {
        if *name == "index" && at + 1 == names.len() {
            continue;
        }
        let (segment, is_optional) = segment(name);
        if is_optional {
            optional = Some(segments.len());
        }
        located.folders.push(((*name).to_owned(), format!("/{}", shown(&segment))));
        segments.push(segment);
    }
    located.paths = with_optional(segments, optional);
    Some(Role::Api(located))
}

fn shown(segment: &Segment) -> String {
    PathTemplate::from_segments(vec![segment.clone()]).to_string().trim_start_matches('/').to_owned()
}

/// An optional catch-all answers without its segment, too.
fn with_optional(segments: Vec<Segment>, optional: Option<usize>) -> Vec<PathTemplate> {
    let without = optional.map(|at| {
        let kept = segments.iter().enumerate().filter(|(it, _)| *it != at).map(|(_, it)| it.clone());
        PathTemplate::from_segments(kept.collect())
    });
    without.into_iter().chain([PathTemplate::from_segments(segments)]).collect()
}

/// One folder's name as a part of a path, and whether that part may be missing.
fn segment(name: &str) -> (Segment, bool) {
    let optional = name.strip_prefix("[[...").and_then(|it| it.strip_suffix("]]"));
    if let Some(name) = optional {
        return (Segment::CatchAll(name.to_owned()), true);
    }
    if let Some(name) = name.strip_prefix("[...").and_then(|it| it.strip_suffix(']')) {
        return (Segment::CatchAll(name.to_owned()), false);
    }
    // Only whole names are parameters: `[name].csv` is a path of its own, brackets included.
    if let Some(value) = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'))
        && !value.is_empty()
        && !value.starts_with('.')
        && !value.contains(['[', ']'])
    {
        return (Segment::Param { prefix: String::new(), name: value.to_owned(), suffix: String::new() }, false);
    }
    (Segment::Literal(decoded(name)), false)
}

/// `%5Fname` is how a folder is named whose path starts with an underscore.
fn decoded(name: &str) -> String {
    name.replace("%5F", "_").replace("%5f", "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(files: &[&str]) -> Layout {
        Layout::of(files.iter().copied())
    }

    fn extensions() -> Vec<String> {
        EXTENSIONS.iter().map(|it| (*it).to_owned()).collect()
    }

    /// `[paths]`, or nothing for a file that is no endpoint.
    fn paths(file: &str) -> Vec<String> {
        match layout(&[file]).role(file, &extensions()) {
            Some(Role::Handler(it) | Role::Api(it)) => it.paths.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn folders_of_the_app_router_become_paths() {
        for (file, expected) in [
            ("app/route.ts", &["/"] as &[&str]),
            ("app/api/users/[id]/route.ts", &["/api/users/{id}"]),
            ("src/app/(marketing)/about/route.js", &["/about"]),
            ("app/@modal/inbox/route.ts", &["/inbox"]),
            ("app/files/[...path]/route.tsx", &["/files/{*path}"]),
            ("app/docs/[[...slug]]/route.ts", &["/docs", "/docs/{*slug}"]),
            ("app/%5Finternal/route.ts", &["/_internal"]),
            ("app/.well-known/jwks/route.ts", &["/.well-known/jwks"]),
            ("app/feed/(..)photos/[id]/route.ts", &["/photos/{id}"]),
            ("app/export/[name].csv/route.ts", &["/export/[name].csv"]),
            ("app/v[version]/route.ts", &["/v[version]"]),
        ] {
            assert_eq!(paths(file), expected, "{file}");
        }
    }

    #[test]
    fn files_below_pages_api_become_paths() {
        for (file, expected) in [
            ("pages/api.ts", &["/api"] as &[&str]),
            ("pages/api/index.ts", &["/api"]),
            ("pages/api/users/[id].ts", &["/api/users/{id}"]),
            ("src/pages/api/auth/[...nextauth].js", &["/api/auth/{*nextauth}"]),
            ("pages/api/[[...all]].ts", &["/api", "/api/{*all}"]),
            ("pages/api/_lib/secret.ts", &["/api/_lib/secret"]),
            ("pages/api/[id].json.ts", &["/api/[id].json"]),
            ("pages/api/users.test.ts", &["/api/users.test"]),
        ] {
            assert_eq!(paths(file), expected, "{file}");
        }
    }

    #[test]
    fn other_files_are_no_endpoints() {
        for file in [
            "app/_lib/route.ts",
            "app/api/users/router.ts",
            "app/api/users/route.css",
            "app/api/users/my-route.ts",
            "pages/apis.ts",
            "pages/index.tsx",
            "lib/app/route.ts",
            "components/api/route.ts",
        ] {
            assert!(paths(file).is_empty(), "{file}");
        }
    }

    #[test]
    fn src_counts_only_where_the_root_has_no_such_folder() {
        let both = layout(&["app/a/route.ts", "src/app/b/route.ts"]);
        assert_eq!(both.role("src/app/b/route.ts", &extensions()), None);
        let in_src = layout(&["src/app/b/route.ts"]);
        assert_eq!(in_src.role("src/middleware.ts", &extensions()), Some(Role::Middleware));
        assert_eq!(in_src.role("middleware.ts", &extensions()), None);
    }
}
