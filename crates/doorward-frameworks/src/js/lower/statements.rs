//! Statements, and the patterns that they bind.

use std::sync::Arc;

use oxc_ast::ast;
use oxc_span::GetSpan;

use super::{DEFAULT, Lower, MAX_DEPTH, span, text};
use crate::js::ir::{Expr, ExprKind, Item, Key, Pattern, Stmt, StmtKind};

impl Lower<'_> {
    pub(super) fn stmts(&mut self, statements: &[ast::Statement]) -> Vec<Stmt> {
        statements.iter().map(|it| self.stmt(it)).collect()
    }

    pub(super) fn boxed(&mut self, statement: &ast::Statement) -> Box<Stmt> {
        Box::new(self.stmt(statement))
    }

    pub(super) fn stmt(&mut self, statement: &ast::Statement) -> Stmt {
        if self.depth > MAX_DEPTH {
            return Stmt { span: span(statement.span()), kind: StmtKind::Empty };
        }
        self.depth += 1;
        let lowered = self.stmt_inside(statement);
        self.depth -= 1;
        lowered
    }

    pub(super) fn stmt_inside(&mut self, statement: &ast::Statement) -> Stmt {
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

    pub(super) fn declaration(&mut self, declaration: &ast::Declaration) -> Option<StmtKind> {
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

    pub(super) fn variables(&mut self, it: &ast::VariableDeclaration) -> StmtKind {
        if it.declare {
            return StmtKind::Empty;
        }
        let all =
            it.declarations.iter().map(|it| (self.binding(&it.id), it.init.as_ref().map(|it| self.expr(it)))).collect();
        StmtKind::Var(all, it.kind.is_var())
    }

    pub(super) fn for_left(&mut self, left: &ast::ForStatementLeft) -> Pattern {
        match left {
            ast::ForStatementLeft::VariableDeclaration(it) => {
                it.declarations.first().map_or(Pattern::Ignore, |it| self.binding(&it.id))
            }
            other => other.as_assignment_target().map_or(Pattern::Ignore, |it| self.target(it)),
        }
    }

    pub(super) fn binding(&mut self, pattern: &ast::BindingPattern) -> Pattern {
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

    pub(super) fn target(&mut self, target: &ast::AssignmentTarget) -> Pattern {
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

    pub(super) fn target_or_default(&mut self, target: &ast::AssignmentTargetMaybeDefault) -> Pattern {
        match target {
            ast::AssignmentTargetMaybeDefault::AssignmentTargetWithDefault(it) => {
                let inner = self.target(&it.binding);
                Pattern::Default(Box::new(inner), Box::new(self.expr(&it.init)))
            }
            other => other.as_assignment_target().map_or(Pattern::Ignore, |it| self.target(it)),
        }
    }

    pub(super) fn key(&mut self, key: &ast::PropertyKey) -> Key {
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
}
