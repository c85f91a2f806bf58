//! From Python's types to JSON Schema, as Pydantic does it.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value as Json, json};

use super::discover::Reader;
use super::fields::{given_default, has_default, is_field, limit, limit_by, plain};
use super::parameters::annotated;
use crate::py::eval::is_enum;
use crate::py::value::{Class, External, Value};
use crate::walk::printable;

/// Types are nested a few levels deep.
const MAX_DEPTH: usize = 40;
/// An API has fewer models.
const MAX_SCHEMAS: usize = 5_000;

/// What type variables stand for.
pub(super) type Bindings<'p> = HashMap<String, Value<'p>>;

/// Types of packages and of the language that have a fixed schema, by the last part of their name.
static KNOWN: &[(&str, &str, Option<&str>)] = &[
    ("str", "string", None),
    ("int", "integer", None),
    ("float", "number", None),
    ("bool", "boolean", None),
    ("bytes", "string", Some("binary")),
    ("datetime", "string", Some("date-time")),
    ("AwareDatetime", "string", Some("date-time")),
    ("NaiveDatetime", "string", Some("date-time")),
    ("FutureDatetime", "string", Some("date-time")),
    ("PastDatetime", "string", Some("date-time")),
    ("date", "string", Some("date")),
    ("FutureDate", "string", Some("date")),
    ("PastDate", "string", Some("date")),
    ("time", "string", Some("time")),
    ("timedelta", "string", Some("duration")),
    ("UUID", "string", Some("uuid")),
    ("UUID1", "string", Some("uuid1")),
    ("UUID3", "string", Some("uuid3")),
    ("UUID4", "string", Some("uuid4")),
    ("UUID5", "string", Some("uuid5")),
    ("EmailStr", "string", Some("email")),
    ("NameEmail", "string", Some("name-email")),
    ("AnyUrl", "string", Some("uri")),
    ("AnyHttpUrl", "string", Some("uri")),
    ("HttpUrl", "string", Some("uri")),
    ("SecretStr", "string", Some("password")),
    ("Path", "string", Some("path")),
    ("IPv4Address", "string", Some("ipv4")),
    ("IPv6Address", "string", Some("ipv6")),
    ("UploadFile", "string", Some("binary")),
    ("StrictStr", "string", None),
    ("StrictInt", "integer", None),
    ("StrictBool", "boolean", None),
    ("StrictFloat", "number", None),
];

/// Types whose argument is what they hold many of.
static LISTS: &[&str] =
    &["list", "List", "Sequence", "Iterable", "Collection", "MutableSequence", "deque", "tuple", "Tuple"];
static SETS: &[&str] = &["set", "Set", "frozenset", "FrozenSet", "AbstractSet", "MutableSet"];
static MAPS: &[&str] = &["dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict"];

impl<'p> Reader<'p> {
    /// The schema of a type. What isn't known may be anything.
    pub(super) fn schema(&mut self, kind: &Value<'p>, bound: &Bindings<'p>, depth: usize) -> Json {
        if depth > MAX_DEPTH {
            return json!({});
        }
        match kind {
            Value::None => json!({ "type": "null" }),
            Value::External(external) => match type_variable(external) {
                Some(name) => match bound.get(&name).cloned() {
                    Some(other) => self.schema(&other, &Bindings::new(), depth + 1),
                    None => json!({}),
                },
                None => known_type(external),
            },
            Value::Item(item) => self.subscripted(&item.0.clone(), &item.1.clone(), bound, depth),
            Value::Union(parts) => self.union(parts, bound, depth),
            Value::Class(class) => self.model(class, &[], depth),
            _ => json!({}),
        }
    }

