//! Words that tell what code is about.

use super::{MAX_STEPS, Reader};
use crate::rs::ir::{Path, Pattern, Type};
use crate::rs::program::{Def, Owner, ScopeId};

/// Whether a name tells of a refusal for want of rights.
pub(super) fn says_unauthorized(name: &str) -> bool {
    let lower: String = name.chars().filter(|it| *it != '_').flat_map(char::to_lowercase).collect();
    ["unauthor", "forbidden", "unauthenticated", "accessdenied", "permissiondenied", "notloggedin", "notauthenticated"]
        .iter()
        .any(|it| lower.contains(it))
}

/// Whether a name is about who somebody is.
pub(crate) fn sounds_like_auth(name: &str) -> bool {
    let lower = name.to_lowercase();
    let words = [
        "auth",
        "login",
        "jwt",
        "token",
        "session",
        "permission",
        "guard",
        "protect",
        "api_key",
        "apikey",
        "bearer",
        "admin",
    ];
    words.iter().any(|it| lower.contains(it)) && !lower.contains("author_") && !lower.ends_with("author")
}

/// Words for what a caller proves itself with.
const CREDENTIALS: &[&str] = &[
    "authorization",
    "bearer",
    "token",
    "jwt",
    "cookie",
    "session",
    "api_key",
    "api-key",
    "apikey",
    "claims",
    "password",
    "signature",
    "secret",
    "credential",
    "identity",
    "auth",
    "user_id",
    "current_user",
];

/// Whether a word is about what a caller proves itself with.
pub(crate) fn is_about_credentials(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    CREDENTIALS.iter().any(|it| lower.contains(it)) && !says_unauthorized(word)
}

impl Reader<'_> {
    pub(super) fn pattern(&mut self, pattern: &Pattern) {
        match pattern {
            Pattern::Name(name, inner) => {
                self.word(name);
                if let Some(inner) = inner {
                    self.pattern(inner);
                }
            }
            Pattern::TupleStruct(path, parts) => {
                self.words(path);
                for part in parts.iter().take(16) {
                    self.pattern(part);
                }
            }
            Pattern::Ref(inner) => self.pattern(inner),
            Pattern::Tuple(parts) | Pattern::Or(parts) | Pattern::List(parts) => {
                for part in parts.iter().take(16) {
                    self.pattern(part);
                }
            }
            _ => {}
        }
    }

    /// What a function of the tree is about is what its caller is about.
    pub(super) fn learn(&mut self, scope: ScopeId, owner: Option<&Owner>, path: &Path, depth: usize) {
        self.steps += 1;
        if self.body.credentials || depth > 2 || self.steps > MAX_STEPS {
            return;
        }
        let Def::Functions(all) = self.program.path(scope, path, owner) else { return };
        for function in all.iter().take(4) {
            for inner in function.function.paths.iter().take(64) {
                self.words(inner);
                self.learn(function.scope, function.owner.as_deref(), inner, depth + 1);
            }
        }
    }

    pub(super) fn words(&mut self, path: &Path) {
        for segment in &path.segments {
            self.word(&segment.name);
            for inner in segment.args.iter().filter_map(Type::path) {
                for segment in &inner.segments {
                    self.word(&segment.name);
                }
            }
        }
    }

    pub(super) fn word(&mut self, word: &str) {
        if !self.body.credentials && word.len() < 64 {
            self.body.credentials = is_about_credentials(word);
        }
    }
}
