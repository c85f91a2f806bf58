//! Django 3 to 5 and the REST framework: facts about them and the packages around them.
//!
//! 1. [`projects`] finds the projects of a tree and the settings they are started with.
//! 2. [`discover`] evaluates the settings and the URL configuration they name; [`urls`] and [`routers`] walk it,
//!    with [`pattern`] for what a pattern matches and [`views`] for what it leads to.
//! 3. [`guards`] gathers what stands between a stranger and a view, for classes in the order of their [`line`]; [`verdict`] says what each does, by running it
//!    on a request without credentials, as [`host`] describes one.

mod discover;
mod guards;
mod host;
mod line;
mod pattern;
mod projects;
mod routers;
mod serializers;
mod shapes;
mod sockets;
mod tables;
mod urls;
mod verdict;
mod views;

use super::{Engine, Framework};

pub(crate) static FRAMEWORK: Framework = Framework {
    id: "django",
    packages: &["django", "djangorestframework", "rest_framework"],
    engine: Engine::Python(discover::discover),
    emission: None,
};
