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
        "unresolved: routes made there are not in the list",
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
