//! What names tell: of files, and of what stands around a variable.

/// What kind of file a name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// `.env` and its kin.
    Env(Env),
    /// Source in any language.
    Code,
    /// Settings: YAML, JSON, Dockerfiles, shell.
    Settings,
    /// Words for people.
    Prose,
}

/// What the name of an environment file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Env {
    /// An example without values.
    pub(crate) example: bool,
    /// For production.
    pub(crate) production: bool,
    /// Meant for one machine or one deployment, and so for real values.
    pub(crate) real: bool,
}

/// By the name of a file, without its folder.
pub(crate) fn file_kind(name: &str) -> FileKind {
    if let Some(env) = env_file(name) {
        return FileKind::Env(env);
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "md" | "mdx" | "markdown" | "rst" | "txt" | "adoc" | "html" | "htm" | "ipynb" | "po" | "pot" => FileKind::Prose,
        "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx" | "vue" | "svelte" | "astro" | "py" | "pyi"
        | "rs" | "go" | "rb" | "php" | "java" | "kt" | "kts" | "cs" | "swift" | "dart" | "ex" | "exs" | "scala"
        | "clj" | "lua" | "c" | "h" | "cc" | "cpp" | "hpp" => FileKind::Code,
        _ => FileKind::Settings,
    }
}

fn env_file(name: &str) -> Option<Env> {
    const EXAMPLES: &[&str] = &[
        "example",
        "examples",
        "sample",
        "template",
        "dist",
        "default",
        "defaults",
        "tpl",
        "tmpl",
        "schema",
        "dummy",
        "placeholder",
        "test",
        "testing",
        "ci",
        "docs",
    ];
    let is_env = name == ".envrc"
        || [".env", ".dev.vars"].iter().any(|start| {
            name.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']))
        })
        || name.ends_with(".env");
    if !is_env {
        return None;
    }
    let parts: Vec<&str> = name.split(['.', '-', '_']).filter(|it| !it.is_empty()).collect();
    let says = |words: &[&str]| parts.iter().any(|it| words.contains(it));
    let example = says(EXAMPLES);
    Some(Env { example, production: says(&["production", "prod", "live"]), real: !example })
}

/// How a variable's name is used where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A value is given to it.
    Declared,
    /// The program reads it.
    Read,
    /// It is only spoken of.
    Mentioned,
}

/// What stands before a name that is read, in lower case and without quotes and blanks.
const ACCESSORS: &[&str] = &[
    "env.",
    "env?.",
    "env[",
    "env(",
    "env!.",
    "environ[",
    "environ.get(",
    "getenv(",
    "env::var(",
    "env::var_os(",
    "dotenvy::var(",
    "dotenv::var(",
    "env!(",
    "env.get(",
    "env.str(",
    "config(",
    "config.get(",
    "configservice.get(",
    "getorthrow(",
    "get<string>(",
    "getorthrow<string>(",
    "alias=",
    "validation_alias=",
    "aliaschoices(",
    "env=",
];

/// `before` and `after` are what stands around the name; the line of the name is the last one of `before` and the
/// first one of `after`.
pub(crate) fn role(kind: FileKind, before: &[u8], after: &[u8]) -> Role {
    let before = String::from_utf8_lossy(before);
    let after = String::from_utf8_lossy(after);
    let line = before.rsplit('\n').next().unwrap_or_default();
    let start = line.trim_start();
    if is_comment(start) {
        return Role::Mentioned;
    }
    match kind {
        FileKind::Prose => Role::Mentioned,
        FileKind::Env(_) => {
            let lead = start.strip_prefix("export ").unwrap_or(start).trim();
            if lead.is_empty() && after.trim_start().starts_with('=') { Role::Declared } else { Role::Mentioned }
        }
        FileKind::Settings => {
            let lead = start.trim_start_matches(['-', ' ', '"', '\'']).trim();
            let lead = ["ENV", "ARG", "export", "env:"].iter().find(|it| lead == **it).map_or(lead, |_| "");
            let given = after.trim_start_matches(['"', '\'', ' ']).starts_with(['=', ':']);
            if lead.is_empty() && given { Role::Declared } else { Role::Mentioned }
        }
        FileKind::Code => {
            let lead: String = line.chars().filter(|c| !c.is_whitespace() && !"\"'`".contains(*c)).collect();
            let lead = lead.to_ascii_lowercase();
            if ACCESSORS.iter().any(|it| lead.ends_with(it)) || is_destructured(&before, &after) {
                Role::Read
            } else {
                Role::Mentioned
            }
        }
    }
}

/// Whether the text of a line up to some place says that the line is a comment.
pub(crate) fn is_comment(start: &str) -> bool {
    ["//", "#", "*", "/*", "<!--", "--", ";"].iter().any(|it| start.starts_with(it))
}

