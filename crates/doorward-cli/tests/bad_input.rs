//! What goes wrong on the way: each case is refused or reported at its place, with a way out, and changes nothing.
//! Each has a neighbour that is accepted.

mod support;

use std::time::{Duration, Instant};

use support::{Run, Tree};

const MANIFEST: (&str, &str) = ("package.json", r#"{ "name": "shop", "dependencies": { "express": "^5.0.0" } }"#);

const APP: (&str, &str) = (
    "app.js",
    "const express = require('express');
const app = express();
app.get('/health', (req, res) => res.json({ ok: true }));
app.get('/orders', (req, res) => res.json([]));
app.listen(process.env.PORT);
",
);

const POLICY: &str = r#"version = 1

[clerk]
authorized_parties = ["https://app.example.com"]

[[rule]]
routes = ["GET /health"]
access = "public"
reason = "a probe"

[[rule]]
prefix = "/orders"
access = "signed-in"
"#;

const OPEN_POLICY: &str = r#"version = 1

[[rule]]
prefix = "/"
access = "public"
reason = "a catalogue"
"#;

fn shop() -> Tree {
    Tree::of(&[MANIFEST, APP])
}

fn shop_with(policy: &str) -> Tree {
    Tree::of(&[MANIFEST, APP, ("doorward.toml", policy)])
}

/// Runs a command that must leave every byte as it is.
#[track_caller]
fn only_reads(tree: &Tree, arguments: &[&str]) -> Run {
    let before = tree.bytes(&[]);
    let run = tree.run(arguments);
    let after = tree.bytes(&[]);
    let changed: Vec<_> = after.iter().filter(|(path, bytes)| before.get(*path) != Some(*bytes)).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "{changed:?}\n{}", run.all());
    run
}

/// A refusal, in words and as a document.
#[track_caller]
fn refused(tree: &Tree, arguments: &[&str], code: i32, texts: &[&str]) -> Run {
    let run = only_reads(tree, arguments);
    run.ends(code).says(texts);
    let mut with_json = vec!["--json"];
    with_json.extend(arguments);
    only_reads(tree, &with_json).ends(code).json();
    run
}

/// A made-up key: no text in this file looks like one.
fn key_like() -> String {
    ["sk", "test", &"a1".repeat(20)].join("_")
}

// ---- folders

#[test]
fn a_folder_without_source_is_refused_with_a_way_out() {
    let empty = Tree::of(&[]);
    for verb in ["discover", "plan"] {
        refused(&empty, &[verb], 2, &["no source in a language doorward reads", "help:", "--root"]);
    }
    for verb in ["check", "verify"] {
        refused(&empty, &[verb], 2, &["doorward.toml", "help:", "`doorward plan`"]);
    }
    refused(&empty, &["discover", "--root", "nowhere"], 2, &["`nowhere` is not a folder", "`--root`"]);
    only_reads(&shop(), &["discover"]).ends(0).says(&["2 routes"]);
}

#[test]
fn source_of_another_kind_is_refused() {
    let tree = Tree::of(&[MANIFEST, ("index.js", "export const sum = (a, b) => a + b;\n")]);
    tree.write("package.json", "{}");
    refused(&tree, &["discover"], 2, &["none of the frameworks", "express", "help:"]);
}

#[test]
fn routes_are_found_without_a_manifest_and_nothing_is_planned_into_the_void() {
    let tree = Tree::of(&[APP]);
    only_reads(&tree, &["discover"]).ends(0).says(&["GET  /orders  app.js:4"]);
    tree.run(&["plan", "--yes"]).ends(1).says(&["DW3008", "package.json"]);
    only_reads(&tree, &["apply", "--yes"]).ends(1).says(&["error"]);
    let neighbour = shop();
    neighbour.run(&["plan", "--yes"]).ends(0).never_says(&["DW3008"]);
}

#[test]
fn a_broken_manifest_is_named_and_the_routes_are_still_found() {
    let tree = Tree::of(&[("package.json", "{ \"name\": \"shop\",, }"), APP]);
    only_reads(&tree, &["discover"]).ends(0).says(&["DW2012", "package.json:1", "help:", "GET  /orders"]);
    let document = only_reads(&tree, &["--json", "discover"]).json();
    assert_eq!(document["unresolved"][0]["code"], "DW2012");
    tree.run(&["plan", "--yes"]).ends(1).says(&["DW3008"]);
    only_reads(&shop(), &["discover"]).ends(0).never_says(&["DW2012"]);
}

