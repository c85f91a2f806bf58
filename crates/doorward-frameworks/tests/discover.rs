//! Discovery, on one small project per problem.
//!
//! Every folder of `fixtures/express` is a project with an `expected.json`. Set `DOORWARD_BLESS=1` to rewrite those
//! files, and read the difference. A second test asks Express itself: it loads each project's `app` under Express 4
//! and 5 and compares what is registered there with what was discovered.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test that fails should stop where it fails"
)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use doorward::inventory::{Inventory, StepKind};
use doorward_frameworks::{Analysis, DiscoverError, DiscoverOptions, discover};
use serde_json::{Value, json};

use common::{found, pinned_as, places, state};

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/express");
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    all.retain(|it| it.is_dir());
    all.sort();
    assert!(all.len() >= 20, "fixtures are found by folder");
    all
}

/// What a fixture pins down.
fn summary(analysis: &Analysis) -> Value {
    let mut apps = BTreeMap::new();
    for app in &analysis.inventory.apps {
        let routes: Vec<String> = app
            .routes
            .iter()
            .map(|route| {
                let asks: Vec<String> = route
                    .guard
                    .by
                    .iter()
                    .filter_map(|it| it.asks.as_ref())
                    .map(|it| {
                        let bind: String =
                            it.bind.iter().map(|it| format!(" with {} = {}", it.source, it.claim)).collect();
                        format!("; asks {}{bind}{}", it.access, if it.hide { ", hidden" } else { "" })
                    })
                    .collect();
                format!("{} {} ({}:{}){}", state(route.guard.state), route.id, route.file, route.line, asks.concat())
            })
            .collect();
        apps.insert(format!("{} at {}", app.name, app.root), routes);
    }
    let findings: Vec<String> = analysis.sources.iter().flat_map(|it| places(&it.findings)).collect();
    json!({ "apps": apps, "unresolved": places(&analysis.inventory.unresolved), "findings": findings })
}

#[test]
fn every_fixture_is_read_as_expected() {
    pinned_as(&fixtures(), summary);
}

#[test]
fn every_route_points_at_its_call() {
    for folder in fixtures() {
        let analysis = found(&folder);
        assert_eq!(analysis.inventory.apps.len(), analysis.sources.len(), "{}", folder.display());
        for (app, source) in analysis.inventory.apps.iter().zip(&analysis.sources) {
            for route in &app.routes {
                let site = source.sites.iter().find(|it| it.file == route.file && it.routes.contains(&route.id));
                let site = site.unwrap_or_else(|| panic!("{}: {} has no site", folder.display(), route.id));
                let text = &source.files[&site.file].text;
                assert!(text[site.call.clone()].ends_with(')'), "{}: {}", folder.display(), route.id);
                for handler in &site.handlers {
                    assert!(site.call.start <= handler.span.start && handler.span.end <= site.call.end, "{}", route.id);
                }
            }
            for wiring in &source.wiring {
                let text = &source.files[&wiring.file].text;
                assert!(text.get(wiring.statement.clone()).is_some() && text.get(wiring.call.clone()).is_some());
            }
        }
    }
}

#[test]
fn express_itself_agrees() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    assert!(
        tests.join("oracle/node_modules/express5").is_dir(),
        "the packages to compare with are not installed; run `cargo xtask setup`"
    );
    let mut asked = Vec::new();
    for folder in fixtures() {
        if !folder.join("app.js").is_file() {
            continue;
        }
        let analysis = found(&folder);
        let manifest = std::fs::read_to_string(folder.join("package.json")).unwrap();
        let majors: Vec<u32> = match folder.file_name().unwrap().to_str().unwrap() {
            name if name.starts_with("express-4") || manifest.contains("^4") => vec![4],
            name if name.starts_with("express-5") || name == "not-found-handlers" || name == "preflight-route" => {
                vec![5]
            }
            "what-cant-be-known" | "control-characters" | "regex-path" | "syntax-error-in-one-file" => vec![],
            // The comparison goes by the number of parameters; here it is no guide.
            "answers-whatever-the-arity" => vec![],
            "own-router" => vec![5],
            _ => vec![4, 5],
        };
        let routes: Vec<Value> = routes(&analysis.inventory);
        for major in majors {
            asked.push(json!({ "folder": folder, "major": major, "routes": routes }));
        }
    }
    assert!(asked.len() > 40, "{} comparisons", asked.len());
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), serde_json::to_string(&asked).unwrap()).unwrap();
    let output =
        Command::new("node").arg(tests.join("oracle/compare.mjs")).arg(input.path()).output().expect("node runs");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn routes(inventory: &Inventory) -> Vec<Value> {
    let all = inventory.apps.iter().flat_map(|it| &it.routes);
    all.map(|it| json!({ "method": it.method.as_str(), "path": it.path.to_string(), "state": state(it.guard.state) }))
        .collect()
}

