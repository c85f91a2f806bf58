//! Codes of `policy`: DW1xxx.

use super::Code;

pub(super) static CODES: &[Code] = &[];
