//! The files around the source: `package.json`, `.env.example`, `.gitignore`.

use doorward::policy::{Access, Policy};
use oxc_allocator::Allocator;
use oxc_ast::ast::{Expression, ObjectExpression, ObjectPropertyKind};
use oxc_parser::Parser;
use oxc_span::{GetSpan, SourceType};

use crate::edit::{Edit, Style, apply, line_start};

/// Why a `package.json` can't be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ManifestError {
    /// Not a JSON object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// `dependencies` is there and is something else.
    #[error("`dependencies` is not an object")]
    BadDependencies,
    /// The edits did not fit, which is a mistake of ours.
    #[error("it can't be edited: {0}")]
    Edit(#[from] crate::edit::EditError),
}

/// Adds a dependency to the text of a `package.json`, and takes others out, leaving every other byte as it is.
/// A dependency that is there keeps its range.
///
/// # Errors
/// [`ManifestError`] if the text is not an object with an object of dependencies.
pub(crate) fn package_json(text: &str, add: (&str, &str), remove: &[&str]) -> Result<String, ManifestError> {
    if !serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.is_object()) {
        return Err(ManifestError::NotAnObject);
    }
    // JSON is an expression of JavaScript, and this parser keeps spans.
    let wrapped = format!("({text})");
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &wrapped, SourceType::default())
        .parse_expression()
        .map_err(|_| ManifestError::NotAnObject)?;
    let Expression::ObjectExpression(root) = parsed.get_inner_expression() else {
        return Err(ManifestError::NotAnObject);
    };
    let mut edits = Vec::new();
    match member(root, "dependencies") {
        Some(Expression::ObjectExpression(dependencies)) => {
            // One at a time: the neighbours of a removed entry are not where an addition would look for them.
            if let Some(edit) = remove.iter().find_map(|name| removal(dependencies, name)) {
                return package_json(&apply(text, &[edit])?, add, remove);
            }
            edits.extend(addition(text, dependencies, add));
        }
        Some(_) => return Err(ManifestError::BadDependencies),
        None => {
            let indent = indent_of(text);
            let eol = Style::of(text).eol;
            let at = root.span.start as usize;
            let comma = if root.properties.is_empty() { "" } else { "," };
            let (name, range) = add;
            let section = format!(
                "{eol}{indent}\"dependencies\": {{{eol}{indent}{indent}\"{name}\": \"{range}\"{eol}{indent}}}{comma}"
            );
            edits.push(Edit { range: at..at, text: section, reason: String::new() });
        }
    }
    Ok(apply(text, &edits)?)
}

fn key<'a>(property: &'a ObjectPropertyKind<'_>) -> Option<std::borrow::Cow<'a, str>> {
    match property {
        ObjectPropertyKind::ObjectProperty(property) => property.key.static_name(),
        ObjectPropertyKind::SpreadProperty(_) => None,
    }
}

fn member<'a, 'b>(object: &'b ObjectExpression<'a>, name: &str) -> Option<&'b Expression<'a>> {
    object.properties.iter().find_map(|property| match property {
        ObjectPropertyKind::ObjectProperty(it) if it.key.static_name().as_deref() == Some(name) => Some(&it.value),
        _ => None,
    })
}

/// In alphabetical order, as package managers write it. Offsets are one less than in the wrapped text.
fn addition(text: &str, dependencies: &ObjectExpression<'_>, (name, range): (&str, &str)) -> Option<Edit> {
    if member(dependencies, name).is_some() {
        return None;
    }
    let entry = format!("\"{name}\": \"{range}\"");
    let after = dependencies.properties.iter().find(|property| key(property).is_some_and(|other| *other > *name));
    let edit = match (after, dependencies.properties.last()) {
        (Some(next), _) => {
            let at = next.span().start as usize - 1;
            let lead = text.get(line_start(text, at)..at).unwrap_or_default();
            let separator =
                if lead.trim().is_empty() { format!("{}{lead}", Style::of(text).eol) } else { " ".to_owned() };
            Edit { range: at..at, text: format!("{entry},{separator}"), reason: String::new() }
        }
        (None, Some(last)) => {
            let at = last.span().end as usize - 1;
            let start = last.span().start as usize - 1;
            let lead = text.get(line_start(text, start)..start).unwrap_or_default();
            let separator =
                if lead.trim().is_empty() { format!("{}{lead}", Style::of(text).eol) } else { " ".to_owned() };
            Edit { range: at..at, text: format!(",{separator}{entry}"), reason: String::new() }
        }
        (None, None) => {
            let at = dependencies.span.start as usize;
            let (indent, eol) = (indent_of(text), Style::of(text).eol);
            Edit {
                range: at..dependencies.span.end as usize - 2,
                text: format!("{eol}{indent}{indent}{entry}{eol}{indent}"),
                reason: String::new(),
            }
        }
    };
    Some(edit)
}

