//! `slipway machine`: Slipway's own Linux machine.

use std::convert::Infallible;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use serde::Serialize;
use slipway_api::machine::{
    DockerState, MachineDriver, MachineLogSource, MachinePhase, MachineSettings, MachineState,
    MachineView,
};
use slipway_api::{ApiError, ErrorKind};
use slipway_core::{Shell, ShellInput, ShellKeys, ShellOutput, Slipway, why_unreachable};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::arguments::{
    DeleteMachine, Driver, Machine, MachineLog, MachineOptions, MachinePart, MachineShell,
};
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::interrupt;
use crate::moment;
use crate::output::{Output, Tone};
use crate::progress::Progress;
use crate::raw_terminal::RawTerminal;
use crate::size;
use crate::table::Fields;

/// The confirmation text for a deletion.
const NAME: &str = "machine";

/// A stop that takes longer than this shows how to force it.
const STOP_IS_LONG: Duration = Duration::from_secs(5);

const MEBIBYTE: u64 = 1 << 20;
const GIBIBYTE: u64 = 1 << 30;

/// `slipway machine …`
pub(crate) async fn machine(
    what: Machine,
    slipway: &Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    match what {
        Machine::Status => {
            let view = slipway.machine().await?;
            show(&view, output)?;
        }
        Machine::Start => {
            let view = start(slipway, output, &interrupt::cancels(), false).await?;
            said(&view, "The machine is running", output)?;
        }
        Machine::Stop(how) => stop(how.now, slipway, output).await?,
        Machine::Restart => {
            let cancel = interrupt::cancels();
            let view = with_phases(output, false, async |tell| {
                slipway.machine_restart(&cancel, tell).await
            })
            .await?;
            said(&view, "The machine is running", output)?;
        }
        Machine::Repair => {
            let cancel = interrupt::cancels();
            let view = with_phases(output, false, async |tell| {
                slipway.machine_repair(&cancel, tell).await
            })
            .await?;
            said(&view, "The machine is running", output)?;
        }
        Machine::Delete(how) => return delete(&how, slipway, output).await,
        Machine::Log(what) => log(&what, slipway, output).await?,
        Machine::Shell(what) => return shell(what, slipway).await,
        Machine::Reclaim => {
            needs_running(slipway).await?;
            let bytes = slipway.machine_reclaim().await?;
            if output.json_wanted() {
                output.print_json(&Reclaimed { bytes })?;
            } else {
                output.print_line(&format!("{} returned to this computer", size::bytes(bytes)))?;
            }
        }
        Machine::Settings(options) => settings(&options, slipway, output).await?,
    }
    Ok(Exit::Done)
}

async fn stop(at_once: bool, slipway: &Slipway, output: &Output) -> Result<(), Failure> {
    let before = slipway.machine().await?;
    let stays_stopped = match before.state {
        MachineState::Absent => return said(&before, "The machine has not been created", output),
        MachineState::Running { .. } if !output.json_wanted() => {
            slipway.machine_stop_effect().await.stays_stopped
        }
        _ => Vec::new(),
    };
    let view = with_phases(output, false, async |tell| {
        slipway.machine_stop(at_once, tell).await
    })
    .await?;
    said(&view, "The machine is stopped", output)?;
    if let Some(note) = stays_stopped_in_words(&stays_stopped) {
        output.complain(Tone::Note, "note: ", &note);
    }
    Ok(())
}

/// Lists the containers that the next start of the machine leaves stopped; a few by name.
fn stays_stopped_in_words(names: &[String]) -> Option<String> {
    const SHOWN: usize = 3;
    let (first, others) = names.split_at(names.len().min(SHOWN));
    let mut who = first
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if !others.is_empty() {
        who = format!("{who} and {} more", others.len());
    }
    match names {
        [] => None,
        [name] => Some(format!(
            "{who} has no restart policy and stays stopped when the machine is started: `slipway start {name}`"
        )),
        _ => Some(format!(
            "{who} have no restart policy and stay stopped when the machine is started: `slipway start` starts them"
        )),
    }
}

/// The output of `slipway machine reclaim --json`.
#[derive(Serialize)]
struct Reclaimed {
    bytes: u64,
}

/// Starts the machine and shows the progress by phase. Ctrl-C stops it again.
pub(crate) async fn start(
    slipway: &Slipway,
    output: &Output,
    cancel: &CancellationToken,
    quiet: bool,
) -> Result<MachineView, ApiError> {
    with_phases(output, quiet, async |tell| {
        slipway.machine_start(cancel, tell).await
    })
    .await
}

