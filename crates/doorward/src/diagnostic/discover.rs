//! Codes of `discover`: DW2xxx.

use super::Code;

pub(super) static CODES: &[Code] = &[];
