//! zod, versions 3 and 4: `z.object({ id: z.string().uuid() })`.

use serde_json::{Map, Value as Json, json};

use super::{Read, Shapes, object, plain, several, tuple};
use crate::js::ir::{ExprKind, StmtKind};
use crate::js::value::{Arg, Closure, External, Value};

/// The packages whose `z`, or whose own functions, make schemas.
static PACKAGES: &[&str] = &[
    "zod",
    "zod/v3",
    "zod/v4",
    "zod/mini",
    "zod/v4-mini",
    "zod/v4/mini",
    "@hono/zod-openapi",
    "astro/zod",
    "nestjs-zod",
    "nestjs-zod/z",
];

/// Texts of a kind: what the function is called, and what JSON Schema calls it.
static FORMATS: &[(&str, &str)] = &[
    ("email", "email"),
    ("uuid", "uuid"),
    ("uuidv4", "uuid"),
    ("uuidv6", "uuid"),
    ("uuidv7", "uuid"),
    ("guid", "uuid"),
    ("url", "uri"),
    ("httpUrl", "uri"),
    ("datetime", "date-time"),
    ("date", "date"),
    ("time", "time"),
    ("duration", "duration"),
    ("ipv4", "ipv4"),
    ("ipv6", "ipv6"),
    ("hostname", "hostname"),
];

/// Texts of a kind that JSON Schema has no name for.
static TEXTS: &[&str] = &[
    "cuid",
    "cuid2",
    "ulid",
    "xid",
    "ksuid",
    "nanoid",
    "base64",
    "base64url",
    "jwt",
    "emoji",
    "ip",
    "cidr",
    "cidrv4",
    "cidrv6",
    "e164",
    "hex",
    "stringFormat",
    "templateLiteral",
];

pub(super) fn read(shapes: &mut Shapes, external: &External) -> Option<Read> {
    match external {
        External::Call(callee, args, _) => match &**callee {
            External::Member(of, name) if is_library(of) => Some(build(shapes, of, name, args)),
            External::Member(of, name) => {
                let receiver = External::clone(of);
                let read = nested(shapes, &receiver)?;
                Some(method(shapes, read, name, args))
            }
            _ => None,
        },
        // `User.shape.id`, `List.element`.
        External::Member(of, name) => member(shapes, of, name),
        External::Package(_) | External::Global(_) => None,
    }
}

/// The receiver of a method. A chain is as deep as it is long, so it counts.
fn nested(shapes: &mut Shapes, external: &External) -> Option<Read> {
    shapes
        .read(&Value::External(std::rc::Rc::new(external.clone())))
        .filter(|_| external.package().is_some_and(is_ours))
}

fn is_ours(package: &str) -> bool {
    PACKAGES.contains(&package)
}

/// Whether it is the library itself, or one of its groups of functions.
fn is_library(external: &External) -> bool {
    match external {
        External::Package(name) => is_ours(name),
        External::Member(of, name) => {
            matches!(&**name, "z" | "zod" | "default" | "coerce" | "iso" | "mini") && is_library(of)
        }
        _ => false,
    }
}

fn member(shapes: &mut Shapes, of: &External, name: &str) -> Option<Read> {
    let External::Member(whole, group) = of else {
        let read = nested(shapes, of)?;
        return match name {
            "element" => read.schema.get("items").cloned().map(Read::of),
            _ => None,
        };
    };
    if &**group != "shape" {
        return None;
    }
    let whole = nested(shapes, whole)?;
    let whole = shapes.inline(whole);
    let required = names(whole.schema.get("required")).contains(&name);
    let read = Read::of(whole.schema.get("properties")?.get(name)?.clone());
    Some(if required { read } else { read.optional() })
}

fn names(list: Option<&Json>) -> Vec<&str> {
    list.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect()
}

