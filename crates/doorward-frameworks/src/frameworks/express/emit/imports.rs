//! Import statements, edited in the form that the file already uses.

use std::ops::Range;

use crate::edit::{Edit, Style, line_end, line_start};
use crate::model::SourceFile;

/// Names to import from a module.
pub(super) struct Wanted<'a> {
    pub(super) names: &'a [&'static str],
    pub(super) specifier: &'a str,
}

/// Whether a specifier is the runtime's, however it ends.
pub(super) fn is_runtime(specifier: &str) -> bool {
    let bare = specifier.strip_suffix("/index").unwrap_or(specifier);
    let bare = ["/index.js", "/index.mjs", "/index.cjs", "/index.ts"]
        .iter()
        .find_map(|end| specifier.strip_suffix(end))
        .unwrap_or(bare);
    specifier.starts_with('.') && bare.ends_with("/doorward")
}

/// A statement that takes names out of a module: `import { a, b as c } from 'm'`, `const { a, b: c } = require('m')`.
struct Found {
    /// The whole statement with its line ending.
    statement: Range<usize>,
    /// What stands between the braces.
    braces: Range<usize>,
    /// Exported name and local name.
    names: Vec<(String, String)>,
    specifier: String,
}

/// The statements of a file that take names out of a module, in order. Only statements that start a line count, so
/// that comments and strings don't.
fn statements(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut from = 0;
    while from < text.len() {
        let end = line_end(text, from);
        let line = text.get(from..end).unwrap_or_default();
        if ["import ", "import{", "const {", "const{"].iter().any(|start| line.starts_with(start))
            && !line.starts_with("import type")
        {
            found.extend(statement(text, from));
        }
        from = end;
    }
    found
}

fn statement(text: &str, start: usize) -> Option<Found> {
    let rest = text.get(start..)?;
    // A statement that long is not one of ours.
    let rest = rest.get(..rest.char_indices().nth(2000).map_or(rest.len(), |(at, _)| at))?;
    let open = rest.find('{')?;
    let close = open + rest.get(open..)?.find('}')?;
    let head = rest.get(..open)?;
    if head.contains(['\'', '"', ';', '(']) {
        return None;
    }
    let tail = rest.get(close + 1..)?;
    let esm = head.starts_with("import");
    let lead = tail.trim_start();
    let lead = if esm {
        lead.strip_prefix("from")?
    } else {
        lead.strip_prefix('=')?.trim_start().strip_prefix("require")?.trim_start().strip_prefix('(')?
    };
    let lead = lead.trim_start();
    let quote = lead.chars().next().filter(|c| *c == '\'' || *c == '"')?;
    let specifier = lead.get(1..)?.split(quote).next()?.to_owned();
    let names = rest.get(open + 1..close)?.split(',').filter_map(|name| {
        let name = name.trim();
        let (exported, local) = name.split_once(if esm { " as " } else { ":" }).unwrap_or((name, name));
        (!name.is_empty()).then(|| (exported.trim().to_owned(), local.trim().to_owned()))
    });
    let at_end = start + rest.len() - lead.len() + 1 + specifier.len();
    Some(Found {
        statement: start..line_end(text, at_end),
        braces: start + open + 1..start + close,
        names: names.collect(),
        specifier,
    })
}

/// The name under which a file knows, or will know, an export of a module.
pub(super) fn local_name(file: &SourceFile, is_module: &dyn Fn(&str) -> bool, name: &'static str) -> String {
    let known = statements(&file.text)
        .into_iter()
        .filter(|it| is_module(&it.specifier))
        .flat_map(|it| it.names)
        .find(|(exported, _)| exported == name);
    match known {
        Some((_, local)) => local,
        None if file.names.iter().any(|taken| taken == name) => prefixed(name),
        None => name.to_owned(),
    }
}

/// `guard` → `doorwardGuard`.
fn prefixed(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase()).into_iter();
    "doorward".chars().chain(first).chain(chars).collect()
}

