//! Types as JSON Schemas, in the form that serde gives them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value as Json, json};

use super::serde::{Serde, field, variant};
use crate::rs::ir::{Attr, ExprKind, Field, Fields, Name, Path, Type, TypeDef, TypeKind, Variant};
use crate::rs::program::{Def, FnRef, Owner, Program, ScopeId, TypeId};

/// Types nest less deep than this.
const MAX_DEPTH: usize = 16;
/// More types in one application say nothing.
const MAX_SPENT: usize = 200_000;
/// Nobody uses one type with so many others as arguments.
const MAX_USES: usize = 64;
/// Arguments of arguments, in bytes of their schemas.
const MAX_ARGS: usize = 4_000;
/// Fields that a type may take in from others.
const MAX_FIELDS: usize = 2_000;

const COMPONENTS: &str = "#/components/schemas/";

/// Whether a value comes in or goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    Take,
    Give,
}

/// Where a type is written, and what its parameters stand for.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) scope: ScopeId,
    pub(super) owner: Option<&'a Owner>,
    pub(super) env: &'a [(Name, Json)],
}

impl<'a> At<'a> {
    pub(super) fn of(function: &'a FnRef) -> Self {
        Self { scope: function.scope, owner: function.owner.as_deref(), env: &[] }
    }
}

/// Everything read so far.
#[derive(Default)]
pub(crate) struct Types {
    pub(super) named: BTreeMap<String, Json>,
    known: HashMap<(TypeId, Mode, String), Json>,
    uses: HashMap<TypeId, usize>,
    spent: usize,
}

impl Types {
    /// The schemas with names.
    pub(crate) fn into_named(self) -> BTreeMap<String, Json> {
        self.named
    }

    /// A type as a schema.
    pub(super) fn schema(&mut self, program: &Program, ty: &Type, at: At<'_>, mode: Mode, depth: usize) -> Json {
        self.spent += 1;
        if depth > MAX_DEPTH || self.spent > MAX_SPENT {
            return json!({});
        }
        match ty {
            Type::Path(path) => self.path(program, path, at, mode, depth),
            Type::Ref(inner) => self.schema(program, inner, at, mode, depth),
            Type::List(inner) => {
                json!({ "type": "array", "items": self.schema(program, inner, at, mode, depth + 1) })
            }
            Type::Tuple(all) if all.is_empty() => json!({ "type": "null" }),
            Type::Tuple(all) => {
                let items: Vec<Json> = all.iter().map(|it| self.schema(program, it, at, mode, depth + 1)).collect();
                json!({ "type": "array", "prefixItems": items })
            }
            Type::Bounds(_) | Type::Other => json!({}),
        }
    }

    fn path(&mut self, program: &Program, path: &Path, at: At<'_>, mode: Mode, depth: usize) -> Json {
        if let Some(name) = path.single()
            && let Some((_, known)) = at.env.iter().find(|(it, _)| it == name)
        {
            return known.clone();
        }
        match program.path(at.scope, path, at.owner) {
            Def::Type(id) => self.own(program, &id, path.args(), at, mode, depth),
            _ => self.foreign(program, path, at, mode, depth),
        }
    }

