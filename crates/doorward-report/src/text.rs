//! Text of the target, made safe for a document.

use doorward::secret;

/// The text with what nobody can see made visible, and without its secrets. Every writer starts from this.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        // Characters that turn the direction of reading around could show a route as another one.
        let is_hidden = (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if is_hidden {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    secret::redact(&shown)
}

/// `1 route`, `2 routes`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A line of a file, without its indentation; nothing if it is too long to help.
pub(crate) fn line_of(text: &str, line: u32) -> Option<&str> {
    let at = usize::try_from(line).ok()?.checked_sub(1)?;
    text.lines().nth(at).map(str::trim).filter(|it| !it.is_empty() && it.len() <= 300)
}
