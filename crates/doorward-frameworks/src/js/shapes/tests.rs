use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::*;
use crate::js::eval::{Eval, Host, Site};
use crate::js::ir::{Function, Span};
use crate::js::program::Program;
use crate::js::value::{Arg, External};

/// Keeps what the program gives to `schema(…)`, which nothing declares.
#[derive(Default)]
struct Given(Vec<Value>);

impl Host for Given {
    fn call(&mut self, callee: &External, args: &[Arg], _site: &Site) -> Option<Value> {
        if matches!(callee, External::Global(name) if &**name == "schema") {
            self.0.extend(args.iter().map(|it| it.value.clone()));
            return Some(Value::Undefined);
        }
        None
    }
    fn method(&mut self, _object: usize, _name: &str, _args: &[Arg], _site: &Site) -> Value {
        Value::Unknown
    }
    fn computed_method(&mut self, _object: usize, _args: &[Arg], _site: &Site) {}
    fn named(&mut self, _object: usize, _name: &str) {}
    fn returned(&mut self, _object: usize, _module: usize, _statement: Span, _value: Span) {}
    fn escaped(&mut self, _object: usize, _site: &Site) {}
    fn is_handler(&self, _function: &Function) -> bool {
        false
    }
}

const HEAD: &str = "import { z } from 'zod'; import { Type } from '@sinclair/typebox'; import * as v from 'valibot';\n\
    import * as other from 'other';\n";

fn read(program: &str) -> (Vec<Option<Json>>, BTreeMap<String, Json>) {
    // As deep as in discovery.
    crate::stack::with_stack(|| read_here(program)).unwrap()
}

fn read_here(program: &str) -> (Vec<Option<Json>>, BTreeMap<String, Json>) {
    let root = Path::new("/project");
    let sources = vec![(PathBuf::from("/project/app.ts"), format!("{HEAD}{program}").into())];
    let program = Program::parse(root, sources, HashMap::new());
    let mut eval = Eval::new(&program, Given::default());
    eval.load(0);
    let mut shapes = Shapes::default();
    let all = eval.host.0.iter().map(|it| shapes.schema(it)).collect();
    (all, shapes.into_named())
}

#[track_caller]
fn check(expression: &str, expected: Json) {
    let (found, _) = read(&format!("schema({expression});"));
    assert_eq!(found, [Some(expected)], "{expression}");
}

#[test]
fn zod_objects() {
    check(
        "z.object({ id: z.string().uuid(), age: z.number().int().min(18).optional(), tags: z.array(z.string()).default([]) })",
        json!({
            "type": "object",
            "properties": {
                "id": { "type": "string", "format": "uuid" },
                "age": { "type": "integer", "minimum": 18 },
                "tags": { "type": "array", "items": { "type": "string" }, "default": [] },
            },
            "required": ["id"],
        }),
    );
    check(
        "z.object({ a: z.string(), b: z.string() }).strict().pick({ a: true }).extend({ c: z.boolean() })",
        json!({
            "type": "object",
            "properties": { "a": { "type": "string" }, "c": { "type": "boolean" } },
            "required": ["a", "c"],
            "additionalProperties": false,
        }),
    );
    check(
        "z.object({ a: z.string(), b: z.string().optional() }).partial()",
        json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } } }),
    );
    check(
        "z.object({ a: z.string() }).partial().required({ a: true })",
        json!({ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] }),
    );
}

