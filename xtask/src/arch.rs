//! The architectures that the machine and its images are made for.

use anyhow::{Context as _, Result};

/// An architecture that the machine runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arch {
    Amd64,
    Arm64,
}

impl Arch {
    pub(crate) const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// As Debian and image registries call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The part of a Rust target or a GNU tool's name that says the architecture.
    pub(crate) fn machine(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// Where Debian keeps libraries of this architecture.
    pub(crate) fn libraries(self) -> String {
        format!("usr/lib/{}-linux-gnu", self.machine())
    }

    pub(crate) fn of_this_computer() -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|arch| arch.machine() == std::env::consts::ARCH)
            .with_context(|| format!("no tools are known for {}", std::env::consts::ARCH))
    }
}
