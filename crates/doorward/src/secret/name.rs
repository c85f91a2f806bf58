//! Names of environment variables that tell whether a value may be seen by everybody.

/// Prefixes of the variables that bundlers write into what browsers load, and whose they are.
static PUBLIC_PREFIXES: &[(&str, &str)] = &[
    ("NEXT_PUBLIC_", "Next.js"),
    ("NUXT_PUBLIC_", "Nuxt"),
    ("EXPO_PUBLIC_", "Expo"),
    ("REACT_APP_", "Create React App"),
    ("VUE_APP_", "Vue CLI"),
    ("VITE_", "Vite"),
    ("GATSBY_", "Gatsby"),
    ("PUBLIC_", "Astro and SvelteKit"),
];

/// The prefix by which a variable is published, and the tool that publishes it.
///
/// ```
/// use doorward::secret::public_prefix;
/// assert_eq!(public_prefix("VITE_CLERK_PUBLISHABLE_KEY"), Some(("VITE_", "Vite")));
/// assert_eq!(public_prefix("CLERK_SECRET_KEY"), None);
/// ```
#[must_use]
pub fn public_prefix(name: &str) -> Option<(&'static str, &'static str)> {
    PUBLIC_PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix)).copied()
}

/// Whether a variable of this name is meant to hold a secret of Clerk's.
///
/// The JWT key is none: it is the public half, whatever else its name suggests.
///
/// ```
/// use doorward::secret::is_secret_name;
/// assert!(is_secret_name("NEXT_PUBLIC_CLERK_SECRET_KEY"));
/// assert!(!is_secret_name("NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY"));
/// assert!(!is_secret_name("CLERK_JWT_KEY"));
/// ```
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let Some((_, rest)) = name.split_once("CLERK_") else { return false };
    rest.contains("SECRET")
        || ["API_KEY", "PLATFORM_API_KEY", "ENCRYPTION_KEY", "BACKEND_API_KEY", "PRIVATE_KEY"].contains(&rest)
}

/// A line that gives a value to a name, without the value. For lines whose value may be a secret of any shape.
///
/// ```
/// use doorward::secret::without_value;
/// assert_eq!(without_value("  VITE_CLERK_SECRET_KEY=hunter2"), "  VITE_CLERK_SECRET_KEY=[hidden]");
/// assert_eq!(without_value("\"CLERK_SECRET_KEY\": \"\","), "\"CLERK_SECRET_KEY\":[hidden]");
/// assert_eq!(without_value("process.env.VITE_CLERK_SECRET_KEY"), "process.env.VITE_CLERK_SECRET_KEY");
/// ```
#[must_use]
pub fn without_value(line: &str) -> String {
    match line.find(['=', ':']).and_then(|at| line.split_at_checked(at + 1)) {
        Some((name, value)) if !value.trim().is_empty() => format!("{name}[hidden]"),
        _ => line.to_owned(),
    }
}