fn removal(dependencies: &ObjectExpression<'_>, name: &str) -> Option<Edit> {
    let at = dependencies.properties.iter().position(|property| key(property).as_deref() == Some(name))?;
    let span = |index: usize| {
        dependencies.properties.get(index).map(|it| it.span().start as usize - 1..it.span().end as usize - 1)
    };
    let own = span(at)?;
    let range = match (span(at + 1), at.checked_sub(1).and_then(span)) {
        (Some(next), _) => own.start..next.start,
        (None, Some(previous)) => previous.end..own.end,
        (None, None) => own,
    };
    Some(Edit { range, text: String::new(), reason: String::new() })
}

fn indent_of(text: &str) -> &str {
    text.lines().nth(1).map_or("  ", |line| {
        line.split('"').next().filter(|lead| !lead.is_empty() && lead.trim().is_empty()).unwrap_or("  ")
    })
}

/// What stands for a key that only its owner has.
const PLACEHOLDER: &str = "your_clerk_key_here";

/// One variable of `.env.example`: its comment and its name.
struct Variable {
    name: String,
    /// What stands for the value.
    placeholder: &'static str,
    comment: &'static str,
    required: bool,
}

fn variables(policy: &Policy) -> Vec<Variable> {
    let mut all = vec![
        Variable {
            name: policy.clerk.publishable_key_env.clone(),
            placeholder: PLACEHOLDER,
            comment: "Clerk Dashboard > API keys > Publishable key. Not secret; the server reads the issuer from it.",
            required: true,
        },
        Variable {
            name: policy.clerk.secret_key_env.clone(),
            placeholder: PLACEHOLDER,
            comment: "Clerk Dashboard > API keys > Secret keys. Secret: server only.",
            required: true,
        },
        Variable {
            name: policy.clerk.jwt_key_env.clone(),
            placeholder: PLACEHOLDER,
            comment: "Clerk Dashboard > API keys > JWKS public key (PEM). Optional: verifies tokens without a network call.",
            required: false,
        },
        Variable {
            name: "CLERK_AUTHORIZED_PARTIES".into(),
            placeholder: "https://app.example.com",
            comment: "Origins whose users may call, comma separated. Optional: overrides the list in doorward/policy.",
            required: false,
        },
    ];
    let secrets: std::collections::BTreeSet<String> = policy
        .rules
        .iter()
        .filter(|rule| rule.access == Access::Webhook)
        .map(|rule| rule.secret_env.clone().unwrap_or_else(|| "CLERK_WEBHOOK_SIGNING_SECRET".into()))
        .collect();
    all.extend(secrets.into_iter().map(|name| Variable {
        name,
        placeholder: PLACEHOLDER,
        comment: "Clerk Dashboard > Webhooks > your endpoint > Signing secret. Secret: server only.",
        required: true,
    }));
    all
}

/// Adds what is missing to the text of `.env.example`. Names that are there keep their lines.
pub(crate) fn env_example(text: Option<&str>, policy: &Policy) -> String {
    let text = text.unwrap_or_default();
    let eol = Style::of(text).eol;
    let has = |name: &str| {
        text.lines()
            .any(|line| line.trim_start().trim_start_matches(['#', ' ']).split('=').next().map(str::trim) == Some(name))
    };
    let missing: Vec<Variable> = variables(policy).into_iter().filter(|variable| !has(&variable.name)).collect();
    let mut out = text.to_owned();
    if missing.is_empty() {
        return out;
    }
    if !out.is_empty() {
        out.push_str(&eol.repeat(if out.ends_with('\n') { 1 } else { 2 }));
    }
    for Variable { name, placeholder, comment, required } in missing {
        let off = if required { "" } else { "# " };
        out.push_str(&format!("# {comment}{eol}{off}{name}={placeholder}{eol}"));
    }
    out
}