// ---- source

#[test]
fn a_syntax_error_costs_its_own_file_only() {
    let tree = shop();
    tree.write("extra.js", "const router = require('express').Router();\n\nconst x = ;\nmodule.exports = router;\n");
    tree.edit("app.js", "app.listen", "app.use('/extra', require('./extra'));\napp.listen");
    only_reads(&tree, &["discover"]).ends(0).says(&["DW2001", "extra.js:3", "help:", "/health", "/orders"]);
    let document = only_reads(&tree, &["--json", "discover"]).json();
    assert_eq!(document["unresolved"][0]["location"]["line"], 3, "{document}");
    assert_eq!(document["apps"][0]["routes"].as_array().unwrap().len(), 2, "{document}");
    tree.edit("extra.js", "const x = ;", "router.get('/more', (req, res) => res.end());");
    only_reads(&tree, &["discover"]).ends(0).says(&["/extra/more"]).never_says(&["DW2001"]);
}

#[test]
fn a_large_bundle_is_left_out_quickly() {
    let tree = shop();
    tree.write("bundle.js", &"app.get('/x',f);".repeat(330_000));
    tree.write("small.min.js", "app.get('/x',f);");
    let started = Instant::now();
    only_reads(&tree, &["discover"])
        .ends(0)
        .says(&["DW2002", "bundle.js", "larger than 1 MB", "small.min.js", "minified", "help:", "2 routes"])
        .never_says(&["f);app"]);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[cfg(unix)]
#[test]
fn links_that_lead_in_circles_are_not_followed() {
    use std::os::unix::fs::symlink;
    let tree = shop();
    tree.write("a/keep.txt", "");
    tree.write("b/keep.txt", "");
    symlink(".", tree.path().join("self")).unwrap();
    symlink("../b", tree.path().join("a/b")).unwrap();
    symlink("../a", tree.path().join("b/a")).unwrap();
    symlink("gone.js", tree.path().join("dangling.js")).unwrap();
    only_reads(&tree, &["discover"]).ends(0).says(&["2 routes: 2 open"]);
}

#[test]
fn hostile_paths_reach_no_terminal_and_stay_valid_in_json() {
    let tree = shop();
    tree.edit(
        "app.js",
        "app.listen",
        "app.get('/red\\u001b[31m', show);
app.get('/<script>alert(1)</script>', show);
app.get('/pay\\u202e/drowssap', show);
app.get('/line\\nbreak', show);
app.listen",
    );
    let run = only_reads(&tree, &["discover"]);
    run.ends(0).says(&["DW2014", "app.js:5", "\\u{1b}[31m", "/pay\\u{202e}/drowssap", "app.js:6"]);
    run.never_says(&["\u{1b}", "\u{202e}"]);
    let document = only_reads(&tree, &["--json", "discover"]).json();
    let text = document["apps"][0]["routes"].to_string();
    assert!(text.contains("drowssap") && !text.contains("alert"), "{text}");
    // They can be planned, and nothing of them acts on the terminal on the way.
    let planned = tree.run(&["plan", "--yes"]);
    planned.ends(0).never_says(&["\u{1b}", "\u{202e}"]);
    tree.run(&["apply", "--yes"]).ends(0).never_says(&["\u{1b}", "\u{202e}"]);
    only_reads(&tree, &["check"]).ends(0).never_says(&["\u{1b}", "\u{202e}"]);
}

#[test]
fn a_key_in_the_source_is_found_and_not_repeated() {
    let tree = shop();
    let key = key_like();
    tree.edit(
        "app.js",
        "const app = express();",
        &format!(
            "const app = express();\napp.use(require('@clerk/express').clerkMiddleware({{ secretKey: '{key}' }}));"
        ),
    );
    only_reads(&tree, &["discover"]).ends(0).says(&["DW2109", "app.js:3", "[a secret key]"]).never_says(&[&key]);
    only_reads(&tree, &["--json", "discover"]).never_says(&[&key]).json();
    tree.edit("app.js", &format!("'{key}'"), "process.env.CLERK_SECRET_KEY");
    only_reads(&tree, &["discover"]).ends(0).never_says(&["DW2109"]);
}

// ---- the policy

#[test]
fn a_policy_that_says_nonsense_is_refused_at_its_place() {
    let check = |from: &str, to: &str, texts: &[&str]| {
        let tree = shop_with(POLICY);
        tree.edit("doorward.toml", from, to);
        for verb in ["check", "plan", "verify"] {
            refused(&tree, &[verb], 2, texts);
        }
    };
    check("prefix = \"/orders\"\naccess", "prefix = \"/orders\"\nacess", &["DW1002", "`acess`", "doorward.toml:13"]);
    check("reason = \"a probe\"\n", "", &["DW1008", "doorward.toml:6", "say why anyone may call it"]);
    check("reason = \"a probe\"", "reason = \"  \"", &["DW1008", "doorward.toml:6"]);
    check("version = 1", "version = 2", &["DW1005", "doorward.toml:1", "`version = 1`"]);
    check("version = 1", "version = 1\ndefault = \"allow\"", &["DW1006", "doorward.toml:2"]);
    check("\"signed-in\"", "\"signed in\"", &["DW1011", "doorward.toml:13", "`signed-in`"]);
    check("\"signed-in\"", "\"machine\"", &["DW1007", "doorward.toml:13"]);
    check("\"signed-in\"", "{ permission = \"org:sys_memberships:read\" }", &["DW1012", "doorward.toml:13"]);
    check("https://app.example.com", "*", &["DW1009", "doorward.toml:4", "https://app.example.com"]);
    check("[\"GET /health\"]", "[\"/health\"]", &["DW1003", "doorward.toml:7", "GET /orgs/{orgId}"]);
    check("\"/orders\"", "\"/orders", &["DW1001", "doorward.toml:12"]);
    check("\"/orders\"", "\"/or\\u001b[2Jders\"", &["DW1003", "doorward.toml:12"]);
    let neighbour = shop_with(POLICY);
    only_reads(&neighbour, &["check"]).ends(1).says(&["DW4001", "app.js:4"]).never_says(&["doorward.toml:"]);
}

#[test]
fn a_key_in_the_policy_is_refused_and_never_repeated() {
    let key = key_like();
    let check = |from: &str, to: &str, code: &str| {
        let tree =
            shop_with(&format!("{POLICY}\n[[persona]]\nname = \"p\"\n\n[app.shop]\nstart = \"node server.js\"\n"));
        tree.edit("doorward.toml", from, to);
        for verb in ["check", "plan", "verify"] {
            refused(&tree, &[verb], 2, &[code, "doorward.toml:"]).never_says(&[&key, key.get(..16).unwrap()]);
            only_reads(&tree, &["--json", verb]).never_says(&[&key, key.get(..16).unwrap()]);
        }
    };
    check("[clerk]", &format!("[clerk]\nsecret_key_env = \"{key}\""), "DW1004");
    check("\"a probe\"", &format!("\"see {key}\""), "DW1004");
    check("\"node server.js\"", &format!("\"KEY={key} node server.js\""), "DW1004");
    check("name = \"p\"", &format!("name = \"{key}\""), "DW1004");
    check("name = \"p\"", &format!("name = \"p\"\n{key} = 1"), "DW1002");
    check("[clerk]", &format!("[{key}]"), "DW1002");
    let neighbour = shop_with(POLICY);
    neighbour.edit("doorward.toml", "[clerk]", "[clerk]\nsecret_key_env = \"CLERK_SECRET_KEY\"");
    only_reads(&neighbour, &["check"]).ends(1).never_says(&["DW1004"]);
}

#[test]
fn rules_that_compete_or_match_nothing_are_reported_and_block_the_plan() {
    let check = |more: &str, texts: &[&str]| {
        let tree = shop_with(&format!("{POLICY}\n{more}"));
        only_reads(&tree, &["check"]).ends(1).says(texts);
        only_reads(&tree, &["--json", "check"]).ends(1).json();
        tree.run(&["plan"]).ends(1).says(texts);
        only_reads(&tree, &["apply", "--yes"]).ends(1).says(&["error", "help:"]);
    };
    check(
        "[[rule]]\nprefix = \"/orders\"\naccess = { role = \"org:admin\" }\n",
        &["DW1020", "GET /orders", "doorward.toml:15"],
    );
    check(
        "[[rule]]\nroutes = [\"GET /gone\"]\naccess = \"signed-in\"\n",
        &["DW1022", "doorward.toml:15", "`doorward discover`"],
    );
    // An exact route is closer than a prefix: no tie.
    let neighbour =
        shop_with(&format!("{POLICY}\n[[rule]]\nroutes = [\"GET /orders\"]\naccess = {{ role = \"org:admin\" }}\n"));
    neighbour.run(&["plan"]).ends(0).never_says(&["DW1020"]);
}

#[test]
fn a_route_without_a_rule_fails_the_check_and_stays_closed() {
    let tree = shop_with(POLICY);
    tree.edit("app.js", "app.listen", "app.get('/new', (req, res) => res.json({}));\napp.listen");
    only_reads(&tree, &["check"]).ends(1).says(&["DW1021", "GET /new", "app.js:5"]);
    tree.write("doorward.toml", &format!("{POLICY}\n[[rule]]\nprefix = \"/new\"\naccess = \"signed-in\"\n"));
    only_reads(&tree, &["check"]).ends(1).never_says(&["DW1021"]);
}

#[test]
fn personas_and_expectations_that_make_no_sense_are_refused() {
    let check = |more: &str, texts: &[&str]| {
        let tree = shop_with(&format!("{POLICY}\n{more}\n"));
        refused(&tree, &["verify", "--start", "no-such-program"], 2, texts).never_says(&["\u{1b}[2J"]);
    };
    check("[[persona]]\norg = \"acme\"", &["DW1010", "doorward.toml:15", "`name`"]);
    check("[[persona]]\nname = \"\"", &["DW1010", "doorward.toml:15"]);
    check("[[persona]]\nname = 3", &["DW1003", "doorward.toml:16"]);
    check("[[persona]]\nname = \"a\"\npermissions = \"org:a:b\"", &["DW1003", "doorward.toml:17"]);
    check("[[persona]]\nname = \"a\"\nadmin = true", &["DW1002", "`admin`", "doorward.toml:17"]);
    let pinned = |rest: &str| format!("[[expect]]\nas = \"member\"\n{rest}");
    check(&pinned("call = \"GET /orders\"\nstatus = 999"), &["DW1010", "doorward.toml:15", "status"]);
    check(&pinned("call = \"GET /orders\"\nstatus = -1"), &["DW1010", "doorward.toml:15"]);
    check(&pinned("call = \"GET /orders\""), &["DW1010", "doorward.toml:15"]);
    check(&pinned("call = \"/orders\"\nstatus = 200"), &["DW1010", "doorward.toml:15"]);
    check(&pinned("call = \"GET http://example.com/\"\nstatus = 200"), &["DW1010", "doorward.toml:15"]);
    check(&pinned("call = \"GET /orders\\r\\nX-Evil: \\u001b[2J\"\nstatus = 200"), &["DW1010", "doorward.toml:15"]);
}

#[test]
fn a_pinned_answer_holds_or_is_named_with_its_place() {
    let tree =
        shop_with(&format!("{OPEN_POLICY}\n[[expect]]\nas = \"member\"\ncall = \"GET /orders\"\nstatus = 200\n"));
    tree.write("test/target.cjs", TARGET);
    verified(&tree, "open").ends(0);
    tree.edit("doorward.toml", "status = 200", "status = 403");
    verified(&tree, "open").ends(1).says(&["GET /orders", "expected  403", "got       200", "doorward.toml:8"]);
    // One about nobody, or about nothing, is no promise that was kept.
    for (from, to) in [("\"member\"", "\"nobody\""), ("GET /orders", "GET /nowhere")] {
        tree.edit("doorward.toml", from, to);
        let mut arguments = vec!["--json"];
        arguments.extend(START);
        let run = only_reads(&tree, &[&arguments[..], &["node test/target.cjs open"]].concat());
        let document = run.ends(1).json();
        assert!(document["findings"].to_string().contains("DW5012"), "{document}");
        tree.edit("doorward.toml", to, from);
    }
}

#[test]
fn hostile_names_of_personas_act_on_no_terminal() {
    let name = "a\\u001b[2J\\u202e";
    let persona = format!("[[persona]]\nname = \"{name}\"\n");
    let pinned = format!("[[expect]]\nas = \"{name}\"\ncall = \"GET /orders\"\nstatus = 418\n");
    let tree = target(&format!("{OPEN_POLICY}\n{persona}\n{pinned}"));
    let run = verified(&tree, "open");
    run.ends(1).says(&["expected  418", "a\\u{1b}[2J"]).never_says(&["\u{1b}", "\u{202e}"]);
    tree.edit("doorward.toml", "status = 418", "status = 200");
    verified(&tree, "open").ends(0);
}

// ---- plan, apply, undo

#[test]
fn open_questions_without_a_terminal_are_listed() {
    let tree = shop();
    let run = refused(&tree, &["plan"], 3, &["public-routes", "GET /health", "--set", "--yes"]);
    assert_eq!(run.out, "");
    let document = only_reads(&tree, &["--json", "plan"]).ends(3).json();
    let ids: Vec<&str> =
        document["questions"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"public-routes"), "{ids:?}");
    assert!(document["questions"][0]["choices"].to_string().contains("GET /health"), "{document}");
    // A mistyped answer must not silently leave a door as it is.
    refused(
        &tree,
        &["plan", "--yes", "--set", "public-routes=GET /healht"],
        2,
        &["`GET /healht`", "choose from", "GET /health"],
    );
    refused(&tree, &["plan", "--yes", "--set", "public-route=GET /health"], 2, &["`public-route`", "public-routes"]);
    refused(&tree, &["plan", "--yes", "--set", "public-routes"], 2, &["has no `=`", "help:"]);
    let answered = tree.run(&["plan", "--yes", "--set", "public-routes=GET /health"]);
    answered.ends(0).says(&["GET /health", "access = \"public\"", "Next: `doorward apply`"]);
    refused(&tree, &["plan", "--set", "public-routes=GET /orders"], 2, &["doorward.toml", "help:"]);
}

