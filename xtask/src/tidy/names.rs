//! Every file can be checked out on every system.

use std::collections::HashMap;

use super::Violation;

/// Longer paths do not fit below a folder of ordinary depth on Windows.
const LONGEST: usize = 180;

/// Names that Windows keeps for devices, whatever the extension.
static DEVICES: &[&str] = &["aux", "con", "nul", "prn", "com1", "com2", "com3", "com4", "lpt1", "lpt2", "lpt3"];

pub(super) fn check(files: &[String]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut seen: HashMap<String, &str> = HashMap::new();
    for file in files {
        if let Some((message, help)) = complaint(file) {
            found.push(violation(file, message, help));
        }
        if let Some(other) = seen.insert(file.to_lowercase(), file) {
            let message = format!("this differs from `{other}` only in capitals");
            found.push(violation(file, message, "some systems can only hold one of them: rename one"));
        }
    }
    found
}

fn complaint(file: &str) -> Option<(String, &'static str)> {
    if file.len() > LONGEST {
        return Some((format!("this path has {} characters", file.len()), "shorten it to 180 or fewer"));
    }
    if let Some(strange) = file.chars().find(|it| !is_plain(*it)) {
        let help = "use letters, digits and `._-`; routers that read file names also get `[]()@+$~%`";
        return Some((format!("a file name contains {strange:?}"), help));
    }
    for part in file.split('/') {
        let stem = part.split('.').next().unwrap_or(part).to_lowercase();
        if DEVICES.contains(&stem.as_str()) {
            return Some((format!("`{part}` is the name of a device on Windows"), "choose another name"));
        }
        if part.ends_with('.') {
            return Some((format!("`{part}` ends with a dot, which Windows drops"), "choose another name"));
        }
    }
    None
}

fn is_plain(it: char) -> bool {
    it.is_ascii_alphanumeric() || "/._-[]()@+$~%".contains(it)
}

fn violation(file: &str, message: String, help: &str) -> Violation {
    Violation { rule: "file-name", file: file.to_owned(), line: 1, message, help: help.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(files: &[&str]) -> Vec<String> {
        let files: Vec<String> = files.iter().map(|it| (*it).to_owned()).collect();
        check(&files).into_iter().map(|it| it.message).collect()
    }

    #[test]
    fn names_of_routers_are_accepted_and_strange_names_are_not() {
        assert!(refused(&["app/[[...slug]]/route.ts", "app/(shop)/@modal/page.tsx", ".env.example"]).is_empty());
        assert_eq!(refused(&["a b.ts"]), ["a file name contains ' '"]);
        assert_eq!(refused(&["a\tb.ts"]), ["a file name contains '\\t'"]);
        assert_eq!(refused(&["orders:id.ts"]), ["a file name contains ':'"]);
        assert_eq!(refused(&["münze.ts"]), ["a file name contains 'ü'"]);
    }

    #[test]
    fn devices_are_refused_and_names_that_start_like_them_are_not() {
        assert_eq!(refused(&["src/aux.rs"]), ["`aux.rs` is the name of a device on Windows"]);
        assert!(refused(&["src/auxiliary.rs", "src/console.rs", "src/null.rs"]).is_empty());
    }

    #[test]
    fn capitals_alone_do_not_tell_files_apart() {
        assert_eq!(refused(&["a/README.md", "a/readme.md"]), ["this differs from `a/README.md` only in capitals"]);
        assert!(refused(&["a/README.md", "b/readme.md"]).is_empty());
    }

    #[test]
    fn a_long_path_is_refused_and_one_at_the_limit_is_not() {
        assert_eq!(refused(&[&"a".repeat(181)]), ["this path has 181 characters"]);
        assert!(refused(&[&"a".repeat(180)]).is_empty());
    }
}
