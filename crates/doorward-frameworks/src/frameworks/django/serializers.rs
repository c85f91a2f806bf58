//! Serializers of the REST framework, and the models behind them, as JSON Schema.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value as Json, json};

use super::shapes::number;
use super::verdict::DjangoEval;
use super::views::own;
use crate::py::value::{Args, Class, External, Instance, Value};

/// Serializers in serializers; people nest a few.
const MAX_NESTING: usize = 12;
/// Fields of one serializer, and serializers of one project.
const MAX_FIELDS: usize = 500;
const MAX_SCHEMAS: usize = 5_000;

/// The schemas that were written down, by name.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    named: BTreeMap<String, Json>,
    /// The name of each class, by where it is written.
    names: BTreeMap<(usize, usize), String>,
    depth: usize,
}

/// A field, as far as it is known.
struct Field {
    schema: Json,
    required: bool,
}

impl Schemas {
    pub(super) fn into_named(self) -> BTreeMap<String, Json> {
        self.named
    }

    /// A reference to the schema of a serializer. `None`: it declares nothing.
    pub(super) fn reference<'p>(&mut self, eval: &mut DjangoEval<'p>, class: &Rc<Class<'p>>) -> Option<Json> {
        if !class.inherits(|name| name.starts_with("rest_framework.") && name.contains("Serializer")) {
            return None;
        }
        let key = (class.module, crate::py::eval::span(class.def).start);
        if let Some(name) = self.names.get(&key) {
            return Some(refer(name));
        }
        if self.depth > MAX_NESTING || self.named.len() > MAX_SCHEMAS {
            return None;
        }
        let plain = class.name().strip_suffix("Serializer").filter(|it| !it.is_empty()).unwrap_or(class.name());
        let mut name = plain.to_owned();
        let mut count = 1;
        while self.named.contains_key(&name) {
            count += 1;
            name = format!("{plain}{count}");
        }
        self.names.insert(key, name.clone());
        // It may refer to itself while it is read.
        self.named.insert(name.clone(), json!({}));
        self.depth += 1;
        let schema = self.object(eval, class);
        self.depth -= 1;
        self.named.insert(name.clone(), schema);
        Some(refer(&name))
    }

    /// The same with nothing required, as a partial update takes it.
    pub(super) fn partial(&mut self, schema: &Json) -> Json {
        let name = schema.get("$ref").and_then(Json::as_str).and_then(|it| it.rsplit('/').next()).map(str::to_owned);
        let Some(mut known) = name.as_ref().and_then(|it| self.named.get(it)).cloned() else { return schema.clone() };
        if let Some(object) = known.as_object_mut() {
            object.remove("required");
        }
        let name = format!("Patched{}", name.unwrap_or_default());
        self.named.insert(name.clone(), known);
        refer(&name)
    }

    fn object<'p>(&mut self, eval: &mut DjangoEval<'p>, class: &Rc<Class<'p>>) -> Json {
        let mut fields: Vec<(String, Field)> = self.declared(eval, class);
        if let Some(Value::Class(meta)) = own(class, "Meta") {
            self.of_meta(eval, &meta, &mut fields);
        }
        let required: Vec<String> =
            fields.iter().filter(|(_, field)| field.required).map(|(name, _)| name.clone()).collect();
        let properties: Map<String, Json> = fields.into_iter().map(|(name, field)| (name, field.schema)).collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        if let (false, Some(object)) = (required.is_empty(), schema.as_object_mut()) {
            object.insert("required".to_owned(), json!(required));
        }
        schema
    }

    /// Fields that are written in the class.
    fn declared<'p>(&mut self, eval: &mut DjangoEval<'p>, class: &Rc<Class<'p>>) -> Vec<(String, Field)> {
        let mut all: Vec<(String, Field)> = Vec::new();
        for parent in class.mro().iter().rev() {
            let Value::Class(parent) = parent else { continue };
            let attrs: Vec<(Rc<str>, Value<'p>)> = parent.attrs.borrow().clone();
            for (name, value) in attrs.into_iter().take(MAX_FIELDS) {
                if let Some(field) = self.field(eval, &value) {
                    all.retain(|(it, _)| **it != *name);
                    all.push((name.to_string(), field));
                }
            }
        }
        all
    }

    fn field<'p>(&mut self, eval: &mut DjangoEval<'p>, value: &Value<'p>) -> Option<Field> {
        match value {
            Value::External(external) => {
                let (callee, args, _) = external.called()?;
                let known = callee.package() == Some("rest_framework")
                    && (callee.last().ends_with("Field") || callee.last().ends_with("Serializer"));
                known.then(|| self.made(eval, callee, args)).flatten()
            }
            Value::Instance(instance) => self.nested(eval, instance),
            _ => None,
        }
    }

    /// A serializer as a field of another.
    fn nested<'p>(&mut self, eval: &mut DjangoEval<'p>, instance: &Rc<Instance<'p>>) -> Option<Field> {
        let is = |name: &str| instance.own(name).and_then(|it| it.truth());
        if let Some(schema) = self.reference(eval, &instance.class) {
            let mut schema =
                if is("many") == Some(true) { json!({ "type": "array", "items": schema }) } else { schema };
            mark(&mut schema, is("read_only") == Some(true), is("write_only") == Some(true));
            let required = is("required") != Some(false) && is("read_only") != Some(true);
            return Some(Field { schema, required });
        }
        // A field of the project's own takes what only it knows.
        let custom = instance.class.inherits(|name| name.starts_with("rest_framework.") && name.ends_with("Field"));
        custom.then(|| Field {
            schema: json!({}),
            required: is("required") != Some(false) && is("read_only") != Some(true),
        })
    }

    fn made<'p>(&mut self, eval: &mut DjangoEval<'p>, callee: &Rc<External<'p>>, args: &Rc<Args<'p>>) -> Option<Field> {
        if callee.last() == "HiddenField" {
            return None;
        }
        let is = |name: &str| args.named(name).and_then(Value::truth);
        let mut schema = kind(callee.last());
        let child = args.named("child").cloned().and_then(|it| self.field(eval, &it));
        if let (Some(child), Some("array")) = (child, schema.get("type").and_then(Json::as_str)) {
            schema = json!({ "type": "array", "items": child.schema });
        }
        if is("many") == Some(true) {
            schema = json!({ "type": "array", "items": schema });
        }
        limits(&mut schema, args);
        if let Some(choices) = args.get(0, "choices").filter(|_| callee.last() == "ChoiceField") {
            enumeration(eval, &mut schema, choices);
        }
        if is("allow_null") == Some(true) {
            nullable(&mut schema);
        }
        let always = matches!(callee.last(), "SerializerMethodField" | "ReadOnlyField" | "StringRelatedField");
        let read_only = always || is("read_only") == Some(true);
        mark(&mut schema, read_only, is("write_only") == Some(true));
        let required = !read_only && is("required") != Some(false) && args.named("default").is_none();
        Some(Field { schema, required })
    }

    /// The fields that a `ModelSerializer` takes from its model.
    fn of_meta<'p>(&mut self, eval: &mut DjangoEval<'p>, meta: &Rc<Class<'p>>, fields: &mut Vec<(String, Field)>) {
        let texts = |eval: &mut DjangoEval<'p>, name: &str| {
            own(meta, name).and_then(|it| super::views::texts(eval, &it)).unwrap_or_default()
        };
        let model = match own(meta, "model") {
            Some(Value::Class(model)) => Some(model),
            _ => None,
        };
        let columns = model.as_ref().map(|it| columns(eval, it)).unwrap_or_default();
        let wanted: Vec<String> = match own(meta, "fields") {
            Some(Value::Str(all)) if &*all.text == "__all__" => columns.iter().map(|(name, _)| name.clone()).collect(),
            Some(_) => texts(eval, "fields"),
            None => {
                let excluded = texts(eval, "exclude");
                columns.iter().map(|(name, _)| name.clone()).filter(|it| !excluded.contains(it)).collect()
            }
        };
        let read_only = texts(eval, "read_only_fields");
        let mut columns: BTreeMap<String, Field> = columns.into_iter().collect();
        let mut declared: BTreeMap<String, Field> = fields.drain(..).collect();
        for name in wanted.into_iter().take(MAX_FIELDS) {
            let own = declared.remove(&name);
            let is_own = own.is_some();
            let mut field =
                own.or_else(|| columns.remove(&name)).unwrap_or(Field { schema: json!({}), required: false });
            if !is_own && read_only.contains(&name) {
                mark(&mut field.schema, true, false);
                field.required = false;
            }
            fields.push((name, field));
        }
        // Declared fields have to be listed; what is left stands in a list that isn't known.
        fields.extend(declared);
    }
}