/// `const { CLERK_SECRET_KEY } = process.env`.
fn is_destructured(before: &str, after: &str) -> bool {
    let open = before.rfind(['{', ';', '}']).is_some_and(|at| before.get(at..).is_some_and(|it| it.starts_with('{')));
    let Some((inside, rest)) = after.split_once('}') else { return false };
    let target = rest.trim_start().trim_start_matches('=').trim_start();
    open && !inside.contains(['{', ';', '('])
        && rest.trim_start().starts_with('=')
        && ["process.env", "import.meta.env", "Bun.env", "env"].iter().any(|it| target.starts_with(it))
}

/// The variable, property or key that a value is given to: the last name before `=`, `:`, `(` or a quote.
pub(crate) fn target(line: &str) -> Option<&str> {
    let line = line.trim_end_matches(|c: char| c.is_whitespace() || "\"'`=:([|?,>".contains(c));
    let start = line
        .rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .map_or(0, |at| at + line.get(at..).and_then(|it| it.chars().next()).map_or(1, char::len_utf8));
    line.get(start..).filter(|it| !it.is_empty() && it.len() <= 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_name() {
        let env = |name| match file_kind(name) {
            FileKind::Env(env) => Some((env.example, env.production)),
            _ => None,
        };
        assert_eq!(env(".env"), Some((false, false)));
        assert_eq!(env(".env.production.local"), Some((false, true)));
        assert_eq!(env(".env.example"), Some((true, false)));
        assert_eq!(env("prod.env"), Some((false, true)));
        assert_eq!(env(".dev.vars"), Some((false, false)));
        for other in [".environment", "env.ts", "myenv", "README.md"] {
            assert_eq!(env(other), None, "{other}");
        }
        assert_eq!(file_kind("env.ts"), FileKind::Code);
        assert_eq!(file_kind("Dockerfile"), FileKind::Settings);
        assert_eq!(file_kind("guide.mdx"), FileKind::Prose);
    }

    #[test]
    fn reading_is_told_from_speaking_of_it() {
        let check = |name: &str, text: &str, expected: Role| {
            let (before, after) = text.split_once("CLERK_SECRET_KEY").unwrap();
            assert_eq!(role(file_kind(name), before.as_bytes(), after.as_bytes()), expected, "{name}: {text}");
        };
        check("a.ts", "const k = process.env.CLERK_SECRET_KEY!;", Role::Read);
        check("a.ts", "process.env['CLERK_SECRET_KEY']", Role::Read);
        check("a.ts", "import.meta.env.CLERK_SECRET_KEY", Role::Read);
        check("a.ts", "const {\n  PORT,\n  CLERK_SECRET_KEY,\n} = process.env;", Role::Read);
        check("a.ts", "const { CLERK_SECRET_KEY } = props;", Role::Mentioned);
        check("a.ts", "throw new Error('CLERK_SECRET_KEY is missing')", Role::Mentioned);
        check("a.ts", "// process.env.CLERK_SECRET_KEY", Role::Mentioned);
        check("a.py", "k = os.environ[\"CLERK_SECRET_KEY\"]", Role::Read);
        check("a.py", "k = os.getenv( 'CLERK_SECRET_KEY')", Role::Read);
        check("a.rs", "let k = std::env::var(\"CLERK_SECRET_KEY\")?;", Role::Read);
        check("a.md", "process.env.CLERK_SECRET_KEY", Role::Mentioned);
        check(".env", "A=1\nexport CLERK_SECRET_KEY = x", Role::Declared);
        check(".env", "# CLERK_SECRET_KEY=x", Role::Mentioned);
        check("compose.yaml", "  - CLERK_SECRET_KEY=${X}", Role::Declared);
        check("compose.yaml", "  CLERK_SECRET_KEY: x", Role::Declared);
        check("Dockerfile", "ENV CLERK_SECRET_KEY=x", Role::Declared);
        check("x.json", "  \"CLERK_SECRET_KEY\": 1", Role::Declared);
        check("x.yaml", "  run: echo $CLERK_SECRET_KEY", Role::Mentioned);
    }

    #[test]
    fn the_name_a_value_is_given_to_is_found() {
        for (line, name) in [
            ("CLERK_SECRET_KEY=", Some("CLERK_SECRET_KEY")),
            ("  secretKey: \"", Some("secretKey")),
            ("const key = '", Some("key")),
            ("  \"VITE_KEY\": \"", Some("VITE_KEY")),
            ("process.env.A ?? \"", Some("A")),
            ("  - ", None),
            ("é=", None),
        ] {
            assert_eq!(target(line), name, "{line}");
        }
    }
}