/// Shows the machine's state while an action on it is in progress.
async fn with_phases(
    output: &Output,
    quiet: bool,
    work: impl AsyncFnOnce(&(dyn Fn(&MachineView) + Send + Sync)) -> Result<MachineView, ApiError>,
) -> Result<MachineView, ApiError> {
    let progress = Progress::new(output, quiet);
    let last = std::sync::Mutex::new(String::new());
    let (stops, mut stopping) = watch::channel(false);
    let tell = |view: &MachineView| {
        stops.send_if_modified(|known| {
            let is = view.state == MachineState::Stopping;
            std::mem::replace(known, is) != is
        });
        let Some(doing) = doing(&view.state) else {
            return;
        };
        let mut last = last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if *last != doing {
            progress.step(&doing, &doing);
            *last = doing;
        }
    };
    let work = async { work(&tell).await };
    let result = tokio::select! {
        result = work => result,
        never = say_that_a_stop_is_long(&mut stopping, &progress) => match never {},
    };
    if result.is_ok() {
        progress.finish();
    } else {
        progress.abandon();
    }
    result
}

/// Shows once how a slow stop can be forced.
async fn say_that_a_stop_is_long(
    stopping: &mut watch::Receiver<bool>,
    progress: &Progress,
) -> Infallible {
    while stopping.wait_for(|stops| *stops).await.is_ok() {
        let ends = stopping.wait_for(|stops| !stops);
        if tokio::time::timeout(STOP_IS_LONG, ends).await.is_err() {
            progress.note(
                "Containers are still stopping; `slipway machine stop --now` powers the machine off without waiting",
            );
            break;
        }
    }
    std::future::pending().await
}

/// The current activity in a transitional state.
fn doing(state: &MachineState) -> Option<String> {
    Some(match state {
        MachineState::Preparing { what, .. } => what.clone(),
        MachineState::Starting { phase, .. } => phase.clone(),
        MachineState::Running {
            docker: DockerState::Starting,
            ..
        } => "Starting its engine".to_owned(),
        MachineState::Stopping => "Stopping".to_owned(),
        _ => return None,
    })
}

fn said(view: &MachineView, line: &str, output: &Output) -> Result<(), Failure> {
    if output.json_wanted() {
        output.print_json(view)?;
    } else {
        output.print_line(line)?;
    }
    Ok(())
}

fn show(view: &MachineView, output: &Output) -> Result<(), Failure> {
    if output.json_wanted() {
        output.print_json(view)?;
    } else {
        output.print(&told(view).for_output(output))?;
    }
    Ok(())
}

/// The status, for people.
fn told(view: &MachineView) -> Fields {
    let mut fields = Fields::default();
    fields.field("State", state_in_words(&view.state));
    if let MachineState::OutOfReach { reason } | MachineState::Broken { reason, .. } = &view.state
        && let Some(hint) = &reason.hint
    {
        fields.field("Hint", hint.as_str());
    }
    if let MachineState::Starting { phases, .. } | MachineState::Running { phases, .. } =
        &view.state
    {
        fields.list("Start", phases.iter().map(phase_in_words));
    }
    fields.field("Engine", view.engine_socket.as_str());
    let chosen = settings_in_words(&view.settings);
    match &view.runs_with {
        Some(now) => fields
            .field("Settings", format!("{chosen} (after a restart)"))
            .field("Current", settings_in_words(now)),
        None => fields.field("Settings", chosen),
    };
    if let Some(accelerator) = &view.accelerator
        && let Some(reason) = &accelerator.reason
    {
        let slow = format!("Hardware acceleration is unavailable: {reason}");
        fields.list(
            "Speed",
            [slow.as_str()]
                .into_iter()
                .chain(accelerator.hint.as_deref()),
        );
    }
    if let Some(stats) = &view.stats {
        fields.field(
            "Memory",
            format!(
                "{} used",
                size::memory_of(stats.memory_used, stats.memory_total)
            ),
        );
    }
    if let Some(disk) = &view.disk {
        fields.field(
            "Disk",
            format!(
                "{} on this computer, up to {}",
                size::bytes(disk.used_on_host),
                size::memory(disk.size)
            ),
        );
    }
    fields.list("Ports", view.ports.iter().map(port_in_words));
    fields.list("Warnings", view.warnings.iter().map(String::as_str));
    fields
}