/// `z.string()` and all its kin.
fn build(shapes: &mut Shapes, of: &External, name: &str, args: &[Arg]) -> Read {
    let arg = |at: usize| args.get(at).map_or(&Value::Undefined, |it| &it.value);
    let typed = |name: &str| Read::of(json!({ "type": name }));
    // `z.date()` is an object of JavaScript's, and `z.iso.date()` a text.
    let is_text =
        !matches!(name, "date" | "time" | "duration") || matches!(of, External::Member(_, group) if &**group == "iso");
    if let Some((_, format)) = FORMATS.iter().find(|(known, _)| is_text && *known == name) {
        return typed("string").with("format", json!(format));
    }
    match name {
        "string" => typed("string"),
        name if TEXTS.contains(&name) => typed("string"),
        "number" | "float32" | "float64" => typed("number"),
        "int" | "int32" | "uint32" | "int64" | "uint64" | "bigint" => typed("integer"),
        "boolean" => typed("boolean"),
        "stringbool" => typed("string"),
        "date" => typed("string").with("format", json!("date-time")),
        "null" => typed("null"),
        "undefined" | "void" => Read::default().optional(),
        "never" => Read::default().with("not", json!({})).optional(),
        "literal" => literal(arg(0)),
        "enum" | "nativeEnum" => choices(arg(0)),
        "object" | "strictObject" | "looseObject" | "interface" => {
            let read = object(properties(shapes, arg(0)));
            if name == "strictObject" { read.with("additionalProperties", json!(false)) } else { read }
        }
        "array" | "set" => {
            let read = typed("array").with("items", shapes.part(arg(0)).json());
            if name == "set" { read.with("uniqueItems", json!(true)) } else { read }
        }
        "tuple" => tuple(list(shapes, arg(0))),
        "record" | "partialRecord" | "looseRecord" => {
            let value = if args.len() > 1 { arg(1) } else { arg(0) };
            typed("object").with("additionalProperties", shapes.part(value).json())
        }
        "union" | "xor" => union(shapes, arg(0)),
        "discriminatedUnion" => union(shapes, arg(1)),
        "intersection" => {
            let both = [arg(0).clone(), arg(1).clone()];
            several("allOf", shapes.parts(&both))
        }
        "optional" | "exactOptional" | "nullish" => {
            let read = shapes.part(arg(0)).optional();
            if name == "nullish" { nullable(read) } else { read }
        }
        "nullable" => nullable(shapes.part(arg(0))),
        "lazy" => lazy(shapes, arg(0)),
        "promise" | "readonly" => shapes.part(arg(0)),
        "prefault" | "_default" | "catch" => shapes.part(arg(0)).optional(),
        "preprocess" => shapes.part(arg(1)),
        "pipe" => shapes.part(arg(0)),
        "extend" | "pick" | "omit" | "partial" | "required" | "merge" => {
            let read = shapes.part(arg(0));
            method(shapes, read, name, args.get(1..).unwrap_or_default())
        }
        "file" => typed("string").with("format", json!("binary")),
        // `any`, `unknown`, `custom`, `instanceof` and the rest accept everything.
        "any" | "unknown" => Read::default().optional(),
        _ => Read::default(),
    }
}

/// What a method makes of a schema. Most only check what JSON Schema can't say, and leave it as it is.
fn method(shapes: &mut Shapes, read: Read, name: &str, args: &[Arg]) -> Read {
    let arg = |at: usize| args.get(at).map_or(&Value::Undefined, |it| &it.value);
    match name {
        "optional" | "exactOptional" | "catch" => read.optional(),
        "default" | "prefault" => match plain(arg(0)) {
            Some(value) => read.optional().with("default", value),
            None => read.optional(),
        },
        "nullable" => nullable(read),
        "nullish" => nullable(read).optional(),
        "nonoptional" | "unwrap" => Read { optional: false, ..read },
        "array" => Read::of(json!({ "type": "array", "items": read.json() })),
        "or" => several("anyOf", vec![read.json(), shapes.part(arg(0)).json()]),
        "and" => several("allOf", vec![read.json(), shapes.part(arg(0)).json()]),
        "describe" => described(read, "description", arg(0)),
        "meta" | "openapi" => about(shapes, read, args),
        "extend" | "safeExtend" | "augment" | "setKey" => {
            let added = properties(shapes, arg(0));
            extended(shapes.inline(read), object(added))
        }
        "merge" => {
            let other = shapes.inlined(arg(0));
            extended(shapes.inline(read), other)
        }
        "pick" | "omit" => {
            let keys: Vec<String> = keys(arg(0));
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            select(shapes.inline(read), &keys, name == "pick")
        }
        "partial" | "deepPartial" => {
            let mut read = shapes.inline(read);
            let keys = keys(arg(0));
            let left: Vec<Json> = names(read.schema.get("required"))
                .into_iter()
                .filter(|it| !keys.is_empty() && !keys.iter().any(|key| key == it))
                .map(|it| json!(it))
                .collect();
            set_required(&mut read, left);
            read
        }
        "required" => required(shapes.inline(read), &keys(arg(0))),
        "strict" => read.with("additionalProperties", json!(false)),
        "passthrough" | "loose" | "strip" => {
            let mut read = read;
            read.schema.remove("additionalProperties");
            read
        }
        "catchall" => read.with("additionalProperties", shapes.part(arg(0)).json()),
        "keyof" => {
            let read = shapes.inline(read);
            let keys = read.schema.get("properties").and_then(Json::as_object).map(|it| it.keys().collect::<Vec<_>>());
            keys.map_or_else(Read::default, |keys| Read::of(json!({ "type": "string", "enum": keys })))
        }
        "rest" => {
            let mut read = read.with("items", shapes.part(arg(0)).json());
            read.schema.remove("maxItems");
            read
        }
        _ => checked(read, name, arg(0)),
    }
}

