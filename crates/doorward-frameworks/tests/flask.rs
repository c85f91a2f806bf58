//! Discovery of Flask servers: fixtures as pinned, and Flask's own routing table.

mod common;

use std::path::PathBuf;

#[test]
fn every_flask_fixture_is_read_as_expected() {
    common::pinned("flask");
}

#[test]
fn flask_itself_agrees() {
    // What needs packages or an environment that are not there says so in a file.
    let folders: Vec<PathBuf> =
        common::fixtures("flask").into_iter().filter(|it| !it.join("NO_ORACLE").exists()).collect();
    assert!(folders.len() >= 7, "fixtures are found by folder");
    common::agree(&common::ask_python("flask_routes.py", &folders), |status| matches!(status, 302 | 401 | 403));
}