#[test]
fn valibot_schemas() {
    check(
        "v.object({ id: v.pipe(v.string(), v.uuid()), age: v.optional(v.pipe(v.number(), v.integer(), v.minValue(18))), tags: v.optional(v.array(v.string()), []) })",
        json!({
            "type": "object",
            "properties": {
                "id": { "type": "string", "format": "uuid" },
                "age": { "type": "integer", "minimum": 18 },
                "tags": { "type": "array", "items": { "type": "string" }, "default": [] },
            },
            "required": ["id"],
        }),
    );
    check("v.picklist(['a', 'b'])", json!({ "enum": ["a", "b"] }));
    check("v.nullable(v.string())", json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }));
    check(
        "v.variant('kind', [v.object({ kind: v.literal('a') })])",
        json!({ "anyOf": [{ "type": "object", "properties": { "kind": { "const": "a" } }, "required": ["kind"] }] }),
    );
    check(
        "v.pipe(v.string(), v.nonEmpty(), v.maxLength(9), v.regex(/^a+$/))",
        json!({ "type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a+$" }),
    );
    // What stands behind a transformation is about something else.
    check("v.pipe(v.string(), v.transform(Number), v.maxLength(3))", json!({ "type": "string" }));
    check(
        "v.omit(v.strictObject({ a: v.string(), b: v.number() }), ['b'])",
        json!({
            "type": "object",
            "properties": { "a": { "type": "string" } },
            "required": ["a"],
            "additionalProperties": false,
        }),
    );
    check(
        "v.partial(v.object({ a: v.boolean() }))",
        json!({ "type": "object", "properties": { "a": { "type": "boolean" } } }),
    );
    check("v.somethingElse()", json!({}));
}

#[test]
fn zod_values() {
    check("z.email()", json!({ "type": "string", "format": "email" }));
    check("z.iso.date()", json!({ "type": "string", "format": "date" }));
    check("z.date()", json!({ "type": "string", "format": "date-time" }));
    check(
        "z.coerce.number().positive().lte(10.5)",
        json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 10.5 }),
    );
    check(
        "z.string().trim().min(1).max(9).regex(/^a+$/)",
        json!({ "type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a+$" }),
    );
    check("z.string().regex(/^a+$/i)", json!({ "type": "string" }));
    check("z.enum(['a', 'b'])", json!({ "type": "string", "enum": ["a", "b"] }));
    check("z.literal(7)", json!({ "const": 7 }));
    check("z.string().nullable()", json!({ "type": ["string", "null"] }));
    check("z.union([z.string(), z.number()])", json!({ "anyOf": [{ "type": "string" }, { "type": "number" }] }));
    check(
        "z.discriminatedUnion('k', [z.object({}), z.null()])",
        json!({ "anyOf": [{ "type": "object", "properties": {} }, { "type": "null" }] }),
    );
    check(
        "z.record(z.string(), z.number())",
        json!({ "type": "object", "additionalProperties": { "type": "number" } }),
    );
    check(
        "z.tuple([z.string()])",
        json!({ "type": "array", "prefixItems": [{ "type": "string" }], "minItems": 1, "maxItems": 1 }),
    );
    check("z.string().transform((it) => it.length)", json!({ "type": "string" }));
    check("z.preprocess((it) => it, z.boolean())", json!({ "type": "boolean" }));
    check("z.object({ a: z.string() }).shape.a", json!({ "type": "string" }));
}

#[test]
fn what_cannot_be_known_accepts_everything() {
    check("z.custom(() => true)", json!({}));
    check("z.array(other.thing())", json!({ "type": "array", "items": {} }));
    check("z.enum(other.values)", json!({}));
    check("z.string().min(other.least)", json!({ "type": "string" }));
    check("z.string().min(1.5)", json!({ "type": "string" }));
    let (found, _) = read("schema(other.object({})); schema('text'); schema(z); schema(z.string); schema(null);");
    assert_eq!(found, [None, None, None, None, None]);
}

