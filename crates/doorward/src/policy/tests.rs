use super::*;
use crate::inventory::{App, Inventory, Route};

fn route(id: &str) -> Route {
    Route::new(id.parse().unwrap(), "src/app.ts", 7)
}

/// Parses `body` under a version line; expects these codes at these lines of the file.
fn refuse(body: &str, expected: &[(&str, u32)]) {
    let findings = Policy::parse("doorward.toml", &format!("version = 1\n{body}")).unwrap_err();
    let got: Vec<_> = findings.iter().map(|it| (it.code.as_str(), it.location.as_ref().unwrap().line)).collect();
    assert_eq!(got, expected, "{findings:#?}");
}

fn accept(body: &str) -> Policy {
    Policy::parse("doorward.toml", &format!("version = 1\n{body}")).unwrap()
}

#[test]
fn every_mistake_is_reported_at_its_line() {
    refuse("acess = 1\n", &[("DW1002", 2)]);
    refuse("[[rule]]\nprefix = \"/a\"\nacess = \"public\"\n", &[("DW1002", 4), ("DW1010", 2)]);
    refuse("[[rule]]\nprefix = \"a\"\naccess = \"signed-in\"\n", &[("DW1003", 3)]);
    refuse("[[rule]]\nprefix = \"/a\"\nroutes = [\"GET /a\"]\naccess = \"signed-in\"\n", &[("DW1010", 2)]);
    refuse("[[rule]]\nroutes = [\"/a\"]\naccess = \"signed-in\"\n", &[("DW1003", 3), ("DW1010", 2)]);
    refuse("[[rule]]\nprefix = \"/a\"\naccess = \"public\"\n", &[("DW1008", 2)]);
    refuse("[[rule]]\nprefix = \"/a\"\naccess = \"public\"\nreason = \" \"\n", &[("DW1008", 2)]);
    refuse("[[rule]]\nprefix = \"/a\"\naccess = \"everyone\"\n", &[("DW1011", 4)]);
    refuse("[[rule]]\nprefix = \"/a\"\naccess = { role = \"a\", plan = \"b\" }\n", &[("DW1011", 4)]);
    refuse("[[rule]]\nprefix = \"/a\"\naccess = { any = [] }\n", &[("DW1011", 4)]);
    refuse("[[rule]]\nprefix = \"/a\"\naccess = { any = [\"public\"] }\n", &[("DW1011", 4)]);
    refuse("[[rule]]\nprefix = \"/a\"\naccess = { permission = \"org:sys_memberships:manage\" }\n", &[("DW1012", 4)]);
    refuse("[[rule]]\nprefix = \"/a\"\naccess = \"machine\"\n", &[("DW1007", 4)]);
    refuse("[[rule]]\nprefix = \"/a\"\naccess = \"webhook\"\nhide = true\n", &[("DW1010", 2)]);
    refuse(
        "[[rule]]\nprefix = \"/{o}\"\naccess = \"signed-in\"\nbind = { \"param:o\" = \"role\" }\n",
        &[("DW1013", 5)],
    );
    refuse("default = \"allow\"\n", &[("DW1006", 2)]);
    refuse("[cors]\norigins = [\"*\"]\n", &[("DW1009", 3)]);
    refuse("[cors]\norigins = [\"https://a.example/\"]\n", &[("DW1009", 3)]);
    refuse("[clerk]\nsecret_key_env = \"the key\"\n", &[("DW1003", 3)]);
    refuse("[clerk]\ncarriers = [\"cookie\"]\n", &[("DW1007", 3)]);
    refuse("rule = \"none\"\n", &[("DW1003", 2)]);
    refuse("[[rule\n", &[("DW1001", 2)]);
    refuse("[clerk]\nsecret_key_env = \"LD_PRELOAD\"\n", &[("DW1003", 3)]);
    refuse(
        "[[rule]]\nprefix = \"/{o}\"\naccess = \"signed-in\"\nbind = { \"param:__proto__\" = \"org_id\" }\n",
        &[("DW1013", 5)],
    );
    refuse("[[persona]]\nname = \"a\"\n[[persona]]\nname = \"a\"\n", &[("DW1010", 4)]);
    refuse("[[persona]]\nname = \"a\"\npermissions = [\"org:sys_x:y\"]\n", &[("DW1012", 2)]);
}