    /// Types of the language and of well-known crates.
    fn foreign(&mut self, program: &Program, path: &Path, at: At<'_>, mode: Mode, depth: usize) -> Json {
        let inner = |this: &mut Self, at_arg: usize| match path.args().get(at_arg) {
            Some(ty) => this.schema(program, ty, at, mode, depth + 1),
            None => json!({}),
        };
        match path.last() {
            "String" | "str" | "char" | "PathBuf" | "Path" | "Decimal" | "NaiveTime" | "SmolStr" | "CompactString"
            | "Ipv4Addr" | "Ipv6Addr" | "IpAddr" | "SocketAddr" | "Ulid" | "SecretString" => {
                json!({ "type": "string" })
            }
            "Uuid" => json!({ "type": "string", "format": "uuid" }),
            "DateTime" | "NaiveDateTime" => json!({ "type": "string", "format": "date-time" }),
            "NaiveDate" => json!({ "type": "string", "format": "date" }),
            "Url" => json!({ "type": "string", "format": "uri" }),
            "bool" => json!({ "type": "boolean" }),
            "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "NonZeroI32" | "NonZeroI64" => {
                json!({ "type": "integer" })
            }
            "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => json!({ "type": "integer", "minimum": 0 }),
            "NonZeroU8" | "NonZeroU16" | "NonZeroU32" | "NonZeroU64" | "NonZeroUsize" => {
                json!({ "type": "integer", "minimum": 1 })
            }
            "f32" | "f64" => json!({ "type": "number" }),
            "Option" => nullable(inner(self, 0)),
            "Vec" | "VecDeque" | "LinkedList" | "BinaryHeap" | "HashSet" | "BTreeSet" | "IndexSet" => {
                json!({ "type": "array", "items": inner(self, 0) })
            }
            "HashMap" | "BTreeMap" | "IndexMap" | "Map" if path.args().len() > 1 => {
                json!({ "type": "object", "additionalProperties": inner(self, 1) })
            }
            "Box" | "Arc" | "Rc" | "Cow" | "Mutex" | "RwLock" | "RefCell" | "Cell" | "Reverse" | "Wrapping"
            | "SecretBox" => inner(self, 0),
            _ => json!({}),
        }
    }

    /// A type of the tree.
    fn own(&mut self, program: &Program, id: &TypeId, args: &[Type], at: At<'_>, mode: Mode, depth: usize) -> Json {
        let Some(def) = program.type_def(id).cloned() else { return json!({}) };
        let args: Vec<Json> = args.iter().map(|it| self.schema(program, it, at, mode, depth + 1)).collect();
        let written = args.iter().map(Json::to_string).collect::<Vec<_>>().join(",");
        if written.len() > MAX_ARGS {
            return json!({});
        }
        let key = (id.clone(), mode, written);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let uses = self.uses.entry(id.clone()).or_default();
        *uses += 1;
        if *uses > MAX_USES {
            return json!({});
        }
        let env: Vec<(Name, Json)> = def.generics.iter().cloned().zip(args.iter().cloned()).collect();
        let inside = At { scope: id.scope, owner: None, env: &env };
        if let TypeKind::Alias(inner) = &def.kind {
            self.known.insert(key.clone(), json!({}));
            let schema = self.schema(program, inner, inside, mode, depth + 1);
            self.known.insert(key, schema.clone());
            return schema;
        }
        if !is_derived(&def.attrs, mode) {
            return json!({});
        }
        let base = base_name(&def.name, &args);
        let Some(name) = Self::names(&base).find(|it| !self.named.contains_key(it)) else { return json!({}) };
        let reference = json!({ "$ref": format!("{COMPONENTS}{name}") });
        self.known.insert(key.clone(), reference.clone());
        self.named.insert(name.clone(), json!({}));
        let schema = self.whole(program, &def, inside, mode, depth);
        let twin = Self::names(&base).take_while(|it| self.named.contains_key(it));
        let twin = twin.filter(|it| *it != name).find(|it| self.named.get(it) == Some(&schema));
        if let Some(twin) = twin {
            // The same in both directions.
            self.named.remove(&name);
            let reference = json!({ "$ref": format!("{COMPONENTS}{twin}") });
            self.known.insert(key, reference.clone());
            return reference;
        }
        if schema.get("properties").is_none() && schema.get("enum").is_none() && schema.get("oneOf").is_none() {
            // What is only another type by a new name needs none, unless it refers to itself.
            let text = schema.to_string();
            if !text.contains(&format!("\"{COMPONENTS}{name}\"")) {
                self.named.remove(&name);
                self.known.insert(key, schema.clone());
                return schema;
            }
        }
        self.named.insert(name, schema);
        reference
    }

    /// A name, and what further types of that name are called.
    fn names(base: &str) -> impl Iterator<Item = String> {
        std::iter::once(base.to_owned()).chain((2..200).map(move |at| format!("{base}{at}")))
    }

    fn whole(&mut self, program: &Program, def: &TypeDef, at: At<'_>, mode: Mode, depth: usize) -> Json {
        let serde = Serde::read(&def.attrs, mode);
        if serde.other {
            return json!({});
        }
        match &def.kind {
            TypeKind::Struct(fields) => {
                let mut schema = self.fields(program, fields, at, mode, &serde, depth);
                if let (Some(tag), Some(whole)) = (&serde.tag, schema.as_object_mut()) {
                    let name = serde.rename.clone().unwrap_or_else(|| def.name.to_string());
                    tagged(whole, tag, &name);
                }
                schema
            }
            TypeKind::Enum(variants) => self.choice(program, variants, at, mode, &serde, depth),
            TypeKind::Alias(_) => json!({}),
        }
    }

    fn fields(
        &mut self,
        program: &Program,
        fields: &Fields,
        at: At<'_>,
        mode: Mode,
        serde: &Serde,
        depth: usize,
    ) -> Json {
        match fields {
            Fields::Unit => json!({ "type": "null" }),
            Fields::Tuple(all) => match all.as_slice() {
                [one] => self.schema(program, &one.ty, at, mode, depth + 1),
                several => {
                    let items: Vec<Json> =
                        several.iter().map(|it| self.schema(program, &it.ty, at, mode, depth + 1)).collect();
                    json!({ "type": "array", "prefixItems": items })
                }
            },
            Fields::Named(all) => {
                if let ([one], true) = (all.as_slice(), serde.transparent) {
                    return self.schema(program, &one.ty, at, mode, depth + 1);
                }
                self.object(program, all, at, mode, serde, depth)
            }
        }
    }

    fn object(
        &mut self,
        program: &Program,
        all: &[Field],
        at: At<'_>,
        mode: Mode,
        serde: &Serde,
        depth: usize,
    ) -> Json {
        let mut properties = Map::new();
        let mut required: Vec<String> = Vec::new();
        let mut more: Vec<Json> = Vec::new();
        let mut rest: Option<Json> = None;
        for one in all {
            let own = Serde::read(&one.attrs, mode);
            if own.skip {
                continue;
            }
            let schema = if own.other { json!({}) } else { self.schema(program, &one.ty, at, mode, depth + 1) };
            if own.flatten {
                match schema.get("additionalProperties") {
                    Some(values) if schema.get("properties").is_none() => rest = Some(values.clone()),
                    _ => more.push(not_null(schema)),
                }
                continue;
            }
            let name = own.rename.clone().unwrap_or_else(|| field(serde.rename_all.as_deref(), &one.name));
            let optional = match mode {
                Mode::Take => own.default || serde.default || (is_option(program, &one.ty, at) && !own.other),
                Mode::Give => own.skip_if,
            };
            if !optional {
                required.push(name.clone());
            }
            properties.insert(name, schema);
        }
        let mut whole = json!({ "type": "object", "properties": properties });
        if let Some(whole) = whole.as_object_mut() {
            if !required.is_empty() {
                whole.insert("required".to_owned(), json!(required));
            }
            if let Some(rest) = rest {
                whole.insert("additionalProperties".to_owned(), rest);
            } else if serde.deny_unknown && mode == Mode::Take && more.is_empty() {
                whole.insert("additionalProperties".to_owned(), json!(false));
            }
            if !more.is_empty() {
                whole.insert("allOf".to_owned(), json!(more));
            }
        }
        whole
    }

    fn choice(
        &mut self,
        program: &Program,
        all: &[Variant],
        at: At<'_>,
        mode: Mode,
        serde: &Serde,
        depth: usize,
    ) -> Json {
        let mut plain: Vec<String> = Vec::new();
        let mut choices: Vec<Json> = Vec::new();
        for one in all {
            let own = Serde::read(&one.attrs, mode);
            if own.skip {
                continue;
            }
            let name = own.rename.clone().unwrap_or_else(|| variant(serde.rename_all.as_deref(), &one.name));
            let bare = matches!(one.fields, Fields::Unit);
            if bare && serde.tag.is_none() && !serde.untagged && !own.untagged {
                plain.push(name);
                continue;
            }
            let rules = Serde {
                rename_all: own.rename_all.clone().or_else(|| serde.rename_all_fields.clone()),
                deny_unknown: serde.deny_unknown && serde.tag.is_none(),
                ..Serde::default()
            };
            let inner = if own.other { json!({}) } else { self.fields(program, &one.fields, at, mode, &rules, depth) };
            choices.push(match (&serde.tag, &serde.content) {
                _ if serde.untagged || own.untagged => inner,
                (Some(tag), Some(content)) => {
                    let mut whole = Map::new();
                    tagged(&mut whole, tag, &name);
                    if !bare {
                        add(&mut whole, content, inner);
                    }
                    Json::Object(whole)
                }
                (Some(tag), None) => internally(tag, &name, inner, bare),
                (None, _) => {
                    let mut whole = Map::new();
                    add(&mut whole, &name, inner);
                    Json::Object(whole)
                }
            });
        }
        if !plain.is_empty() {
            choices.insert(0, json!({ "type": "string", "enum": plain }));
        }
        match choices.len() {
            1 => choices.pop().unwrap_or_default(),
            _ if serde.untagged => json!({ "anyOf": choices }),
            _ => json!({ "oneOf": choices }),
        }
    }
}

