//! Packages worth knowing: what to update, what to replace, what to be wary of. Tables first, then the judgement.

use super::{Ecosystem, Package, Version, VersionSource, newest_of_range};
use crate::diagnostic::{Diagnostic, Location};

use Ecosystem::{Cargo, Npm, PyPi};

/// Names whose versions are facts of an app, besides everything of Clerk's. A trailing `*` stands for any end.
static WATCHED: &[(Ecosystem, &str)] = &[
    (Npm, "@clerk/*"),
    (Npm, "@fastify/jwt"),
    (Npm, "@hono/clerk-auth"),
    (Npm, "@nestjs/core"),
    (Npm, "cors"),
    (Npm, "express"),
    (Npm, "express-jwt"),
    (Npm, "fastify"),
    (Npm, "hono"),
    (Npm, "jose"),
    (Npm, "jsonwebtoken"),
    (Npm, "koa"),
    (Npm, "next"),
    (Npm, "next-auth"),
    (Npm, "passport"),
    (Npm, "svix"),
    (Npm, "typescript"),
    (PyPi, "authlib"),
    (PyPi, "clerk-backend-api"),
    (PyPi, "django"),
    (PyPi, "djangorestframework"),
    (PyPi, "fastapi"),
    (PyPi, "flask"),
    (PyPi, "pyjwt"),
    (PyPi, "python-jose"),
    (PyPi, "starlette"),
    (PyPi, "svix"),
    (Cargo, "actix-web"),
    (Cargo, "axum"),
    (Cargo, "clerk-rs"),
    (Cargo, "jsonwebtoken"),
];

/// Whether the version of this package is worth noting. Names are in the spelling of their lock files.
#[must_use]
pub fn is_watched(ecosystem: Ecosystem, name: &str) -> bool {
    let named = WATCHED.iter().any(|(of, pattern)| {
        *of == ecosystem && pattern.strip_suffix('*').map_or(*pattern == name, |start| name.starts_with(start))
    });
    named || REPLACED.iter().any(|it| it.ecosystem == ecosystem && it.name == name)
}

/// A version below which something is wrong.
struct Floor {
    ecosystem: Ecosystem,
    name: &'static str,
    /// Where it was put right, one version for each major line that got it. Lines below the lowest never did, and
    /// lines between two did not either.
    fixed: &'static [&'static str],
    /// The first version that has the fault, if not every earlier one does.
    since: &'static str,
    code: &'static str,
    why: &'static str,
}

