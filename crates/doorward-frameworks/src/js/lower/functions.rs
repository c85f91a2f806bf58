//! Functions and classes.

use std::sync::Arc;

use oxc_ast::ast;
use oxc_span::GetSpan;

use super::{Lower, span, text};
use crate::js::ir::{AssignOp, Class, Expr, ExprKind, Field, Function, Key, Method, Param, Pattern, Stmt, StmtKind};
use crate::js::types;

impl Lower<'_> {
    pub(super) fn params(
        &mut self,
        params: &ast::FormalParameters,
    ) -> (Vec<Pattern>, Option<Pattern>, usize, Vec<Stmt>) {
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

    pub(super) fn function(&mut self, it: &ast::Function) -> Function {
        let (params, rest, arity, mut body) = self.params(&it.params);
        body.extend(it.body.as_ref().map(|it| self.stmts(&it.statements)).unwrap_or_default());
        let name = it.id.as_ref().map(|id| text(&id.name));
        Function { span: span(it.span), name, params, rest, arity, arrow: false, body }
    }

    pub(super) fn arrow(&mut self, it: &ast::ArrowFunctionExpression) -> Function {
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

    pub(super) fn decorators(&mut self, all: &[ast::Decorator]) -> Vec<Expr> {
        all.iter().map(|it| self.expr(&it.expression)).collect()
    }

    pub(super) fn typed(&mut self, params: &ast::FormalParameters) -> Vec<Param> {
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

    pub(super) fn class(&mut self, it: &ast::Class) -> Class {
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
    pub(super) fn static_block(&mut self, it: &ast::StaticBlock) -> Field {
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
}
