//! The secrets of one call: what its guest may ask for, and for how long.

use std::fmt;
use std::sync::{Arc, OnceLock};

use zeroize::Zeroizing;

use crate::redact::Redactor;
use crate::sealed::VaultError;
use crate::secret::SecretValue;

/// Begins each placeholder.
pub(crate) const PLACEHOLDER_PREFIX: &str = "swph_";
/// Random bytes of a placeholder.
const PLACEHOLDER_BYTES: usize = 16;
/// Characters of a placeholder.
pub(crate) const PLACEHOLDER_CHARS: usize = PLACEHOLDER_PREFIX.len() + 2 * PLACEHOLDER_BYTES;

/// A secret that a call is given.
pub struct HeldSecret {
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub value: SecretValue,
    /// Whether the guest gets the value, and not a placeholder.
    pub reveal: bool,
}

/// The secrets of one call. Made when the call begins, dropped with it.
pub struct HeldSecrets {
    held: Vec<Entry>,
    outputs: OnceLock<Arc<Redactor>>,
    responses: OnceLock<Arc<Redactor>>,
}

pub(crate) struct Entry {
    pub(crate) secret: HeldSecret,
    /// Stands for the value while the guest holds it: random, good for this call.
    pub(crate) placeholder: Zeroizing<String>,
}

impl HeldSecrets {
    /// Draws a placeholder for each secret.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn new(secrets: Vec<HeldSecret>) -> Result<Self, VaultError> {
        let entry = |secret| {
            let mut drawn = [0; PLACEHOLDER_BYTES];
            getrandom::fill(&mut drawn)
                .map_err(|error| VaultError::NoRandomness(error.to_string()))?;
            let placeholder = Zeroizing::new(format!("{PLACEHOLDER_PREFIX}{}", hex::encode(drawn)));
            Ok(Entry {
                secret,
                placeholder,
            })
        };
        Ok(Self {
            held: secrets.into_iter().map(entry).collect::<Result<_, _>>()?,
            outputs: OnceLock::new(),
            responses: OnceLock::new(),
        })
    }

    /// What a guest gets that asks for a secret: the value where its grant reveals it, else
    /// the placeholder; nothing for a name that is not among them.
    #[must_use]
    pub fn answer(&self, name: &str) -> Option<&str> {
        let entry = self.held.iter().find(|entry| *entry.secret.name == *name)?;
        Some(if entry.secret.reveal {
            entry.secret.value.reveal()
        } else {
            &entry.placeholder
        })
    }

    /// Takes values and placeholders out of what the call leaves behind: its output, its
    /// failure, its log.
    pub fn outputs(&self) -> &Arc<Redactor> {
        self.outputs.get_or_init(|| {
            let values = self.held.iter().map(Entry::named_value);
            let placeholders = self
                .held
                .iter()
                .map(|entry| (&entry.secret.name, entry.placeholder.as_str()));
            Arc::new(Redactor::with_exact(values, placeholders))
        })
    }

    /// Takes values out of what the call is answered by others: the ones that its guest
    /// does not get either.
    pub fn responses(&self) -> &Arc<Redactor> {
        self.responses.get_or_init(|| {
            let kept_back = self.held.iter().filter(|entry| !entry.secret.reveal);
            Arc::new(Redactor::new(kept_back.map(Entry::named_value)))
        })
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.held
    }
}

impl Entry {
    fn named_value(&self) -> (&Arc<str>, &str) {
        (&self.secret.name, self.secret.value.reveal())
    }
}

impl fmt::Debug for HeldSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.held.iter().map(|entry| &entry.secret.name);
        f.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(reveal: bool) -> HeldSecrets {
        let value = SecretValue::new(Zeroizing::new(b"hunter2hunter2".to_vec())).unwrap();
        let secret = HeldSecret {
            name: "token".into(),
            value,
            reveal,
        };
        HeldSecrets::new(vec![secret]).unwrap()
    }

    #[test]
    fn a_placeholder_is_drawn_for_each_call() {
        let (one, two) = (held(false), held(false));
        let placeholder = one.answer("token").unwrap();
        assert_ne!(one.answer("token"), two.answer("token"));
        assert_eq!(placeholder.len(), PLACEHOLDER_CHARS);
        assert!(placeholder.starts_with("swph_"));
        assert_eq!(one.answer("other"), None);
        assert_eq!(held(true).answer("token"), Some("hunter2hunter2"));
    }

    #[test]
    fn what_a_call_leaves_holds_neither_value_nor_placeholder() {
        for reveal in [false, true] {
            let held = held(reveal);
            let left = format!("{} and hunter2hunter2", held.answer("token").unwrap());
            let redacted = held.outputs().redact(&left);
            assert_eq!(redacted, "[redacted:token] and [redacted:token]");
        }
    }

    #[test]
    fn an_answer_keeps_back_what_the_guest_does_not_get() {
        let answer = "you sent hunter2hunter2";
        assert_eq!(
            held(false).responses().redact(answer),
            "you sent [redacted:token]"
        );
        assert_eq!(held(true).responses().redact(answer), answer);
    }

    #[test]
    fn debug_shows_names_alone() {
        assert_eq!(format!("{:?}", held(true)), r#"["token"]"#);
    }
}
