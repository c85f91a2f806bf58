//! What validators and descriptions say about a route.

use doorward::shape::{Body, Response, Shape, Within};

use crate::js::chain::Part;
use crate::js::shapes::Shapes;
use crate::js::value::{External, Object, Value};

/// Validators that are called as `validator(target, schema)`.
static VALIDATORS: &[(&str, &str)] = &[
    ("@hono/zod-validator", "zValidator"),
    ("@hono/standard-validator", "sValidator"),
    ("@hono/typebox-validator", "tbValidator"),
    ("hono-openapi", "validator"),
    ("hono-openapi/zod", "validator"),
    ("hono-openapi/zod", "zValidator"),
];

/// What the validators among `parts` ask for.
pub(super) fn validated(shapes: &mut Shapes, parts: &[Part]) -> Shape {
    let mut shape = Shape::default();
    for part in parts {
        let Value::External(external) = &part.value else { continue };
        let External::Call(callee, args, _) = &**external else { continue };
        let (package, name) = (callee.package().unwrap_or_default(), callee.path().last().copied().unwrap_or_default());
        if !VALIDATORS.contains(&(package, name)) {
            continue;
        }
        let target = args.first().and_then(|it| it.value.as_str().map(str::to_owned)).unwrap_or_default();
        let Some(schema) = args.get(1).and_then(|it| shapes.schema(&it.value)) else { continue };
        let within = match target.as_str() {
            "query" => Within::Query,
            "param" => Within::Path,
            "header" => Within::Header,
            "cookie" => Within::Cookie,
            "json" | "form" => {
                let media_type = if target == "json" { "application/json" } else { "multipart/form-data" };
                shape.body = Some(Body { media_type: media_type.to_owned(), required: true, schema });
                continue;
            }
            _ => continue,
        };
        shape.parameters.extend(shapes.parameters(&schema, within));
    }
    shape
}

/// What `createRoute({ … })` says.
pub(super) fn described(shapes: &mut Shapes, route: &Object) -> Shape {
    let mut shape = Shape::default();
    let text = |name: &str| route.get(name).and_then(|it| it.as_str().map(str::to_owned));
    shape.summary = text("summary").filter(|it| !it.chars().any(char::is_control));
    if let Some(Value::Array(tags)) = route.get("tags") {
        shape.tags = tags.items.borrow().iter().filter_map(|it| it.as_str().map(str::to_owned)).collect();
    }
    if let Some(Value::Object(request)) = route.get("request") {
        let places = [
            ("params", Within::Path),
            ("query", Within::Query),
            ("headers", Within::Header),
            ("cookies", Within::Cookie),
        ];
        for (name, within) in places {
            if let Some(schema) = request.get(name).and_then(|it| shapes.schema(&it)) {
                shape.parameters.extend(shapes.parameters(&schema, within));
            }
        }
        if let Some(Value::Object(body)) = request.get("body")
            && let Some((media_type, schema)) = content(shapes, &body)
        {
            let required = !matches!(body.get("required"), Some(Value::Bool(false)));
            shape.body = Some(Body { media_type, required, schema: schema.unwrap_or_default() });
        }
    }
    if let Some(Value::Object(responses)) = route.get("responses") {
        for (status, response) in responses.props.borrow().iter() {
            let found = match response {
                Value::Object(it) => content(shapes, it),
                _ => None,
            };
            let (media_type, schema) = found.map_or((None, None), |(media_type, schema)| (Some(media_type), schema));
            shape.responses.push(Response { status: status.to_string(), media_type, schema });
        }
    }
    shape
}

/// The first kind of content, with its schema.
fn content(shapes: &mut Shapes, of: &Object) -> Option<(String, Option<serde_json::Value>)> {
    let Some(Value::Object(content)) = of.get("content") else { return None };
    let (media_type, inner) = content.props.borrow().first().cloned()?;
    let schema = match inner {
        Value::Object(inner) => inner.get("schema").and_then(|it| shapes.schema(&it)),
        _ => None,
    };
    Some((media_type.to_string(), schema))
}
