//! Passwords and keys, generated from the system's random source.

use serde::Deserialize;

/// What a generated secret looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSpec {
    /// How many characters, at least 8.
    pub length: u16,
    /// Which characters.
    pub alphabet: Alphabet,
}

/// The characters of a secret. None of them needs quoting in a shell, in YAML or in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alphabet {
    /// `A-Z a-z 0-9`, with at least one of each, as many password policies want.
    Alnum,
    /// [`Self::Alnum`] and `-`, `.`, `_`, with at least one of each of the four classes, starting
    /// with a letter or digit.
    Symbols,
    /// `0-9 a-f`: each character is four bits of a key.
    Hex,
}

/// The system's random source could not be read.
#[derive(Debug, thiserror::Error)]
#[error("The system gave no random numbers")]
pub struct SecretError {
    #[from]
    source: getrandom::Error,
}

impl SecretSpec {
    /// The shortest secret that can be asked for.
    pub const MIN_LENGTH: u16 = 8;

    /// Generates a secret: uniform over all texts of this length and alphabet that have the
    /// character classes that the alphabet promises. A length under [`Self::MIN_LENGTH`] gives
    /// one of that length.
    pub fn generate(self) -> Result<String, SecretError> {
        // Whole candidates are drawn again, not repaired: a repair would favour some secrets.
        loop {
            let candidate = self.candidate()?;
            if self.alphabet.accepts(&candidate) {
                return Ok(candidate);
            }
        }
    }

    fn candidate(self) -> Result<String, SecretError> {
        let characters = self.alphabet.characters().as_bytes();
        let length = usize::from(self.length.max(Self::MIN_LENGTH));
        // Bytes from `limit` up would favour the first characters, so they are thrown away.
        let limit = 256 - 256 % characters.len();
        let mut secret = String::with_capacity(length);
        let mut random = [0_u8; 64];
        while secret.len() < length {
            getrandom::fill(&mut random)?;
            secret.extend(
                random
                    .iter()
                    .map(|&byte| usize::from(byte))
                    .filter(|&byte| byte < limit)
                    .map(|byte| char::from(characters[byte % characters.len()]))
                    .take(length - secret.len()),
            );
        }
        Ok(secret)
    }
}

impl Alphabet {
    /// All characters that can occur, each once.
    pub fn characters(self) -> &'static str {
        match self {
            Self::Alnum => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            Self::Symbols => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._",
            Self::Hex => "0123456789abcdef",
        }
    }

    fn accepts(self, secret: &str) -> bool {
        let has = |class: fn(&u8) -> bool| secret.as_bytes().iter().any(class);
        let alnum =
            has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
        match self {
            Self::Alnum => alnum,
            Self::Symbols => {
                alnum
                    && has(u8::is_ascii_punctuation)
                    && secret.starts_with(|first: char| first.is_ascii_alphanumeric())
            }
            Self::Hex => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const ALL: [Alphabet; 3] = [Alphabet::Alnum, Alphabet::Symbols, Alphabet::Hex];

    #[test]
    fn a_secret_has_the_length_and_the_characters_asked_for() {
        for alphabet in ALL {
            for length in [8, 24, 63, 64, 65, 200] {
                let secret = SecretSpec { length, alphabet }.generate().unwrap();
                assert_eq!(secret.len(), usize::from(length));
                assert!(secret.chars().all(|c| alphabet.characters().contains(c)));
                assert!(alphabet.accepts(&secret), "{alphabet:?}");
            }
        }
    }

    #[test]
    fn a_short_length_is_raised() {
        let alphabet = Alphabet::Symbols;
        let secret = SecretSpec {
            length: 0,
            alphabet,
        }
        .generate()
        .unwrap();
        assert_eq!(secret.len(), usize::from(SecretSpec::MIN_LENGTH));
    }

    #[test]
    fn secrets_differ() {
        let spec = SecretSpec {
            length: 16,
            alphabet: Alphabet::Hex,
        };
        let secrets: HashSet<_> = (0..1_000).map(|_| spec.generate().unwrap()).collect();
        assert_eq!(secrets.len(), 1_000);
    }

    #[test]
    fn alphabets_have_each_character_once() {
        for alphabet in ALL {
            let characters = alphabet.characters();
            let unique: HashSet<_> = characters.bytes().collect();
            assert_eq!(unique.len(), characters.len());
        }
    }

    /// A chi-squared test. Its bound is six standard deviations from the mean, so chance breaks it
    /// once in some hundred million runs; a modulo bias (256 % 62 = 8) exceeds it many times over.
    #[test]
    fn characters_are_equally_likely() {
        for alphabet in ALL {
            let spec = SecretSpec {
                length: u16::MAX,
                alphabet,
            };
            let mut counts = [0_u32; 256];
            let mut total = 0_u32;
            for _ in 0..8 {
                for byte in spec.candidate().unwrap().bytes() {
                    counts[usize::from(byte)] += 1;
                    total += 1;
                }
            }
            let kinds = f64::from(u32::try_from(alphabet.characters().len()).unwrap());
            let expected = f64::from(total) / kinds;
            let chi_squared: f64 = alphabet
                .characters()
                .bytes()
                .map(|byte| (f64::from(counts[usize::from(byte)]) - expected).powi(2) / expected)
                .sum();
            let freedom = kinds - 1.0;
            assert!(
                chi_squared < freedom + 6.0 * (2.0 * freedom).sqrt() + 20.0,
                "{alphabet:?}: {chi_squared}"
            );
        }
    }
}
