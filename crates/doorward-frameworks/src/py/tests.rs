//! The engine, with a host that knows one framework of our own: `web.App`, whose `add(path)` is what counts.

use std::path::PathBuf;

use super::eval::{Eval, Host, Site};
use super::program::Program;
use super::value::{Args, External, Value};

#[derive(Default)]
struct Web {
    added: Vec<String>,
}

impl<'p> Host<'p> for Web {
    fn call(&mut self, callee: &External<'p>, _: &Args<'p>, _: &Site) -> Option<Value<'p>> {
        (callee.name() == "web.App").then_some(Value::Host(0))
    }

    fn method(&mut self, _: usize, name: &str, args: &Args<'p>, site: &Site) -> Value<'p> {
        if name == "add" {
            let shown = match args.get(0, "path") {
                Some(Value::Str(text)) if text.assumed => format!("{} (assumed)", text.text),
                Some(Value::Str(text)) => text.text.to_string(),
                _ => "?".to_owned(),
            };
            let maybe = if site.branch.is_empty() { "" } else { " maybe" };
            self.added.push(shown + maybe);
        }
        Value::Host(1)
    }

    fn invoke(&mut self, _: usize, args: &Args<'p>, _: &Site) -> Value<'p> {
        args.get(0, "").cloned().unwrap_or(Value::Unknown)
    }

    fn makes(&self, name: &str) -> bool {
        name == "web.App"
    }
}

/// What the program in `files` adds. Files are named before a line `---`.
fn added(files: &[(&str, &str)]) -> Vec<String> {
    let sources = files.iter().map(|(name, text)| (PathBuf::from("/t").join(name), (*text).into())).collect();
    let program = Program::parse(&PathBuf::from("/t"), sources);
    let mut eval = Eval::new(&program, Web::default());
    let modules: Vec<usize> = (0..program.count()).collect();
    modules.iter().for_each(|it| eval.load(*it));
    eval.sweep(&modules);
    eval.host.added
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(added(&[("main.py", &format!("import web\napp = web.App()\n{text}"))]), expected, "{text}");
}

#[test]
fn texts_are_put_together_as_python_does() {
    check("p = '/a'\napp.add(p + '/b')", &["/a/b"]);
    check("v = 2\napp.add(f'/v{v}/{\"x\".upper()}')", &["/v2/X"]);
    check("app.add('/{}/{name}'.format('a', name='b'))", &["/a/b"]);
    check("app.add('/%s/%s' % ('a', 'b'))", &["/a/b"]);
    check("app.add('/'.join(['', 'a', 'b']))", &["/a/b"]);
    check("app.add(('/a' '/b').removesuffix('/b').rstrip('a'))", &["/"]);
    check("import other\napp.add(other.path)", &["?"]);
}

#[test]
fn loops_and_comprehensions_over_literals_run() {
    check("for a, b in [('/a', 1), ('/b', 2)]:\n  app.add(f'{a}{b}')", &["/a1", "/b2"]);
    check("for k, v in {'/a': '/x'}.items():\n  app.add(k + v)", &["/a/x"]);
    check("[app.add(p) for p in ('/a', '/b') if p != '/a']", &["/b"]);
    check("for i, p in enumerate(['/a'], 1):\n  app.add(f'{p}{i}')", &["/a1"]);
    check("import other\nfor p in other.all():\n  app.add(p)", &["? maybe"]);
}

#[test]
fn both_sides_of_what_is_not_known_run() {
    check("import os\nif os.getenv('X'):\n  app.add('/a')\nelse:\n  app.add('/b')", &["/a maybe", "/b maybe"]);
    check("if False:\n  app.add('/a')\nelse:\n  app.add('/b')", &["/b"]);
    check("try:\n  import nowhere\nexcept ImportError:\n  app.add('/a')", &["/a maybe"]);
    check("def main(): app.add('/a')\nif __name__ == '__main__': main()", &["/a maybe"]);
    check("match 2:\n  case 1: app.add('/a')\n  case 2: app.add('/b')", &["/b maybe"]);
}

#[test]
fn defaults_of_the_environment_are_assumed() {
    check("import os\napp.add(os.getenv('P', '/a') + '/b')", &["/a/b (assumed)"]);
    check("import os\napp.add(os.environ.get('P') or '/a')", &["/a (assumed)"]);
    check(
        "from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n  P: str = '/v1'\ns = S()\napp.add(s.P)",
        &["/v1 (assumed)"],
    );
}

#[test]
fn functions_classes_and_decorators_are_entered() {
    check("def f(a, *, p='/x'): a.add(p)\nf(app)\nf(app, p='/y')", &["/x", "/y"]);
    check("from functools import partial\npartial(app.add, '/a')()", &["/a"]);
    check("class A:\n  p = '/a'\n  def go(self): app.add(self.p)\nclass B(A):\n  p = '/b'\nB().go()", &["/b"]);
    check(
        "class A:\n  def __init__(self, p): self.p = p\n  @property\n  def q(self): return self.p\napp.add(A('/a').q)",
        &["/a"],
    );
    check("class M(web.App):\n  def __init__(self): super().__init__()\nM().add('/m')", &["/m"]);
    check(
        "from dataclasses import dataclass\n@dataclass\nclass D:\n  p: str\n  q: str = '/q'\nd = D('/p')\napp.add(d.p + d.q)",
        &["/p/q"],
    );
    check(
        "def deco(p):\n  def inner(f):\n    app.add(p)\n    return f\n  return inner\n@deco('/d')\ndef f(): pass",
        &["/d"],
    );
    check(
        "from enum import Enum\nclass E(str, Enum):\n  A = '/a'\nfor e in E: app.add(e.value)\napp.add(f'{E.A.value}')",
        &["/a", "/a"],
    );
    check("def gen():\n  yield '/a'\n  yield '/b'\nfor p in gen(): app.add(p)", &["/a", "/b"]);
}

#[test]
fn modules_find_each_other() {
    let app = ("pkg/__init__.py", "import web\napp = web.App()");
    let find = |main: &str, more: &[(&str, &str)]| {
        let mut files = vec![app, ("main.py", main)];
        files.extend(more);
        added(&files)
    };
    assert_eq!(find("from pkg import app\napp.add('/a')", &[]), ["/a"]);
    assert_eq!(find("import pkg.sub", &[("pkg/sub.py", "from . import app\napp.add('/s')")]), ["/s"]);
    assert_eq!(
        find(
            "import pkg.deep.er as d\nd.go()",
            &[
                ("pkg/deep/__init__.py", ""),
                ("pkg/deep/er.py", "from ... import nothing\nfrom .. import app\ndef go(): app.add('/d')"),
            ]
        ),
        ["/d"]
    );
    // A folder without a file that says so is a package too.
    assert_eq!(find("from ns.one import P\nfrom pkg import app\napp.add(P)", &[("ns/one.py", "P = '/n'")]), ["/n"]);
    // Names are what `__all__` says, and what a package re-exports.
    assert_eq!(
        find(
            "from api import *\ngo()",
            &[
                ("api/__init__.py", "from .v1 import *\n__all__ = ['go']"),
                ("api/v1.py", "from pkg import app\ndef go(): app.add('/v1')"),
            ]
        ),
        ["/v1"]
    );
    // A source root.
    assert_eq!(
        find(
            "",
            &[
                ("src/shop/a.py", "P = '/shop'"),
                ("src/shop/b.py", "import shop.a\nfrom pkg import app\napp.add(shop.a.P)")
            ]
        ),
        ["/shop"]
    );
    assert_eq!(
        find(
            "import importlib\nimportlib.import_module('pkg.late')",
            &[("pkg/late.py", "from . import app\napp.add('/l')")]
        ),
        ["/l"]
    );
    // The standard library comes before a file of the same name.
    assert_eq!(
        find("from pkg import app\nimport logging\napp.add(logging.P)", &[("pkg/logging.py", "P = '/no'")]),
        ["?"]
    );
}

#[test]
fn imports_in_a_circle_are_seen_when_they_are_used() {
    let files = [
        ("main.py", "import web\nfrom a import go\napp = web.App()\ngo(app)"),
        ("a.py", "import b\nP = '/late'\ndef go(app): app.add(b.path())"),
        ("b.py", "from a import P\ndef path(): return P"),
    ];
    assert_eq!(added(&files), ["/late"]);
}

#[test]
fn factories_that_only_a_server_calls_are_entered() {
    let text = "import web\ndef create_app(p='/a'):\n  app = web.App()\n  setup(app, p)\n  return app\ndef setup(app, p): app.add(p)";
    assert_eq!(added(&[("main.py", text)]), ["/a"]);
    let text = "import web, click\nclass Server:\n  def __init__(self, p):\n    self.app = web.App()\n    self.app.add(p)\n@click.command()\ndef main(): Server('/m')";
    assert_eq!(added(&[("main.py", text)]), ["/m"]);
}

#[test]
fn no_program_is_too_much() {
    check("def f(): f()\nf()\napp.add('/a')", &["/a"]);
    check("while True:\n  app.add('/a')\n  break", &["/a maybe"]);
    check("for a in range(900):\n  for b in range(900):\n    for c in range(900): x = a\n", &[]);
    check("class A(A): pass\napp.add('/a')", &["/a"]);
    let deep = |open: &str, close: &str| format!("x = {}1{}", open.repeat(20_000), close.repeat(20_000));
    for (open, close) in [("(", ")"), ("-", ""), ("not ", ""), ("[", "]"), ("a+", ""), ("f(", ")"), ("lambda: ", "")] {
        let text = deep(open, close);
        let done = crate::stack::with_stack(|| added(&[("main.py", &text)]));
        assert_eq!(done.unwrap(), [""; 0], "{open}");
    }
}
