//! How wide text is, and where it is broken or cut.
//!
//! There is no font at hand: widths are those of a common sans-serif face, a little
//! generously, so that text stays inside its box with any.

/// Returns the width of a text in pixels at a font size.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// Width of a character in ems.
fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | 'I' => 0.33,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '{' | '}' | '/' | '-' | '"' => 0.43,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.95,
        'A'..='Z' | '_' | '=' | '<' | '>' | '≤' | '≥' | '+' | '~' | '&' => 0.72,
        // East Asian letters and emoji are square.
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f000}'..='\u{3ffff}' => 1.05,
        _ => 0.6,
    }
}

/// Cuts a text to a width; a cut shows.
pub(super) fn cut(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut used = em('…') * size;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            used += em(*c) * size;
            used <= room
        })
        .collect();
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

/// Breaks a text into lines of a width, after spaces and the like where that is
/// possible; what goes beyond the last line is cut.
pub(super) fn wrap(text: &str, size: f64, room: f64, lines_max: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if lines.len() + 1 >= lines_max {
            lines.push(cut(rest, size, room));
            break;
        }
        let end = line_end(rest, size, room);
        let (line, after) = rest.split_at(end);
        lines.push(line.trim_end().to_owned());
        rest = after.trim_start();
    }
    lines
}

/// Returns the byte at which a line ends; at least one character fits.
fn line_end(text: &str, size: f64, room: f64) -> usize {
    let (mut used, mut at_break, mut end) = (0.0, None, 0);
    for (at, c) in text.char_indices() {
        used += em(c) * size;
        if used > room && end > 0 {
            return at_break.unwrap_or(end);
        }
        end = at + c.len_utf8();
        if matches!(c, ' ' | '-' | '_' | '.' | '/' | ':') {
            at_break = Some(end);
        }
    }
    end
}

/// Writes a text for XML: as content and inside of double quotes alike.
pub(super) fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // XML has no way to write these, and direction marks turn what follows around.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