#[test]
fn typebox() {
    check(
        "Type.Object({ id: Type.String({ format: 'uuid' }), n: Type.Optional(Type.Integer({ minimum: 1 })) }, { additionalProperties: false })",
        json!({
            "type": "object",
            "properties": { "id": { "type": "string", "format": "uuid" }, "n": { "type": "integer", "minimum": 1 } },
            "required": ["id"],
            "additionalProperties": false,
        }),
    );
    check("Type.Union([Type.Literal('a'), Type.Null()])", json!({ "anyOf": [{ "const": "a" }, { "type": "null" }] }));
    check("Type.Union([])", json!({}));
    check(
        "Type.Partial(Type.Object({ a: Type.String() }))",
        json!({ "type": "object", "properties": { "a": { "type": "string" } } }),
    );
    check("Type.Array(Type.Any(), { minItems: 1 })", json!({ "type": "array", "items": {}, "minItems": 1 }));
    check(
        "Type.Omit(Type.Object({ a: Type.String(), b: Type.String() }), ['a'])",
        json!({ "type": "object", "properties": { "b": { "type": "string" } }, "required": ["b"] }),
    );
}

#[test]
fn json_schema_literals() {
    check(
        "{ type: 'object', required: ['id'], properties: { id: { type: 'string', format: other.format }, x: other.x, u: { $ref: 'user#' } } }",
        json!({
            "type": "object",
            "required": ["id"],
            "properties": { "id": { "type": "string" }, "x": {}, "u": { "$ref": "#/components/schemas/user" } },
        }),
    );
    check(
        "{ anyOf: [{ type: 'null' }, Type.String()] }",
        json!({ "anyOf": [{ "type": "null" }, { "type": "string" }] }),
    );
    check("{ type: 'string', enum: [...other.values] }", json!({ "type": "string" }));
}

#[test]
fn schemas_with_names_are_kept_once() {
    let (found, named) = read(
        "const User = z.object({ id: z.string() }).meta({ id: 'User', description: 'somebody' });
         schema(z.array(User)); schema(User.partial()); schema({ $id: 'https://example.com/order', type: 'object' });
         schema(z.number().openapi('User'));",
    );
    let user = json!({ "type": "object", "properties": { "id": { "type": "string" } }, "required": ["id"], "description": "somebody" });
    let mut partial = user.clone();
    partial.as_object_mut().unwrap().remove("required");
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    assert_eq!(
        found,
        [
            Some(json!({ "type": "array", "items": reference("User") })),
            Some(partial),
            Some(reference("order")),
            Some(reference("User2")),
        ]
    );
    assert_eq!(named["User"], user);
    assert_eq!(named["User2"], json!({ "type": "number" }));
}

#[test]
fn properties_become_parameters() {
    let mut shapes = Shapes::default();
    let schema =
        json!({ "type": "object", "properties": { "page": { "type": "integer" }, "q": {} }, "required": ["q"] });
    let of = |shapes: &Shapes, schema: &Json, within| {
        shapes.parameters(schema, within).into_iter().map(|it| (it.name, it.required)).collect::<Vec<_>>()
    };
    assert_eq!(of(&shapes, &schema, Within::Query), [("page".to_owned(), false), ("q".to_owned(), true)]);
    let named = shapes.name("Paging", schema);
    assert_eq!(
        of(&shapes, &json!({ "allOf": [named] }), Within::Path),
        [("page".to_owned(), true), ("q".to_owned(), true)]
    );
    let circle = json!({ "$ref": "#/components/schemas/Circle" });
    shapes.named.insert("Circle".to_owned(), json!({ "allOf": [circle] }));
    assert_eq!(of(&shapes, &circle, Within::Query), []);
}

#[test]
fn values_that_hold_themselves_end() {
    let doubling = "let a = z.string();".to_owned() + &"a = z.tuple([a, a]);".repeat(40) + "schema(a);";
    let (found, _) = read(&doubling);
    assert!(found[0].as_ref().unwrap().to_string().len() < 4_000_000);
    let (found, _) = read(
        "const a = []; a.push(a); const o = { properties: {} }; o.properties.o = o; schema(o); schema(z.union(a));",
    );
    assert_eq!(found.len(), 2);
    let long = format!("schema(z.string(){});", ".trim()".repeat(3_000));
    assert_eq!(read(&long).0.len(), 1);
}
