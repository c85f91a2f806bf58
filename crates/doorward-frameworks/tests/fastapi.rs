//! Discovery of FastAPI and Starlette servers: fixtures as pinned, and the framework's own table of routes.

mod common;

use std::path::PathBuf;

#[test]
fn every_fastapi_fixture_is_read_as_expected() {
    common::pinned("fastapi");
}

#[test]
fn fastapi_itself_agrees() {
    // What can't be loaded on its own says so in a file.
    let folders: Vec<PathBuf> =
        common::fixtures("fastapi").into_iter().filter(|it| !it.join("NO_ORACLE").exists()).collect();
    assert!(folders.len() >= 12, "fixtures are found by folder");
    common::agree(&common::ask_python("fastapi_routes.py", &folders), |status| matches!(status, 401 | 403));
}
