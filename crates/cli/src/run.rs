//! `slipway run`: makes a draft, applies the options, and runs the plan.

use serde::Serialize;
use slipway_api::catalog::ConnectionString;
use slipway_api::container::ContainerView;
use slipway_api::run::{NeededService, RunEvent, RunOutcome, RunPlan, RunStep};
use slipway_core::Slipway;
use tokio_util::sync::CancellationToken;

use crate::arguments::Run;
use crate::containers::{port_in_short, state_cell};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::images::pull_with_progress;
use crate::interrupt;
use crate::machine;
use crate::output::Output;
use crate::progress::Progress;
use crate::run_options::{self, Options};
use crate::table::Fields;
use crate::text;

/// `slipway run IMAGE`
pub(crate) async fn run(
    what: Box<Run>,
    slipway: &Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    let quiet = what.quiet;
    let start_machine = what.start_machine;
    let options = Options::read(*what)?;
    let cancel = interrupt::cancels();
    // A run needs an engine, whatever else is wrong; a draft does not.
    machine::have_engine(slipway, output, &cancel, start_machine, quiet).await?;
    let progress = Progress::new(output, quiet);
    let result = run_with_progress(&options, slipway, &cancel, &progress).await;
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(failure) => {
            progress.abandon();
            return Err(failure);
        }
    };
    progress.finish();
    if output.json_wanted() {
        output.print_json(&Document::from(outcome))?;
    } else if quiet {
        output.print_line(&outcome.container.id)?;
    } else {
        output.print(&told(&outcome, output))?;
    }
    Ok(Exit::Done)
}

async fn run_with_progress(
    options: &Options,
    slipway: &Slipway,
    cancel: &CancellationToken,
    progress: &Progress,
) -> Result<RunOutcome, Failure> {
    let draft = tokio::select! {
        draft = slipway.run_draft_as(&options.image, options.name.as_deref()) => draft?,
        () = cancel.cancelled() => return Err(interrupt::cancelled().into()),
    };
    let mut plan = options.apply(&draft)?;
    // Nothing is known about an image that is neither on the engine nor in the catalog. It is pulled first, so that its
    // ports and volumes are in the plan, as they are for an image that is on the engine; unless the plan cannot be run
    // anyway.
    if draft.image.is_none() && draft.entry.is_none() {
        let check = slipway.run_check(&plan).await;
        if !check.findings.iter().any(|finding| finding.blocking) {
            pull_with_progress(slipway, &plan.image, cancel, progress).await?;
            let draft = slipway
                .run_draft_as(&options.image, options.name.as_deref())
                .await?;
            plan = options.apply(&draft)?;
        }
    }
    if options.with_needed {
        plan = Box::pin(with_needed(plan, slipway, cancel, progress)).await?;
        run_options::complete(draft.entry.as_ref(), &plan)?;
    }
    let outcome = slipway
        .run(plan, cancel, |event| tell(&event, progress))
        .await?;
    if !outcome.ready {
        progress.will_be("Running, but not responding yet");
    }
    Ok(outcome)
}

/// The plan with each service that its image needs: a running one is reused, a missing one is started.
async fn with_needed(
    mut plan: RunPlan,
    slipway: &Slipway,
    cancel: &CancellationToken,
    progress: &Progress,
) -> Result<RunPlan, Failure> {
    // A service started for a plan that cannot be run would be left over. Variables may still be missing: the service
    // sets them.
    let check = slipway.run_check(&plan).await;
    let mut blocking = check.findings.iter().filter(|finding| finding.blocking);
    if blocking.any(|finding| !finding.field.starts_with("env")) {
        return Ok(plan);
    }
    for service in slipway.run_needs(&plan).await? {
        let NeededService { entry, running, .. } = service;
        plan = if let Some(container) = running.first() {
            progress.note(&format!("Using the running container `{}`", container.name));
            slipway.run_use(plan, &entry.slug, &container.id).await?
        } else {
            progress.note(&format!("Running {} first", entry.name));
            slipway
                .run_needed(plan, &entry.slug, cancel, |event| tell(&event, progress))
                .await?
        };
    }
    Ok(plan)
}

/// Shows the steps of a run.
fn tell(event: &RunEvent, progress: &Progress) {
    match event {
        RunEvent::Step { step } => match step {
            RunStep::Check => progress.step("Checking the options", "Checked the options"),
            // Shown with the image's name when the pull begins.
            RunStep::Pull => {}
            RunStep::Create => progress.step("Creating the container", "Created the container"),
            RunStep::Start => progress.step("Starting the container", "Started the container"),
            RunStep::Wait => progress.step("Waiting for a response", "Responding"),
        },
        RunEvent::Pull { progress: at } => progress.pull(at),
        RunEvent::Created { name, .. } => progress.will_be(&format!("Created {name}")),
        RunEvent::Notice { message } => progress.note(message),
    }
}

/// The output of `run --json`: the container as in `ps --json`, and notes about it.
#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    container: ContainerView,
    url: Option<String>,
    ready: bool,
    note: Option<String>,
    connections: Vec<ConnectionString>,
    notices: Vec<String>,
}

impl From<RunOutcome> for Document {
    fn from(outcome: RunOutcome) -> Self {
        Self {
            container: outcome.container,
            url: outcome.url,
            ready: outcome.ready,
            note: outcome.note,
            connections: outcome.connections,
            notices: outcome.notices,
        }
    }
}

/// The output for people: its name, where to open it, and the first-use note.
fn told(outcome: &RunOutcome, output: &Output) -> String {
    let container = &outcome.container;
    let mut fields = Fields::default();
    fields
        .field("Name", container.name.as_str())
        .field("State", state_cell(container));
    match &outcome.url {
        Some(url) => fields.field("URL", url.as_str()),
        None => fields.list(
            "Ports",
            container
                .ports
                .iter()
                .filter(|port| port.host_port.is_some())
                .map(port_in_short),
        ),
    };
    fields.list(
        "Connect",
        outcome.connections.iter().map(|it| it.value.as_str()),
    );
    let mut told = fields.for_output(output);
    if let Some(note) = &outcome.note {
        told.push('\n');
        told.push_str(&text::lines(note));
        told.push('\n');
    }
    told
}
