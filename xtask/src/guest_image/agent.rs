//! The guest agent, linked statically for the guest's architecture.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::recipe;
use crate::arch::Arch;
use crate::packages::Consent;
use crate::static_program;

/// The program that becomes `/init`.
pub(super) struct Agent {
    path: PathBuf,
    pub(super) sha256: String,
}

impl Agent {
    /// A program that was built elsewhere.
    pub(super) fn given(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            sha256: recipe::sha256(path)?,
        })
    }

    pub(super) fn build(consent: Consent, arch: Arch) -> Result<Self> {
        Self::given(&static_program::build(consent, "slipway-guest", arch)?)
    }

    pub(super) fn content(&self) -> Result<Vec<u8>> {
        std::fs::read(&self.path).with_context(|| format!("{} cannot be read", self.path.display()))
    }
}
