//! Keys, variables and packages of small projects. Keys are made here, from their shapes, and never written down.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should stop where it fails"
)]

use std::path::Path;
use std::process::Command;

use doorward::diagnostic::{Diagnostic, Severity};
use doorward::inventory::App;
use doorward_frameworks::{DiscoverOptions, discover};

const SERVER: &str = "import express from 'express';\nconst app = express();\napp.get('/x', (req, res) => res.json({}));\napp.listen(1);\n";

/// Something drawn by lot that is the same in every run.
fn random(length: usize, seed: u64) -> String {
    let letters = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ seed;
    let letter = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(letters[(state >> 33) as usize % letters.len()])
    };
    (0..length).map(letter).collect()
}

fn secret(live: bool) -> String {
    format!("sk_{}_{}", if live { "live" } else { "test" }, random(42, u64::from(live)))
}

/// A publishable key for a host. Written without a library, so that the test does not share its mistakes.
fn publishable(live: bool, host: &str) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = host.bytes().chain([b'$']).collect();
    let mut out = format!("pk_{}_", if live { "live" } else { "test" });
    for three in bytes.chunks(3) {
        let number = three.iter().fold(0_u32, |sum, it| sum << 8 | u32::from(*it)) << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            out.push(char::from(letters[(number >> (18 - 6 * place) & 63) as usize]));
        }
    }
    out
}

struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self { folder: tempfile::tempdir().unwrap() };
        tree.write("package.json", "{\"name\":\"shop\",\"dependencies\":{\"express\":\"^5.0.0\"}}");
        tree.write("index.js", SERVER);
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.folder.path()).args(["-c", "core.excludesFile=/dev/null"]).args(arguments);
        assert!(git.output().unwrap().status.success(), "{arguments:?}");
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn findings(&self) -> Vec<Diagnostic> {
        discover(self.path(), &DiscoverOptions::default()).unwrap_or_else(|error| panic!("{error}")).findings
    }

    fn app(&self) -> App {
        let analysis = discover(self.path(), &DiscoverOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        analysis.inventory.apps.into_iter().next().unwrap()
    }

    /// Code and place of every finding.
    fn places(&self) -> Vec<String> {
        let place =
            |it: &Diagnostic| it.location.as_ref().map_or_else(String::new, |at| format!("{}:{}", at.file, at.line));
        self.findings().iter().map(|it| format!("{} {}", it.code, place(it))).collect()
    }
}

fn check(files: &[(&str, &str)], expected: &[&str]) {
    let tree = Tree::new(files);
    assert_eq!(tree.places(), expected, "{files:?}");
    for finding in tree.findings() {
        let text = format!("{finding:?}");
        assert_eq!(doorward::secret::redact(&text), text, "a key is told");
    }
}

