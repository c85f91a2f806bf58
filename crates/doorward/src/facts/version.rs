//! Versions, just well enough to compare them with a floor.

/// A version of any of the three ecosystems: numbers, and whether it comes before the release of that number.
///
/// ```
/// use doorward::facts::Version;
/// assert!(Version::parse("3.9.0") < Version::parse("3.17.0"));
/// assert!(Version::parse("7.0.0-beta.1") < Version::parse("7.0.0"));
/// assert_eq!(Version::parse("latest"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    numbers: [u64; 3],
    released: bool,
}

impl Version {
    /// Reads `1.2.3`, `v1.2`, `1.2.3-rc.1`, `1.2rc1`, `1.2.3+build`; the fourth number and what follows do not count.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches(['v', '=']).trim_start();
        let text = text.split('+').next().unwrap_or(text);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (head, tail) = text.split_at_checked(end)?;
        let mut numbers = [0; 3];
        let mut parts = head.trim_end_matches('.').split('.');
        for (index, number) in numbers.iter_mut().enumerate() {
            match parts.next() {
                Some(part) => *number = part.parse().ok()?,
                None if index == 0 => return None,
                None => break,
            }
        }
        // Python's `.post1` comes after, everything else with letters before.
        let released = tail.is_empty() || tail.trim_start_matches(['.', '-']).starts_with("post");
        Some(Self { numbers, released })
    }

    /// The first number.
    #[must_use]
    pub fn major(self) -> u64 {
        let [major, ..] = self.numbers;
        major
    }
}

/// The first version that a range certainly excludes at its upper end: `^2.1.0` never gives `3.0.0`. `None`: the range
/// is open, or is not understood.
///
/// ```
/// use doorward::facts::{Version, newest_of_range};
/// assert_eq!(newest_of_range("^2.1.0"), Version::parse("3.0.0"));
/// assert_eq!(newest_of_range("~=2.1"), Version::parse("3"));
/// assert_eq!(newest_of_range(">=2.1"), None);
/// ```
#[must_use]
pub fn newest_of_range(range: &str) -> Option<Version> {
    let range = range.trim();
    if range.contains("||") || range.contains('*') {
        return None;
    }
    let bump = |numbers: [u64; 3], at: usize| {
        let mut next = [0; 3];
        for (index, (to, from)) in next.iter_mut().zip(numbers).enumerate() {
            *to = if index < at { from } else { u64::from(index == at).saturating_mul(from.saturating_add(1)) };
        }
        Some(Version { numbers: next, released: true })
    };
    if let Some(rest) = range.strip_prefix('^') {
        let numbers = Version::parse(rest)?.numbers;
        return bump(numbers, numbers.iter().position(|it| *it > 0).unwrap_or(2));
    }
    if let Some(rest) = range.strip_prefix("~=") {
        let parts = rest.trim().split('.').count();
        return bump(Version::parse(rest)?.numbers, parts.clamp(2, 3) - 2);
    }
    if let Some(rest) = range.strip_prefix('~') {
        return bump(Version::parse(rest)?.numbers, usize::from(rest.contains('.')));
    }
    let parts: Vec<&str> = range.split([',', ' ']).filter(|it| !it.is_empty()).collect();
    if let Some(end) = parts.iter().find_map(|it| it.strip_prefix('<').filter(|it| !it.starts_with('='))) {
        return Version::parse(end);
    }
    let [exact] = parts.as_slice() else { return None };
    let exact = exact.trim_start_matches('=');
    bump(Version::parse(exact)?.numbers, exact.split('.').count().clamp(1, 3) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_their_registries_order_them() {
        let order = ["1.2", "1.2.1", "1.10.0rc1", "1.10.0", "2.0.0-beta.3", "2.0.0", "10"];
        for pair in order.windows(2) {
            assert!(Version::parse(pair[0]) < Version::parse(pair[1]), "{pair:?}");
        }
        assert_eq!(Version::parse("1.2.3.4"), Version::parse("1.2.3"));
        assert_eq!(Version::parse("1.2.post1"), Version::parse("1.2"));
        for text in ["", "latest", "workspace:*", ".", "git+ssh://x", "99999999999999999999"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_range_tells_what_it_can_never_give() {
        let check = |range: &str, expected: Option<&str>| {
            assert_eq!(newest_of_range(range), expected.and_then(Version::parse), "{range}");
        };
        check("^0.1.5", Some("0.2.0"));
        check("^0.0.5", Some("0.0.6"));
        check("~1.2.3", Some("1.3.0"));
        check("~1", Some("2"));
        check("~=1.2.3", Some("1.3"));
        check("1.2.3", Some("1.2.4"));
        check("==1.2.3", Some("1.2.4"));
        check("1", Some("2"));
        check(">=1, <3", Some("3"));
        check(">=1 <3.5", Some("3.5"));
        for open in ["*", "latest", ">=1", "<=3", "1 || 2", "workspace:^", ""] {
            check(open, None);
        }
    }
}
