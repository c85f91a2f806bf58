//! The claims of a session token.

use std::ops::Deref;

use serde_json::{Map, Value};

use super::error::{Fault, NotSession, VerifyError};
use super::json::parse_id;
use super::organization;
use super::rules::Rules;
use super::time::Timestamp;
use crate::principal::Principal;

/// The last second of the year 9999. Later dates are typing errors or attacks on date arithmetic.
const LAST_SECOND: i64 = 253_402_300_799;

/// Something whose signature, issuer, authorized party and lifetime all checked out.
///
/// The field is private, so the only way to hold one is to have called [`verify`](super::Unverified::verify).
/// Anything that needs an authenticated caller takes this type.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified<C>(pub(super) C);

/// What a session token says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Claims {
    /// Who is calling.
    pub principal: Principal,
    /// `iss`.
    pub issuer: String,
    /// `azp`, where the token has one.
    pub authorized_party: Option<String>,
    /// `exp`.
    pub expires_at: Timestamp,
    /// `nbf`, where the token has one.
    pub not_before: Option<Timestamp>,
    /// `iat`, where the token has one.
    pub issued_at: Option<Timestamp>,
    /// `sts`, where the token has one.
    pub status: Option<SessionStatus>,
    /// `v`.
    pub version: TokenVersion,
    /// Whether the organization's permissions depend on how `o.fpm` is read. Only those every reading grants are
    /// granted; see the module's table.
    pub permissions_ambiguous: bool,
    /// Whether a mask of `o.fpm` has bits beyond the actions in `o.per`. They grant nothing; Clerk's Go SDK drops
    /// the whole feature.
    pub permissions_overflow: bool,
}

/// `sts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStatus {
    /// `active`.
    Active,
    /// `pending`: signed in, with something left to do.
    Pending,
}

/// The layout of the claims on the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenVersion {
    /// No `v`: flat claims, `org_id` and so on.
    V1,
    /// `v: 2`: the `o` object.
    V2,
}

impl<C> Deref for Verified<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C> Verified<C> {
    /// Gives up the proof.
    #[must_use]
    pub fn into_inner(self) -> C {
        self.0
    }
}

impl Verified<Claims> {
    /// Who is calling.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// Who is calling, without the rest.
    #[must_use]
    pub fn into_principal(self) -> Principal {
        self.0.principal
    }
}

impl Claims {
    pub(super) fn check(payload: Map<String, Value>, rules: &Rules, now: Timestamp) -> Result<Self, VerifyError> {
        let user_id = check_subject(payload.get("sub"))?;
        check_audience(payload.get("aud"), &rules.audiences)?;
        let authorized_party = check_party(payload.get("azp"), rules)?;
        let issuer = check_issuer(payload.get("iss"), &rules.issuers)?;
        let (expires_at, not_before, issued_at) = check_times(&payload, rules, now)?;
        let status = check_status(payload.get("sts"), rules)?;
        let session_id = check_session_id(payload.get("sid"), rules)?;
        let version = check_version(payload.get("v"))?;
        let grants = match version {
            TokenVersion::V1 => organization::decode_v1(&payload)?,
            TokenVersion::V2 => organization::decode_v2(&payload)?,
        };
        let principal = Principal {
            user_id,
            session_id,
            org: grants.org,
            features: grants.features,
            plans: grants.plans,
            actor: payload.get("act").filter(|actor| !actor.is_null()).cloned(),
            claims: payload,
        };
        Ok(Self {
            principal,
            issuer,
            authorized_party,
            expires_at,
            not_before,
            issued_at,
            status,
            version,
            permissions_ambiguous: grants.ambiguous,
            permissions_overflow: grants.overflow,
        })
    }
}

fn check_subject(claim: Option<&Value>) -> Result<String, VerifyError> {
    let fault = |fault| VerifyError::Claim { claim: "sub", fault };
    let subject = claim.ok_or(fault(Fault::Missing))?.as_str().ok_or(fault(Fault::Malformed))?;
    if subject.starts_with("mch_") {
        return Err(VerifyError::NotSession(NotSession::Machine));
    }
    let id = subject.strip_prefix("user_").ok_or(fault(Fault::Wrong))?;
    // The id ends up in headers, logs and paths; Clerk's are 27 letters and digits.
    if id.is_empty() || id.len() > 250 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    {
        return Err(fault(Fault::Malformed));
    }
    Ok(subject.to_owned())
}

fn check_audience(claim: Option<&Value>, accepted: &[String]) -> Result<(), VerifyError> {
    if accepted.is_empty() {
        return Ok(());
    }
    let fault = |fault| VerifyError::Claim { claim: "aud", fault };
    let is_accepted = |audience: &str| accepted.iter().any(|one| one == audience);
    let fits = match claim {
        None => return Err(fault(Fault::Missing)),
        Some(Value::String(audience)) => is_accepted(audience),
        Some(Value::Array(audiences)) => {
            let names: Option<Vec<&str>> = audiences.iter().map(Value::as_str).collect();
            names.ok_or(fault(Fault::Malformed))?.into_iter().any(is_accepted)
        }
        Some(_) => return Err(fault(Fault::Malformed)),
    };
    if fits { Ok(()) } else { Err(fault(Fault::Wrong)) }
}

