//! Expressions and statements.

use std::sync::Arc;

use proc_macro2::Span;
use syn::parse::Parser;

use super::Lowerer;
use super::items::{is_conditional, is_for_tests};
use crate::rs::ir::{Arm, Block, Closure, Expr, ExprKind, Macro, Operator, Pattern, Statement, StatementKind};

impl Lowerer<'_> {
    pub(super) fn expr(&mut self, expr: &syn::Expr) -> Expr {
        let (span, kind) = self.kind(expr);
        let at = match (&kind, span) {
            (_, Some(span)) => self.at(span),
            (
                ExprKind::Call(inner, _)
                | ExprKind::Same(inner)
                | ExprKind::Assign(inner, _)
                | ExprKind::Index(inner, _)
                | ExprKind::Binary(inner, ..),
                None,
            ) => inner.at,
            (ExprKind::Path(path) | ExprKind::Struct(path, ..), None) => path.at,
            (ExprKind::Macro(it), None) => it.at,
            (ExprKind::Other(parts), None) => parts.first().map_or(self.offset, |it| it.at),
            _ => self.offset,
        };
        Expr { kind, at }
    }

    fn boxed(&mut self, expr: &syn::Expr) -> Box<Expr> {
        Box::new(self.expr(expr))
    }

    fn list<'a>(&mut self, exprs: impl IntoIterator<Item = &'a syn::Expr>) -> Vec<Expr> {
        exprs.into_iter().map(|it| self.expr(it)).collect()
    }

    fn body(&mut self, block: &syn::Block) -> Box<Expr> {
        let at = self.at(block.brace_token.span.open());
        Box::new(Expr { kind: ExprKind::Block(self.block(block)), at })
    }

    fn kind(&mut self, expr: &syn::Expr) -> (Option<Span>, ExprKind) {
        match expr {
            syn::Expr::Lit(it) => {
                let lit = self.literal(&it.lit);
                (Some(it.lit.span()), lit.kind)
            }
            syn::Expr::Path(it) => {
                let path = self.path(&it.path, it.qself.as_ref());
                self.mention(&path);
                (None, ExprKind::Path(path))
            }
            syn::Expr::Call(it) => (None, ExprKind::Call(self.boxed(&it.func), self.list(&it.args))),
            syn::Expr::MethodCall(it) => {
                let receiver = self.boxed(&it.receiver);
                let name = Self::name(&it.method);
                self.mention_method(&name);
                let types = it.turbofish.as_ref().map(|it| self.generic_args(it)).unwrap_or_default();
                (Some(it.method.span()), ExprKind::Method(receiver, name, types, self.list(&it.args)))
            }
            syn::Expr::Macro(it) => (None, self.macro_kind(&it.mac)),
            syn::Expr::Closure(it) => (Some(it.or1_token.span), self.closure(it)),
            syn::Expr::Field(it) => {
                let name = Self::member(&it.member);
                let span = match &it.member {
                    syn::Member::Named(name) => name.span(),
                    syn::Member::Unnamed(index) => index.span,
                };
                (Some(span), ExprKind::Field(self.boxed(&it.base), name))
            }
            syn::Expr::Index(it) => (None, ExprKind::Index(self.boxed(&it.expr), self.boxed(&it.index))),
            syn::Expr::Struct(it) => {
                let path = self.path(&it.path, it.qself.as_ref());
                self.mention(&path);
                let fields = it.fields.iter().map(|it| (Self::member(&it.member), self.expr(&it.expr))).collect();
                let rest = it.rest.as_ref().map(|it| self.boxed(it));
                (None, ExprKind::Struct(path, fields, rest))
            }
            syn::Expr::Array(it) => (Some(it.bracket_token.span.open()), ExprKind::List(self.list(&it.elems))),
            syn::Expr::Repeat(it) => (Some(it.bracket_token.span.open()), ExprKind::Other(vec![self.expr(&it.expr)])),
            syn::Expr::Tuple(it) => (Some(it.paren_token.span.open()), ExprKind::Tuple(self.list(&it.elems))),
            syn::Expr::Reference(it) => (None, ExprKind::Same(self.boxed(&it.expr))),
            syn::Expr::Paren(it) => (None, ExprKind::Same(self.boxed(&it.expr))),
            syn::Expr::Group(it) => (None, ExprKind::Same(self.boxed(&it.expr))),
            syn::Expr::Cast(it) => (None, ExprKind::Same(self.boxed(&it.expr))),
            syn::Expr::Await(it) => (Some(it.await_token.span), ExprKind::Await(self.boxed(&it.base))),
            syn::Expr::Try(it) => (Some(it.question_token.span), ExprKind::Try(self.boxed(&it.expr))),
            syn::Expr::Unary(it) => match &it.op {
                syn::UnOp::Not(sign) => (Some(sign.span), ExprKind::Not(self.boxed(&it.expr))),
                syn::UnOp::Deref(_) => (None, ExprKind::Same(self.boxed(&it.expr))),
                _ => (None, ExprKind::Other(vec![self.expr(&it.expr)])),
            },
            syn::Expr::Binary(it) => {
                let left = self.boxed(&it.left);
                (None, ExprKind::Binary(left, operator(&it.op), self.boxed(&it.right)))
            }
            _ => self.control(expr),
        }
    }

    fn control(&mut self, expr: &syn::Expr) -> (Option<Span>, ExprKind) {
        match expr {
            syn::Expr::Block(it) => (Some(it.block.brace_token.span.open()), ExprKind::Block(self.block(&it.block))),
            syn::Expr::Async(it) => (Some(it.async_token.span), ExprKind::Block(self.block(&it.block))),
            syn::Expr::Unsafe(it) => (Some(it.unsafe_token.span), ExprKind::Block(self.block(&it.block))),
            syn::Expr::Const(it) => (Some(it.const_token.span), ExprKind::Block(self.block(&it.block))),
            syn::Expr::If(it) => {
                let condition = self.boxed(&it.cond);
                let then = self.body(&it.then_branch);
                let otherwise = it.else_branch.as_ref().map(|(_, it)| self.boxed(it));
                (Some(it.if_token.span), ExprKind::If(condition, then, otherwise))
            }
            syn::Expr::Let(it) => {
                (Some(it.let_token.span), ExprKind::Let(Box::new(self.pattern(&it.pat)), self.boxed(&it.expr)))
            }
            syn::Expr::Match(it) => {
                let value = self.boxed(&it.expr);
                let arms = it
                    .arms
                    .iter()
                    .filter(|it| !it.attrs.iter().any(is_for_tests))
                    .map(|arm| Arm {
                        pattern: self.pattern(&arm.pat),
                        guard: arm.guard.as_ref().map(|(_, it)| self.expr(it)),
                        body: self.expr(&arm.body),
                    })
                    .collect();
                (Some(it.match_token.span), ExprKind::Match(value, arms))
            }
            syn::Expr::ForLoop(it) => {
                let pattern = Box::new(self.pattern(&it.pat));
                (Some(it.for_token.span), ExprKind::For(pattern, self.boxed(&it.expr), self.body(&it.body)))
            }
            syn::Expr::While(it) => {
                let condition = self.boxed(&it.cond);
                (Some(it.while_token.span), ExprKind::Loop(Some(condition), self.body(&it.body)))
            }
            syn::Expr::Loop(it) => (Some(it.loop_token.span), ExprKind::Loop(None, self.body(&it.body))),
            syn::Expr::Assign(it) => {
                let left = self.boxed(&it.left);
                (None, ExprKind::Assign(left, self.boxed(&it.right)))
            }
            syn::Expr::Return(it) => {
                (Some(it.return_token.span), ExprKind::Return(it.expr.as_ref().map(|it| self.boxed(it))))
            }
            syn::Expr::Break(it) => {
                (Some(it.break_token.span), ExprKind::Break(it.expr.as_ref().map(|it| self.boxed(it))))
            }
            syn::Expr::Continue(it) => (Some(it.continue_token.span), ExprKind::Break(None)),
            syn::Expr::Range(it) => {
                let parts = it.start.iter().chain(&it.end);
                (None, ExprKind::Other(parts.map(|it| self.expr(it)).collect()))
            }
            syn::Expr::Yield(it) => (None, ExprKind::Other(it.expr.iter().map(|it| self.expr(it)).collect())),
            syn::Expr::TryBlock(it) => (Some(it.try_token.span), ExprKind::Block(self.block(&it.block))),
            _ => (None, ExprKind::Other(Vec::new())),
        }
    }

    pub(super) fn literal(&mut self, lit: &syn::Lit) -> Expr {
        let kind = match lit {
            syn::Lit::Str(it) => ExprKind::Str(Arc::from(it.value())),
            syn::Lit::ByteStr(it) => match String::from_utf8(it.value()) {
                Ok(text) => ExprKind::Str(Arc::from(text)),
                Err(_) => ExprKind::Other(Vec::new()),
            },
            syn::Lit::Char(it) => ExprKind::Str(Arc::from(it.value().to_string())),
            syn::Lit::Int(it) => it.base10_parse().map_or(ExprKind::Other(Vec::new()), ExprKind::Int),
            syn::Lit::Bool(it) => ExprKind::Bool(it.value),
            _ => ExprKind::Other(Vec::new()),
        };
        Expr { kind, at: self.at(lit.span()) }
    }

    fn closure(&mut self, closure: &syn::ExprClosure) -> ExprKind {
        let params = closure
            .inputs
            .iter()
            .map(|it| match it {
                syn::Pat::Type(typed) => (self.pattern(&typed.pat), Some(self.ty(&typed.ty))),
                other => (self.pattern(other), None),
            })
            .collect();
        let at = self.at(closure.or1_token.span);
        ExprKind::Closure(Arc::new(Closure { params, body: self.expr(&closure.body), at }))
    }

    /// What a macro stands for, or its call if that can't be told.
    fn macro_kind(&mut self, call: &syn::Macro) -> ExprKind {
        let Some(code) = self.expanded(call) else { return ExprKind::Macro(self.macro_call(call)) };
        if let Ok(expr) = syn::parse2::<syn::Expr>(code.clone()) {
            return self.within(call, |this| ExprKind::Same(this.boxed(&expr)));
        }
        match syn::Block::parse_within.parse2(code) {
            Ok(stmts) => {
                let block = syn::Block { brace_token: syn::token::Brace::default(), stmts };
                self.within(call, |this| ExprKind::Block(this.block(&block)))
            }
            Err(_) => {
                self.opaque(call, &call.path.segments.last().map(|it| Self::name(&it.ident)).unwrap_or_default());
                ExprKind::Macro(self.macro_call(call))
            }
        }
    }

    pub(super) fn macro_call(&mut self, call: &syn::Macro) -> Arc<Macro> {
        let path = self.path(&call.path, None);
        self.mention(&path);
        let delimiters = match &call.delimiter {
            syn::MacroDelimiter::Paren(it) => it.span,
            syn::MacroDelimiter::Brace(it) => it.span,
            syn::MacroDelimiter::Bracket(it) => it.span,
        };
        let tokens = (delimiters.open().byte_range().end + self.offset, self.at(delimiters.close()));
        let parser = syn::punctuated::Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated;
        let args = parser.parse2(call.tokens.clone()).ok().map(|it| self.list(&it));
        if args.is_none() {
            self.mention_words(call.tokens.clone());
        }
        let at = path.at;
        Arc::new(Macro { path, args, tokens, at })
    }

    /// Words in tokens that don't read as expressions still tell what a function may be about.
    fn mention_words(&mut self, tokens: proc_macro2::TokenStream) {
        for name in super::words(tokens) {
            self.mention_method(&name);
        }
    }

    pub(super) fn block(&mut self, block: &syn::Block) -> Block {
        let items: Vec<&syn::Item> = block
            .stmts
            .iter()
            .filter_map(|it| match it {
                syn::Stmt::Item(item) => Some(item),
                _ => None,
            })
            .collect();
        let items = self.block_items(&items);
        let statements = block.stmts.iter().filter_map(|it| self.statement(it)).collect();
        Block { statements, items }
    }

    fn statement(&mut self, statement: &syn::Stmt) -> Option<Statement> {
        let (attrs, kind) = match statement {
            syn::Stmt::Item(_) => return None,
            syn::Stmt::Local(it) => {
                if it.attrs.iter().any(is_for_tests) {
                    return None;
                }
                let ty = match &it.pat {
                    syn::Pat::Type(typed) => Some(self.ty(&typed.ty)),
                    _ => None,
                };
                let pattern: Pattern = self.pattern(&it.pat);
                let init = it.init.as_ref().map(|it| self.expr(&it.expr));
                let otherwise = it.init.as_ref().and_then(|it| it.diverge.as_ref()).map(|(_, it)| self.expr(it));
                (&it.attrs, StatementKind::Let(pattern, ty, init, otherwise))
            }
            syn::Stmt::Expr(it, semicolon) => {
                let attrs = expr_attrs(it);
                if attrs.iter().any(is_for_tests) {
                    return None;
                }
                let lowered = self.expr(it);
                return Some(Statement {
                    kind: StatementKind::Expr(lowered, semicolon.is_some()),
                    conditional: attrs.iter().any(is_conditional),
                });
            }
            syn::Stmt::Macro(it) => {
                let at = it.mac.path.segments.first().map_or(self.offset, |it| self.at(it.ident.span()));
                let expr = Expr { kind: self.macro_kind(&it.mac), at };
                let ends = it.semi_token.is_some() || matches!(it.mac.delimiter, syn::MacroDelimiter::Brace(_));
                (&it.attrs, StatementKind::Expr(expr, ends))
            }
        };
        Some(Statement { kind, conditional: attrs.iter().any(is_conditional) })
    }
}

fn expr_attrs(expr: &syn::Expr) -> &[syn::Attribute] {
    match expr {
        syn::Expr::Block(it) => &it.attrs,
        syn::Expr::Call(it) => &it.attrs,
        syn::Expr::MethodCall(it) => &it.attrs,
        syn::Expr::If(it) => &it.attrs,
        syn::Expr::Match(it) => &it.attrs,
        syn::Expr::Macro(it) => &it.attrs,
        syn::Expr::Assign(it) => &it.attrs,
        syn::Expr::ForLoop(it) => &it.attrs,
        syn::Expr::Return(it) => &it.attrs,
        _ => &[],
    }
}

fn operator(op: &syn::BinOp) -> Operator {
    match op {
        syn::BinOp::Add(_) => Operator::Add,
        syn::BinOp::Eq(_) => Operator::Equal,
        syn::BinOp::Ne(_) => Operator::Unequal,
        syn::BinOp::And(_) => Operator::And,
        syn::BinOp::Or(_) => Operator::Or,
        syn::BinOp::BitOr(_) => Operator::BitOr,
        _ => Operator::Other,
    }
}