#[test]
fn nothing_is_applied_without_a_plan_a_yes_and_the_same_source() {
    let tree = shop();
    refused(&tree, &["apply", "--yes"], 2, &["there is no plan", "`doorward plan`"]);
    tree.run(&["plan", "--yes"]).ends(0);
    refused(&tree, &["apply"], 3, &["no terminal", "`doorward apply --yes`"]);
    tree.write("app.js", &format!("{}// later\n", APP.1));
    refused(&tree, &["apply", "--yes"], 5, &["has changed since", "run `doorward plan` again"]);
    tree.write("app.js", APP.1);
    tree.edit(
        "doorward.toml",
        "prefix = \"/orders\"\naccess = \"signed-in\"",
        "prefix = \"/orders\"\naccess = { role = \"org:admin\" }",
    );
    refused(&tree, &["apply", "--yes"], 5, &["has changed since"]);
    tree.run(&["plan"]).ends(0);
    tree.run(&["apply", "--yes"]).ends(0).says(&["changed app.js", "not verified yet"]);
    only_reads(&tree, &["apply", "--yes"]).ends(0).says(&["Nothing to do"]);
    only_reads(&tree, &["check", "--locked"]).ends(0);
}

#[test]
fn a_plan_that_was_edited_by_hand_is_refused() {
    let tree = shop();
    tree.run(&["plan", "--yes"]).ends(0);
    let plan = tree.read(".doorward/plan.json");
    tree.write(".doorward/plan.json", &plan.replace("guard('signed-in'), ", ""));
    refused(&tree, &["apply", "--yes"], 5, &["not the one that was shown", "`doorward plan`"]);
    tree.write(".doorward/plan.json", &plan.replace("\"path\":\"app.js\"", "\"path\":\"../app.js\""));
    refused(&tree, &["apply", "--yes"], 5, &["error", "help:"]);
    for text in ["", "{{", "{}", "[1, 2]", "null"] {
        tree.write(".doorward/plan.json", text);
        refused(&tree, &["apply", "--yes"], 5, &["can't be read", "`doorward plan`"]);
    }
    tree.write(".doorward/plan.json", &plan);
    tree.run(&["apply", "--yes"]).ends(0);
}

