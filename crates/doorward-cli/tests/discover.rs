//! What `doorward discover` prints for people, and what its options leave out.

mod support;

use support::Tree;

const MANIFEST: (&str, &str) = ("package.json", r#"{ "name": "shop", "dependencies": { "express": "^5.0.0" } }"#);

fn shop() -> Tree {
    Tree::of(&[
        MANIFEST,
        (
            "app.js",
            "const express = require('express');
const { getAuth } = require('@clerk/express');
const app = express();
const auth = (req, res, next) => (getAuth(req).userId ? next() : res.status(401).end());
app.get('/health', (req, res) => res.json({}));
app.get('/orders', auth, (req, res) => res.json([]));
app.use(require(process.env.PLUGIN));
app.use('/users', require('./users'));
app.listen(3000);
",
        ),
        (
            "users.js",
            "const router = require('express').Router();
router.get('/:id', (req, res) => res.json({}));
module.exports = router;
",
        ),
    ])
}

#[test]
fn routes_stand_under_their_file_and_the_summary_counts_what_is_unresolved() {
    let run = shop().run(&["discover"]);
    run.ends(0).says(&[
        "3 routes: 1 open, 1 unsure, 1 guarded",
        "OPEN     GET  /health      app.js:5",
        "GUARDED  GET  /orders      app.js:6",
        "UNSURE   GET  /users/{id}  users.js:2  maybe by require(…)",
        "unsure: something runs first",
        "2 places unread: routes made there may be missing from the list",
        "app.js:7",
    ]);
    assert!(run.out.find("\n  app.js\n").unwrap() < run.out.find("\n  users.js").unwrap(), "{}", run.all());
    assert!(!run.all().contains('\u{1b}'), "no colours without a terminal");
}

#[test]
fn only_what_is_asked_for_is_listed() {
    let shop = shop();
    shop.run(&["discover", "--open"])
        .ends(0)
        .says(&["/health", "The guarded ones are left out"])
        .never_says(&["/orders"]);
    let document = shop.run(&["--json", "discover", "--open"]).json();
    assert_eq!(document["apps"][0]["routes"].as_array().unwrap().len(), 2);
    shop.run(&["discover", "--app", "shop"]).ends(0).says(&["/orders"]);
    shop.run(&["discover", "--app", "."]).ends(0).says(&["/orders"]);
    shop.run(&["discover", "--app", "store"]).ends(2).says(&["there is no app `store`", "the apps are shop"]);
    shop.run(&["discover", "--framework", "express"]).ends(0).says(&["/orders"]);
    shop.run(&["discover", "--framework", "rails"]).ends(2).says(&["no framework `rails`", "express"]);
}

#[test]
fn a_terminal_that_wants_no_colours_gets_none() {
    let shop = shop();
    let run = shop.run(&["discover", "--color", "always"]);
    assert!(run.out.contains('\u{1b}'), "{}", run.all());
    let output = support::doorward(shop.path()).args(["discover"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn what_is_listed_with_something_assumed_is_told_apart_from_what_is_missing() {
    let shop = Tree::of(&[
        MANIFEST,
        (
            "app.js",
            "const express = require('express');
const app = express();
app.get(process.env.ONE, (req, res) => res.json({}));
app.get(process.env.ONE, (req, res) => res.json({}));
app.get((process.env.PREFIX ?? '/api') + '/orders', (req, res) => res.json([]));
app.listen(3000);
",
        ),
    ]);
    let run = shop.run(&["discover"]);
    run.ends(0).says(&[
        "Unread: routes made there may be missing from the list",
        "Assumed: nothing is missing from the list; check what was assumed",
        "  2 places unread: routes",
        "  1 place assumed: nothing",
        "the same in 1 more place:\n       app.js:4",
        "OPEN     GET  /api/orders",
    ]);
    assert_eq!(run.out.matches("warning[DW2003]").count(), 1, "{}", run.all());
    let document = shop.run(&["--json", "discover"]).json();
    let kinds = |kind: &str| {
        let all = document["unresolved"].as_array().unwrap().iter().filter(|it| it["routes"] == kind);
        all.map(|it| it["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((kinds("missing"), kinds("listed")), (vec!["DW2003".to_owned(); 2], vec!["DW2010".to_owned()]));
    shop.run(&["discover", "--report", "md"]).ends(0).says(&["**2 places** unread, **1 place** assumed"]);
    let page = shop.run(&["discover", "--report", "html"]);
    page.ends(0).says(&["<strong>2</strong> unread", "<strong>1</strong> assumed", "The same in 1 more place"]);
    let log = shop.run(&["discover", "--report", "sarif"]);
    log.ends(0).says(&["(routes made there may be missing from the list)", "\"routes\": \"listed\""]);
}

#[test]
fn a_report_of_open_routes_counts_the_guarded_ones_too() {
    let shop = shop();
    let page = shop.run(&["discover", "--open", "--report", "html"]);
    page.ends(0)
        .says(&[
            "<strong>1</strong> guarded",
            "1 open, 1 unsure, 1 guarded",
            "The 1 guarded are left out here",
            "/health",
        ])
        .never_says(&["<tr class=\"guarded\">"]);
    shop.run(&["discover", "--open", "--report", "md"]).ends(0).says(&["**3 routes**: 1 open, 1 unsure, 1 guarded"]);
}

#[test]
fn the_folder_may_stand_without_its_option() {
    let shop = shop();
    let outside = tempfile::tempdir().unwrap();
    let path = shop.path().to_str().unwrap();
    for arguments in [
        &["discover", path][..],
        &["explain", "GET", "/health", path],
        &["explain", "/health", path],
        &["export", "openapi", path],
    ] {
        let output = support::doorward(outside.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("/health"), "{arguments:?}");
    }
    let output = support::doorward(outside.path()).args(["explain", "DW2003", path]).output().unwrap();
    assert!(output.status.success());
    shop.run(&["discover", "nowhere"]).ends(2).says(&["`nowhere` is not a folder", "`doorward discover ../api`"]);
    shop.run(&["discover", "--root", ".", "."]).ends(2).says(&["cannot be used with"]);
    let output = support::doorward(outside.path()).args(["plan", "--yes", path]).output().unwrap();
    assert!(output.status.success() && shop.path().join("doorward.toml").is_file());
    let output = support::doorward(outside.path()).args(["check", path]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn frameworks_are_known_by_any_spelling() {
    let shop = shop();
    shop.run(&["discover", "--framework", "EXPRESS"]).ends(0).says(&["/orders"]);
    shop.run(&["discover", "--framework", "nextjs"]).ends(2).says(&["did you mean `next`?"]);
    shop.run(&["discover", "--framework", "Nest"]).ends(2).says(&["did you mean `nestjs`?"]);
    shop.run(&["discover", "--framework", "rails"]).ends(2).never_says(&["did you mean"]);
}

#[test]
fn a_package_of_routes_is_counted_with_the_server_that_mounts_it() {
    let api = |scripts: &str| {
        format!(r#"{{ "name": "@shop/api", "main": "index.ts", {scripts} "dependencies": {{ "hono": "^4.0.0" }} }}"#)
    };
    let tree = |scripts: &str| {
        Tree::of(&[
            ("package.json", r#"{ "name": "shop", "private": true, "workspaces": ["packages/*"] }"#),
            ("packages/api/package.json", &api(scripts)),
            (
                "packages/api/index.ts",
                "import { Hono } from 'hono';
const app = new Hono();
app.get('/health', (c) => c.text('ok'));
export default app;
",
            ),
            (
                "packages/web/package.json",
                r#"{ "name": "@shop/web", "scripts": { "start": "node server.ts" },
                     "dependencies": { "hono": "^4.0.0", "@shop/api": "*" } }"#,
            ),
            (
                "packages/web/server.ts",
                "import { Hono } from 'hono';
import { serve } from '@hono/node-server';
import api from '@shop/api';
const app = new Hono();
app.get('/', (c) => c.text('ok'));
app.route('/api', api);
serve(app);
",
            ),
        ])
    };
    tree("").run(&["discover"]).ends(0).says(&["2 routes in 1 app", "/api/health"]);
    // What is started by itself is a server, whoever else mounts it.
    tree(r#""scripts": { "start": "bun index.ts" },"#).run(&["discover"]).ends(0).says(&["3 routes in 2 apps"]);
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_told_of_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let shop = shop();
    let file = shop.path().join("users.js");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    // The super-user reads everything.
    if std::fs::read(&file).is_ok() {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::write(&file, [0xff, 0xfe, 0x00, 0xd8]).unwrap();
    }
    let run = shop.run(&["discover"]);
    run.ends(0).says(&["`users.js` was not read"]).never_says(&["DW2321", "DW2007"]);
}