const fn floor(name: &'static str, fixed: &'static [&'static str], why: &'static str) -> Floor {
    Floor { ecosystem: Npm, name, fixed, since: "", code: "DW2310", why }
}

/// From the change logs and advisories of the packages.
static FLOORS: &[Floor] = &[
    floor("@clerk/backend", &["3.17.0"], "a JWT made from a template is accepted as a session"),
    floor("@clerk/backend", &["3.16.9"], "a JWT made from a template is accepted in a handshake"),
    floor("@clerk/backend", &["3.16.8"], "keys of another Clerk instance with the same id are trusted"),
    floor("@clerk/backend", &["3.12.0"], "a referer that begins with `accounts.` is trusted whoever it is"),
    floor("@clerk/backend", &["3.11.7"], "a machine or OAuth token in the session cookie signs in"),
    floor("@clerk/backend", &["3.11.1"], "a token without `azp` passes `authorizedParties`"),
    floor(
        "@clerk/backend",
        &["2.33.3", "3.2.14"],
        "a `has()` with several conditions lets in who meets one (CVE-2026-42349)",
    ),
    Floor {
        since: "3.0.0",
        ..floor(
            "@clerk/backend",
            &["3.2.3"],
            "the Frontend API proxy can be made to leak the secret key (CVE-2026-34076)",
        )
    },
    Floor {
        since: "2.0.0",
        ..floor("@clerk/backend", &["2.4.0"], "`verifyWebhook` accepts wrong signatures (CVE-2025-53548)")
    },
    floor("@clerk/backend", &["2.0.0"], "a token of a machine is accepted as a signed-in user"),
    floor("@clerk/express", &["2.1.25"], "a `req.auth` set by another package makes Clerk skip its check"),
    Floor {
        since: "2.0.0",
        ..floor(
            "@clerk/express",
            &["2.0.7"],
            "the Frontend API proxy can be made to leak the secret key (CVE-2026-34076)",
        )
    },
    Floor {
        code: "DW2311",
        ..floor("@clerk/express", &["2.1.50"], "targets such as `//` and the method TRACE are answered with 500")
    },
    Floor {
        since: "3.0.0",
        ..floor(
            "@clerk/fastify",
            &["3.1.5"],
            "the Frontend API proxy can be made to leak the secret key (CVE-2026-34076)",
        )
    },
    floor("@clerk/hono", &["0.1.5"], "the Frontend API proxy can be made to leak the secret key (CVE-2026-34076)"),
    floor(
        "@clerk/shared",
        &["2.22.1", "3.47.4", "4.8.1"],
        "`createRouteMatcher` is passed by an encoded path (CVE-2026-41248)",
    ),
    Floor {
        since: "3.0.0",
        ..floor(
            "@clerk/shared",
            &["3.47.5", "4.8.3"],
            "a `has()` with several conditions lets in who meets one (CVE-2026-42349)",
        )
    },
    floor("@clerk/nextjs", &["4.29.3"], "a caller can act as another user (CVE-2024-22206)"),
    floor(
        "@clerk/nextjs",
        &["5.7.6", "6.39.2", "7.2.1"],
        "`createRouteMatcher` is passed by an encoded path (CVE-2026-41248)",
    ),
    Floor {
        since: "6.0.0",
        ..floor(
            "@clerk/nextjs",
            &["6.39.3", "7.2.4"],
            "`auth.protect()` drops conditions that are given with options (CVE-2026-42349)",
        )
    },
    Floor {
        since: "7.0.0",
        ..floor("@clerk/nextjs", &["7.3.1"], "authorization is skipped while a keyless start is under way")
    },
    floor(
        "next",
        &["12.3.5", "13.5.9", "14.2.25", "15.2.3"],
        "middleware is skipped for whoever sends one header (CVE-2025-29927)",
    ),
    Floor { since: "15.0.0", ..floor("next", &["15.5.18", "16.2.6"], "the proxy can be passed (GHSA-26hh-7cqf-hhc6)") },
    Floor { since: "16.0.0", ..floor("next", &["16.2.11"], "the proxy can be passed (GHSA-6gpp-xcg3-4w24)") },
    Floor {
        ecosystem: PyPi,
        ..floor("clerk-backend-api", &["7.0.0"], "keys of another Clerk instance with the same id are trusted")
    },
];

/// A package that should not be there.
struct Replaced {
    ecosystem: Ecosystem,
    name: &'static str,
    code: &'static str,
    /// Follows the name in a sentence.
    what: &'static str,
    /// What to install in its place.
    by: &'static str,
}

const OLD: &str = "DW2312";
const ALIKE: &str = "DW2313";

const fn old(name: &'static str, by: &'static str) -> Replaced {
    Replaced { ecosystem: Npm, name, code: OLD, what: "is no longer supported by Clerk", by }
}

const fn alike(name: &'static str, what: &'static str) -> Replaced {
    Replaced { ecosystem: PyPi, name, code: ALIKE, what, by: "clerk-backend-api" }
}

const RENAMED: &str = "goes on under another name, and gets fixes only there";
const UNOFFICIAL: &str = "is not Clerk's package, whatever its name says";

static REPLACED: &[Replaced] = &[
    Replaced { code: "DW2102", what: "is no longer maintained", ..old("@clerk/clerk-sdk-node", "@clerk/express") },
    Replaced { what: "is a third party's, and pins `@clerk/backend` 2", ..old("@hono/clerk-auth", "@clerk/hono") },
    old("@clerk/clerk-react", "@clerk/react"),
    Replaced { what: RENAMED, ..old("@clerk/clerk-expo", "@clerk/expo") },
    Replaced { what: RENAMED, ..old("@clerk/tanstack-start", "@clerk/tanstack-react-start") },
    alike("clerk-sdk-python", UNOFFICIAL),
    alike("clerk-sdk", UNOFFICIAL),
    alike("clerk-backend-sdk", UNOFFICIAL),
    alike("clerk-backend-api-client", UNOFFICIAL),
    alike("clerk-dev", UNOFFICIAL),
    alike("python-clerk", UNOFFICIAL),
    alike("pyclerk", "has nothing to do with Clerk, the sign-in service"),
    alike("clerk", "has nothing to do with Clerk, the sign-in service"),
    alike("clerk-api", "has nothing to do with Clerk, the sign-in service"),
    alike(
        "fastapi-clerk-auth",
        "is a third party's; with `auto_error=False` it lets bad tokens through as credentials without claims",
    ),
    Replaced {
        ecosystem: Cargo,
        by: "",
        ..alike("clerk-rs", "is a third party's, and does not read the organization of current session tokens")
    },
];

/// What is wrong with the packages of an app. Each is told once, at the file that names its version.
#[must_use]
pub fn judge(packages: &[Package]) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for package in packages {
        // What a dependency brings decides who gets in if it is Clerk's. A framework that a tool brings along serves
        // nobody, and a package's name is the business of who asks for it.
        if package.asked.is_some() || package.name.starts_with("@clerk/") {
            findings.extend(too_old(package));
        }
        if package.asked.is_some() {
            findings.extend(replaced(package));
        }
    }
    findings
}