fn settings_in_words(settings: &MachineSettings) -> String {
    format!(
        "{} CPU{}, {} of memory, {} of disk",
        settings.cpus,
        if settings.cpus == 1 { "" } else { "s" },
        size::memory(u64::from(settings.memory_mb) * MEBIBYTE),
        size::memory(u64::from(settings.disk_gb) * GIBIBYTE),
    )
}

fn state_in_words(state: &MachineState) -> String {
    match state {
        MachineState::Absent => "not created: `slipway machine start` creates it".to_owned(),
        MachineState::Preparing { what, .. } => format!("preparing: {what}"),
        MachineState::Stopped => "stopped".to_owned(),
        MachineState::Starting { phase, .. } => format!("starting: {phase}"),
        MachineState::Running { docker, .. } => match docker {
            DockerState::Starting => "running, engine starting".to_owned(),
            DockerState::Running { version } => format!("running, Docker {version}"),
            DockerState::Restarting { why } => format!("running, engine restarting: {why}"),
        },
        MachineState::Unresponsive { .. } => "not responding".to_owned(),
        MachineState::Stopping => "stopping".to_owned(),
        MachineState::OutOfReach { reason } => format!("in another session: {}", reason.message),
        MachineState::Broken { reason, .. } => format!("broken: {}", reason.message),
    }
}

fn phase_in_words(phase: &MachinePhase) -> String {
    match phase.took_ms {
        Some(took) => format!(
            "{} ({})",
            phase.name,
            moment::took(Duration::from_millis(took))
        ),
        None => format!("{} …", phase.name),
    }
}

fn port_in_words(port: &slipway_api::machine::MachinePort) -> String {
    let state = why_unreachable(&port.state)
        .map(|why| format!(": {why}"))
        .unwrap_or_default();
    format!(
        "{}:{}->{}/{} of {}{state}",
        port.host_ip, port.host_port, port.container_port, port.protocol, port.container_name
    )
}

async fn delete(how: &DeleteMachine, slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
    let before = slipway.machine().await?;
    if before.state == MachineState::Absent {
        said(&before, "The machine has not been created", output)?;
        return Ok(Exit::Done);
    }
    if !how.yes {
        if !std::io::stdin().is_terminal() || !output.stderr_is_terminal() {
            return Err(failure::invalid(
                "Deleting the machine needs confirmation",
                "Add `--yes`: this deletes its containers, images and volumes",
            )
            .into());
        }
        let question = "This deletes the machine with all of its containers, images and volumes.\n\
                        Type `machine` to confirm: ";
        if ask(question, output).await?.trim() != NAME {
            return Err(interrupt::cancelled().into());
        }
    }
    let view = with_phases(output, false, async |tell| {
        slipway.machine_delete(tell).await
    })
    .await?;
    said(&view, "The machine was deleted", output)?;
    Ok(Exit::Done)
}

/// Asks on the terminal. The question goes to standard error, because standard output is for results. Ctrl-C counts as
/// an answer too.
pub(crate) async fn ask(question: &str, output: &Output) -> Result<String, Failure> {
    let question = Tone::Heading.paint(question, output.colors_stderr());
    eprint!("{question}");
    let (sender, answer) = tokio::sync::oneshot::channel();
    // Reading a terminal cannot be cancelled: the thread ends with the process.
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        let _ = sender.send(read.map(|_| answer));
    });
    tokio::select! {
        answer = answer => Ok(answer.unwrap_or_else(|_| Ok(String::new()))?),
        () = interrupt::asked_to_end() => {
            eprintln!();
            Err(interrupt::cancelled().into())
        }
    }
}

/// Refuses unless the machine is running, and says what to do.
async fn needs_running(slipway: &Slipway) -> Result<(), ApiError> {
    let (message, hint) = match slipway.machine().await?.state {
        MachineState::Absent => (
            "The machine has not been created",
            "`slipway machine start` creates it",
        ),
        MachineState::Stopped => (
            "The machine is stopped",
            "Start it with `slipway machine start`",
        ),
        MachineState::Stopping => (
            "The machine is stopping",
            "Start it with `slipway machine start`",
        ),
        MachineState::OutOfReach { reason } | MachineState::Broken { reason, .. } => {
            return Err(reason);
        }
        _ => return Ok(()),
    };
    Err(ApiError {
        kind: ErrorKind::Conflict,
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
        detail: None,
    })
}

