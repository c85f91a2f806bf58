//! A module as the evaluator sees it: owned, small, and free of syntax that makes no difference to it.

use std::sync::Arc;

use super::types::{Declared, Type};
pub(crate) use crate::source::Span;

/// What is kept of every file: enough to find it, and to tell whether it is worth reading in full.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// Relative to the tree, with `/`.
    pub(crate) file: Arc<str>,
    pub(crate) text: Arc<str>,
    /// Every module named by an import, a re-export or a literal `require`, in order.
    pub(crate) sources: Vec<String>,
    /// Whether it has to do with a server, whatever it leads to.
    pub(crate) seed: bool,
    /// The first syntax error: where, and what the parser says.
    pub(crate) error: Option<(usize, String)>,
}

/// One source file.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Relative to the tree, with `/`.
    pub(crate) file: Arc<str>,
    pub(crate) text: Arc<str>,
    pub(crate) esm: bool,
    pub(crate) typescript: bool,
    /// Every module named by an import, a re-export or a literal `require`, in order.
    pub(crate) sources: Vec<String>,
    pub(crate) imports: Vec<Import>,
    /// Imports that only types use; they load nothing.
    pub(crate) type_imports: Vec<Import>,
    /// Interfaces and type aliases at the top level.
    pub(crate) types: Vec<Declared>,
    pub(crate) exports: Vec<Export>,
    pub(crate) body: Vec<Stmt>,
    /// The byte offset after the last import or top-level `require`.
    pub(crate) after_imports: usize,
    /// Every top-level binding.
    pub(crate) names: Vec<String>,
    /// The first syntax error: where, and what the parser says.
    pub(crate) error: Option<(usize, String)>,
}

/// One import declaration.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) source: Arc<str>,
    pub(crate) span: Span,
    pub(crate) bindings: Vec<(Arc<str>, Imported)>,
}

/// What an import binds.
#[derive(Debug, Clone)]
pub(crate) enum Imported {
    Name(Arc<str>),
    Namespace,
}

/// One exported name.
#[derive(Debug)]
pub(crate) enum Export {
    Local { local: Arc<str>, exported: Arc<str> },
    From { source: Arc<str>, span: Span, imported: Imported, exported: Arc<str> },
    All { source: Arc<str>, span: Span },
}

#[derive(Debug)]
pub(crate) struct Stmt {
    pub(crate) span: Span,
    pub(crate) kind: StmtKind,
}

