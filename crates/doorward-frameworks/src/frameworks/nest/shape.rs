//! What a route takes and gives: parameters with decorators, classes with validators, and the types of both.

use std::rc::Rc;
use std::sync::Arc;

use doorward::inventory::RouteId;
use doorward::shape::{Body, Parameter, Response, Shape, Within};
use serde_json::{Map, Value as Json, json};

use super::COMMON;
use super::decorators::Applied;
use super::discover::Reader;
use crate::js::ir::{Class, Method};
use crate::js::types::Type;
use crate::js::value::{Arg, ClassValue, External, Value};

/// Schemas nest less deep than this.
const MAX_DEPTH: usize = 12;

/// Validators that say which text or number a property holds.
static KINDS: &[(&str, &str, &str)] = &[
    ("IsEmail", "string", "email"),
    ("IsUUID", "string", "uuid"),
    ("IsUrl", "string", "uri"),
    ("IsURL", "string", "uri"),
    ("IsDateString", "string", "date-time"),
    ("IsISO8601", "string", "date-time"),
    ("IsDate", "string", "date-time"),
    ("IsIP", "string", ""),
    ("IsString", "string", ""),
    ("IsInt", "integer", ""),
    ("IsNumber", "number", ""),
    ("IsBoolean", "boolean", ""),
    ("IsObject", "object", ""),
    ("ParseIntPipe", "integer", ""),
    ("ParseFloatPipe", "number", ""),
    ("ParseBoolPipe", "boolean", ""),
    ("ParseUUIDPipe", "string", "uuid"),
    ("ParseDatePipe", "string", "date-time"),
];

/// Validators with a number, and what JSON Schema calls it.
static LIMITS: &[(&str, &str)] = &[
    ("Min", "minimum"),
    ("Max", "maximum"),
    ("MinLength", "minLength"),
    ("MaxLength", "maxLength"),
    ("ArrayMinSize", "minItems"),
    ("ArrayMaxSize", "maxItems"),
];