#[test]
fn undo_takes_back_what_was_applied_and_nothing_else() {
    let tree = shop();
    refused(&tree, &["undo"], 2, &["nothing to undo", "`doorward apply`"]);
    tree.run(&["plan", "--yes"]).ends(0);
    let before = tree.bytes(&[".doorward"]);
    refused(&tree, &["undo"], 2, &["nothing to undo"]);
    tree.run(&["apply", "--yes"]).ends(0);
    let applied = tree.read("app.js");
    tree.write("app.js", &format!("{applied}// work\n"));
    refused(&tree, &["undo"], 5, &["`app.js` has changed", "help:"]);
    tree.write("app.js", &applied);
    std::fs::remove_file(tree.path().join("package.json")).unwrap();
    refused(&tree, &["undo"], 5, &["`package.json` has changed"]);
    tree.write("package.json", MANIFEST.1);
    tree.run(&["undo"]).ends(0).says(&["restored app.js"]);
    assert_eq!(tree.bytes(&[".doorward"]), before);
    refused(&tree, &["undo"], 2, &["nothing to undo"]);
}

#[test]
fn undo_restores_nothing_outside_the_tree() {
    let outer = Tree::of(&[("victim.js", "mine")]);
    for (path, text) in [MANIFEST, APP] {
        outer.write(&format!("shop/{path}"), text);
    }
    outer.run(&["--root", "shop", "plan", "--yes"]).ends(0);
    outer.run(&["--root", "shop", "apply", "--yes"]).ends(0);
    let record = outer.read("shop/.doorward/undo.json");
    outer.write("shop/.doorward/undo.json", &record.replace("\"path\":\"app.js\"", "\"path\":\"../victim.js\""));
    refused(&outer, &["undo", "--root", "shop"], 5, &["`../victim.js` leads out of the project", "help:"]);
    outer.write("shop/.doorward/undo.json", &record);
    outer.run(&["--root", "shop", "undo"]).ends(0);
    assert_eq!(outer.read("shop/app.js"), APP.1);
}

