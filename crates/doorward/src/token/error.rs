//! Why a token was refused.

use super::time::Timestamp;

/// Why a token was refused. Never holds text from the token: a refused token may still be somebody's credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The `Authorization` header is not `Bearer` and one token.
    #[error("the `Authorization` header is not `Bearer` followed by one token")]
    Authorization,
    /// The text is not a compact JWS with two JSON objects.
    #[error("the token is malformed: {0}")]
    Malformed(#[from] Malformation),
    /// `typ` is present and is not `JWT`.
    #[error("header `typ` is not `JWT`")]
    WrongType,
    /// A header member that changes how the token is to be read.
    #[error("header `{0}` is not supported")]
    UnsupportedHeader(&'static str),
    /// `alg` is anything but `RS256`.
    #[error("header `alg` is not `RS256`")]
    Algorithm,
    /// A token Clerk issues for another purpose.
    #[error("the token is not a session token: {0}")]
    NotSession(NotSession),
    /// `kid` is missing, is not a string, or is too long or strange to name a key.
    #[error("header `kid` is missing or malformed")]
    KeyId,
    /// No key goes by the token's `kid`, or the given key goes by another.
    #[error("no key matches header `kid`")]
    KeyMismatch,
    /// The signature part is empty.
    #[error("the token has no signature")]
    Unsigned,
    /// The signature was not made by the key over this text.
    #[error("the signature is not valid")]
    Signature,
    /// A claim without a reason code of its own.
    #[error("claim `{claim}` {fault}")]
    Claim {
        /// The claim's name.
        claim: &'static str,
        /// What is wrong with it.
        fault: Fault,
    },
    /// `azp`.
    #[error("claim `azp` {0}")]
    AuthorizedParty(Fault),
    /// `iss`.
    #[error("claim `iss` {0}")]
    Issuer(Fault),
    /// The token's lifetime is over, leeway included.
    #[error("the token expired at {expired_at}, and it is now {now}")]
    Expired {
        /// `exp`.
        expired_at: Timestamp,
        /// The time given by the caller.
        now: Timestamp,
    },
    /// The token's lifetime has not begun, leeway included.
    #[error("the token is active from {active_at}, and it is now {now}")]
    NotYetActive {
        /// `nbf`.
        active_at: Timestamp,
        /// The time given by the caller.
        now: Timestamp,
    },
    /// The token claims to come from the future, leeway included.
    #[error("the token was issued at {issued_at}, and it is now {now}")]
    IssuedInFuture {
        /// `iat`.
        issued_at: Timestamp,
        /// The time given by the caller.
        now: Timestamp,
    },
    /// The user has signed in and still has something to do first: choose an organization, reset a password,
    /// set up a second factor.
    #[error("the session is pending")]
    Pending,
}

/// What is wrong with a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is required and absent.
    #[error("is missing")]
    Missing,
    /// It has the wrong type or shape.
    #[error("is malformed")]
    Malformed,
    /// It is well formed and not what the rules ask for.
    #[error("is not acceptable here")]
    Wrong,
}

/// What a token that is not a session token seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSession {
    /// Header `cat` names another class, or is not one we know.
    #[error("header `cat` is not the one of session tokens")]
    Category,
    /// `typ` says it is an OAuth access token.
    #[error("it is an OAuth access token")]
    OAuth,
    /// `sub` is a machine.
    #[error("its subject is a machine")]
    Machine,
    /// The rules require `sid`, and it has none.
    #[error("it has no `sid`")]
    SessionIdMissing,
}

/// Why a text is not a compact JWS holding two JSON objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformation {
    /// Longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES).
    #[error("it is too long")]
    TooLong,
    /// A compact JWS has exactly three parts.
    #[error("it does not have three parts")]
    PartCount,
    /// Not base64url without padding, or with stray bits after the last byte.
    #[error("its {0} is not base64url without padding")]
    Encoding(Part),
    /// Not the JSON we accept.
    #[error("its {part} {problem}")]
    Json {
        /// The part it is about.
        part: Part,
        /// What is wrong with its text.
        problem: JsonProblem,
    },
}

/// A part of a compact JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Part {
    /// The first part.
    #[error("header")]
    Header,
    /// The second part.
    #[error("payload")]
    Payload,
    /// The third part.
    #[error("signature")]
    Signature,
}

/// Why a text is not one JSON object that has a single reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonProblem {
    /// Not UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// Not JSON, or JSON followed by something else.
    #[error("is not JSON")]
    Syntax,
    /// JSON, and no object.
    #[error("is not a JSON object")]
    NotObject,
    /// Two members with one name, at any depth. Parsers disagree on which one counts.
    #[error("repeats a member")]
    DuplicateMember,
    /// Nested deeper than anything we need to read.
    #[error("is nested too deeply")]
    TooDeep,
}

impl VerifyError {
    /// The reason code Clerk's JavaScript SDK uses for the same refusal.
    ///
    /// One is ours, `session-pending`: Clerk's SDK has no code for it, it silently treats the caller as signed out.
    ///
    /// ```
    /// use doorward::token::Unverified;
    /// assert_eq!(Unverified::parse("a.b").unwrap_err().code(), "token-invalid");
    /// ```
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authorization | Self::Malformed(_) | Self::WrongType | Self::UnsupportedHeader(_) => "token-invalid",
            Self::Algorithm => "token-invalid-algorithm",
            Self::NotSession(_) => "token-type-mismatch",
            Self::KeyId | Self::KeyMismatch => "jwk-kid-mismatch",
            Self::Unsigned | Self::Signature => "token-invalid-signature",
            Self::Claim { .. } => "token-verification-failed",
            Self::AuthorizedParty(_) => "token-invalid-authorized-parties",
            Self::Issuer(_) => "token-invalid-issuer",
            Self::Expired { .. } => "token-expired",
            Self::NotYetActive { .. } => "token-not-active-yet",
            Self::IssuedInFuture { .. } => "token-iat-in-the-future",
            Self::Pending => "session-pending",
        }
    }
}