/// Limits and formats.
fn checked(mut read: Read, name: &str, arg: &Value) -> Read {
    let kind = read.schema.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
    let number = plain(arg).filter(Json::is_number);
    let (least, most) = match kind.as_str() {
        "string" => ("minLength", "maxLength"),
        "array" => ("minItems", "maxItems"),
        "number" | "integer" => ("minimum", "maximum"),
        _ => return read,
    };
    let whole = matches!(kind.as_str(), "number" | "integer") || number.as_ref().is_some_and(Json::is_u64);
    match (name, number.filter(|_| whole)) {
        ("min" | "gte" | "minLength" | "minSize", Some(it)) => read.with(least, it),
        ("max" | "lte" | "maxLength" | "maxSize", Some(it)) => read.with(most, it),
        ("length" | "size", Some(it)) if kind != "number" => read.with(least, it.clone()).with(most, it),
        ("gt", Some(it)) if kind != "string" => read.with("exclusiveMinimum", it),
        ("lt", Some(it)) if kind != "string" => read.with("exclusiveMaximum", it),
        ("multipleOf" | "step", Some(it)) if it.as_f64().is_some_and(|it| it > 0.0) => read.with("multipleOf", it),
        ("nonempty", None) => read.with(least, json!(1)),
        ("int" | "safe", _) if kind == "number" => {
            read.schema.insert("type".to_owned(), json!("integer"));
            read
        }
        ("positive", _) => read.with("exclusiveMinimum", json!(0)),
        ("negative", _) => read.with("exclusiveMaximum", json!(0)),
        ("nonnegative", _) => read.with("minimum", json!(0)),
        ("nonpositive", _) => read.with("maximum", json!(0)),
        ("regex", _) => match arg {
            // Flags change what a pattern means, and JSON Schema has none.
            Value::Regex(pattern, flags) if flags.is_empty() || &**flags == "u" => {
                read.with("pattern", json!(&**pattern))
            }
            _ => read,
        },
        (name, _) if kind == "string" => match FORMATS.iter().find(|(known, _)| *known == name) {
            Some((_, format)) => read.with("format", json!(format)),
            None => read,
        },
        _ => read,
    }
}

/// `.meta({ id, title, description })`, and `.openapi("Name", { … })`.
fn about(shapes: &mut Shapes, mut read: Read, args: &[Arg]) -> Read {
    let mut name = None;
    for arg in args {
        match &arg.value {
            Value::Str(text) => name = Some(text.text.to_string()),
            Value::Object(it) => {
                if let Some(Value::Str(id)) = it.get("id") {
                    name = Some(id.text.to_string());
                }
                for key in ["title", "description", "example", "examples", "deprecated", "format"] {
                    if let Some(value) = it.get(key).as_ref().and_then(plain) {
                        read = read.with(key, value);
                    }
                }
            }
            _ => {}
        }
    }
    match name {
        Some(name) => {
            let optional = read.optional;
            Read { optional, ..Read::of(shapes.name(&name, read.json())) }
        }
        None => read,
    }
}

fn described(read: Read, key: &str, text: &Value) -> Read {
    match text.as_str() {
        Some(text) => read.with(key, json!(text)),
        None => read,
    }
}

fn nullable(mut read: Read) -> Read {
    let constrained = read.schema.contains_key("enum") || read.schema.contains_key("const");
    if let (Some(Json::String(kind)), false) = (read.schema.get("type"), constrained) {
        let kinds = json!([kind, "null"]);
        return read.with("type", kinds);
    }
    if read.schema.is_empty() {
        return read;
    }
    let schema = std::mem::take(&mut read.schema);
    read.with("anyOf", json!([Json::Object(schema), { "type": "null" }]))
}

