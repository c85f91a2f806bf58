//! Codes of `verify`: DW5xxx.

use super::Code;

pub(super) static CODES: &[Code] = &[];
