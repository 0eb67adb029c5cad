//! Problems of a definition, each with the line it is about.
//!
//! ```text
//! error[MISSING_TARGET]: the state "ship" does not exist
//!   --> order.yaml:12:13 (/workflow/states/pay/next)
//!    |
//! 12 |       next: ship
//!    |             ^^^^
//!    = hint: name one of: pay, create-shipment
//! ```

use stepwell_server::wire::{Diagnostic, Severity};

use crate::console::{BAD, NOTICE, POINTER, STRONG, paint};
use crate::render::text::{columns, safe};
use crate::render::units;

/// Columns of a source line that are shown: minified JSON is one long line.
const SOURCE_COLUMNS: usize = 96;

/// Characters that are shown before the place, where a line is too long.
const LEAD_COLUMNS: usize = 32;

/// Writes the problems of a text, in their order.
pub(crate) fn render(file: &str, text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&render_one(file, text, diagnostic));
        out.push('\n');
    }
    out
}

/// Counts them: `2 errors and 1 warning`.
pub(crate) fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| {
        diagnostics
            .iter()
            .filter(|one| one.severity == severity)
            .count() as u64
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match (errors, warnings) {
        (0, 0) => "no problems".to_owned(),
        (_, 0) => units::count(errors, "error", "errors"),
        (0, _) => units::count(warnings, "warning", "warnings"),
        _ => format!(
            "{} and {}",
            units::count(errors, "error", "errors"),
            units::count(warnings, "warning", "warnings")
        ),
    }
}

fn render_one(file: &str, text: &str, diagnostic: &Diagnostic) -> String {
    let (word, style) = match diagnostic.severity {
        Severity::Error => ("error", BAD),
        Severity::Warning => ("warning", NOTICE),
    };
    let head = paint(style.bold(), format!("{word}[{}]", safe(&diagnostic.code)));
    let mut out = format!(
        "{head}{}\n",
        paint(STRONG, format!(": {}", safe(&diagnostic.message)))
    );

    let line_number = diagnostic.line.to_string();
    let margin = " ".repeat(line_number.len());
    let place = if diagnostic.pointer.is_empty() {
        "/"
    } else {
        &diagnostic.pointer
    };
    out.push_str(&format!(
        "{margin}{} {}:{}:{} ({})\n",
        paint(POINTER, "-->"),
        safe(file),
        diagnostic.line,
        diagnostic.column,
        safe(place)
    ));
    let bar = paint(POINTER, "|");
    if let Some(excerpt) = Excerpt::of(text, diagnostic.line, diagnostic.column) {
        out.push_str(&format!("{margin} {bar}\n"));
        out.push_str(&format!(
            "{} {bar} {}\n",
            paint(POINTER, &line_number),
            excerpt.line
        ));
        let mark = paint(style.bold(), "^".repeat(excerpt.length));
        out.push_str(&format!(
            "{margin} {bar} {}{mark}\n",
            " ".repeat(excerpt.indent)
        ));
    }
    if let Some(hint) = &diagnostic.hint {
        let label = paint(STRONG, "hint:");
        out.push_str(&format!(
            "{margin} {} {label} {}\n",
            paint(POINTER, "="),
            safe(hint)
        ));
    }
    out
}

/// A line of the source, and what of it is meant.
struct Excerpt {
    line: String,
    indent: usize,
    length: usize,
}