/// Every folder of `fixtures/facts` is a project with an `expected.json`; `DOORWARD_BLESS=1` rewrites those files.
#[test]
fn every_project_has_the_facts_it_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/facts");
    let mut all: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    all.sort();
    assert!(all.len() >= 15, "fixtures are found by folder");
    let mut wrong = Vec::new();
    for folder in all {
        let got = match discover(&folder, &DiscoverOptions::default()) {
            Ok(analysis) => summary(&analysis.inventory.apps, &analysis.findings),
            Err(error) => summary(&[], error.diagnostics()),
        };
        let got = serde_json::to_string_pretty(&got).unwrap() + "\n";
        let file = folder.join("expected.json");
        if std::env::var_os("DOORWARD_BLESS").is_some() {
            std::fs::write(&file, &got).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != got {
            wrong.push(format!("{}:\n{got}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn summary(apps: &[App], findings: &[Diagnostic]) -> serde_json::Value {
    let apps: serde_json::Map<_, _> = apps
        .iter()
        .map(|app| {
            let mut facts = serde_json::to_value(&app.facts).unwrap();
            facts["packages"] = app
                .facts
                .packages
                .iter()
                .map(|it| {
                    let asked =
                        it.asked.as_ref().map_or_else(String::new, |it| format!(", asked at {}:{}", it.file, it.line));
                    format!("{} {} by {}{asked}", it.name, it.version, it.file)
                })
                .collect();
            (format!("{} {}", app.root, app.version.as_deref().unwrap_or("?")), facts)
        })
        .collect();
    let findings: Vec<_> = findings
        .iter()
        .map(|it| {
            let place = it.location.as_ref().map_or_else(String::new, |at| format!("{}:{}", at.file, at.line));
            format!("{} {place} {}", it.code, it.message)
        })
        .collect();
    serde_json::json!({ "apps": apps, "findings": findings })
}

#[test]
fn the_version_that_a_tool_brings_along_is_not_the_one_that_is_asked_for() {
    let manifest = r#"{ "name": "shop", "dependencies": { "next": "^14.2.35", "preview": "1" } }"#;
    let lock = |root: &str, nested: &str| {
        format!(
            r#"{{ "lockfileVersion": 3, "packages": {{
                "": {{ "dependencies": {{ "next": "^14.2.35", "preview": "1" }} }},
                "node_modules/next": {{ "version": "{root}" }},
                "node_modules/preview": {{ "version": "1.0.0", "dependencies": {{ "next": "{nested}" }} }},
                "node_modules/preview/node_modules/next": {{ "version": "{nested}" }}
            }} }}"#
        )
    };
    let codes = |root: &str, nested: &str| {
        let lock = lock(root, nested);
        let route = ("app/api/route.ts", "export function GET() {}\n");
        let tree = Tree::new(&[("package.json", manifest), ("package-lock.json", &lock), route]);
        tree.findings().iter().map(|it| format!("{} {}", it.code, it.message)).collect::<Vec<_>>()
    };
    assert_eq!(codes("14.2.35", "16.1.7"), Vec::<String>::new());
    let found = codes("14.2.24", "16.1.7");
    assert!(matches!(found.as_slice(), [one] if one.contains("14.2.24")), "{found:?}");
}

#[test]
fn a_key_is_found_in_every_kind_of_file() {
    let key = secret(true);
    let line = format!("key: \"{key}\"\n");
    for file in [
        ".env",
        ".env.example",
        ".github/workflows/ci.yml",
        "Dockerfile",
        "compose.yaml",
        "settings.json",
        "README.md",
        "docs/notes.txt",
        "public/config.html",
        "test/data.csv",
        "k8s/secret.tf",
        "deploy.sh",
        ".npmrc",
        "no_extension",
        "dist/bundle.min.css",
    ] {
        check(&[(file, &format!("#\n{line}"))], &[&format!("DW2301 {file}:2")]);
    }
    for file in ["src/a.ts", "web/b.py", "lib/c.rs", "test/d.test.js", "src/.hidden.js"] {
        check(&[(file, &format!("\n{line}"))], &[&format!("DW2109 {file}:2")]);
    }
    for file in ["node_modules/x/a.js", ".venv/lib/a.py", "logo.png"] {
        check(&[(file, &line)], &[]);
    }
}

#[test]
fn placeholders_and_keys_of_others_raise_no_alarm() {
    let stripe = format!("sk_live_{}", random(24, 9));
    let stripe_long = format!("sk_live_51{}", random(97, 9));
    for value in [
        "",
        "your_clerk_key_here",
        "sk_test_xxx",
        "sk_test_...",
        "<key>",
        "REPLACE_ME",
        "${CLERK_SECRET_KEY}",
        &format!("sk_test_{}", "x".repeat(42)),
        "sk_live_REPLACE_ME_WITH_YOUR_KEY",
        "{{ secret }}",
    ] {
        check(&[(".env.example", &format!("CLERK_SECRET_KEY={value}\n"))], &[]);
        check(&[("src/a.ts", &format!("const key = '{value}';\n"))], &[]);
    }
    check(&[("src/a.ts", &format!("const stripe = new Stripe('{stripe}');\n"))], &[]);
    check(&[("src/pay.ts", &format!("const key = '{stripe_long}';\n"))], &[]);
    let pk = publishable(true, "clerk.orders.example");
    check(&[("src/a.ts", &format!("const key = '{pk}';\n"))], &[]);
}

