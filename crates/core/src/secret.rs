//! Which values are secrets: they are masked on screen, and left out of what may be seen by others.

/// Whether a variable's name suggests a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    const WORDS: [&str; 14] = [
        "PASS",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "PWD",
        "TOKEN",
        "SECRET",
        "CREDENTIAL",
        "KEY",
        "APIKEY",
        "ACCESSKEY",
        "PRIVATEKEY",
        "SIGNINGKEY",
        "ENCRYPTIONKEY",
    ];
    /// Names used by official images without an underscore: `PGPASSWORD`.
    const GLUED: [&str; 5] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "APIKEY"];
    let name = name.to_ascii_uppercase();
    let is_about_one = ["_FILE", "_PATH", "_DIR", "_ID"]
        .iter()
        .any(|end| name.ends_with(end));
    if is_about_one || matches!(name.as_str(), "PWD" | "OLDPWD") {
        return false;
    }
    let is_word = |part: &str| {
        let singular = part.strip_suffix('S').unwrap_or(part);
        WORDS.contains(&part) || WORDS.contains(&singular)
    };
    name.split('_').any(is_word) || GLUED.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_by_their_names() {
        for name in [
            "POSTGRES_PASSWORD",
            "PGPASSWORD",
            "DB_PASS",
            "MYSQL_PWD",
            "SSH_PASSPHRASE",
            "ENCRYPTION_KEY",
            "API_KEYS",
            "SIGNINGKEY",
            "APP_ENCRYPTIONKEY",
            "github_token",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "PATH",
            "PWD",
            "POSTGRES_PASSWORD_FILE",
            "AWS_ACCESS_KEY_ID",
            "KEYBOARD",
            "COMPASS",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