fn literal(value: &Value) -> Read {
    match plain(value) {
        Some(Json::Array(all)) if !all.is_empty() => Read::of(json!({ "enum": all })),
        Some(Json::Array(_)) | None => Read::default(),
        Some(one) => Read::of(json!({ "const": one })),
    }
}

/// `z.enum(["a", "b"])`, `z.enum(Enum)`.
fn choices(value: &Value) -> Read {
    let values = match plain(value) {
        Some(Json::Array(all)) => all,
        Some(Json::Object(all)) => all.into_iter().map(|(_, it)| it).collect(),
        _ => Vec::new(),
    };
    match values.iter().all(Json::is_string) {
        _ if values.is_empty() => Read::default(),
        true => Read::of(json!({ "type": "string", "enum": values })),
        false => Read::of(json!({ "enum": values })),
    }
}

fn union(shapes: &mut Shapes, value: &Value) -> Read {
    let Value::Array(all) = value else { return Read::default() };
    if all.open.get() {
        return Read::default();
    }
    let all = all.items.borrow().clone();
    let reads: Vec<Read> = all.iter().map(|it| shapes.part(it)).collect();
    let optional = reads.iter().any(|it| it.optional);
    Read { optional, ..several("anyOf", reads.into_iter().map(Read::json).collect()) }
}

/// `z.lazy(() => z.object(…))`: a function that only returns an expression we would have to evaluate. The name of a
/// schema that refers to itself is lost, so it accepts everything.
fn lazy(shapes: &mut Shapes, value: &Value) -> Read {
    let Value::Function(closure) = value else { return Read::default() };
    returned(closure).map_or_else(Read::default, |it| shapes.part(&it))
}

/// What a function returns that only names something.
fn returned(closure: &Closure) -> Option<Value> {
    let [statement] = closure.function.body.as_slice() else { return None };
    let StmtKind::Return(Some(expr)) = &statement.kind else { return None };
    let ExprKind::Name(name) = &expr.kind else { return None };
    match closure.scope.lookup(name)? {
        crate::js::value::Slot::Value(value) => Some(value),
        crate::js::value::Slot::Import(..) => None,
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

/// The keys of `{ id: true }`, or the texts of a list.
fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Object(all) => all.props.borrow().iter().map(|(name, _)| name.to_string()).collect(),
        _ => Vec::new(),
    }
}

fn set_required(read: &mut Read, names: Vec<Json>) {
    if names.is_empty() {
        read.schema.remove("required");
    } else {
        read.schema.insert("required".to_owned(), Json::Array(names));
    }
}

fn required(mut read: Read, keys: &[String]) -> Read {
    let all: Vec<Json> = match read.schema.get("properties").and_then(Json::as_object) {
        Some(all) => {
            let old = names(read.schema.get("required"));
            let wanted = |it: &String| keys.is_empty() || keys.contains(it) || old.contains(&it.as_str());
            all.keys().filter(|it| wanted(it)).map(|it| json!(it)).collect()
        }
        None => return read,
    };
    set_required(&mut read, all);
    read
}

/// An object's schema with another one's properties on top.
fn extended(mut read: Read, added: Read) -> Read {
    let new: Map<String, Json> = added.schema.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
    let mut required: Vec<Json> = names(read.schema.get("required"))
        .into_iter()
        .filter(|it| !new.contains_key(*it))
        .map(|it| json!(it))
        .collect();
    required.extend(names(added.schema.get("required")).into_iter().map(|it| json!(it)));
    set_required(&mut read, required);
    match read.schema.get_mut("properties").and_then(Json::as_object_mut) {
        Some(all) => all.extend(new),
        None => {
            read.schema.insert("properties".to_owned(), Json::Object(new));
        }
    }
    read
}

/// Only these properties, or all but these.
pub(super) fn select(mut read: Read, keys: &[&str], keep: bool) -> Read {
    let wanted = |name: &str| keys.contains(&name) == keep;
    if let Some(all) = read.schema.get_mut("properties").and_then(Json::as_object_mut) {
        all.retain(|name, _| wanted(name));
    }
    let left = names(read.schema.get("required")).into_iter().filter(|it| wanted(it)).map(|it| json!(it)).collect();
    set_required(&mut read, left);
    read
}
