//! Trees that nobody meant well with: each is read to the end, soon, and what is sound in it is still reported.

#![expect(clippy::unwrap_used, reason = "a test that fails should stop where it fails")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use doorward_frameworks::{Analysis, DiscoverOptions, discover};

/// Far more than any of these trees needs, on a slow machine and in a build that is not optimised.
const PATIENCE: Duration = Duration::from_secs(60);

const SERVER: &str = "const express = require('express');\nconst app = express();\n\
                      app.get('/alive', (req, res) => res.json(1));\napp.listen(1);\n";

/// Puts a sound server beside what `spoil` writes, and reads the tree; the server's route has to be there.
#[track_caller]
fn check(spoil: impl FnOnce(&Path)) -> Analysis {
    let tree = tempfile::tempdir().unwrap();
    write(tree.path(), "package.json", r#"{ "name": "a", "dependencies": { "express": "5.1.0" } }"#);
    write(tree.path(), "server.js", SERVER);
    spoil(tree.path());
    let start = Instant::now();
    let found = discover(tree.path(), &DiscoverOptions::default()).unwrap();
    assert!(start.elapsed() < PATIENCE, "it took {:?}", start.elapsed());
    let routes: Vec<_> = found.inventory.apps.iter().flat_map(|it| &it.routes).map(|it| it.id.to_string()).collect();
    assert!(routes.contains(&"GET /alive".to_owned()), "{routes:?}");
    found
}

fn write(root: &Path, file: &str, text: impl AsRef<[u8]>) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Whether something is said about `file`.
fn is_told(found: &Analysis, file: &str) -> bool {
    found.inventory.unresolved.iter().any(|it| it.message.contains(file))
}

#[test]
fn a_line_of_ten_megabytes_is_told_of_and_not_read() {
    for file in ["data.js", "data.py", "data.rs"] {
        let found = check(|root| write(root, file, format!("x = '{}'", "a".repeat(10_000_000))));
        assert!(is_told(&found, file) || !matches!(file, "data.js" | "data.py"), "{file}");
    }
}

/// What nests, as text before and after the innermost part.
const NESTS: &[(&str, &str, &str)] = &[
    ("a.js", "(", ")"),
    ("a.js", "[", "]"),
    ("a.js", "{", "}"),
    ("a.ts", "x=>", ""),
    ("a.ts", "(x)=>", ""),
    ("a.ts", "async(x)=>", ""),
    ("a.ts", "(x={})=>", ""),
    ("a.js", "!", ""),
    ("a.js", "- ", ""),
    ("a.js", "-+", ""),
    ("a.js", "typeof ", ""),
    ("a.js", "typeof\n", ""),
    ("a.js", "new ", ""),
    ("a.js", "await ", ""),
    ("a.js", "a?b:", ""),
    ("a.js", "a?", ":b"),
    ("a.js", "a=", ""),
    ("a.js", "a**", ""),
    ("a.js", "a+", ""),
    ("a.js", "a&&", ""),
    ("a.js", "a??", ""),
    ("a.js", "a,", ""),
    ("a.js", "a.", ""),
    ("a.js", "a?.", ""),
    ("a.js", "a(", ")"),
    ("a.js", "`${", "}`"),
    ("a.js", "if(a)", ""),
    ("a.js", "if(a){}else ", ""),
    ("a.js", "if(a)b;else ", ""),
    ("a.js", "for(;;)", ""),
    ("a.js", "a:", ""),
    ("a.js", "function f(){", "}"),
    ("a.js", "class A{static{", "}}"),
    ("a.jsx", "<a>", "</a>"),
    ("a.jsx", "<a b={1}>", "</a>"),
    ("a.jsx", "<a>{", "}</a>"),
    ("a.ts", "let a:A<", ">"),
    ("a.ts", "<A>", ""),
    ("a.ts", "A<", ">"),
    ("a.ts", "type A=B extends C?", ":D"),
    ("a.ts", "namespace A{", "}"),
    ("a.py", "(", ")"),
    ("a.py", "[", "]"),
    ("a.py", "not ", "1"),
    ("a.py", "not \\\n", "1"),
    ("a.py", "-", "1"),
    ("a.py", "lambda:", "1"),
    ("a.py", "a if b else ", "c"),
    ("a.py", "a.", "b"),
    ("a.py", "a+", "b"),
    ("a.py", "a**", "b"),
    ("a.py", "a and ", "b"),
    ("a.py", "f(", ")"),
    ("a.py", "f'{", "}'"),
    ("a.py", "if a:\n pass\nelif ", "b:\n pass"),
    ("a.rs", "(", ")"),
    ("a.rs", "!", ""),
    ("a.rs", "&", ""),
    ("a.rs", "A<", ">"),
    ("a.rs", "if a {} else ", ""),
    ("a.rs", "|x|", ""),
    ("a.rs", "mod a{", "}"),
    ("a.rs", "a.", "b"),
    ("a.rs", "a+", "b"),
];

#[test]
fn what_is_nested_deeply_costs_itself_only() {
    for (file, before, after) in NESTS {
        for levels in [4_900, 900_000 / (before.len() + after.len())] {
            eprintln!("{levels} × {before:?} in {file}");
            let statement = if file.ends_with("rs") { "fn f() { let _ = " } else { "" };
            let end = if file.ends_with("rs") { "; }" } else { "" };
            let text = format!("{statement}{}1{}{end}", before.repeat(levels), after.repeat(levels));
            // As a file of its own, and where everything that it holds is run.
            check(|root| {
                write(root, file, &text);
                write(root, "server.js", format!("{SERVER}require('./{file}');\n"));
                write(root, "requirements.txt", "fastapi\n");
                write(root, "Cargo.toml", "[package]\nname = \"a\"\n[dependencies]\naxum = \"0.8\"\n");
            });
        }
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_in_circles_or_out_of_the_tree_are_not_followed() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "other.js", SERVER.replace("alive", "elsewhere"));
    let found = check(|root| {
        fs::create_dir(root.join("src")).unwrap();
        symlink(root, root.join("src/again")).unwrap();
        symlink("self", root.join("self")).unwrap();
        symlink("gone.js", root.join("dangling.js")).unwrap();
        symlink(outside.path(), root.join("outside")).unwrap();
        symlink("/dev/zero", root.join("zero.js")).unwrap();
        write(
            root,
            "server.js",
            format!("{SERVER}require('./src/again/server'); require('./zero'); require('./self');"),
        );
    });
    let routes: usize = found.inventory.apps.iter().map(|it| it.routes.len()).sum();
    assert_eq!(routes, 1);
}

#[cfg(unix)]
#[test]
fn pipes_and_sockets_are_not_waited_for() {
    let pipes = [
        "pipe.js",
        "tsconfig.json",
        "lib/package.json",
        "lib/index.js",
        ".env",
        "jsconfig.json",
        "main.py",
        "pyproject.toml",
        "package-lock.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "Cargo.toml",
        "Cargo.lock",
        "next.config.js",
        ".gitignore",
        "node_modules/express/package.json",
        "requirements.txt",
        "uv.lock",
        "poetry.lock",
        ".git/index",
        "main.rs",
    ];
    for name in pipes {
        eprintln!("{name}");
        check(|root| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
            let _socket = std::os::unix::net::UnixListener::bind(root.join("socket.js"));
            let more = "require('./pipe'); require('./lib'); require('./socket'); require('./next.config');";
            write(root, "server.js", format!("{SERVER}{more}"));
            write(root, "typed.ts", "import './pipe'; import x from '@/x'; export {};");
        });
    }
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_told_of() {
    use std::os::unix::fs::PermissionsExt;
    let found = check(|root| {
        write(root, "locked/a.js", SERVER);
        write(root, "closed.js", SERVER);
        for name in ["locked", "closed.js"] {
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o000)).unwrap();
        }
        // Whoever may read everything has nothing to test here.
        if fs::read(root.join("closed.js")).is_ok() {
            write(root, "closed.js", [0xff, 0xfe, b'a']);
            fs::set_permissions(root.join("locked"), fs::Permissions::from_mode(0o700)).unwrap();
        }
    });
    assert!(is_told(&found, "closed.js"));
}

