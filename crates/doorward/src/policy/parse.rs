//! Policy text to policy.
//!
//! Hostile text is expected: every unknown key, wrong type, unusable name and key-like value becomes a diagnostic
//! at its place, and all of them are reported at once.

use std::ops::Range;

use toml_edit::{Document, Item, TableLike, Value};

use super::{Access, AccessError, AppConfig, Bind, BindSource, ClerkConfig, Cors, Expect, OWNER_CLAIMS, Persona};
use super::{Policy, Rule, Selector};
use crate::diagnostic::{Diagnostic, Location};
use crate::inventory::{Method, RouteId};
use crate::secret;

/// A policy file larger than this is refused unread.
const MAX_BYTES: usize = 1024 * 1024;

impl Policy {
    /// Parses a policy. `file` is only used to say where something is.
    ///
    /// ```
    /// use doorward::policy::Policy;
    ///
    /// let text = "version = 1\n[[rule]]\nroutes = [\"GET /health\"]\naccess = \"public\"\n";
    /// let findings = Policy::parse("doorward.toml", text).unwrap_err();
    /// assert_eq!(findings[0].code, "DW1008"); // `public` needs a reason
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with the text, in its order.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        if text.len() > MAX_BYTES {
            let message = format!("the policy is larger than {MAX_BYTES} bytes");
            return Err(vec![Diagnostic::new("DW1001", message).at(Location::file(file))]);
        }
        let document = Document::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let message = format!("the policy is not TOML: {}", error.message().trim());
            vec![Diagnostic::new("DW1001", message).at(Location::of_offset(file, text, at))]
        })?;
        let mut parser = Parser { file, text, findings: Vec::new() };
        let policy = parser.policy(document.as_table());
        if parser.findings.is_empty() { Ok(policy) } else { Err(parser.findings) }
    }
}

struct Parser<'a> {
    file: &'a str,
    text: &'a str,
    findings: Vec<Diagnostic>,
}

