//! The checks of `slipway doctor`, each with a hint.

use slipway_api::app::{DoctorCheck, Verdict};
use slipway_api::engine::EndpointView;
use slipway_api::machine::{DockerState, MachineState, MachineView};
use slipway_api::{ApiError, ErrorKind};
use slipway_catalog::Catalog;
use slipway_machine::{GuestImage, MachineError, MachinePaths, Qemu, guest_arch};

use crate::blocking::blocking;
use crate::error::api_error;
use crate::{Slipway, selection, view};

impl Slipway {
    /// Checks everything that can prevent running containers.
    pub async fn doctor(&self) -> Vec<DoctorCheck> {
        let mut checks = vec![self.check_configuration().await];
        checks.push(self.check_settings().await);
        let endpoints = selection::list(&self.environment, None).await;
        checks.push(check_endpoints(&endpoints));
        checks.push(self.check_engine().await);
        checks.extend(self.check_engine_host().await);
        for check in &mut checks {
            if let Some(error) = check.error.take() {
                check.error = Some(
                    self.with_machine_offered(error, "`slipway machine start`")
                        .await,
                );
            }
        }
        if cfg!(target_os = "linux") {
            checks.push(self.check_machine().await);
        }
        checks.push(check_catalog());
        checks
    }

    async fn check_configuration(&self) -> DoctorCheck {
        let discovery = selection::discover(&self.environment).await;
        let broken = discovery
            .candidates
            .iter()
            .find_map(|candidate| candidate.endpoint.as_ref().err());
        DoctorCheck {
            name: "docker.configuration".to_owned(),
            title: "Docker's configuration".to_owned(),
            verdict: if broken.is_some() {
                Verdict::Warning
            } else {
                Verdict::Ok
            },
            finding: broken.map_or_else(
                || match discovery.candidates.len() {
                    0 => "No engine is configured, and none was found at the usual addresses"
                        .to_owned(),
                    1 => "One engine found".to_owned(),
                    count => format!("{count} engines found"),
                },
                ToString::to_string,
            ),
            error: broken.map(api_error),
        }
    }

    async fn check_settings(&self) -> DoctorCheck {
        let file = self.settings.clone();
        let (damage, kept) = blocking(move || (file.damage(), file.kept())).await;
        DoctorCheck {
            name: "slipway.settings".to_owned(),
            title: "Slipway's settings".to_owned(),
            verdict: if damage.is_some() {
                Verdict::Warning
            } else {
                Verdict::Ok
            },
            finding: damage
                .clone()
                .unwrap_or_else(|| match kept.last() {
                    Some(kept) => format!(
                        "Readable; an earlier, damaged file was kept as {}",
                        kept.display()
                    ),
                    None => "Readable".to_owned(),
                }),
            error: damage.map(|damage| ApiError {
                kind: ErrorKind::Other,
                message: damage,
                hint: Some(
                    "The defaults are in use. Repair or remove the file; the next change of a setting keeps a copy of it"
                        .to_owned(),
                ),
                detail: None,
            }),
        }
    }

    async fn check_engine(&self) -> DoctorCheck {
        let (verdict, finding, error) = match self.selected().await {
            Ok(selected) => {
                let engine = view::engine(&selected);
                (
                    Verdict::Ok,
                    format!(
                        "{} {} at {} (API {}, {}/{})",
                        engine.product,
                        engine.version,
                        engine.address,
                        engine.api_version,
                        engine.os,
                        engine.arch
                    ),
                    None,
                )
            }
            Err(error) => (Verdict::Failed, error.message.clone(), Some(error)),
        };
        DoctorCheck {
            name: "engine.answers".to_owned(),
            title: "The engine in use".to_owned(),
            verdict,
            finding,
            error,
        }
    }

