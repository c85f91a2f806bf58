//! What a guard of the doorward runtime asks for, read from its argument.

use doorward::inventory::GuardAsk;
use doorward::policy::{Access, Bind, BindSource, OWNER_CLAIMS};

use super::value::Value;

/// The argument of a doorward guard.
pub(crate) fn ask(value: &Value) -> Option<GuardAsk> {
    match value {
        Value::Str(text) => {
            let access = match &*text.text {
                "signed-in" => Access::SignedIn,
                "optional" => Access::Optional,
                "webhook" => Access::Webhook,
                _ => return None,
            };
            Some(GuardAsk { access, bind: Vec::new(), hide: false })
        }
        Value::Object(object) => {
            let access = access(value, 0).unwrap_or(Access::SignedIn);
            let known = ["role", "permission", "feature", "plan", "any", "all", "signedIn"];
            let named = object.props.borrow().iter().filter(|(key, _)| known.contains(&&**key)).count();
            if named > 1 || (named == 1 && object.get("signedIn").is_none() && access == Access::SignedIn) {
                return None;
            }
            let hide = matches!(object.get("hide"), Some(Value::Bool(true)));
            let mut bind = Vec::new();
            if let Some(Value::Object(pairs)) = object.get("bind") {
                for (param, claim) in pairs.props.borrow().iter() {
                    let claim = claim.as_str().filter(|it| OWNER_CLAIMS.contains(it))?;
                    bind.push(Bind { source: BindSource::Param(param.to_string()), claim: claim.to_owned() });
                }
            }
            Some(GuardAsk { access, bind, hide })
        }
        _ => None,
    }
}

fn access(value: &Value, depth: usize) -> Option<Access> {
    let object = match value {
        _ if depth > 8 => return None,
        Value::Object(object) => object,
        Value::Str(text) if &*text.text == "signed-in" => return Some(Access::SignedIn),
        _ => return None,
    };
    let text = |name: &str| object.get(name).and_then(|it| it.as_str().map(str::to_owned));
    let list = |name: &str| match object.get(name) {
        Some(Value::Array(array)) => {
            array.items.borrow().iter().map(|it| access(it, depth + 1)).collect::<Option<Vec<_>>>()
        }
        _ => None,
    };
    if let Some(name) = text("role") {
        return Access::role(&name).ok();
    }
    if let Some(name) = text("permission") {
        return Access::permission(&name).ok();
    }
    if let Some(name) = text("feature") {
        return Access::feature(&name).ok();
    }
    if let Some(name) = text("plan") {
        return Access::plan(&name).ok();
    }
    if let Some(of) = list("any") {
        return Access::any(of).ok();
    }
    if let Some(of) = list("all") {
        return Access::all(of).ok();
    }
    matches!(object.get("signedIn"), Some(Value::Bool(true))).then_some(Access::SignedIn)
}