#[test]
fn guards_and_wiring_are_handed_to_planning() {
    use doorward_frameworks::{HandlerKind, WiringKind};
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/express/doorward-guards");
    let analysis = found(&folder);
    let source = &analysis.sources[0];
    let kinds: Vec<&WiringKind> = source.wiring.iter().map(|it| &it.kind).take(5).collect();
    let expected = [
        WiringKind::Create,
        WiringKind::Cors,
        WiringKind::RawBody("/webhooks/clerk".into()),
        WiringKind::BodyParser,
        WiringKind::Clerk,
    ];
    assert_eq!(kinds, expected.iter().collect::<Vec<_>>());
    assert_eq!(source.wiring.last().map(|it| &it.kind), Some(&WiringKind::ErrorHandler(true)));
    assert!(source.wiring.iter().all(|it| it.app == "app"));
    let site = source.sites.iter().find(|it| it.routes.iter().any(|it| it.to_string() == "GET /me")).unwrap();
    assert_eq!(site.handlers.len(), 2);
    assert_eq!(site.handlers[0].kind, HandlerKind::Doorward);
    let file = &source.files["app.js"];
    assert_eq!(&file.text[site.handlers[0].span.clone()], "guard('signed-in')");
    assert!(file.esm && !file.typescript && file.import_extension == ".js");
    assert!(file.text[..file.after_imports].ends_with("'./doorward/index.js';"));
    assert!(file.names.contains(&"guard".to_owned()) && file.names.contains(&"router".to_owned()));
}

fn in_folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Analysis, DiscoverError>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let result = discover(folder.path(), &DiscoverOptions::default());
    (folder, result)
}

#[test]
fn nothing_to_read_is_an_error_with_a_way_out() {
    let (_folder, result) = in_folder(&[]);
    assert!(matches!(result, Err(DiscoverError::Empty { .. })), "{result:?}");
    let (_folder, result) = in_folder(&[("index.js", "console.log(1)")]);
    assert!(result.unwrap_err().to_string().contains("express"));
    let missing = discover(Path::new("/nowhere/at/all"), &DiscoverOptions::default());
    assert!(matches!(missing, Err(DiscoverError::Unreadable { .. })), "{missing:?}");
}

#[test]
fn a_broken_manifest_is_told_and_imports_still_count() {
    let app = "const app = require('express')(); app.get('/a', (req, res) => res.end());";
    let (_folder, result) = in_folder(&[("package.json", "{ \"name\": "), ("app.js", app)]);
    let inventory = result.unwrap().inventory;
    assert_eq!(inventory.apps[0].routes.len(), 1);
    assert_eq!(inventory.unresolved[0].code, "DW2012");
    assert!(inventory.unresolved[0].help.is_some() && inventory.unresolved[0].location.is_some());
    let (_folder, result) = in_folder(&[("app.js", app)]);
    assert_eq!(result.unwrap().inventory.apps[0].routes.len(), 1, "no manifest at all");
}

#[test]
fn hostile_source_ends_in_a_diagnostic() {
    let head = "const app = require('express')(); app.get('/a', (req, res) => res.end());\n";
    let deep = format!("{head}const x = {}1{};", "[\n".repeat(4_000), "]".repeat(4_000));
    let long = format!("{head}const x = {}1;", "1 + ".repeat(20_000));
    let circle = format!("{head}const a = []; a.push(a); app.use(a); app.get(a, (q, s) => s.end());");
    let doubling = format!("{head}let a = [(q, s) => s.end()];{} app.get('/many', a);", "a = [...a, ...a];".repeat(64));
    let routers: String = (0..31).map(|at| format!("const r{at} = e.Router();")).collect();
    let mounts: String = (0..30).map(|at| format!("r{at}.use(r{next}); r{at}.use(r{next});", next = at + 1)).collect();
    let tower =
        format!("{head}const e = require('express');{routers}{mounts} r30.get('/z', (q, s) => s.end()); app.use(r0);");
    let recursive = format!("{head}const f = (n) => {{ f(n); f(n); f(n); f(n); }}; f(1);");
    let forever = format!(
        "{head}const a = [1]; for (;;) {{ a.push(a.map((it) => a.concat(a))); }} app.get('/b', (q, s) => s.end());"
    );
    for text in [deep, long, circle, doubling, tower, recursive, forever] {
        let (_folder, result) = in_folder(&[("app.js", &text)]);
        assert!(!result.unwrap().inventory.apps[0].routes.is_empty());
    }
}

