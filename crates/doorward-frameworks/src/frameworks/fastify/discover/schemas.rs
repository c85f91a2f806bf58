//! What a route takes and gives, from its `schema`.

use doorward::inventory::RouteId;
use doorward::shape::{Body, Parameter, Response, Shape, Within};
use serde_json::json;

use super::Reader;
use super::host::{Registration, as_object};
use crate::js::value::{Object, Value};

impl Reader<'_> {
    pub(super) fn shape(&mut self, route: &Registration, id: &RouteId) -> Shape {
        let mut shape = Shape::default();
        let schema = route.options.as_ref().and_then(|it| it.get("schema")).as_ref().and_then(as_object);
        if let Some(schema) = &schema {
            shape.summary = schema.get("summary").and_then(|it| it.as_str().map(crate::walk::printable));
            if let Some(Value::Array(tags)) = schema.get("tags") {
                let tags = tags.items.borrow();
                shape.tags = tags.iter().filter_map(|it| it.as_str()).map(crate::walk::printable).collect();
            }
            for (key, within) in [
                ("params", Within::Path),
                ("querystring", Within::Query),
                ("query", Within::Query),
                ("headers", Within::Header),
            ] {
                if let Some(value) = schema.get(key)
                    && let Some(read) = self.shapes.schema(&value)
                {
                    shape.parameters.extend(self.shapes.parameters(&read, within));
                }
            }
            if let Some(value) = schema.get("body")
                && let Some(read) = self.shapes.schema(&value)
            {
                let media_type = consumes(schema);
                shape.body = Some(Body { media_type, required: true, schema: read });
            }
            if let Some(responses) = schema.get("response").as_ref().and_then(as_object) {
                for (status, value) in responses.props.borrow().iter() {
                    shape.responses.push(self.response(status, value));
                }
            }
        }
        // Parameters of the path that no schema mentions, and no others.
        let holes: Vec<&str> = id.path.params().collect();
        shape.parameters.retain(|it| it.within != Within::Path || holes.contains(&it.name.as_str()));
        if !shape.is_empty() {
            for name in holes {
                if shape.parameter(Within::Path, name).is_none() {
                    let (name, schema) = (name.to_owned(), json!({ "type": "string" }));
                    shape.parameters.push(Parameter { name, within: Within::Path, required: true, schema });
                }
            }
        }
        shape
    }

    fn response(&mut self, status: &str, value: &Value) -> Response {
        let status = status.to_ascii_uppercase();
        let status = if status == "DEFAULT" { "default".to_owned() } else { status };
        // `{ content: { 'application/json': { schema } } }`.
        let content = as_object(value).and_then(|it| it.get("content")).as_ref().and_then(as_object);
        if let Some(content) = content
            && let Some((media_type, inner)) = content.props.borrow().first().cloned()
        {
            let schema = as_object(&inner).and_then(|it| it.get("schema")).and_then(|it| self.shapes.schema(&it));
            return Response { status, media_type: Some(crate::walk::printable(&media_type)), schema };
        }
        let schema = self.shapes.schema(value);
        let empty = matches!(status.as_str(), "204" | "304");
        Response {
            status,
            media_type: (!empty).then(|| "application/json".to_owned()),
            schema: schema.filter(|_| !empty),
        }
    }
}

fn consumes(schema: &Object) -> String {
    let given = match schema.get("consumes") {
        Some(Value::Array(array)) => array.items.borrow().first().and_then(|it| it.as_str().map(str::to_owned)),
        _ => None,
    };
    given.map_or_else(|| "application/json".to_owned(), |it| crate::walk::printable(&it))
}
