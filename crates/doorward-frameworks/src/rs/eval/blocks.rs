//! Blocks, and the variables that they bind.

use std::rc::Rc;
use std::sync::Arc;

use super::{Eval, Frame};
use crate::rs::ir::{Block, Expr, Pattern, StatementKind, Type};
use crate::rs::value::{Term, TermKind, Typed, Value, merge};

impl Eval<'_> {
    pub(super) fn block(&mut self, frame: &mut Frame, block: &Block) -> Value {
        let outer = frame.scope;
        if let Some(number) = block.items {
            frame.scope = self.program.block(outer, number).unwrap_or(outer);
        }
        let depth = frame.variables.len();
        let mut last = Value::Unit;
        for statement in &block.statements {
            if frame.left {
                break;
            }
            last = Value::Unit;
            match &statement.kind {
                StatementKind::Let(pattern, ty, init, otherwise) => {
                    self.binding(frame, pattern, ty.as_ref(), init.as_ref(), statement.conditional);
                    if let Some(otherwise) = otherwise {
                        self.both(
                            frame,
                            otherwise.at,
                            &[&|this, frame| this.expr(frame, otherwise), &|_, _| Value::Unit],
                        );
                    }
                }
                StatementKind::Expr(expr, ends) => {
                    let value = if statement.conditional {
                        self.both(frame, expr.at, &[&|this, frame| this.expr(frame, expr), &|_, _| Value::Unknown])
                    } else {
                        self.expr(frame, expr)
                    };
                    if !ends {
                        last = value;
                    }
                }
            }
        }
        // Variables that the block made end with it, what it changed of others stays.
        frame.variables.truncate(depth);
        frame.scope = outer;
        last
    }

    pub(super) fn binding(
        &mut self,
        frame: &mut Frame,
        pattern: &Pattern,
        ty: Option<&Type>,
        init: Option<&Expr>,
        conditional: bool,
    ) {
        let Some(init) = init else {
            self.bind(frame, pattern, Value::Unit);
            return;
        };
        if conditional {
            // `#[cfg(…)] let app = …;` may or may not replace what stood there before.
            let value = self.both(frame, init.at, &[&|this, frame| this.expr(frame, init)]);
            let value = match pattern {
                Pattern::Name(name, _) => match frame.variables.iter().rev().find(|(it, _)| it == name) {
                    Some((_, old)) => merge(old.clone(), value),
                    None => value,
                },
                _ => value,
            };
            self.bind(frame, pattern, value);
            return;
        }
        let mut value = self.expr(frame, init);
        if let (Value::Unknown, Some(ty)) = (&value, ty) {
            let place = self.program.place(frame.scope, init.at);
            value =
                Value::Typed(Rc::new(Typed { ty: ty.clone(), scope: frame.scope, owner: frame.owner.clone(), place }));
        }
        self.bind(frame, pattern, value);
    }

    /// Binds the names of a pattern.
    pub(super) fn bind(&mut self, frame: &mut Frame, pattern: &Pattern, value: Value) {
        match pattern {
            Pattern::Name(name, inner) => {
                if let Some(inner) = inner {
                    self.bind(frame, inner, value.clone());
                }
                frame.variables.push((Arc::clone(name), value));
            }
            Pattern::Ref(inner) => self.bind(frame, inner, value),
            Pattern::Tuple(parts) | Pattern::List(parts) => {
                for (at, part) in parts.iter().enumerate() {
                    let inner = self.element(&value, at);
                    self.bind(frame, part, inner);
                }
            }
            Pattern::TupleStruct(path, parts) => {
                for (at, part) in parts.iter().enumerate() {
                    let inner = match (path.last(), parts.len()) {
                        ("Some" | "Ok", 1) => value.clone(),
                        _ => self.field(&value, &Arc::from(at.to_string()), 0),
                    };
                    self.bind(frame, part, inner);
                }
            }
            Pattern::Struct(_, fields) => {
                for (name, part) in fields {
                    let inner = self.field(&value, name, 0);
                    self.bind(frame, part, inner);
                }
            }
            Pattern::Or(all) => {
                if let Some(first) = all.first() {
                    self.bind(frame, first, value);
                }
            }
            Pattern::Wild | Pattern::Rest | Pattern::Value(_) => {}
        }
    }

    /// The element of a tuple or a list.
    pub(super) fn element(&mut self, value: &Value, at: usize) -> Value {
        match value {
            Value::Tuple(all) | Value::List(all) => all.get(at).cloned().unwrap_or(Value::Unknown),
            Value::Either(all) => {
                let all = all.iter().map(|it| self.element(it, at)).collect();
                Value::either(all)
            }
            Value::Term(term) => Value::Term(Rc::new(Term {
                kind: TermKind::Index(value.clone(), at),
                head: Rc::clone(&term.head),
                place: term.place,
                scope: term.scope,
                branch: Rc::clone(&term.branch),
                text: Rc::clone(&term.text),
            })),
            Value::Typed(typed) => match &typed.ty {
                Type::Tuple(all) => all.get(at).map_or(Value::Unknown, |ty| {
                    Value::Typed(Rc::new(Typed {
                        ty: ty.clone(),
                        scope: typed.scope,
                        owner: typed.owner.clone(),
                        place: typed.place,
                    }))
                }),
                _ => Value::Unknown,
            },
            _ => Value::Unknown,
        }
    }
}
