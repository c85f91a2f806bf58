//! What a route takes and gives, from the signature of its handler.

use std::collections::HashSet;
use std::rc::Rc;

use doorward::path::PathTemplate;
use doorward::shape::{Body, Parameter as Declared, Response, Shape, Within};
use ruff_python_ast::{Expr, Stmt};
use serde_json::{Map, Value as Json, json};

use super::discover::Reader;
use super::fields::{given_default, has_default, limit};
use super::guards::number;
use super::parameters::Parameter;
use super::schemas::Bindings;
use crate::py::eval::is_enum;
use crate::py::value::{Args, Def, Value};
use crate::walk::printable;

/// What FastAPI passes in, and no request holds.
static PASSED: &[&str] =
    &["Request", "Response", "WebSocket", "HTTPConnection", "BackgroundTasks", "SecurityScopes", "JSONResponse"];

/// One part of a body.
struct Part {
    name: String,
    required: bool,
    schema: Json,
    media_type: &'static str,
    embed: bool,
}

impl<'p> Reader<'p> {
    /// The shape of a route of FastAPI's own.
    pub(super) fn shape(
        &mut self,
        path: &PathTemplate,
        handler: &Value<'p>,
        args: &Rc<Args<'p>>,
        dependencies: &[Value<'p>],
        tags: &[String],
    ) -> Shape {
        let mut shape = Shape { tags: tags.to_vec(), summary: self.summary(handler, args), ..Shape::default() };
        let holes: Vec<String> = path.params().map(str::to_owned).collect();
        let mut parameters = Vec::new();
        let mut seen = HashSet::new();
        for callable in dependencies.iter().chain([handler]) {
            self.gather(callable, 0, &mut seen, &mut parameters);
        }
        let mut parts: Vec<Part> = Vec::new();
        for parameter in parameters {
            self.place(&parameter, &holes, &mut shape, &mut parts);
        }
        for hole in holes {
            if shape.parameter(Within::Path, &hole).is_none() {
                let schema = json!({ "type": "string" });
                shape.parameters.push(Declared { name: hole, within: Within::Path, required: true, schema });
            }
        }
        shape.body = body(parts);
        shape.responses = self.responses(handler, args);
        shape
    }

    fn summary(&self, handler: &Value<'p>, args: &Rc<Args<'p>>) -> Option<String> {
        if let Some(text) = args.named("summary").and_then(Value::as_str) {
            return Some(printable(text));
        }
        let Value::Function(function) = handler else { return None };
        let Def::Def(def) = function.wraps.as_ref().unwrap_or(function).def else { return None };
        let Some(Stmt::Expr(first)) = def.body.first() else { return None };
        let Expr::StringLiteral(text) = &*first.value else { return None };
        let line = text.value.to_str().trim().lines().next().unwrap_or_default().trim();
        (!line.is_empty()).then(|| printable(line))
    }

    /// Every parameter that FastAPI fills for a callable, with those of its dependencies first.
    fn gather(&mut self, callable: &Value<'p>, depth: usize, seen: &mut HashSet<String>, all: &mut Vec<Parameter<'p>>) {
        if depth > 24 || all.len() > 500 {
            return;
        }
        let mut parameters = if depth == 0 { self.view_parameters(callable) } else { Vec::new() };
        parameters.extend(self.parameters(callable));
        for parameter in parameters {
            match parameter.depends() {
                Some(inner) => self.gather(&inner, depth + 1, seen, all),
                None => {
                    let alias = parameter.marker(MARKERS).and_then(|(_, args)| args.named("alias")?.as_str());
                    let key = format!("{}:{}", alias.unwrap_or_default(), parameter.name);
                    if seen.insert(key) {
                        all.push(parameter);
                    }
                }
            }
        }
    }

    fn place(&mut self, parameter: &Parameter<'p>, holes: &[String], shape: &mut Shape, parts: &mut Vec<Part>) {
        if let Value::External(external) = &parameter.kind
            && PASSED.contains(&external.last())
        {
            return;
        }
        let marker = parameter.marker(MARKERS).map(|(kind, args)| (kind.to_owned(), Rc::clone(args)));
        let (kind, args) = match &marker {
            Some((kind, args)) => (kind.as_str(), Rc::clone(args)),
            None => ("", Rc::default()),
        };
        let alias = args.named("validation_alias").or_else(|| args.named("alias")).and_then(Value::as_str);
        let name = printable(alias.unwrap_or(parameter.name));
        let default = parameter.default.clone();
        let required = match &default {
            Some(Value::Ellipsis) => true,
            Some(value) if parameter.marker(MARKERS).is_some() && matches!(value, Value::External(_)) => {
                !has_default(value)
            }
            Some(_) => false,
            None => !parameter.markers.iter().any(has_default),
        };
        let mut schema = self.schema(&parameter.kind, &Bindings::new(), 0);
        parameter.markers.iter().for_each(|it| limit(&mut schema, it));
        if let (false, Some(value), Some(map)) =
            (required, default.as_ref().and_then(given_default), schema.as_object_mut())
        {
            map.insert("default".to_owned(), value);
        }
        let part = |media_type| Part {
            name: name.clone(),
            required,
            schema: schema.clone(),
            media_type,
            embed: args.named("embed").and_then(Value::truth) == Some(true),
        };
        let within = match kind {
            _ if holes.contains(&name) => Within::Path,
            "Path" => Within::Path,
            "Query" => Within::Query,
            "Header" => Within::Header,
            "Cookie" => Within::Cookie,
            "Form" => return parts.push(part("application/x-www-form-urlencoded")),
            "File" => return parts.push(part("multipart/form-data")),
            "Body" => return parts.push(part("application/json")),
            _ if is_upload(&parameter.kind) => return parts.push(part("multipart/form-data")),
            _ if self.is_body(&parameter.kind, 0) => return parts.push(part("application/json")),
            _ => Within::Query,
        };
        if let (Value::Class(class), Within::Query | Within::Header | Within::Cookie) = (&parameter.kind, within)
            && !class.inherits(is_enum)
        {
            self.spread(&schema, within, shape);
            return;
        }
        let kept = args.named("convert_underscores").and_then(Value::truth) == Some(false);
        let name = if within == Within::Header && alias.is_none() && !kept { name.replace('_', "-") } else { name };
        if shape.parameter(within, &name).is_none() {
            let required = required || within == Within::Path;
            shape.parameters.push(Declared { name, within, required, schema });
        }
    }

    /// A model of query parameters is a parameter per field.
    fn spread(&mut self, schema: &Json, within: Within, shape: &mut Shape) {
        let name = schema.get("$ref").and_then(Json::as_str).and_then(|it| it.rsplit('/').next()).unwrap_or_default();
        let Some(model) = self.found.schemas.get(name).cloned() else { return };
        let required = |field: &str| {
            let all = model.get("required").and_then(Json::as_array);
            all.is_some_and(|it| it.iter().any(|it| it.as_str() == Some(field)))
        };
        for (field, schema) in model.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let (name, schema) = (field.clone(), schema.clone());
            shape.parameters.push(Declared { name, within, required: required(field), schema });
        }
    }

