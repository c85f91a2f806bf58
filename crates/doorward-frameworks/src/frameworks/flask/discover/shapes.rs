//! What a route takes and gives: converters of its rule, parsers of flask-restful, models of flask-restx.

use std::collections::BTreeMap;
use std::rc::Rc;

use doorward::shape::{Body, Parameter, Response, Shape, Within};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};
use serde_json::{Map, Value as Json, json};

use super::guards::FlaskEval;
use super::made::{Made, Note};
use crate::py::value::{Args, Def, Function, Value};
use crate::walk::printable;

/// Models are nested a few levels deep.
const MAX_DEPTH: usize = 24;
/// The attribute under which notes of decorators are kept.
pub(super) const NOTES: &str = "__shape__";

const JSON: &str = "application/json";

/// The holes of a rule: `/orders/<int:order_id>`.
pub(super) fn holes(rule: &str) -> Vec<Parameter> {
    let mut all = Vec::new();
    let mut rest = rule;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((inside, after)) = after.split_once('>') else { break };
        let (converter, name) = inside.rsplit_once(':').unwrap_or(("", inside));
        all.push(Parameter {
            name: printable(name),
            within: Within::Path,
            required: true,
            schema: of_converter(converter),
        });
        rest = after;
    }
    all
}

fn of_converter(converter: &str) -> Json {
    let (kind, args) = converter.split_once('(').unwrap_or((converter, ""));
    let args: Vec<&str> = args.trim_end_matches(')').split(',').map(str::trim).filter(|it| !it.is_empty()).collect();
    let given = |name: &str| {
        let found = args.iter().find_map(|it| it.split_once('=').filter(|(key, _)| key.trim() == name));
        found.and_then(|(_, value)| value.trim().parse::<i64>().ok())
    };
    let mut schema = match kind {
        "int" => json!({ "type": "integer" }),
        "float" => json!({ "type": "number" }),
        "uuid" => json!({ "type": "string", "format": "uuid" }),
        "" | "string" | "default" | "path" => json!({ "type": "string" }),
        "any" => {
            let values: Vec<String> = args.iter().map(|it| printable(it.trim_matches(['"', '\'']))).collect();
            return json!({ "type": "string", "enum": values });
        }
        // The project's own converter may take anything.
        _ => return json!({}),
    };
    let limits = [
        ("length", "minLength"),
        ("length", "maxLength"),
        ("minlength", "minLength"),
        ("maxlength", "maxLength"),
        ("min", "minimum"),
        ("max", "maximum"),
    ];
    if let Some(map) = schema.as_object_mut() {
        for (name, key) in limits {
            if let Some(value) = given(name) {
                map.insert(key.to_owned(), json!(value));
            }
        }
        // Without `signed=True`, the converter takes no sign.
        if matches!(kind, "int" | "float") && !map.contains_key("minimum") && !converter.contains("signed") {
            map.insert("minimum".to_owned(), json!(0));
        }
    }
    schema
}

/// The shape of what a function, or the function of a class, answers. `notes`: those of the class around it.
pub(super) fn shape<'p>(
    eval: &mut FlaskEval<'p>,
    function: Option<&Rc<Function<'p>>>,
    notes: Vec<Value<'p>>,
    schemas: &mut BTreeMap<String, Json>,
) -> Shape {
    let mut reader = Shapes { eval, schemas, shape: Shape::default(), fields: Vec::new(), media_type: JSON };
    let mut all = notes;
    if let Some(function) = function {
        reader.shape.summary = summary(function);
        all.extend(noted(function.attrs.borrow().get(NOTES)));
        for parser in reader.parsers(function) {
            reader.expect(&parser);
        }
    }
    for note in all {
        reader.note(&note);
    }
    reader.close();
    reader.shape
}

/// The notes that are kept under [`NOTES`].
pub(super) fn noted<'p>(kept: Option<&Value<'p>>) -> Vec<Value<'p>> {
    match kept {
        Some(Value::List(list)) => list.items.borrow().clone(),
        _ => Vec::new(),
    }
}

struct Shapes<'e, 'p> {
    eval: &'e mut FlaskEval<'p>,
    schemas: &'e mut BTreeMap<String, Json>,
    shape: Shape,
    /// Parts of a body that parsers read.
    fields: Vec<(String, bool, Json)>,
    media_type: &'static str,
}

