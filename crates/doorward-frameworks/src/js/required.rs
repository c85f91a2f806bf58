//! Variables of the environment without which a program does not start.

use std::sync::Arc;

use super::eval::{Eval, Host};
use super::guards::last_name;
use super::ir::{self, Expr, ExprKind, Function, Item, Key, Pattern, Stmt, StmtKind};

/// Functions that fail when what they are given is missing.
const ASSERTS: &[&str] = &["assert", "ok", "invariant"];
/// Functions that fail when the environment is not as a schema wants it.
const SCHEMAS: &[&str] = &["parse", "cleanEnv", "envsafe", "makeValidator"];

impl<H: Host> Eval<'_, H> {
    /// Whether a module that runs refuses to start without the variable `name`.
    pub(crate) fn is_required(&mut self, name: &str) -> bool {
        if let Some(known) = self.required.get(name) {
            return *known;
        }
        let program = self.program;
        let required = self.read().into_iter().any(|it| {
            let text = program.text(it);
            text.contains(name) && text.contains("env") && Reader::new(name, &text).checks(&program.module(it).body)
        });
        self.required.insert(name.to_owned(), required);
        required
    }
}

/// Whether a function refuses, or does something else altogether, where the variable `name` is not set.
pub(crate) fn is_asked(function: &Function, name: &str) -> bool {
    let reader = Reader { name, holds: Vec::new(), is_listed: false };
    let mut found = false;
    ir::visit(&function.body, &mut |expr| {
        found |= matches!(&expr.kind, ExprKind::Or(one, _) if reader.is_missing(one));
        found |= matches!(&expr.kind, ExprKind::And(one, _) if reader.is_variable(one));
        !found
    });
    found || reader.leaves(&function.body)
}

struct Reader<'a> {
    name: &'a str,
    /// What holds the variable.
    holds: Vec<Arc<str>>,
    /// The module writes the name as a text: in a list, or as an argument.
    is_listed: bool,
}

impl<'a> Reader<'a> {
    fn new(name: &'a str, text: &str) -> Self {
        let is_listed = ['\'', '"', '`'].iter().any(|quote| text.contains(&format!("{quote}{name}{quote}")));
        Self { name, holds: Vec::new(), is_listed }
    }

    /// Whether top-level code ends the program without the variable.
    fn checks(&mut self, body: &[Stmt]) -> bool {
        body.iter().any(|statement| match &statement.kind {
            StmtKind::Var(all, _) => {
                all.iter().for_each(|(pattern, init)| self.note(pattern, init.as_ref()));
                all.iter().filter_map(|it| it.1.as_ref()).any(|it| self.fails(it, body))
            }
            StmtKind::If(test, yes, _) => {
                let asks = self.is_missing(test) || (self.is_listed && reads_by_name(body));
                asks && stops(std::slice::from_ref(yes))
            }
            StmtKind::ForOf(_, _, inner) => {
                self.is_listed && reads_by_name(std::slice::from_ref(inner)) && stops(std::slice::from_ref(inner))
            }
            StmtKind::Block(inner) => self.checks(inner),
            StmtKind::Expr(expr) => self.fails(expr, body),
            _ => false,
        })
    }

    /// Whether a statement says what is to happen without the variable.
    fn leaves(&self, body: &[Stmt]) -> bool {
        let ends = |it: &Stmt| match &it.kind {
            StmtKind::Block(inner) => {
                inner.last().is_some_and(|it| matches!(it.kind, StmtKind::Return(_) | StmtKind::Throw(_)))
            }
            kind => matches!(kind, StmtKind::Return(_) | StmtKind::Throw(_)),
        };
        body.iter().any(|it| match &it.kind {
            StmtKind::If(test, yes, _) => self.is_missing(test) && ends(yes),
            StmtKind::Block(inner) | StmtKind::Try(inner, ..) => self.leaves(inner),
            _ => false,
        })
    }