fn too_old(package: &Package) -> Option<Diagnostic> {
    let broken: Vec<&Floor> = FLOORS
        .iter()
        .filter(|floor| floor.ecosystem == package.ecosystem && floor.name == package.name)
        .filter(|floor| is_below(package, floor))
        .collect();
    let code = broken.iter().map(|floor| floor.code).min()?;
    let line = Version::parse(&package.version).map(Version::major);
    let target = |floor: &Floor| {
        let mut fixed = floor.fixed.iter().copied().filter(|it| Version::parse(it).map(Version::major) >= line);
        let lowest = fixed.next();
        lowest.or(floor.fixed.last().copied()).and_then(|it| Some((Version::parse(it)?, it)))
    };
    let (_, target) = broken.iter().filter_map(|floor| target(floor)).max()?;
    let mut reasons: Vec<&str> = broken.iter().map(|floor| floor.why).collect();
    reasons.dedup();
    let (name, version) = (&package.name, &package.version);
    let how = match package.source {
        VersionSource::Manifest => "is asked for",
        VersionSource::Lock | VersionSource::Installed => "is used",
    };
    let via = if package.asked.is_some() {
        ""
    } else {
        "; another package brings it, so update that one if it holds it back"
    };
    Some(
        Diagnostic::new(code, format!("`{name}` {version} {how}, and what is needed is {target} or newer"))
            .at(place(package))
            .seen(reasons.join("; "))
            .help(format!("update `{name}` to {target} or newer, and the lock file with it{via}")),
    )
}

/// A range is below a floor only if everything it allows is.
fn is_below(package: &Package, floor: &Floor) -> bool {
    let version = match package.source {
        VersionSource::Manifest => newest_of_range(&package.version),
        VersionSource::Lock | VersionSource::Installed => Version::parse(&package.version),
    };
    let Some(version) = version else { return false };
    let within = |fixed: &str| match package.source {
        VersionSource::Manifest => Version::parse(fixed).is_some_and(|it| version <= it),
        VersionSource::Lock | VersionSource::Installed => Version::parse(fixed).is_some_and(|it| version < it),
    };
    if Version::parse(floor.since).is_some_and(|since| version < since) {
        return false;
    }
    // The fix of the version's own line counts, or else that of the next line above.
    let own = floor.fixed.iter().find(|it| Version::parse(it).is_some_and(|it| it.major() >= version.major()));
    own.is_some_and(|fixed| within(fixed))
}

/// The line that asks for the package, or else the file that tells its version.
fn place(package: &Package) -> Location {
    match &package.asked {
        Some(asked) => Location { file: asked.file.clone(), line: asked.line, column: 1 },
        None => Location::file(&package.file),
    }
}

