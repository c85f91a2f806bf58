//! From what was seen in files to findings about secrets.

use std::collections::BTreeSet;

use doorward::diagnostic::{Diagnostic, Location};
use doorward::secret::{KeyKind, is_secret_name, public_prefix};

use super::FileSeen;
use super::names::{Env, FileKind, Role};
use super::scan::{Seen, What};

/// Whether a file goes along when the tree is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Git tracks it.
    Tracked,
    /// Nothing keeps it from being committed.
    Loose,
    /// Ignored and not tracked: it stays on this machine.
    Local,
}

impl Standing {
    fn words(self) -> &'static str {
        match self {
            Self::Tracked => "is tracked by git",
            Self::Loose => "is not ignored, so the next commit takes it along",
            Self::Local => "stays on this machine",
        }
    }
}

/// What is wrong in one file.
pub(super) fn judge(file: &FileSeen) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for seen in &file.seen {
        findings.extend(match &seen.what {
            What::Key { .. } => key(file, seen),
            What::Name { name, role } => published_name(file, seen.line, name, *role),
        });
    }
    if let FileKind::Env(env) = file.kind {
        findings.extend(mixed(file));
        findings.extend(wrong_kind(file));
        findings.extend(development_in_production(file, env));
        findings.extend(not_ignored(file, env, &findings));
    }
    // A key under a published name is told once.
    let told: BTreeSet<Option<Location>> = findings
        .iter()
        .filter(|it| it.severity > doorward::diagnostic::Severity::Error)
        .map(|it| it.location.clone())
        .collect();
    findings.retain(|it| it.code != "DW2307" || !told.contains(&it.location));
    findings
}

fn key(file: &FileSeen, seen: &Seen) -> Option<Diagnostic> {
    let What::Key { kind, live, certain, length, target, .. } = &seen.what else { return None };
    if *kind == KeyKind::PublishableKey {
        return None;
    }
    let of = match live {
        Some(true) => " of a production instance",
        Some(false) => " of a development instance",
        None => "",
    };
    let what = format!("{}{of}", kind.name());
    let evidence = format!("{what}, {length} characters, not shown");
    let name = target.as_deref().unwrap_or_default();
    if let (Some((prefix, tool)), true) = (public_prefix(name), *certain) {
        return Some(
            Diagnostic::new(
                "DW2302",
                format!("`{name}` holds {what}, and {tool} publishes what begins with `{prefix}`"),
            )
            .at(file.at(seen.line))
            .seen(evidence)
            .help("give the variable a name without the prefix, and replace the key in Clerk's dashboard"),
        );
    }
    if file.standing == Standing::Local || (!certain && is_test(&file.file)) {
        return None;
    }
    let given = if name.is_empty() { String::new() } else { format!(", given to `{name}`") };
    let (code, message, help) = match (kind, file.kind) {
        (KeyKind::PrivateKey, _) => (
            "DW2304",
            format!("a private key stands where Clerk's public key belongs, in a file that {}", file.standing.words()),
            "take it out, replace it wherever it is in use, and copy the JWKS public key from Clerk's dashboard",
        ),
        _ if !certain => (
            "DW2303",
            format!("{what} stands in a file that {}{given}", file.standing.words()),
            "roll the secret where it was made, and read it from the environment",
        ),
        (_, FileKind::Code) => (
            "DW2109",
            format!("{what} is written in the source{given}"),
            "read it from the environment, and replace it in Clerk's dashboard: history keeps it",
        ),
        _ => (
            "DW2301",
            format!("{what} stands in a file that {}{given}", file.standing.words()),
            "replace it in Clerk's dashboard, then take it out of the file and list the file in .gitignore",
        ),
    };
    Some(Diagnostic::new(code, message).at(file.at(seen.line)).seen(evidence).help(help))
}

/// Whether a file is one of tests, whose secrets are made up as long as nothing says that they are Clerk's.
fn is_test(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.split(['/', '.', '_', '-']).any(|it| ["test", "tests", "spec", "specs", "fixtures"].contains(&it))
}

