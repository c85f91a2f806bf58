//! The frameworks doorward knows.

mod express;

use crate::js::program::Program;
use crate::project::{Found, Package};

/// What sets one framework apart.
pub(crate) struct Framework {
    /// Its id in inventories and policies.
    pub(crate) id: &'static str,
    /// The package whose presence in a manifest, or import in a file, tells that it is used.
    pub(crate) package: &'static str,
    /// Reads the apps of one package.
    pub(crate) discover: fn(&Program, &Package) -> Found,
}

/// Every framework doorward knows, in alphabetical order.
pub(crate) static ALL: &[&Framework] = &[&express::FRAMEWORK];
