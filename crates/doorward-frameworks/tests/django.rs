//! Discovery of Django projects: fixtures as pinned, and Django's own resolver.

mod common;

use std::path::PathBuf;
use std::time::{Duration, Instant};

#[test]
fn every_django_fixture_is_read_as_expected() {
    common::pinned("django");
}

#[test]
fn django_itself_agrees() {
    // What needs packages or an environment that are not there says so in a file.
    let folders: Vec<PathBuf> =
        common::fixtures("django").into_iter().filter(|it| !it.join("NO_ORACLE").exists()).collect();
    assert!(folders.len() >= 6, "fixtures are found by folder");
    common::agree(&common::ask_python("django_routes.py", &folders), |status| matches!(status, 401 | 403));
}

#[test]
#[allow(clippy::unwrap_used, reason = "a test that fails should stop where it fails")]
fn serializers_and_converters_say_what_routes_take() {
    let folder = common::tests().join("fixtures/django/routers-and-viewsets");
    let found = serde_json::to_value(&common::found(&folder).inventory).unwrap();
    let app = &found["apps"][0];
    let order = &app["schemas"]["Order"];
    assert_eq!(order["required"], serde_json::json!(["email", "state", "lines", "secret"]));
    assert_eq!(order["properties"]["id"]["readOnly"], true);
    assert_eq!(order["properties"]["state"]["enum"], serde_json::json!(["new", "paid"]));
    assert_eq!(order["properties"]["lines"]["items"]["$ref"], "#/components/schemas/Line");
    assert_eq!(app["schemas"]["PatchedOrder"].get("required"), None);
    let route = |id: &str| app["routes"].as_array().unwrap().iter().find(|it| it["id"] == id).unwrap()["shape"].clone();
    assert_eq!(route("POST /api/orders")["body"]["schema"]["$ref"], "#/components/schemas/Order");
    assert_eq!(route("PATCH /api/orders/{number}")["body"]["schema"]["$ref"], "#/components/schemas/PatchedOrder");
    assert_eq!(route("GET /generic/{pk}")["parameters"][0]["schema"]["type"], "integer");
    assert_eq!(route("DELETE /generic/{pk}")["responses"][0]["status"], "204");
    // What the program answers in its own way is not guessed.
    assert_eq!(route("POST /function"), serde_json::Value::Null);
}

/// What a hostile tree writes into its settings, and into the module of its URLs.
const HOSTILE: &[(&str, &str)] = &[
    ("def f(n):\n    return f(n + 1) + f(n - 1)\nf(0)", ""),
    ("X = 'a'\nwhile True:\n    X = X + X", ""),
    ("X = [1]\nfor a in range(900):\n    for b in range(900):\n        X = X + X", ""),
    ("from .settings import *", "from .urls import *"),
    ("", "def more(n):\n    return [path('a/', include(more(n + 1)))] * 2\nurlpatterns = more(0)"),
    ("", "urlpatterns = [path('a/', include('project.urls')), path('b/', include('project.urls'))]"),
    ("", "urlpatterns.append(path('a/', include(urlpatterns)))\nurlpatterns.append(path('b/', include(urlpatterns)))"),
    ("", "urlpatterns += [re_path('(a|b)' * 500, f), re_path('(' * 4000, f), re_path('[' * 4000, f)]"),
    ("", "class A(A):\n    pass\nurlpatterns += [path('a/', A.as_view())]"),
];

#[test]
#[allow(clippy::unwrap_used, reason = "a test that fails should stop where it fails")]
fn projects_that_never_end_are_given_up_on() {
    for (settings, urls) in HOSTILE {
        let tree = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = tree.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("manage.py", "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'project.settings')\n");
        write("project/__init__.py", "");
        write("project/settings.py", &format!("ROOT_URLCONF = 'project.urls'\n{settings}\n"));
        let imports = "from django.urls import include, path, re_path\ndef f(request):\n    return 1\n";
        write("project/urls.py", &format!("{imports}urlpatterns = [path('alive/', f)]\n{urls}\n"));
        eprintln!("{settings}{urls}");
        let start = Instant::now();
        let found = common::found(tree.path());
        assert!(start.elapsed() < Duration::from_secs(60), "{settings}{urls}: {:?}", start.elapsed());
        assert!(!found.inventory.apps.is_empty() || !found.inventory.unresolved.is_empty(), "{settings}{urls}");
    }
}