    fn union(&mut self, parts: &[Value<'p>], bound: &Bindings<'p>, depth: usize) -> Json {
        let mut all: Vec<Json> = Vec::new();
        for part in parts {
            match self.schema(part, bound, depth + 1) {
                Json::Object(mut map) if map.len() == 1 && map.get("anyOf").is_some_and(Json::is_array) => {
                    if let Some(Json::Array(inner)) = map.remove("anyOf") {
                        all.extend(inner);
                    }
                }
                other => all.push(other),
            }
        }
        match all.len() {
            1 => all.pop().unwrap_or_default(),
            _ => json!({ "anyOf": all }),
        }
    }

    fn subscripted(&mut self, of: &Value<'p>, args: &[Value<'p>], bound: &Bindings<'p>, depth: usize) -> Json {
        let first = args.first().cloned().unwrap_or(Value::Unknown);
        let external = match of {
            Value::Class(class) => {
                let args: Vec<Value<'p>> = args.iter().map(|it| substituted(it, bound)).collect();
                return self.model(class, &args, depth);
            }
            Value::External(external) => Rc::clone(external),
            _ => return json!({}),
        };
        match external.last() {
            "Annotated" => {
                let mut schema = self.schema(&first, bound, depth + 1);
                for marker in args.iter().skip(1) {
                    limit(&mut schema, marker);
                }
                schema
            }
            "Optional" => self.union(&[first, Value::None], bound, depth),
            "Union" => self.union(args, bound, depth),
            "Literal" => literal(args),
            "ClassVar" | "Final" | "Required" | "NotRequired" | "Mapped" | "ReadOnly" => {
                self.schema(&first, bound, depth + 1)
            }
            "tuple" | "Tuple" if !matches!(args.get(1), None | Some(Value::Ellipsis)) => {
                let items: Vec<Json> = args.iter().map(|it| self.schema(it, bound, depth + 1)).collect();
                json!({ "type": "array", "prefixItems": items, "minItems": args.len(), "maxItems": args.len() })
            }
            last if LISTS.contains(&last) => {
                json!({ "type": "array", "items": self.schema(&first, bound, depth + 1) })
            }
            last if SETS.contains(&last) => {
                json!({ "type": "array", "uniqueItems": true, "items": self.schema(&first, bound, depth + 1) })
            }
            last if MAPS.contains(&last) => {
                let value = args.get(1).cloned().unwrap_or(Value::Unknown);
                let value = self.schema(&value, bound, depth + 1);
                let any = value.as_object().is_some_and(Map::is_empty);
                json!({ "type": "object", "additionalProperties": if any { json!(true) } else { value } })
            }
            _ => json!({}),
        }
    }