impl<'p> Shapes<'_, 'p> {
    fn note(&mut self, note: &Value<'p>) {
        let Value::Host(at) = note else { return };
        match self.eval.host.made.get(*at) {
            Some(Made::Note(Note::Expect(value))) => {
                let value = value.clone();
                self.expect(&value);
            }
            Some(Made::Note(Note::Marshal { model, list, code })) => {
                let (model, list, code) = (model.clone(), *list, *code);
                let schema = self.model(&model, 0);
                let schema = if list { json!({ "type": "array", "items": schema }) } else { schema };
                let known = schema.as_object().is_some_and(|it| !it.is_empty());
                let status = code.to_string();
                self.shape.responses.retain(|it| it.status != status);
                let schema = known.then_some(schema);
                self.shape.responses.push(Response { status, media_type: Some(JSON.to_owned()), schema });
            }
            _ => {}
        }
    }

    /// What `expect` or `parse_args` names: a parser, or a model of the body.
    fn expect(&mut self, value: &Value<'p>) {
        if let Value::Host(at) = value
            && let Some(Made::Parser(arguments)) = self.eval.host.made.get(*at)
        {
            for arguments in arguments.clone() {
                self.argument(&arguments);
            }
            return;
        }
        let schema = self.model(value, 0);
        if schema.as_object().is_some_and(|it| !it.is_empty()) {
            self.shape.body = Some(Body { media_type: JSON.to_owned(), required: true, schema });
        }
    }

    /// `parser.add_argument("page", type=int, location="args")`.
    fn argument(&mut self, args: &Args<'p>) {
        let Some(name) = args.get(0, "name").and_then(Value::as_str).map(printable) else { return };
        let required = matches!(args.named("required"), Some(Value::Bool(true)));
        let mut schema = of_type(args.named("type"));
        if matches!(args.named("action").and_then(Value::as_str), Some("append" | "split")) {
            schema = json!({ "type": "array", "items": schema });
        }
        if let Some(map) = schema.as_object_mut() {
            if let Some(choices) = args.named("choices").and_then(plain).filter(Json::is_array) {
                map.insert("enum".to_owned(), choices);
            }
            if let Some(default) = args.named("default").and_then(plain).filter(|it| !it.is_null()) {
                map.insert("default".to_owned(), default);
            }
        }
        let location = match args.named("location") {
            Some(Value::List(list)) => match list.items.borrow().as_slice() {
                [one] => one.as_str().map(str::to_owned),
                _ => None,
            },
            Some(value) => value.as_str().map(str::to_owned),
            None => None,
        };
        let within = match location.as_deref() {
            Some("headers") => Within::Header,
            Some("cookies" | "cookie") => Within::Cookie,
            Some("json") => return self.fields.push((name, required, schema)),
            Some("form") => {
                if self.media_type == JSON {
                    self.media_type = "application/x-www-form-urlencoded";
                }
                return self.fields.push((name, required, schema));
            }
            Some("files") => {
                self.media_type = "multipart/form-data";
                return self.fields.push((name, required, schema));
            }
            _ => Within::Query,
        };
        if self.shape.parameter(within, &name).is_none() {
            self.shape.parameters.push(Parameter { name, within, required, schema });
        }
    }

    /// Makes a body of the parts that parsers read.
    fn close(&mut self) {
        if self.fields.is_empty() || self.shape.body.is_some() {
            return;
        }
        let required: Vec<&String> = self.fields.iter().filter(|it| it.1).map(|it| &it.0).collect();
        let any = !required.is_empty();
        let properties: Map<String, Json> =
            self.fields.iter().map(|(name, _, schema)| (name.clone(), schema.clone())).collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        if let (true, Some(map)) = (any, schema.as_object_mut()) {
            map.insert("required".to_owned(), json!(required));
        }
        self.shape.body = Some(Body { media_type: self.media_type.to_owned(), required: any, schema });
    }

    /// The parsers whose `parse_args` a function calls.
    fn parsers(&mut self, function: &Rc<Function<'p>>) -> Vec<Value<'p>> {
        struct Calls<'p>(Vec<&'p Expr>);
        impl<'p> Visitor<'p> for Calls<'p> {
            fn visit_expr(&mut self, expr: &'p Expr) {
                if let Expr::Call(call) = expr
                    && let Expr::Attribute(it) = &*call.func
                    && it.attr.id.as_str() == "parse_args"
                {
                    self.0.push(&it.value);
                }
                visitor::walk_expr(self, expr);
            }
        }
        let Def::Def(def) = function.def else { return Vec::new() };
        let mut calls = Calls(Vec::new());
        calls.visit_body(&def.body);
        calls.0.into_iter().map(|it| self.eval.static_value(it, &function.scope, function.module)).collect()
    }

    /// A model of flask-restx, a dictionary of fields, or a list of either.
    fn model(&mut self, value: &Value<'p>, depth: usize) -> Json {
        if depth > MAX_DEPTH {
            return json!({});
        }
        match value {
            Value::Host(at) => {
                let Some(Made::Model { name, fields }) = self.eval.host.made.get(*at) else { return json!({}) };
                let (name, fields) = (printable(name), fields.clone());
                let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
                if !self.schemas.contains_key(&name) {
                    // A model may refer to itself.
                    self.schemas.insert(name.clone(), json!({}));
                    let schema = self.object(&fields, depth);
                    self.schemas.insert(name, schema);
                }
                reference
            }
            Value::Dict(dict) => {
                let fields: Vec<(String, Value<'p>)> = fields_of(&dict.items.borrow());
                self.object(&fields, depth)
            }
            Value::List(list) => {
                let first = list.items.borrow().first().cloned();
                first.map_or(json!({}), |it| json!({ "type": "array", "items": self.model(&it, depth + 1) }))
            }
            Value::External(_) | Value::Class(_) => self.field(value, depth),
            _ => json!({}),
        }
    }

    fn object(&mut self, fields: &[(String, Value<'p>)], depth: usize) -> Json {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, field) in fields {
            if let Value::External(it) = field
                && let Some((_, args, _)) = it.called()
                && matches!(args.named("required"), Some(Value::Bool(true)))
            {
                required.push(printable(name));
            }
            properties.insert(printable(name), self.field(field, depth + 1));
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if let (false, Some(map)) = (required.is_empty(), schema.as_object_mut()) {
            map.insert("required".to_owned(), json!(required));
        }
        schema
    }

    /// `fields.String(required=True)`.
    fn field(&mut self, field: &Value<'p>, depth: usize) -> Json {
        let Value::External(external) = field else { return json!({}) };
        let args = external.called().map(|(_, args, _)| Rc::clone(args)).unwrap_or_default();
        let mut schema = match external.last() {
            "String" | "FormattedString" | "Url" | "ClassName" => json!({ "type": "string" }),
            "Integer" => json!({ "type": "integer" }),
            "Float" | "Arbitrary" | "Fixed" => json!({ "type": "number" }),
            "Boolean" => json!({ "type": "boolean" }),
            "DateTime" => json!({ "type": "string", "format": "date-time" }),
            "Date" => json!({ "type": "string", "format": "date" }),
            "List" => {
                let inner = args.get(0, "cls_or_instance").cloned().unwrap_or(Value::Unknown);
                json!({ "type": "array", "items": self.model(&inner, depth + 1) })
            }
            "Nested" => {
                let inner = args.get(0, "model").cloned().unwrap_or(Value::Unknown);
                let inner = self.model(&inner, depth + 1);
                match args.named("as_list") {
                    Some(Value::Bool(true)) => json!({ "type": "array", "items": inner }),
                    _ => inner,
                }
            }
            _ => json!({}),
        };
        let limits = [
            ("min_length", "minLength"),
            ("max_length", "maxLength"),
            ("pattern", "pattern"),
            ("min", "minimum"),
            ("max", "maximum"),
            ("min_items", "minItems"),
            ("max_items", "maxItems"),
            ("unique", "uniqueItems"),
            ("enum", "enum"),
            ("default", "default"),
        ];
        if let Some(map) = schema.as_object_mut().filter(|it| it.contains_key("type")) {
            for (name, key) in limits {
                if let Some(value) = args.named(name).and_then(plain).filter(|it| !it.is_null()) {
                    map.insert(key.to_owned(), value);
                }
            }
        }
        schema
    }
}

/// The entries of a dictionary of fields.
pub(super) fn fields_of<'p>(items: &[(Value<'p>, Value<'p>)]) -> Vec<(String, Value<'p>)> {
    items.iter().filter_map(|(name, field)| Some((name.as_str()?.to_owned(), field.clone()))).collect()
}

/// What the `type` of an argument takes.
fn of_type(kind: Option<&Value>) -> Json {
    let Some(kind) = kind else { return json!({ "type": "string" }) };
    let Value::External(external) = kind else { return json!({}) };
    match external.last() {
        "str" => json!({ "type": "string" }),
        "int" => json!({ "type": "integer" }),
        "natural" => json!({ "type": "integer", "minimum": 0 }),
        "positive" => json!({ "type": "integer", "minimum": 1 }),
        "float" => json!({ "type": "number" }),
        "bool" | "boolean" => json!({ "type": "boolean" }),
        "dict" => json!({ "type": "object" }),
        "list" => json!({ "type": "array", "items": {} }),
        "FileStorage" => json!({ "type": "string", "format": "binary" }),
        "date" | "date_from_iso8601" => json!({ "type": "string", "format": "date" }),
        "datetime_from_iso8601" | "datetime_from_rfc822" => json!({ "type": "string", "format": "date-time" }),
        "email" => json!({ "type": "string", "format": "email" }),
        _ => json!({}),
    }
}

/// The first line of what stands at the start of a function.
fn summary(function: &Function<'_>) -> Option<String> {
    let function = function.wraps.as_deref().unwrap_or(function);
    let Def::Def(def) = function.def else { return None };
    let Some(Stmt::Expr(first)) = def.body.first() else { return None };
    let Expr::StringLiteral(text) = &*first.value else { return None };
    let line = text.value.to_str().trim().lines().next().unwrap_or_default().trim();
    (!line.is_empty()).then(|| printable(line))
}

/// A constant, as JSON.
fn plain(value: &Value) -> Option<Json> {
    Some(match value {
        Value::None => Json::Null,
        Value::Bool(it) => json!(it),
        Value::Int(it) => json!(it),
        Value::Float(it) => json!(it),
        Value::Str(it) => json!(printable(&it.text)),
        Value::List(list) if !list.open.get() && list.items.borrow().len() < 100 => {
            Json::Array(list.items.borrow().iter().map(plain).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}