/// Adds what is missing to the text of `.gitignore`: environment files, but not the example, and our own folder.
pub(crate) fn gitignore(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    let eol = Style::of(text).eol;
    let has = |lines: &[&str]| text.lines().any(|line| lines.contains(&line.trim()));
    let mut missing = Vec::new();
    if !has(&[".env", ".env*", "*.env", "/.env"]) {
        missing.push(".env");
    }
    if !has(&[".env.*", ".env*"]) {
        missing.push(".env.*");
    }
    if !has(&["!.env.example"]) && (!missing.is_empty() || has(&[".env*", ".env.*"])) {
        missing.push("!.env.example");
    }
    if !has(&[".doorward", ".doorward/", "/.doorward", "/.doorward/"]) {
        missing.push(".doorward/");
    }
    let mut out = text.to_owned();
    if missing.is_empty() {
        return out;
    }
    if !out.is_empty() && !out.ends_with('\n') {
        out.push_str(eol);
    }
    for line in missing {
        out.push_str(line);
        out.push_str(eol);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let got = package_json(text, ("b", "^1"), &["old"]).unwrap();
        assert_eq!(got, expected);
        assert_eq!(package_json(&got, ("b", "^1"), &["old"]).unwrap(), expected, "a second time changes nothing");
    }

    #[test]
    fn a_dependency_goes_to_its_place_and_nothing_else_moves() {
        check(
            "{\n  \"dependencies\": {\n    \"a\": \"1\",\n    \"c\": \"2\"\n  }\n}\n",
            "{\n  \"dependencies\": {\n    \"a\": \"1\",\n    \"b\": \"^1\",\n    \"c\": \"2\"\n  }\n}\n",
        );
        check(
            "{\n\t\"dependencies\": {\n\t\t\"a\": \"1\"\n\t}\n}",
            "{\n\t\"dependencies\": {\n\t\t\"a\": \"1\",\n\t\t\"b\": \"^1\"\n\t}\n}",
        );
        check("{\r\n  \"dependencies\": {}\r\n}", "{\r\n  \"dependencies\": {\r\n    \"b\": \"^1\"\r\n  }\r\n}");
        check("{\n  \"name\": \"x\"\n}", "{\n  \"dependencies\": {\n    \"b\": \"^1\"\n  },\n  \"name\": \"x\"\n}");
        check(
            "{\n  \"dependencies\": {\n    \"a\": \"1\",\n    \"old\": \"2\"\n  }\n}\n",
            "{\n  \"dependencies\": {\n    \"a\": \"1\",\n    \"b\": \"^1\"\n  }\n}\n",
        );
        check("{ \"dependencies\": { \"b\": \"^0.9\" } }", "{ \"dependencies\": { \"b\": \"^0.9\" } }");
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        for text in ["", "[]", "{", "{} {}", "{\"a\": undefined}", "/* */ {}"] {
            assert_eq!(package_json(text, ("b", "1"), &[]), Err(ManifestError::NotAnObject), "{text}");
        }
        assert_eq!(package_json("{\"dependencies\": 1}", ("b", "1"), &[]), Err(ManifestError::BadDependencies));
    }

    #[test]
    fn ignore_rules_are_completed_and_never_repeated() {
        let first = gitignore(Some("node_modules"));
        assert_eq!(first, "node_modules\n.env\n.env.*\n!.env.example\n.doorward/\n");
        assert_eq!(gitignore(Some(&first)), first);
        assert_eq!(gitignore(Some(".env*\r\n")), ".env*\r\n!.env.example\r\n.doorward/\r\n");
    }

    #[test]
    fn the_example_holds_placeholders_only_and_keeps_what_is_there() {
        let policy = Policy::parse("p", "version = 1\n").unwrap();
        let text = env_example(Some("PORT=3000\nCLERK_SECRET_KEY=mine"), &policy);
        assert!(text.starts_with("PORT=3000\nCLERK_SECRET_KEY=mine\n\n# Clerk Dashboard"), "{text}");
        assert_eq!(text.matches("CLERK_SECRET_KEY").count(), 1);
        assert!(text.contains("\nCLERK_PUBLISHABLE_KEY=your_clerk_key_here\n"));
        assert_eq!(env_example(Some(&text), &policy), text);
    }
}
