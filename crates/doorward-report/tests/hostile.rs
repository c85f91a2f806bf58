//! Text of a target that wants more than to be read.

#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test that fails should stop where it fails")]

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{App, Guard, GuardSeen, GuardState, Inventory, Route, Step, StepKind};
use doorward_report::{Survey, html, markdown, sarif};

const EVIL: &str =
    "</style></code><script>alert(1)</script><img src=x onerror='alert(1)'> \" & `|` \u{1b}[2J\u{202e} ](javascript:x)";

fn inventory() -> Inventory {
    let mut app = App::new(EVIL, EVIL, EVIL);
    app.version = Some(EVIL.to_owned());
    let mut route = Route::new("GET /<script>/{id}".parse().unwrap(), EVIL, 3);
    route.guard = Guard {
        state: GuardState::Unsure,
        by: vec![GuardSeen { name: EVIL.into(), origin: EVIL.into(), file: EVIL.into(), line: 1, asks: None }],
    };
    let step = Step { kind: StepKind::Mount, text: EVIL.into(), path: Some(EVIL.into()), file: EVIL.into(), line: 1 };
    route.trace = vec![step];
    route.shape.summary = Some(EVIL.to_owned());
    app.routes = vec![route, Route::new("GET /open".parse().unwrap(), "a b#c.js", 1)];
    let odd =
        Diagnostic::new("DW2003", EVIL).at(Location { file: EVIL.into(), line: 1, column: 1 }).help(EVIL).seen(EVIL);
    Inventory { apps: vec![app], unresolved: vec![odd] }
}

#[test]
fn a_page_holds_no_element_attribute_or_script_of_the_target() {
    let inventory = inventory();
    let survey = Survey { inventory: &inventory, findings: &inventory.unresolved, only_open: false };
    let page = html(&survey, EVIL, &|_| Some(EVIL.to_owned()));
    for evil in ["<script", "<img", "onerror='", "\u{1b}", "\u{202e}"] {
        assert!(!page.contains(evil), "{evil}");
    }
    assert_eq!(page.matches("</style>").count(), 1, "the style sheet ends where it ends");
    assert_eq!(page.matches("style=").count(), 0, "the policy would refuse styles in attributes");
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_eq!(page, html(&survey, EVIL, &|_| Some(EVIL.to_owned())), "the same data gives the same bytes");
}

/// A line without its code: what stands between two runs of equally many backticks.
fn outside(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let run = from.len() - from.trim_start_matches('`').len();
        let (fence, after) = from.split_at(run);
        let mut runs = after
            .match_indices(fence)
            .filter(|(at, _)| !after[..*at].ends_with('`') && !after[at + run..].starts_with('`'));
        rest = runs.next().map_or("", |(at, _)| &after[at + run..]);
    }
    text + rest
}

#[test]
fn a_comment_shows_the_text_and_does_not_run_it() {
    let inventory = inventory();
    let survey = Survey { inventory: &inventory, findings: &inventory.unresolved, only_open: false };
    let text = markdown(&survey, EVIL);
    for line in text.lines() {
        // Outside of code, nothing opens an element but what we wrote.
        let ours = outside(line).replace("<details>", "").replace("</details>", "").replace("<br>", "");
        let ours = ours.replace("<summary>", "").replace("</summary>", "").replace("<sub>", "").replace("</sub>", "");
        assert!(!ours.replace("\\<", "").contains('<'), "{line}");
    }
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
}

#[test]
fn a_log_names_files_as_references_and_keeps_no_secret() {
    let mut inventory = inventory();
    let key = ["sk", "live", &"Ab1".repeat(14)].join("_");
    inventory.unresolved.push(Diagnostic::new("DW2003", format!("see {key}")));
    let survey = Survey { inventory: &inventory, findings: &[], only_open: false };
    let log = sarif(&survey);
    assert!(log.contains("\"a%20b%23c.js\"") && !log.contains("Ab1Ab1"));
    let log: serde_json::Value = serde_json::from_str(&log).unwrap();
    let rules: Vec<_> =
        log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    for result in log["runs"][0]["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index], &result["ruleId"]);
    }
    for text in [html(&survey, "x", &|_| None), markdown(&survey, "x")] {
        assert!(!text.contains("Ab1Ab1"));
    }
}
