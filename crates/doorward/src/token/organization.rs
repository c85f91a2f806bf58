//! Features, plans, and what the active organization grants.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::error::{Fault, VerifyError};
use super::json::parse_id;
use crate::principal::{Organization, with_org_prefix};

/// What the claims grant beyond being signed in.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Grants {
    pub(super) org: Option<Organization>,
    pub(super) features: Vec<String>,
    pub(super) plans: Vec<String>,
    pub(super) ambiguous: bool,
    pub(super) overflow: bool,
}

/// Flat claims: `org_id`, `org_slug`, `org_role`, `org_permissions`.
pub(super) fn decode_v1(payload: &Map<String, Value>) -> Result<Grants, VerifyError> {
    let malformed = VerifyError::Claim { claim: "org_id", fault: Fault::Malformed };
    let id = match payload.get("org_id") {
        None | Some(Value::Null) => return Ok(Grants::default()),
        Some(id) => parse_id(id).ok_or(malformed)?.to_owned(),
    };
    let listed = payload.get("org_permissions").and_then(Value::as_array);
    let permissions = listed.into_iter().flatten().filter_map(Value::as_str).filter_map(prefixed);
    let org = Organization {
        id,
        slug: text(payload, "org_slug").map(str::to_owned),
        role: text(payload, "org_role").and_then(prefixed),
        permissions: unique(permissions),
    };
    Ok(Grants { org: Some(org), ..Grants::default() })
}

/// The `o` object, and `fea` and `pla` beside it. Flat `org_*` claims are custom claims here, and mean nothing.
pub(super) fn decode_v2(payload: &Map<String, Value>) -> Result<Grants, VerifyError> {
    let fea = text(payload, "fea").unwrap_or_default();
    let elements = parse_elements(fea);
    let mut grants = Grants {
        features: scoped(&elements),
        plans: scoped(&parse_elements(text(payload, "pla").unwrap_or_default())),
        ..Grants::default()
    };
    let Some(claim) = payload.get("o") else { return Ok(grants) };
    let malformed = VerifyError::Claim { claim: "o", fault: Fault::Malformed };
    let org = claim.as_object().ok_or(malformed)?;
    let id = org.get("id").and_then(parse_id).ok_or(malformed)?.to_owned();
    let actions: Vec<&str> = text(org, "per").map(|per| per.split(',').collect()).unwrap_or_default();
    let parse_mask = |mask| Mask::parse(mask, actions.len());
    let masks: Vec<Mask> = text(org, "fpm").map(|fpm| fpm.split(',').map(parse_mask).collect()).unwrap_or_default();

    // Clerk documents a mask's place as the place in all of `fea`; Clerk's JavaScript SDK counts the organization's
    // elements only. Whichever a token was made for, what both readings grant was meant.
    let mut permissions = granted(elements.iter().zip(&masks), &actions);
    let in_org = granted(elements.iter().filter(|element| element.scope.org).zip(&masks), &actions);
    grants.ambiguous = permissions != in_org;
    if grants.ambiguous {
        let in_org: HashSet<String> = in_org.into_iter().collect();
        permissions.retain(|permission| in_org.contains(permission));
    }
    grants.overflow = masks.iter().any(|mask| mask.overflow);
    grants.org = Some(Organization {
        id,
        slug: text(org, "slg").map(str::to_owned),
        role: text(org, "rol").and_then(prefixed),
        permissions,
    });
    Ok(grants)
}

/// One `scope:name` of `fea` or `pla`. A malformed one keeps its place and grants nothing.
struct Element<'a> {
    scope: Scope,
    name: Option<&'a str>,
    text: &'a str,
}

#[derive(Clone, Copy, Default)]
struct Scope {
    org: bool,
    user: bool,
}

fn parse_elements(list: &str) -> Vec<Element<'_>> {
    list.split(',')
        .map(|text| {
            let (scope, name) = text.split_once(':').unwrap_or_default();
            let scope = match scope {
                "o" => Scope { org: true, user: false },
                "u" => Scope { org: false, user: true },
                "ou" | "uo" => Scope { org: true, user: true },
                _ => Scope::default(),
            };
            Element { scope, name: is_name(name).then_some(name), text }
        })
        .collect()
}

fn scoped(elements: &[Element<'_>]) -> Vec<String> {
    let granted = elements.iter().filter(|element| element.name.is_some() && (element.scope.org || element.scope.user));
    granted.map(|element| element.text.to_owned()).collect()
}

fn granted<'a>(pairs: impl Iterator<Item = (&'a Element<'a>, &'a Mask)>, actions: &[&str]) -> Vec<String> {
    let in_org = pairs.filter(|(element, _)| element.scope.org);
    let named = in_org.filter_map(|(element, mask)| Some((element.name?, mask)));
    unique(named.flat_map(|(feature, mask)| {
        let set = actions.iter().enumerate().filter(|(bit, action)| mask.has(*bit) && is_name(action));
        set.map(move |(_, action)| format!("org:{feature}:{action}"))
    }))
}

/// A set of bits, written as one decimal number of any length.
#[derive(Default)]
struct Mask {
    limbs: Vec<u64>,
    overflow: bool,
}

impl Mask {
    /// Anything but ASCII digits is the empty set: signs, separators and other scripts' digits have granted
    /// permissions elsewhere.
    fn parse(text: &str, width: usize) -> Self {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::default();
        }
        let mut mask = Self { limbs: vec![0; width.div_ceil(64)], overflow: false };
        for digit in text.bytes() {
            let mut carry = u128::from(digit - b'0');
            for limb in &mut mask.limbs {
                let product = u128::from(*limb) * 10 + carry;
                *limb = product as u64;
                carry = product >> 64;
            }
            mask.overflow |= carry > 0;
        }
        mask.overflow |= (width..mask.limbs.len() * 64).any(|bit| mask.has(bit));
        mask
    }

    fn has(&self, bit: usize) -> bool {
        self.limbs.get(bit / 64).is_some_and(|limb| limb >> (bit % 64) & 1 == 1)
    }
}

/// A feature, plan or action name: visible ASCII without the characters that separate names.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':' && byte != b',')
}

/// The member if it is a string that says something.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// With `org:` exactly once, unless nothing follows it.
fn prefixed(name: &str) -> Option<String> {
    Some(with_org_prefix(name)).filter(|name| name != "org:")
}

fn unique(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    items.filter(|item| seen.insert(item.clone())).collect()
}