fn refer(name: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The columns of a model, in the order of its classes.
fn columns<'p>(eval: &mut DjangoEval<'p>, model: &Rc<Class<'p>>) -> Vec<(String, Field)> {
    let mut all: Vec<(String, Field)> = Vec::new();
    let mut has_key = false;
    for parent in model.mro().iter().rev() {
        let Value::Class(parent) = parent else { continue };
        let attrs: Vec<(Rc<str>, Value<'p>)> = parent.attrs.borrow().clone();
        for (name, value) in attrs.into_iter().take(MAX_FIELDS) {
            let Value::External(external) = &value else { continue };
            let Some((callee, args, _)) = external.called() else { continue };
            let known = callee.last().ends_with("Field") || matches!(callee.last(), "ForeignKey");
            if callee.package() != Some("django") || !known {
                continue;
            }
            let is = |name: &str| args.named(name).and_then(Value::truth);
            has_key |= is("primary_key") == Some(true);
            let mut schema = kind(callee.last());
            limits(&mut schema, args);
            if let Some(choices) = args.named("choices") {
                enumeration(eval, &mut schema, choices);
            }
            if is("null") == Some(true) {
                nullable(&mut schema);
            }
            let automatic = is("auto_now") == Some(true) || is("auto_now_add") == Some(true);
            let read_only = automatic || is("editable") == Some(false) || callee.last().contains("AutoField");
            mark(&mut schema, read_only, false);
            let optional = is("blank") == Some(true)
                || is("null") == Some(true)
                || args.named("default").is_some()
                || matches!(callee.last(), "BooleanField" | "ManyToManyField");
            all.retain(|(it, _)| **it != *name);
            all.push((name.to_string(), Field { schema, required: !read_only && !optional }));
        }
    }
    if !has_key {
        let schema = json!({ "type": "integer", "readOnly": true });
        all.insert(0, ("id".to_owned(), Field { schema, required: false }));
    }
    all
}

/// What a class of fields takes, of the framework's and of Django's models.
fn kind(name: &str) -> Json {
    match name {
        "CharField" | "TextField" | "RegexField" | "FilePathField" | "FileField" | "ImageField" => {
            json!({ "type": "string" })
        }
        "SlugField" => json!({ "type": "string", "pattern": "^[-a-zA-Z0-9_]+$" }),
        "EmailField" => json!({ "type": "string", "format": "email" }),
        "URLField" => json!({ "type": "string", "format": "uri" }),
        "UUIDField" => json!({ "type": "string", "format": "uuid" }),
        "DateTimeField" => json!({ "type": "string", "format": "date-time" }),
        "DateField" => json!({ "type": "string", "format": "date" }),
        "TimeField" => json!({ "type": "string", "format": "time" }),
        "DecimalField" | "DurationField" | "IPAddressField" | "GenericIPAddressField" => json!({ "type": "string" }),
        "IntegerField" | "BigIntegerField" | "SmallIntegerField" | "AutoField" | "BigAutoField" | "SmallAutoField" => {
            json!({ "type": "integer" })
        }
        "PositiveIntegerField" | "PositiveSmallIntegerField" | "PositiveBigIntegerField" => {
            json!({ "type": "integer", "minimum": 0 })
        }
        "FloatField" => json!({ "type": "number" }),
        "BooleanField" | "NullBooleanField" => json!({ "type": "boolean" }),
        "ListField" | "MultipleChoiceField" | "ManyToManyField" | "ManyRelatedField" | "ArrayField" => {
            json!({ "type": "array" })
        }
        "DictField" | "HStoreField" => json!({ "type": "object" }),
        _ => json!({}),
    }
}

fn limits(schema: &mut Json, args: &Args<'_>) {
    let Some(object) = schema.as_object_mut() else { return };
    let of = match object.get("type").and_then(Json::as_str) {
        Some("string") => [("max_length", "maxLength"), ("min_length", "minLength")],
        Some("integer" | "number") => [("min_value", "minimum"), ("max_value", "maximum")],
        _ => return,
    };
    for (argument, keyword) in of {
        if let Some(value) = args.named(argument).and_then(number) {
            object.insert(keyword.to_owned(), value);
        }
    }
}

/// `["new", "paid"]`, or pairs with a text for people, or a class of choices.
fn enumeration<'p>(eval: &mut DjangoEval<'p>, schema: &mut Json, choices: &Value<'p>) {
    let choices = match choices {
        Value::External(_) | Value::Unknown => return,
        other => other.clone(),
    };
    let (items, open) = eval.items(&choices);
    let values: Option<Vec<Json>> = items
        .iter()
        .map(|it| match it {
            Value::List(pair) => pair.items.borrow().first().cloned(),
            other => Some(other.clone()),
        })
        .map(|it| match it? {
            Value::Str(text) => Some(json!(&*text.text)),
            Value::Int(int) => Some(json!(int)),
            _ => None,
        })
        .collect();
    if let (Some(values), false, Some(object)) = (values, open, schema.as_object_mut())
        && !values.is_empty()
    {
        object.insert("enum".to_owned(), Json::Array(values));
    }
}

fn nullable(schema: &mut Json) {
    if let Some(object) = schema.as_object_mut()
        && let Some(kind) = object.get("type").and_then(Json::as_str).map(str::to_owned)
    {
        object.insert("type".to_owned(), json!([kind, "null"]));
        if let Some(values) = object.get_mut("enum").and_then(Json::as_array_mut) {
            values.push(Json::Null);
        }
    }
}

fn mark(schema: &mut Json, read_only: bool, write_only: bool) {
    if let Some(object) = schema.as_object_mut() {
        if read_only {
            object.insert("readOnly".to_owned(), json!(true));
        }
        if write_only {
            object.insert("writeOnly".to_owned(), json!(true));
        }
    }
}
