//! Reads `fixture METHOD /path` lines, and prints the status that each request gets.

use std::io::{BufRead, Write};

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
        "axum/near-misses" => axum_near_misses::app(),
        "axum/nested-modules" => axum_nested_modules::app(),
        "axum/openapi-router" => axum_openapi_router::app(),
        "axum/workspace" => axum_workspace::app(),
        _ => return None,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let (Some(name), Some(method), Some(path)) = (words.next(), words.next(), words.next()) else { continue };
        let status = match axum_app(name) {
            Some(app) => {
                let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
                app.oneshot(request).await.map_or(0, |it| it.status().as_u16())
            }
            None => 0,
        };
        writeln!(out, "{line} {status}")?;
    }
    Ok(())
}
