//! The whole way with real packages: find, plan, apply, install, start, attack, take back.
//!
//! Run by `cargo test -p doorward-cli --features e2e --test e2e -- --test-threads=1`. It needs Node 20 and a package
//! registry, which is why it is behind a feature.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test may fail the test"
)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Run, Tree, doorward};

/// What doorward and the package manager own, beside the source.
const NOT_SOURCE: &[&str] = &["node_modules", "package-lock.json", "doorward.toml", ".doorward"];

/// What stays after `undo`: the policy, and what is installed.
const NOT_UNDONE: &[&str] = &["node_modules", "doorward.toml", ".doorward"];

/// Says how far it is, past the capture of the test harness.
struct Progress(&'static str, Instant);

impl Progress {
    fn of(name: &'static str) -> Self {
        let progress = Self(name, Instant::now());
        progress.at("starts");
        progress
    }

    fn at(&self, step: &str) {
        let _ = writeln!(std::io::stderr(), "  {:6.1} s  {}: {step}", self.1.elapsed().as_secs_f32(), self.0);
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A copy of a project of the repository, without what was installed or built there.
fn copy_of(project: &str) -> Tree {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_name() == "node_modules" || entry.file_name() == "dist" {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &target);
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let tree = Tree::of(&[]);
    copy(&repository().join(project), tree.path());
    tree
}

/// Runs a program of the project itself, which must succeed.
#[track_caller]
fn succeeds(tree: &Tree, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(tree.path()).stdin(Stdio::null()).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "`{program} {}` ended with {}\n{text}", arguments.join(" "), output.status);
    text
}

/// Answers the questions of `plan`: the routes that are `public`, and the front end's origin.
fn plan(tree: &Tree, public: &str) -> Run {
    let origin = "http://localhost:5173";
    let mut answers = vec![format!("authorized-parties={origin}"), format!("cors-origins={origin}")];
    if !public.is_empty() {
        answers.push(format!("public-routes={public}"));
    }
    let set = answers.iter().flat_map(|answer| ["--set", answer.as_str()]);
    tree.run(&["plan", "--yes"].into_iter().chain(set).collect::<Vec<_>>())
}

/// Attacks the project's own start command; every route must be proved.
#[track_caller]
fn proves(tree: &Tree, keys: &str, routes: usize) {
    let run = tree.run(&["--json", "verify", "--start", "--keys", keys]);
    let document = run.json();
    let failed: Vec<String> = document["routes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|route| route["verdict"] != "proved")
        .map(|route| format!("{}: {} {}", route["id"], route["verdict"], route["reason"]))
        .collect();
    assert!(failed.is_empty(), "{}\n{}\n{}", failed.join("\n"), document["findings"], run.err);
    run.ends(0);
    assert_eq!(document["summary"]["proved"], routes, "{}", document["summary"]);
}

/// The example is locked, builds, passes its own tests, is proved, and can be taken back.
///
/// `edit` is what its owner changes in the proposed policy before planning again.
fn lock_prove_and_undo(
    name: &'static str,
    public: &str,
    edit: Option<(&str, &str)>,
    routes: usize,
    own_checks: &[&[&str]],
) {
    let progress = Progress::of(name);
    let tree = copy_of(&format!("examples/{name}"));
    let before = tree.bytes(NOT_SOURCE);
    let before_with_lock = tree.bytes(NOT_UNDONE);
    tree.run(&["discover"]).ends(0).says(&[&format!("{routes} routes: {routes} open")]);
    plan(&tree, public).ends(0);
    if let Some((from, to)) = edit {
        tree.edit("doorward.toml", from, to);
        tree.run(&["plan"]).ends(0);
    }
    assert_eq!(tree.bytes(NOT_SOURCE), before, "a plan changes no source");
    progress.at("planned");
    tree.run(&["apply", "--yes", "--install"]).ends(0);
    let applied = tree.bytes(NOT_SOURCE);
    progress.at("applied and installed");
    for check in own_checks {
        let (program, arguments) = check.split_first().unwrap();
        succeeds(&tree, program, arguments);
        progress.at(&check.join(" "));
    }
    tree.run(&["check", "--locked"]).ends(0);
    proves(&tree, "pem", routes);
    progress.at("proved with the key in the environment");
    proves(&tree, "jwks", routes);
    progress.at("proved with the key set");

    let again = tree.run(&["--json", "plan"]);
    assert_eq!(again.ends(0).json()["changes"], json!([]), "what was emitted is found again");
    tree.run(&["apply", "--yes"]).ends(0).says(&["Nothing to do"]);
    assert_eq!(tree.bytes(NOT_SOURCE), applied, "a second apply changes nothing");
    tree.run(&["undo"]).ends(0);
    assert_eq!(tree.bytes(NOT_UNDONE), before_with_lock, "undo restores every byte");
    tree.run(&["check"]).ends(1).says(&["DW4001"]);
    progress.at("taken back");
}

#[test]
fn the_orders_api_is_locked_proved_and_taken_back() {
    let public = "GET /health,GET /products,GET /products/{id},GET /categories,GET /products/{id}/reviews";
    let own_checks: &[&[&str]] = &[&["npx", "tsc", "--noEmit"], &["npm", "test"]];
    lock_prove_and_undo("express-orders", public, None, 27, own_checks);
}

#[test]
fn the_support_desk_is_locked_proved_and_taken_back() {
    let closed = "prefix = \"/faq\"\naccess = \"signed-in\"";
    let open = "prefix = \"/faq\"\naccess = \"public\"\nreason = \"questions and answers for everybody\"";
    lock_prove_and_undo("express-cjs", "GET /health", Some((closed, open)), 8, &[&["npm", "test"]]);
}

#[test]
fn a_guard_that_somebody_deleted_is_named_by_check_and_by_verify() {
    let progress = Progress::of("deleted guard");
    let tree = copy_of("examples/express-cjs");
    plan(&tree, "GET /health").ends(0);
    tree.run(&["apply", "--yes", "--install"]).ends(0);
    tree.run(&["check"]).ends(0);
    progress.at("applied and installed");

    let file = "routes/tickets.js";
    tree.edit(file, "router.delete('/:id', guard('signed-in'), ", "router.delete('/:id', ");
    let line = 1 + tree.read(file).lines().position(|line| line.starts_with("router.delete")).unwrap();
    let document = tree.run(&["--json", "check"]).ends(1).json();
    let finding = document["findings"].as_array().unwrap().iter().find(|it| it["code"] == "DW4001").unwrap();
    assert!(finding["message"].as_str().unwrap().contains("`DELETE /tickets/{id}`"), "{finding}");
    assert_eq!((&finding["location"]["file"], &finding["location"]["line"]), (&json!(file), &json!(line)));
    progress.at("named by check");

    let document = tree.run(&["--json", "verify", "--start"]).ends(1).json();
    let failed: Vec<&Value> =
        document["routes"].as_array().unwrap().iter().filter(|route| route["verdict"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["id"], "DELETE /tickets/{id}");
    assert_eq!((&failed[0]["file"], &failed[0]["line"]), (&json!(file), &json!(line)));
    let text = tree.run(&["verify", "--start"]);
    text.ends(1).says(&["FAILED DELETE /tickets/{id}", "No credentials at all", "curl -i", "/tickets/1", "-X DELETE"]);
    progress.at("named by verify");

    // The plan that follows is that guard, and nothing else.
    let document = tree.run(&["--json", "plan"]).ends(0).json();
    let changed: Vec<&Value> = document["changes"].as_array().unwrap().iter().map(|change| &change["path"]).collect();
    assert_eq!(changed, [file], "{document}");
    tree.run(&["apply", "--yes"]).ends(0);
    tree.run(&["check", "--locked"]).ends(0);
    progress.at("closed again");
}

/// A project that Clerk has touched: what is wrong is found and explained, and then it is planned and applied.
fn state(name: &'static str, codes: &[&str]) -> (Progress, Tree) {
    let progress = Progress::of(name);
    let tree = copy_of(&format!("crates/doorward-frameworks/tests/states/{name}"));
    // Its start command may name the file; what is in the environment comes first.
    tree.write(".env", "");
    let document = tree.run(&["--json", "discover"]).ends(0).json();
    for code in codes {
        let found = document["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == *code);
        assert!(found, "{code} in {}", document["findings"]);
    }
    plan(&tree, "").ends(0);
    tree.run(&["apply", "--yes", "--install"]).ends(0);
    progress.at("applied and installed");
    (progress, tree)
}

/// All the source of a project as one text, without what doorward put next to it.
fn source(tree: &Tree) -> String {
    let own = |path: &Path| !path.iter().any(|part| part == "doorward");
    tree.bytes(&["node_modules", ".doorward"])
        .into_iter()
        .filter(|(path, _)| own(path) && path.extension().is_some_and(|extension| extension == "js"))
        .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
        .collect()
}

#[test]
fn a_project_fresh_from_clerk_init_is_locked_and_proved() {
    let (progress, tree) = state("clerk-init", &["DW2108"]);
    let source = source(&tree);
    assert_eq!(source.matches("clerkMiddleware(").count(), 1, "{source}");
    assert!(source.contains("clerkMiddleware(clerkOptions)"), "{source}");
    tree.run(&["check", "--locked"]).ends(0).never_says(&["DW21"]);
    proves(&tree, "pem", 6);
    progress.at("proved");
}

#[test]
fn a_project_on_the_deprecated_guard_is_moved_off_it_and_proved() {
    let (progress, tree) = state("require-auth", &["DW2101", "DW2103", "DW2108"]);
    let source = source(&tree);
    assert_eq!(source.matches("clerkMiddleware(").count(), 1, "{source}");
    assert!(!source.contains("requireAuth"), "{source}");
    proves(&tree, "pem", 7);
    progress.at("proved");
    // What its author got wrong inside a handler is no longer an open door, and is still told.
    tree.run(&["check"]).ends(1).says(&["DW2103", "routes/teams.js:17"]).never_says(&["DW2101", "DW2108", "DW4"]);
    tree.edit(
        "routes/teams.js",
        "if (req.auth) return res.sendStatus(204);\n  res.sendStatus(401);",
        "res.sendStatus(204);",
    );
    tree.run(&["check", "--locked"]).ends(0);
}

#[test]
fn a_project_on_the_retired_sdk_is_moved_off_it_and_proved() {
    let (progress, tree) = state("clerk-sdk-node", &["DW2102"]);
    let source = source(&tree);
    assert_eq!(source.matches("clerkMiddleware(").count(), 1, "{source}");
    for name in ["clerk-sdk-node", "ClerkExpressRequireAuth", "ClerkExpressWithAuth"] {
        assert!(!source.contains(name), "{name} in {source}");
    }
    let manifest = tree.read("package.json").replace("\"name\": \"clerk-sdk-node\"", "");
    assert!(!manifest.contains("clerk-sdk-node") && manifest.contains("@clerk/express"), "{manifest}");
    tree.run(&["check", "--locked"]).ends(0).never_says(&["DW21"]);
    // A handler still asks for a role by the name it had years ago, which nobody has: no token gets through.
    let run = tree.run(&["verify", "--start"]);
    run.ends(1).says(&["4 proved, 1 failed", "FAILED DELETE /bookings/{id}", "someone who may come in was refused"]);
    progress.at("named by verify");
    let was = "if (getAuth(req).sessionClaims.org_role !== 'admin') return res.sendStatus(403);\n  ";
    tree.edit("lib/bookings.js", was, "");
    let rule = "\n[[rule]]\nroutes = [\"DELETE /bookings/{id}\"]\naccess = { role = \"org:admin\" }\n";
    tree.write("doorward.toml", &(tree.read("doorward.toml") + rule));
    tree.run(&["check"]).ends(1).says(&["DW4002", "DELETE /bookings/{id}"]);
    tree.run(&["plan"]).ends(0);
    tree.run(&["apply", "--yes"]).ends(0);
    assert!(tree.read("lib/bookings.js").contains("router.delete('/:id', guard({ role: 'org:admin' }), "));
    tree.run(&["check", "--locked"]).ends(0);
    proves(&tree, "pem", 5);
    progress.at("proved, with the role in the policy");
}

/// A running `doorward emulate`, ended when the test is.
struct LocalClerk {
    child: Child,
    environment: Vec<(String, String)>,
}

impl LocalClerk {
    fn start(tree: &Tree) -> Self {
        let mut child = doorward(tree.path())
            .args(["emulate", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut clerk = Self { child, environment: Vec::new() };
        let document: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!((&document["schema"], &document["ok"]), (&json!("doorward/emulate/v1"), &json!(true)));
        clerk.environment = document["environment"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        clerk
    }

    /// As Ctrl-C would.
    fn interrupt(mut self) {
        succeeds(&Tree::of(&[]), "kill", &["-INT", &self.child.id().to_string()]);
        for _ in 0..100 {
            if self.child.try_wait().unwrap().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it does not end");
    }
}

impl Drop for LocalClerk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks Clerk's own SDKs about tokens, with the public key at hand and through the key set, and for users.
const SDK: &str = r"
import { createClerkClient } from '@clerk/backend';
import { clerkClient } from '@clerk/express';

const { CLERK_SECRET_KEY, CLERK_PUBLISHABLE_KEY, CLERK_API_URL, CLERK_JWT_KEY } = process.env;
const tokens = JSON.parse(process.argv[2]);
const judge = async (jwtKey) => {
  const client = createClerkClient({
    secretKey: CLERK_SECRET_KEY,
    publishableKey: CLERK_PUBLISHABLE_KEY,
    apiUrl: CLERK_API_URL,
    ...(jwtKey && { jwtKey }),
  });
  const verdicts = {};
  for (const [name, token] of Object.entries(tokens)) {
    const request = new Request('http://localhost:3000/', { headers: { authorization: `Bearer ${token}` } });
    const state = await client.authenticateRequest(request, { authorizedParties: ['http://localhost:5173'] });
    verdicts[name] = state.isAuthenticated ? `in: ${state.toAuth().userId}` : `out: ${state.reason}`;
  }
  return verdicts;
};
const { data, totalCount } = await clerkClient.users.getUserList();
const user = await clerkClient.users.getUser(data[0].id);
const missing = await clerkClient.users.getUser('user_none').catch((error) => error.status);
console.log(JSON.stringify({
  networkless: await judge(CLERK_JWT_KEY),
  jwks: await judge(undefined),
  users: { ids: data.map(({ id }) => id), totalCount, first: user.id, missing },
}));
";

#[test]
fn the_official_sdks_accept_the_local_clerk_and_refuse_what_is_forged() {
    let progress = Progress::of("official SDKs");
    let (_, tree) = state("clerk-init", &[]);
    tree.write("test/sdk.mjs", SDK);
    let clerk = LocalClerk::start(&tree);
    progress.at("the local Clerk is up");

    let token = |arguments: &[&str]| {
        let run = tree.run(&[&["token"], arguments].concat());
        assert_eq!(run.ends(0).out.lines().count(), 1, "nothing but the token is on stdout");
        run.out.trim().to_owned()
    };
    let forged = ["alg-none", "signature-last-bit", "hmac-public-key-pem", "other-instance"];
    let mut tokens = json!({
        "member": token(&["--as", "member"]),
        "admin": token(&["--as", "admin"]),
        "expired": token(&["--as", "member", "--expired"]),
    });
    for case in forged {
        tokens[case] = json!(token(&["--forge", case]));
    }
    tree.run(&["token", "--as", "nobody"]).ends(2).says(&["no persona has this name", "help:"]);
    tree.run(&["token", "--forge", "no-such-case"]).ends(2).says(&["no case forges", "alg-none"]);
    tree.run(&["--json", "token"]).ends(0).json();

    let output = Command::new("node")
        .args(["test/sdk.mjs", &tokens.to_string()])
        .envs(clerk.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(tree.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let answers: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}\n{text}\n{}", String::from_utf8_lossy(&output.stderr)));
    for way in ["networkless", "jwks"] {
        let verdict = |name: &str| answers[way][name].as_str().unwrap_or_else(|| panic!("{answers}")).to_owned();
        assert!(verdict("member").starts_with("in: user_"), "{answers}");
        assert!(verdict("admin").starts_with("in: user_"), "{answers}");
        assert_ne!(verdict("member"), verdict("admin"), "{answers}");
        assert!(verdict("expired").contains("token-expired"), "{answers}");
        for case in forged {
            assert!(verdict(case).starts_with("out: "), "{case}: {answers}");
        }
    }
    let users = &answers["users"];
    assert_eq!(users["first"], users["ids"][0], "{answers}");
    assert_eq!(users["missing"], 404, "{answers}");
    let member = answers["jwks"]["member"].as_str().unwrap().trim_start_matches("in: ");
    assert!(users["ids"].as_array().unwrap().contains(&json!(member)), "the member is a user: {answers}");
    progress.at("asked the SDKs");

    clerk.interrupt();
    assert!(!tree.path().join(".doorward/emulator.json").exists(), "its record is gone with it");
    tree.run(&["token"]).ends(4).says(&["no local Clerk is running"]);
    progress.at("ended");
}