    /// A reference to the schema of a class, which is made unless it is there.
    fn model(&mut self, class: &Rc<Class<'p>>, args: &[Value<'p>], depth: usize) -> Json {
        if class.inherits(is_enum) {
            let name = self.schema_name(class, &[]);
            let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
            self.found.schemas.entry(name).or_insert_with(|| enumeration(class));
            return reference;
        }
        if !self.is_model(class) {
            return json!({});
        }
        let name = self.schema_name(class, args);
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        if self.found.schemas.contains_key(&name) || self.found.schemas.len() > MAX_SCHEMAS {
            return reference;
        }
        // A model may refer to itself.
        self.found.schemas.insert(name.clone(), json!({}));
        let bound = bindings(class, args);
        let schema = self.properties(class, &bound, depth);
        self.found.schemas.insert(name, schema);
        reference
    }

    /// Whether a class describes data: a model, a dataclass or a typed dictionary.
    pub(super) fn is_model(&self, class: &Rc<Class<'p>>) -> bool {
        class.inherits(|name| {
            let last = name.rsplit('.').next().unwrap_or_default();
            matches!(
                last,
                "BaseModel" | "RootModel" | "SQLModel" | "TypedDict" | "NamedTuple" | "Schema" | "GenericModel"
            )
        }) || class
            .decorators
            .borrow()
            .iter()
            .any(|(it, _)| it.external_name().is_some_and(|it| it.ends_with("dataclass")))
    }

    fn properties(&mut self, class: &Rc<Class<'p>>, bound: &Bindings<'p>, depth: usize) -> Json {
        let mut properties: Map<String, Json> = Map::new();
        let mut required: Vec<String> = Vec::new();
        let is_dict = class.inherits(|name| name.ends_with("TypedDict"));
        let partial = class.keywords.iter().any(|(name, it)| *name == "total" && it.truth() == Some(false));
        for parent in class.mro().iter().rev() {
            let Value::Class(parent) = parent else { continue };
            let inherited = inherited_bindings(class, parent, bound);
            for (name, annotation, _) in self.fields(parent) {
                let (kind, markers) = annotated(&annotation);
                let hidden = name.starts_with('_') || name == "model_config" || outer_name(&kind) == Some("ClassVar");
                if hidden {
                    continue;
                }
                if name == "root" && class.inherits(|it| it.ends_with("RootModel")) {
                    return self.schema(&kind, &inherited, depth + 1);
                }
                let default = parent.own(name);
                let (shown, mut schema) =
                    (self.alias(name, &default, &markers), self.schema(&kind, &inherited, depth + 1));
                for marker in markers.iter().chain(&default) {
                    limit(&mut schema, marker);
                }
                let missing = match &default {
                    None => {
                        let may_be_missing = is_dict && partial || outer_name(&kind) == Some("NotRequired");
                        !(may_be_missing || markers.iter().any(has_default))
                    }
                    Some(Value::Ellipsis) => true,
                    Some(value) => is_field(value) && !has_default(value),
                };
                let given = default.as_ref().and_then(given_default);
                if let (Some(value), Some(map)) = (given, schema.as_object_mut()) {
                    map.insert("default".to_owned(), value);
                }
                required.retain(|it| *it != shown);
                if missing {
                    required.push(shown.clone());
                }
                properties.insert(shown, schema);
            }
        }
        if let Some(root) = root_of(class) {
            return self.schema(&root, bound, depth + 1);
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if let (false, Some(map)) = (required.is_empty(), schema.as_object_mut()) {
            map.insert("required".to_owned(), json!(required));
        }
        schema
    }

    fn alias(&self, name: &str, default: &Option<Value<'p>>, markers: &[Value<'p>]) -> String {
        let of = |it: &Value<'p>| match it {
            Value::External(external) if is_field(it) => {
                let (_, args, _) = external.called()?;
                let alias = args.named("validation_alias").or_else(|| args.named("alias"))?;
                alias.as_str().map(printable)
            }
            _ => None,
        };
        markers.iter().chain(default).find_map(of).unwrap_or_else(|| name.to_owned())
    }

    /// The name of a class among the schemas: its own, or with its module where two have the same.
    fn schema_name(&mut self, class: &Rc<Class<'p>>, args: &[Value<'p>]) -> String {
        let mut name = class.name().to_owned();
        for (at, arg) in args.iter().enumerate() {
            name.push_str(if at == 0 { "_" } else { "__" });
            name.push_str(&type_name(arg, 0));
        }
        if !args.is_empty() {
            name.push('_');
        }
        let key = std::ptr::from_ref(class.def) as usize;
        match self.schema_names.get(&name) {
            Some(known) if *known == key => name,
            None => {
                self.schema_names.insert(name.clone(), key);
                name
            }
            Some(_) => {
                let module = self.file(class.module);
                let module = module.trim_end_matches(".py").replace(|it: char| !it.is_ascii_alphanumeric(), "_");
                format!("{module}__{name}")
            }
        }
    }
}
fn kind_of(value: &Json) -> Option<&'static str> {
    match value {
        Json::String(_) => Some("string"),
        Json::Number(it) if it.is_f64() => Some("number"),
        Json::Number(_) => Some("integer"),
        Json::Bool(_) => Some("boolean"),
        _ => None,
    }
}

fn enumeration(class: &Class) -> Json {
    let members = class.attrs.borrow();
    let members = members.iter().filter(|(name, _)| !name.starts_with('_'));
    let values: Vec<Json> = members.filter_map(|(_, value)| plain(value)).collect();
    let kind = values.first().map(kind_of).filter(|kind| values.iter().all(|it| kind_of(it) == *kind));
    let mut schema = json!({ "enum": values });
    if let (Some(Some(kind)), Some(map)) = (kind, schema.as_object_mut()) {
        map.insert("type".to_owned(), json!(kind));
    }
    schema
}

fn literal(args: &[Value]) -> Json {
    let values: Vec<Json> = args.iter().filter_map(plain).collect();
    let kind = values.first().and_then(kind_of).filter(|kind| values.iter().all(|it| kind_of(it) == Some(*kind)));
    let mut schema = match values.as_slice() {
        [one] => json!({ "const": one }),
        _ => json!({ "enum": values }),
    };
    if let (Some(kind), Some(map)) = (kind, schema.as_object_mut()) {
        map.insert("type".to_owned(), json!(kind));
    }
    schema
}