fn published_name(file: &FileSeen, line: u32, name: &str, role: Role) -> Option<Diagnostic> {
    let (prefix, tool) = public_prefix(name).filter(|_| is_secret_name(name))?;
    // Where a key stands there too, that is said instead.
    let has_key = file
        .seen
        .iter()
        .any(|it| it.line == line && matches!(&it.what, What::Key { kind, .. } if *kind != KeyKind::PublishableKey));
    if has_key || role == Role::Mentioned {
        return None;
    }
    let verb = if role == Role::Read { "read" } else { "declared" };
    Some(
        Diagnostic::new("DW2302", format!("`{name}` is {verb} here, and {tool} publishes what begins with `{prefix}`"))
            .at(file.at(line))
            .help(format!(
                "call it `{}`, read it on the server only, and replace its value",
                name.trim_start_matches(prefix)
            )),
    )
}

/// The keys of an environment file that are in force: variable, kind, live, host, line.
fn keys(file: &FileSeen) -> impl Iterator<Item = (&str, KeyKind, bool, Option<&str>, u32)> {
    file.seen.iter().filter_map(|seen| match &seen.what {
        What::Key { kind, live: Some(live), target: Some(target), host, comment: false, .. } => {
            Some((target.as_str(), *kind, *live, host.as_deref(), seen.line))
        }
        _ => None,
    })
}

fn mixed(file: &FileSeen) -> Option<Diagnostic> {
    let own = || {
        keys(file).filter(|(name, kind, _, host, _)| {
            let base = public_prefix(name).map_or(*name, |(prefix, _)| name.trim_start_matches(prefix));
            // A publishable key of the documentation has no host here.
            ["CLERK_SECRET_KEY", "CLERK_PUBLISHABLE_KEY"].contains(&base)
                && (*kind != KeyKind::PublishableKey || host.is_some())
        })
    };
    let (first, _, live, ..) = own().next()?;
    if let Some((second, .., line)) = own().find(|it| it.2 != live) {
        let (one, two) = if live { ("production", "development") } else { ("development", "production") };
        return Some(
            Diagnostic::new("DW2306", format!("`{first}` is of a {one} instance, and `{second}` of a {two} one"))
                .at(file.at(line))
                .help("copy both keys from the same instance in Clerk's dashboard"),
        );
    }
    let (first, .., host, _) = own().find(|it| it.3.is_some())?;
    let (second, .., other, line) = own().find(|it| it.3.is_some() && it.3 != host)?;
    Some(
        Diagnostic::new("DW2306", format!("`{first}` and `{second}` are of different Clerk instances"))
            .at(file.at(line))
            .seen(format!("`{}` and `{}`", host.unwrap_or_default(), other.unwrap_or_default()))
            .help("copy all keys from the same instance in Clerk's dashboard"),
    )
}

fn wrong_kind(file: &FileSeen) -> Vec<Diagnostic> {
    keys(file)
        .filter_map(|(name, kind, _, _, line)| {
            let wrong = match kind {
                KeyKind::PublishableKey => is_secret_name(name),
                KeyKind::SecretKey => name.contains("PUBLISHABLE"),
                _ => false,
            };
            wrong.then(|| {
                Diagnostic::new("DW2307", format!("`{name}` holds {}", kind.name()))
                    .at(file.at(line))
                    .help("copy the right key from its own field of Clerk's dashboard, API keys")
            })
        })
        .collect()
}

fn development_in_production(file: &FileSeen, env: Env) -> Option<Diagnostic> {
    if !env.production || env.example {
        return None;
    }
    let (name, .., line) = keys(file).find(|it| !it.2 && it.0.contains("CLERK"))?;
    Some(
        Diagnostic::new("DW2308", format!("`{name}` is of a development instance, in a file for production"))
            .at(file.at(line))
            .help("use the keys of the production instance; Clerk's dashboard switches between the two"),
    )
}

fn not_ignored(file: &FileSeen, env: Env, findings: &[Diagnostic]) -> Option<Diagnostic> {
    if !env.real || file.standing == Standing::Local || findings.iter().any(Diagnostic::fails) {
        return None;
    }
    let (line, name) = file.seen.iter().find_map(|seen| match &seen.what {
        What::Name { name, role: Role::Declared } if is_secret_name(name) => Some((seen.line, name)),
        _ => None,
    })?;
    Some(
        Diagnostic::new("DW2305", format!("`{name}` is declared in a file that {}", file.standing.words()))
            .at(file.at(line))
            .help("list the file in .gitignore, take it out of git if it is in, and commit an example without values"),
    )
}