#[derive(Debug)]
pub(crate) enum StmtKind {
    Expr(Expr),
    /// Declarations; `true` for `var`, which belongs to the function and not to the block.
    Var(Vec<(Pattern, Option<Expr>)>, bool),
    Function(Arc<Function>),
    Class(Arc<str>, Arc<Class>),
    Enum(Arc<str>, Vec<(Arc<str>, Option<Expr>)>),
    Return(Option<Expr>),
    Throw(Expr),
    If(Expr, Box<Stmt>, Option<Box<Stmt>>),
    Block(Vec<Stmt>),
    /// `for (pattern of iterable)`.
    ForOf(Pattern, Expr, Box<Stmt>),
    /// `for (pattern in object)`.
    ForIn(Pattern, Expr, Box<Stmt>),
    /// Any other loop: what runs first, and what runs again and again.
    Loop(Vec<Stmt>, Vec<Expr>, Box<Stmt>),
    Try(Vec<Stmt>, Option<(Option<Pattern>, Vec<Stmt>)>, Vec<Stmt>),
    Switch(Expr, Vec<(Option<Expr>, Vec<Stmt>)>),
    /// `break` or `continue`.
    Jump,
    Empty,
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) span: Span,
    pub(crate) kind: ExprKind,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Str(Arc<str>),
    Num(f64),
    Bool(bool),
    Null,
    Regex(Arc<str>, Arc<str>),
    /// Quasis, with an expression between each two.
    Template(Vec<Arc<str>>, Vec<Expr>),
    Name(Arc<str>),
    This,
    Super,
    Array(Vec<Item>),
    Object(Vec<Prop>),
    Function(Arc<Function>),
    Class(Arc<Class>),
    Member(Box<Expr>, Key),
    Call(Box<Expr>, Vec<Item>),
    New(Box<Expr>, Vec<Item>),
    /// `import(…)`.
    Import(Box<Expr>),
    Assign(Box<Pattern>, AssignOp, Box<Expr>),
    Add(Box<Expr>, Box<Expr>),
    /// `==`, `===` (`true`) and their negations (`false`).
    Equal(bool, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Coalesce(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    Sequence(Vec<Expr>),
    Await(Box<Expr>),
    /// Anything else: its parts still run.
    Other(Vec<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssignOp {
    Set,
    Add,
    /// `||=`, `??=`, `&&=`.
    Logical,
    Other,
}

/// An element of an array or of an argument list.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) spread: bool,
    pub(crate) value: Expr,
}

#[derive(Debug)]
pub(crate) enum Prop {
    Entry { key: Key, value: Expr, getter: bool },
    Spread(Expr),
}

#[derive(Debug)]
pub(crate) enum Key {
    Name(Arc<str>),
    Computed(Box<Expr>),
}

#[derive(Debug)]
pub(crate) enum Pattern {
    Name(Arc<str>),
    Member(Box<Expr>),
    Object(Vec<(Key, Pattern)>, Option<Box<Pattern>>),
    Array(Vec<Option<Pattern>>, Option<Box<Pattern>>),
    Default(Box<Pattern>, Box<Expr>),
    Ignore,
}

#[derive(Debug, Default)]
pub(crate) struct Function {
    pub(crate) span: Span,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) params: Vec<Pattern>,
    pub(crate) rest: Option<Pattern>,
    /// What JavaScript calls the function's `length`.
    pub(crate) arity: usize,
    pub(crate) arrow: bool,
    pub(crate) body: Vec<Stmt>,
}

impl Function {
    /// The name of parameter `at`, if it is a plain one.
    pub(crate) fn param_name(&self, at: usize) -> Option<&str> {
        match self.params.get(at)? {
            Pattern::Name(name) => Some(name),
            Pattern::Default(inner, _) => match &**inner {
                Pattern::Name(name) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Class {
    pub(crate) span: Span,
    pub(crate) name: Option<Arc<str>>,
    /// What stands behind each `@`, from top to bottom.
    pub(crate) decorators: Vec<Expr>,
    pub(crate) parent: Option<Expr>,
    pub(crate) constructor: Option<Arc<Function>>,
    /// What TypeScript says about the constructor's parameters.
    pub(crate) injected: Vec<Param>,
    pub(crate) methods: Vec<Method>,
    pub(crate) fields: Vec<Field>,
}

#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: Arc<str>,
    pub(crate) function: Arc<Function>,
    pub(crate) getter: bool,
    pub(crate) is_static: bool,
    pub(crate) decorators: Vec<Expr>,
    pub(crate) params: Vec<Param>,
    pub(crate) returns: Option<Type>,
}

/// What TypeScript says about a parameter of a method.
#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) decorators: Vec<Expr>,
    pub(crate) of: Option<Type>,
    /// It has a `?` or a default.
    pub(crate) optional: bool,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) value: Option<Expr>,
    pub(crate) is_static: bool,
    pub(crate) decorators: Vec<Expr>,
    pub(crate) of: Option<Type>,
    /// It has a `?`.
    pub(crate) optional: bool,
}

/// Shows every expression of `statements` to `see`, outermost first; `see` says whether to look inside.
pub(crate) fn visit<'m>(statements: &'m [Stmt], see: &mut dyn FnMut(&'m Expr) -> bool) {
    statements.iter().for_each(|it| visit_statement(it, see));
}

fn visit_statement<'m>(statement: &'m Stmt, see: &mut dyn FnMut(&'m Expr) -> bool) {
    match &statement.kind {
        StmtKind::Expr(it) | StmtKind::Return(Some(it)) | StmtKind::Throw(it) => visit_expr(it, see),
        StmtKind::Var(all, _) => all.iter().for_each(|(pattern, init)| {
            visit_pattern(pattern, see);
            init.iter().for_each(|it| visit_expr(it, see));
        }),
        StmtKind::Function(function) => visit(&function.body, see),
        StmtKind::Class(_, class) => visit_class(class, see),
        StmtKind::If(test, yes, no) => {
            visit_expr(test, see);
            visit_statement(yes, see);
            no.iter().for_each(|it| visit_statement(it, see));
        }
        StmtKind::Block(all) => visit(all, see),
        StmtKind::ForOf(_, it, body) | StmtKind::ForIn(_, it, body) => {
            visit_expr(it, see);
            visit_statement(body, see);
        }
        StmtKind::Loop(init, again, body) => {
            visit(init, see);
            again.iter().for_each(|it| visit_expr(it, see));
            visit_statement(body, see);
        }
        StmtKind::Try(block, handler, finalizer) => {
            visit(block, see);
            handler.iter().for_each(|(_, body)| visit(body, see));
            visit(finalizer, see);
        }
        StmtKind::Switch(value, cases) => {
            visit_expr(value, see);
            cases.iter().for_each(|(test, body)| {
                test.iter().for_each(|it| visit_expr(it, see));
                visit(body, see);
            });
        }
        StmtKind::Return(None) | StmtKind::Enum(..) | StmtKind::Jump | StmtKind::Empty => {}
    }
}

fn visit_class<'m>(class: &'m Class, see: &mut dyn FnMut(&'m Expr) -> bool) {
    class.constructor.iter().chain(class.methods.iter().map(|it| &it.function)).for_each(|it| visit(&it.body, see));
    class.fields.iter().filter_map(|it| it.value.as_ref()).for_each(|it| visit_expr(it, see));
}

fn visit_pattern<'m>(pattern: &'m Pattern, see: &mut dyn FnMut(&'m Expr) -> bool) {
    match pattern {
        Pattern::Member(it) => visit_expr(it, see),
        Pattern::Default(inner, default) => {
            visit_pattern(inner, see);
            visit_expr(default, see);
        }
        Pattern::Object(props, _) => props.iter().for_each(|(_, it)| visit_pattern(it, see)),
        Pattern::Array(items, _) => items.iter().flatten().for_each(|it| visit_pattern(it, see)),
        Pattern::Name(_) | Pattern::Ignore => {}
    }
}

fn visit_expr<'m>(expr: &'m Expr, see: &mut dyn FnMut(&'m Expr) -> bool) {
    if !see(expr) {
        return;
    }
    match &expr.kind {
        ExprKind::Template(_, all) | ExprKind::Sequence(all) | ExprKind::Other(all) => {
            all.iter().for_each(|it| visit_expr(it, see));
        }
        ExprKind::Array(items) => items.iter().for_each(|it| visit_expr(&it.value, see)),
        ExprKind::Object(props) => props.iter().for_each(|it| match it {
            Prop::Entry { value, .. } | Prop::Spread(value) => visit_expr(value, see),
        }),
        ExprKind::Function(function) => visit(&function.body, see),
        ExprKind::Class(class) => visit_class(class, see),
        ExprKind::Member(object, key) => {
            visit_expr(object, see);
            if let Key::Computed(key) = key {
                visit_expr(key, see);
            }
        }
        ExprKind::Call(callee, items) | ExprKind::New(callee, items) => {
            visit_expr(callee, see);
            items.iter().for_each(|it| visit_expr(&it.value, see));
        }
        ExprKind::Import(it) | ExprKind::Not(it) | ExprKind::Await(it) => visit_expr(it, see),
        ExprKind::Assign(target, _, value) => {
            visit_pattern(target, see);
            visit_expr(value, see);
        }
        ExprKind::Add(left, right)
        | ExprKind::Equal(_, left, right)
        | ExprKind::And(left, right)
        | ExprKind::Or(left, right)
        | ExprKind::Coalesce(left, right) => {
            visit_expr(left, see);
            visit_expr(right, see);
        }
        ExprKind::Conditional(test, yes, no) => {
            visit_expr(test, see);
            visit_expr(yes, see);
            visit_expr(no, see);
        }
        ExprKind::Str(_)
        | ExprKind::Num(_)
        | ExprKind::Bool(_)
        | ExprKind::Null
        | ExprKind::Regex(..)
        | ExprKind::Name(_)
        | ExprKind::This
        | ExprKind::Super => {}
    }
}