/// `{"tag": "name", …}`: the tag beside the fields of the variant.
fn internally(tag: &str, name: &str, inner: Json, bare: bool) -> Json {
    let mut whole = match inner {
        Json::Object(map) if map.get("properties").is_some() => map,
        _ if bare => Map::new(),
        other => {
            let mut whole = Map::new();
            tagged(&mut whole, tag, name);
            whole.insert("allOf".to_owned(), json!([other]));
            return Json::Object(whole);
        }
    };
    tagged(&mut whole, tag, name);
    Json::Object(whole)
}

fn tagged(whole: &mut Map<String, Json>, tag: &str, name: &str) {
    add(whole, tag, json!({ "const": name }));
}

/// Adds a property that has to be there.
fn add(whole: &mut Map<String, Json>, name: &str, schema: Json) {
    whole.insert("type".to_owned(), json!("object"));
    let properties = whole.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        properties.insert(name.to_owned(), schema);
    }
    let required = whole.entry("required").or_insert_with(|| json!([]));
    if let Some(required) = required.as_array_mut() {
        required.insert(0, json!(name));
    }
}

/// `Page_Order` for `Page<Order>`.
fn base_name(name: &str, args: &[Json]) -> String {
    let mut base = name.to_owned();
    for inner in args.iter().filter_map(|it| it.get("$ref")?.as_str()) {
        base.push('_');
        base.push_str(inner.rsplit('/').next().unwrap_or_default());
        if base.len() > 200 {
            break;
        }
    }
    base
}

