//! How pieces of source are shown to people: never with arguments, which may hold secrets.

use crate::walk::printable;

/// A plugin, hook or handler: `auth`, `auth(…)`, `import("./users.js")`, `(inline)`.
pub(super) fn shown(text: &str) -> String {
    let text = one_line(text);
    if text.starts_with("require(") || text.starts_with("import(") || text.starts_with("await import(") {
        return printable(&text);
    }
    let is_code = text.starts_with("function") || text.starts_with("async ") || text.contains("=>");
    if is_code || text.starts_with('{') {
        return "(inline)".to_owned();
    }
    printable(&callee(&text))
}

/// The value of an option, in the text behind its name: `: auth,` and `: [auth, admin],`. `at`: which of a list.
pub(super) fn entry(rest: &str, at: usize) -> Option<String> {
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let rest = rest.strip_prefix('[').unwrap_or(rest);
    let (mut depth, mut index) = (0_usize, 0);
    let mut text = String::new();
    for letter in rest.chars().take(1_000) {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 && index == at => break,
            ',' if depth == 0 => {
                index += 1;
                text.clear();
                continue;
            }
            _ => {}
        }
        text.push(letter);
    }
    let shown = shown(text.trim());
    let is_name = |it: char| it.is_alphanumeric() || "_.$#()… ?!".contains(it);
    (index == at && !shown.is_empty() && shown != "(inline)" && shown.chars().all(is_name)).then_some(shown)
}

/// One line of at most 80 characters.
pub(super) fn one_line(text: &str) -> String {
    // A long text is cut before it is split into words.
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().take(100));
        if line.len() > 400 {
            break;
        }
    }
    if line.chars().count() <= 80 { line } else { line.chars().take(79).chain(['…']).collect() }
}

/// `auth` and `auth(…)` for what is called; the text itself for the rest.
pub(super) fn callee(text: &str) -> String {
    match text.split_once('(') {
        Some((name, rest)) if rest.starts_with(')') => format!("{name}()"),
        Some((name, _)) => format!("{name}(…)"),
        None => text.to_owned(),
    }
}
