//! Discovery of Next.js projects, on one small project per problem.
//!
//! Every folder of `fixtures/next` is a project with an `expected.json`. Set `DOORWARD_BLESS=1` to rewrite those files,
//! and read the difference. A second test builds and starts each project with Next.js itself, and compares: every path
//! and method must be there, no other may be, a stranger must be refused by what is said to be guarded and by nothing
//! that is said to be open.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that fails should stop where it fails")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use doorward_frameworks::Analysis;
use serde_json::{Value, json};

use common::{found, pinned_as, places, state};

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/next");
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    all.retain(|it| it.is_dir());
    all.sort();
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
                let by: Vec<&str> = route.guard.by.iter().map(|it| it.name.as_str()).collect();
                let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
                let chain =
                    if route.chain.is_empty() { String::new() } else { format!(" behind {}", route.chain.join(", ")) };
                let (file, line) = (&route.file, route.line);
                format!("{}{by} {} ({file}:{line}){chain}", state(route.guard.state), route.id)
            })
            .collect();
        apps.insert(format!("{} at {}", app.name, app.root), routes);
    }
    let findings: Vec<String> = analysis.sources.iter().flat_map(|it| places(&it.findings)).collect();
    json!({ "apps": apps, "unresolved": places(&analysis.inventory.unresolved), "findings": findings })
}

#[test]
fn every_next_fixture_is_read_as_expected() {
    pinned_as(&fixtures(), summary);
}

#[test]
fn every_route_has_a_history() {
    for folder in fixtures() {
        for route in found(&folder).inventory.apps.iter().flat_map(|it| &it.routes) {
            assert!(!route.trace.is_empty(), "{}: {}", folder.display(), route.id);
            for step in &route.trace {
                assert!(folder.join(&step.file).is_file(), "{}: {}", route.id, step.file);
            }
        }
    }
}

fn in_folder(files: &[(&str, &str)]) -> Analysis {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    found(folder.path())
}

#[test]
fn schemas_that_handlers_give_the_request_to_are_what_a_route_takes() {
    let zod = "import { z } from 'zod';
        const Order = z.object({ sku: z.string() });
        const Paging = z.object({ page: z.coerce.number().int().default(1) });
        export async function POST(request: Request) { return Response.json(Order.parse(await request.json())); }
        export async function PUT(request: Request) {
          const body = await request.json().catch(() => null);
          const order = Order.safeParse(body);
          return Response.json(order);
        }
        export async function GET(request: Request) {
          const { searchParams } = new URL(request.url);
          return Response.json(Paging.parse(Object.fromEntries(searchParams)));
        }
        export async function DELETE(request: Request) { return Response.json(Order.parse(await load())); }";
    let valibot = "import * as v from 'valibot';
        const Params = v.object({ id: v.pipe(v.string(), v.uuid()) });
        const Search = v.object({ text: v.optional(v.string(), 'all') });
        export async function GET(request, { params }) {
          const { id } = v.parse(Params, await params);
          const query = v.safeParse(Search, Object.fromEntries(request.nextUrl.searchParams.entries()));
          return Response.json({ id, query });
        }";
    let pages = "import { z } from 'zod';
        const Order = z.object({ sku: z.string() });
        export default function handler(req, res) {
          if (req.method === 'POST') { return res.json(Order.parse(req.body)); }
          res.json([]);
        }";
    let one = pages.replace("res.json([]);", "res.status(405).end();");
    let analysis = in_folder(&[
        ("package.json", r#"{ "dependencies": { "next": "^16.0.0" } }"#),
        ("app/orders/route.ts", zod),
        ("app/orders/[id]/route.ts", valibot),
        ("pages/api/many.ts", pages),
        ("pages/api/one.ts", &one),
    ]);
    let shape = |id: &str| {
        let all = analysis.inventory.apps.iter().flat_map(|it| &it.routes);
        let shape = all.clone().find(|it| it.id.to_string() == id).map(|it| it.shape.clone());
        let shape = shape
            .unwrap_or_else(|| panic!("{id} is not among {:?}", all.map(|it| it.id.to_string()).collect::<Vec<_>>()));
        json!({
            "body": shape.body.as_ref().map(|it| &it.schema),
            "parameters": shape.parameters.iter().map(|it| json!([it.name, it.within, it.required, it.schema])).collect::<Vec<_>>(),
        })
    };
    let order = json!({ "type": "object", "properties": { "sku": { "type": "string" } }, "required": ["sku"] });
    let nothing = json!({ "body": null, "parameters": [] });
    for id in ["POST /orders", "PUT /orders", "POST /api/one"] {
        assert_eq!(shape(id), json!({ "body": order, "parameters": [] }), "{id}");
    }
    let page = json!(["page", "query", false, { "type": "integer", "default": 1 }]);
    assert_eq!(shape("GET /orders"), json!({ "body": null, "parameters": [page] }));
    assert_eq!(shape("DELETE /orders"), nothing);
    assert_eq!(shape("ALL /api/many"), nothing, "one method's body is not that of all");
    let id = json!(["id", "path", true, { "type": "string", "format": "uuid" }]);
    let text = json!(["text", "query", false, { "type": "string", "default": "all" }]);
    assert_eq!(shape("GET /orders/{id}"), json!({ "body": null, "parameters": [id, text] }));
}

/// Projects that are also built with the release before; the first one, and one of the workspaces, need it.
const OF_15: &[&str] = &["old-proxy-name", "workspaces", "methods-of-pages-api"];

/// Next.js itself, asked about every app that `version` is for.
fn agrees(version: &str, wanted: impl Fn(&str, &str) -> bool) -> usize {
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/next");
    assert!(
        oracle.join(version).join("node_modules/next").is_dir(),
        "the packages to compare with are not installed; run `cargo xtask setup`"
    );
    let mut asked = Vec::new();
    for folder in fixtures() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for app in found(&folder).inventory.apps.iter().filter(|it| wanted(&name, &it.root)) {
            let routes: Vec<Value> = app
                .routes
                .iter()
                .map(|it| json!({ "method": it.method.as_str(), "path": it.path.to_string(), "state": state(it.guard.state) }))
                .collect();
            asked.push(json!({ "folder": folder, "root": app.root, "routes": routes }));
        }
    }
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), serde_json::to_string(&asked).unwrap()).unwrap();
    let output = Command::new("node").arg(oracle.join("compare.mjs")).arg(version).arg(input.path()).output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    asked.len()
}

#[test]
fn next_itself_agrees() {
    let count = agrees("16", |name, root| name != "old-proxy-name" && root != "apps/admin");
    assert!(count >= 12, "{count} projects");
}

#[test]
fn the_release_of_next_before_agrees() {
    let count = agrees("15", |name, root| OF_15.contains(&name) && root != "apps/web");
    assert!(count >= 3, "{count} projects");
}