/// Edits that make the names available: added to an import there is, or as a statement of their own. `first_use` is
/// where the first of the names is going to stand.
pub(super) fn ensure(file: &SourceFile, style: Style, wanted: &Wanted<'_>, first_use: usize) -> Vec<Edit> {
    let is_same =
        |specifier: &str| specifier == wanted.specifier || (is_runtime(specifier) && is_runtime(wanted.specifier));
    let found = statements(&file.text).into_iter().find(|it| is_same(&it.specifier));
    let missing: Vec<String> = wanted
        .names
        .iter()
        .filter(|name| !found.as_ref().is_some_and(|it| it.names.iter().any(|(exported, _)| exported == **name)))
        .map(|name| {
            let local = local_name(file, &is_same, name);
            match (local == **name, file.esm) {
                (true, _) => (*name).to_owned(),
                (false, true) => format!("{name} as {local}"),
                (false, false) => format!("{name}: {local}"),
            }
        })
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let reason = format!("needs {} of `{}`", wanted.names.join(", "), wanted.specifier);
    let edit = match found {
        Some(found) => {
            let inside = file.text.get(found.braces.clone()).unwrap_or_default();
            let kept = inside.trim_end().trim_end_matches(',');
            let at = found.braces.start + kept.len();
            let lead = if kept.trim().is_empty() { " " } else { ", " };
            Edit { range: at..at, text: format!("{lead}{}", missing.join(", ")), reason }
        }
        None => {
            let specifier = style.string(wanted.specifier);
            let names = missing.join(", ");
            let statement = if file.esm {
                format!("import {{ {names} }} from {specifier}{}", style.semicolon())
            } else {
                format!("const {{ {names} }} = require({specifier}){}", style.semicolon())
            };
            let is_package = !wanted.specifier.starts_with('.');
            let among = if is_package { last_package(file, first_use) } else { None };
            insertion(file, style, &statement, reason, first_use, among)
        }
    };
    vec![edit]
}

fn insertion(
    file: &SourceFile,
    style: Style,
    statement: &str,
    reason: String,
    first_use: usize,
    among: Option<usize>,
) -> Edit {
    let at = match file.after_imports {
        _ if among.is_some() => among.unwrap_or_default(),
        // Unlike an import, a `require` has to run before its names are used.
        at if !file.esm && at > 0 && line_end(&file.text, at - 1) >= first_use => last_require(&file.text, first_use),
        0 => after_prologue(&file.text),
        at => {
            let last = end_of_last(&file.text, at);
            let end = line_end(&file.text, last.saturating_sub(1));
            if !is_blank(file.text.get(last..end).unwrap_or_default()) {
                // What follows on the line may need the names already.
                let before = file.text.get(..last).unwrap_or_default();
                let end = if before.ends_with(';') { "" } else { ";" };
                let statement = statement.trim_end_matches(';');
                return Edit { range: last..last, text: format!("{end}{}{statement};", style.eol), reason };
            }
            end
        }
    };
    let lead = if at > 0 && !file.text.get(..at).unwrap_or_default().ends_with('\n') { style.eol } else { "" };
    let end = match file.text.get(at..) {
        Some(rest) if !statement.ends_with(';') && continues_statement(rest) => ";",
        _ => "",
    };
    Edit { range: at..at, text: format!("{lead}{statement}{end}{}", style.eol), reason }
}

/// Past the last import of a package, if it has its line for itself and imports of the project's own files follow.
fn last_package(file: &SourceFile, first_use: usize) -> Option<usize> {
    let limit = file.after_imports.min(first_use);
    let (mut found, mut is_followed) = (None, false);
    let mut from = 0;
    while from < limit {
        let end = line_end(&file.text, from);
        let line = file.text.get(from..end).unwrap_or_default().trim_end().trim_end_matches(';');
        let from_where = if file.esm {
            let starts = line.starts_with("import ") || line.starts_with("} from ");
            line.rsplit_once(" from ").filter(|_| starts).map(|(_, rest)| rest)
        } else {
            let starts = ["const ", "let ", "var "].iter().any(|start| line.starts_with(start));
            line.split_once(" require(").filter(|_| starts).and_then(|(_, rest)| rest.strip_suffix(')'))
        };
        let name = from_where.and_then(|it| it.strip_prefix(['\'', '"'])).and_then(|it| it.strip_suffix(['\'', '"']));
        match name.filter(|it| !it.contains(['\'', '"', '('])) {
            Some(name) if name.starts_with('.') => is_followed = true,
            Some(_) if end <= limit => (found, is_followed) = (Some(end), false),
            _ => {}
        }
        from = end;
    }
    found.filter(|_| is_followed)
}

/// Past the last line before `limit` that is a `require` as a whole.
fn last_require(text: &str, limit: usize) -> usize {
    let mut found = after_prologue(text);
    let mut from = 0;
    while from < limit {
        let end = line_end(text, from);
        let line = text.get(from..end).unwrap_or_default().trim_end().trim_end_matches(';');
        let declares = ["const ", "let ", "var "].iter().any(|start| line.starts_with(start));
        // What is called at once may already be the application.
        let only_requires =
            line.split_once("require(").is_some_and(|(_, rest)| rest.ends_with(')') && !rest.contains('('));
        if end <= limit && declares && only_requires {
            found = end;
        }
        from = end;
    }
    found
}

