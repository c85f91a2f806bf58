//! What a caller demands of a token.

use std::time::Duration;

use super::publishable::PublishableKey;

/// What to demand of a session token beyond a good signature.
///
/// Whatever can weaken the check starts with `dangerous_`. Defaults: 5 s leeway, `azp` required, pending sessions
/// refused, `sid` and `aud` not looked for.
///
/// ```
/// use std::time::Duration;
/// use doorward::token::{AuthorizedParties, Rules};
///
/// let parties = AuthorizedParties::list(["https://app.example.com"])?;
/// let rules = Rules::new(["https://clerk.example.com"], parties)?.with_leeway(Duration::from_secs(2))?;
/// assert_eq!(rules.leeway(), Duration::from_secs(2));
/// # Ok::<(), doorward::token::RulesError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub(super) issuers: Vec<String>,
    pub(super) parties: AuthorizedParties,
    pub(super) audiences: Vec<String>,
    pub(super) leeway: Duration,
    pub(super) session_id_required: bool,
    pub(super) missing_party_accepted: bool,
    pub(super) pending_accepted: bool,
}

/// Who may have had a token minted: the origins whose `azp` is accepted.
///
/// Compared byte for byte, as Clerk's SDK does: `https://app.example.com/` is another party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizedParties(pub(super) Option<Vec<String>>);

/// Why rules can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// Without an issuer, every Clerk application's tokens would do.
    #[error("name at least one issuer, and no empty one")]
    Issuers,
    /// Clerk's SDK reads an empty list as "anybody"; say so explicitly where it is meant.
    #[error("name at least one authorized party, and no empty one")]
    AuthorizedParties,
    /// An audience list was given and holds nothing, or something empty.
    #[error("name at least one audience, and no empty one")]
    Audiences,
    /// Leeway is for clocks, not for lifetimes.
    #[error("leeway is at most {} seconds", MAX_LEEWAY.as_secs())]
    Leeway,
}

/// The most leeway accepted, Clerk's own limit for the skew of a JWT template.
pub const MAX_LEEWAY: Duration = Duration::from_secs(300);

impl AuthorizedParties {
    /// These origins, as browsers send them: scheme, host, and port where it is not the default.
    ///
    /// # Errors
    /// [`RulesError::AuthorizedParties`] for an empty list or an empty entry.
    pub fn list<S: Into<String>>(parties: impl IntoIterator<Item = S>) -> Result<Self, RulesError> {
        filled(parties).map(|parties| Self(Some(parties))).ok_or(RulesError::AuthorizedParties)
    }

    /// Any party, or none: a token minted for any site of the same Clerk application is accepted, among them those
    /// of sibling subdomains under somebody else's control.
    #[must_use]
    pub fn dangerous_any() -> Self {
        Self(None)
    }
}

impl Rules {
    /// Rules for tokens of these issuers, compared byte for byte with `iss`: `https://`, the host of the Frontend
    /// API, no slash at the end.
    ///
    /// # Errors
    /// [`RulesError::Issuers`] for an empty list or an empty entry.
    pub fn new<S: Into<String>>(
        issuers: impl IntoIterator<Item = S>,
        parties: AuthorizedParties,
    ) -> Result<Self, RulesError> {
        Ok(Self::strict(filled(issuers).ok_or(RulesError::Issuers)?, parties))
    }

    /// Rules for tokens of the Clerk application this key belongs to.
    #[must_use]
    pub fn for_publishable_key(key: &PublishableKey, parties: AuthorizedParties) -> Self {
        Self::strict(vec![key.issuer()], parties)
    }

    fn strict(issuers: Vec<String>, parties: AuthorizedParties) -> Self {
        Self {
            issuers,
            parties,
            audiences: Vec::new(),
            leeway: Duration::from_secs(5),
            session_id_required: false,
            missing_party_accepted: false,
            pending_accepted: false,
        }
    }

    /// How far clocks may be apart, for `exp`, `nbf` and `iat` alike. Whole milliseconds.
    ///
    /// # Errors
    /// [`RulesError::Leeway`] beyond [`MAX_LEEWAY`].
    pub fn with_leeway(mut self, leeway: Duration) -> Result<Self, RulesError> {
        if leeway > MAX_LEEWAY {
            return Err(RulesError::Leeway);
        }
        self.leeway = leeway;
        Ok(self)
    }

    /// Demands that `aud` names one of these. A token without `aud` is then refused.
    ///
    /// # Errors
    /// [`RulesError::Audiences`] for an empty list or an empty entry.
    pub fn with_audiences<S: Into<String>>(
        mut self,
        audiences: impl IntoIterator<Item = S>,
    ) -> Result<Self, RulesError> {
        self.audiences = filled(audiences).ok_or(RulesError::Audiences)?;
        Ok(self)
    }

    /// Demands `sid`, which tokens made from JWT templates lack.
    #[must_use]
    pub fn with_session_id_required(mut self) -> Self {
        self.session_id_required = true;
        self
    }

    /// Accepts tokens without `azp`, which Clerk mints where there is no `Origin`: on navigations and in its
    /// Backend API. An `azp` that is present must still be on the list.
    #[must_use]
    pub fn dangerous_accept_missing_azp(mut self) -> Self {
        self.missing_party_accepted = true;
        self
    }

    /// Treats a pending session like an active one.
    #[must_use]
    pub fn dangerous_accept_pending(mut self) -> Self {
        self.pending_accepted = true;
        self
    }

    /// How far clocks may be apart.
    #[must_use]
    pub fn leeway(&self) -> Duration {
        self.leeway
    }

    /// The accepted values of `iss`.
    #[must_use]
    pub fn issuers(&self) -> &[String] {
        &self.issuers
    }
}

fn filled<S: Into<String>>(items: impl IntoIterator<Item = S>) -> Option<Vec<String>> {
    let items: Vec<String> = items.into_iter().map(Into::into).collect();
    (!items.is_empty() && items.iter().all(|item| !item.is_empty())).then_some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parties() -> AuthorizedParties {
        AuthorizedParties::list(["https://app.example.com"]).unwrap()
    }

    #[test]
    fn a_list_without_entries_is_no_rule() {
        const NONE: [&str; 0] = [];
        let rules = || Rules::new(["https://clerk.example.com"], parties()).unwrap();
        for list in [&NONE[..], &[""], &["https://app.example.com", ""]] {
            assert_eq!(AuthorizedParties::list(list.to_vec()), Err(RulesError::AuthorizedParties), "{list:?}");
            assert_eq!(Rules::new(list.to_vec(), parties()), Err(RulesError::Issuers), "{list:?}");
            assert_eq!(rules().with_audiences(list.to_vec()), Err(RulesError::Audiences), "{list:?}");
        }
    }

    #[test]
    fn leeway_is_for_clocks() {
        let rules = || Rules::new(["https://clerk.example.com"], parties()).unwrap();
        assert_eq!(rules().leeway(), Duration::from_secs(5));
        assert_eq!(rules().with_leeway(MAX_LEEWAY).map(|rules| rules.leeway()), Ok(MAX_LEEWAY));
        assert_eq!(rules().with_leeway(MAX_LEEWAY + Duration::from_nanos(1)), Err(RulesError::Leeway));
    }

    #[test]
    fn a_publishable_key_names_the_issuer() {
        let key = "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k".parse().unwrap();
        assert_eq!(
            Rules::for_publishable_key(&key, parties()),
            Rules::new(["https://clerk.example.com"], parties()).unwrap()
        );
    }
}