#[test]
fn an_ignored_env_file_may_hold_keys_and_a_tracked_one_may_not() {
    let env = format!("CLERK_SECRET_KEY={}\n", secret(false));
    check(&[(".env", &env), (".gitignore", ".env\n")], &[]);
    check(&[(".env", &env), (".gitignore", ".env.local\n")], &["DW2301 .env:1"]);

    let tree = Tree::new(&[(".env", &env), (".gitignore", ".env\n"), (".env.local", "")]);
    tree.git(&["init", "-q"]);
    tree.git(&["add", "-A"]);
    assert_eq!(tree.places(), [""; 0]);
    tree.git(&["add", "-f", ".env"]);
    assert_eq!(tree.places(), ["DW2301 .env:1"]);
    assert!(tree.findings()[0].message.contains("is tracked by git"), "{:?}", tree.findings());
    assert_eq!(tree.findings()[0].severity, Severity::Critical);
}

#[test]
fn a_tracked_link_out_of_the_tree_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("a.txt"), secret(true)).unwrap();
    let tree = Tree::new(&[("in/a.txt", "")]);
    tree.git(&["init", "-q"]);
    tree.git(&["add", "-A"]);
    std::fs::remove_dir_all(tree.path().join("in")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(outside.path(), tree.path().join("in")).unwrap();
    assert_eq!(tree.places(), [""; 0]);
}

#[test]
fn a_secret_under_a_public_name_is_an_open_door_even_where_it_is_ignored() {
    let key = secret(false);
    for prefix in ["NEXT_PUBLIC_", "VITE_", "REACT_APP_", "EXPO_PUBLIC_", "PUBLIC_", "NUXT_PUBLIC_", "GATSBY_"] {
        let env = format!("A=1\n{prefix}CLERK_SECRET_KEY={key}\n");
        check(&[(".env.local", &env), (".gitignore", ".env.local\n")], &["DW2302 .env.local:2"]);
        check(&[(".env.example", &format!("{prefix}CLERK_SECRET_KEY=\n"))], &["DW2302 .env.example:1"]);
        check(&[("src/a.ts", &format!("f(process.env.{prefix}CLERK_SECRET_KEY)\n"))], &["DW2302 src/a.ts:1"]);
    }
    check(&[("src/a.ts", "f(import.meta.env.VITE_CLERK_SECRET_KEY)\n")], &["DW2302 src/a.ts:1"]);
    check(&[("src/a.ts", "f(import.meta.env.VITE_CLERK_PUBLISHABLE_KEY)\n")], &[]);
    check(&[("README.md", "Never use `NEXT_PUBLIC_CLERK_SECRET_KEY`.\n")], &[]);
    check(&[("src/a.ts", "// never use process.env.NEXT_PUBLIC_CLERK_SECRET_KEY\n")], &[]);
    check(&[(".env.example", "NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY=\nCLERK_SECRET_KEY=\n")], &[]);
}

#[test]
fn keys_of_one_file_belong_together() {
    let (host, other) = ("calm-fox-1.clerk.accounts.dev", "wild-owl-2.clerk.accounts.dev");
    let ignore = (".gitignore", ".env*\n");
    let env = |secret: &str, one: &str, two: &str| {
        format!("CLERK_SECRET_KEY={secret}\nCLERK_PUBLISHABLE_KEY={one}\nNEXT_PUBLIC_CLERK_PUBLISHABLE_KEY={two}\n")
    };
    let (test, live) = (publishable(false, host), publishable(true, "clerk.orders.example"));
    check(&[(".env", &env(&secret(false), &test, &test)), ignore], &[]);
    check(&[(".env", &env(&secret(true), &test, &test)), ignore], &["DW2306 .env:2"]);
    check(&[(".env", &env(&secret(false), &test, &publishable(false, other))), ignore], &["DW2306 .env:3"]);
    check(&[(".env", &env(&test, &test, &test)), ignore], &["DW2307 .env:1"]);
    check(&[(".env", &format!("CLERK_PUBLISHABLE_KEY={}\n", secret(true))), ignore], &["DW2307 .env:1"]);
    check(&[(".env.production", &env(&secret(true), &live, &live)), ignore], &[]);
    check(&[(".env.production", &env(&secret(false), &test, &test)), ignore], &["DW2308 .env.production:1"]);
    let commented = format!("CLERK_SECRET_KEY={}\n# CLERK_PUBLISHABLE_KEY={live}\n", secret(false));
    check(&[(".env", &commented), ignore], &[]);
}