/// Where the last import ends, without a `;` that stands before the next statement, on its line.
fn end_of_last(text: &str, at: usize) -> usize {
    let statement = text.get(..at).unwrap_or_default();
    let kept = statement.strip_suffix(';').map_or(statement, str::trim_end);
    if statement.get(kept.len()..).is_some_and(|end| end.contains('\n')) { kept.len() } else { at }
}

/// Whether nothing but a comment that ends there is left of a line.
pub(super) fn is_blank(tail: &str) -> bool {
    let tail = tail.trim();
    let comment = tail.strip_prefix("/*").and_then(|rest| rest.split_once("*/"));
    tail.is_empty() || tail.starts_with("//") || comment.is_some_and(|(_, rest)| is_blank(rest))
}

/// Whether a text begins with what JavaScript would add to an unended statement before it.
pub(super) fn continues_statement(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        rest = if let Some(comment) = rest.strip_prefix("//") {
            comment.split_once('\n').map_or("", |(_, rest)| rest).trim_start()
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, rest)| rest).trim_start()
        } else {
            return rest.starts_with(['(', '[', '`', '/', '+', '-', '*']);
        };
    }
}

/// Past a shebang, `'use strict'` and the comments that open the file.
fn after_prologue(text: &str) -> usize {
    let (mut at, mut from) = (0, 0);
    while from < text.len() {
        let rest = text.get(from..).unwrap_or_default();
        let comment = if rest.trim_start().starts_with("/*") { rest.find("*/").map_or(0, |it| it + 2) } else { 0 };
        let end = line_end(text, from + comment);
        let line = text.get(from + comment..end).unwrap_or_default().trim();
        let is_directive = ["#!", "'use ", "\"use ", "//"].iter().any(|start| line.starts_with(start));
        if is_directive || (comment > 0 && line.is_empty()) {
            at = end;
        } else if !line.is_empty() {
            break;
        }
        from = end;
    }
    at
}

/// Points the imports of a package at another one that has the same names. Returns the text, and the names that the
/// other package does not have: then nothing is changed.
pub(super) fn move_package(text: &str, from: &str, to: &str, known: &[&str]) -> (String, Vec<String>) {
    let found: Vec<Found> = statements(text).into_iter().filter(|it| it.specifier == from).collect();
    let missing: Vec<String> = found
        .iter()
        .flat_map(|it| &it.names)
        .filter(|(exported, _)| !known.contains(&exported.as_str()))
        .map(|(exported, _)| exported.clone())
        .collect();
    if !missing.is_empty() {
        return (text.to_owned(), missing);
    }
    let mut out = text.to_owned();
    for it in found.iter().rev() {
        let statement = text.get(it.statement.clone()).unwrap_or_default();
        if let Some(at) = statement.rfind(from) {
            let at = it.statement.start + at;
            out.replace_range(at..at + from.len(), to);
        }
    }
    (out, missing)
}

/// Takes a name out of the imports from `package` if nothing else in the text uses it.
pub(super) fn drop_if_unused(text: &str, name: &str, package: &str) -> String {
    drop_named(text, name, package).or_else(|| drop_default(text, name, package)).unwrap_or_else(|| text.to_owned())
}

fn drop_named(text: &str, name: &str, package: &str) -> Option<String> {
    let found = statements(text)
        .into_iter()
        .find(|it| it.specifier == package && it.names.iter().any(|(_, local)| local == name))?;
    if is_used(text, &found.statement, name) {
        return None;
    }
    if found.names.len() == 1
        && text.get(found.statement.start..found.braces.start)?.trim_end_matches('{').trim().split(' ').count() == 1
    {
        return Some(without(text, found.statement));
    }
    let inside = text.get(found.braces.clone())?;
    let mut at = found.braces.start;
    for part in inside.split(',') {
        let local = part.rsplit(" as ").next().unwrap_or(part).rsplit(':').next().unwrap_or(part).trim();
        if local == name {
            let comma_after = text.get(at + part.len()..).is_some_and(|rest| rest.starts_with(','));
            let lead = part.len() - part.trim_start().len();
            let range = if comma_after {
                let next = text.get(at + part.len() + 1..)?;
                let gap = next.len() - next.trim_start_matches(' ').len();
                at + lead..at + part.len() + 1 + gap
            } else {
                // The last name goes with the comma before it.
                let before = text.get(..at)?.trim_end_matches(',');
                before.len()..at + part.trim_end().len()
            };
            return Some(without(text, range));
        }
        at += part.len() + 1;
    }
    None
}

