use doorward::inventory::{GuardSeen, Route};
use doorward::policy::{AppConfig, ClerkConfig, Cors};

use super::*;
use crate::case::cases;

pub(crate) fn target(id: &str, access: Access) -> Target {
    let route = Route::new(id.parse().unwrap(), "server.js", 1);
    Target { route, access, bind: Vec::new(), hide: false }
}

fn policy() -> Policy {
    Policy {
        apps: BTreeMap::<String, AppConfig>::new(),
        clerk: ClerkConfig { authorized_parties: vec!["https://app.example.com".into()], ..ClerkConfig::default() },
        cors: Cors::default(),
        rules: Vec::new(),
        personas: Vec::new(),
        expects: Vec::new(),
    }
}

fn planned(targets: &[Target], options: &PlanOptions) -> (Plan, Signer) {
    let signer = Signer::generate("http://127.0.0.1:4000", &["https://app.example.com".into()]).unwrap();
    (plan(targets, &policy(), &cases().unwrap(), &signer, options), signer)
}

fn ids(plan: &Plan, route: usize) -> Vec<&str> {
    plan.shots.iter().filter(|shot| shot.route == route).map(|shot| shot.case.as_str()).collect()
}

#[test]
fn one_route_of_each_guard_gets_everything_and_the_rest_the_core() {
    let targets = ["POST /orders", "GET /orders", "GET /orders/{id}"].map(|id| target(id, Access::SignedIn));
    let (plan, _) = planned(&targets, &PlanOptions::default());
    let (write, read, other) = (ids(&plan, 0), ids(&plan, 1), ids(&plan, 2));
    assert!(read.len() > 120, "{}", read.len());
    for few in [&write, &other] {
        assert!((12..70).contains(&few.len()), "{}", few.len());
        for core in
            ["no-token", "good-session", "alg-none", "expired", "azp-wrong", "session-pending", "other-instance"]
        {
            assert!(few.contains(&core), "{core}");
        }
    }
    assert!(read.contains(&"keys-down") && !other.contains(&"keys-down"));
}

#[test]
fn good_identities_change_nothing_unless_writes_are_allowed() {
    let targets = [target("DELETE /orders/{id}", Access::SignedIn)];
    let skipped = |allow_writes| {
        let (plan, _) = planned(&targets, &PlanOptions { allow_writes, ..PlanOptions::default() });
        plan.shots.into_iter().filter(|shot| shot.skip.is_some()).map(|shot| shot.case).collect::<Vec<_>>()
    };
    assert!(skipped(false).contains(&"good-session".to_owned()));
    assert!(!skipped(false).contains(&"expired".to_owned()));
    assert_eq!(skipped(true), [] as [String; 0]);
}

#[test]
fn bound_parameters_are_the_granted_personas_own() {
    let bind = vec![Bind { source: BindSource::Param("orgId".into()), claim: "org_id".into() }];
    let targets = [Target { bind, ..target("GET /orgs/{orgId}/invoices/{id}", Access::SignedIn) }];
    let (plan, signer) = planned(&targets, &PlanOptions::default());
    let acme = signer.organization_id("acme");
    let good = plan.shots.iter().find(|shot| shot.case == "good-session").unwrap();
    assert_eq!(good.target, format!("/orgs/{acme}/invoices/1"));
    let elsewhere = plan.shots.iter().find(|shot| shot.case == "other-tenant").unwrap();
    assert_eq!(elsewhere.expect, Expectation::Forbid);
    assert_eq!(elsewhere.persona.as_ref().unwrap().org.as_deref(), Some("globex"));
}

#[test]
fn near_misses_are_sent_only_where_they_miss() {
    let role = Access::role("admin").unwrap();
    let (plan, _) =
        planned(&[target("GET /admin", role), target("GET /me", Access::SignedIn)], &PlanOptions::default());
    let (admin, me) = (ids(&plan, 0), ids(&plan, 1));
    for case in ["role-longer", "role-shorter", "role-upper-case", "no-organization", "flat-claims"] {
        assert!(admin.contains(&case) && !me.contains(&case), "{case}");
    }
    let member = plan.shots.iter().find(|shot| {
        shot.route == 0 && shot.case == "persona" && shot.persona.as_ref().is_some_and(|it| it.name == "member")
    });
    assert_eq!(member.unwrap().expect, Expectation::Forbid);
}

#[test]
fn open_routes_must_stay_open_and_webhooks_get_deliveries_only() {
    let targets = [target("GET /health", Access::Public), target("POST /hook", Access::Webhook)];
    let (plan, _) = planned(&targets, &PlanOptions::default());
    assert_eq!(ids(&plan, 0), ["stranger-at-an-open-route"]);
    let hook = ids(&plan, 1);
    assert!(hook.len() >= 12 && hook.iter().all(|id| id.contains("delivery")), "{hook:?}");
}