#[cfg(unix)]
#[test]
fn nothing_is_read_or_written_through_a_link_that_leads_out() {
    use std::os::unix::fs::symlink;
    let outer = Tree::of(&[("elsewhere/policy.toml", OPEN_POLICY)]);
    for (path, text) in [MANIFEST, APP] {
        outer.write(&format!("shop/{path}"), text);
    }
    let policy = outer.path().join("shop/doorward.toml");
    symlink("../elsewhere/policy.toml", &policy).unwrap();
    for verb in ["check", "plan", "verify"] {
        refused(&outer, &[verb, "--root", "shop"], 4, &["`doorward.toml` leads out of the project"]);
    }
    std::fs::remove_file(&policy).unwrap();
    outer.write("shop/doorward.toml", POLICY);
    symlink("../elsewhere", outer.path().join("shop/.doorward")).unwrap();
    refused(&outer, &["plan", "--root", "shop"], 4, &["leads out of the project"]);
    std::fs::remove_file(outer.path().join("shop/.doorward")).unwrap();
    outer.run(&["--root", "shop", "plan"]).ends(0);
}

#[test]
fn a_lock_that_can_not_be_read_fails_the_check() {
    let tree = shop_with(POLICY);
    refused(&tree, &["check", "--locked"], 2, &["there is no `doorward.lock.json`", "`doorward apply`"]);
    tree.run(&["plan"]).ends(0);
    tree.run(&["apply", "--yes"]).ends(0);
    let lock = tree.read("doorward.lock.json");
    let conflict = format!("<<<<<<< HEAD\n{lock}=======\n{lock}>>>>>>> other\n");
    for text in [conflict.as_str(), "", "{\"version\": 1", "{\"version\": 1}", "{\"version\": 9, \"apps\": {}}", "[]"] {
        tree.write("doorward.lock.json", text);
        refused(&tree, &["check"], 2, &["DW4006", "doorward.lock.json", "help"]);
    }
    tree.write("doorward.lock.json", &lock);
    only_reads(&tree, &["check"]).ends(0).says(&["2 routes and their guards agree"]);
    // Drift is told apart from damage.
    tree.write("doorward.lock.json", &lock.replace("signed-in", "role org:admin"));
    only_reads(&tree, &["check"]).ends(1).says(&["DW4004", "GET /orders"]);
    tree.write("doorward.lock.json", &lock.replace("GET /orders", "GET /older"));
    only_reads(&tree, &["check"]).ends(1).says(&["DW4005", "GET /older"]);
}