#[test]
fn text_in_other_encodings_costs_at_most_itself() {
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(SERVER.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let found = check(|root| {
        write(root, "wide.js", &utf16);
        write(root, "wide.py", &utf16);
        write(root, "zeros.js", [0; 4096]);
        write(
            root,
            "noise.js",
            (0..100_000_u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>(),
        );
        write(root, "package-lock.json", &utf16);
        write(root, "pyproject.toml", &utf16);
        write(root, "tsconfig.json", &utf16);
        let latin = [b"// caf\xe9\n".as_slice(), SERVER.replace("alive", "latin").as_bytes()].concat();
        write(root, "latin.js", latin);
        write(root, "marked.js", format!("\u{feff}{}", SERVER.replace("alive", "marked")));
    });
    assert!(is_told(&found, "wide.js"));
    let routes: Vec<_> = found.inventory.apps.iter().flat_map(|it| &it.routes).map(|it| it.id.to_string()).collect();
    assert!(routes.contains(&"GET /latin".to_owned()) && routes.contains(&"GET /marked".to_owned()), "{routes:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn names_can_hold_anything_and_reach_a_report_harmless() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let found = check(|root| {
        for name in [
            b"new\nline.js".as_slice(),
            b"red\x1b[31m.js",
            b"\xff\xfe.js",
            b"a\rb.js",
            b"\xe2\x80\xae.js",
            b"...js",
            b" .js",
        ] {
            let text = SERVER.replace("alive", "odd").replace("res.json", "(((");
            fs::write(root.join(OsStr::from_bytes(name)), text).unwrap();
        }
    });
    let all = serde_json::to_string(&found.inventory.unresolved).unwrap();
    let texts = found.inventory.unresolved.iter().map(|it| &it.message);
    assert!(texts.into_iter().all(|it| !it.chars().any(char::is_control)), "{all}");
    let files = found.inventory.unresolved.iter().filter_map(|it| it.location.as_ref());
    assert!(files.into_iter().all(|it| !it.file.chars().any(char::is_control)), "{all}");
}

#[test]
fn folders_in_folders_and_modules_in_circles_come_to_an_end() {
    check(|root| {
        let mut deep = root.to_path_buf();
        for _ in 0..1_000 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        write(&deep, "a.js", SERVER);
        for at in 0..200 {
            let text = format!("export * from './m{}'; export {{ a as b{at} }} from './m{at}';", (at + 1) % 200);
            write(root, &format!("m{at}.js"), text);
        }
        write(root, "server.js", format!("{SERVER}const m = require('./m0'); app.use(m.a, m.b7, m.nothing);"));
    });
}

#[test]
fn programs_that_never_end_are_given_up_on() {
    let loops = [
        "while (true) { app.get('/x', f); }",
        "function f(n) { return f(n + 1) + f(n - 1); } f(0);",
        "for (const a of list) for (const b of list) app.get('/' + a + b, f);",
        "let s = 'a'; for (const a of list) for (const b of list) { s = s + s; } app.get('/' + s, f);",
        "let l = [1]; for (const a of list) for (const b of list) { l = [...l, ...l]; } app.get(l, f);",
        "const r = express.Router(); r.use(r); app.use('/r', r);",
        "const o = {}; o.o = o; app.use(o); app.use(JSON.stringify(o));",
    ];
    for text in loops {
        eprintln!("{text}");
        check(|root| {
            let list = (0..40).map(|it| it.to_string()).collect::<Vec<_>>().join(",");
            write(
                root,
                "bad.js",
                format!("const express = require('express'); const app = express(); const list = [{list}];\n{text}"),
            );
        });
    }
}