    fn note(&mut self, pattern: &Pattern, init: Option<&Expr>) {
        match (pattern, init) {
            (Pattern::Name(name), Some(init)) if self.is_variable(init) => self.holds.push(Arc::clone(name)),
            (Pattern::Object(props, _), Some(init)) if last_name(init) == Some("env") => {
                for (key, pattern) in props {
                    if let (Key::Name(key), Pattern::Name(name)) = (key, pattern)
                        && **key == *self.name
                    {
                        self.holds.push(Arc::clone(name));
                    }
                }
            }
            _ => {}
        }
    }

    fn is_variable(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Member(object, Key::Name(name)) => **name == *self.name && last_name(object) == Some("env"),
            ExprKind::Member(object, Key::Computed(key)) => {
                last_name(object) == Some("env") && matches!(&key.kind, ExprKind::Str(it) if **it == *self.name)
            }
            ExprKind::Name(name) => self.holds.contains(name),
            _ => false,
        }
    }

    /// Whether a test holds when the variable is missing.
    fn is_missing(&self, test: &Expr) -> bool {
        match &test.kind {
            ExprKind::Not(inner) => self.is_variable(inner),
            ExprKind::Or(one, two) => self.is_missing(one) || self.is_missing(two),
            ExprKind::Equal(true, one, two) => {
                let nothing = |it: &Expr| {
                    matches!(&it.kind, ExprKind::Null) || matches!(&it.kind, ExprKind::Name(it) if &**it == "undefined")
                };
                self.is_variable(one) && nothing(two) || self.is_variable(two) && nothing(one)
            }
            _ => false,
        }
    }

    /// Whether what runs at the start fails without the variable.
    fn fails(&self, expr: &Expr, body: &[Stmt]) -> bool {
        let ExprKind::Call(callee, items) = &expr.kind else { return false };
        let name = last_name(callee).unwrap_or_default();
        let first = |wanted: &dyn Fn(&Expr) -> bool| items.first().is_some_and(|it: &Item| wanted(&it.value));
        let whole = items.iter().any(|it| last_name(&it.value) == Some("env"));
        let named = first(&|it| matches!(&it.kind, ExprKind::Str(it) if **it == *self.name));
        ASSERTS.contains(&name) && first(&|it| self.is_variable(it))
            || SCHEMAS.contains(&name) && whole
            || named && reads_by_name(function(body, name)) && stops(function(body, name))
    }
}

/// The body of a function of the module.
fn function<'s>(body: &'s [Stmt], name: &str) -> &'s [Stmt] {
    let found = body.iter().find_map(|it| match &it.kind {
        StmtKind::Function(function) if function.name.as_deref() == Some(name) => Some(function.body.as_slice()),
        StmtKind::Var(all, _) => {
            all.iter().find_map(|(pattern, init)| match (pattern, init.as_ref().map(|it| &it.kind)) {
                (Pattern::Name(it), Some(ExprKind::Function(function))) if **it == *name => {
                    Some(function.body.as_slice())
                }
                _ => None,
            })
        }
        _ => None,
    });
    found.unwrap_or_default()
}

/// Whether variables are looked up by a name that is computed.
fn reads_by_name(body: &[Stmt]) -> bool {
    let mut found = false;
    ir::visit(body, &mut |expr| {
        found |= matches!(&expr.kind, ExprKind::Member(object, Key::Computed(_)) if last_name(object) == Some("env"));
        !found
    });
    found
}

/// Whether statements may end the program.
fn stops(body: &[Stmt]) -> bool {
    body.iter().any(|it| match &it.kind {
        StmtKind::Throw(_) => true,
        StmtKind::Expr(expr) => matches!(&expr.kind, ExprKind::Call(callee, _) if last_name(callee) == Some("exit")),
        StmtKind::Block(inner) => stops(inner),
        StmtKind::If(_, yes, no) => {
            stops(std::slice::from_ref(yes)) || no.as_ref().is_some_and(|it| stops(std::slice::from_ref(it)))
        }
        _ => false,
    })
}