    /// Whether a parameter of this type is the body.
    fn is_body(&self, kind: &Value<'p>, depth: usize) -> bool {
        match kind {
            _ if depth > 16 => false,
            Value::Class(class) => self.is_model(class),
            Value::External(external) => matches!(external.last(), "dict" | "list" | "set" | "Dict" | "List"),
            Value::Item(item) => match &item.0 {
                Value::External(external) => match external.last() {
                    "Literal" => false,
                    "Optional" | "Union" | "Annotated" => item.1.iter().any(|it| self.is_body(it, depth + 1)),
                    _ => true,
                },
                Value::Class(class) => self.is_model(class),
                _ => false,
            },
            Value::Union(parts) => parts.iter().any(|it| self.is_body(it, depth + 1)),
            _ => false,
        }
    }

    fn responses(&mut self, handler: &Value<'p>, args: &Rc<Args<'p>>) -> Vec<Response> {
        let status = args.named("status_code").and_then(number).unwrap_or(200);
        let mut all = Vec::new();
        let returned = match handler {
            Value::Function(function) => {
                let function = function.wraps.as_ref().map_or_else(|| Rc::clone(function), Rc::clone);
                function.returns().map(|it| self.eval.annotation(&function, it))
            }
            Value::Bound(bound) => bound.1.returns().map(|it| self.eval.annotation(&bound.1, it)),
            _ => None,
        };
        let model = match args.named("response_model") {
            Some(value) => Some(value.clone()),
            None => returned.filter(|it| !is_response(it)),
        };
        let class = args.named("response_class").and_then(Value::external_name).unwrap_or_default();
        let (media_type, typed) = match class.rsplit('.').next().unwrap_or_default() {
            "HTMLResponse" => (Some("text/html"), false),
            "PlainTextResponse" => (Some("text/plain"), false),
            "StreamingResponse" | "FileResponse" | "RedirectResponse" | "Response" => (None, false),
            _ => (Some("application/json"), true),
        };
        let empty = matches!(status, 204 | 304) || status < 200;
        let schema = match model {
            Some(Value::None) | None => None,
            Some(kind) if typed => Some(self.schema(&kind, &Bindings::new(), 0)),
            Some(_) => None,
        };
        all.push(Response {
            status: status.to_string(),
            media_type: media_type.filter(|_| !empty).map(str::to_owned),
            schema: schema.filter(|it| !empty && it.as_object().is_none_or(|it| !it.is_empty())),
        });
        if let Some(Value::Dict(others)) = args.named("responses") {
            let items = others.items.borrow().clone();
            for (status, value) in items {
                let (Some(status), Value::Dict(value)) = (number(&status), value) else { continue };
                let schema = value.get_str("model").map(|it| self.schema(&it, &Bindings::new(), 0));
                let media_type = schema.is_some().then(|| "application/json".to_owned());
                if all.iter().all(|it| it.status != status.to_string()) {
                    all.push(Response { status: status.to_string(), media_type, schema });
                }
            }
        }
        all
    }
}

