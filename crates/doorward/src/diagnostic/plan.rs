//! Codes of `plan`: DW3xxx.

use super::Code;

pub(super) static CODES: &[Code] = &[];