fn drop_default(text: &str, name: &str, package: &str) -> Option<String> {
    let mut from = 0;
    while from < text.len() {
        let end = line_end(text, from);
        let line = text.get(from..end)?;
        let head =
            [format!("import {name} from"), format!("import * as {name} from"), format!("const {name} = require(")];
        let rest = head.iter().find_map(|head| line.strip_prefix(head.as_str()));
        if rest.is_some_and(|rest| rest.contains(&format!("'{package}'")) || rest.contains(&format!("\"{package}\"")))
            && !is_used(text, &(from..end), name)
        {
            return Some(without(text, from..end));
        }
        from = end;
    }
    None
}

fn without(text: &str, range: Range<usize>) -> String {
    let mut out = text.get(..range.start).unwrap_or_default().to_owned();
    out.push_str(text.get(range.end..).unwrap_or_default());
    out
}

/// Whether a name stands anywhere outside `except`. Comments count as use: a name too many is harmless.
fn is_used(text: &str, except: &Range<usize>, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
        !except.contains(&at) && !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The lines of a statement, if it has them for itself, for edits that take it away whole.
pub(super) fn whole_lines(text: &str, statement: &Range<usize>) -> Range<usize> {
    let start = line_start(text, statement.start);
    let end = line_end(text, statement.end);
    let alone = text.get(start..statement.start).is_some_and(|lead| lead.trim().is_empty())
        && text.get(statement.end..end).is_some_and(|tail| matches!(tail.trim(), "" | ";"));
    if alone { start..end } else { statement.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str, esm: bool, names: &[&str]) -> SourceFile {
        let after_imports = statements(text).last().map_or(0, |it| it.statement.end);
        SourceFile {
            text: text.into(),
            esm,
            typescript: false,
            after_imports,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            import_extension: ".js".into(),
        }
    }

    fn add(text: &str, esm: bool, taken: &[&str], expected: &str) {
        let file = file(text, esm, taken);
        let wanted = Wanted { names: &["guard"], specifier: "./doorward/index.js" };
        let edits = ensure(&file, Style::of(text), &wanted, text.len());
        assert_eq!(crate::edit::apply(text, &edits).unwrap(), expected);
    }

    #[test]
    fn an_import_is_added_in_the_files_own_form() {
        add(
            "import { a } from 'a';\n\nf();\n",
            true,
            &["a"],
            "import { a } from 'a';\nimport { guard } from './doorward/index.js';\n\nf();\n",
        );
        add(
            "const { a } = require(\"a\")\r\n",
            false,
            &["a"],
            "const { a } = require(\"a\")\r\nconst { guard } = require(\"./doorward/index.js\")\r\n",
        );
        add("import { a } from 'a'", true, &[], "import { a } from 'a'\nimport { guard } from './doorward/index.js'\n");
        add(
            "import { caller } from '../doorward/index.js';\n",
            true,
            &["caller"],
            "import { caller, guard } from '../doorward/index.js';\n",
        );
        add(
            "import { guard as g } from './doorward/index.js';\n",
            true,
            &["g"],
            "import { guard as g } from './doorward/index.js';\n",
        );
        add(
            "import { guard } from 'my-lib';\n",
            true,
            &["guard"],
            "import { guard } from 'my-lib';\nimport { guard as doorwardGuard } from './doorward/index.js';\n",
        );
        add(
            "'use strict';\nf();\n",
            false,
            &[],
            "'use strict';\nconst { guard } = require('./doorward/index.js');\nf();\n",
        );
    }

    #[test]
    fn an_unused_name_is_dropped_and_a_used_one_is_kept() {
        let check = |text: &str, name: &str, package: &str, expected: &str| {
            assert_eq!(drop_if_unused(text, name, package), expected)
        };
        check("import cors from 'cors';\nf();\n", "cors", "cors", "f();\n");
        check("import cors from 'cors';\ncors();\n", "cors", "cors", "import cors from 'cors';\ncors();\n");
        check("import { a, b } from 'm';\na();\n", "b", "m", "import { a } from 'm';\na();\n");
        check("import { a, b } from 'm';\nb();\n", "a", "m", "import { b } from 'm';\nb();\n");
        check("import { a } from 'm';\nf();\n", "a", "m", "f();\n");
        check("const { a } = require('m');\nf();\n", "a", "m", "f();\n");
        check("import { a } from 'other';\n", "a", "m", "import { a } from 'other';\n");
    }
}
