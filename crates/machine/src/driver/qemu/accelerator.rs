//! Finds out which accelerator works on this computer. Only a boot can tell: a device may open and still not run a
//! guest.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use atomic_write_file::AtomicWriteFile;
use serde::{Deserialize, Serialize};
use slipway_api::machine::{Accelerator, AcceleratorView};

use super::command_line::{self, Sockets};
use super::process::{Program, QemuProcess, last_words};
use super::qmp::{Event, Qmp};
use super::{lock, remove_if_there};
use crate::guest::now_ms;
use crate::{MachineError, VmSpec, guest_arch, host};

/// How long the kernel may take to find that it has no root file system. With a working accelerator it takes a second.
const PROBE_DEADLINE: Duration = Duration::from_secs(15);

/// A failed accelerator is tried again after this time: the computer may only have been busy.
const ASK_AGAIN: Duration = Duration::from_hours(24);

/// The verdict on one accelerator on one computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Verdict {
    works: bool,
    reason: Option<String>,
    /// When it was tested, in milliseconds since 1970.
    #[serde(default)]
    found_ms: u64,
}

impl Verdict {
    fn of(failed: Option<String>) -> Self {
        Self {
            works: failed.is_none(),
            reason: failed,
            found_ms: now_ms(),
        }
    }

    fn holds(&self, now_ms: u64) -> bool {
        let age = now_ms.checked_sub(self.found_ms);
        self.works || age.is_some_and(|age| Duration::from_millis(age) < ASK_AGAIN)
    }
}

/// The verdicts so far, in a file. Processor, QEMU and kernel are part of the key, so a change of any of them tests
/// again.
pub(super) struct Verdicts {
    path: PathBuf,
    /// The key of the last choice, for [`Verdicts::distrust`].
    last_key: Mutex<String>,
    /// Why the next start does without an accelerator.
    failed: Mutex<Option<Verdict>>,
}

