//! About the application itself.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::error::ApiError;

/// Which Slipway this is and where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct AppInfo {
    /// Version of Slipway, for example `0.1.0`.
    pub version: String,
    /// `linux`, `macos` or `windows`.
    pub os: String,
    /// `x86_64` or `aarch64`.
    pub arch: String,
    /// Web page of the project's source code, where releases are listed.
    pub repository: Option<String>,
}

/// The settings that the window and the `slipway` command share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct SettingsView {
    /// Name or address of the engine to use; `None` selects one automatically.
    pub engine: Option<String>,
}

/// One named check of `slipway doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct DoctorCheck {
    /// Stable name, for example `engine.permission`.
    pub name: String,
    /// What was looked at, in words.
    pub title: String,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found, in one line.
    pub finding: String,
    /// What is wrong and what to do, when the verdict is not `ok`.
    pub error: Option<ApiError>,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, but something is worth knowing.
    Warning,
    /// Something does not work.
    Failed,
}
