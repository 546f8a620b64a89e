//! Finds the field of a plan that an engine's error is about, so that it can be marked there.

use slipway_api::container::MountKind;
use slipway_api::run::RunPlan;
use slipway_engine::{EngineError, Noun};

/// The engine's own text, if the error has one.
pub(crate) fn said(error: &EngineError) -> Option<&str> {
    match error {
        EngineError::InvalidRequest { message }
        | EngineError::Engine { message, .. }
        | EngineError::Conflict { message }
        | EngineError::PortTaken { message, .. }
        | EngineError::WrongArchitecture { message, .. } => Some(message),
        _ => None,
    }
}

/// The field, named as in a `PlanFinding`.
pub(crate) fn field_of(plan: &RunPlan, error: &EngineError) -> Option<String> {
    match error {
        EngineError::NameTaken { .. } => Some("name".to_owned()),
        EngineError::ImageNotFound { .. } | EngineError::WrongArchitecture { .. } => {
            Some("image".to_owned())
        }
        EngineError::NotFound {
            noun: Noun::Network,
            ..
        } => Some("network".to_owned()),
        EngineError::PortTaken { port, .. } => {
            let index = plan
                .ports
                .iter()
                .position(|planned| port.is_none() || planned.host_port == port.map(Into::into))?;
            Some(format!("ports.{index}.host_port"))
        }
        _ => said(error).and_then(|text| field_in(plan, text)),
    }
}

/// The field by keywords in an engine's text.
fn field_in(plan: &RunPlan, text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let has = |part: &str| lower.contains(part);
    let has_one = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    // A path or an address of the plan is stronger evidence than a keyword.
    if has_one(&["mount", "bind source", "volume", "statfs"]) {
        let named = |value: &str| !value.is_empty() && text.contains(value);
        for (index, mount) in plan.mounts.iter().enumerate() {
            if mount.kind != MountKind::Tmpfs && named(mount.source.as_deref().unwrap_or_default())
            {
                return Some(format!("mounts.{index}.source"));
            }
            if named(&mount.target) {
                return Some(format!("mounts.{index}.target"));
            }
        }
    }
    if has_one(&["cannot assign requested address", "bind: permission denied"]) {
        let index = plan.ports.iter().position(|port| {
            port.host_ip.as_deref().is_some_and(&has)
                || port.host_port.is_some_and(|port| has(&format!(":{port}")))
        })?;
        let part = if has("cannot assign") {
            "host_ip"
        } else {
            "host_port"
        };
        return Some(format!("ports.{index}.{part}"));
    }
    let field = if has("cpus") {
        "cpus"
    } else if has("memory limit") || has("memory.max") {
        "memory"
    } else if has("network") && !plan.network.as_deref().unwrap_or_default().is_empty() {
        "network"
    } else if has_one(&[
        "exec: ",
        "executable file",
        "no command specified",
        "entrypoint",
    ]) {
        if plan.entrypoint.as_deref().unwrap_or_default().is_empty() {
            "command"
        } else {
            "entrypoint"
        }
    } else if has("invalid container name") {
        "name"
    } else {
        return None;
    };
    Some(field.to_owned())
}

#[cfg(test)]
mod tests {
    use slipway_api::run::{MountPlan, PortPlan};

    use super::*;
    use crate::run::tests::empty_plan;

    fn plan() -> RunPlan {
        RunPlan {
            entrypoint: Some("nope".to_owned()),
            network: Some("shop".to_owned()),
            ports: [8080, 8443]
                .map(|port| PortPlan {
                    container_port: port,
                    protocol: "tcp".to_owned(),
                    host_ip: Some("10.9.9.9".to_owned()),
                    host_port: Some(port),
                    fixed: true,
                })
                .into(),
            mounts: vec![MountPlan {
                kind: MountKind::Bind,
                source: Some("/nope".to_owned()),
                target: "/site".to_owned(),
                read_only: false,
            }],
            ..empty_plan()
        }
    }

    #[track_caller]
    fn check(text: &str, field: Option<&str>) {
        let error = EngineError::Engine {
            status: 500,
            message: text.to_owned(),
        };
        assert_eq!(field_of(&plan(), &error).as_deref(), field, "{text}");
    }

    #[test]
    fn what_an_engine_refuses_is_found_in_the_plan() {
        check(
            "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
            Some("cpus"),
        );
        check("Minimum memory limit allowed is 6MB", Some("memory"));
        check(
            "invalid mount config for type \"bind\": bind source path does not exist: /nope",
            Some("mounts.0.source"),
        );
        check(
            "invalid mount config: invalid mount path: '/site'",
            Some("mounts.0.target"),
        );
        check(
            "failed to bind port 10.9.9.9:8443: listen tcp 10.9.9.9: bind: cannot assign requested address",
            Some("ports.0.host_ip"),
        );
        check(
            "OCI runtime create failed: exec: \"nope\": executable file not found in $PATH",
            Some("entrypoint"),
        );
        check("something odd", None);
    }

    #[test]
    fn errors_that_are_known_name_their_field() {
        let check = |error: &EngineError, field: &str| {
            assert_eq!(field_of(&plan(), error).as_deref(), Some(field));
        };
        check(
            &EngineError::PortTaken {
                host_ip: None,
                port: Some(8443),
                message: String::new(),
            },
            "ports.1.host_port",
        );
        check(
            &EngineError::NotFound {
                noun: Noun::Network,
                name: "shop".to_owned(),
            },
            "network",
        );
        check(
            &EngineError::NameTaken {
                name: "web".to_owned(),
                holder: None,
            },
            "name",
        );
    }
}