async fn log(what: &MachineLog, slipway: &Slipway, output: &Output) -> Result<(), Failure> {
    let source = match what.source {
        MachinePart::Host => MachineLogSource::Host,
        MachinePart::Agent => MachineLogSource::Agent,
        MachinePart::Dockerd => MachineLogSource::Dockerd,
        MachinePart::Containerd => MachineLogSource::Containerd,
        MachinePart::Kernel => MachineLogSource::Kernel,
        MachinePart::Console => MachineLogSource::Console,
    };
    if !matches!(source, MachineLogSource::Host | MachineLogSource::Console) {
        needs_running(slipway).await?;
    }
    let cancel = interrupt::cancels();
    let mut log = slipway.machine_log(source, what.follow).await?;
    let mut all = String::new();
    loop {
        let piece = tokio::select! {
            piece = log.next() => piece.map_err(|error| error.to_api())?,
            () = cancel.cancelled() => break,
        };
        let Some(piece) = piece else { break };
        if output.json_wanted() && !what.follow {
            all.push_str(&piece);
        } else if output.json_wanted() {
            output.print_json(&LogPiece { text: &piece })?;
        } else {
            // Output of the machine must not control the terminal.
            let clean: String = piece
                .chars()
                .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
                .collect();
            output.print(&clean)?;
        }
    }
    if output.json_wanted() && !what.follow {
        output.print_json(&LogPiece { text: &all })?;
    }
    Ok(())
}

/// The output of `slipway machine log --json`: once, or repeatedly when it is followed.
#[derive(Serialize)]
struct LogPiece<'a> {
    text: &'a str,
}

/// Runs a command in the machine, or a shell. It gets a terminal if both ends here are one; otherwise its input and
/// output are bytes, with standard error separate.
async fn shell(what: MachineShell, slipway: &Slipway) -> Result<Exit, Failure> {
    needs_running(slipway).await?;
    let command = (!what.command.is_empty()).then_some(what.command);
    // Not between programs: a terminal would merge output and errors and change their bytes.
    let person = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let (columns, rows) = if person { size_of_terminal() } else { (0, 0) };
    let shell = slipway.machine_shell(command, columns, rows).await?;
    let raw = person.then(RawTerminal::enter);
    let code = connect(shell, person).await;
    drop(raw);
    std::process::exit(code?.into())
}

/// Columns and rows.
fn size_of_terminal() -> (u16, u16) {
    terminal_size::terminal_size().map_or((80, 24), |(width, height)| (width.0, height.0))
}

/// Forwards input and output until the program ends. Returns its exit code.
///
/// Input has a task of its own. A program that waits until its output is read does not read its input meanwhile, so
/// neither may wait for the other; and a read of output that is dropped midway loses what it has read.
async fn connect(shell: Shell, terminal: bool) -> Result<u8, Failure> {
    let (keys, mut screen) = shell.split();
    let resizes = Resizes::of(terminal)?;
    let _input = AbortOnDropHandle::new(tokio::spawn(forward_input(keys, resizes)));
    loop {
        match screen.next().await.map_err(|error| error.to_api())? {
            Some(ShellOutput::Bytes(bytes)) => {
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(&bytes)?;
                stdout.flush()?;
            }
            Some(ShellOutput::ErrorBytes(bytes)) => std::io::stderr().write_all(&bytes)?,
            Some(ShellOutput::Exit { code }) => return Ok(code),
            None => {
                return Err(ApiError {
                    kind: ErrorKind::Other,
                    message: "The connection to the shell was lost".to_owned(),
                    hint: Some(
                        "`slipway machine status` shows the state of the machine".to_owned(),
                    ),
                    detail: None,
                }
                .into());
            }
        }
    }
}

