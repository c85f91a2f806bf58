//! Objects that are made of classes, and of what packages and the platform have.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::calls::reply;
use super::value::{Code, Env, Parent, Record, Seen, Taint};
use super::{Run, Step};
use crate::js::eval::Host;
use crate::js::value::{ClassValue, External, Place, Value};

impl<H: Host> Run<'_, '_, H> {
    pub(super) fn construct(&mut self, class: &Seen, args: Vec<Seen>, name: &str, text: &str) -> Step {
        let place = Place { module: self.module, ..Place::default() };
        match class {
            Seen::Outside(Value::Class(class)) => {
                let class = Rc::clone(class);
                let refusal = super::expr::says_refusal(text);
                let record = Record { class: Some(Rc::clone(&class)), refusal, ..Record::default() };
                let this = Seen::Record(Rc::new(record));
                self.initialise(&class, &this, args, 0)?;
                Ok(this)
            }
            _ if matches!(name, "Response" | "NextResponse") => Ok(reply(args.get(1))),
            _ if name.ends_with("Error") || name.ends_with("Exception") => {
                let message = args.first().cloned().unwrap_or(Seen::Nothing);
                let props = RefCell::new([(Arc::from("message"), message)].into());
                let refusal = super::expr::says_refusal(text);
                let mut record = Record { open: Some(Taint::Plain), refusal, props, class: None };
                // `new TRPCError({ code: "UNAUTHORIZED" })`, `new HttpError({ statusCode: 401 })`.
                for arg in &args {
                    if let Seen::Record(options) = arg {
                        let options = options.props.borrow().clone();
                        record.props.get_mut().extend(options);
                    }
                }
                Ok(Seen::Record(Rc::new(record)))
            }
            _ => match name {
                "URL" => Ok(match args.iter().map(|it| it.taint(0)).max() {
                    Some(Taint::Input) => Seen::Url,
                    other => self.unknown(other.unwrap_or(Taint::Plain)),
                }),
                "Headers" if matches!(args.first(), Some(Seen::Headers)) => Ok(Seen::Headers),
                "Set" if matches!(args.first(), Some(Seen::List(_))) => {
                    Ok(args.into_iter().next().unwrap_or(Seen::Nothing))
                }
                "Request" | "NextRequest" => Ok(Seen::Request),
                "Promise" => {
                    if self.question.style.is_guard() {
                        return self.promise(args, place);
                    }
                    Ok(self.unknown(Taint::Plain))
                }
                _ => match class {
                    // An object of a package keeps where it is from.
                    Seen::Outside(Value::External(external)) => {
                        let call = External::Call(Rc::clone(external), Vec::new(), place);
                        Ok(Seen::Outside(Value::External(Rc::new(call))))
                    }
                    other => {
                        let taint = other.taint(0);
                        let taint = args.iter().map(|it| it.taint(0)).max().unwrap_or(taint).max(taint);
                        Ok(self.unknown(taint))
                    }
                },
            },
        }
    }

    /// Runs a class's constructor on a new object.
    pub(super) fn initialise(
        &mut self,
        class: &Rc<ClassValue>,
        this: &Seen,
        args: Vec<Seen>,
        depth: usize,
    ) -> Step<()> {
        if depth > 8 {
            return Ok(());
        }
        let env = Env::inside(Parent::Scope(Rc::clone(&class.scope), class.module));
        env.declare("this", this.clone());
        env.declare("#class", Seen::Outside(Value::Class(Rc::clone(class))));
        let outer = std::mem::replace(&mut self.module, class.module);
        let mut result = Ok(());
        if let Seen::Record(record) = this {
            for field in class.class.fields.iter().filter(|it| !it.is_static) {
                match field.value.as_ref().map(|it| self.expr(it, &env)) {
                    Some(Ok(value)) => {
                        record.props.borrow_mut().insert(Arc::clone(&field.name), value);
                    }
                    Some(Err(stop)) => result = Err(stop),
                    None => {}
                }
            }
        }
        self.module = outer;
        result?;
        match (&class.class.constructor, &class.parent) {
            (Some(function), _) => {
                let code = Code { function: Arc::clone(function), env, module: class.module, this: Some(this.clone()) };
                let place = Place { module: class.module, span: function.span };
                self.enter(&Rc::new(code), Some(this.clone()), args, "", place)?;
            }
            (None, Value::Class(parent)) => self.initialise(&Rc::clone(parent), this, args, depth + 1)?,
            (None, _) => {
                if let (Seen::Record(record), Some(message)) = (this, args.into_iter().next()) {
                    record.props.borrow_mut().insert(Arc::from("message"), message);
                }
            }
        }
        Ok(())
    }

    pub(super) fn class_member(&mut self, object: &Seen, class: &Rc<ClassValue>, name: &str) -> Step {
        let mut at = Rc::clone(class);
        for _ in 0..12 {
            if let Some(method) = at.class.methods.iter().find(|it| &*it.name == name && !it.is_static) {
                let env = Env::inside(Parent::Scope(Rc::clone(&at.scope), at.module));
                env.declare("#class", Seen::Outside(Value::Class(Rc::clone(&at))));
                let this = Some(object.clone());
                let code = Rc::new(Code { function: Arc::clone(&method.function), env, module: at.module, this });
                let place = Place { module: at.module, span: method.function.span };
                return match method.getter {
                    true => self.enter(&code, None, Vec::new(), "", place),
                    false => Ok(Seen::Function(code)),
                };
            }
            match &at.parent {
                Value::Class(parent) => {
                    let parent = Rc::clone(parent);
                    at = parent;
                }
                Value::Undefined => return Ok(Seen::Nothing),
                _ => break,
            }
        }
        Ok(self.unknown(Taint::Plain))
    }
}
