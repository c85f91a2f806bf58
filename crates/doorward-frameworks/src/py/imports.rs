//! What one module says about others, read from its syntax alone.

use std::collections::HashMap;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;

/// Expressions nested deeper than this were not written by people.
const MAX_DEPTH: usize = 1_500;

/// What a visit of the whole module gathers.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Every import, wherever it stands: how many dots, the module, and the names taken from it.
    pub(crate) imports: Vec<ImportRef>,
    /// Annotations in quotes, by where the quote starts.
    pub(crate) quoted: HashMap<usize, Expr>,
    /// Where an expression is nested too deeply to be read.
    pub(crate) too_deep: Option<usize>,
}

/// One import.
#[derive(Debug, Clone)]
pub(crate) struct ImportRef {
    pub(crate) level: u32,
    pub(crate) module: String,
    /// Empty for `import a.b`.
    pub(crate) names: Vec<String>,
}

/// Reads `body`.
pub(crate) fn facts(body: &[Stmt]) -> Facts {
    let mut reader = Reader { facts: Facts::default(), depth: 0, in_annotation: false };
    reader.visit_body(body);
    reader.facts
}

struct Reader {
    facts: Facts,
    depth: usize,
    in_annotation: bool,
}

impl<'a> Visitor<'a> for Reader {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    let module = alias.name.id.to_string();
                    self.facts.imports.push(ImportRef { level: 0, module, names: Vec::new() });
                }
            }
            Stmt::ImportFrom(import) => self.facts.imports.push(ImportRef {
                level: import.level,
                module: import.module.as_ref().map(|it| it.id.to_string()).unwrap_or_default(),
                names: import.names.iter().map(|it| it.name.id.to_string()).collect(),
            }),
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_annotation(&mut self, expr: &'a Expr) {
        let outer = std::mem::replace(&mut self.in_annotation, true);
        self.visit_expr(expr);
        self.in_annotation = outer;
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.facts.too_deep.get_or_insert(expr.range().start().to_usize());
        } else {
            // `Optional["User"]` is also written outside of annotations, for aliases.
            let quoting = self.in_annotation || self.depth > 1;
            if quoting && let Expr::StringLiteral(text) = expr {
                self.quoted(text.value.to_str(), expr.range().start().to_usize());
            }
            visitor::walk_expr(self, expr);
        }
        self.depth -= 1;
    }
}

impl Reader {
    fn quoted(&mut self, text: &str, at: usize) {
        let could_be = text.len() < 200
            && text.bytes().next().is_some_and(|it| it.is_ascii_alphabetic() || it == b'_')
            && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"_.[], |'\"".contains(&it));
        if could_be && let Ok(parsed) = ruff_python_parser::parse_expression(text) {
            self.facts.quoted.insert(at, *parsed.into_syntax().body);
        }
    }
}
