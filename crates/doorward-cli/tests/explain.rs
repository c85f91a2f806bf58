//! `doorward explain` of a route.

mod support;

use support::Tree;

fn shop() -> Tree {
    Tree::of(&[
        ("package.json", r#"{ "name": "shop", "dependencies": { "express": "^5.0.0" } }"#),
        (
            "app.js",
            "const express = require('express');
const app = express();
app.use('/api', require('./users'));
app.post('/orders', (req, res) => res.json([]));
app.listen(3000);
",
        ),
        (
            "users.js",
            "const router = require('express').Router();
router.get('/users/:id', (req, res) => res.json({}));
module.exports = router;
",
        ),
    ])
}

#[test]
fn a_route_is_explained_by_its_id_its_path_or_a_url() {
    let shop = shop();
    for arguments in [
        &["explain", "GET /api/users/{id}"][..],
        &["explain", "get", "/api/users/:user"],
        &["explain", "/api/users/42?full=1"],
        &["explain", "GET /api/users/{id}", "--app", "shop"],
    ] {
        shop.run(arguments).ends(0).says(&[
            "GET /api/users/{id}  OPEN",
            "1  application  express()",
            "2  mount        app.use(\"/api\", require(…))",
            "app.js:3  adds /api",
            "3  route        router.get(\"/users/:id\")",
            "users.js:2",
            "nothing: a stranger reaches the handler",
            "there is no `doorward.toml` yet",
            "path    id  string",
        ]);
    }
    let document = shop.run(&["--json", "explain", "/api/users/42"]).ends(0).json();
    let route = &document["routes"][0];
    assert_eq!(route["route"]["trace"][1]["kind"], "mount");
    assert_eq!((&route["app"], &route["rule"], &document["policy"]), (&"shop".into(), &().into(), &false.into()));
}

#[test]
fn the_rule_in_force_is_named() {
    let shop = shop();
    let policy = "version = 1\n\n[[rule]]\nprefix = \"/api\"\naccess = { role = \"org:admin\" }\nhide = true\n";
    shop.write("doorward.toml", policy);
    shop.run(&["explain", "/api/users/1"]).ends(0).says(&[
        "role org:admin",
        "for everything under /api",
        "doorward.toml:3",
        "404",
    ]);
    shop.run(&["explain", "POST /orders"]).ends(0).says(&["no rule names it"]);
    let document = shop.run(&["--json", "explain", "/api/users/1"]).json();
    assert_eq!(document["routes"][0]["rule"]["line"], 3);
}

#[test]
fn what_is_no_route_is_refused_with_what_is_near() {
    let shop = shop();
    shop.run(&["explain", "GET /orders"])
        .ends(2)
        .says(&["no route here is `GET /orders`", "did you mean `POST /orders`?"]);
    shop.run(&["explain", "POST /oders"]).ends(2).says(&["did you mean `POST /orders`?"]);
    shop.run(&["explain", "GET /nothing/like/that"]).ends(2).says(&["`doorward discover`"]);
    shop.run(&["--json", "explain", "GET /orders"]).ends(2).json();
    shop.run(&["explain", "DW1008"]).ends(0);
}

#[test]
fn what_could_not_be_read_near_a_route_is_told_with_it() {
    let shop = shop();
    shop.edit(
        "users.js",
        "module.exports",
        "router.get(process.env.PATH_OF_IT, (req, res) => res.json({}));\nmodule.exports",
    );
    shop.run(&["explain", "/api/users/1"]).ends(0).says(&["may concern it", "DW2003", "users.js:3"]);
    shop.run(&["explain", "POST /orders"]).ends(0).never_says(&["may concern it", "DW2003"]);
    shop.run(&["explain", "GET /nothing/like/that"]).ends(2).says(&["1 place that could not be read"]);
    let document = shop.run(&["--json", "explain", "/api/users/1"]).json();
    assert_eq!(document["routes"][0]["unresolved"][0]["code"], "DW2003");
}

#[test]
fn a_plan_says_where_guards_are_not_written() {
    let shop = Tree::of(&[
        ("requirements.txt", "flask==3.1.0\n"),
        (
            "app.py",
            "from flask import Flask\napp = Flask(__name__)\n\n@app.get('/health')\ndef health():\n    return 'ok'\n",
        ),
    ]);
    shop.run(&["discover"]).ends(0).says(&["it edits Express apps only"]);
    shop.run(&["plan", "--yes"])
        .ends(0)
        .says(&["doorward writes guards for express only as yet", "write the guards yourself", "`doorward check`"])
        .never_says(&["clerkMiddleware", "writes exactly these changes"]);
}