#[test]
fn modules_in_a_circle_are_read_once() {
    let (_folder, result) = in_folder(&[
        (
            "app.mjs",
            "import express from 'express'; import { x } from './a.mjs'; const app = express(); app.get('/a', x);",
        ),
        ("a.mjs", "import { x } from './b.mjs'; export { x }; export * from './b.mjs'; export { y } from './b.mjs';"),
        ("b.mjs", "import { x } from './a.mjs'; export { x }; export * from './a.mjs'; export { y } from './a.mjs';"),
        ("c.mjs", "import express from 'express'; import { y } from './a.mjs'; express().use(y);"),
    ]);
    assert_eq!(result.unwrap().inventory.apps[0].routes.len(), 1);
}

#[test]
fn code_nested_beyond_reason_is_left_out() {
    let app = "require('express')().get('/a', (req, res) => res.end());";
    for (open, close) in [("[\n", "]"), ("!\n!", ""), ("(", ")"), ("a=>", ""), ("-\n", ""), ("typeof ", "")] {
        let text = format!("const x = {}1{};", open.repeat(300_000 / open.len()), close.repeat(300_000 / open.len()));
        let (_folder, result) = in_folder(&[("app.js", app), ("deep.js", &text)]);
        assert_eq!(result.unwrap().inventory.apps[0].routes.len(), 1, "{open}");
    }
}

#[test]
fn source_cut_off_anywhere_never_stops_discovery() {
    for folder in fixtures() {
        let app = folder.join("app.js");
        let Ok(text) = std::fs::read_to_string(&app) else { continue };
        for at in (20..text.len()).step_by(61).filter(|at| text.is_char_boundary(*at)) {
            let (_folder, result) = in_folder(&[("app.js", &text[..at])]);
            assert!(!matches!(result, Err(DiscoverError::NoThread)), "{} at {at}", folder.display());
        }
    }
}

