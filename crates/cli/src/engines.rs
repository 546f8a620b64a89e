//! `engines`, `use`, `doctor` and `version`.

use serde::Serialize;
use slipway_api::ApiError;
use slipway_api::app::{AppInfo, DoctorCheck, Verdict};
use slipway_api::engine::{EndpointView, EngineView};
use slipway_core::Slipway;

use crate::arguments::{Setting, Settings, Use};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, Tone};
use crate::table::{Cell, Fields, Table};
use crate::text;

/// `slipway engines`
pub(crate) async fn list(slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
    let endpoints = slipway.engine_list().await;
    if output.json_wanted() {
        output.print_json(&endpoints)?;
        return Ok(Exit::Done);
    }
    output.print(&table(&endpoints).for_output(output))?;
    if endpoints.iter().all(|endpoint| endpoint.engine.is_none()) {
        let hint = if slipway.machine_helps().await {
            "No engine is responding: start Docker or Podman, or Slipway's machine with `slipway machine start`"
        } else {
            "No engine is responding: start Docker or Podman, then try again"
        };
        output.complain(Tone::Hint, "hint: ", hint);
    }
    Ok(Exit::Done)
}

fn table(endpoints: &[EndpointView]) -> Table<5> {
    let mut table = Table::new(["", "NAME", "ENGINE", "ADDRESS", "SOURCE"]);
    for endpoint in endpoints {
        let engine = match (&endpoint.engine, &endpoint.error) {
            (Some(engine), _) => Cell::new(&product(engine), Tone::Good),
            (None, Some(error)) => Cell::new(&error.message, Tone::Warning),
            (None, None) => "".into(),
        };
        table.row([
            if endpoint.current { "*" } else { "" }.into(),
            Cell::new(&endpoint.name, Tone::Heading),
            engine,
            endpoint.address.as_str().into(),
            endpoint.source.as_str().into(),
        ]);
    }
    table
}

/// `slipway settings [KEY [VALUE]]`
pub(crate) async fn settings(
    what: &Settings,
    slipway: &Slipway,
    open: &dyn Fn() -> Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    if let (Some(Setting::Engine), Some(value)) = (what.key, &what.value) {
        let chosen = (value != AUTOMATIC).then(|| value.clone());
        let default = chosen.is_none();
        let choice = Use {
            name: chosen,
            default,
        };
        return choose(&choice, slipway, open, output).await;
    }
    let settings = slipway.settings_view().await;
    let engine = settings.engine.as_deref().unwrap_or(AUTOMATIC);
    if output.json_wanted() {
        output.print_json(&settings)?;
    } else if what.key.is_some() {
        output.print_line(engine)?;
    } else {
        let mut fields = Fields::default();
        fields.field("engine", engine);
        output.print(&fields.for_output(output))?;
    }
    Ok(Exit::Done)
}

/// The value of the setting `engine` for automatic selection.
const AUTOMATIC: &str = "automatic";

fn product(engine: &EngineView) -> String {
    format!("{} {}", engine.product, engine.version)
}

/// `slipway use NAME` or `slipway use --default`
pub(crate) async fn choose(
    what: &Use,
    slipway: &Slipway,
    open: &dyn Fn() -> Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    if let Some(name) = &what.name {
        let chosen = slipway.engine_use(name).await?;
        if output.json_wanted() {
            output.print_json(&chosen)?;
        } else {
            let engine = chosen.engine.as_ref().map(product).unwrap_or_default();
            output.print_line(&format!("Now using {engine} at {}", chosen.address))?;
        }
        return Ok(Exit::Done);
    }
    slipway.engine_use_default().await?;
    // The open handle still has the old selection.
    let now = open().engine_view().await;
    if output.json_wanted() {
        output.print_json(&now.ok())?;
    } else {
        output.print_line(&match now {
            Ok(engine) => format!(
                "The engine is now selected automatically: {} at {}",
                product(&engine),
                engine.address
            ),
            Err(error) => format!(
                "The engine is now selected automatically, but none is responding: {}",
                error.message
            ),
        })?;
    }
    Ok(Exit::Done)
}

/// `slipway doctor`
pub(crate) async fn doctor(slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
    let checks = slipway.doctor().await;
    if output.json_wanted() {
        output.print_json(&checks)?;
    } else {
        output.print(&checklist(
            &checks,
            output.unicode(),
            output.colors_stdout(),
        ))?;
    }
    let failed: Vec<_> = checks
        .iter()
        .filter(|check| check.verdict == Verdict::Failed)
        .collect();
    let no_engine = |error: &ApiError| Exit::of(error.kind) == Exit::NoEngine;
    Ok(if failed.is_empty() {
        Exit::Done
    } else if failed
        .iter()
        .any(|check| check.error.as_ref().is_some_and(no_engine))
    {
        Exit::NoEngine
    } else {
        Exit::Failed
    })
}

fn checklist(checks: &[DoctorCheck], unicode: bool, colors: bool) -> String {
    let mut list = String::new();
    for check in checks {
        let (mark, tone) = match (check.verdict, unicode) {
            (Verdict::Ok, true) => ("✓", Tone::Good),
            (Verdict::Ok, false) => ("ok  ", Tone::Good),
            (Verdict::Warning, true) => ("!", Tone::Warning),
            (Verdict::Warning, false) => ("warn", Tone::Warning),
            (Verdict::Failed, true) => ("✗", Tone::Error),
            (Verdict::Failed, false) => ("FAIL", Tone::Error),
        };
        let indent = if unicode { "  " } else { "     " };
        let mut line = |text: &str| {
            list.push_str(text);
            list.push('\n');
        };
        line(&format!(
            "{} {}",
            tone.paint(mark, colors),
            text::line(&check.title)
        ));
        line(&format!("{indent}{}", text::line(&check.finding)));
        if let Some(error) = &check.error {
            if error.message != check.finding {
                line(&format!("{indent}{}", text::line(&error.message)));
            }
            if let Some(hint) = &error.hint {
                let label = Tone::Hint.paint("hint: ", colors);
                line(&format!("{indent}{label}{}", text::line(hint)));
            }
        }
    }
    list
}

