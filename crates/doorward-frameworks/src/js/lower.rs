//! Text to [`Module`]: the parser's tree, cut down to what the evaluator needs.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use oxc_allocator::Allocator;
use oxc_ast::ast;
use oxc_parser::Parser;
use oxc_span::{GetSpan, SourceType};
use oxc_syntax::operator::{AssignmentOperator, BinaryOperator, LogicalOperator, UnaryOperator};

use super::ir::{
    AssignOp, Class, Export, Expr, ExprKind, Field, Function, Import, Imported, Item, Key, Method, Module, Outline,
    Param, Pattern, Prop, Span, Stmt, StmtKind,
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

    fn stmts(&mut self, statements: &[ast::Statement]) -> Vec<Stmt> {
        statements.iter().map(|it| self.stmt(it)).collect()
    }

    fn boxed(&mut self, statement: &ast::Statement) -> Box<Stmt> {
        Box::new(self.stmt(statement))
    }

    fn stmt(&mut self, statement: &ast::Statement) -> Stmt {
        if self.depth > MAX_DEPTH {
            return Stmt { span: span(statement.span()), kind: StmtKind::Empty };
        }
        self.depth += 1;
        let lowered = self.stmt_inside(statement);
        self.depth -= 1;
        lowered
    }

    fn stmt_inside(&mut self, statement: &ast::Statement) -> Stmt {
        let kind = match statement {
            ast::Statement::ExpressionStatement(it) => StmtKind::Expr(self.expr(&it.expression)),
            ast::Statement::BlockStatement(it) => StmtKind::Block(self.stmts(&it.body)),
            ast::Statement::ReturnStatement(it) => StmtKind::Return(it.argument.as_ref().map(|it| self.expr(it))),
            ast::Statement::ThrowStatement(it) => StmtKind::Throw(self.expr(&it.argument)),
            ast::Statement::IfStatement(it) => {
                let otherwise = it.alternate.as_ref().map(|it| self.boxed(it));
                StmtKind::If(self.expr(&it.test), self.boxed(&it.consequent), otherwise)
            }
            ast::Statement::ForOfStatement(it) => {
                let pattern = self.for_left(&it.left);
                StmtKind::ForOf(pattern, self.expr(&it.right), self.boxed(&it.body))
            }
            ast::Statement::ForInStatement(it) => {
                let pattern = self.for_left(&it.left);
                StmtKind::ForIn(pattern, self.expr(&it.right), self.boxed(&it.body))
            }
            ast::Statement::ForStatement(it) => {
                let init = match &it.init {
                    None => Vec::new(),
                    Some(ast::ForStatementInit::VariableDeclaration(it)) => {
                        vec![Stmt { span: span(it.span), kind: self.variables(it) }]
                    }
                    Some(other) => other
                        .as_expression()
                        .map(|it| Stmt { span: span(it.span()), kind: StmtKind::Expr(self.expr(it)) })
                        .into_iter()
                        .collect(),
                };
                let again = it.test.iter().chain(&it.update).map(|it| self.expr(it)).collect();
                StmtKind::Loop(init, again, self.boxed(&it.body))
            }
            ast::Statement::WhileStatement(it) => {
                StmtKind::Loop(Vec::new(), vec![self.expr(&it.test)], self.boxed(&it.body))
            }
            ast::Statement::DoWhileStatement(it) => {
                StmtKind::Loop(Vec::new(), vec![self.expr(&it.test)], self.boxed(&it.body))
            }
            ast::Statement::TryStatement(it) => {
                let handler = it.handler.as_ref().map(|handler| {
                    let pattern = handler.param.as_ref().map(|it| self.binding(&it.pattern));
                    (pattern, self.stmts(&handler.body.body))
                });
                let finalizer = it.finalizer.as_ref().map(|it| self.stmts(&it.body)).unwrap_or_default();
                StmtKind::Try(self.stmts(&it.block.body), handler, finalizer)
            }
            ast::Statement::SwitchStatement(it) => {
                let cases = it
                    .cases
                    .iter()
                    .map(|case| (case.test.as_ref().map(|it| self.expr(it)), self.stmts(&case.consequent)))
                    .collect();
                StmtKind::Switch(self.expr(&it.discriminant), cases)
            }
            ast::Statement::LabeledStatement(it) => return self.stmt(&it.body),
            ast::Statement::BreakStatement(_) | ast::Statement::ContinueStatement(_) => StmtKind::Jump,
            other => match other.as_declaration().and_then(|it| self.declaration(it)) {
                Some(kind) => kind,
                None => StmtKind::Empty,
            },
        };
        Stmt { span: span(statement.span()), kind }
    }

    fn declaration(&mut self, declaration: &ast::Declaration) -> Option<StmtKind> {
        Some(match declaration {
            ast::Declaration::VariableDeclaration(it) => self.variables(it),
            ast::Declaration::FunctionDeclaration(it) => {
                it.body.as_ref()?;
                StmtKind::Function(Arc::new(self.function(it)))
            }
            ast::Declaration::ClassDeclaration(it) => {
                let name = it.id.as_ref().map_or_else(|| text(DEFAULT), |id| text(&id.name));
                StmtKind::Class(name, Arc::new(self.class(it)))
            }
            ast::Declaration::TSEnumDeclaration(it) => {
                let members = it
                    .body
                    .members
                    .iter()
                    .map(|member| {
                        (text(&member.id.static_name()), member.initializer.as_ref().map(|value| self.expr(value)))
                    })
                    .collect();
                StmtKind::Enum(text(&it.id.name), members)
            }
            ast::Declaration::TSImportEqualsDeclaration(it) => {
                let place = span(it.span);
                let ast::TSModuleReference::ExternalModuleReference(reference) = &it.module_reference else {
                    return None;
                };
                let source = self.source(&reference.expression.value);
                let require = Box::new(Expr { span: place, kind: ExprKind::Name(text("require")) });
                let argument = Item { spread: false, value: Expr { span: place, kind: ExprKind::Str(source) } };
                let call = Expr { span: place, kind: ExprKind::Call(require, vec![argument]) };
                StmtKind::Var(vec![(Pattern::Name(text(&it.id.name)), Some(call))], false)
            }
            _ => return None,
        })
    }

    fn variables(&mut self, it: &ast::VariableDeclaration) -> StmtKind {
        if it.declare {
            return StmtKind::Empty;
        }
        let all =
            it.declarations.iter().map(|it| (self.binding(&it.id), it.init.as_ref().map(|it| self.expr(it)))).collect();
        StmtKind::Var(all, it.kind.is_var())
    }

    fn for_left(&mut self, left: &ast::ForStatementLeft) -> Pattern {
        match left {
            ast::ForStatementLeft::VariableDeclaration(it) => {
                it.declarations.first().map_or(Pattern::Ignore, |it| self.binding(&it.id))
            }
            other => other.as_assignment_target().map_or(Pattern::Ignore, |it| self.target(it)),
        }
    }

    fn binding(&mut self, pattern: &ast::BindingPattern) -> Pattern {
        match pattern {
            ast::BindingPattern::BindingIdentifier(it) => Pattern::Name(text(&it.name)),
            ast::BindingPattern::ObjectPattern(it) => {
                let props = it.properties.iter().map(|it| (self.key(&it.key), self.binding(&it.value))).collect();
                let rest = it.rest.as_ref().map(|it| Box::new(self.binding(&it.argument)));
                Pattern::Object(props, rest)
            }
            ast::BindingPattern::ArrayPattern(it) => {
                let elements = it.elements.iter().map(|it| it.as_ref().map(|it| self.binding(it))).collect();
                let rest = it.rest.as_ref().map(|it| Box::new(self.binding(&it.argument)));
                Pattern::Array(elements, rest)
            }
            ast::BindingPattern::AssignmentPattern(it) => {
                let inner = self.binding(&it.left);
                Pattern::Default(Box::new(inner), Box::new(self.expr(&it.right)))
            }
        }
    }

    fn target(&mut self, target: &ast::AssignmentTarget) -> Pattern {
        match target {
            ast::AssignmentTarget::AssignmentTargetIdentifier(it) => Pattern::Name(text(&it.name)),
            ast::AssignmentTarget::ArrayAssignmentTarget(it) => {
                let elements = it.elements.iter().map(|it| it.as_ref().map(|it| self.target_or_default(it))).collect();
                Pattern::Array(elements, it.rest.as_ref().map(|it| Box::new(self.target(&it.target))))
            }
            ast::AssignmentTarget::ObjectAssignmentTarget(it) => {
                let mut props = Vec::new();
                for property in &it.properties {
                    props.push(match property {
                        ast::AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(it) => {
                            let name = text(&it.binding.name);
                            (Key::Name(Arc::clone(&name)), Pattern::Name(name))
                        }
                        ast::AssignmentTargetProperty::AssignmentTargetPropertyProperty(it) => {
                            (self.key(&it.name), self.target_or_default(&it.binding))
                        }
                    });
                }
                Pattern::Object(props, it.rest.as_ref().map(|it| Box::new(self.target(&it.target))))
            }
            other => match other.as_member_expression() {
                Some(member) => Pattern::Member(Box::new(self.member(member))),
                None => Pattern::Ignore,
            },
        }
    }

    fn target_or_default(&mut self, target: &ast::AssignmentTargetMaybeDefault) -> Pattern {
        match target {
            ast::AssignmentTargetMaybeDefault::AssignmentTargetWithDefault(it) => {
                let inner = self.target(&it.binding);
                Pattern::Default(Box::new(inner), Box::new(self.expr(&it.init)))
            }
            other => other.as_assignment_target().map_or(Pattern::Ignore, |it| self.target(it)),
        }
    }

    fn key(&mut self, key: &ast::PropertyKey) -> Key {
        match key.static_name() {
            Some(name) => Key::Name(text(&name)),
            None => match key {
                ast::PropertyKey::PrivateIdentifier(it) => Key::Name(text(&format!("#{}", it.name))),
                other => match other.as_expression() {
                    Some(expression) => Key::Computed(Box::new(self.expr(expression))),
                    None => Key::Name(text("")),
                },
            },
        }
    }

    fn params(&mut self, params: &ast::FormalParameters) -> (Vec<Pattern>, Option<Pattern>, usize, Vec<Stmt>) {
        let mut lowered = Vec::new();
        let mut properties = Vec::new();
        let mut arity = None;
        for (at, param) in params.items.iter().enumerate() {
            let pattern = self.binding(&param.pattern);
            if let (Pattern::Name(name), true) = (&pattern, param.accessibility.is_some() || param.readonly) {
                // `constructor(private readonly app: Express)` also sets `this.app`.
                let place = span(param.span);
                let this = Box::new(Expr { span: place, kind: ExprKind::This });
                let member = Expr { span: place, kind: ExprKind::Member(this, Key::Name(Arc::clone(name))) };
                let value = Expr { span: place, kind: ExprKind::Name(Arc::clone(name)) };
                let kind =
                    ExprKind::Assign(Box::new(Pattern::Member(Box::new(member))), AssignOp::Set, Box::new(value));
                properties.push(Stmt { span: place, kind: StmtKind::Expr(Expr { span: place, kind }) });
            }
            let pattern = match &param.initializer {
                Some(value) => Pattern::Default(Box::new(pattern), Box::new(self.expr(value))),
                None => pattern,
            };
            if matches!(pattern, Pattern::Default(..)) {
                arity.get_or_insert(at);
            }
            lowered.push(pattern);
        }
        let rest = params.rest.as_ref().map(|it| self.binding(&it.rest.argument));
        let arity = arity.unwrap_or(lowered.len());
        (lowered, rest, arity, properties)
    }

    fn function(&mut self, it: &ast::Function) -> Function {
        let (params, rest, arity, mut body) = self.params(&it.params);
        body.extend(it.body.as_ref().map(|it| self.stmts(&it.statements)).unwrap_or_default());
        let name = it.id.as_ref().map(|id| text(&id.name));
        Function { span: span(it.span), name, params, rest, arity, arrow: false, body }
    }

    fn arrow(&mut self, it: &ast::ArrowFunctionExpression) -> Function {
        let (params, rest, arity, _) = self.params(&it.params);
        let body = match &it.body {
            ast::ArrowFunctionBody::FunctionBody(it) => self.stmts(&it.statements),
            other => other
                .as_expression()
                .map(|it| Stmt { span: span(it.span()), kind: StmtKind::Return(Some(self.expr(it))) })
                .into_iter()
                .collect(),
        };
        Function { span: span(it.span), name: None, params, rest, arity, arrow: true, body }
    }

    fn decorators(&mut self, all: &[ast::Decorator]) -> Vec<Expr> {
        all.iter().map(|it| self.expr(&it.expression)).collect()
    }

    fn typed(&mut self, params: &ast::FormalParameters) -> Vec<Param> {
        params
            .items
            .iter()
            .map(|it| Param {
                decorators: self.decorators(&it.decorators),
                of: types::annotation(it.type_annotation.as_deref()),
                optional: it.optional || it.initializer.is_some(),
            })
            .collect()
    }

    fn class(&mut self, it: &ast::Class) -> Class {
        let mut class = Class {
            span: span(it.span),
            name: it.id.as_ref().map(|it| text(&it.name)),
            decorators: self.decorators(&it.decorators),
            parent: it.heritage.as_ref().map(|it| self.expr(&it.expression)),
            ..Class::default()
        };
        for element in &it.body.body {
            match element {
                ast::ClassElement::MethodDefinition(it) => {
                    if it.value.body.is_none() {
                        continue;
                    }
                    let function = Arc::new(self.function(&it.value));
                    let params = self.typed(&it.value.params);
                    if it.kind == ast::MethodDefinitionKind::Constructor {
                        class.constructor = Some(function);
                        class.injected = params;
                    } else if it.kind != ast::MethodDefinitionKind::Set
                        && let Key::Name(name) = self.key(&it.key)
                    {
                        let getter = it.kind == ast::MethodDefinitionKind::Get;
                        let decorators = self.decorators(&it.decorators);
                        let returns = types::annotation(it.value.return_type.as_deref());
                        let is_static = it.r#static;
                        class.methods.push(Method { name, function, getter, is_static, decorators, params, returns });
                    }
                }
                ast::ClassElement::PropertyDefinition(it) => {
                    if let Key::Name(name) = self.key(&it.key) {
                        let value = it.value.as_ref().map(|it| self.expr(it));
                        class.fields.push(Field {
                            name,
                            value,
                            is_static: it.r#static,
                            decorators: self.decorators(&it.decorators),
                            of: types::annotation(it.type_annotation.as_deref()),
                            optional: it.optional,
                        });
                    }
                }
                ast::ClassElement::StaticBlock(it) => class.fields.push(self.static_block(it)),
                _ => {}
            }
        }
        class
    }

    /// A block that runs when its class is made: the value of a field that nobody can name is what it returns.
    fn static_block(&mut self, it: &ast::StaticBlock) -> Field {
        let span = span(it.span);
        let function = Function { span, arrow: true, body: self.stmts(&it.body), ..Function::default() };
        let function = Expr { span, kind: ExprKind::Function(Arc::new(function)) };
        Field {
            name: Arc::from("static {}"),
            value: Some(Expr { span, kind: ExprKind::Call(Box::new(function), Vec::new()) }),
            is_static: true,
            decorators: Vec::new(),
            of: None,
            optional: false,
        }
    }

    fn items(&mut self, arguments: &[ast::Argument]) -> Vec<Item> {
        arguments
            .iter()
            .filter_map(|argument| match argument {
                ast::Argument::SpreadElement(it) => Some(Item { spread: true, value: self.expr(&it.argument) }),
                other => Some(Item { spread: false, value: self.expr(other.as_expression()?) }),
            })
            .collect()
    }

    fn member(&mut self, member: &ast::MemberExpression) -> Expr {
        let kind = match member {
            ast::MemberExpression::StaticMemberExpression(it) => {
                ExprKind::Member(self.sub(&it.object), Key::Name(text(&it.property.name)))
            }
            ast::MemberExpression::ComputedMemberExpression(it) => {
                let key = match &it.expression {
                    ast::Expression::StringLiteral(literal) => Key::Name(text(&literal.value)),
                    other => Key::Computed(self.sub(other)),
                };
                ExprKind::Member(self.sub(&it.object), key)
            }
            ast::MemberExpression::PrivateFieldExpression(it) => {
                ExprKind::Member(self.sub(&it.object), Key::Name(text(&format!("#{}", it.field.name))))
            }
        };
        Expr { span: span(member.span()), kind }
    }

    fn call(&mut self, it: &ast::CallExpression) -> ExprKind {
        if let (ast::Expression::Identifier(name), Some(ast::Argument::StringLiteral(source))) =
            (&it.callee, it.arguments.first())
            && name.name == "require"
        {
            self.source(&source.value);
        }
        ExprKind::Call(self.sub(&it.callee), self.items(&it.arguments))
    }

    fn sub(&mut self, expression: &ast::Expression) -> Box<Expr> {
        Box::new(self.expr(expression))
    }

    fn expr(&mut self, expression: &ast::Expression) -> Expr {
        if self.depth > MAX_DEPTH {
            return Expr { span: span(expression.span()), kind: ExprKind::Other(Vec::new()) };
        }
        self.depth += 1;
        let lowered = self.expr_inside(expression);
        self.depth -= 1;
        lowered
    }

    fn expr_inside(&mut self, expression: &ast::Expression) -> Expr {
        use ast::Expression as E;
        let kind = match expression {
            E::StringLiteral(it) => ExprKind::Str(text(&it.value)),
            E::NumericLiteral(it) => ExprKind::Num(it.value),
            E::BooleanLiteral(it) => ExprKind::Bool(it.value),
            E::NullLiteral(_) => ExprKind::Null,
            E::RegExpLiteral(it) => ExprKind::Regex(text(&it.regex.pattern.text), text(&it.regex.flags.to_string())),
            E::TemplateLiteral(it) => {
                let quasis = it.quasis.iter().map(|it| text(it.value.cooked.as_ref().map_or("", |it| it))).collect();
                ExprKind::Template(quasis, it.expressions.iter().map(|it| self.expr(it)).collect())
            }
            E::Identifier(it) => ExprKind::Name(text(&it.name)),
            E::ThisExpression(_) => ExprKind::This,
            E::ImportMeta(_) => ExprKind::Name(text("import.meta")),
            E::Super(_) => ExprKind::Super,
            E::ArrayExpression(it) => {
                let mut items = Vec::new();
                for element in &it.elements {
                    match element {
                        ast::ArrayExpressionElement::SpreadElement(it) => {
                            items.push(Item { spread: true, value: self.expr(&it.argument) });
                        }
                        other => {
                            if let Some(it) = other.as_expression() {
                                items.push(Item { spread: false, value: self.expr(it) });
                            }
                        }
                    }
                }
                ExprKind::Array(items)
            }
            E::ObjectExpression(it) => {
                let mut props = Vec::new();
                for property in &it.properties {
                    match property {
                        ast::ObjectPropertyKind::ObjectProperty(it) => {
                            if it.kind == ast::PropertyKind::Set {
                                continue;
                            }
                            let getter = it.kind == ast::PropertyKind::Get;
                            props.push(Prop::Entry { key: self.key(&it.key), value: self.expr(&it.value), getter });
                        }
                        ast::ObjectPropertyKind::SpreadProperty(it) => {
                            props.push(Prop::Spread(self.expr(&it.argument)))
                        }
                    }
                }
                ExprKind::Object(props)
            }
            E::FunctionExpression(it) => ExprKind::Function(Arc::new(self.function(it))),
            E::ArrowFunctionExpression(it) => ExprKind::Function(Arc::new(self.arrow(it))),
            E::ClassExpression(it) => ExprKind::Class(Arc::new(self.class(it))),
            E::CallExpression(it) => self.call(it),
            E::NewExpression(it) => ExprKind::New(self.sub(&it.callee), self.items(&it.arguments)),
            E::ChainExpression(it) => match &it.expression {
                ast::ChainElement::CallExpression(it) => self.call(it),
                ast::ChainElement::TSNonNullExpression(it) => return self.expr(&it.expression),
                other => match other.as_member_expression() {
                    Some(member) => return self.member(member),
                    None => ExprKind::Other(Vec::new()),
                },
            },
            E::ImportExpression(it) => {
                if let E::StringLiteral(source) = &it.source {
                    self.source(&source.value);
                }
                ExprKind::Import(self.sub(&it.source))
            }
            E::AssignmentExpression(it) => {
                let op = match it.operator {
                    AssignmentOperator::Assign => AssignOp::Set,
                    AssignmentOperator::Addition => AssignOp::Add,
                    AssignmentOperator::LogicalAnd
                    | AssignmentOperator::LogicalOr
                    | AssignmentOperator::LogicalNullish => AssignOp::Logical,
                    _ => AssignOp::Other,
                };
                let target = self.target(&it.left);
                ExprKind::Assign(Box::new(target), op, self.sub(&it.right))
            }
            E::BinaryExpression(it) => {
                let (left, right) = (self.sub(&it.left), self.sub(&it.right));
                match it.operator {
                    BinaryOperator::Addition => ExprKind::Add(left, right),
                    BinaryOperator::Equality | BinaryOperator::StrictEquality => ExprKind::Equal(true, left, right),
                    BinaryOperator::Inequality | BinaryOperator::StrictInequality => {
                        ExprKind::Equal(false, left, right)
                    }
                    _ => ExprKind::Other(vec![*left, *right]),
                }
            }
            E::LogicalExpression(it) => {
                let (left, right) = (self.sub(&it.left), self.sub(&it.right));
                match it.operator {
                    LogicalOperator::And => ExprKind::And(left, right),
                    LogicalOperator::Or => ExprKind::Or(left, right),
                    LogicalOperator::Coalesce => ExprKind::Coalesce(left, right),
                }
            }
            E::UnaryExpression(it) if it.operator == UnaryOperator::LogicalNot => ExprKind::Not(self.sub(&it.argument)),
            E::UnaryExpression(it) => ExprKind::Other(vec![self.expr(&it.argument)]),
            E::ConditionalExpression(it) => {
                ExprKind::Conditional(self.sub(&it.test), self.sub(&it.consequent), self.sub(&it.alternate))
            }
            E::SequenceExpression(it) => ExprKind::Sequence(it.expressions.iter().map(|it| self.expr(it)).collect()),
            E::AwaitExpression(it) => ExprKind::Await(self.sub(&it.argument)),
            E::YieldExpression(it) => ExprKind::Other(it.argument.iter().map(|it| self.expr(it)).collect()),
            E::ParenthesizedExpression(it) => return self.expr(&it.expression),
            E::TSAsExpression(it) => return self.expr(&it.expression),
            E::TSSatisfiesExpression(it) => return self.expr(&it.expression),
            E::TSTypeAssertion(it) => return self.expr(&it.expression),
            E::TSNonNullExpression(it) => return self.expr(&it.expression),
            E::TSInstantiationExpression(it) => return self.expr(&it.expression),
            other => match other.as_member_expression() {
                Some(member) => return self.member(member),
                None => ExprKind::Other(Vec::new()),
            },
        };
        Expr { span: span(expression.span()), kind }
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