fn replaced(package: &Package) -> Option<Diagnostic> {
    let entry = REPLACED.iter().find(|it| it.ecosystem == package.ecosystem && it.name == package.name)?;
    let found = Diagnostic::new(entry.code, format!("`{}` {}", package.name, entry.what)).at(place(package));
    Some(match entry.by {
        "" => found.help("verify tokens by code that is kept up to date, and test it with `doorward verify`"),
        by => found.help(format!("replace it by `{by}`")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ecosystem: Ecosystem, name: &str, version: &str, source: VersionSource, expected: Option<(&str, &str)>) {
        let package = Package {
            name: name.into(),
            version: version.into(),
            source,
            file: "f".into(),
            ecosystem,
            asked: Some(crate::facts::Place { file: "package.json".into(), line: 3 }),
        };
        let got = judge(&[package]);
        let got = got.first().map(|it| (it.code.as_str(), it.help.clone().unwrap_or_default()));
        assert_eq!(got.as_ref().map(|it| it.0), expected.map(|it| it.0), "{name} {version}: {got:?}");
        if let (Some((_, help)), Some((_, words))) = (got, expected) {
            assert!(help.contains(words), "{name} {version}: {help}");
        }
    }

    #[test]
    fn the_tables_can_be_read() {
        for floor in FLOORS {
            assert!(floor.fixed.iter().all(|it| Version::parse(it).is_some()), "{}", floor.name);
            assert!(floor.fixed.is_sorted_by_key(|it| Version::parse(it)), "{}", floor.name);
            assert!(is_watched(floor.ecosystem, floor.name), "{}", floor.name);
            assert!(crate::diagnostic::code(floor.code).is_some());
        }
        assert!(REPLACED.iter().all(|it| crate::diagnostic::code(it.code).is_some()));
    }

    #[test]
    fn a_locked_version_is_compared_with_the_fix_of_its_own_line() {
        let lock = |name, version, expected| check(Npm, name, version, VersionSource::Lock, expected);
        lock("@clerk/backend", "3.16.13", Some(("DW2310", "3.17.0")));
        lock("@clerk/backend", "3.17.0", None);
        lock("@clerk/backend", "4.0.0-canary.1", None);
        lock("@clerk/backend", "1.34.0", Some(("DW2310", "3.17.0")));
        lock("@clerk/nextjs", "6.39.1", Some(("DW2310", "6.39.3")));
        lock("@clerk/nextjs", "6.39.3", None);
        lock("@clerk/nextjs", "7.2.0", Some(("DW2310", "7.3.1")));
        lock("@clerk/express", "2.1.30", Some(("DW2311", "2.1.50")));
        lock("@clerk/express", "2.1.50", None);
        lock("next", "14.2.25", None);
        lock("next", "14.2.24", Some(("DW2310", "14.2.25")));
        check(PyPi, "clerk-backend-api", "6.0.1", VersionSource::Lock, Some(("DW2310", "7.0.0")));
        check(PyPi, "clerk-backend-api", "7.0.0", VersionSource::Lock, None);
    }

    #[test]
    fn what_a_tool_brings_along_is_judged_only_if_it_is_clerks() {
        let brought = |name: &str, version: &str| {
            let package = Package {
                name: name.into(),
                version: version.into(),
                source: VersionSource::Lock,
                file: "f".into(),
                ecosystem: Npm,
                asked: None,
            };
            judge(&[package]).len()
        };
        assert_eq!(brought("@clerk/backend", "3.0.0"), 1);
        assert_eq!(brought("next", "14.0.0"), 0);
    }

    #[test]
    fn a_range_is_blamed_only_for_what_it_can_never_give() {
        let range = |version, expected| check(Npm, "@clerk/backend", version, VersionSource::Manifest, expected);
        range("^2.1.0", Some(("DW2310", "3.17.0")));
        range("3.16.9", Some(("DW2310", "3.17.0")));
        range("^3.0.0", None);
        range("latest", None);
    }

    #[test]
    fn packages_that_look_like_clerks_are_named_and_clerks_own_are_not() {
        let check = |ecosystem, name, expected| check(ecosystem, name, "9.0.0", VersionSource::Lock, expected);
        check(Npm, "@clerk/clerk-sdk-node", Some(("DW2102", "@clerk/express")));
        check(Npm, "@hono/clerk-auth", Some(("DW2312", "@clerk/hono")));
        check(PyPi, "clerk-sdk-python", Some(("DW2313", "clerk-backend-api")));
        check(PyPi, "fastapi-clerk-auth", Some(("DW2313", "clerk-backend-api")));
        check(Npm, "clerk-sdk-python", None);
        check(Npm, "@clerk/express", None);
        check(PyPi, "clerk-backend-api", None);
    }
}