#[test]
fn no_secret_of_the_source_is_repeated() {
    let text = "import express from 'express'; import { clerkMiddleware } from '@clerk/express'; import { expressjwt } from 'express-jwt';\n\
        const app = express(); app.use(clerkMiddleware({ secretKey: 'sk_live_SECRET' })); app.use(expressjwt({ secret: 'SECRET' }));\n\
        app.get('/a', check('SECRET'), (req, res) => res.end()); function check(key) { return (req, res, next) => next(); }";
    let (_folder, result) = in_folder(&[("app.mjs", text)]);
    let analysis = result.unwrap();
    let findings = &analysis.sources[0].findings;
    assert!(findings.iter().any(|it| it.code == "DW2109"), "{findings:?}");
    let printed = format!("{:?}{findings:?}", analysis.inventory);
    assert!(!printed.contains("SECRET"), "{printed}");
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_are_not_followed() {
    let (folder, _) = in_folder(&[("app.js", "require('express')().get('/a', (req, res) => res.end());")]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
    let analysis = discover(folder.path(), &DiscoverOptions::default()).unwrap();
    assert_eq!(analysis.inventory.apps[0].routes.len(), 1);
}

#[test]
fn the_shipped_runtime_is_known_by_its_text() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/runtime/express");
    let esm = "import express from 'express'; import { guard } from './doorward/index.EXT';\n\
        export const app = express(); app.get('/a', guard('signed-in'), (req, res) => res.end());";
    let commonjs = "const express = require('express'); const { guard } = require('./doorward/index.EXT');\n\
        const app = express(); app.get('/a', guard('signed-in'), (req, res) => res.end());";
    for (file, extension, app) in
        [("index.ts", "ts", esm), ("esm/index.js", "mjs", esm), ("cjs/index.js", "cjs", commonjs)]
    {
        let text = std::fs::read_to_string(shipped.join(file)).unwrap();
        let app = app.replace("EXT", extension);
        let (main, runtime) = (format!("app.{extension}"), format!("doorward/index.{extension}"));
        let (_folder, result) = in_folder(&[(&main, &app), (&runtime, &text)]);
        let analysis = result.unwrap();
        let asks = analysis.inventory.apps[0].routes[0].guard.by[0].asks.as_ref();
        assert!(asks.is_some(), "{file}: {:?}", analysis.inventory);
        let empty = text.replace("clerkOptions", "options");
        let (_folder, result) = in_folder(&[(&main, &app), (&runtime, &empty)]);
        let by = &result.unwrap().inventory.apps[0].routes[0].guard.by;
        assert!(by.iter().all(|it| it.asks.is_none()), "{file}: {by:?}");
    }
}

#[test]
fn a_number_in_an_answer_is_not_its_status() {
    let app = |handler: &str| {
        let text = format!("const app = require('express')(); app.use('/x', {handler});");
        let (_folder, result) = in_folder(&[("app.js", &text)]);
        result.unwrap().inventory.apps[0].routes.len()
    };
    for listed in [
        "(_req, res) => { res.json({ env: process.env, fallback: 404 }) }",
        "(_req, res, _next) => { const none = 404; res.json({ none }) }",
        "(req, res) => { if (req.query.a) return res.status(404).end(); res.json(process.env) }",
        "(req, res) => res.status(req.query.a ? 404 : 200).json(process.env)",
        "(req, res) => { res.status(404); res.status(200).json(process.env) }",
        "(req, res) => { serve(req, res, 404) }",
        "(req, res) => { res['json']({ code: 404 }) }",
        "function (req, res, next) { res.json({}) }",
        "(req, res, next) => { load((error, rows) => { if (error) return next(error); res.json(rows) }) }",
        "(req, res, next) => load().then((it) => res.json(it)).catch((error) => next(error))",
        "(req, ...rest) => { rest[0].json({ code: 404 }) }",
    ] {
        assert_eq!(app(listed), 1, "{listed}");
    }
    for not_listed in [
        "(req, res) => res.status(404).json({ code: 404 })",
        "(req, res) => { res.status(404); if (req.accepts('html')) { res.render('404'); return } res.json({}) }",
        "(req, res, next) => { res.statusCode = 404; res.end('none') }",
        "(req, res, next) => next(new NotFoundError())",
        "(req, res, next) => { next(createError(404)) }",
        "(req, res) => { throw new NotFoundException() }",
        "(req, res, next) => { log(req); next() }",
        "(req, res, next) => session(req, res, (error) => next(error))",
        "(req, res, next) => session(req, res, (error) => (error ? next(error) : next()))",
        "(req, res, next) => { class Later { done() { next() } } new Later(res).done() }",
        "(req, res, next) => { end(res); end(res, next) }); function end(res, next) { if (next) next(); } void (0",
    ] {
        assert_eq!(app(not_listed), 0, "{not_listed}");
    }
}

#[test]
fn a_route_tells_how_it_came_to_be() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/express");
    let history = |fixture: &str, id: &str| {
        let inventory = found(&fixtures.join(fixture)).inventory;
        let route = inventory.apps[0].routes.iter().find(|it| it.id.to_string() == id).unwrap();
        let steps = route.trace.iter().map(|it| {
            format!("{:?} {} {}:{} {}", it.kind, it.text, it.file, it.line, it.path.as_deref().unwrap_or("-"))
        });
        steps.collect::<Vec<_>>()
    };
    assert_eq!(
        history("nested-routers", "GET /v1/orgs/{orgId}/invoices"),
        [
            "App express() app.js:4 -",
            "Mount app.use(\"/v1\", api) app.js:8 /v1",
            "Mount api.use(\"/orgs\", orgs) app.js:7 /orgs",
            "Mount orgs.use(\"/:orgId/invoices\", invoices) orgs.js:7 /{orgId}/invoices",
            "Route invoices.get(\"/\") invoices.js:5 -",
            "Handler (inline) invoices.js:5 -",
        ]
    );
    assert_eq!(
        history("guards-all-over", "DELETE /v1/orgs/{org}/{id}")[3..],
        [
            "Middleware requireUser app.js:15 -",
            "Mount api.use(\"/orgs/:org\", inner) app.js:15 /orgs/{org}",
            "Middleware admin app.js:12 -",
            "Route inner.delete(\"/:id\") app.js:13 -",
            "Handler (inline) app.js:13 -",
        ]
    );
}