/// A schema that `null` fits, too.
fn nullable(schema: Json) -> Json {
    match schema.as_object() {
        Some(map) if map.is_empty() => schema,
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

/// A flattened `Option` adds its fields, or none.
fn not_null(schema: Json) -> Json {
    match schema.get("anyOf").and_then(Json::as_array).map(Vec::as_slice) {
        Some([one, null]) if null.get("type") == Some(&json!("null")) => json!({ "anyOf": [one, {}] }),
        _ => schema,
    }
}

fn is_option(program: &Program, ty: &Type, at: At<'_>) -> bool {
    let Some(path) = ty.path() else { return false };
    path.last() == "Option" && !matches!(program.path(at.scope, path, at.owner), Def::Type(_))
}

/// Whether the form is what serde's derive makes.
fn is_derived(attrs: &[Attr], mode: Mode) -> bool {
    let wanted = match mode {
        Mode::Take => "Deserialize",
        Mode::Give => "Serialize",
    };
    attrs
        .iter()
        .filter(|it| it.name() == "derive")
        .flat_map(|it| &it.args)
        .any(|it| matches!(it.value.as_ref().map(|it| &it.kind), Some(ExprKind::Path(path)) if path.last() == wanted))
}

/// The fields of a type, with their schemas, and whether each has to be there.
pub(super) type Properties = Vec<(String, Json, bool)>;

/// The names of the fields of a struct, with their schemas, as they are read.
pub(super) fn properties(types: &Types, schema: &Json) -> Properties {
    let mut all = Vec::new();
    collect(types, schema, true, &mut all, &mut BTreeSet::new(), 0);
    all
}

fn collect(
    types: &Types,
    schema: &Json,
    certain: bool,
    all: &mut Properties,
    seen: &mut BTreeSet<String>,
    depth: usize,
) {
    let named = schema.get("$ref").and_then(Json::as_str).and_then(|it| it.strip_prefix(COMPONENTS));
    // What refers to itself has the same fields again.
    if depth > MAX_DEPTH || all.len() > MAX_FIELDS || named.is_some_and(|it| !seen.insert(it.to_owned())) {
        return;
    }
    let schema = named.and_then(|it| types.named.get(it)).unwrap_or(schema);
    let required: Vec<&str> =
        schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    for (name, of) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
        all.push((name.clone(), of.clone(), certain && required.contains(&name.as_str())));
    }
    for key in ["allOf", "anyOf"] {
        for inner in schema.get(key).and_then(Json::as_array).into_iter().flatten() {
            collect(types, inner, certain && key == "allOf", all, seen, depth + 1);
        }
    }
}

/// What an alias stands for, where its names are looked up, and what its parameters stand for.
pub(super) type Unaliased = (Type, ScopeId, Vec<(Name, Type)>);

/// What an alias of the tree stands for. Of a `Result` it is the value, because errors are no shape.
pub(super) fn unaliased(program: &Program, ty: &Type, at: At<'_>) -> Option<Unaliased> {
    let path = ty.path()?;
    let Def::Type(id) = program.path(at.scope, path, at.owner) else { return None };
    let def = program.type_def(&id)?;
    let TypeKind::Alias(inner) = &def.kind else { return None };
    let given = |ty: &Type| {
        let name = ty.path()?.single()?;
        let number = def.generics.iter().position(|it| it == name)?;
        path.args().get(number).cloned()
    };
    let value = match inner.path() {
        Some(path) if path.last() == "Result" => path.args().first().unwrap_or(inner),
        _ => inner,
    };
    // What the parameters stand for is written where the alias is used.
    let binds = def.generics.iter().cloned().zip(path.args().iter().cloned()).collect();
    Some(given(value).map_or_else(|| (value.clone(), id.scope, binds), |it| (it, at.scope, Vec::new())))
}
