//! Which word somebody probably meant.

/// Letters of a word that are looked at; nobody mistypes longer ones beyond recognition.
const LETTERS_MAX: usize = 32;

/// Returns the known word that is nearest to another, if it is near enough to be meant:
/// at most every third letter differs.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    if word.chars().count() > LETTERS_MAX {
        return None;
    }
    known
        .iter()
        .map(|known| (distance(&word, &known.to_ascii_lowercase()), *known))
        .filter(|(distance, known)| distance * 3 <= known.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Counts the letters that one has to insert, remove or replace (Levenshtein's distance).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (removed, letter) in from.chars().enumerate() {
        let mut diagonal = removed;
        let mut left = removed + 1;
        for (other, above) in to.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = *above;
            left = replaced.min(*above + 1).min(left + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = removed + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn distances_count_changed_letters() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("secrets", "secret", 1),
            ("hots", "host", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
            assert_eq!(distance(to, from), expected, "{to} {from}");
        }
    }

    #[test]
    fn only_near_words_are_meant() {
        let known = ["Secrets", "Http", "Config"];
        assert_eq!(nearest("secret", &known), Some("Secrets"));
        assert_eq!(nearest("HTTP", &known), Some("Http"));
        assert_eq!(nearest("Https", &known), Some("Http"));
        assert_eq!(nearest("Configs", &known), Some("Config"));
        assert_eq!(nearest("Files", &known), None);
        assert_eq!(nearest(&"s".repeat(1_000), &known), None);
    }
}
