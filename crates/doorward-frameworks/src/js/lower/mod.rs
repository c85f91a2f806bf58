//! Text to [`Module`]: the parser's tree, cut down to what the evaluator needs.

mod expressions;
mod functions;
mod statements;

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use oxc_allocator::Allocator;
use oxc_ast::ast;
use oxc_parser::Parser;
use oxc_span::{GetSpan, SourceType};

use super::ir::{
    AssignOp, Export, Expr, ExprKind, Import, Imported, Key, Module, Outline, Pattern, Span, Stmt, StmtKind,
};
use super::{reach, types};

/// The local name under which a default export is kept.
pub(crate) const DEFAULT: &str = "default";

/// Parses one file. A syntax error leaves an empty body and is kept in the module.
pub(crate) fn parse(file: &str, text: Arc<str>) -> Module {
    read(&Arc::from(file), &text, |program, module| {
        Lower { module, depth: 0 }.program(program);
    })
}

/// All of a file.
pub(crate) fn whole(outline: &Outline) -> Module {
    read(&outline.file, &outline.text, |program, module| {
        Lower { module, depth: 0 }.program(program);
    })
}

/// The outline of a file, and all of it if it is a seed: it is parsed anyway.
pub(crate) fn outline(file: &str, text: Arc<str>) -> (Outline, Option<Module>) {
    let (mut is_whole, mut seed) = (false, false);
    let module = read(&Arc::from(file), &text, |program, module| {
        // `require` and `import()` may stand anywhere, and only a look at everything finds them.
        let may_be_inside = ["require", "import("].iter().any(|it| reach::holds(&module.text, it));
        if !may_be_inside {
            module.sources = program.body.iter().filter_map(static_source).map(str::to_owned).collect();
            seed = reach::is_seed(&module.sources, &module.text);
        }
        is_whole = may_be_inside || seed;
        if is_whole {
            module.sources.clear();
            Lower { module, depth: 0 }.program(program);
        }
        if may_be_inside {
            seed = reach::is_seed(&module.sources, &module.text);
        }
    });
    let (file, text) = (Arc::clone(&module.file), Arc::clone(&module.text));
    let outline = Outline { file, text, sources: module.sources.clone(), seed, error: module.error.clone() };
    (outline, (is_whole && seed).then_some(module))
}

/// The module that a statement at the top imports or re-exports, unless only types need it.
fn static_source<'a>(statement: &ast::Statement<'a>) -> Option<&'a str> {
    Some(match statement {
        ast::Statement::ImportDeclaration(it) if !it.import_kind.is_type() => it.source.value.as_str(),
        ast::Statement::ExportAllDeclaration(it) => it.source.value.as_str(),
        ast::Statement::ExportFromDeclaration(it) if !it.export_kind.is_type() => it.source.value.as_str(),
        _ => return None,
    })
}

/// Parses one file, as the language it seems to be.
fn read(file: &Arc<str>, text: &Arc<str>, mut take: impl FnMut(&ast::Program, &mut Module)) -> Module {
    let first = parse_as(file, text, source_type(file), &mut take);
    if first.error.is_some() && file.ends_with(".js") {
        // Flow's annotations read like TypeScript's, most of the time.
        let second = parse_as(file, text, SourceType::tsx(), &mut take);
        if second.error.is_none() {
            return Module { typescript: false, ..second };
        }
    }
    first
}

/// The parser's work, and nothing else.
pub(crate) fn parse_alone(path: &Path, text: &str) {
    let allocator = Allocator::default();
    Parser::new(&allocator, text, source_type(&path.to_string_lossy())).parse();
}

thread_local! {
    /// Memory for one tree after the other: to ask the system for it anew takes longer than to parse a small file.
    static ARENA: RefCell<Allocator> = RefCell::default();
}

fn parse_as(
    file: &Arc<str>,
    text: &Arc<str>,
    source_type: SourceType,
    take: &mut impl FnMut(&ast::Program, &mut Module),
) -> Module {
    let mut arena = ARENA.take();
    let module = parse_in(&arena, file, text, source_type, take);
    arena.reset();
    ARENA.set(arena);
    module
}

fn parse_in(
    arena: &Allocator,
    file: &Arc<str>,
    text: &Arc<str>,
    source_type: SourceType,
    take: &mut impl FnMut(&ast::Program, &mut Module),
) -> Module {
    let parsed = Parser::new(arena, text, source_type).parse();
    let mut module = Module {
        file: Arc::clone(file),
        text: Arc::clone(text),
        typescript: source_type.is_typescript(),
        ..Module::default()
    };
    if parsed.panicked || (!parsed.diagnostics.is_empty() && parsed.program.body.is_empty()) {
        let first = parsed.diagnostics.iter().next();
        let offset = first.and_then(|found| found.labels.first()).map_or(0, |label| label.offset() as usize);
        let message = first.map_or_else(|| "not JavaScript".to_owned(), |found| found.message.to_string());
        module.error = Some((offset, message));
        return module;
    }
    take(&parsed.program, &mut module);
    module
}

