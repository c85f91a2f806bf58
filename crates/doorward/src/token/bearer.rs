//! The `Authorization` header.

use super::error::VerifyError;

/// Takes the token out of the value of an `Authorization` header.
///
/// The scheme is `Bearer` in any case, then one or more spaces, then one token in the characters RFC 6750 allows.
/// `None` means that the value is empty, which is the same as no header at all.
///
/// # Errors
/// [`VerifyError::Authorization`] for everything else: other schemes, two tokens, a bare token. Such a request has
/// credentials, so it must not be treated as one without; do not go on to look at cookies.
///
/// ```
/// use doorward::token::bearer;
/// assert_eq!(bearer(b"Bearer a.b.c"), Ok(Some("a.b.c")));
/// assert_eq!(bearer(b"bearer  a.b.c"), Ok(Some("a.b.c")));
/// assert_eq!(bearer(b""), Ok(None));
/// assert!(bearer(b"Bearer a.b.c, Bearer d.e.f").is_err());
/// ```
pub fn bearer(header_value: &[u8]) -> Result<Option<&str>, VerifyError> {
    if header_value.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(header_value).map_err(|_| VerifyError::Authorization)?;
    let (scheme, rest) = text.split_once(' ').ok_or(VerifyError::Authorization)?;
    let token = rest.trim_start_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && is_token68(token) {
        Ok(Some(token))
    } else {
        Err(VerifyError::Authorization)
    }
}

fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<&str>) {
        assert_eq!(bearer(value.as_bytes()).ok().flatten(), expected, "{value:?}");
    }

    #[test]
    fn one_token_after_the_scheme_is_taken() {
        check("Bearer a.b.c", Some("a.b.c"));
        check("BEARER   a-_~+/.b==", Some("a-_~+/.b=="));
    }

    #[test]
    fn anything_else_is_refused() {
        for value in [
            "a.b.c",
            "Bearer",
            "Bearer ",
            "Basic a.b.c",
            "Bearer\ta.b.c",
            "Bearer \ta.b.c",
            " Bearer a.b.c",
            "Bearer a.b.c ",
            "Bearer a.b.c junk",
            "Bearer a.b.c,Bearer d.e.f",
            "Bearer a.b.c,",
            "Bearer =",
            "Bearer a=b",
            "Bearer \u{e4}",
            "Bearera.b.c",
            "Bearer: a.b.c",
            "Bearer \"a.b.c\"",
            "Bearer a.b.c\r\n",
            "Bearer a\0",
        ] {
            assert_eq!(bearer(value.as_bytes()), Err(VerifyError::Authorization), "{value:?}");
        }
        assert_eq!(bearer(b"Bearer \xff"), Err(VerifyError::Authorization));
    }
}