#[test]
fn a_spelling_may_be_the_path_of_an_open_route() {
    let targets = [target("GET /admin", Access::SignedIn), target("GET /{page}", Access::Public)];
    let (plan, _) = planned(&targets, &PlanOptions::default());
    let ambiguous = |case: &str| plan.shots.iter().find(|shot| shot.route == 0 && shot.case == case).unwrap().ambiguous;
    assert!(ambiguous("path-upper-case") && !ambiguous("path-absolute-form") && !ambiguous("no-token"));
}

#[test]
fn a_websocket_is_untested_and_the_route_beside_it_is_not() {
    let targets = [target("WEBSOCKET /live", Access::SignedIn), target("GET /live", Access::SignedIn)];
    let (plan, _) = planned(&targets, &PlanOptions::default());
    assert!(plan.routes[0].untested.is_some() && ids(&plan, 0).is_empty());
    assert!(plan.routes[1].untested.is_none() && !ids(&plan, 1).is_empty());
}

#[test]
fn a_rule_nobody_meets_is_untested() {
    let nobody = Access::all(vec![Access::role("admin").unwrap(), Access::role("member").unwrap()]).unwrap();
    let (plan, _) = planned(&[target("GET /x", nobody)], &PlanOptions::default());
    assert!(plan.routes[0].untested.is_some());
}

#[test]
fn paths_are_spelled_in_other_ways() {
    let check =
        |shape, expected: Option<&str>| assert_eq!(respell("/api/admin", shape).as_deref(), expected, "{shape:?}");
    check(PathShape::TrailingSlash, Some("/api/admin/"));
    check(PathShape::UpperCase, Some("/API/ADMIN"));
    check(PathShape::DoubleSlash, Some("/api//admin"));
    check(PathShape::EncodedLetter, Some("/api/admi%6E"));
    check(PathShape::DoubleEncodedLetter, Some("/api/admi%256E"));
    check(PathShape::EncodedSlash, Some("/api%2Fadmin"));
    check(PathShape::EncodedParent, Some("/x/%2e%2e/api/admin"));
    assert_eq!(respell("/", PathShape::TrailingSlash), None);
    assert_eq!(respell("/123", PathShape::UpperCase), None);
    assert_eq!(respell("/a", PathShape::DoubleSlash), None);
}

#[test]
fn a_head_request_that_a_public_get_answers_is_no_attack() {
    let reviews = |get| [target("POST /reviews", Access::SignedIn), target("GET /reviews", get)];
    let (plan, _) = planned(&reviews(Access::Public), &PlanOptions::default());
    assert!(!ids(&plan, 0).contains(&"head-request"));
    let (plan, _) = planned(&reviews(Access::SignedIn), &PlanOptions::default());
    assert!(ids(&plan, 0).contains(&"head-request"));
}

#[test]
fn guards_that_only_share_their_name_are_each_sent_everything() {
    let seen = |origin: &str, file: &str| GuardSeen {
        name: "requireAuth()".into(),
        origin: origin.into(),
        file: file.into(),
        line: 1,
        asks: None,
    };
    let mut targets = ["GET /a", "GET /b", "GET /c", "GET /d", "GET /e"].map(|id| target(id, Access::SignedIn));
    targets[0].route.guard.by = vec![seen("@clerk/express", "src/app.js")];
    targets[1].route.guard.by = vec![seen("src/auth.js", "src/app.js")];
    targets[2].route.guard.by = vec![seen("@clerk/express", "src/other.js")];
    targets[3].route.guard = targets[0].route.guard.clone();
    targets[3].route.chain = vec!["queryToken".into()];
    targets[4].route.guard = targets[0].route.guard.clone();
    let (plan, _) = planned(&targets, &PlanOptions::default());
    for (route, expected) in [(0, true), (1, true), (2, true), (3, true), (4, false)] {
        assert_eq!(ids(&plan, route).contains(&"token-dots"), expected, "{route}");
    }
}

#[test]
fn other_ways_to_bring_a_token_are_tried_on_every_guarded_route() {
    let targets = ["GET /a", "GET /b"].map(|id| target(id, Access::SignedIn));
    let (plan, _) = planned(&targets, &PlanOptions::default());
    for case in [
        "query-access-token",
        "query-session",
        "query-bad-token",
        "cookie-only",
        "cookie-as-a-browser",
        "bad-cookie-only",
        "bad-header-good-cookie",
        "alternate-header",
        "internal-address",
    ] {
        assert!(ids(&plan, 1).contains(&case), "{case}");
    }
}
