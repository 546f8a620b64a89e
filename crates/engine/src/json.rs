//! Lenient JSON parsing for engines that differ, have bugs, or are hostile: a field of the wrong type is skipped, a
//! broken item of a list is skipped, and lines have a size limit.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::EngineError;

/// Limit of an item in a JSON stream. An event carries all labels of its container, which Docker does not limit, but no
/// reasonable item comes close to this.
const MAX_ITEM_BYTES: usize = 4 * 1024 * 1024;

/// Reads an object whose fields are all optional. `what` names it in the error.
pub(crate) fn object<T: DeserializeOwned>(
    bytes: &[u8],
    what: &'static str,
) -> Result<T, EngineError> {
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(value),
        Err(error) => salvage(bytes).ok_or_else(|| protocol(what, error)),
    }
}

/// Parses a list. Items that cannot be parsed at all are skipped, with a warning in our log. `null` is an empty list,
/// as Go writes it.
pub(crate) fn list<T: DeserializeOwned>(
    bytes: &[u8],
    what: &'static str,
) -> Result<Vec<T>, EngineError> {
    if let Ok(items) = serde_json::from_slice::<Option<Vec<T>>>(bytes) {
        return Ok(items.unwrap_or_default());
    }
    let items: Vec<&RawValue> =
        serde_json::from_slice(bytes).map_err(|error| protocol(what, error))?;
    let mut readable = Vec::with_capacity(items.len());
    for item in items {
        match object(item.get().as_bytes(), what) {
            Ok(value) => readable.push(value),
            Err(error) => tracing::warn!(what, %error, "an item of the engine's answer is skipped"),
        }
    }
    Ok(readable)
}

/// Parses an object field by field and skips those that do not fit.
fn salvage<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let fields: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    let fitting: Map<String, Value> = fields
        .into_iter()
        .filter(|(name, value)| {
            let alone = Map::from_iter([(name.clone(), value.clone())]);
            T::deserialize(Value::Object(alone)).is_ok()
        })
        .collect();
    T::deserialize(Value::Object(fitting)).ok()
}

pub(crate) fn protocol(what: &str, error: serde_json::Error) -> EngineError {
    EngineError::Protocol {
        what: what.to_owned(),
        source: Some(Arc::new(error)),
    }
}

/// Splits a byte stream into JSON objects, one per line.
#[derive(Debug, Default)]
pub(crate) struct JsonLines {
    buffer: Vec<u8>,
    /// Start of the unread part of the buffer.
    start: usize,
    /// Position up to which the buffer was searched for a line end.
    scanned: usize,
}

impl JsonLines {
    /// Appends bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        if self.buffer.len() + bytes.len() > MAX_ITEM_BYTES
            && memchr::memchr(b'\n', bytes).is_none()
        {
            return Err(EngineError::TooLarge {
                limit: MAX_ITEM_BYTES,
            });
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next complete line that is not blank.
    pub(crate) fn next_line(&mut self) -> Option<&[u8]> {
        loop {
            let end = self.scanned
                + memchr::memchr(b'\n', &self.buffer[self.scanned..]).or_else(|| {
                    self.scanned = self.buffer.len();
                    None
                })?;
            let line = self.start..end;
            self.start = end + 1;
            self.scanned = self.start;
            if !self.buffer[line.clone()].trim_ascii().is_empty() {
                return Some(self.buffer[line].trim_ascii());
            }
        }
    }

    /// The last line, without a line end, unless it is blank.
    pub(crate) fn rest(&mut self) -> Option<&[u8]> {
        let start = std::mem::replace(&mut self.start, self.buffer.len());
        self.scanned = self.buffer.len();
        let rest = self.buffer[start..].trim_ascii();
        (!rest.is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "PascalCase")]
    struct Thing {
        id: Option<String>,
        count: Option<u64>,
    }

    #[track_caller]
    fn check(json: &str, expected: &[(Option<&str>, Option<u64>)]) {
        let things: Vec<Thing> = list(json.as_bytes(), "things").unwrap();
        let things: Vec<_> = things.iter().map(|t| (t.id.as_deref(), t.count)).collect();
        assert_eq!(things, expected, "{json}");
    }

    #[test]
    fn one_bad_item_does_not_lose_the_others() {
        check("null", &[]);
        check(r#"[{"Id":"a","Count":1}]"#, &[(Some("a"), Some(1))]);
        check(
            r#"[{"Id":"a","Count":"many"},{"Id":"b","Count":2}]"#,
            &[(Some("a"), None), (Some("b"), Some(2))],
        );
        check(
            r#"[{"Id":["a"]},7,null,{"Id":"b"}]"#,
            &[(None, None), (Some("b"), None)],
        );
    }

    #[test]
    fn garbage_is_an_error() {
        assert!(list::<Thing>(b"<html>", "things").is_err());
        assert!(object::<Thing>(b"[1,2", "thing").is_err());
    }

    #[test]
    fn a_line_without_end_is_refused_in_time() {
        let mut lines = JsonLines::default();
        let piece = vec![b'x'; 1024 * 1024];
        let pushed = (0..8).take_while(|_| lines.push(&piece).is_ok()).count();
        assert_eq!(pushed, 4);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            text in "([a-z]{0,5}\r?\n){0,8}[a-z]{0,3}",
            cuts in proptest::collection::vec(1_usize..7, 1..20),
        ) {
            let whole: Vec<String> = text
                .split('\n')
                .map(|line| line.trim().to_owned())
                .filter(|line| !line.is_empty())
                .collect();
            let mut lines = JsonLines::default();
            let mut found = Vec::new();
            let mut bytes = text.as_bytes();
            for cut in cuts.iter().cycle() {
                if bytes.is_empty() {
                    break;
                }
                let (piece, rest) = bytes.split_at((*cut).min(bytes.len()));
                bytes = rest;
                lines.push(piece).unwrap();
                while let Some(line) = lines.next_line() {
                    found.push(String::from_utf8(line.to_vec()).unwrap());
                }
            }
            found.extend(lines.rest().map(|line| String::from_utf8(line.to_vec()).unwrap()));
            prop_assert_eq!(found, whole);
        }
    }
}
