//! Codes of `check`: DW4xxx.

use super::Code;

pub(super) static CODES: &[Code] = &[];