fn source_type(file: &str) -> SourceType {
    let by_extension = SourceType::from_path(file).unwrap_or_default();
    if by_extension.is_typescript() {
        return by_extension;
    }
    // Plain `.js` may be either kind of module, and may hold JSX; `.mjs` and `.cjs` say what they are.
    if file.ends_with(".mjs") || file.ends_with(".cjs") {
        by_extension.with_jsx(true)
    } else {
        SourceType::unambiguous().with_jsx(true)
    }
}

/// Nesting beyond this is not something a person wrote; what lies deeper is not looked at.
const MAX_DEPTH: usize = 1500;

struct Lower<'m> {
    module: &'m mut Module,
    depth: usize,
}

fn span(span: oxc_span::Span) -> Span {
    Span { start: span.start as usize, end: span.end as usize }
}

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn export_name(name: &ast::ModuleExportName) -> Arc<str> {
    text(&name.name())
}

impl Lower<'_> {
    fn program(&mut self, program: &ast::Program) {
        for statement in &program.body {
            if statement_is_module(statement) {
                self.module.esm = true;
            }
            let is_import = matches!(statement, ast::Statement::ImportDeclaration(_))
                || matches!(statement, ast::Statement::TSImportEqualsDeclaration(_))
                || is_require(statement);
            if is_import {
                self.module.after_imports = statement.span().end as usize;
            }
            self.types(statement);
            let lowered = self.module_statement(statement);
            self.module.body.extend(lowered);
        }
        if self.module.after_imports == 0 {
            let hashbang = program.hashbang.as_ref().map_or(0, |it| it.span.end as usize);
            self.module.after_imports = program.directives.last().map_or(hashbang, |it| it.span.end as usize);
        }
        let mut names = Vec::new();
        for statement in &self.module.body {
            declared(statement, &mut names);
        }
        names.extend(self.module.imports.iter().flat_map(|it| it.bindings.iter().map(|(name, _)| Arc::clone(name))));
        let mut names: Vec<String> = names.iter().map(|name| name.to_string()).filter(|name| name != DEFAULT).collect();
        names.sort();
        names.dedup();
        self.module.names = names;
    }

    /// Interfaces and type aliases.
    fn types(&mut self, statement: &ast::Statement) {
        let declared = match statement {
            ast::Statement::ExportDeclaration(it) => Some(&it.declaration),
            other => other.as_declaration(),
        };
        self.module.types.extend(match (declared, statement) {
            (Some(ast::Declaration::TSInterfaceDeclaration(it)), _) => Some(types::interface(it)),
            (Some(ast::Declaration::TSTypeAliasDeclaration(it)), _) => Some(types::alias(it)),
            (_, ast::Statement::ExportDefaultDeclaration(it)) => match &it.declaration {
                ast::ExportDefaultDeclarationKind::TSInterfaceDeclaration(it) => Some(types::interface(it)),
                _ => None,
            },
            _ => None,
        });
    }

    fn source(&mut self, source: &str) -> Arc<str> {
        self.module.sources.push(source.to_owned());
        text(source)
    }

    fn module_statement(&mut self, statement: &ast::Statement) -> Vec<Stmt> {
        match statement {
            ast::Statement::ImportDeclaration(it) => {
                let whole = it.import_kind.is_type();
                let source = if whole { text(&it.source.value) } else { self.source(&it.source.value) };
                let (mut bindings, mut types) = (Vec::new(), Vec::new());
                for specifier in it.specifiers.iter().flatten() {
                    let (of_type, binding) = match specifier {
                        ast::ImportDeclarationSpecifier::ImportSpecifier(it) => (
                            it.import_kind.is_type(),
                            (text(&it.local.name), Imported::Name(export_name(&it.imported))),
                        ),
                        ast::ImportDeclarationSpecifier::ImportDefaultSpecifier(it) => {
                            (false, (text(&it.local.name), Imported::Name(text(DEFAULT))))
                        }
                        ast::ImportDeclarationSpecifier::ImportNamespaceSpecifier(it) => {
                            (false, (text(&it.local.name), Imported::Namespace))
                        }
                    };
                    if whole || of_type { types.push(binding) } else { bindings.push(binding) }
                }
                if !types.is_empty() {
                    let source = Arc::clone(&source);
                    self.module.type_imports.push(Import { source, span: span(it.span), bindings: types });
                }
                if !whole {
                    self.module.imports.push(Import { source, span: span(it.span), bindings });
                }
                Vec::new()
            }
            ast::Statement::ExportAllDeclaration(it) => {
                let source = self.source(&it.source.value);
                let place = span(it.span);
                self.module.exports.push(match &it.exported {
                    Some(name) => {
                        Export::From { source, span: place, imported: Imported::Namespace, exported: export_name(name) }
                    }
                    None => Export::All { source, span: place },
                });
                Vec::new()
            }
            ast::Statement::ExportFromDeclaration(it) => {
                if it.export_kind.is_type() {
                    return Vec::new();
                }
                let source = self.source(&it.source.value);
                for specifier in &it.specifiers {
                    self.module.exports.push(Export::From {
                        source: Arc::clone(&source),
                        span: span(it.span),
                        imported: Imported::Name(export_name(&specifier.local)),
                        exported: export_name(&specifier.exported),
                    });
                }
                Vec::new()
            }
            ast::Statement::ExportNamedDeclaration(it) => {
                for specifier in &it.specifiers {
                    let (local, exported) = (export_name(&specifier.local), export_name(&specifier.exported));
                    self.module.exports.push(Export::Local { local, exported });
                }
                Vec::new()
            }
            ast::Statement::ExportDeclaration(it) => {
                let Some(kind) = self.declaration(&it.declaration) else { return Vec::new() };
                let statement = Stmt { span: span(it.span), kind };
                let mut names = Vec::new();
                declared(&statement, &mut names);
                for name in names {
                    self.module.exports.push(Export::Local { local: Arc::clone(&name), exported: name });
                }
                vec![statement]
            }
            ast::Statement::ExportDefaultDeclaration(it) => {
                let place = span(it.span);
                let (local, statement) = match &it.declaration {
                    ast::ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                        let name = function.id.as_ref().map_or_else(|| text(DEFAULT), |id| text(&id.name));
                        let mut function = self.function(function);
                        function.name.get_or_insert_with(|| Arc::clone(&name));
                        (name, StmtKind::Function(Arc::new(function)))
                    }
                    ast::ExportDefaultDeclarationKind::ClassDeclaration(class) => {
                        let name = class.id.as_ref().map_or_else(|| text(DEFAULT), |id| text(&id.name));
                        (Arc::clone(&name), StmtKind::Class(name, Arc::new(self.class(class))))
                    }
                    other => {
                        let Some(expression) = other.as_expression() else { return Vec::new() };
                        let value = self.expr(expression);
                        (text(DEFAULT), StmtKind::Var(vec![(Pattern::Name(text(DEFAULT)), Some(value))], false))
                    }
                };
                self.module.exports.push(Export::Local { local, exported: text(DEFAULT) });
                vec![Stmt { span: place, kind: statement }]
            }
            ast::Statement::TSExportAssignment(it) => {
                let value = self.expr(&it.expression);
                let place = span(it.span);
                let module = Expr { span: place, kind: ExprKind::Name(text("module")) };
                let target = ExprKind::Member(Box::new(module), Key::Name(text("exports")));
                let target = Pattern::Member(Box::new(Expr { span: place, kind: target }));
                let kind = ExprKind::Assign(Box::new(target), AssignOp::Set, Box::new(value));
                vec![Stmt { span: place, kind: StmtKind::Expr(Expr { span: place, kind }) }]
            }
            other => vec![self.stmt(other)],
        }
    }
}

