//! JSON with a single reading: no repeated members, bounded depth, nothing before or after.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::JsonProblem;

/// How deep objects and arrays may nest, the outermost included.
const MAX_DEPTH: usize = 32;

/// Parses one object. serde_json alone keeps the last of two members with one name, where other parsers keep the
/// first.
pub(super) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonProblem> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonProblem::NotUtf8)?;
    let problem = Cell::new(JsonProblem::Syntax);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { depth_left: MAX_DEPTH, problem: &problem }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|_| problem.get())?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(JsonProblem::NotObject),
    }
}

/// A name we are willing to look up, to log and to forward: 1 to 255 visible ASCII characters.
pub(super) fn parse_id(value: &Value) -> Option<&str> {
    value.as_str().filter(|id| (1..=255).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()))
}

#[derive(Clone, Copy)]
struct Strict<'c> {
    depth_left: usize,
    problem: &'c Cell<JsonProblem>,
}

impl Strict<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth_left = self.depth_left.checked_sub(1).ok_or_else(|| self.fail(JsonProblem::TooDeep))?;
        Ok(Self { depth_left, ..self })
    }

    fn fail<E: Error>(self, problem: JsonProblem) -> E {
        self.problem.set(problem);
        E::custom(problem)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| self.fail(JsonProblem::Syntax))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(self.fail(JsonProblem::DuplicateMember));
            }
            let value = members.next_value_seed(inner)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: Result<(), JsonProblem>) {
        assert_eq!(parse_object(text).map(drop), expected, "{}", String::from_utf8_lossy(text));
    }

    #[test]
    fn one_object_is_accepted() {
        check(br#" {"a":[1,-2,0.5,null,true,{"a":"\u0000"}]} "#, Ok(()));
    }

    #[test]
    fn anything_with_two_readings_is_refused() {
        check(br#"{"a":1,"a":1}"#, Err(JsonProblem::DuplicateMember));
        check(br#"{"a":1,"\u0061":2}"#, Err(JsonProblem::DuplicateMember));
        check(br#"{"x":[{"a":1,"a":2}]}"#, Err(JsonProblem::DuplicateMember));
        check(b"{} {}", Err(JsonProblem::Syntax));
        check(b"{}\0", Err(JsonProblem::Syntax));
        check(b"\xef\xbb\xbf{}", Err(JsonProblem::Syntax));
        check(b"{\"a\":\"\xff\"}", Err(JsonProblem::NotUtf8));
        check(br#"{"a":"\ud800"}"#, Err(JsonProblem::Syntax));
        check(br#"{"a":1e999}"#, Err(JsonProblem::Syntax));
        check(br#"{"a":NaN}"#, Err(JsonProblem::Syntax));
        check(br#"{"a":1,}"#, Err(JsonProblem::Syntax));
        check(b"", Err(JsonProblem::Syntax));
        check(b"null", Err(JsonProblem::NotObject));
        check(b"[{}]", Err(JsonProblem::NotObject));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        check(nested(MAX_DEPTH).as_bytes(), Ok(()));
        check(nested(MAX_DEPTH + 1).as_bytes(), Err(JsonProblem::TooDeep));
        check(nested(100_000).as_bytes(), Err(JsonProblem::TooDeep));
        check(&b"{\"a\":".iter().chain(&[b'['; 100_000]).copied().collect::<Vec<_>>(), Err(JsonProblem::TooDeep));
    }
}