fn known_type(external: &External) -> Json {
    let last = external.last();
    if let Some((_, args, _)) = external.called() {
        // `conint(gt=0)` and its kin.
        let inner = match last {
            "conint" => json!({ "type": "integer" }),
            "confloat" => json!({ "type": "number" }),
            "constr" => json!({ "type": "string" }),
            _ => return json!({}),
        };
        let mut schema = inner;
        limit_by(&mut schema, args);
        return schema;
    }
    match last {
        "Decimal" => json!({ "anyOf": [{ "type": "number" }, { "type": "string" }] }),
        "dict" | "Dict" | "Mapping" => json!({ "type": "object", "additionalProperties": true }),
        "set" | "Set" | "frozenset" => json!({ "type": "array", "uniqueItems": true, "items": {} }),
        "list" | "List" | "tuple" | "Sequence" => json!({ "type": "array", "items": {} }),
        "PositiveInt" => json!({ "type": "integer", "exclusiveMinimum": 0 }),
        "NonNegativeInt" => json!({ "type": "integer", "minimum": 0 }),
        "PositiveFloat" => json!({ "type": "number", "exclusiveMinimum": 0 }),
        "NonNegativeFloat" => json!({ "type": "number", "minimum": 0 }),
        _ => match KNOWN.iter().find(|(name, ..)| *name == last) {
            Some((_, kind, Some(format))) => json!({ "type": kind, "format": format }),
            Some((_, kind, None)) => json!({ "type": kind }),
            None => json!({}),
        },
    }
}
/// The name of a type variable.
fn type_variable(external: &External) -> Option<String> {
    match external.called() {
        Some((callee, args, _)) if callee.last() == "TypeVar" => args.get(0, "name")?.as_str().map(str::to_owned),
        Some(_) => None,
        // `class Page[T]` declares `T` without an assignment.
        None => match external {
            External::Builtin(name) if name.len() <= 2 || name.ends_with('T') => Some(name.to_string()),
            _ => None,
        },
    }
}

fn variables(class: &Class) -> Vec<String> {
    let own = class.def.type_params.iter().flat_map(|it| it.type_params.iter().map(|it| it.name().id.to_string()));
    let mut all: Vec<String> = own.collect();
    for base in &class.bases {
        if let Value::Item(item) = base {
            for arg in &item.1 {
                if let Value::External(external) = arg
                    && let Some(name) = type_variable(external)
                    && !all.contains(&name)
                {
                    all.push(name);
                }
            }
        }
    }
    all
}

fn bindings<'p>(class: &Rc<Class<'p>>, args: &[Value<'p>]) -> Bindings<'p> {
    variables(class).into_iter().zip(args.iter().cloned()).collect()
}

/// What a parent's variables stand for: those of `class(Page[Item])`.
fn inherited_bindings<'p>(class: &Rc<Class<'p>>, parent: &Rc<Class<'p>>, bound: &Bindings<'p>) -> Bindings<'p> {
    let mut all = bound.clone();
    for base in &class.bases {
        if let Value::Item(item) = base
            && matches!(&item.0, Value::Class(it) if Rc::ptr_eq(it, parent))
        {
            let args: Vec<Value<'p>> = item.1.iter().map(|it| substituted(it, bound)).collect();
            all.extend(bindings(parent, &args));
        }
    }
    all
}

fn substituted<'p>(value: &Value<'p>, bound: &Bindings<'p>) -> Value<'p> {
    match value {
        Value::External(external) => {
            type_variable(external).and_then(|it| bound.get(&it).cloned()).unwrap_or_else(|| value.clone())
        }
        other => other.clone(),
    }
}

fn outer_name<'a>(kind: &'a Value) -> Option<&'a str> {
    match kind {
        Value::Item(item) => match &item.0 {
            Value::External(external) => Some(external.last()),
            _ => None,
        },
        _ => None,
    }
}

/// The type of `RootModel[list[int]]`.
fn root_of<'p>(class: &Rc<Class<'p>>) -> Option<Value<'p>> {
    class.bases.iter().find_map(|base| match base {
        Value::Item(item) if matches!(&item.0, Value::External(it) if it.last() == "RootModel") => {
            item.1.first().cloned()
        }
        _ => None,
    })
}

/// A type's name within the name of a generic model.
fn type_name(value: &Value, depth: usize) -> String {
    match value {
        Value::Class(class) => class.name().to_owned(),
        Value::External(external) => external.last().to_owned(),
        Value::Item(item) if depth < 8 => {
            let args: Vec<String> = item.1.iter().map(|it| type_name(it, depth + 1)).collect();
            format!("{}_{}_", type_name(&item.0, depth + 1), args.join("__"))
        }
        Value::Union(parts) if depth < 8 => {
            let args: Vec<String> = parts.iter().map(|it| type_name(it, depth + 1)).collect();
            format!("Union_{}_", args.join("__"))
        }
        Value::None => "NoneType".to_owned(),
        _ => "Any".to_owned(),
    }
}
