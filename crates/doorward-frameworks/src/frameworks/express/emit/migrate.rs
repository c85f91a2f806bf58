//! Calls and packages that Clerk has replaced, in code that doorward is about to guard.

use std::collections::BTreeMap;

use doorward::diagnostic::{Diagnostic, Location};

use super::imports::move_package;
use super::{FileEdits, PACKAGE, REPLACED, file_edits};
use crate::edit::line_end;
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

/// Turns `req.auth.userId` into `getAuth(req).userId` where discovery has seen that `req.auth` is Clerk's.
pub(super) fn emit<'a>(source: &'a AppSource, files: &mut BTreeMap<&'a str, FileEdits<'a>>) {
    for (path, file) in &source.files {
        if REPLACED.iter().any(|package| file.text.contains(package)) {
            // Even without an edit of its own the file is finished, and its imports are moved then.
            file_edits(files, source, path);
        }
    }
    for finding in source.findings.iter().filter(|finding| finding.code == OBJECT_AUTH) {
        let Some(location) = &finding.location else { continue };
        let Some(edits) = file_edits(files, source, &location.file) else { continue };
        let text = &edits.file.text;
        let lines = usize::try_from(location.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = (0..lines).fold(0, |at, _| line_end(text, at));
        let line = text.get(start..line_end(text, start)).unwrap_or_default();
        let reads: Vec<(std::ops::Range<usize>, String, &str)> = reads(line)
            .into_iter()
            .map(|(range, request, property)| (start + range.start..start + range.end, request, property))
            .filter(|(range, ..)| !edits.edits.iter().any(|edit| edit.range == *range))
            .collect();
        for (range, request, property) in reads {
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
        let is_plain = !request.is_empty() && !before.strip_suffix(request).unwrap_or_default().ends_with('.');
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
