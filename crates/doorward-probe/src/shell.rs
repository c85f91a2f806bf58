//! Commands: splitting them, and writing ones that reproduce a request.

use doorward_emulator::TokenClass;

use crate::http::Base;
use crate::plan::Shot;

/// Splits a command as a shell does, without running one: words, single and double quotes, backslashes. No
/// variables, pipes or substitutions.
///
/// # Errors
/// What is wrong with it.
///
/// ```
/// assert_eq!(doorward_probe::split_command("node 'my server.js' --port 1")?, ["node", "my server.js", "--port", "1"]);
/// # Ok::<(), String>(())
/// ```
pub fn split_command(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' | '"' => {
                let into = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        None => return Err(format!("`{text}` has a quote that is not closed")),
                        Some(end) if end == character => break,
                        Some('\\') if character == '"' => into.extend(characters.next()),
                        Some(other) => into.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(characters.next()),
            '|' | '&' | ';' | '<' | '>' | '`' | '$' => {
                return Err(format!("`{text}` needs a shell because of `{character}`; put it into a script"));
            }
            space if space.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    if words.is_empty() { Err("the command is empty".into()) } else { Ok(words) }
}

/// Quotes a word for a POSIX shell. Control characters are written as escapes, so that a terminal never obeys them.
fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%,+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    if text.chars().any(char::is_control) {
        let escaped: String = text
            .chars()
            .map(|c| match c {
                '\'' => "\\'".to_owned(),
                '\\' => "\\\\".to_owned(),
                c if c.is_control() => c.to_string().bytes().map(|byte| format!("\\x{byte:02x}")).collect(),
                c => c.to_string(),
            })
            .collect();
        return format!("$'{escaped}'");
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Quotes a word in which `{token}`, `{good}` and the like become variables.
fn quote_template(text: &str) -> String {
    let mut pieces = String::new();
    let mut rest = text;
    while let Some((at, name, variable)) = VARIABLES
        .iter()
        .filter_map(|(name, variable)| rest.find(name).map(|at| (at, *name, *variable)))
        .min_by_key(|(at, ..)| *at)
    {
        let (before, after) = rest.split_at(at);
        if !before.is_empty() {
            pieces.push_str(&quote(before));
        }
        pieces.push_str(&format!("\"${variable}\""));
        rest = after.strip_prefix(name).unwrap_or_default();
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push_str(&quote(rest));
    }
    pieces
}

const VARIABLES: &[(&str, &str)] = &[
    ("{token}", "TOKEN"),
    ("{good}", "GOOD"),
    ("{svix-id}", "SVIX_ID"),
    ("{svix-timestamp}", "SVIX_TIMESTAMP"),
    ("{svix-signature}", "SVIX_SIGNATURE"),
];

/// A command that sends a shot again. Tokens are variables, never text.
pub(crate) fn curl(base: &Base, shot: &Shot) -> String {
    let mut command = String::new();
    let uses = |name: &str| shot.target.contains(name) || shot.headers.iter().any(|line| line.contains(name));
    let persona = shot.persona.as_ref().map_or("member", |persona| persona.name.as_str());
    if uses("{token}") {
        let altered = !shot.forge.is_empty() || shot.start != Some(TokenClass::Session);
        let forge = if altered { format!(" --forge {}", quote(&shot.case)) } else { String::new() };
        command.push_str(&format!("TOKEN=$(doorward token --as {}{forge}); ", quote(persona)));
    }
    if uses("{good}") {
        command.push_str(&format!("GOOD=$(doorward token --as {}); ", quote(persona)));
    }
    command.push_str("curl -i --path-as-is");
    match shot.method.as_str() {
        "HEAD" => command.push_str(" --head"),
        method => command.push_str(&format!(" -X {}", quote(method))),
    }
    for line in &shot.headers {
        // curl drops a header that ends in a colon, and sends an empty one for a semicolon.
        let line = match line.trim_end().strip_suffix(':') {
            Some(name) => format!("{name};"),
            None => line.clone(),
        };
        command.push_str(&format!(" -H {}", quote_template(&line)));
    }
    if let Some(body) = &shot.body {
        command.push_str(&format!(" -d {}", quote(body)));
    }
    if shot.target.starts_with('/') {
        command.push_str(&format!(" {}", quote_template(&format!("{}{}", base.url(), shot.target))));
    } else {
        command.push_str(&format!(" --request-target {} {}", quote_template(&shot.target), quote(&base.url())));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        let check = |text: &str, words: &[&str]| assert_eq!(split_command(text).unwrap(), words, "{text}");
        check("node server.js", &["node", "server.js"]);
        check(r#"a "b c"'d' e\ f ''"#, &["a", "b cd", "e f", ""]);
        check(r#""say \"hi\"""#, &["say \"hi\""]);
        for bad in ["", "  ", "a 'b", "a | b", "a && b", "echo $HOME", "a > b"] {
            assert!(split_command(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_can_be_sent_again() {
        let shot = Shot {
            route: 0,
            case: "oauth-token".into(),
            title: String::new(),
            severity: doorward::diagnostic::Severity::Error,
            explain: String::new(),
            fix: String::new(),
            persona: Some(doorward::policy::Persona { name: "a'b".into(), ..Default::default() }),
            start: Some(TokenClass::OAuth),
            forge: Vec::new(),
            method: "POST".into(),
            target: "/a;x=1?q={token}".into(),
            headers: vec!["Authorization: Bearer {token}".into(), "X-Empty: ".into()],
            body: Some("{\"a\":\"'\"}".into()),
            delivery: None,
            phase: crate::plan::Phase::Attack,
            expect: crate::plan::Expectation::Refuse,
            respelled: false,
            ambiguous: false,
            skip: None,
        };
        assert_eq!(
            curl(&Base::local(3000), &shot),
            r#"TOKEN=$(doorward token --as 'a'\''b' --forge oauth-token); curl -i --path-as-is -X POST -H 'Authorization: Bearer '"$TOKEN" -H 'X-Empty;' -d '{"a":"'\''"}' 'http://127.0.0.1:3000/a;x=1?q='"$TOKEN""#
        );
    }

    #[test]
    fn quoted_words_are_safe_to_paste() {
        assert_eq!(quote("plain-word/1"), "plain-word/1");
        assert_eq!(quote("it's; rm -rf /"), r"'it'\''s; rm -rf /'");
        assert_eq!(quote("a\u{1b}[2J'\\"), r"$'a\x1b[2J\'\\'");
        assert_eq!(quote_template("Authorization: Bearer {token}"), "'Authorization: Bearer '\"$TOKEN\"");
        assert_eq!(quote_template("$(x){good}`y`"), "'$(x)'\"$GOOD\"'`y`'");
    }
}