fn check_party(claim: Option<&Value>, rules: &Rules) -> Result<Option<String>, VerifyError> {
    let accepted = rules.parties.0.as_deref();
    let party = match claim {
        Some(Value::String(party)) if !party.is_empty() => party,
        Some(_) => return Err(VerifyError::AuthorizedParty(Fault::Malformed)),
        None if accepted.is_none() || rules.missing_party_accepted => return Ok(None),
        None => return Err(VerifyError::AuthorizedParty(Fault::Missing)),
    };
    if accepted.is_none_or(|accepted| accepted.contains(party)) {
        Ok(Some(party.clone()))
    } else {
        Err(VerifyError::AuthorizedParty(Fault::Wrong))
    }
}

fn check_issuer(claim: Option<&Value>, accepted: &[String]) -> Result<String, VerifyError> {
    match claim {
        None => Err(VerifyError::Issuer(Fault::Missing)),
        // Compared byte for byte: RFC 7519 calls `iss` a case-sensitive string, and normalising it would trust an
        // issuer nobody configured.
        Some(Value::String(issuer)) if accepted.contains(issuer) => Ok(issuer.clone()),
        Some(Value::String(_)) => Err(VerifyError::Issuer(Fault::Wrong)),
        Some(_) => Err(VerifyError::Issuer(Fault::Malformed)),
    }
}

type Times = (Timestamp, Option<Timestamp>, Option<Timestamp>);

fn check_times(payload: &Map<String, Value>, rules: &Rules, now: Timestamp) -> Result<Times, VerifyError> {
    let missing = VerifyError::Claim { claim: "exp", fault: Fault::Missing };
    let expired_at = numeric_date(payload, "exp")?.ok_or(missing)?;
    if expired_at <= now.minus(rules.leeway) {
        return Err(VerifyError::Expired { expired_at, now });
    }
    let latest = now.plus(rules.leeway);
    let not_before = numeric_date(payload, "nbf")?;
    if let Some(active_at) = not_before.filter(|active_at| *active_at > latest) {
        return Err(VerifyError::NotYetActive { active_at, now });
    }
    let issued_at = numeric_date(payload, "iat")?;
    if let Some(issued_at) = issued_at.filter(|issued_at| *issued_at > latest) {
        return Err(VerifyError::IssuedInFuture { issued_at, now });
    }
    Ok((expired_at, not_before, issued_at))
}

/// Whole seconds since 1970; fractions are cut off, as Clerk's SDK does.
fn numeric_date(payload: &Map<String, Value>, name: &'static str) -> Result<Option<Timestamp>, VerifyError> {
    let malformed = VerifyError::Claim { claim: name, fault: Fault::Malformed };
    let Some(claim) = payload.get(name) else { return Ok(None) };
    let seconds = match claim {
        Value::Number(number) if number.is_f64() => {
            let seconds = number.as_f64().ok_or(malformed)?;
            // INVARIANT: compared before it is cast, so the cast only cuts off the fraction.
            if !(0.0..1e12).contains(&seconds) {
                return Err(malformed);
            }
            seconds as i64
        }
        Value::Number(number) => number.as_i64().ok_or(malformed)?,
        _ => return Err(malformed),
    };
    if (0..=LAST_SECOND).contains(&seconds) { Ok(Some(Timestamp::from_seconds(seconds))) } else { Err(malformed) }
}

fn check_status(claim: Option<&Value>, rules: &Rules) -> Result<Option<SessionStatus>, VerifyError> {
    let fault = |fault| VerifyError::Claim { claim: "sts", fault };
    match claim {
        None => Ok(None),
        Some(Value::String(status)) => match status.as_str() {
            "active" => Ok(Some(SessionStatus::Active)),
            "pending" if rules.pending_accepted => Ok(Some(SessionStatus::Pending)),
            "pending" => Err(VerifyError::Pending),
            _ => Err(fault(Fault::Wrong)),
        },
        Some(_) => Err(fault(Fault::Malformed)),
    }
}

fn check_session_id(claim: Option<&Value>, rules: &Rules) -> Result<Option<String>, VerifyError> {
    match claim {
        None if rules.session_id_required => Err(VerifyError::NotSession(NotSession::SessionIdMissing)),
        None => Ok(None),
        Some(id) => match parse_id(id) {
            Some(id) => Ok(Some(id.to_owned())),
            None => Err(VerifyError::Claim { claim: "sid", fault: Fault::Malformed }),
        },
    }
}

fn check_version(claim: Option<&Value>) -> Result<TokenVersion, VerifyError> {
    match claim {
        None => Ok(TokenVersion::V1),
        Some(Value::Number(number)) if number.as_u64() == Some(2) => Ok(TokenVersion::V2),
        Some(Value::Number(_)) => Err(VerifyError::Claim { claim: "v", fault: Fault::Wrong }),
        Some(_) => Err(VerifyError::Claim { claim: "v", fault: Fault::Malformed }),
    }
}
