//! What attributes of serde say about a type, a variant or a field.

use super::types::Mode;
use crate::rs::ir::{Attr, AttrArg, ExprKind};

/// The attributes of one thing, for reading or for writing.
#[derive(Debug, Default)]
pub(super) struct Serde {
    pub(super) rename: Option<String>,
    pub(super) rename_all: Option<String>,
    pub(super) rename_all_fields: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) content: Option<String>,
    pub(super) untagged: bool,
    pub(super) transparent: bool,
    pub(super) flatten: bool,
    pub(super) skip: bool,
    pub(super) default: bool,
    /// Left out when it is empty.
    pub(super) skip_if: bool,
    /// A function, or another type, decides about the form.
    pub(super) other: bool,
    pub(super) deny_unknown: bool,
}

impl Serde {
    pub(super) fn read(attrs: &[Attr], mode: Mode) -> Self {
        let mut all = Self::default();
        for arg in attrs.iter().filter(|it| it.name() == "serde").flat_map(|it| &it.args) {
            let text = match arg.value.as_ref().map(|it| &it.kind) {
                Some(ExprKind::Str(text)) => Some(text.to_string()),
                _ => None,
            };
            // `rename(serialize = "a", deserialize = "b")`
            let text = text.or_else(|| one_way(arg, mode));
            match word(arg) {
                "rename" => all.rename = text,
                "rename_all" => all.rename_all = text,
                "rename_all_fields" => all.rename_all_fields = text,
                "tag" => all.tag = text,
                "content" => all.content = text,
                "untagged" => all.untagged = true,
                "transparent" => all.transparent = true,
                "flatten" => all.flatten = true,
                "skip" => all.skip = true,
                "skip_deserializing" => all.skip |= mode == Mode::Take,
                "skip_serializing" => all.skip |= mode == Mode::Give,
                "default" => all.default = true,
                "skip_serializing_if" => all.skip_if = true,
                "with" => all.other = true,
                "deserialize_with" | "from" | "try_from" => all.other |= mode == Mode::Take,
                "serialize_with" | "into" => all.other |= mode == Mode::Give,
                "deny_unknown_fields" => all.deny_unknown = true,
                _ => {}
            }
        }
        all
    }
}

fn word(arg: &AttrArg) -> &str {
    match (&arg.name, arg.value.as_ref().map(|it| &it.kind)) {
        (Some(name), _) => name,
        (None, Some(ExprKind::Path(path))) => path.last(),
        _ => "",
    }
}

fn one_way(arg: &AttrArg, mode: Mode) -> Option<String> {
    let wanted = if mode == Mode::Take { "deserialize" } else { "serialize" };
    let inner = arg.args.iter().find(|it| it.name.as_deref() == Some(wanted))?;
    match inner.value.as_ref().map(|it| &it.kind) {
        Some(ExprKind::Str(text)) => Some(text.to_string()),
        _ => None,
    }
}

/// A field's name by a rule of `rename_all`.
pub(super) fn field(rule: Option<&str>, name: &str) -> String {
    let pascal = || name.split('_').map(capital).collect::<String>();
    match rule.unwrap_or_default() {
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => name.to_ascii_uppercase(),
        "PascalCase" => pascal(),
        "camelCase" => small(&pascal()),
        "kebab-case" => name.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => name.to_ascii_uppercase().replace('_', "-"),
        _ => name.to_owned(),
    }
}

/// A variant's name by a rule of `rename_all`.
pub(super) fn variant(rule: Option<&str>, name: &str) -> String {
    let snake = || {
        let mut text = String::new();
        for (at, sign) in name.char_indices() {
            if at > 0 && sign.is_uppercase() {
                text.push('_');
            }
            text.push(sign.to_ascii_lowercase());
        }
        text
    };
    match rule.unwrap_or_default() {
        "lowercase" => name.to_ascii_lowercase(),
        "UPPERCASE" => name.to_ascii_uppercase(),
        "camelCase" => small(name),
        "snake_case" => snake(),
        "SCREAMING_SNAKE_CASE" => snake().to_ascii_uppercase(),
        "kebab-case" => snake().replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => snake().to_ascii_uppercase().replace('_', "-"),
        _ => name.to_owned(),
    }
}

fn capital(word: &str) -> String {
    let mut signs = word.chars();
    signs.next().map(|it| it.to_ascii_uppercase()).into_iter().chain(signs).collect()
}

fn small(word: &str) -> String {
    let mut signs = word.chars();
    signs.next().map(|it| it.to_ascii_lowercase()).into_iter().chain(signs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_serde() {
        let rules = [
            ("lowercase", "user_id", "userid"),
            ("UPPERCASE", "USER_ID", "USERID"),
            ("PascalCase", "UserId", "UserId"),
            ("camelCase", "userId", "userId"),
            ("snake_case", "user_id", "user_id"),
            ("SCREAMING_SNAKE_CASE", "USER_ID", "USER_ID"),
            ("kebab-case", "user-id", "user-id"),
            ("SCREAMING-KEBAB-CASE", "USER-ID", "USER-ID"),
        ];
        for (rule, of_field, of_variant) in rules {
            assert_eq!(field(Some(rule), "user_id"), of_field, "{rule}");
            assert_eq!(variant(Some(rule), "UserId"), of_variant, "{rule}");
        }
        assert_eq!(field(None, "user_id"), "user_id");
    }
}