impl Verdicts {
    pub(super) fn at(path: PathBuf) -> Self {
        Self {
            path,
            last_key: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// The accelerator to use, and the reason if it is not the fast one. Boots a kernel the first time.
    pub(super) async fn choose(
        &self,
        program: &Program,
        spec: &VmSpec,
        tell: &(dyn Fn(&str) + Send + Sync),
    ) -> AcceleratorView {
        let fast = |name| AcceleratorView {
            name,
            reason: None,
            hint: None,
            detail: None,
        };
        if spec.accelerator == Some(Accelerator::Tcg) {
            return emulated("emulation is selected in the settings");
        }
        if spec.image.arch != guest_arch() {
            return emulated("the guest has another architecture than this computer");
        }
        let Some(candidate) = of_this_system() else {
            return emulated("QEMU supports none on this system");
        };
        if let Err(emulated) = usable(candidate) {
            return emulated;
        }
        let key = key(candidate, &program.version);
        (*lock(&self.last_key)).clone_from(&key);
        if spec.accelerator == Some(candidate) {
            return fast(candidate);
        }
        let known = self.load().remove(&key);
        let known = known.filter(|verdict| verdict.holds(now_ms()));
        let failed = lock(&self.failed).take();
        let verdict = if let Some(verdict) = failed.or(known) {
            verdict
        } else {
            tell("Testing hardware acceleration");
            let failed = match probe(program, candidate, spec).await {
                Ok(()) => None,
                Err(MachineError::Ended { reason } | MachineError::Stuck { reason }) => {
                    Some(reason)
                }
                Err(error) => Some(error.to_string()),
            };
            let verdict = Verdict::of(failed);
            self.remember(&key, &verdict);
            verdict
        };
        if verdict.works {
            return fast(candidate);
        }
        AcceleratorView {
            hint: Some("The machine works, but it is slower".to_owned()),
            detail: verdict.reason,
            ..emulated(format!(
                "{} cannot start a virtual machine",
                name(candidate)
            ))
        }
    }

    /// Records that a real boot failed with an accelerator whose test had passed: the next start does without it, and
    /// the one after that tests it again. The computer may have been busy or full.
    pub(super) fn distrust(&self, accelerator: Accelerator, reason: &str) {
        tracing::warn!(
            ?accelerator,
            reason,
            "the accelerator does not boot the machine"
        );
        *lock(&self.failed) = Some(Verdict::of(Some(reason.to_owned())));
        let key = lock(&self.last_key).clone();
        self.write(
            &self
                .load()
                .into_iter()
                .filter(|(known, _)| *known != key)
                .collect(),
        );
    }

    fn load(&self) -> BTreeMap<String, Verdict> {
        std::fs::read(&self.path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// If a verdict cannot be written, the next start tests again.
    fn remember(&self, key: &str, verdict: &Verdict) {
        // Only verdicts for the computer in its current state are kept.
        self.write(&BTreeMap::from([(key.to_owned(), verdict.clone())]));
    }

    fn write(&self, all: &BTreeMap<String, Verdict>) {
        let write = || -> std::io::Result<()> {
            let mut file = AtomicWriteFile::open(&self.path)?;
            serde_json::to_writer_pretty(&mut file, all)?;
            file.write_all(b"\n")?;
            file.commit()
        };
        if let Err(error) = write() {
            tracing::warn!(%error, "the accelerator's verdict cannot be written");
        }
    }
}

/// Emulation, and the reason for it.
fn emulated(reason: impl Into<String>) -> AcceleratorView {
    AcceleratorView {
        name: Accelerator::Tcg,
        reason: Some(reason.into()),
        hint: None,
        detail: None,
    }
}

fn key(accelerator: Accelerator, version: &str) -> String {
    format!(
        "{} | {} | QEMU {version} | {}",
        name(accelerator),
        host::cpu_model(),
        host::kernel_release()
    )
}

fn name(accelerator: Accelerator) -> &'static str {
    match accelerator {
        Accelerator::Kvm => "KVM",
        Accelerator::Hvf => "HVF",
        Accelerator::Whpx => "WHPX",
        Accelerator::Tcg => "emulation",
    }
}

fn of_this_system() -> Option<Accelerator> {
    if cfg!(target_os = "linux") {
        Some(Accelerator::Kvm)
    } else if cfg!(target_os = "macos") {
        Some(Accelerator::Hvf)
    } else if cfg!(windows) {
        Some(Accelerator::Whpx)
    } else {
        None
    }
}

/// The checks that need no boot. Not stored, because they are cheap and their outcome can change at any time.
#[cfg(target_os = "linux")]
fn usable(accelerator: Accelerator) -> Result<(), AcceleratorView> {
    if accelerator != Accelerator::Kvm {
        return Ok(());
    }
    let opened = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/kvm");
    let Err(error) = opened else { return Ok(()) };
    let (reason, hint) = match error.kind() {
        std::io::ErrorKind::PermissionDenied => (
            "your user may not use `/dev/kvm`",
            Some("Run `sudo usermod -aG kvm $USER`, then log out and in again"),
        ),
        std::io::ErrorKind::NotFound => (
            "this computer has no KVM",
            Some("Enable virtualization in the firmware settings, if they offer it"),
        ),
        _ => ("`/dev/kvm` cannot be opened", None),
    };
    Err(AcceleratorView {
        hint: hint.map(str::to_owned),
        detail: Some(format!("/dev/kvm: {error}")),
        ..emulated(reason)
    })
}

#[cfg(not(target_os = "linux"))]
fn usable(_accelerator: Accelerator) -> Result<(), AcceleratorView> {
    Ok(())
}

/// Boots a kernel without a root file system. The accelerator works if the kernel gets as far as missing it, which ends
/// QEMU.
async fn probe(
    program: &Program,
    accelerator: Accelerator,
    spec: &VmSpec,
) -> Result<(), MachineError> {
    let directory = spec.runtime.join(crate::paths::PROBE);
    crate::paths::private_dir(&directory)?;
    let outcome = probe_in(&directory, program, accelerator, spec).await;
    let _ = std::fs::remove_dir_all(&directory);
    outcome
}

async fn probe_in(
    directory: &Path,
    program: &Program,
    accelerator: Accelerator,
    spec: &VmSpec,
) -> Result<(), MachineError> {
    let sockets = Sockets::in_dir(directory);
    remove_if_there(&sockets.qmp)?;
    let console = directory.join("console.log");
    let arguments = command_line::probe(program, spec, accelerator, &console, &sockets);
    let log = directory.join("qemu.log");
    let process = QemuProcess::spawn(&program.path, arguments, &log, directory, None)?;
    process.started().await?;
    let follow = async {
        let (qmp, mut events) = tokio::select! {
            connected = Qmp::connect(&sockets.qmp, PROBE_DEADLINE) => connected?,
            reason = process.ended() => return Err(MachineError::Ended { reason }),
        };
        // Events before we subscribed are visible in the state.
        let status = qmp.status().await.unwrap_or_default();
        if status == "internal-error" {
            let words = last_words(&log);
            let reason = if words.is_empty() {
                "QEMU reported an internal error".to_owned()
            } else {
                format!("QEMU reported an internal error: {words}")
            };
            return Err(MachineError::Stuck { reason });
        }
        loop {
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(Event::Stuck { reason }) => {
                        let words = last_words(&log);
                        return Err(MachineError::Stuck { reason: if words.is_empty() { reason } else { words } });
                    }
                    Some(Event::Shutdown { .. } | Event::Paused { .. } | Event::Resumed) => {}
                    None => break,
                },
                _ = process.ended() => break,
            };
        }
        Ok(())
    };
    let outcome = tokio::time::timeout(PROBE_DEADLINE, follow)
        .await
        .unwrap_or_else(|_| {
            Err(MachineError::Stuck {
                reason: "the kernel did not boot in time".to_owned(),
            })
        });
    process.kill().await;
    outcome?;
    let console = std::fs::read(&console).unwrap_or_default();
    if String::from_utf8_lossy(&console).contains("Linux version") {
        Ok(())
    } else {
        Err(MachineError::Ended {
            reason: format!("the kernel said nothing; {}", last_words(&log)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_remembered_and_can_be_taken_back() {
        let directory = tempfile::tempdir().unwrap();
        let verdicts = Verdicts::at(directory.path().join("verdict.json"));
        let key = key(Accelerator::Kvm, "10.0.2");
        verdicts.remember(&key, &Verdict::of(None));
        assert!(verdicts.load()[&key].works);
        (*lock(&verdicts.last_key)).clone_from(&key);
        verdicts.distrust(Accelerator::Kvm, "internal error");
        // The next start does without it; the one after that tests it again.
        assert!(verdicts.load().is_empty());
        let failed = lock(&verdicts.failed).take().unwrap();
        assert_eq!(failed.reason.as_deref(), Some("internal error"));
    }

    #[test]
    fn what_did_not_work_is_tried_again_after_a_day_and_what_works_is_not() {
        let day = u64::try_from(ASK_AGAIN.as_millis()).unwrap();
        let failed = Verdict::of(Some("busy".to_owned()));
        assert!(failed.holds(failed.found_ms + day - 1));
        assert!(!failed.holds(failed.found_ms + day));
        // A clock that was set back.
        assert!(!failed.holds(failed.found_ms - 1));
        let works = Verdict::of(None);
        assert!(works.holds(works.found_ms + 100 * day));
    }

    #[test]
    fn a_damaged_file_asks_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("verdict.json");
        std::fs::write(&path, "{]").unwrap();
        assert!(Verdicts::at(path).load().is_empty());
    }
}