impl Reader<'_> {
    /// What the method of a controller declares.
    pub(super) fn shape(
        &mut self,
        class: &Rc<ClassValue>,
        method: &Method,
        applied: &[Applied],
        id: &RouteId,
    ) -> Shape {
        let mut shape = Shape::default();
        let mut parts = Map::new();
        for param in &method.params {
            for decorator in &param.decorators {
                let value = self.eval.decorator(class, decorator);
                let Some((name, args)) = called(&value) else { continue };
                let of = param.of.as_ref().map_or(json!({}), |it| self.schema_of(it, class, 0));
                let own = args.first().and_then(|it| it.value.as_str().map(str::to_owned));
                let mut schema = of;
                let mut required = !param.optional;
                for arg in args {
                    let pipe = match &arg.value {
                        Value::External(it) => {
                            it.path().into_iter().rfind(|it| *it != "()").unwrap_or_default().to_owned()
                        }
                        _ => continue,
                    };
                    required &= pipe != "DefaultValuePipe";
                    if let Some((_, kind, format)) = KINDS.iter().find(|(name, ..)| *name == pipe) {
                        schema = of_kind(kind, format);
                    }
                }
                let within = match name {
                    "Param" => Within::Path,
                    "Query" => Within::Query,
                    "Headers" => Within::Header,
                    "Body" => {
                        match own {
                            Some(name) => drop(parts.insert(name, schema)),
                            None => shape.body = Some(body(schema, required)),
                        }
                        continue;
                    }
                    _ => continue,
                };
                match own {
                    Some(name) => {
                        let required = required || within == Within::Path;
                        shape.parameters.push(Parameter { name, within, required, schema });
                    }
                    None => shape.parameters.extend(self.shapes.parameters(&schema, within)),
                }
            }
        }
        if shape.body.is_none() && !parts.is_empty() {
            shape.body = Some(body(json!({ "type": "object", "properties": parts }), true));
        }
        // A controller of a base class may have parameters that this path has not.
        shape.parameters.retain(|it| it.within != Within::Path || id.path.params().any(|name| name == it.name));
        self.answers(class, method, applied, id, &mut shape);
        shape
    }

    fn answers(
        &mut self,
        class: &Rc<ClassValue>,
        method: &Method,
        applied: &[Applied],
        id: &RouteId,
        shape: &mut Shape,
    ) {
        let Some(returns) = &method.returns else { return };
        let schema = self.schema_of(returns, class, 0);
        if schema.as_object().is_none_or(Map::is_empty) {
            return;
        }
        let coded = applied.iter().rev().find_map(|it| match it.of_common("HttpCode")?.first()?.value {
            Value::Num(status) => Some(status.to_string()),
            _ => None,
        });
        let usual = if id.method.as_str() == "POST" { "201" } else { "200" };
        let status = coded.unwrap_or_else(|| usual.to_owned());
        shape.responses.push(Response {
            status,
            media_type: Some("application/json".to_owned()),
            schema: Some(schema),
        });
    }

    /// A type as a schema, with names as `class` sees them.
    fn schema_of(&mut self, of: &Type, class: &Rc<ClassValue>, depth: usize) -> Json {
        if depth > MAX_DEPTH {
            return json!({});
        }
        match of {
            Type::Keyword(name) => match *name {
                "string" | "number" | "boolean" | "object" | "null" => json!({ "type": name }),
                "bigint" => json!({ "type": "integer" }),
                _ => json!({}),
            },
            Type::Text(text) => json!({ "const": &**text }),
            Type::Number(number) => json!({ "const": number }),
            Type::Bool(value) => json!({ "const": value }),
            Type::Array(inner) => json!({ "type": "array", "items": self.schema_of(inner, class, depth + 1) }),
            Type::Tuple(_) => json!({ "type": "array" }),
            Type::Map(inner) => {
                json!({ "type": "object", "additionalProperties": self.schema_of(inner, class, depth + 1) })
            }
            Type::Union(all) => {
                let all: Vec<&Type> =
                    all.iter().filter(|it| !matches!(it, Type::Keyword("undefined" | "void"))).collect();
                match all.as_slice() {
                    [one] => self.schema_of(one, class, depth + 1),
                    several => {
                        let all: Vec<Json> = several.iter().map(|it| self.schema_of(it, class, depth + 1)).collect();
                        json!({ "anyOf": all })
                    }
                }
            }
            Type::Intersection(all) => {
                let all: Vec<Json> = all.iter().map(|it| self.schema_of(it, class, depth + 1)).collect();
                json!({ "allOf": all })
            }
            Type::Object(properties) => {
                let mut read = Map::new();
                let mut required = Vec::new();
                for property in properties {
                    if !property.optional {
                        required.push(property.name.to_string());
                    }
                    read.insert(property.name.to_string(), self.schema_of(&property.of, class, depth + 1));
                }
                object(read, required)
            }
            Type::Name(name, args) => self.named(name, args, class, depth),
            Type::Other => json!({}),
        }
    }

    fn named(&mut self, name: &str, args: &[Type], class: &Rc<ClassValue>, depth: usize) -> Json {
        let first = args.first();
        match (name, first) {
            ("Date", _) => return json!({ "type": "string", "format": "date-time" }),
            ("Promise" | "Observable" | "Readonly" | "Partial", Some(inner)) => {
                return self.schema_of(inner, class, depth + 1);
            }
            ("Array" | "ReadonlyArray", Some(inner)) => {
                return json!({ "type": "array", "items": self.schema_of(inner, class, depth + 1) });
            }
            ("Record" | "Map", _) => return json!({ "type": "object" }),
            _ => {}
        }
        let module = self.program.module(class.module);
        if let Some(declared) = module.types.iter().find(|it| &*it.name == name && it.parameters.is_empty()) {
            return self.schema_of(&declared.of, class, depth + 1);
        }
        let value = if class.scope.lookup(name).is_some() {
            self.eval.lookup(&class.scope, name, class.module)
        } else {
            Value::Unknown
        };
        match &value {
            Value::Class(found) => self.class_schema(found, depth + 1),
            Value::Object(_) => choice(&value),
            Value::External(_) => self.shapes.schema(&value).unwrap_or_else(|| json!({})),
            _ => json!({}),
        }
    }

    /// A class with validators, under its name.
    fn class_schema(&mut self, class: &Rc<ClassValue>, depth: usize) -> Json {
        let key = Rc::as_ptr(class);
        if let Some(known) = self.schemas.get(&key) {
            return known.clone();
        }
        if depth > MAX_DEPTH {
            return json!({});
        }
        // What refers to itself accepts everything there.
        self.schemas.insert(key, json!({}));
        self.kept.push(Rc::clone(class));
        let whole = self.members(class, depth);
        let name = class.class.name.as_deref().filter(|_| whole.get("properties").is_some()).map(str::to_owned);
        let schema = match name {
            Some(name) => self.shapes.name(&name, whole),
            None => whole,
        };
        self.schemas.insert(key, schema.clone());
        schema
    }

    /// The properties of a class and of what it extends, as one object.
    fn members(&mut self, class: &Rc<ClassValue>, depth: usize) -> Json {
        let parent = self.eval.parent(class);
        let mut whole = self.mapped(&parent, depth);
        let code = Arc::clone(&class.class);
        let mut properties = match whole.get("properties") {
            Some(Json::Object(properties)) => properties.clone(),
            _ => Map::new(),
        };
        let mut required: Vec<String> = match whole.get("required") {
            Some(Json::Array(names)) => names.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        };
        for (at, field) in code.fields.iter().enumerate().filter(|(_, it)| !it.is_static) {
            let (schema, optional) = self.field(class, &code, at, depth);
            required.retain(|it| **it != *field.name);
            if !optional && !field.optional && field.value.is_none() {
                required.push(field.name.to_string());
            }
            properties.insert(field.name.to_string(), schema);
        }
        if properties.is_empty() {
            return whole;
        }
        whole = object(properties, required);
        whole
    }

    /// What a class extends: another one, or one that is made of others.
    fn mapped(&mut self, parent: &Value, depth: usize) -> Json {
        match parent {
            _ if depth > MAX_DEPTH => json!({}),
            Value::Class(parent) => self.members(parent, depth + 1),
            Value::External(external) => {
                let External::Call(callee, args, _) = &**external else { return json!({}) };
                let name = callee.path().last().copied().unwrap_or_default().to_owned();
                let first = args.first().map_or(Value::Undefined, |it| it.value.clone());
                if name == "createZodDto" {
                    return self.shapes.schema(&first).unwrap_or_else(|| json!({}));
                }
                let whole = self.mapped(&first, depth + 1);
                let Some(Json::Object(properties)) = whole.get("properties") else { return whole };
                let (mut properties, mut required) = (properties.clone(), names(whole.get("required")));
                let listed: Vec<String> = match args.get(1).map(|it| &it.value) {
                    Some(Value::Array(all)) => {
                        all.items.borrow().iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
                    }
                    _ => Vec::new(),
                };
                match name.as_str() {
                    "PartialType" => required.clear(),
                    "PickType" => properties.retain(|key, _| listed.contains(key)),
                    "OmitType" => properties.retain(|key, _| !listed.contains(key)),
                    "IntersectionType" => {
                        for arg in args.iter().skip(1) {
                            let other = self.mapped(&arg.value, depth + 1);
                            if let Some(Json::Object(more)) = other.get("properties") {
                                properties.extend(more.clone());
                            }
                            required.extend(names(other.get("required")));
                        }
                    }
                    _ => return json!({}),
                }
                required.retain(|it| properties.contains_key(it));
                object(properties, required)
            }
            _ => json!({}),
        }
    }

    /// One property, and whether it may be left out.
    fn field(&mut self, class: &Rc<ClassValue>, code: &Class, at: usize, depth: usize) -> (Json, bool) {
        let Some(field) = code.fields.get(at) else { return (json!({}), true) };
        let mut schema = field.of.as_ref().map_or(json!({}), |it| self.schema_of(it, class, depth + 1));
        let mut optional = false;
        for decorator in field.decorators.iter().rev() {
            let value = self.eval.decorator(class, decorator);
            let Some((name, args)) = called(&value) else { continue };
            let first = args.first().map_or(Value::Undefined, |it| it.value.clone());
            let is_list = schema.get("type").and_then(Json::as_str) == Some("array");
            if let Some((_, kind, format)) = KINDS.iter().find(|(it, ..)| *it == name) {
                let mut inner = of_kind(kind, format);
                // What was said already stays: `@Min(1) @IsInt()`.
                if let (Some(inner), Some(known)) = (inner.as_object_mut(), schema.as_object()) {
                    known.iter().filter(|(key, _)| *key != "type").for_each(|(key, value)| {
                        inner.entry(key.clone()).or_insert_with(|| value.clone());
                    });
                }
                schema = if is_list { json!({ "type": "array", "items": of_kind(kind, format) }) } else { inner };
            }
            let limit = LIMITS.iter().find(|(it, _)| *it == name);
            if let (Some((_, key)), Value::Num(number), Some(read)) = (limit, &first, schema.as_object_mut()) {
                read.insert((*key).to_owned(), number_of(*number));
            }
            match name {
                "IsOptional" | "ApiPropertyOptional" | "Exclude" => optional = true,
                "ApiProperty" => {
                    if let Value::Object(options) = &first {
                        optional |= matches!(options.get("required"), Some(Value::Bool(false)));
                    }
                }
                "IsEnum" | "IsIn" => {
                    let inner = choice(&first);
                    schema = if is_list { json!({ "type": "array", "items": inner }) } else { inner };
                }
                "Type" => {
                    if let Value::Function(closure) = &first
                        && let Value::Class(inner) = self.eval.run(&first, None, &[], closure.module)
                    {
                        let inner = self.class_schema(&inner, depth + 1);
                        schema = if is_list { json!({ "type": "array", "items": inner }) } else { inner };
                    }
                }
                _ => {}
            }
        }
        (schema, optional)
    }
}