    async fn check_engine_host(&self) -> Option<DoctorCheck> {
        let selected = self.selected().await.ok()?;
        let title = "The engine's host".to_owned();
        let name = "engine.host".to_owned();
        Some(match selected.engine.system_info().await {
            Ok(info) => DoctorCheck {
                name,
                title,
                verdict: if info.warnings.is_empty() {
                    Verdict::Ok
                } else {
                    Verdict::Warning
                },
                finding: match info.warnings.first() {
                    Some(first) if info.warnings.len() == 1 => first.clone(),
                    Some(first) if info.warnings.len() == 2 => format!("{first} (and one more)"),
                    Some(first) => format!("{first} (and {} more)", info.warnings.len() - 1),
                    None => format!(
                        "{}, kernel {}, {}",
                        info.os.as_deref().unwrap_or("unknown system"),
                        info.kernel.as_deref().unwrap_or("unknown"),
                        match info.containers.unwrap_or_default() {
                            1 => "one container".to_owned(),
                            count => format!("{count} containers"),
                        }
                    ),
                },
                error: None,
            },
            Err(error) => DoctorCheck {
                name,
                title,
                verdict: Verdict::Failed,
                finding: error.to_string(),
                error: Some(api_error(&error)),
            },
        })
    }

    /// Checks Slipway's own machine: its state, and whether it could be started. Starts nothing.
    async fn check_machine(&self) -> DoctorCheck {
        let (verdict, finding, error) = match self.machine().await {
            Ok(machine) => judge_machine(&machine, blocking(machine_can_start).await.err()),
            Err(error) => (Verdict::Warning, error.message.clone(), Some(error)),
        };
        DoctorCheck {
            name: "machine".to_owned(),
            title: "Slipway's machine".to_owned(),
            verdict,
            finding,
            error,
        }
    }
}

/// Whether everything that the machine needs is installed.
fn machine_can_start() -> Result<(), MachineError> {
    let paths = MachinePaths::of_user()?;
    GuestImage::find(paths.image.as_deref())?;
    Qemu::find(guest_arch())?;
    Ok(())
}

fn judge_machine(
    machine: &MachineView,
    missing: Option<MachineError>,
) -> (Verdict, String, Option<ApiError>) {
    let slow = machine.accelerator.as_ref().and_then(|accelerator| {
        let reason = accelerator.reason.as_ref()?;
        Some(ApiError {
            kind: ErrorKind::Other,
            message: format!("Hardware acceleration is unavailable: {reason}"),
            hint: accelerator.hint.clone(),
            detail: accelerator.detail.clone(),
        })
    });
    let finding = match &machine.state {
        MachineState::OutOfReach { reason } | MachineState::Broken { reason, .. } => {
            return (
                Verdict::Warning,
                reason.message.clone(),
                Some(reason.clone()),
            );
        }
        MachineState::Unresponsive { .. } => {
            let error = ApiError {
                kind: ErrorKind::NotResponding,
                message: "It is not responding".to_owned(),
                hint: Some("Restart it: `slipway machine restart`".to_owned()),
                detail: None,
            };
            return (Verdict::Warning, error.message.clone(), Some(error));
        }
        MachineState::Running { docker, .. } => match docker {
            DockerState::Running { version } => format!("Running Docker {version}"),
            DockerState::Starting | DockerState::Restarting { .. } => {
                "Running; its engine is starting".to_owned()
            }
        },
        MachineState::Preparing { .. } | MachineState::Starting { .. } => "Starting".to_owned(),
        MachineState::Stopping => "Stopping".to_owned(),
        MachineState::Absent | MachineState::Stopped => {
            if let Some(missing) = missing {
                let error = missing.to_api();
                return (Verdict::Warning, error.message.clone(), Some(error));
            }
            let finding = if machine.state == MachineState::Stopped {
                "Stopped; `slipway machine start` starts it"
            } else {
                "Not created; `slipway machine start` creates and starts it"
            };
            return (Verdict::Ok, finding.to_owned(), None);
        }
    };
    let verdict = if slow.is_some() {
        Verdict::Warning
    } else {
        Verdict::Ok
    };
    (verdict, finding, slow)
}

