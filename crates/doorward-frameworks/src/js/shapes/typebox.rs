//! TypeBox: `Type.Object({ id: Type.String() })`.

use serde_json::{Value as Json, json};

use super::{Read, Shapes, object, plain, several};
use crate::js::value::{Arg, External, Value};

/// The packages that export `Type`.
static PACKAGES: &[&str] = &["@sinclair/typebox", "typebox", "@fastify/type-provider-typebox", "elysia"];

pub(super) fn read(shapes: &mut Shapes, external: &External) -> Option<Read> {
    let External::Call(callee, args, _) = external else { return None };
    let External::Member(of, name) = &**callee else { return None };
    // `Type.String()`, `t.String()`, or the function itself.
    let ours = match &**of {
        External::Package(name) => PACKAGES.contains(&&**name),
        External::Member(inner, name) => {
            matches!(&**inner, External::Package(package) if PACKAGES.contains(&&**package))
                && matches!(&**name, "Type" | "t" | "default")
        }
        _ => false,
    };
    if !ours {
        return None;
    }
    let arg = |at: usize| args.get(at).map_or(&Value::Undefined, |it| &it.value);
    let (read, options) = build(shapes, name, args, &arg);
    // The options are JSON Schema keywords.
    let mut read = read;
    if let Value::Object(options) = arg(options) {
        for (key, value) in options.props.borrow().iter() {
            if let Some(value) = plain(value).filter(|_| !matches!(&**key, "$id" | "$schema")) {
                read.schema.insert(key.to_string(), value);
            }
        }
        if let Some(id) = options.get("$id").as_ref().and_then(Value::as_str) {
            let optional = read.optional;
            return Some(Read { optional, ..Read::of(shapes.name(id, read.json())) });
        }
    }
    Some(read)
}

/// The schema, and which argument holds its options.
fn build<'a>(shapes: &mut Shapes, name: &str, args: &[Arg], arg: &dyn Fn(usize) -> &'a Value) -> (Read, usize) {
    let one = |schema: Json| (Read::of(schema), 0);
    match name {
        "String" | "Number" | "Integer" | "Boolean" | "Null" => one(json!({ "type": name.to_ascii_lowercase() })),
        "BigInt" => one(json!({ "type": "integer" })),
        "Date" => one(json!({ "type": "string", "format": "date-time" })),
        "Literal" => (plain(arg(0)).map_or_else(Read::default, |it| Read::of(json!({ "const": it }))), 1),
        "Object" => (object(properties(shapes, arg(0))), 1),
        "Array" => (Read::of(json!({ "type": "array", "items": shapes.part(arg(0)).json() })), 1),
        "Tuple" => (super::tuple(list(shapes, arg(0))), 1),
        "Union" => (several("anyOf", list(shapes, arg(0))), 1),
        "Intersect" | "Composite" | "Evaluate" => (several("allOf", list(shapes, arg(0))), 1),
        "Record" => (Read::of(json!({ "type": "object", "additionalProperties": shapes.part(arg(1)).json() })), 2),
        "Optional" => (shapes.part(arg(0)).optional(), args.len()),
        "Readonly" | "Awaited" | "Promise" | "ReadonlyOptional" | "Required" | "Strict" => {
            let inner = shapes.part(arg(0));
            (if name == "ReadonlyOptional" { inner.optional() } else { inner }, args.len())
        }
        "Partial" => {
            let mut inner = shapes.inlined(arg(0));
            inner.schema.remove("required");
            (inner, 1)
        }
        "Pick" | "Omit" => {
            let inner = shapes.inlined(arg(0));
            let keys = plain(arg(1)).unwrap_or_default();
            let keys: Vec<&str> = keys.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
            (super::zod::select(inner, &keys, name == "Pick"), 2)
        }
        "Enum" => {
            let values = match arg(0) {
                Value::Object(all) => all.props.borrow().iter().map(|(_, it)| plain(it)).collect::<Option<Vec<_>>>(),
                _ => None,
            };
            (values.map_or_else(Read::default, |it| Read::of(json!({ "enum": it }))), 1)
        }
        "Ref" => match arg(0).as_str() {
            Some(name) => one(json!({ "$ref": format!("#/components/schemas/{}", super::component(name)) })),
            None => (shapes.part(arg(0)), 1),
        },
        "RegExp" => (Read::of(json!({ "type": "string" })), 1),
        "Unsafe" => (shapes.part(arg(0)), args.len()),
        "Any" | "Unknown" => (Read::default(), 0),
        "Never" => one(json!({ "not": {} })),
        _ => (Read::default(), args.len()),
    }
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