/// Sends what is typed, and new sizes of the terminal, until the shell does not take it any more.
async fn forward_input(mut keys: ShellKeys, mut resizes: Resizes) {
    let (sender, mut typed) = tokio::sync::mpsc::channel::<Vec<u8>>(16);
    // Reading a terminal cannot be cancelled: the thread ends with the process.
    std::thread::spawn(move || {
        use std::io::Read as _;
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = std::io::stdin().read(&mut chunk) {
            if sender.blocking_send(chunk[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut open = true;
    loop {
        // Both arms are cancel safe.
        let input = tokio::select! {
            () = resizes.next() => {
                let (columns, rows) = size_of_terminal();
                ShellInput::Resize { columns, rows }
            }
            bytes = typed.recv(), if open => {
                open = bytes.is_some();
                bytes.map_or(ShellInput::End, ShellInput::Bytes)
            }
        };
        // The program may have ended, with its exit code still in flight.
        if keys.send(&input).await.is_err() {
            return;
        }
    }
}

/// Reports changes of the terminal's size.
struct Resizes {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Resizes {
    #[cfg(unix)]
    fn of(terminal: bool) -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = terminal.then(|| signal(SignalKind::window_change()));
        Ok(Self {
            signal: signal.transpose()?,
        })
    }

    /// Windows has no signal for it.
    #[cfg(not(unix))]
    fn of(_terminal: bool) -> std::io::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

async fn settings(
    options: &MachineOptions,
    slipway: &Slipway,
    output: &Output,
) -> Result<(), Failure> {
    let before = slipway.machine().await?;
    let wanted = changed(options, &before.settings)?;
    let view = if wanted == before.settings {
        before
    } else {
        slipway.machine_settings(wanted).await?
    };
    if output.json_wanted() {
        output.print_json(&view.settings)?;
        return Ok(());
    }
    let settings = &view.settings;
    let mut fields = Fields::default();
    fields
        .field("CPUs", settings.cpus.to_string())
        .field(
            "Memory",
            size::memory(u64::from(settings.memory_mb) * MEBIBYTE),
        )
        .field("Disk", size::memory(u64::from(settings.disk_gb) * GIBIBYTE))
        .field("Driver", driver_name(settings.driver));
    output.print(&fields.for_output(output))?;
    if view.restart_needed {
        output.complain(
            Tone::Note,
            "note: ",
            "The changes apply after a restart: `slipway machine restart`",
        );
    }
    Ok(())
}

/// The settings, with the values given on the command line.
fn changed(options: &MachineOptions, now: &MachineSettings) -> Result<MachineSettings, ApiError> {
    let mut settings = now.clone();
    if let Some(cpus) = options.cpus {
        settings.cpus = cpus;
    }
    if let Some(memory) = &options.memory {
        settings.memory_mb = in_units("--memory", memory, MEBIBYTE, "1536m or 2g")?;
    }
    if let Some(disk) = &options.disk {
        settings.disk_gb = in_units("--disk", disk, GIBIBYTE, "64g")?;
    }
    if let Some(driver) = options.driver {
        settings.driver = match driver {
            Driver::Automatic => MachineDriver::Automatic,
            Driver::Qemu => MachineDriver::Qemu,
            Driver::Vz => MachineDriver::Vz,
            Driver::HyperV => MachineDriver::HyperV,
        };
    }
    Ok(settings)
}

/// A size that must be a multiple of a unit.
fn in_units(option: &str, text: &str, unit: u64, example: &str) -> Result<u32, ApiError> {
    // Without a unit it would be in bytes, which nobody means here.
    let bytes = size::parse(text).unwrap_or_default();
    u32::try_from(bytes / unit)
        .ok()
        .filter(|units| *units > 0 && bytes.is_multiple_of(unit))
        .ok_or_else(|| {
            failure::invalid(
                format!("`{text}` cannot be used for {option}"),
                format!("Write for example {example}"),
            )
        })
}

fn driver_name(driver: MachineDriver) -> &'static str {
    match driver {
        MachineDriver::Automatic => "automatic",
        MachineDriver::Qemu => "QEMU",
        MachineDriver::Vz => "Apple's Virtualization framework",
        MachineDriver::HyperV => "Hyper-V",
    }
}

/// Makes sure that there is an engine for a run. If none answers, the machine is started if that was requested, or if
/// the user at the terminal agrees.
pub(crate) async fn have_engine(
    slipway: &Slipway,
    output: &Output,
    cancel: &CancellationToken,
    start_it: bool,
    quiet: bool,
) -> Result<(), Failure> {
    let Err(error) = slipway.engine_view().await else {
        return Ok(());
    };
    if error.kind != ErrorKind::NoEngine || !slipway.machine_helps().await {
        return Err(error.into());
    }
    let person = std::io::stdin().is_terminal() && output.stderr_is_terminal();
    let wanted = start_it
        || person && !quiet && {
            let question = if slipway.machine_is_stopping().await {
                "Slipway's machine is stopping. Start it again when it has stopped? [Y/n] "
            } else if slipway.machine_is_starting().await {
                "Slipway's machine is starting. Wait for it? [Y/n] "
            } else {
                "No container engine is responding. Start Slipway's machine? [Y/n] "
            };
            let answer = ask(question, output).await?;
            matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes")
                && answer.ends_with('\n')
        };
    if !wanted {
        return Err(error.into());
    }
    start(slipway, output, cancel, quiet).await?;
    slipway.engine_view().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use slipway_api::machine::{
        MachineDisk, MachineHost, MachinePort, MachinePortState, MachineStats,
    };

    use super::*;

    fn machine() -> MachineView {
        MachineView {
            state: MachineState::Running {
                docker: DockerState::Running {
                    version: "26.1.5".to_owned(),
                },
                phases: vec![
                    MachinePhase {
                        name: "Booting Linux".to_owned(),
                        took_ms: Some(1_460),
                    },
                    MachinePhase {
                        name: "Starting the engine".to_owned(),
                        took_ms: Some(903),
                    },
                ],
            },
            driver: MachineDriver::Qemu,
            accelerator: None,
            settings: MachineSettings::default(),
            restart_needed: true,
            runs_with: Some(MachineSettings {
                cpus: 1,
                ..MachineSettings::default()
            }),
            engine_socket: "unix:///run/user/1000/slipway/engine.sock".to_owned(),
            host: MachineHost {
                cpus: 8,
                memory_mb: Some(16_384),
            },
            started_at: None,
            disk: Some(MachineDisk {
                size: 64 * GIBIBYTE,
                used_on_host: 700 * MEBIBYTE,
                used_in_guest: None,
                free_on_host: None,
            }),
            stats: Some(MachineStats {
                memory_total: 2 * GIBIBYTE,
                memory_used: 140 * MEBIBYTE,
                load: 0.1,
            }),
            ports: vec![MachinePort {
                container: "1".to_owned(),
                container_name: "welcome".to_owned(),
                container_port: 8080,
                protocol: "tcp".to_owned(),
                host_ip: "127.0.0.1".to_owned(),
                host_port: 8080,
                state: MachinePortState::Conflict {
                    holder: Some("nginx (12)".to_owned()),
                },
            }],
            warnings: vec!["This computer's disk is nearly full".to_owned()],
        }
    }

    #[test]
    fn a_machine_in_words() {
        insta::assert_snapshot!(told(&machine()).render(false));
        let mut broken = machine();
        broken.state = MachineState::Broken {
            reason: failure::invalid("QEMU is not installed", "Install it with apt"),
            repairable: false,
        };
        let mut elsewhere = machine();
        elsewhere.state = MachineState::OutOfReach {
            reason: failure::invalid(
                "The machine belongs to another session: slipwayd (process 12) listens in /run/user/1000/slipway",
                "Use it from here with `XDG_RUNTIME_DIR=/run/user/1000 slipway …`",
            ),
        };
        elsewhere.runs_with = None;
        elsewhere.stats = None;
        elsewhere.ports.clear();
        insta::assert_snapshot!("out_of_reach", told(&elsewhere).render(false));
        broken.runs_with = None;
        broken.stats = None;
        broken.ports.clear();
        insta::assert_snapshot!("broken", told(&broken).render(false));
    }

    #[test]
    fn what_stays_stopped_is_named() {
        let told = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            stays_stopped_in_words(&names)
        };
        assert_eq!(told(&[]), None);
        insta::assert_snapshot!(
            told(&["web"]).unwrap_or_default(),
            @"`web` has no restart policy and stays stopped when the machine is started: `slipway start web`"
        );
        insta::assert_snapshot!(
            told(&["a", "b", "c", "d", "e"]).unwrap_or_default(),
            @"`a`, `b`, `c` and 2 more have no restart policy and stay stopped when the machine is started: `slipway start` starts them"
        );
    }

    #[test]
    fn settings_are_changed_where_they_are_given() {
        let none = MachineOptions {
            cpus: None,
            memory: None,
            disk: None,
            driver: None,
        };
        let now = MachineSettings::default();
        assert_eq!(changed(&none, &now).expect("nothing"), now);
        let given = |memory: &str, disk: &str| MachineOptions {
            cpus: Some(4),
            memory: Some(memory.to_owned()),
            disk: Some(disk.to_owned()),
            driver: Some(Driver::Qemu),
        };
        let settings = changed(&given("1536m", "32g"), &now).expect("sizes");
        assert_eq!(settings.cpus, 4);
        assert_eq!((settings.memory_mb, settings.disk_gb), (1536, 32));
        assert_eq!(settings.driver, MachineDriver::Qemu);
        for (memory, disk) in [("0", "32g"), ("2g", "100m"), ("much", "32g"), ("2g", "-1")] {
            let error = changed(&given(memory, disk), &now).expect_err("it cannot be used");
            assert_eq!(error.kind, ErrorKind::InvalidInput);
        }
    }
}
