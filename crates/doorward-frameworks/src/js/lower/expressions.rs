//! Expressions.

use std::sync::Arc;

use oxc_ast::ast;
use oxc_span::GetSpan;
use oxc_syntax::operator::{AssignmentOperator, BinaryOperator, LogicalOperator, UnaryOperator};

use super::{Lower, MAX_DEPTH, span, text};
use crate::js::ir::{AssignOp, Expr, ExprKind, Item, Key, Prop};

impl Lower<'_> {
    pub(super) fn items(&mut self, arguments: &[ast::Argument]) -> Vec<Item> {
        arguments
            .iter()
            .filter_map(|argument| match argument {
                ast::Argument::SpreadElement(it) => Some(Item { spread: true, value: self.expr(&it.argument) }),
                other => Some(Item { spread: false, value: self.expr(other.as_expression()?) }),
            })
            .collect()
    }

    pub(super) fn member(&mut self, member: &ast::MemberExpression) -> Expr {
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

    pub(super) fn call(&mut self, it: &ast::CallExpression) -> ExprKind {
        if let (ast::Expression::Identifier(name), Some(ast::Argument::StringLiteral(source))) =
            (&it.callee, it.arguments.first())
            && name.name == "require"
        {
            self.source(&source.value);
        }
        ExprKind::Call(self.sub(&it.callee), self.items(&it.arguments))
    }

    pub(super) fn sub(&mut self, expression: &ast::Expression) -> Box<Expr> {
        Box::new(self.expr(expression))
    }

    pub(super) fn expr(&mut self, expression: &ast::Expression) -> Expr {
        if self.depth > MAX_DEPTH {
            return Expr { span: span(expression.span()), kind: ExprKind::Other(Vec::new()) };
        }
        self.depth += 1;
        let lowered = self.expr_inside(expression);
        self.depth -= 1;
        lowered
    }

    pub(super) fn expr_inside(&mut self, expression: &ast::Expression) -> Expr {
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
