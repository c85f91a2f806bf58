//! What routes take and give: values in the path, and what serializers of the REST framework declare.

use std::rc::Rc;

use doorward::shape::{Body, Parameter, Response, Shape, Within};
use serde_json::{Value as Json, json};

use super::discover::Reader;
use super::pattern::{Part, Way};
use super::views::{self, Target, View};
use crate::py::value::{Args, Class, Value};

const JSON: &str = "application/json";

impl<'p> Reader<'p> {
    pub(super) fn shape(&mut self, target: &Target<'p>, way: &Way, method: &str, action: Option<&str>) -> Shape {
        let mut shape = Shape { parameters: parameters(way), ..Shape::default() };
        let View::Class { class, args } = &target.view else { return shape };
        if !views::is_rest(class) {
            return shape;
        }
        let Some(does) = does(class, method, action) else { return shape };
        let schema = self.serializer_of(class, args).and_then(|it| self.schemas.reference(&mut self.eval, &it));
        if let (Some(schema), true) = (&schema, matches!(method, "POST" | "PUT" | "PATCH")) {
            let schema = if does == "partial_update" { self.schemas.partial(schema) } else { schema.clone() };
            shape.body = Some(Body { media_type: JSON.to_owned(), required: true, schema });
        }
        shape.responses = match (does, schema) {
            ("destroy", _) => vec![Response { status: "204".to_owned(), media_type: None, schema: None }],
            // A list may be cut in pages, which changes its form.
            ("list", _) | (_, None) => Vec::new(),
            (does, Some(schema)) => {
                let status = if does == "create" { "201" } else { "200" };
                vec![Response { status: status.to_owned(), media_type: Some(JSON.to_owned()), schema: Some(schema) }]
            }
        };
        shape
    }

    /// The serializer that a view names.
    fn serializer_of(&mut self, class: &Rc<Class<'p>>, args: &Args<'p>) -> Option<Rc<Class<'p>>> {
        // Which one a method of the view chooses depends on the request.
        if views::own(class, "get_serializer_class").is_some() || views::own(class, "get_serializer").is_some() {
            return None;
        }
        let named = args.named("serializer_class").cloned().or_else(|| views::own(class, "serializer_class"));
        match named {
            Some(Value::Class(serializer)) => Some(serializer),
            _ => None,
        }
    }
}

/// What of the framework's own answers a method, if it wasn't replaced by something that may do anything.
fn does(class: &Rc<Class<'_>>, method: &str, action: Option<&str>) -> Option<&'static str> {
    let known = match action {
        Some(action) => ["list", "create", "retrieve", "update", "partial_update", "destroy"]
            .into_iter()
            .find(|it| *it == action)?,
        None => {
            let lists = views::has(class, "list") || class.inherits(|name| name.contains("List"));
            match method {
                "GET" if lists => "list",
                "GET" => "retrieve",
                "POST" => "create",
                "PUT" => "update",
                "PATCH" => "partial_update",
                "DELETE" => "destroy",
                _ => return None,
            }
        }
    };
    let replaced = views::own(class, action.unwrap_or(&method.to_ascii_lowercase())).is_some();
    // A class without the framework's mixins declares its serializer for documentation at most.
    let generic = class.inherits(|name| name.starts_with("rest_framework.") && !name.ends_with(".APIView"));
    (generic && (!replaced || action.is_some())).then_some(known)
}

/// The values of a path whose form is known.
fn parameters(way: &Way) -> Vec<Parameter> {
    let names = way.parts.iter().filter_map(|it| match it {
        Part::Value { name, .. } => Some(name),
        Part::Text(_) => None,
    });
    names
        .filter_map(|name| {
            let (_, schema) = way.schemas.iter().find(|(it, _)| it == name)?;
            Some(Parameter { name: name.clone(), within: Within::Path, required: true, schema: schema.clone() })
        })
        .filter(|it| it.schema != json!({ "type": "string" }))
        .collect()
}

/// Reads a number of an argument.
pub(super) fn number(value: &Value) -> Option<Json> {
    match value {
        Value::Int(it) => Some(json!(it)),
        Value::Float(it) => Some(json!(it)),
        _ => None,
    }
}