// ---- servers

/// Servers of the standard library alone. None of them knows Clerk.
const TARGET: &str = r#"
const http = require('node:http');
const net = require('node:net');
const port = Number(process.env.PORT);
const json = { 'content-type': 'application/json' };
let seen = 0;
const servers = {
  open: () => http.createServer((req, res) => res.writeHead(200, json).end('{}')),
  closed: () => http.createServer((req, res) => res.writeHead(401, { ...json, 'www-authenticate': 'Bearer' }).end('{}')),
  hangs: () => http.createServer(() => {}),
  garbage: () => net.createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-nonsense\r\n')),
  'dies-later': () => http.createServer((req, res) => (++seen > 3 ? process.exit(1) : res.writeHead(200, json).end('{}'))),
};
const [how, mark] = process.argv.slice(2);
const up = () => mark && require('node:fs').writeFileSync(mark, String(port));
if (how === 'silent') setInterval(() => {}, 1000);
if (how === 'dies') {
  console.error(`\u001b[2Jthe key is ${process.env.CLERK_SECRET_KEY}`);
  process.exit(3);
}
servers[how]?.().listen(port, '127.0.0.1', up);
"#;

const START: &[&str] = &["verify", "--wait", "20", "--start"];

/// For servers that never come up.
const START_SOON: &[&str] = &["verify", "--wait", "2", "--start"];

