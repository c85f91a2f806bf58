//! Changes to text that leave every other byte alone.

use std::ops::Range;

/// One change: the bytes of `range` become `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes replaced; empty for an insertion.
    pub range: Range<usize>,
    /// What stands there afterwards.
    pub text: String,
    /// Why, for the reader of the diff.
    pub reason: String,
}

/// Why edits can't be applied. Both are mistakes of the planner, and stop the plan rather than damage a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// Two edits want the same bytes.
    #[error("two edits overlap at byte {0}")]
    Overlap(usize),
    /// An edit points outside the text or into a character.
    #[error("an edit points outside the text, at byte {0}")]
    OutOfBounds(usize),
}

/// Applies edits to a text. Insertions at one place keep the order in which they were given.
///
/// ```
/// use doorward_frameworks::edit::{Edit, apply};
/// let insert = Edit { range: 3..3, text: "guard, ".into(), reason: String::new() };
/// assert_eq!(apply("f('handler')", &[insert]).unwrap(), "f('guard, handler')");
/// ```
///
/// # Errors
/// [`EditError`] if two edits overlap or one points outside the text.
pub fn apply(text: &str, edits: &[Edit]) -> Result<String, EditError> {
    let mut ordered: Vec<&Edit> = edits.iter().collect();
    ordered.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for edit in ordered {
        if edit.range.start < done {
            return Err(EditError::Overlap(edit.range.start));
        }
        let kept = text.get(done..edit.range.start).ok_or(EditError::OutOfBounds(edit.range.start))?;
        out.push_str(kept);
        out.push_str(&edit.text);
        done = edit.range.end;
    }
    out.push_str(text.get(done..).ok_or(EditError::OutOfBounds(done))?);
    Ok(out)
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// `\n` or `\r\n`, whichever the file uses more.
    pub eol: &'static str,
    /// `'` or `"`.
    pub quote: char,
    /// Whether statements end with `;`.
    pub semicolons: bool,
}

impl Style {
    /// Reads the style off a script.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let crlf = text.matches("\r\n").count();
        let lf = text.matches('\n').count() - crlf;
        let code = || text.lines().map(str::trim_end).filter(|line| !line.trim_start().starts_with(['/', '*']));
        // Only what ends a statement for sure: a line that closes a call or a string.
        let ended = code().filter(|line| line.ends_with(';')).count();
        let bare = code().filter(|line| line.ends_with([')', '\'', '"'])).count();
        let imports: String = code()
            .filter(|line| line.contains("import ") || line.contains("require(") || line.contains("from "))
            .collect();
        let sample = if imports.contains(['\'', '"']) { imports.as_str() } else { text };
        Self {
            eol: if crlf > lf { "\r\n" } else { "\n" },
            quote: if sample.matches('"').count() > sample.matches('\'').count() { '"' } else { '\'' },
            semicolons: ended >= bare || ended > 3,
        }
    }

    /// `;` or nothing.
    #[must_use]
    pub fn semicolon(self) -> &'static str {
        if self.semicolons { ";" } else { "" }
    }

    /// A string literal in the file's quotes.
    #[must_use]
    pub fn string(self, text: &str) -> String {
        let mut out = String::from(self.quote);
        for c in text.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                // Line separators end a string in old parsers, and the rest has no business in a path.
                c if c.is_control() || c == '\u{2028}' || c == '\u{2029}' => {
                    out.push_str(&format!("\\u{:04x}", u32::from(c)))
                }
                c if c == self.quote => {
                    out.push('\\');
                    out.push(c);
                }
                c => out.push(c),
            }
        }
        out.push(self.quote);
        out
    }
}

/// The white space at the start of the line that holds byte `at`.
#[must_use]
pub fn indentation(text: &str, at: usize) -> &str {
    let start = line_start(text, at);
    let line = text.get(start..at).unwrap_or_default();
    let end = line.find(|c: char| c != ' ' && c != '\t').unwrap_or(line.len());
    line.get(..end).unwrap_or_default()
}

/// The first byte of the line that holds byte `at`.
#[must_use]
pub fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// The byte after the line ending of the line that holds byte `at`, or the end of the text.
#[must_use]
pub fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|after| after.find('\n')).map_or(text.len(), |newline| at + newline + 1)
}

/// A unified diff, with `/dev/null` standing for a file that is not there.
#[must_use]
pub fn unified(path: &str, before: Option<&str>, after: Option<&str>) -> String {
    let name =
        |side: &str, text: Option<&str>| if text.is_some() { format!("{side}/{path}") } else { "/dev/null".to_owned() };
    similar::TextDiff::from_lines(before.unwrap_or_default(), after.unwrap_or_default())
        .unified_diff()
        .header(&name("a", before), &name("b", after))
        .context_radius(3)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(range: Range<usize>, text: &str) -> Edit {
        Edit { range, text: text.into(), reason: String::new() }
    }

    #[test]
    fn overlapping_edits_are_refused_and_adjacent_ones_are_not() {
        assert_eq!(apply("abcd", &[edit(0..2, "x"), edit(1..3, "y")]), Err(EditError::Overlap(1)));
        assert_eq!(apply("abcd", &[edit(2..4, "y"), edit(0..2, "x")]).unwrap(), "xy");
        assert_eq!(apply("é", &[edit(1..1, "x")]), Err(EditError::OutOfBounds(1)));
    }

    #[test]
    fn style_is_read_from_what_is_there() {
        let windows = "import a from \"a\"\r\nconst b = f(\"x\")\r\n";
        assert_eq!(Style::of(windows), Style { eol: "\r\n", quote: '"', semicolons: false });
        let common = "import a from 'a';\nf(\"x\");\n";
        assert_eq!(Style::of(common), Style { eol: "\n", quote: '\'', semicolons: true });
    }

    #[test]
    fn hostile_text_stays_inside_its_quotes() {
        let style = Style { eol: "\n", quote: '\'', semicolons: true };
        assert_eq!(style.string("a'\\\n\u{2028}"), "'a\\'\\\\\\n\\u2028'");
    }
}
