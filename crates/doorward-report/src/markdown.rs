//! Markdown for a comment on a pull request.

use doorward::inventory::{App, GuardState};

use crate::survey::{Counts, Survey, UNREAD, places, same, unsure_by};
use crate::text::{count, visible};

/// A comment holds about 65,000 characters; these many lines stay well below, and nobody reads more.
const MOST_ROUTES: usize = 100;
const MOST_FINDINGS: usize = 40;
const MOST_PLACES: usize = 10;

/// What discovery found, as a comment: the numbers, what is open, and what is wrong.
#[must_use]
pub fn markdown(survey: &Survey<'_>, title: &str) -> String {
    let mut text = format!("## Endpoints of {}\n\n", code(title));
    let counts = survey.counts();
    let unresolved: Vec<String> = UNREAD
        .iter()
        .zip(survey.unresolved())
        .map(|((name, _), all)| format!("**{}** {name}", count(all.len(), "place")))
        .collect();
    text.push_str(&format!(
        "**{}**: {} open, {} unsure, {} guarded · {} · **{}**\n\n",
        count(counts.total(), "route"),
        counts.open,
        counts.unsure,
        counts.guarded,
        unresolved.join(", "),
        count(survey.findings.len(), "finding"),
    ));
    text.push_str("| App | Framework | Open | Unsure | Guarded |\n|---|---|--:|--:|--:|\n");
    for app in &survey.inventory.apps {
        let counts = Counts::of(&app.routes);
        let framework = format!("{} {}", app.framework, app.version.as_deref().unwrap_or_default());
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            cell(&app.name),
            cell(framework.trim()),
            counts.open,
            counts.unsure,
            counts.guarded
        ));
    }
    routes(&mut text, survey);
    findings(&mut text, survey);
    text.push_str("\n<sub>Read from the source by doorward; nothing was run. What is open may be meant to be.</sub>\n");
    text
}

fn routes(text: &mut String, survey: &Survey<'_>) {
    let several = survey.inventory.apps.len() > 1;
    for (state, title) in [(GuardState::Open, "Open"), (GuardState::Unsure, "Unsure")] {
        let all: Vec<(&App, _)> = survey
            .inventory
            .apps
            .iter()
            .flat_map(|app| app.routes.iter().map(move |route| (app, route)))
            .filter(|(_, route)| route.guard.state == state)
            .collect();
        if all.is_empty() {
            continue;
        }
        text.push_str(&format!("\n### {title}: {}\n\n", count(all.len(), "route")));
        let (app_head, app_line) = if several { (" App |", "---|") } else { ("", "") };
        let (by_head, by_line) = if state == GuardState::Unsure { (" Perhaps by |", "---|") } else { ("", "") };
        text.push_str(&format!("| Route |{app_head}{by_head} Source |\n|---|{app_line}{by_line}---|\n"));
        for (app, route) in all.iter().take(MOST_ROUTES) {
            let name = if several { format!(" {} |", cell(&app.name)) } else { String::new() };
            let by = unsure_by(&route.guard.by, &cell);
            let by = if state == GuardState::Unsure { format!(" {by} |") } else { String::new() };
            let place = cell(&format!("{}:{}", route.file, route.line));
            text.push_str(&format!("| {} |{name}{by} {place} |\n", cell(&route.id.to_string())));
        }
        more(text, all.len(), MOST_ROUTES);
    }
}

fn findings(text: &mut String, survey: &Survey<'_>) {
    let mut parts = vec![("findings, the worst first".to_owned(), survey.by_severity())];
    for ((name, means), all) in UNREAD.iter().zip(survey.unresolved()) {
        parts.push((format!("{name}: {means}"), all));
    }
    for (title, all) in parts {
        if all.is_empty() {
            continue;
        }
        text.push_str(&format!("\n<details><summary>{} {title}</summary>\n\n", all.len()));
        let all = same(all);
        for group in all.iter().take(MOST_FINDINGS) {
            let it = group.first;
            let place = it.location.as_ref().map(|it| format!(" at {}", code(&it.to_string()))).unwrap_or_default();
            text.push_str(&format!("- **{}** {}{place}: {}", it.severity, it.code, prose(&it.message)));
            if let Some(help) = &it.help {
                text.push_str(&format!("<br>{}", prose(help)));
            }
            if !group.others.is_empty() {
                let others: Vec<String> = places(&group.others).iter().take(MOST_PLACES).map(|it| code(it)).collect();
                let number = count(group.others.len(), "more place");
                text.push_str(&format!("<br>The same in {number}: {}", others.join("; ")));
            }
            text.push('\n');
        }
        more(text, all.len(), MOST_FINDINGS);
        text.push_str("\n</details>\n");
    }
}

fn more(text: &mut String, all: usize, shown: usize) {
    if all > shown {
        text.push_str(&format!("\n… and {} more.\n", all - shown));
    }
}

/// Code, in one line.
fn code(text: &str) -> String {
    let text = visible(text).replace(['\n', '\r'], " ");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    if longest == 0 {
        return format!("`{text}`");
    }
    let fence = "`".repeat(longest + 1);
    format!("{fence} {text} {fence}")
}

/// Code in a table: a bar would end the cell, even in code.
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// A sentence of ours with the user's words in backticks: outside of them nothing is markup.
fn prose(text: &str) -> String {
    let mut safe = String::new();
    for (at, part) in visible(text).replace(['\n', '\r'], " ").split('`').enumerate() {
        if at % 2 == 1 {
            safe.push_str(&code(part));
            continue;
        }
        for c in part.chars() {
            if "\\*_{}[]<>#|~!@".contains(c) {
                safe.push('\\');
            }
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_target_is_markup() {
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
        assert_eq!(cell("a|b\nc"), "`a\\|b c`");
        assert_eq!(prose("see `x|<y>` <img src=x> @all *"), "see `x|<y>` \\<img src=x\\> \\@all \\*");
        assert_eq!(prose("odd ` tick <b>"), "odd ` tick <b>`");
    }
}