fn target(policy: &str) -> Tree {
    let tree = shop_with(policy);
    tree.write("test/target.cjs", TARGET);
    tree
}

#[track_caller]
fn verified(tree: &Tree, how: &str) -> Run {
    only_reads(tree, &[START, &[&format!("node test/target.cjs {how}")]].concat())
}

#[test]
fn a_server_that_does_not_come_up_is_a_problem_of_the_environment() {
    let tree = target(POLICY);
    let check = |command: &str, texts: &[&str]| refused(&tree, &[START_SOON, &[command]].concat(), 4, texts);
    check("no-such-program --flag", &["can't run `no-such-program`", "check the `start` command"]);
    check("node test/target.cjs silent", &["did not answer", "within 2s", "PORT", "--wait"]);
    check("node test/target.cjs garbage", &["does not speak HTTP", "PORT"]);
    let died =
        check("node test/target.cjs dies", &["ended (exit status: 3)", "its last words", "the key is [redacted]"]);
    died.never_says(&["\u{1b}", &["sk", "test", ""].join("_")]);
}

#[test]
fn a_command_that_can_not_be_read_is_refused() {
    let tree = target(POLICY);
    refused(&tree, &[START, &["node 'unclosed"]].concat(), 2, &["quote that is not closed"]);
    refused(&tree, &["verify"], 2, &["not known how to start", "`start = ", "--start"]);
    refused(&tree, &["verify", "--app", "other"], 2, &["no app `other`", "the apps are shop"]);
    refused(&tree, &["verify", "--param", "id", "--start", "node test/target.cjs open"], 2, &["has no `=`"]);
}

#[test]
fn an_open_server_fails_where_the_policy_says_closed() {
    let open = verified(&target(POLICY), "open");
    open.ends(1).says(&["FAILED GET /orders", "app.js:4", "No credentials at all", "got       200", "curl -i"]);
    open.says(&["proved  GET /health"]);
    // The same server is right where anyone may call.
    let tree = target(OPEN_POLICY);
    verified(&tree, "open").ends(0).says(&["every route is proved"]);
    let document = only_reads(&tree, &[&["--json"], START, &["node test/target.cjs open"]].concat()).json();
    assert_eq!(document["summary"]["proved"], 2, "{document}");
}

#[test]
fn a_server_that_refuses_everybody_proves_nothing() {
    let closed = verified(&target(POLICY), "closed");
    closed
        .ends(1)
        .says(&["FAILED GET /orders", "someone who may come in was refused"])
        .never_says(&["proved  GET /orders"]);
    let document =
        only_reads(&target(POLICY), &[&["--json"], START, &["node test/target.cjs closed"]].concat()).ends(1).json();
    assert_eq!(document["summary"]["proved"], 0, "{document}");
}

