//! Every dependency comes under terms that `deny.toml` allows.

use std::collections::BTreeSet;

use crate::graph::ForeignPackage;

/// Reads the list `allow` of the section `[licenses]`.
#[must_use]
pub fn allowed(deny: &str) -> BTreeSet<String> {
    let section = deny.split("[licenses]").nth(1).unwrap_or_default();
    let list = section.split("allow = [").nth(1).unwrap_or_default();
    let list = list.split(']').next().unwrap_or_default();
    let lines = list
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    lines
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

/// Complains about each package whose terms are not allowed.
#[must_use]
pub fn complaints(packages: &[ForeignPackage], allowed: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for ForeignPackage { name, licence } in packages {
        match licence {
            None => found.push(format!(
                "{name}: names no licence; read its terms, and choose another crate if in doubt"
            )),
            Some(expression) if !is_allowed(expression, allowed) => found.push(format!(
                "{name}: its licence `{expression}` is not allowed; choose another crate, or \
                 allow it in deny.toml with the reason"
            )),
            Some(_) => {}
        }
    }
    found
}

/// Returns whether an SPDX expression can be met with the allowed licences. What cannot
/// be read is not allowed.
#[must_use]
pub fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    // An older way to write `OR`.
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = Words {
        words: spaced.split_whitespace().collect(),
        at: 0,
        allowed,
    };
    words.any() == Some(true) && words.at == words.words.len()
}

/// Reads an expression from left to right; `AND` binds tighter than `OR`.
struct Words<'a> {
    words: Vec<&'a str>,
    at: usize,
    allowed: &'a BTreeSet<String>,
}

impl<'a> Words<'a> {
    fn take(&mut self, word: &str) -> bool {
        let taken = self.words.get(self.at) == Some(&word);
        self.at += usize::from(taken);
        taken
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.at).copied();
        self.at += 1;
        word
    }

    fn any(&mut self) -> Option<bool> {
        let mut met = self.all()?;
        while self.take("OR") {
            met |= self.all()?;
        }
        Some(met)
    }

    fn all(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.take("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let met = self.any()?;
            return self.take(")").then_some(met);
        }
        let name = self.next()?;
        if self.take("WITH") {
            let exception = self.next()?;
            return Some(self.allowed.contains(&format!("{name} WITH {exception}")));
        }
        Some(self.allowed.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = "[advisories]\nignore = []\n\n[licenses]\nallow = [\n    \"MIT\", # \"GPL-3.0\"\n    \
                        \"Apache-2.0 WITH LLVM-exception\",\n]\n\n[bans]\nallow = [\"no\"]\n";

    #[test]
    fn the_list_is_read_from_deny_toml() {
        let list = allowed(DENY);
        assert_eq!(list.len(), 2, "{list:?}");
        assert!(list.contains("MIT"));
    }

    #[test]
    fn one_of_several_is_enough_and_all_of_several_are_needed() {
        let allowed = allowed(DENY);
        for (expression, expected) in [
            ("MIT", true),
            ("MIT OR GPL-3.0", true),
            ("GPL-3.0/MIT", true),
            ("MIT AND GPL-3.0", false),
            ("GPL-3.0 OR MIT AND MIT", true),
            ("(GPL-3.0 OR MIT) AND MIT", true),
            ("(MIT OR GPL-3.0) AND GPL-3.0", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0", false),
            ("MIT WITH LLVM-exception", false),
            ("(MIT", false),
            ("MIT MIT", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
        }
    }

    #[test]
    fn a_package_without_terms_is_named() {
        let package = |name: &str, licence: Option<&str>| ForeignPackage {
            name: name.to_owned(),
            licence: licence.map(str::to_owned),
        };
        let packages = [
            package("a 1.0.0", None),
            package("b 1.0.0", Some("GPL-3.0-only")),
            package("c 1.0.0", Some("MIT")),
        ];
        let found = complaints(&packages, &allowed(DENY));
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