impl Parser<'_> {
    fn place(&self, span: Option<Range<usize>>) -> Location {
        Location::of_offset(self.file, self.text, span.map_or(0, |span| span.start))
    }

    fn report(&mut self, code: &str, message: String, span: Option<Range<usize>>, help: &str) {
        let finding = Diagnostic::new(code, message).at(self.place(span));
        self.findings.push(if help.is_empty() { finding } else { finding.help(help) });
    }

    /// Reports keys outside `known`. A table of names is also the file's documentation, so the help lists it.
    fn known(&mut self, table: &dyn TableLike, what: &str, known: &[&str]) {
        for (key, item) in table.iter() {
            if !known.contains(&key) {
                let span = table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span());
                let help = format!("{what} takes {}", known.join(", "));
                self.report("DW1002", format!("unknown key `{}` in {what}", printable(key)), span, &help);
            }
        }
    }

    fn wrong(&mut self, key: &str, item: &Item, expected: &str) {
        self.report("DW1003", format!("`{key}` must be {expected}, not {}", item.type_name()), item.span(), "");
    }

    fn string(&mut self, table: &dyn TableLike, key: &str) -> Option<String> {
        let item = table.get(key)?;
        let Some(text) = item.as_str() else {
            self.wrong(key, item, "a string");
            return None;
        };
        self.refuse_secret(text, item.span());
        Some(text.to_owned())
    }

    fn strings(&mut self, table: &dyn TableLike, key: &str) -> Vec<(String, Option<Range<usize>>)> {
        let Some(item) = table.get(key) else { return Vec::new() };
        let Some(array) = item.as_array() else {
            self.wrong(key, item, "a list of strings");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for value in array {
            match value.as_str() {
                Some(text) => {
                    self.refuse_secret(text, value.span());
                    texts.push((text.to_owned(), value.span()));
                }
                None => self.report("DW1003", format!("`{key}` must hold strings only"), value.span(), ""),
            }
        }
        texts
    }

    fn boolean(&mut self, table: &dyn TableLike, key: &str) -> bool {
        match table.get(key) {
            None => false,
            Some(item) => item.as_bool().unwrap_or_else(|| {
                self.wrong(key, item, "true or false");
                false
            }),
        }
    }

    fn refuse_secret(&mut self, text: &str, span: Option<Range<usize>>) {
        if let Some(kind) = secret::kind(text) {
            // The value itself is never repeated: diagnostics end up in logs and pull requests.
            self.report("DW1004", format!("this value looks like {kind}"), span, "write the NAME of the environment variable that holds it, and replace the key if it was ever committed");
        }
    }

    /// A section that must be a table; absent is empty.
    fn section<'t>(&mut self, table: &'t dyn TableLike, key: &str) -> Option<&'t dyn TableLike> {
        let item = table.get(key)?;
        let section = item.as_table_like();
        if section.is_none() {
            self.wrong(key, item, "a table");
        }
        section
    }

    fn each<'t>(&mut self, table: &'t dyn TableLike, key: &str) -> Vec<(&'t dyn TableLike, Option<Range<usize>>)> {
        let Some(item) = table.get(key) else { return Vec::new() };
        if let Some(tables) = item.as_array_of_tables() {
            return tables.iter().map(|table| (table as &dyn TableLike, table.span())).collect();
        }
        let mut found: Vec<(&dyn TableLike, _)> = Vec::new();
        let inline = item.as_array().into_iter().flatten();
        for value in inline {
            match value.as_inline_table() {
                Some(table) => found.push((table, value.span())),
                None => self.report("DW1003", format!("`{key}` must hold tables"), value.span(), ""),
            }
        }
        if !item.is_array() {
            self.wrong(key, item, &format!("a list of tables, written `[[{key}]]`"));
        }
        found
    }

    fn policy(&mut self, table: &dyn TableLike) -> Policy {
        self.known(table, "the policy", &["version", "default", "app", "clerk", "cors", "rule", "persona", "expect"]);
        match table.get("version").map(|item| (item.as_integer(), item.span())) {
            Some((Some(1), _)) => {}
            Some((_, span)) => {
                self.report("DW1005", "this doorward reads policies of version 1".into(), span, "write `version = 1`")
            }
            None => {
                self.report("DW1005", "the policy has no version".into(), None, "write `version = 1` as the first line")
            }
        }
        if let Some(default) = self.string(table, "default")
            && default != "deny"
        {
            let span = table.get("default").and_then(Item::span);
            self.report(
                "DW1006",
                format!("`default` can only be `deny`, not `{}`", printable(&default)),
                span,
                "open single routes with `access = \"public\"` and a reason",
            );
        }
        let apps = self.section(table, "app").map(|apps| {
            let mut found = std::collections::BTreeMap::new();
            for (name, item) in apps.iter() {
                match item.as_table_like() {
                    Some(app) => drop(found.insert(name.to_owned(), self.app(app))),
                    None => self.wrong(name, item, "a table"),
                }
            }
            found
        });
        let clerk = self.section(table, "clerk").map(|clerk| self.clerk(clerk));
        let cors = self.section(table, "cors").map(|cors| self.cors(cors));
        self.unique_personas(table);
        Policy {
            apps: apps.unwrap_or_default(),
            clerk: clerk.unwrap_or_default(),
            cors: cors.unwrap_or_default(),
            rules: self.each(table, "rule").into_iter().filter_map(|(rule, span)| self.rule(rule, span)).collect(),
            personas: self.each(table, "persona").into_iter().filter_map(|(it, span)| self.persona(it, span)).collect(),
            expects: self.each(table, "expect").into_iter().filter_map(|(it, span)| self.expect(it, span)).collect(),
        }
    }

    fn app(&mut self, table: &dyn TableLike) -> AppConfig {
        self.known(table, "[app.…]", &["root", "framework", "strategy", "start", "health"]);
        let strategy = self.string(table, "strategy");
        if let Some(name) = strategy.as_deref().filter(|name| *name != "sdk") {
            let span = table.get("strategy").and_then(Item::span);
            self.report(
                "DW1007",
                format!("strategy `{}` is not built", printable(name)),
                span,
                "`sdk` is the strategy that is built",
            );
        }
        AppConfig {
            root: self.string(table, "root"),
            framework: self.string(table, "framework"),
            strategy,
            start: self.string(table, "start"),
            health: self.string(table, "health"),
        }
    }

    fn clerk(&mut self, table: &dyn TableLike) -> ClerkConfig {
        self.known(
            table,
            "[clerk]",
            &["publishable_key_env", "secret_key_env", "jwt_key_env", "authorized_parties", "carriers"],
        );
        let defaults = ClerkConfig::default();
        let mut name = |key: &str, default: String| match self.string(table, key) {
            None => default,
            Some(name) => {
                self.variable(&name, table.get(key).and_then(Item::span));
                name
            }
        };
        let publishable_key_env = name("publishable_key_env", defaults.publishable_key_env);
        let secret_key_env = name("secret_key_env", defaults.secret_key_env);
        let jwt_key_env = name("jwt_key_env", defaults.jwt_key_env);
        let carriers = self.strings(table, "carriers");
        if let Some((_, span)) = carriers.iter().find(|(carrier, _)| carrier != "bearer") {
            self.report(
                "DW1007",
                "only the `bearer` carrier is built".into(),
                span.clone(),
                "write `carriers = [\"bearer\"]`",
            );
        }
        ClerkConfig {
            publishable_key_env,
            secret_key_env,
            jwt_key_env,
            authorized_parties: self.origins(table, "authorized_parties"),
        }
    }

    fn variable(&mut self, name: &str, span: Option<Range<usize>>) {
        let well_formed = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            && name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_');
        // `verify` sets these variables for the server it starts; one of these would steer the server itself.
        let steers = ["PATH", "HOME", "SHELL", "IFS", "PORT", "ENV", "BASH_ENV"].contains(&name)
            || ["LD_", "DYLD_", "NODE_", "NPM_", "PYTHON", "GIT_", "RUST"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
        if well_formed && steers {
            let message = format!("`{name}` already means something to every program");
            self.report("DW1003", message, span, "use a name of its own, such as CLERK_SECRET_KEY");
        } else if !well_formed && secret::kind(name).is_none() {
            self.report(
                "DW1003",
                format!("`{}` is not the name of an environment variable", printable(name)),
                span,
                "use capital letters, digits and underscores",
            );
        }
    }

    fn cors(&mut self, table: &dyn TableLike) -> Cors {
        self.known(table, "[cors]", &["origins", "credentials"]);
        Cors { origins: self.origins(table, "origins"), credentials: self.boolean(table, "credentials") }
    }

    /// Origins are compared byte for byte at run time, so anything but `scheme://host[:port]` would never match.
    fn origins(&mut self, table: &dyn TableLike, key: &str) -> Vec<String> {
        let texts = self.strings(table, key);
        for (origin, span) in &texts {
            if !is_origin(origin) {
                let message = format!("`{}` is not an origin", printable(origin));
                self.report(
                    "DW1009",
                    message,
                    span.clone(),
                    "write scheme, host and port only, such as `https://app.example.com`; `*` is never accepted",
                );
            }
        }
        texts.into_iter().map(|(text, _)| text).collect()
    }

    fn rule(&mut self, table: &dyn TableLike, span: Option<Range<usize>>) -> Option<Rule> {
        self.known(
            table,
            "[[rule]]",
            &["app", "routes", "prefix", "file", "access", "reason", "bind", "hide", "secret_env"],
        );
        let before = self.findings.len();
        let app = self.string(table, "app");
        let selector = self.selector(table, span.clone());
        let access = match table.get("access") {
            Some(item) => self.access(item),
            None => {
                self.report(
                    "DW1010",
                    "the rule has no `access`".into(),
                    span.clone(),
                    "say who may call, e.g. `access = \"signed-in\"`",
                );
                None
            }
        };
        let reason = self.string(table, "reason").filter(|reason| !reason.trim().is_empty());
        let secret_env = self.string(table, "secret_env");
        if let Some(name) = &secret_env {
            self.variable(name, table.get("secret_env").and_then(Item::span));
        }
        let hide = self.boolean(table, "hide");
        let bind = self.bind(table);
        let access = access?;
        if access == Access::Public && reason.is_none() {
            self.report(
                "DW1008",
                "a public rule needs a `reason`".into(),
                span.clone(),
                "say why anyone may call it, or use `signed-in`",
            );
        }
        if !access.needs_session() && (hide || !bind.is_empty()) {
            self.report(
                "DW1010",
                format!("`{access}` knows no caller, so `bind` and `hide` can't be used"),
                span.clone(),
                "",
            );
        }
        (self.findings.len() == before).then_some(())?;
        Some(Rule { app, selector: selector?, access, reason, bind, hide, secret_env, location: self.place(span) })
    }

    fn selector(&mut self, table: &dyn TableLike, span: Option<Range<usize>>) -> Option<Selector> {
        let given: Vec<_> = ["routes", "prefix", "file"].into_iter().filter(|key| table.contains_key(key)).collect();
        match given.as_slice() {
            ["routes"] => {
                let mut routes = Vec::new();
                for (text, span) in self.strings(table, "routes") {
                    match text.parse::<RouteId>() {
                        Ok(id) => routes.push(id),
                        Err(error) => {
                            let message = printable(&error.to_string());
                            self.report(
                                "DW1003",
                                message,
                                span,
                                "write routes as `doorward discover` prints them, e.g. `GET /orgs/{orgId}`",
                            );
                        }
                    }
                }
                if routes.is_empty() {
                    self.report("DW1010", "`routes` names no route".into(), span, "");
                }
                Some(Selector::Routes(routes))
            }
            ["prefix"] => {
                let text = self.string(table, "prefix")?;
                match text.parse() {
                    Ok(path) => Some(Selector::Prefix(path)),
                    Err(error) => {
                        let message = format!("`{}`: {error}", printable(&text));
                        self.report("DW1003", message, table.get("prefix").and_then(Item::span), "");
                        None
                    }
                }
            }
            ["file"] => self.string(table, "file").map(Selector::File),
            _ => {
                self.report(
                    "DW1010",
                    "a rule selects by exactly one of `routes`, `prefix` and `file`".into(),
                    span,
                    "",
                );
                None
            }
        }
    }

    fn access(&mut self, item: &Item) -> Option<Access> {
        let result = match item.as_value() {
            Some(value) => parse_access(value, 0),
            None => item.as_table().map_or(Err(AccessProblem::Shape), |table| parse_access_table(table, 0)),
        };
        match result {
            Ok(access) => Some(access),
            Err(AccessProblem::Shape) => {
                self.report("DW1011", "`access` is not a requirement".into(), item.span(), "write `public`, `optional`, `signed-in`, `webhook`, or one of { role = … }, { permission = … }, { feature = … }, { plan = … }, { any = […] }, { all = […] }");
                None
            }
            Err(AccessProblem::NotBuilt(what)) => {
                self.report("DW1007", format!("access `{what}` is not built"), item.span(), "");
                None
            }
            Err(AccessProblem::Name(error)) => {
                let code = if matches!(error, AccessError::SystemPermission(_)) { "DW1012" } else { "DW1011" };
                self.report(code, printable(&error.to_string()), item.span(), "");
                None
            }
        }
    }

    fn bind(&mut self, table: &dyn TableLike) -> Vec<Bind> {
        let Some(section) = self.section(table, "bind") else { return Vec::new() };
        let mut binds = Vec::new();
        for (key, item) in section.iter() {
            // Names that mean something else on an object of JavaScript would bind nothing.
            let is_sound =
                |name: &&str| !name.is_empty() && !matches!(*name, "__proto__" | "constructor" | "prototype");
            let param = key.strip_prefix("param:").filter(is_sound);
            let claim = item.as_str().filter(|claim| OWNER_CLAIMS.contains(claim));
            match (param, claim) {
                (Some(param), Some(claim)) => {
                    binds.push(Bind { source: BindSource::Param(param.to_owned()), claim: claim.to_owned() });
                }
                (None, _) => self.report(
                    "DW1013",
                    format!("`{}` is not `param:NAME`", printable(key)),
                    item.span(),
                    "only path parameters can be bound",
                ),
                (_, None) => self.report(
                    "DW1013",
                    "a parameter is bound to the name of a claim".into(),
                    item.span(),
                    &format!("use one of {}", OWNER_CLAIMS.join(", ")),
                ),
            }
        }
        binds.sort();
        binds
    }

    fn unique_personas(&mut self, table: &dyn TableLike) {
        let mut seen = std::collections::BTreeSet::new();
        for (persona, span) in self.each(table, "persona") {
            let Some(name) = persona.get("name").and_then(Item::as_str) else { continue };
            if !seen.insert(name.to_owned()) {
                let message = format!("there are two personas `{}`", printable(name));
                self.report("DW1010", message, span, "give each a name of its own");
            }
        }
    }

    fn persona(&mut self, table: &dyn TableLike, span: Option<Range<usize>>) -> Option<Persona> {
        self.known(table, "[[persona]]", &["name", "org", "role", "permissions", "features", "plans"]);
        let Some(name) = self.string(table, "name").filter(|name| !name.is_empty()) else {
            self.report("DW1010", "a persona needs a `name`".into(), span, "");
            return None;
        };
        let mut names =
            |key: &str| -> Vec<String> { self.strings(table, key).into_iter().map(|(text, _)| text).collect() };
        let (permissions, features, plans) = (names("permissions"), names("features"), names("plans"));
        let mut problems: Vec<AccessError> = permissions.iter().filter_map(|it| Access::permission(it).err()).collect();
        problems.extend(table.get("role").and_then(Item::as_str).and_then(|role| Access::role(role).err()));
        for problem in problems {
            let code = if matches!(problem, AccessError::SystemPermission(_)) { "DW1012" } else { "DW1011" };
            self.report(code, printable(&problem.to_string()), span.clone(), "");
        }
        Some(Persona {
            name,
            org: self.string(table, "org"),
            role: self.string(table, "role"),
            permissions,
            features,
            plans,
        })
    }

    fn expect(&mut self, table: &dyn TableLike, span: Option<Range<usize>>) -> Option<Expect> {
        self.known(table, "[[expect]]", &["as", "call", "status"]);
        let persona = self.string(table, "as");
        let call = self.string(table, "call");
        let status = table.get("status").and_then(Item::as_integer).and_then(|status| u16::try_from(status).ok());
        let call = call.as_deref().and_then(|call| call.split_once(' '));
        match (persona, call, status.filter(|status| (100..600).contains(status))) {
            (Some(persona), Some((method, path)), Some(status))
                if method.bytes().all(|b| b.is_ascii_alphabetic())
                    && path.starts_with('/')
                    && !path.chars().any(char::is_control) =>
            {
                Some(Expect {
                    persona,
                    method: Method::new(method),
                    path: path.to_owned(),
                    status,
                    location: self.place(span),
                })
            }
            _ => {
                self.report(
                    "DW1010",
                    "an expectation needs `as`, `call` and `status`".into(),
                    span,
                    "e.g. as = \"billing\", call = \"GET /orders\", status = 403",
                );
                None
            }
        }
    }
}

