//! The picture of the attack surface: a bar for every app, and a tree of paths.

use std::collections::BTreeMap;

use doorward::inventory::GuardState;

use super::{esc, word};
use crate::survey::{Counts, Survey};
use crate::text::count;

/// Deeper parts of a path are counted with the part above them.
const MAX_DEPTH: usize = 8;

pub(super) fn show(page: &mut String, survey: &Survey<'_>) {
    page.push_str("<h2>Attack surface</h2>\n<dl class=\"surface\">\n");
    let most = survey.inventory.apps.iter().map(|app| app.routes.len()).max().unwrap_or_default().max(1);
    for app in &survey.inventory.apps {
        let counts = Counts::of(&app.routes);
        page.push_str(&format!(
            "<div><dt>{} <small>{}</small></dt><dd>{}</dd><dd><small>{}</small></dd></div>\n",
            esc(&app.name),
            esc(&app.framework),
            bar(counts, most),
            words(counts)
        ));
    }
    page.push_str("</dl>\n<h3>By path</h3>\n");
    page.push_str("<ul class=\"tree\">\n");
    for app in &survey.inventory.apps {
        let mut root = Node::default();
        for route in &app.routes {
            let path = route.path.to_string();
            root.add(&mut path.split('/').filter(|it| !it.is_empty()), route.guard.state, 0);
        }
        root.show(page, if survey.inventory.apps.len() > 1 { &app.name } else { "/" }, 0);
    }
    page.push_str("</ul>\n");
}

/// `3 open, 1 unsure, 0 guarded`.
fn words(counts: Counts) -> String {
    format!("{} open, {} unsure, {} guarded", counts.open, counts.unsure, counts.guarded)
}

/// Its parts are as wide as their numbers, next to the largest app's. The words beside it say the same.
fn bar(counts: Counts, most: usize) -> String {
    let mut text = String::from(
        "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\">",
    );
    let mut from = 0;
    let parts =
        [(counts.open, GuardState::Open), (counts.unsure, GuardState::Unsure), (counts.guarded, GuardState::Guarded)];
    for (number, state) in parts {
        let width = number * 1000 / most;
        // A thin gap, so that neighbours are told apart without their colours.
        let drawn = width.saturating_sub(3).max(usize::from(number > 0) * 3);
        text.push_str(&format!("<rect class=\"{}\" x=\"{from}\" width=\"{drawn}\" height=\"10\"/>", word(state)));
        from += width;
    }
    text.push_str("</svg>");
    text
}

#[derive(Default)]
struct Node {
    /// The routes at this path and below it.
    counts: Counts,
    below: BTreeMap<String, Node>,
}

impl Node {
    fn add(&mut self, parts: &mut dyn Iterator<Item = &str>, state: GuardState, depth: usize) {
        match state {
            GuardState::Open => self.counts.open += 1,
            GuardState::Unsure => self.counts.unsure += 1,
            GuardState::Guarded => self.counts.guarded += 1,
        }
        if depth < MAX_DEPTH
            && let Some(part) = parts.next()
        {
            self.below.entry(part.to_owned()).or_default().add(parts, state, depth + 1);
        }
    }

    fn show(&self, page: &mut String, name: &str, depth: usize) {
        let mut name = name.to_owned();
        let mut node = self;
        // A chain of single parts is one line.
        while depth > 0 && node.below.len() == 1 {
            let Some((part, only)) = node.below.iter().next().filter(|(_, it)| it.counts == node.counts) else { break };
            name = format!("{name}/{part}");
            node = only;
        }
        let label = format!(
            "<span class=\"path\">{}</span> <small>{}: {}</small>",
            esc(&name),
            count(node.counts.total(), "route"),
            marks(node.counts)
        );
        if node.below.is_empty() {
            page.push_str(&format!("<li><span class=\"leaf\">{label}</span></li>\n"));
            return;
        }
        let open = if depth == 0 { " open" } else { "" };
        page.push_str(&format!("<li><details{open}><summary>{label}</summary>\n<ul>\n"));
        for (part, child) in &node.below {
            child.show(page, &format!("/{part}").replace("//", "/"), depth + 1);
        }
        page.push_str("</ul>\n</details></li>\n");
    }
}

fn marks(counts: Counts) -> String {
    let all = [(counts.open, "open"), (counts.unsure, "unsure"), (counts.guarded, "guarded")];
    let some = all.iter().filter(|(number, _)| *number > 0);
    some.map(|(number, word)| format!("<span class=\"mark {word}\">{number} {word}</span>"))
        .collect::<Vec<_>>()
        .join(" ")
}