/// What says where a parameter is sent.
static MARKERS: &[&str] = &["Query", "Path", "Header", "Cookie", "Body", "Form", "File"];

fn is_upload(kind: &Value) -> bool {
    match kind {
        Value::External(external) => external.last() == "UploadFile",
        Value::Item(item) => item.1.iter().any(is_upload),
        Value::Union(parts) => parts.iter().any(is_upload),
        _ => false,
    }
}

fn is_response(kind: &Value) -> bool {
    match kind {
        Value::External(external) => external.last().ends_with("Response"),
        Value::Class(class) => class.inherits(|name| name.ends_with("Response")),
        Value::Union(parts) => parts.iter().any(is_response),
        Value::Item(item) => item.1.iter().any(is_response),
        _ => false,
    }
}

/// One part is the body itself, several are its fields.
fn body(mut parts: Vec<Part>) -> Option<Body> {
    let is_form = parts.iter().any(|it| it.media_type != "application/json");
    let media_type = parts.iter().map(|it| it.media_type).max()?;
    let whole = matches!(parts.as_slice(), [one] if !one.embed && (!is_form || one.schema.get("$ref").is_some()));
    if whole {
        let part = parts.pop()?;
        return Some(Body { media_type: media_type.to_owned(), required: part.required, schema: part.schema });
    }
    let required: Vec<String> = parts.iter().filter(|it| it.required).map(|it| it.name.clone()).collect();
    let any = !required.is_empty();
    let properties: Map<String, Json> = parts.into_iter().map(|it| (it.name, it.schema)).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if let (true, Some(map)) = (any, schema.as_object_mut()) {
        map.insert("required".to_owned(), json!(required));
    }
    Some(Body { media_type: media_type.to_owned(), required: any, schema })
}