enum AccessProblem {
    Shape,
    NotBuilt(&'static str),
    Name(AccessError),
}

impl From<AccessError> for AccessProblem {
    fn from(error: AccessError) -> Self {
        Self::Name(error)
    }
}

/// `any` and `all` may nest, but a policy nobody can read is a policy nobody has checked.
const MAX_NESTING: usize = 4;

fn parse_access(value: &Value, depth: usize) -> Result<Access, AccessProblem> {
    match (value.as_str(), value.as_inline_table()) {
        (Some("public"), _) => Ok(Access::Public),
        (Some("optional"), _) => Ok(Access::Optional),
        (Some("signed-in"), _) => Ok(Access::SignedIn),
        (Some("webhook"), _) => Ok(Access::Webhook),
        (Some("machine"), _) => Err(AccessProblem::NotBuilt("machine")),
        (None, Some(table)) => parse_access_table(table, depth),
        _ => Err(AccessProblem::Shape),
    }
}

fn parse_access_table(table: &dyn TableLike, depth: usize) -> Result<Access, AccessProblem> {
    let mut entries = table.iter();
    let (Some((key, item)), None) = (entries.next(), entries.next()) else { return Err(AccessProblem::Shape) };
    let text = item.as_str();
    match (key, text) {
        ("role", Some(name)) => Ok(Access::role(name)?),
        ("permission", Some(name)) => Ok(Access::permission(name)?),
        ("feature", Some(name)) => Ok(Access::feature(name)?),
        ("plan", Some(name)) => Ok(Access::plan(name)?),
        ("metadata", _) => Err(AccessProblem::NotBuilt("metadata")),
        ("any" | "all", None) if depth < MAX_NESTING => {
            let array = item.as_array().ok_or(AccessProblem::Shape)?;
            let of = array.iter().map(|value| parse_access(value, depth + 1)).collect::<Result<_, _>>()?;
            Ok(if key == "any" { Access::any(of)? } else { Access::all(of)? })
        }
        _ => Err(AccessProblem::Shape),
    }
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let scheme_ok = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b));
    let host_ok = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:[]".contains(&b));
    scheme_ok && host_ok
}

/// The user's text with control characters made visible, cut to a length that fits a terminal.
fn printable(text: &str) -> String {
    if secret::kind(text).is_some() {
        return "…".into();
    }
    text.chars()
        .take(200)
        .flat_map(|c| {
            if c.is_control() { c.escape_default().collect::<String>() } else { c.to_string() }
                .chars()
                .collect::<Vec<_>>()
        })
        .collect()
}
