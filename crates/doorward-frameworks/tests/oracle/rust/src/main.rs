//! Reads `fixture METHOD /path` lines, and prints the status that each request gets.

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
        "axum/layers-and-guards" => axum_layers_and_guards::app(),
        "axum/macros" => axum_macros_of_the_project::app(),
        "axum/near-misses" => axum_near_misses::app(),
        "axum/nested-modules" => axum_nested_modules::app(),
        "axum/openapi-router" => axum_openapi_router::app(),
        "axum/workspace" => axum_workspace::app(),
        _ => return None,
    })
}

/// What configures an application, by the name of its fixture.
fn actix_app(name: &str) -> Option<fn(&mut ServiceConfig)> {
    Some(match name {
        "actix/attributes" => actix_attributes::app,
        "actix/guards" => actix_guards::app,
        "actix/near-misses" => actix_near_misses::app,
        "actix/route-tables" => actix_route_tables::app,
        "actix/scopes" => actix_scopes::app,
        _ => return None,
    })
}

async fn ask_axum(app: Router, method: &str, path: &str) -> u16 {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    app.oneshot(request).await.map_or(0, |it| it.status().as_u16())
}

async fn ask_actix(configure: fn(&mut ServiceConfig), method: &str, path: &str) -> u16 {
    let app = test::init_service(App::new().configure(configure)).await;
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = test::TestRequest::default().method(method).uri(path).to_request();
    match test::try_call_service(&app, request).await {
        Ok(response) => response.status().as_u16(),
        Err(error) => error.as_response_error().status_code().as_u16(),
    }
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let (Some(name), Some(method), Some(path)) = (words.next(), words.next(), words.next()) else { continue };
        let status = match (axum_app(name), actix_app(name)) {
            (Some(app), _) => ask_axum(app, method, path).await,
            (_, Some(configure)) => ask_actix(configure, method, path).await,
            _ => 0,
        };
        writeln!(out, "{line} {status}")?;
    }
    Ok(())
}
