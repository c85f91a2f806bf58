//! Reads `fixture METHOD /path` lines, with a kind and a body behind them or without, and prints the status and the
//! body of each answer.

use std::io::{BufRead, Write};

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use actix_web::{App, test};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt;

/// The applications by the name of their fixture.
fn axum_app(name: &str) -> Option<Router> {
    Some(match name {
        "axum/basic-routes" => axum_basic_routes::app(),
        "axum/conditions" => axum_conditions::app(),
        "axum/documented" => axum_documented::app(),
        "axum/guards-that-do-not-hold" => axum_guards_that_do_not_hold::app(),
        "axum/layers-and-guards" => axum_layers_and_guards::app(),
        "axum/macros" => axum_macros_of_the_project::app(),
        "axum/near-misses" => axum_near_misses::app(),
        "axum/nested-modules" => axum_nested_modules::app(),
        "axum/openapi-router" => axum_openapi_router::app(),
        "axum/shapes" => axum_shapes::app(),
        "axum/workspace" => axum_workspace::app(),
        _ => return None,
    })
}

/// What configures an application, by the name of its fixture.
fn actix_app(name: &str) -> Option<fn(&mut ServiceConfig)> {
    Some(match name {
        "actix/attributes" => actix_attributes::app,
        "actix/guards" => actix_guards::app,
        "actix/guards-that-do-not-hold" => actix_guards_that_do_not_hold::app,
        "actix/near-misses" => actix_near_misses::app,
        "actix/route-tables" => actix_route_tables::app,
        "actix/scopes" => actix_scopes::app,
        "actix/shapes" => actix_shapes::app,
        _ => return None,
    })
}

/// What is asked: a method, a path, and a body with its kind.
struct Question<'a> {
    method: &'a str,
    path: &'a str,
    body: Option<(&'static str, String)>,
}

async fn ask_axum(app: Router, question: Question<'_>) -> (u16, Vec<u8>) {
    let mut request = Request::builder().method(question.method).uri(question.path);
    let body = match question.body {
        Some((kind, text)) => {
            request = request.header("content-type", kind);
            Body::from(text)
        }
        None => Body::empty(),
    };
    let response = match app.oneshot(request.body(body).expect("a request")).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap_or_default();
    (status, body.to_vec())
}

async fn ask_actix(configure: fn(&mut ServiceConfig), question: Question<'_>) -> (u16, Vec<u8>) {
    let app = test::init_service(App::new().configure(configure)).await;
    let method = Method::from_bytes(question.method.as_bytes()).expect("a method");
    let mut request = test::TestRequest::default().method(method).uri(question.path);
    if let Some((kind, text)) = question.body {
        request = request.insert_header(("content-type", kind)).set_payload(text);
    }
    match test::try_call_service(&app, request.to_request()).await {
        Ok(response) => (response.status().as_u16(), test::read_body(response).await.to_vec()),
        Err(error) => (error.as_response_error().status_code().as_u16(), Vec::new()),
    }
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.splitn(5, ' ');
        let (Some(name), Some(method), Some(path)) = (words.next(), words.next(), words.next()) else { continue };
        let body = match (words.next(), words.next()) {
            (Some("json"), Some(text)) => Some(("application/json", text.to_owned())),
            (Some("form"), Some(text)) => Some(("application/x-www-form-urlencoded", text.to_owned())),
            _ => None,
        };
        let question = Question { method, path, body };
        let (status, body) = match (axum_app(name), actix_app(name)) {
            (Some(app), _) => ask_axum(app, question).await,
            (_, Some(configure)) => ask_actix(configure, question).await,
            _ => (0, Vec::new()),
        };
        let body = String::from_utf8_lossy(&body).replace(['\n', '\r'], " ");
        writeln!(out, "{status} {body}")?;
    }
    Ok(())
}