#[test]
fn every_route_has_a_history_that_ends_where_it_is_registered() {
    for folder in fixtures() {
        for route in found(&folder).inventory.apps.iter().flat_map(|app| &app.routes) {
            let place = (route.file.as_str(), route.line);
            let kinds: Vec<_> = route.trace.iter().map(|it| it.kind).collect();
            assert!(
                kinds.contains(&StepKind::App) || folder.ends_with("unmounted-router"),
                "{}: {} {kinds:?}",
                folder.display(),
                route.id
            );
            let registered = route.trace.iter().find(|it| it.kind == StepKind::Route);
            assert_eq!(registered.map(|it| (it.file.as_str(), it.line)), Some(place), "{}", folder.display());
        }
    }
}

#[test]
fn schemas_that_handlers_give_the_request_to_are_what_a_route_takes() {
    let app = "import express from 'express'; import { z } from 'zod'; import { validateRequest } from 'zod-express-middleware';
        import wrap from 'express-async-handler'; import { validate, Order } from './validate.js';
        import * as v from 'valibot';
        const app = express();
        const Small = v.strictObject({ count: v.pipe(v.number(), v.integer(), v.minValue(1)) });
        const Paging = z.object({ page: z.coerce.number().int().default(1) });
        app.post('/orders', validate(z.object({ body: Order, params: z.object({}) })), (req, res) => res.end());
        app.get('/orders', wrap(async (req, res) => { const query = Paging.parse(req.query); res.json(query); }));
        app.put('/orders/:id', validateRequest({ body: Order, params: z.object({ id: z.uuid() }) }), (req, res) => res.end());
        app.patch('/orders/:id', (request, res) => { const it = Order.partial().safeParse(request.body); res.json(it); });
        app.post('/valibot', (req, res) => { res.json(v.parse(Small, req.body)); });
        app.post('/other', (req, res) => { const it = JSON.parse(req.body); res.json(it); });
        app.post('/later', (req, res) => { load((req) => Order.parse(req.query)); const body = { parse: (x) => x }.parse(req.body); res.end(); });";
    let validate = "import { z } from 'zod';
        export const Order = z.object({ sku: z.string() }).meta({ id: 'Order' });
        export const validate = (schema) => (req, res, next) => {
          schema.parse({ body: req.body, params: req.params });
          next();
        };";
    let (_folder, result) =
        in_folder(&[("app.mjs", app), ("validate.js", validate), ("package.json", "{\"type\":\"module\"}")]);
    let inventory = result.unwrap().inventory;
    let app = &inventory.apps[0];
    let shape = |id: &str| {
        let shape = &app.routes.iter().find(|it| it.id.to_string() == id).unwrap().shape;
        json!({
            "body": shape.body.as_ref().map(|it| &it.schema),
            "parameters": shape.parameters.iter().map(|it| json!([it.name, it.within, it.required, it.schema])).collect::<Vec<_>>(),
        })
    };
    let order = json!({ "$ref": "#/components/schemas/Order" });
    assert_eq!(app.schemas["Order"]["required"], json!(["sku"]));
    assert_eq!(shape("POST /orders"), json!({ "body": order, "parameters": [] }));
    let page = json!(["page", "query", false, { "type": "integer", "default": 1 }]);
    assert_eq!(shape("GET /orders"), json!({ "body": null, "parameters": [page] }));
    let id = json!(["id", "path", true, { "type": "string", "format": "uuid" }]);
    assert_eq!(shape("PUT /orders/{id}"), json!({ "body": order, "parameters": [id] }));
    let small = json!({
        "type": "object",
        "properties": { "count": { "type": "integer", "minimum": 1 } },
        "required": ["count"],
        "additionalProperties": false,
    });
    assert_eq!(shape("POST /valibot"), json!({ "body": small, "parameters": [] }));
    for id in ["POST /other", "POST /later"] {
        assert_eq!(shape(id), json!({ "body": null, "parameters": [] }), "{id}");
    }
}