fn statement_is_module(statement: &ast::Statement) -> bool {
    matches!(
        statement,
        ast::Statement::ImportDeclaration(_)
            | ast::Statement::ExportAllDeclaration(_)
            | ast::Statement::ExportDefaultDeclaration(_)
            | ast::Statement::ExportDeclaration(_)
            | ast::Statement::ExportNamedDeclaration(_)
            | ast::Statement::ExportFromDeclaration(_)
    )
}

/// `const x = require('y')`, `require('y')`, `const { x } = require('y').z`.
fn is_require(statement: &ast::Statement) -> bool {
    fn calls_require(expression: &ast::Expression) -> bool {
        match expression {
            ast::Expression::CallExpression(it) => match &it.callee {
                ast::Expression::Identifier(name) => name.name == "require",
                callee => calls_require(callee),
            },
            ast::Expression::StaticMemberExpression(it) => calls_require(&it.object),
            _ => false,
        }
    }
    match statement {
        ast::Statement::VariableDeclaration(it) => {
            !it.declarations.is_empty() && it.declarations.iter().all(|it| it.init.as_ref().is_some_and(calls_require))
        }
        ast::Statement::ExpressionStatement(it) => {
            matches!(&it.expression, ast::Expression::CallExpression(call)
                if matches!(&call.callee, ast::Expression::Identifier(name) if name.name == "require"))
        }
        _ => false,
    }
}

/// The names a statement declares.
fn declared(statement: &Stmt, names: &mut Vec<Arc<str>>) {
    fn of_pattern(pattern: &Pattern, names: &mut Vec<Arc<str>>) {
        match pattern {
            Pattern::Name(name) => names.push(Arc::clone(name)),
            Pattern::Object(props, rest) => {
                props.iter().for_each(|(_, it)| of_pattern(it, names));
                rest.iter().for_each(|it| of_pattern(it, names));
            }
            Pattern::Array(items, rest) => {
                items.iter().flatten().for_each(|it| of_pattern(it, names));
                rest.iter().for_each(|it| of_pattern(it, names));
            }
            Pattern::Default(inner, _) => of_pattern(inner, names),
            Pattern::Member(_) | Pattern::Ignore => {}
        }
    }
    match &statement.kind {
        StmtKind::Var(all, _) => all.iter().for_each(|(pattern, _)| of_pattern(pattern, names)),
        StmtKind::Function(function) => names.extend(function.name.clone()),
        StmtKind::Class(name, _) | StmtKind::Enum(name, _) => names.push(Arc::clone(name)),
        _ => {}
    }
}