#[test]
fn a_server_that_dies_half_way_is_not_proved() {
    let tree = target(OPEN_POLICY);
    let document =
        only_reads(&tree, &[&["--json"], START, &["node test/target.cjs dies-later"]].concat()).ends(1).json();
    assert_ne!(document["summary"]["proved"], 2, "{document}");
}

/// Whether anything still listens where a server was told to.
fn is_gone(tree: &Tree) -> bool {
    let address = format!("127.0.0.1:{}", tree.read("test/mark"));
    (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        std::net::TcpStream::connect(&address).is_err()
    })
}

#[test]
fn a_server_that_never_answers_is_given_up_and_ended() {
    let tree = target(POLICY);
    let started = Instant::now();
    let run = tree.run(&[START_SOON, &["node test/target.cjs hangs test/mark"]].concat());
    run.ends(4).says(&["did not answer", "--wait"]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(is_gone(&tree));
}

#[test]
fn a_server_is_ended_with_its_test() {
    let tree = target(OPEN_POLICY);
    tree.run(&[START, &["node test/target.cjs open test/mark"]].concat()).ends(0);
    assert!(is_gone(&tree));
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_takes_its_server_with_it() {
    let tree = target(OPEN_POLICY);
    let mut run = support::doorward(tree.path())
        .args(["verify", "--start", "node test/target.cjs hangs test/mark"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..200 {
        if std::fs::read_to_string(tree.path().join("test/mark")).is_ok_and(|port| !port.is_empty()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let id = run.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert!(is_gone(&tree));
}

#[test]
fn attacks_are_only_sent_to_this_machine() {
    let tree = target(POLICY);
    for url in [
        "http://192.0.2.1:80",
        "http://example.com",
        "http://127.0.0.1.example.com:3000",
        "http://127.0.0.1:1@192.0.2.1:80",
    ] {
        refused(&tree, &["verify", "--url", url], 5, &["error", "loopback only", "help:"]);
    }
    for url in ["", "nonsense", "https://127.0.0.1:1", "file:///etc"] {
        refused(&tree, &["verify", "--url", url], 5, &["error", "http://HOST:PORT"]);
    }
    // Loopback is accepted, and waited for.
    only_reads(&tree, &["verify", "--url", "http://127.0.0.1:1", "--wait", "0"]).ends(4).says(&["nothing answers"]);
}

// ---- documents

#[test]
fn every_verb_prints_one_document() {
    let tree = target(OPEN_POLICY);
    for arguments in [
        &["discover"][..],
        &["plan"],
        &["apply", "--yes"],
        &["check", "--locked"],
        &["verify", "--start", "node test/target.cjs open"],
        &["undo"],
        &["explain", "dw1008"],
    ] {
        tree.run(&[&["--json"], arguments].concat()).ends(0).json();
    }
    for arguments in [&["explain", "DW9999"][..], &["explain", ""], &["explain", "\u{1b}[2J"]] {
        refused(&tree, arguments, 2, &["there is no code", "DW1001"]).never_says(&["\u{1b}"]);
    }
    refused(&tree, &["token"], 4, &["no local Clerk is running", "`doorward emulate`"]);
}

#[test]
fn a_command_line_that_is_wrong_is_refused_in_words() {
    let tree = shop();
    for arguments in [
        &["discovr"][..],
        &["verify", "--start", "x", "--url", "http://127.0.0.1:1"],
        &["verify", "--wait", "soon"],
        &["token", "--expired", "--forge", "alg-none"],
        &[],
    ] {
        only_reads(&tree, arguments).ends(2).says(&["--help"]);
    }
    only_reads(&tree, &["--help"]).ends(0);
}

#[test]
fn a_reader_that_goes_away_is_no_reason_to_panic() {
    let tree = shop_with(POLICY);
    for arguments in [&["discover"][..], &["--json", "discover"], &["check"], &["plan"], &["explain", "DW1001"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = support::doorward(tree.path())
            .args(arguments)
            .stdout(writer)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_some_and(|code| code < 2) && !err.contains("panicked"), "{arguments:?}: {err}");
    }
}