fn check_endpoints(endpoints: &[EndpointView]) -> DoctorCheck {
    let answering: Vec<&str> = endpoints
        .iter()
        .filter(|endpoint| endpoint.engine.is_some())
        .map(|endpoint| endpoint.name.as_str())
        .collect();
    let error = endpoints
        .iter()
        .find_map(|endpoint| endpoint.error.clone())
        .filter(|_| answering.is_empty());
    DoctorCheck {
        name: "engine.found".to_owned(),
        title: "Engines".to_owned(),
        verdict: if answering.is_empty() {
            Verdict::Failed
        } else {
            Verdict::Ok
        },
        finding: if answering.is_empty() {
            match endpoints.len() {
                0 => "None found".to_owned(),
                1 => "The only one found is not responding".to_owned(),
                count => format!("None of the {count} found is responding"),
            }
        } else {
            format!("Responding: {}", answering.join(", "))
        },
        error,
    }
}

fn check_catalog() -> DoctorCheck {
    DoctorCheck {
        name: "catalog.bundled".to_owned(),
        title: "The bundled catalog".to_owned(),
        verdict: Verdict::Ok,
        finding: format!("{} images", Catalog::bundled().entries().len()),
        error: None,
    }
}

#[cfg(test)]
mod tests {
    use slipway_api::machine::{
        Accelerator, AcceleratorView, MachineDriver, MachineHost, MachinePhase, MachineSettings,
    };

    use super::*;

    fn endpoint(name: &str) -> EndpointView {
        EndpointView {
            name: name.to_owned(),
            source: String::new(),
            address: String::new(),
            current: false,
            engine: None,
            error: None,
        }
    }

    #[test]
    fn engines_that_do_not_answer_are_counted_in_words() {
        let check = |count: usize, wanted: &str| {
            let endpoints: Vec<_> = (0..count).map(|_| endpoint("a")).collect();
            let check = check_endpoints(&endpoints);
            assert_eq!(
                (check.finding.as_str(), check.verdict),
                (wanted, Verdict::Failed)
            );
        };
        check(0, "None found");
        check(1, "The only one found is not responding");
        check(2, "None of the 2 found is responding");
    }

    #[test]
    fn a_machine_is_judged_by_what_keeps_it_from_working() {
        let machine = |state: MachineState| MachineView {
            state,
            driver: MachineDriver::Qemu,
            accelerator: None,
            settings: MachineSettings::default(),
            restart_needed: false,
            runs_with: None,
            engine_socket: String::new(),
            host: MachineHost {
                cpus: 1,
                memory_mb: None,
            },
            started_at: None,
            disk: None,
            stats: None,
            ports: Vec::new(),
            warnings: Vec::new(),
        };
        let no_qemu = || MachineError::NoQemu {
            program: "qemu-system-x86_64".to_owned(),
        };
        let check = |machine: &MachineView,
                     missing: Option<MachineError>,
                     wanted: Verdict,
                     words: &str,
                     hint: &str| {
            let (verdict, finding, error) = judge_machine(machine, missing);
            assert_eq!(verdict, wanted, "{finding}");
            assert!(finding.contains(words), "{finding}");
            let told = error.and_then(|error| error.hint).unwrap_or_default();
            assert!(told.contains(hint), "{told}");
        };
        let absent = machine(MachineState::Absent);
        check(&absent, None, Verdict::Ok, "Not created", "");
        check(
            &absent,
            Some(no_qemu()),
            Verdict::Warning,
            "not installed",
            "nstall",
        );
        let mut running = machine(MachineState::Running {
            docker: DockerState::Running {
                version: "26.1.5".to_owned(),
            },
            phases: vec![MachinePhase {
                name: "Booting Linux".to_owned(),
                took_ms: Some(1),
            }],
        });
        // A running machine needs nothing more.
        check(&running, Some(no_qemu()), Verdict::Ok, "Docker 26.1.5", "");
        running.accelerator = Some(AcceleratorView {
            name: Accelerator::Tcg,
            reason: Some("your user may not use `/dev/kvm`".to_owned()),
            hint: Some("Join the group".to_owned()),
            detail: None,
        });
        check(
            &running,
            None,
            Verdict::Warning,
            "Docker 26.1.5",
            "Join the group",
        );
        let silent = machine(MachineState::Unresponsive { since: 1 });
        check(
            &silent,
            None,
            Verdict::Warning,
            "not responding",
            "machine restart",
        );
    }
}
