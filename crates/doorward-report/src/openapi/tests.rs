use doorward::inventory::{Guard, GuardAsk, GuardSeen, GuardState};
use doorward::policy::Access;
use doorward::shape::{Body, Parameter, Response, Within};

use super::*;

fn app(ids: &[&str]) -> App {
    let mut app = App::new("shop", ".", "express");
    app.routes = ids.iter().map(|id| Route::new(id.parse().unwrap(), "app.js", 1)).collect();
    app
}

fn guarded(route: &mut Route, state: GuardState, access: Option<Access>) {
    let asks = access.map(|access| GuardAsk { access, bind: Vec::new(), hide: false });
    let seen = GuardSeen { name: "guard()".into(), origin: "doorward".into(), file: "app.js".into(), line: 1, asks };
    route.guard = Guard { state, by: vec![seen] };
}

#[test]
fn paths_that_differ_in_names_only_are_one_and_catch_alls_are_marked() {
    let app = app(&[
        "GET /a/{id}",
        "POST /a/{name}",
        "GET /a/{*rest}",
        "GET /f/{*path}",
        "ALL /x",
        "GET /x",
        "WEBSOCKET /ws",
        "PURGE /a",
    ]);
    let document = openapi(&app);
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/a/{id}", "/f/{path}", "/x"]);
    assert_eq!(document["paths"]["/a/{id}"]["post"]["parameters"][0]["name"], "id");
    assert_eq!(document["paths"]["/f/{path}"]["get"]["parameters"][0]["x-doorward-catch-all"], true);
    let x = document["paths"]["/x"].as_object().unwrap();
    assert_eq!(x.keys().collect::<Vec<_>>(), ["delete", "get", "patch", "post", "put"]);
    assert!(x["get"].get("x-doorward-method").is_none() && x["post"]["x-doorward-method"] == "ALL");
    let unlisted: Vec<&Value> =
        document["x-doorward-unlisted"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(unlisted, ["GET /a/{*rest}", "WEBSOCKET /ws", "PURGE /a"]);
}

#[test]
fn operation_ids_are_stable_and_unique() {
    let app = app(&["GET /", "GET /orgs/{orgId}/invoices", "GET /a-b", "GET /a/b", "GET /flights/{from}-{to}"]);
    let document = openapi(&app);
    let id = |path: &str| document["paths"][path]["get"]["operationId"].clone();
    assert_eq!(id("/"), "get");
    assert_eq!(id("/orgs/{orgId}/invoices"), "getOrgsByOrgIdInvoices");
    assert_eq!((id("/a-b"), id("/a/b")), ("getAB".into(), "getAB_2".into()));
    assert_eq!(id("/flights/{from}-{to}"), "getFlightsByFromTo");
}

#[test]
fn security_says_what_is_known() {
    let mut app = app(&["GET /open", "GET /unsure", "GET /other", "GET /signed-in", "GET /admin", "POST /hook"]);
    guarded(&mut app.routes[1], GuardState::Unsure, None);
    guarded(&mut app.routes[2], GuardState::Guarded, None);
    guarded(&mut app.routes[3], GuardState::Guarded, Some(Access::SignedIn));
    guarded(&mut app.routes[4], GuardState::Guarded, Some(Access::Role("org:admin".into())));
    guarded(&mut app.routes[5], GuardState::Guarded, Some(Access::Webhook));
    let document = openapi(&app);
    let of = |path: &str| {
        let operation = document["paths"][path].as_object().unwrap().values().next().unwrap();
        let statuses: Vec<String> = operation["responses"].as_object().unwrap().keys().cloned().collect();
        (operation["security"].to_string(), statuses.join(" "))
    };
    let bearer = r#"[{"bearer":[]}]"#.to_owned();
    assert_eq!(of("/open"), ("[]".into(), "default".into()));
    assert_eq!(of("/unsure"), (r#"[{},{"bearer":[]}]"#.into(), "default".into()));
    assert_eq!(of("/other"), (bearer.clone(), "401 default".into()));
    assert_eq!(of("/signed-in"), (bearer.clone(), "401 default".into()));
    assert_eq!(of("/admin"), (bearer, "401 403 default".into()));
    assert_eq!(of("/hook"), (r#"[{"webhook":[]}]"#.into(), "401 default".into()));
    assert!(document["components"]["schemas"]["DoorwardError"].is_object());
}

#[test]
fn shapes_are_written_and_made_to_fit() {
    let mut app = app(&["POST /orders/{id}", "GET /orders/{id}"]);
    app.schemas.insert("Page[Order]".into(), json!({ "type": "object", "id": "x", "properties": { "next": { "$ref": "#/components/schemas/Page[Order]" } } }));
    let shape = &mut app.routes[0].shape;
    shape.parameters = vec![
        Parameter { name: "id".into(), within: Within::Path, required: false, schema: json!({ "type": "integer" }) },
        Parameter { name: "Authorization".into(), within: Within::Header, required: true, schema: json!({}) },
        Parameter {
            name: "q".into(),
            within: Within::Query,
            required: false,
            schema: json!({ "type": "any", "exclusiveMinimum": true }),
        },
    ];
    shape.body = Some(Body {
        media_type: "application/json".into(),
        required: true,
        schema: json!({ "$ref": "#/components/schemas/Gone" }),
    });
    shape.responses = vec![
        Response {
            status: "200".into(),
            media_type: Some("application/json".into()),
            schema: Some(json!({ "$ref": "#/components/schemas/Page[Order]" })),
        },
        Response { status: "4xx".into(), media_type: None, schema: None },
        Response { status: "twenty".into(), media_type: None, schema: None },
    ];
    app.routes[1].shape = app.routes[0].shape.clone();
    let document = openapi(&app);
    let post = &document["paths"]["/orders/{id}"]["post"];
    assert_eq!(post["parameters"].as_array().unwrap().len(), 2);
    assert_eq!(post["parameters"][0]["schema"], json!({ "type": "integer" }));
    assert_eq!(post["parameters"][1]["schema"], json!({}));
    assert_eq!(post["requestBody"]["content"]["application/json"]["schema"], json!({}));
    let page = "#/components/schemas/Page_Order_";
    assert_eq!(post["responses"]["200"]["content"]["application/json"]["schema"]["$ref"], page);
    assert_eq!(post["responses"].as_object().unwrap().keys().collect::<Vec<_>>(), ["200", "4XX"]);
    assert_eq!(document["components"]["schemas"]["Page_Order_"]["properties"]["next"]["$ref"], page);
    assert!(document["paths"]["/orders/{id}"]["get"].get("requestBody").is_none());
}

#[test]
fn yaml_quotes_what_would_mean_something_else() {
    let document = json!({ "a": "no", "b": ["1", "x: y", "/path", {}], "c": { "200": null }, "d": [], "e": "é\n" });
    assert_eq!(
        to_yaml(&document),
        "a: \"no\"\nb:\n  - \"1\"\n  - \"x: y\"\n  - /path\n  - {}\nc:\n  \"200\": null\nd: []\ne: \"é\\n\"\n"
    );
}

#[test]
fn a_default_that_its_schema_refuses_is_left_out() {
    let mut app = app(&["GET /list"]);
    app.schemas.insert("Order".into(), json!({ "enum": ["asc", "desc"] }));
    app.schemas.insert("Circle".into(), json!({ "allOf": [{ "$ref": "#/components/schemas/Circle" }], "default": 1 }));
    let schemas = [
        (json!({ "type": "array", "items": { "type": "string" }, "default": null }), false),
        (json!({ "type": ["array", "null"], "default": null }), true),
        (json!({ "anyOf": [{ "type": "array" }, { "type": "null" }], "default": null }), true),
        (json!({ "type": "integer", "default": "1" }), false),
        (json!({ "type": "integer", "default": 1.0 }), true),
        (json!({ "$ref": "#/components/schemas/Order", "default": null }), false),
        (json!({ "$ref": "#/components/schemas/Order", "default": "asc" }), true),
        (json!({ "properties": { "default": { "type": "string" } } }), false),
    ];
    app.routes[0].shape.parameters = schemas
        .iter()
        .enumerate()
        .map(|(at, (schema, _))| Parameter {
            name: format!("p{at}"),
            within: Within::Query,
            required: false,
            schema: schema.clone(),
        })
        .collect();
    let document = openapi(&app);
    let parameters = document["paths"]["/list"]["get"]["parameters"].as_array().unwrap();
    for (it, (schema, kept)) in parameters.iter().zip(&schemas) {
        assert_eq!(it["schema"].get("default").is_some(), *kept, "{schema}");
    }
    assert_eq!(parameters[7]["schema"]["properties"]["default"], json!({ "type": "string" }));
}
