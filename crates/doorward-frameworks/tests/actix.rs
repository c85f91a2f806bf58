//! Discovery of actix-web servers: fixtures as pinned.

mod common;

#[test]
fn every_actix_fixture_is_read_as_expected() {
    common::pinned("actix");
}