#[test]
fn the_neighbours_of_those_mistakes_are_accepted() {
    let policy = accept(
        "default = \"deny\"\n[clerk]\nsecret_key_env = \"MY_KEY\"\ncarriers = [\"bearer\"]\n[cors]\norigins = [\"https://a.example\", \"http://localhost:5173\"]\n\
         [[rule]]\nprefix = \"/a\"\naccess = \"public\"\nreason = \"status page\"\n\
         [[rule]]\nroutes = [\"get /b/{o}\"]\naccess = { any = [{ role = \"admin\" }, { all = [{ permission = \"a:b\" }, { plan = \"o:pro\" }] }] }\nbind = { \"param:o\" = \"org_id\" }\nhide = true\n",
    );
    assert_eq!(policy.rules.len(), 2);
    assert_eq!(policy.rules[1].access.to_string(), "role org:admin or (permission org:a:b and plan o:pro)");
    assert_eq!(policy.clerk.secret_key_env, "MY_KEY");
}

#[test]
fn a_value_that_looks_like_a_key_is_refused_and_not_repeated() {
    let key = format!("sk_live_{}", "Zz9".repeat(14));
    let findings =
        Policy::parse("doorward.toml", &format!("version = 1\n[clerk]\nsecret_key_env = \"{key}\"\n")).unwrap_err();
    assert_eq!(findings[0].code, "DW1004");
    assert!(!format!("{findings:?}").contains("Zz9Zz9"));
}

fn resolve(rules: &str, routes: &[&str]) -> (Vec<Option<String>>, Vec<String>) {
    let policy = accept(rules);
    let app = App { routes: routes.iter().map(|id| route(id)).collect(), ..App::new("api", ".", "express") };
    let resolution = policy.resolve(&app);
    let access = resolution.routes.iter().map(|it| it.rule.map(|rule| rule.access.to_string())).collect();
    let findings: Vec<String> = resolution.findings.into_iter().map(|it| it.code).collect();
    let stale = policy.stale(&Inventory { apps: vec![app], unresolved: Vec::new() }).into_iter().map(|it| it.code);
    (access, findings.into_iter().chain(stale).collect())
}