impl Excerpt {
    fn of(text: &str, line: u32, column: u32) -> Option<Self> {
        let index = usize::try_from(line.checked_sub(1)?).ok()?;
        let source: Vec<char> = text.lines().nth(index)?.chars().collect();
        let start = usize::try_from(column.saturating_sub(1))
            .ok()?
            .min(source.len());
        let marked = token_length(source.get(start..)?);

        let from = if source.len() > SOURCE_COLUMNS {
            start.saturating_sub(LEAD_COLUMNS)
        } else {
            0
        };
        let to = source.len().min(from + SOURCE_COLUMNS);
        let show =
            |part: Option<&[char]>| safe(&part.unwrap_or_default().iter().collect::<String>());
        let before = format!(
            "{}{}",
            if from > 0 { "…" } else { "" },
            show(source.get(from..start))
        );
        let end = start.saturating_add(marked).min(to);
        let token = show(source.get(start..end));
        let after = format!(
            "{}{}",
            show(source.get(end..to)),
            if to < source.len() { "…" } else { "" }
        );
        Some(Self {
            indent: columns(&before),
            length: columns(&token).max(1),
            line: format!("{before}{token}{after}").trim_end().to_owned(),
        })
    }
}

/// How many characters the word, the quoted text or the sign at the start takes.
fn token_length(rest: &[char]) -> usize {
    match rest.first() {
        Some(quote @ ('"' | '\'')) => {
            let mut escaped = false;
            let close = rest.iter().skip(1).position(|c| {
                let closes = !escaped && c == quote;
                escaped = !escaped && *c == '\\';
                closes
            });
            close.map_or(1, |position| position + 2)
        }
        _ => {
            let ends = |c: &char| {
                c.is_whitespace() || matches!(c, ',' | ':' | '{' | '}' | '[' | ']' | '"')
            };
            rest.iter().position(ends).unwrap_or(rest.len()).max(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::plain;

    fn diagnostic(line: u32, column: u32, hint: Option<&str>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code: "MISSING_TRANSITION_TARGET".to_owned(),
            message: "the state \"ship\" does not exist".to_owned(),
            pointer: "/workflow/states/pay/next".to_owned(),
            location: "/States/pay".to_owned(),
            line,
            column,
            hint: hint.map(str::to_owned),
        }
    }

    #[test]
    fn a_problem_shows_its_line_and_marks_the_word() {
        let text = "workflow:\n  states:\n    pay:\n      next: ship\n";
        let shown = render(
            "order.yaml",
            text,
            &[diagnostic(4, 13, Some("name one of: pay"))],
        );
        let expected = "\
error[MISSING_TRANSITION_TARGET]: the state \"ship\" does not exist
 --> order.yaml:4:13 (/workflow/states/pay/next)
  |
4 |       next: ship
  |             ^^^^
  = hint: name one of: pay

";
        assert_eq!(plain(&shown), expected);
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let text = format!(
            "{{{}\"Next\": \"ship\"{}}}",
            "\"a\": 1, ".repeat(40),
            " ".repeat(200)
        );
        let column = u32::try_from(text.find("\"ship\"").unwrap() + 1).unwrap();
        let shown = plain(&render("a.json", &text, &[diagnostic(1, column, None)]));
        let lines: Vec<&str> = shown.lines().collect();
        let at = lines[3]
            .find("\"ship\"")
            .map(|byte| lines[3][..byte].chars().count());
        assert_eq!(lines[4].chars().position(|c| c == '^'), at);
        assert_eq!(lines[4].matches('^').count(), "\"ship\"".len());
        assert!(columns(lines[3]) <= SOURCE_COLUMNS + 6, "{}", lines[3]);
    }

    #[test]
    fn a_place_outside_of_the_text_is_named_without_its_line() {
        for (line, column) in [(0, 0), (9, 1), (1, 400)] {
            let shown = plain(&render("a.json", "{}", &[diagnostic(line, column, None)]));
            assert!(
                shown.contains(&format!("--> a.json:{line}:{column}")),
                "{shown}"
            );
        }
    }

    #[test]
    fn problems_are_counted() {
        let warning = Diagnostic {
            severity: Severity::Warning,
            ..diagnostic(1, 1, None)
        };
        assert_eq!(summary(&[]), "no problems");
        assert_eq!(summary(std::slice::from_ref(&warning)), "1 warning");
        let all = [diagnostic(1, 1, None), diagnostic(1, 1, None), warning];
        assert_eq!(summary(&all), "2 errors and 1 warning");
    }
}
