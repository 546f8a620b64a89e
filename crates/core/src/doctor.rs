//! Named checks of what Slipway needs, each with what to do.

use slipway_api::app::{DoctorCheck, Verdict};
use slipway_api::engine::EndpointView;
use slipway_api::{ApiError, ErrorKind};
use slipway_catalog::Catalog;

use crate::blocking::blocking;
use crate::error::api_error;
use crate::{Slipway, selection, view};

impl Slipway {
    /// Looks at everything that keeps people from running containers.
    pub async fn doctor(&self) -> Vec<DoctorCheck> {
        let mut checks = vec![self.check_configuration().await];
        checks.push(self.check_settings().await);
        let endpoints = selection::list(&self.environment, None).await;
        checks.push(check_endpoints(&endpoints));
        checks.push(self.check_engine().await);
        checks.extend(self.check_engine_host().await);
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
            title: "Docker's configuration can be read".to_owned(),
            verdict: if broken.is_some() {
                Verdict::Warning
            } else {
                Verdict::Ok
            },
            finding: broken.map_or_else(
                || {
                    format!(
                        "{} endpoints are configured or well known",
                        discovery.candidates.len()
                    )
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
            title: "Slipway's settings can be read".to_owned(),
            verdict: if damage.is_some() {
                Verdict::Warning
            } else {
                Verdict::Ok
            },
            finding: damage
                .clone()
                .unwrap_or_else(|| match kept.last() {
                    Some(kept) => format!(
                        "They are readable; an earlier file that was damaged is kept as {}",
                        kept.display()
                    ),
                    None => "They are readable or at their defaults".to_owned(),
                }),
            error: damage.map(|damage| ApiError {
                kind: ErrorKind::Other,
                message: damage,
                hint: Some(
                    "The defaults are used. Repair or remove it; when a setting is changed, it is kept beside the \
                     new one"
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
            title: "The engine answers".to_owned(),
            verdict,
            finding,
            error,
        }
    }

    async fn check_engine_host(&self) -> Option<DoctorCheck> {
        let selected = self.selected().await.ok()?;
        let title = "The engine's host is in order".to_owned();
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
                    Some(first) => {
                        format!("{first} (and {} more warnings)", info.warnings.len() - 1)
                    }
                    None => format!(
                        "{}, kernel {}, {} containers",
                        info.os.as_deref().unwrap_or("unknown system"),
                        info.kernel.as_deref().unwrap_or("unknown"),
                        info.containers.unwrap_or_default()
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
        title: "An engine is on this computer".to_owned(),
        verdict: if answering.is_empty() {
            Verdict::Failed
        } else {
            Verdict::Ok
        },
        finding: if answering.is_empty() {
            format!("None of {} endpoints answers", endpoints.len())
        } else {
            format!("Answering: {}", answering.join(", "))
        },
        error,
    }
}

fn check_catalog() -> DoctorCheck {
    DoctorCheck {
        name: "catalog.bundled".to_owned(),
        title: "The bundled catalog is there".to_owned(),
        verdict: Verdict::Ok,
        finding: format!("{} entries", Catalog::bundled().entries().len()),
        error: None,
    }
}
