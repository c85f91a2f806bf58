//! valibot: `v.object({ id: v.pipe(v.string(), v.uuid()) })`.

use serde_json::{Value as Json, json};

use super::{Read, Shapes, object, plain, several, tuple};
use crate::js::value::{Arg, External, Value};

const PACKAGE: &str = "valibot";

/// The functions that give a value to a schema: `v.parse(schema, value)`.
static PARSES: &[&str] = &["parse", "parseAsync", "safeParse", "safeParseAsync", "assert", "is"];

/// What a check says in JSON Schema, where that is a format.
static FORMATS: &[(&str, &str)] = &[
    ("email", "email"),
    ("rfcEmail", "email"),
    ("uuid", "uuid"),
    ("url", "uri"),
    ("isoDate", "date"),
    ("isoTime", "time"),
    ("isoDateTime", "date-time"),
    ("isoTimestamp", "date-time"),
    ("ipv4", "ipv4"),
    ("ipv6", "ipv6"),
];

/// Whether `callee` is given a schema, and what has to fit it.
pub(crate) fn is_parse(callee: &Value) -> bool {
    matches!(callee, Value::External(it)
        if it.package() == Some(PACKAGE) && it.path().last().is_some_and(|name| PARSES.contains(name)))
}

pub(super) fn read(shapes: &mut Shapes, external: &External) -> Option<Read> {
    let (name, args) = called(external)?;
    Some(build(shapes, name, args))
}

/// `v.name(…)`, or the function itself.
fn called(external: &External) -> Option<(&str, &[Arg])> {
    let External::Call(callee, args, _) = external else { return None };
    match (callee.package(), callee.path().as_slice()) {
        (Some(PACKAGE), [_, .., name]) if *name != "()" => match &**callee {
            External::Member(_, name) => Some((name, args)),
            _ => None,
        },
        _ => None,
    }
}

fn build(shapes: &mut Shapes, name: &str, args: &[Arg]) -> Read {
    let arg = |at: usize| args.get(at).map_or(&Value::Undefined, |it| &it.value);
    let typed = |name: &str| Read::of(json!({ "type": name }));
    match name {
        "string" => typed("string"),
        "number" => typed("number"),
        "bigint" => typed("integer"),
        "boolean" => typed("boolean"),
        "null" | "null_" => typed("null"),
        "date" => typed("string").with("format", json!("date-time")),
        "file" | "blob" => typed("string").with("format", json!("binary")),
        "any" | "unknown" | "undefined" | "undefined_" | "void" | "void_" => Read::default().optional(),
        "literal" => plain(arg(0)).map_or_else(Read::default, |it| Read::of(json!({ "const": it }))),
        "picklist" | "enum" | "enum_" => choices(arg(0)),
        "object" | "looseObject" | "objectWithRest" => object(properties(shapes, arg(0))),
        "strictObject" => object(properties(shapes, arg(0))).with("additionalProperties", json!(false)),
        "array" => typed("array").with("items", shapes.part(arg(0)).json()),
        "set" => typed("array").with("items", shapes.part(arg(0)).json()).with("uniqueItems", json!(true)),
        "tuple" | "strictTuple" | "looseTuple" => tuple(list(shapes, arg(0))),
        "record" => typed("object").with("additionalProperties", shapes.part(arg(1)).json()),
        "union" => several("anyOf", list(shapes, arg(0))),
        "variant" => several("anyOf", list(shapes, arg(1))),
        "intersect" => several("allOf", list(shapes, arg(0))),
        "optional" | "exactOptional" | "undefinedable" | "nullish" => {
            let read = shapes.part(arg(0)).optional();
            let read = if name == "nullish" { nullable(read) } else { read };
            match plain(arg(1)) {
                Some(value) => read.with("default", value),
                None => read,
            }
        }
        "nullable" => nullable(shapes.part(arg(0))),
        "fallback" => shapes.part(arg(0)).optional(),
        "partial" => {
            let mut read = shapes.inlined(arg(0));
            read.schema.remove("required");
            read
        }
        "pick" | "omit" => {
            let keys = texts(arg(1));
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            super::zod::select(shapes.inlined(arg(0)), &keys, name == "pick")
        }
        "pipe" | "pipeAsync" => piped(shapes, args),
        // `lazy`, `custom`, `instance` and the rest accept everything.
        _ => Read::default(),
    }
}

