//! The runtime that is shipped into the project, and the small file that tells it what the policy says.

use std::collections::BTreeSet;

use doorward::policy::{Access, Policy};

use crate::edit::Style;
use crate::model::SourceFile;

const TYPESCRIPT: &str = include_str!("../../../runtime/express/index.ts");
const ESM: &str = include_str!("../../../runtime/express/esm/index.js");
const COMMONJS: &str = include_str!("../../../runtime/express/cjs/index.js");

/// Where the runtime lives, and in which form.
pub(super) struct Home {
    folder: String,
    /// `ts`, `js`, `mjs` or `cjs`.
    extension: &'static str,
    esm: bool,
    /// How relative imports end in the file that makes the application.
    import_extension: String,
}

impl Home {
    /// Next to the file that makes the application, in its language.
    pub(super) fn new(path: &str, file: &SourceFile) -> Self {
        let folder = path.rsplit_once('/').map_or("doorward".to_owned(), |(folder, _)| format!("{folder}/doorward"));
        let extension = match (file.typescript, path.rsplit('.').next()) {
            (true, _) => "ts",
            (false, Some("mjs")) => "mjs",
            (false, Some("cjs")) => "cjs",
            (false, _) => "js",
        };
        Self { folder, extension, esm: file.esm, import_extension: file.import_extension.clone() }
    }

    /// The end of an import of a file of the runtime: what the compiler wants, where it wants anything.
    fn suffix(&self, import_extension: &str) -> String {
        match (self.extension, import_extension) {
            ("ts", "") => String::new(),
            ("ts", ".ts") => ".ts".to_owned(),
            ("ts", _) => ".js".to_owned(),
            (extension, _) => format!(".{extension}"),
        }
    }

    /// How a file imports the runtime.
    pub(super) fn specifier_from(&self, path: &str, file: &SourceFile) -> String {
        let from: Vec<&str> = path.split('/').collect();
        let from = from.get(..from.len().saturating_sub(1)).unwrap_or_default();
        let to: Vec<&str> = self.folder.split('/').collect();
        let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        let up = "../".repeat(from.len() - common);
        let down = to.get(common..).unwrap_or_default().join("/");
        let lead = if up.is_empty() { "./" } else { "" };
        format!("{lead}{up}{down}/index{}", self.suffix(&file.import_extension))
    }

    /// The runtime's files: path, text, and why.
    pub(super) fn files(&self, policy: &Policy) -> Vec<(String, String, &'static str)> {
        let suffix = self.suffix(&self.import_extension);
        let runtime = match (self.extension, self.esm) {
            ("ts", _) => TYPESCRIPT,
            (_, true) => ESM,
            (_, false) => COMMONJS,
        };
        let runtime = runtime
            .replace("'./policy.js'", &format!("'./policy{suffix}'"))
            .replace("\"./policy.js\"", &format!("\"./policy{suffix}\""));
        vec![
            (format!("{}/index.{}", self.folder, self.extension), runtime, "the runtime: verifies, decides, answers"),
            (
                format!("{}/policy.{}", self.folder, self.extension),
                self.policy(policy),
                "what the policy says, for the runtime",
            ),
        ]
    }

    fn policy(&self, policy: &Policy) -> String {
        let style = Style { eol: "\n", quote: '\'', semicolons: true };
        let list = |texts: &[String]| {
            format!("[{}]", texts.iter().map(|text| style.string(text)).collect::<Vec<_>>().join(", "))
        };
        let webhook = policy
            .rules
            .iter()
            .filter(|rule| rule.access == Access::Webhook)
            .find_map(|rule| rule.secret_env.clone())
            .unwrap_or_else(|| "CLERK_WEBHOOK_SIGNING_SECRET".to_owned());
        let is_ts = self.extension == "ts";
        let head = if is_ts || self.esm { "export const policy =" } else { "exports.policy =" };
        let tail = if is_ts { " as const" } else { "" };
        let strict = if is_ts || self.esm { "" } else { "'use strict';\n\n" };
        let mut out = format!(
            "{strict}// What doorward.toml says, for the runtime next to this file. `doorward apply` rewrites it.\n\n\
             {head} {{\n  env: {{\n    publishableKey: {},\n    secretKey: {},\n    jwtKey: {},\n    webhookSecret: {},\n  }},\n  \
             authorizedParties: {},\n  cors: {{ origins: {}, credentials: {} }},\n}}{tail};\n",
            style.string(&policy.clerk.publishable_key_env),
            style.string(&policy.clerk.secret_key_env),
            style.string(&policy.clerk.jwt_key_env),
            style.string(&webhook),
            list(&policy.clerk.authorized_parties),
            list(&policy.cors.origins),
            policy.cors.credentials,
        );
        if is_ts {
            out.push('\n');
            out.push_str(&types(policy, style));
        }
        out
    }
}

/// The names that the policy knows, so that a misspelt one doesn't compile.
fn types(policy: &Policy, style: Style) -> String {
    let mut roles = BTreeSet::from(["org:admin".to_owned(), "org:member".to_owned()]);
    let (mut permissions, mut features, mut plans) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for leaf in policy.rules.iter().flat_map(|rule| rule.access.leaves()) {
        match leaf {
            Access::Role(name) => drop(roles.insert(name.clone())),
            Access::Permission(name) => drop(permissions.insert(name.clone())),
            Access::Feature(name) => drop(features.insert(name.clone())),
            Access::Plan(name) => drop(plans.insert(name.clone())),
            _ => {}
        }
    }
    let union = |name: &str, of: &BTreeSet<String>| {
        let members: Vec<String> = of.iter().map(|text| style.string(text)).collect();
        let union = if members.is_empty() { "never".to_owned() } else { members.join(" | ") };
        format!("export type {name} = {union};\n")
    };
    [union("Role", &roles), union("Permission", &permissions), union("Feature", &features), union("Plan", &plans)]
        .concat()
}