#[test]
fn the_closest_rule_is_in_force() {
    let rules = "[[rule]]\nprefix = \"/a\"\naccess = \"signed-in\"\n[[rule]]\nprefix = \"/a/b\"\naccess = { role = \"x\" }\n[[rule]]\nroutes = [\"GET /a/b/c\"]\naccess = { role = \"y\" }\n";
    let (access, findings) = resolve(rules, &["GET /a/x", "GET /a/b", "GET /a/b/c", "POST /a/b/c"]);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(access, [some("signed-in"), some("role org:x"), some("role org:y"), some("role org:x")]);
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn ties_stale_rules_and_unnamed_routes_are_findings() {
    let twice =
        "[[rule]]\nprefix = \"/a\"\naccess = \"signed-in\"\n[[rule]]\nprefix = \"/a\"\naccess = { role = \"x\" }\n";
    assert_eq!(resolve(twice, &["GET /a"]).1, ["DW1020"]);
    let one = "[[rule]]\nprefix = \"/a\"\naccess = \"signed-in\"\n";
    assert_eq!(resolve(one, &["GET /a"]).1, Vec::<String>::new());
    assert_eq!(resolve(one, &["GET /ab"]).1, ["DW1021", "DW1022"]);
    assert_eq!(resolve(one, &["GET /a", "GET /b"]).1, ["DW1021"]);
    let gone = "[[rule]]\nroutes = [\"GET /a\", \"GET /gone\"]\naccess = \"signed-in\"\n";
    assert_eq!(resolve(gone, &["GET /a"]).1, ["DW1022"]);
    let unbound = "[[rule]]\nprefix = \"/o\"\naccess = \"signed-in\"\nbind = { \"param:o\" = \"org_id\" }\n";
    assert_eq!(resolve(unbound, &["GET /o/{o}", "GET /o"]).1, ["DW1023"]);
}

#[test]
fn a_proposal_is_a_valid_policy_that_names_every_route_and_opens_only_what_was_confirmed() {
    let routes: Vec<Route> = [
        "GET /health",
        "GET /products",
        "GET /products/{id}",
        "POST /products",
        "GET /orders",
        "GET /orgs/{orgId}/invoices",
        "GET /admin/users",
        "GET /api/v1/admin/x",
        "POST /webhooks/clerk",
        "GET /",
        "GET /api/v1/{x}",
        "POST /public",
    ]
    .iter()
    .map(|id| route(id))
    .collect();
    let app = App { routes, ..App::new("orders api", ".", "express") };
    for public in [vec![], vec!["GET /health".to_owned()]] {
        let answers = Answers::from([("public-routes".to_owned(), public.clone())]);
        let proposal = propose(&[Proposed { app: &app, start: Some("npm start") }], &answers);
        let policy =
            Policy::parse("doorward.toml", &proposal.text).unwrap_or_else(|it| panic!("{it:#?}\n{}", proposal.text));
        let resolution = policy.resolve(&app);
        assert!(resolution.findings.is_empty(), "{:#?}\n{}", resolution.findings, proposal.text);
        let open: Vec<_> = resolution
            .routes
            .iter()
            .filter(|it| it.rule.is_some_and(|rule| rule.access.admits_strangers()))
            .map(|it| it.route.to_string())
            .collect();
        assert_eq!(open, public);
    }
    let asked: Vec<_> = propose(&[Proposed { app: &app, start: None }], &Answers::new())
        .questions
        .into_iter()
        .map(|it| (it.id, it.choices))
        .collect();
    assert_eq!(
        asked[0].1,
        ["GET /health", "GET /products", "GET /products/{id}", "GET /", "GET /orders", "GET /api/v1/{x}"],
        "what looks public comes first; administration, organizations and writes are never offered"
    );
}

#[test]
fn rules_speak_of_the_app_they_name_and_no_other() {
    let app = |name: &str, ids: &[&str]| App {
        routes: ids.iter().map(|id| route(id)).collect(),
        ..App::new(name, name, "express")
    };
    let apps = [app("api", &["GET /health", "GET /orders"]), app("jobs", &["GET /health", "GET /runs"])];
    let proposed: Vec<Proposed<'_>> = apps.iter().map(|app| Proposed { app, start: None }).collect();
    let answers = Answers::from([("public-routes".to_owned(), vec!["api: GET /health".to_owned()])]);
    let policy = accept(propose(&proposed, &answers).text.trim_start_matches(|c| c != '['));
    let access = |app: &App| -> Vec<String> {
        let resolution = policy.resolve(app);
        assert!(resolution.findings.is_empty(), "{:#?}", resolution.findings);
        resolution.routes.iter().filter_map(|it| it.rule.map(|rule| rule.access.to_string())).collect()
    };
    assert_eq!(access(&apps[0]), ["public", "signed-in"]);
    assert_eq!(access(&apps[1]), ["signed-in", "signed-in"]);
    let both = Inventory { apps: apps.to_vec(), unresolved: Vec::new() };
    assert!(policy.stale(&both).is_empty(), "{:#?}", policy.stale(&both));
    let one = Inventory { apps: apps[..1].to_vec(), unresolved: Vec::new() };
    assert_eq!(policy.stale(&one).len(), 2, "the rules of an app that is gone are stale");
}