/// The output of `slipway version --json`.
#[derive(Serialize)]
struct Versions {
    client: AppInfo,
    engine: Option<EngineView>,
    /// Why there is no engine, which is not an error here.
    error: Option<ApiError>,
}

/// `slipway version`
pub(crate) async fn version(slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
    let (engine, error) = match slipway.engine_view().await {
        Ok(engine) => (Some(engine), None),
        Err(error) => (None, Some(error)),
    };
    let versions = Versions {
        client: slipway.app_info(),
        engine,
        error,
    };
    if output.json_wanted() {
        output.print_json(&versions)?;
    } else {
        output.print(&told(&versions).for_output(output))?;
    }
    Ok(Exit::Done)
}

fn told(versions: &Versions) -> Fields {
    let mut fields = Fields::default();
    let client = &versions.client;
    fields.field(
        "Slipway",
        format!("{} ({}/{})", client.version, client.os, client.arch),
    );
    if let Some(engine) = &versions.engine {
        fields.field(
            "Engine",
            format!(
                "{} (API {}, {}/{}) at {}",
                product(engine),
                engine.api_version,
                engine.os,
                engine.arch,
                engine.address
            ),
        );
    }
    if let Some(error) = &versions.error {
        fields.field("Engine", format!("none: {}", error.message));
    }
    fields
}

#[cfg(test)]
mod tests {
    use slipway_api::ErrorKind;

    use super::*;

    fn no_socket() -> ApiError {
        ApiError {
            kind: ErrorKind::NoEngine,
            message: "Nothing listens at /run/podman/podman.sock".to_owned(),
            hint: Some("Start Podman's service".to_owned()),
            detail: None,
        }
    }

    fn docker() -> EngineView {
        EngineView {
            endpoint: "default".to_owned(),
            address: "unix:///var/run/docker.sock".to_owned(),
            product: "Docker".to_owned(),
            version: "29.1.0".to_owned(),
            api_version: "1.47".to_owned(),
            os: "linux".to_owned(),
            arch: "amd64".to_owned(),
            cpus: None,
            memory_bytes: None,
        }
    }

    #[test]
    fn engines_in_a_table() {
        let endpoint = |name: &str, source: &str, address: &str| EndpointView {
            name: name.to_owned(),
            source: source.to_owned(),
            address: address.to_owned(),
            current: name == "default",
            engine: (name == "default").then(docker),
            error: (name != "default").then(no_socket),
        };
        let endpoints = [
            endpoint("default", "Docker socket", "unix:///var/run/docker.sock"),
            endpoint("Podman", "Podman socket", "unix:///run/podman/podman.sock"),
        ];
        insta::assert_snapshot!(table(&endpoints).render(false, None), @r"
           NAME     ENGINE                                      ADDRESS                         SOURCE
        *  default  Docker 29.1.0                               unix:///var/run/docker.sock     Docker socket
           Podman   Nothing listens at /run/podman/podman.sock  unix:///run/podman/podman.sock  Podman socket
        ");
    }

    #[test]
    fn versions_with_and_without_an_engine() {
        let client = AppInfo {
            version: "0.1.0".to_owned(),
            os: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            repository: None,
        };
        let with = Versions {
            client: client.clone(),
            engine: Some(docker()),
            error: None,
        };
        let without = Versions {
            client,
            engine: None,
            error: Some(no_socket()),
        };
        insta::assert_snapshot!(told(&with).render(false), @r"
        Slipway  0.1.0 (linux/x86_64)
        Engine   Docker 29.1.0 (API 1.47, linux/amd64) at unix:///var/run/docker.sock
        ");
        insta::assert_snapshot!(told(&without).render(false), @r"
        Slipway  0.1.0 (linux/x86_64)
        Engine   none: Nothing listens at /run/podman/podman.sock
        ");
    }

    #[test]
    fn a_checklist_with_and_without_unicode() {
        let check = |verdict, finding: &str, error| DoctorCheck {
            name: String::new(),
            title: "The engine in use".to_owned(),
            verdict,
            finding: finding.to_owned(),
            error,
        };
        let checks = [
            check(Verdict::Ok, "Docker 29.1.0", None),
            check(Verdict::Warning, "No swap limit support", None),
            check(
                Verdict::Failed,
                "None of the 2 found is responding",
                Some(no_socket()),
            ),
        ];
        insta::assert_snapshot!(checklist(&checks, true, false), @r"
        ✓ The engine in use
          Docker 29.1.0
        ! The engine in use
          No swap limit support
        ✗ The engine in use
          None of the 2 found is responding
          Nothing listens at /run/podman/podman.sock
          hint: Start Podman's service
        ");
        insta::assert_snapshot!(checklist(&checks, false, false), @r"
        ok   The engine in use
             Docker 29.1.0
        warn The engine in use
             No swap limit support
        FAIL The engine in use
             None of the 2 found is responding
             Nothing listens at /run/podman/podman.sock
             hint: Start Podman's service
        ");
    }
}