/// A schema with checks behind it. What stands behind a transformation is about something else.
fn piped(shapes: &mut Shapes, args: &[Arg]) -> Read {
    let mut read = args.first().map_or_else(Read::default, |it| shapes.part(&it.value));
    for arg in args.iter().skip(1) {
        let Value::External(external) = &arg.value else { break };
        let Some((name, given)) = called(external) else { break };
        if matches!(name, "transform" | "rawTransform" | "toLowerCase" | "toUpperCase" | "brand" | "readonly") {
            break;
        }
        read = checked(read, name, given.first().map_or(&Value::Undefined, |it| &it.value));
    }
    read
}

fn checked(mut read: Read, name: &str, arg: &Value) -> Read {
    let kind = read.schema.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
    let number = plain(arg).filter(Json::is_number);
    let sizes = match kind.as_str() {
        "string" => Some(("minLength", "maxLength")),
        "array" => Some(("minItems", "maxItems")),
        _ => None,
    };
    let is_number = matches!(kind.as_str(), "number" | "integer");
    match (name, number, sizes) {
        ("minLength", Some(it), Some((least, _))) => read.with(least, it),
        ("maxLength", Some(it), Some((_, most))) => read.with(most, it),
        ("length", Some(it), Some((least, most))) => read.with(least, it.clone()).with(most, it),
        ("nonEmpty", _, Some((least, _))) => read.with(least, json!(1)),
        ("minValue", Some(it), _) if is_number => read.with("minimum", it),
        ("maxValue", Some(it), _) if is_number => read.with("maximum", it),
        ("gtValue", Some(it), _) if is_number => read.with("exclusiveMinimum", it),
        ("ltValue", Some(it), _) if is_number => read.with("exclusiveMaximum", it),
        ("multipleOf", Some(it), _) if is_number && it.as_f64().is_some_and(|it| it > 0.0) => {
            read.with("multipleOf", it)
        }
        ("integer" | "safeInteger", ..) if kind == "number" => {
            read.schema.insert("type".to_owned(), json!("integer"));
            read
        }
        ("description" | "title", ..) => match plain(arg) {
            Some(text @ Json::String(_)) => read.with(name, text),
            _ => read,
        },
        ("regex", ..) if kind == "string" => match arg {
            // Flags change what a pattern means, and JSON Schema has none.
            Value::Regex(pattern, flags) if flags.is_empty() || &**flags == "u" => {
                read.with("pattern", json!(&**pattern))
            }
            _ => read,
        },
        _ if kind == "string" => match FORMATS.iter().find(|(known, _)| *known == name) {
            Some((_, format)) => read.with("format", json!(format)),
            None => read,
        },
        _ => read,
    }
}

fn nullable(mut read: Read) -> Read {
    if read.schema.is_empty() {
        return read;
    }
    let schema = std::mem::take(&mut read.schema);
    read.with("anyOf", json!([Json::Object(schema), { "type": "null" }]))
}

/// `v.picklist(["a", "b"])`, `v.enum(Enum)`.
fn choices(value: &Value) -> Read {
    let values = match plain(value) {
        Some(Json::Array(all)) => all,
        Some(Json::Object(all)) => all.into_iter().map(|(_, it)| it).collect(),
        _ => Vec::new(),
    };
    if values.is_empty() { Read::default() } else { Read::of(json!({ "enum": values })) }
}

fn properties(shapes: &mut Shapes, value: &Value) -> Vec<(String, Read)> {
    let Value::Object(all) = value else { return Vec::new() };
    let all = all.props.borrow().clone();
    all.iter().map(|(name, it)| (name.to_string(), shapes.part(it))).collect()
}

fn list(shapes: &mut Shapes, value: &Value) -> Vec<Json> {
    match value {
        Value::Array(all) if !all.open.get() => {
            let all = all.items.borrow().clone();
            shapes.parts(&all)
        }
        _ => Vec::new(),
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all.items.borrow().iter().filter_map(|it| it.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}