#[test]
fn an_env_file_for_real_values_is_to_be_ignored() {
    check(&[(".env.local", "CLERK_SECRET_KEY=\n")], &["DW2305 .env.local:1"]);
    check(&[(".env.local", "CLERK_SECRET_KEY=\n"), (".gitignore", "*.local\n")], &[]);
    check(&[(".env.example", "CLERK_SECRET_KEY=\n")], &[]);
    check(&[(".env", "PORT=1\nCLERK_PUBLISHABLE_KEY=\n")], &[]);
}

#[test]
fn other_secrets_of_clerk_are_found_too() {
    let hook = format!("whsec_{}", random(32, 4));
    check(&[("a.yml", &format!("CLERK_WEBHOOK_SIGNING_SECRET: {hook}\n"))], &["DW2301 a.yml:1"]);
    let uses_clerk = (".env.example", "CLERK_SECRET_KEY=\n");
    check(&[("a.yml", &format!("SIGNING_SECRET: {hook}\n")), uses_clerk], &["DW2303 a.yml:1"]);
    check(&[("a.yml", &format!("SIGNING_SECRET: {hook}\n"))], &[]);
    check(&[("a.test.ts", &format!("SIGNING_SECRET: {hook}\n")), uses_clerk], &[]);
    check(&[("a.yml", &format!("STRIPE_WEBHOOK_SECRET: {hook}\n"))], &[]);
    let machine = format!("ak_{}", random(43, 5));
    check(&[("a.yml", &format!("CLERK_MACHINE_SECRET_KEY: {machine}\n"))], &["DW2301 a.yml:1"]);
    let pem = format!("-----BEGIN PRIVATE {}\\n{}\\n", "KEY-----", random(64, 6));
    check(&[("a.yml", &format!("CLERK_JWT_KEY: \"{pem}\"\n"))], &["DW2304 a.yml:1"]);
    check(&[("a.yml", &format!("GITHUB_APP_KEY: \"{pem}\"\n"))], &[]);
}

#[test]
fn a_tree_without_a_framework_is_searched_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.md"), secret(true)).unwrap();
    let error = discover(folder.path(), &DiscoverOptions::default()).unwrap_err();
    assert_eq!(error.diagnostics().iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), ["DW2301"]);
}

#[test]
fn variables_are_listed_by_name_and_place() {
    let tree = Tree::new(&[
        ("src/a.ts", "const k = process.env.CLERK_SECRET_KEY;\nconst { CLERK_JWT_KEY, PORT } = process.env;\n"),
        (".env", "CLERK_SECRET_KEY=abc\n"),
        (".env.example", "CLERK_SECRET_KEY=\nCLERK_PUBLISHABLE_KEY=\n"),
        (".gitignore", ".env\n"),
        ("README.md", "process.env.CLERK_API_URL\n"),
    ]);
    let line = |it: &doorward::facts::Variable| {
        let places = |all: &[doorward::facts::Place]| {
            all.iter().map(|it| format!("{}:{}", it.file, it.line)).collect::<Vec<_>>().join(",")
        };
        format!("{} read {} declared {}", it.name, places(&it.read), places(&it.declared))
    };
    assert_eq!(
        tree.app().facts.variables.iter().map(line).collect::<Vec<_>>(),
        [
            "CLERK_JWT_KEY read src/a.ts:2 declared ",
            "CLERK_PUBLISHABLE_KEY read  declared .env.example:2",
            "CLERK_SECRET_KEY read src/a.ts:1 declared .env.example:1,.env:1",
        ]
    );
}