/// The name and the arguments of a decorator.
fn called(value: &Value) -> Option<(&str, &[Arg])> {
    let Value::External(external) = value else { return None };
    let External::Call(callee, args, _) = &**external else { return None };
    let known = callee.package().is_some_and(|it| {
        it == COMMON
            || matches!(it, "class-validator" | "class-transformer" | "@nestjs/swagger" | "@nestjs/mapped-types")
    });
    known.then_some((callee.path().last().copied()?, args.as_slice()))
}

fn of_kind(kind: &str, format: &str) -> Json {
    if format.is_empty() { json!({ "type": kind }) } else { json!({ "type": kind, "format": format }) }
}

/// The values of an enumeration, or of a list.
fn choice(value: &Value) -> Json {
    let values: Vec<Value> = match value {
        Value::Array(array) => array.items.borrow().clone(),
        Value::Object(object) => object.props.borrow().iter().map(|(_, it)| it.clone()).collect(),
        _ => Vec::new(),
    };
    let read: Option<Vec<Json>> = values
        .iter()
        .map(|it| match it {
            Value::Str(text) => Some(json!(&*text.text)),
            Value::Num(number) => Some(number_of(*number)),
            _ => None,
        })
        .collect();
    match read {
        Some(all) if !all.is_empty() => json!({ "enum": all }),
        _ => json!({}),
    }
}

/// Whole numbers are written without a fraction.
fn number_of(number: f64) -> Json {
    #[expect(clippy::cast_possible_truncation, reason = "checked by the condition")]
    if number.fract() == 0.0 && number.abs() < 9e15 { json!(number as i64) } else { json!(number) }
}

fn names(value: Option<&Json>) -> Vec<String> {
    match value {
        Some(Json::Array(all)) => all.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn object(properties: Map<String, Json>, required: Vec<String>) -> Json {
    let mut whole = json!({ "type": "object", "properties": properties });
    if let (Some(whole), false) = (whole.as_object_mut(), required.is_empty()) {
        whole.insert("required".to_owned(), json!(required));
    }
    whole
}

fn body(schema: Json, required: bool) -> Body {
    Body { media_type: "application/json".to_owned(), required, schema }
}
