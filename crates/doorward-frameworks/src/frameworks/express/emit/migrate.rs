//! Calls and packages that Clerk has replaced, in code that doorward is about to guard.

use std::collections::BTreeMap;

use doorward::diagnostic::{Diagnostic, Location};

use super::imports::move_package;
use super::{FileEdits, PACKAGE, REPLACED, file_edits};
use crate::model::AppSource;

/// The finding for `req.auth` read as an object.
const OBJECT_AUTH: &str = "DW2103";

/// What was a property of the old `req.auth`, and what it is called on the object that `getAuth` returns.
const PROPERTIES: &[(&str, &str)] = &[
    ("userId", "userId"),
    ("sessionId", "sessionId"),
    ("sessionClaims", "sessionClaims"),
    ("claims", "sessionClaims"),
    ("orgId", "orgId"),
    ("orgRole", "orgRole"),
    ("orgSlug", "orgSlug"),
    ("actor", "actor"),
];

/// Names that the replaced packages and the SDK share.
const SHARED: &[&str] = &["clerkClient", "createClerkClient", "verifyToken"];

/// Turns `req.auth.userId` into `getAuth(req).userId`: where discovery has seen that `req.auth` is Clerk's, and
/// everywhere in a program whose `req.auth` was made by a replaced package.
pub(super) fn emit<'a>(source: &'a AppSource, files: &mut BTreeMap<&'a str, FileEdits<'a>>) {
    let uses_replaced = |text: &str| REPLACED.iter().any(|package| text.contains(package));
    let everywhere = source.files.values().any(|file| uses_replaced(&file.text));
    for (path, file) in &source.files {
        let is_named = |line: usize| {
            source.findings.iter().filter(|it| it.code == OBJECT_AUTH).any(|it| {
                it.location.as_ref().is_some_and(|at| at.file == *path && usize::try_from(at.line) == Ok(line))
            })
        };
        let mut reads_here = Vec::new();
        let mut start = 0;
        for (at, line) in file.text.split_inclusive('\n').enumerate() {
            if everywhere || is_named(at + 1) {
                let reads = reads(line).into_iter();
                reads_here.extend(reads.map(|(it, request, name)| (start + it.start..start + it.end, request, name)));
            }
            start += line.len();
        }
        if reads_here.is_empty() && !uses_replaced(&file.text) {
            continue;
        }
        // Even without an edit of its own the file is finished, and its imports are moved then.
        let Some(edits) = file_edits(files, source, path) else { continue };
        for (range, request, property) in reads_here {
            let get_auth = edits.sdk("getAuth");
            edits.push(range, format!("{get_auth}({request}).{property}"), "`req.auth` is a function now".to_owned());
        }
    }
}

/// Reads of the old object in a line: their place, the request they are made on, and the property's name today.
fn reads(line: &str) -> Vec<(std::ops::Range<usize>, String, &'static str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut found = Vec::new();
    for (at, _) in line.match_indices(".auth.") {
        let before = line.get(..at).unwrap_or_default();
        let request = before.rsplit(|c: char| !is_word(c)).next().unwrap_or_default();
        let after = line.get(at + ".auth.".len()..).unwrap_or_default();
        let property = after.split(|c: char| !is_word(c)).next().unwrap_or_default();
        // `a.req.auth` is somebody else's request.
        let is_plain = matches!(request, "req" | "request" | "_req")
            && !before.strip_suffix(request).unwrap_or_default().ends_with('.');
        if let Some((_, today)) = PROPERTIES.iter().find(|(name, _)| *name == property && is_plain) {
            found.push((at - request.len()..at + ".auth.".len() + property.len(), request.to_owned(), *today));
        }
    }
    found
}

/// Points what is left of a replaced package's imports at the SDK.
pub(super) fn packages(path: &str, text: &str, findings: &mut Vec<Diagnostic>) -> String {
    let mut after = text.to_owned();
    for package in REPLACED {
        let (moved, missing) = move_package(&after, package, PACKAGE.0, SHARED);
        after = moved;
        if !missing.is_empty() {
            findings.push(
                Diagnostic::new(
                    "DW3015",
                    format!("`{}` of `{package}` has no successor of that name", missing.join("`, `")),
                )
                .at(Location::file(path))
                .help(format!("replace it by hand with what `{}` offers, then plan again", PACKAGE.0)),
            );
        }
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_of_the_old_object_are_found_and_nothing_else() {
        let found = |line| {
            reads(line).into_iter().map(|(_, request, property)| format!("{request}.{property}")).collect::<Vec<_>>()
        };
        assert_eq!(found("f(req.auth.userId, request.auth.claims.x)"), ["req.userId", "request.sessionClaims"]);
        assert_eq!(found("ctx.req.auth.userId; req.auth.user; req.auth(); config.auth"), Vec::<String>::new());
    }

    #[test]
    fn a_name_without_a_successor_stops_the_move() {
        let mut findings = Vec::new();
        let kept = "const { users } = require('@clerk/clerk-sdk-node');\n";
        assert_eq!(packages("a.js", kept, &mut findings), kept);
        assert_eq!(findings.len(), 1);
        let moved = packages("a.js", "import { clerkClient } from '@clerk/clerk-sdk-node';\n", &mut findings);
        assert_eq!(moved, "import { clerkClient } from '@clerk/express';\n");
        assert_eq!(findings.len(), 1);
    }
}
