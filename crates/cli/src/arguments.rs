//! The command line.

#![expect(clippy::doc_markdown, reason = "these comments are what --help prints")]

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use slipway_api::container::RestartPolicy;

/// Run containers from a terminal or a script.
///
/// It does what Slipway's window does, on the same engine: Docker, Podman, or any other with Docker's API.
#[derive(Debug, Parser)]
#[command(
    name = "slipway",
    version,
    after_help = "\
Exit codes: 0 success, 1 failure, 2 invalid command line, 3 no usable engine, 130 cancelled. \
`slipway machine shell` exits with the code of its command.

With --json, standard output has one JSON document, and a failure is also written to standard error, as \
{\"error\":{\"kind\",\"message\",\"hint\",\"detail\"}} on one line."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Use this engine: a name from `slipway engines`, or an address such as unix:///run/docker.sock
    #[arg(
        long,
        global = true,
        env = "SLIPWAY_ENGINE",
        hide_env_values = true,
        value_name = "NAME|ADDRESS"
    )]
    pub(crate) engine: Option<String>,
    /// Log to standard error; twice for more
    // `slipway run -v` is a volume, as with docker: the short form is for in front of the command only.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Do not use colours; NO_COLOR in the environment does the same
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Search the catalog for something to run
    Search(Search),
    /// Run an image or a catalog entry, and wait until it responds
    Run(Box<Run>),
    /// List containers
    Ps(Ps),
    /// Show everything about a container
    Inspect(Inspect),
    /// Show the ports of a container and their addresses
    Ports(One),
    /// Start containers
    Start(Many),
    /// Stop containers
    Stop(Many),
    /// Stop containers and start them again
    Restart(Many),
    /// Pause containers
    Pause(Many),
    /// Resume paused containers
    Unpause(Many),
    /// Kill containers without a grace period
    Kill(Many),
    /// Remove containers, running ones too; volumes are kept
    Rm(Remove),
    /// Rename a container
    Rename(Rename),
    /// Show the log of a container
    Logs(Logs),
    /// Show the resource usage of containers
    Stats(Stats),
    /// Pull an image
    Pull(Pull),
    /// List images, or show the details of one
    Images(Images),
    /// Remove images, or all that no container uses
    Rmi(RemoveImages),
    /// List the engines found on this computer, and show which one is in use
    Engines,
    /// Select the engine that the command and the window use
    Use(Use),
    /// Manage Slipway's machine, a Linux virtual machine with an engine
    #[command(subcommand)]
    Machine(Machine),
    /// Show or change settings (for those of the machine: `slipway machine settings`)
    Settings(Settings),
    /// Check the engine, its host, Slipway's machine and the settings
    Doctor,
    /// Show the versions of Slipway and of the engine
    Version,
    /// Print completions for a shell
    Completions(Completions),
    /// Print the manual page
    #[command(hide = true)]
    Man,
}

/// A container.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Name or id of the container
    pub(crate) container: String,
}

/// Containers.
#[derive(Debug, Args)]
pub(crate) struct Many {
    /// Names or ids of the containers
    #[arg(required = true, value_name = "CONTAINER")]
    pub(crate) containers: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    pub(crate) which: Many,
    /// Accepted for compatibility with docker: running containers are removed anyway
    #[arg(short, long, hide = true)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words to search for; without any, all entries are listed, recommended ones first
    pub(crate) words: Vec<String>,
    /// Search only this category, for example `databases`
    #[arg(long)]
    pub(crate) category: Option<String>,
    /// Where to search
    #[arg(long, value_enum, default_value_t = Source::Catalog)]
    pub(crate) source: Source,
}

/// Where images are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// The catalog that comes with Slipway
    Catalog,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  slipway run nginx                              a catalog entry, on a free port
  slipway run postgres --name db -e POSTGRES_DB=shop
  slipway run nginx:1.27 -p 8080:80 -v ./site:/usr/share/nginx/html:ro
  slipway run ghcr.io/org/app:2 -p none --memory 512m --restart unless-stopped
  slipway run busybox -- sleep 60

Ports, volumes, variables and generated passwords come from the catalog or the image; options add to them or replace \
them. Ports are published on 127.0.0.1 unless -p names an address. A run fails if a host port that you give is in use; \
other host ports are free ones. Ctrl-C cancels the run and removes what it created; a second Ctrl-C exits at once.

With --json, the container is printed as `slipway ps --json` has it, with url, ready, note and notices.")]
pub(crate) struct Run {
    /// A catalog entry such as `postgres`, or an image such as `nginx:1.27`
    pub(crate) image: String,
    /// Name of the container; without it, a free name is used
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Publish a port: [[ADDRESS:]HOST_PORT:]PORT[/udp], or `none` for only the ports given
    #[arg(short, long = "publish", value_name = "SPEC")]
    pub(crate) publish: Vec<String>,
    /// Publish no ports (the same as -p none)
    #[arg(long)]
    pub(crate) no_ports: bool,
    /// Set a variable; without a value it is taken from the environment
    #[arg(short, long = "env", value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Mount a volume or a folder: [NAME|PATH:]PATH[:ro]
    #[arg(short = 'v', long = "volume", value_name = "SPEC")]
    pub(crate) volume: Vec<String>,
    /// Attach to this network
    #[arg(long)]
    pub(crate) network: Option<String>,
    /// Restart policy
    #[arg(long, value_enum, value_name = "POLICY")]
    pub(crate) restart: Option<Restart>,
    /// Limit memory, for example 512m or 1g
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// Limit CPUs, for example 1.5
    #[arg(long, value_name = "CPUS")]
    pub(crate) cpus: Option<String>,
    /// Allocate a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Run this program instead of the image's own
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) entrypoint: Option<String>,
    /// Show no progress, and print only the id of the container
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// First run the services that the image needs, such as a database, on a shared network; running services are reused
    #[arg(long)]
    pub(crate) with_needed: bool,
    /// If no engine responds, start Slipway's machine without asking
    #[arg(long, env = "SLIPWAY_START_MACHINE", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) start_machine: bool,
    /// Command and arguments, instead of the image's own
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Log to standard error; twice for more (-v only in front of `run`)
    #[arg(id = "verbose", long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    verbose: u8,
}

/// When the engine starts a container again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Restart {
    /// Never restart
    No,
    /// Restart after an exit with an error
    OnFailure,
    /// Always restart, unless it was stopped
    UnlessStopped,
    /// Always restart
    Always,
}

impl From<Restart> for RestartPolicy {
    fn from(restart: Restart) -> Self {
        match restart {
            Restart::No => Self::No,
            Restart::OnFailure => Self::OnFailure,
            Restart::UnlessStopped => Self::UnlessStopped,
            Restart::Always => Self::Always,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  slipway ps                     running containers
  slipway ps -a --json | jq -r '.[] | select(.state == \"exited\").name'
  slipway stop $(slipway ps -q)

With --json, each container has id, name, image, image_id, state, status, health, exit_code, reason, created_at, \
ports (container_port, protocol, host_ip, host_port, url, exposed, unreachable), mounts and stack.")]
pub(crate) struct Ps {
    /// Include stopped containers
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Print only ids, one per line
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Name or id of the container
    pub(crate) container: String,
    /// Print the engine's own description (JSON)
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// Name or id of the container
    pub(crate) container: String,
    /// New name
    #[arg(value_name = "NAME")]
    pub(crate) new_name: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  slipway logs web               everything
  slipway logs web -f --tail 20  the last 20 lines, then new ones
  slipway logs web --since 10m --grep '(?i)error|warn'
  slipway logs web --export web.log

The container's standard output goes to standard output, its standard error to standard error. On a terminal, colours \
are kept and other escape sequences are removed; elsewhere, lines are printed unchanged. Times without a zone are UTC.

With --json, the output is one array of {\"at\",\"stderr\",\"text\",\"partial\"}; with --json -f, one such object per line.")]
pub(crate) struct Logs {
    /// Name or id of the container
    pub(crate) container: String,
    /// Follow the log until the container ends
    #[arg(short, long, conflicts_with = "export")]
    pub(crate) follow: bool,
    /// Show only this many lines from the end
    #[arg(short = 'n', long, value_name = "LINES", allow_negative_numbers = true, value_parser = lines)]
    pub(crate) tail: Option<u64>,
    /// Show only lines from this time on: 10m, 2h30m, 2026-05-04, 2026-05-04T10:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Show only lines before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Show the time in front of each line
    #[arg(short, long)]
    pub(crate) timestamps: bool,
    /// Show only lines that match this regular expression, after the other filters
    #[arg(long, value_name = "REGEX")]
    pub(crate) grep: Option<String>,
    /// Write the log to a file, which appears when it is complete
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
On a terminal, the table is refreshed every second until Ctrl-C; with --json, there is one array per line. Elsewhere, \
and with --no-stream, there is one measurement, which takes about a second.")]
pub(crate) struct Stats {
    /// Names or ids of the containers; by default, all running ones
    #[arg(value_name = "CONTAINER")]
    pub(crate) containers: Vec<String>,
    /// Measure once
    #[arg(long)]
    pub(crate) no_stream: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// The image, for example `nginx:1.27`
    pub(crate) image: String,
    /// Show no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Show the details of this image, by tag or id
    #[arg(value_name = "IMAGE")]
    pub(crate) image: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveImages {
    /// Tags or ids of the images
    #[arg(required_unless_present = "unused", value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    /// Remove all images that no container uses, running or stopped
    #[arg(long, conflicts_with_all = ["images", "force"])]
    pub(crate) unused: bool,
    /// With --unused: only images without a tag
    #[arg(long, requires = "unused")]
    pub(crate) untagged: bool,
    /// With --unused: do not ask for confirmation
    #[arg(short, long, requires = "unused")]
    pub(crate) yes: bool,
    /// Remove an image even if it has several tags, or stopped containers use it
    #[arg(short, long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Use {
    /// A name from `slipway engines`, or an address
    pub(crate) name: Option<String>,
    /// Use the engine that the docker command uses; if that was not chosen and does not respond, another that does
    #[arg(long)]
    pub(crate) default: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Setting to show or change; by default, all are shown
    #[arg(value_enum)]
    pub(crate) key: Option<Setting>,
    /// New value; for `engine`: a name from `slipway engines`, an address, or `automatic`
    #[arg(requires = "key")]
    pub(crate) value: Option<String>,
}

/// A setting that the window and the command share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Setting {
    /// The engine to use
    Engine,
}

/// Manage Slipway's machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Machine {
    /// Show the state of the machine
    Status,
    /// Start the machine and wait until its engine responds; the first start creates it
    Start,
    /// Stop the machine, after its containers
    Stop(StopMachine),
    /// Restart the machine
    Restart,
    /// Delete the machine with its containers, images and volumes
    Delete(DeleteMachine),
    /// Show a log of the machine
    Log(MachineLog),
    /// Open a shell or run a command in the machine; exits with its exit code
    Shell(MachineShell),
    /// Start the machine, and repair its disk if it is damaged
    Repair,
    /// Return the disk space of removed images and volumes to this computer
    Reclaim,
    /// Show or change the machine's settings
    Settings(MachineOptions),
}

#[derive(Debug, Args)]
pub(crate) struct StopMachine {
    /// Power it off without waiting for its containers, even while it is stopping
    #[arg(long)]
    pub(crate) now: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteMachine {
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MachineLog {
    /// Log to show
    #[arg(value_enum, default_value_t = MachinePart::Host)]
    pub(crate) source: MachinePart,
    /// Follow the log
    #[arg(short, long)]
    pub(crate) follow: bool,
}

/// What of the machine has a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MachinePart {
    /// The process on this computer that owns the machine
    Host,
    /// The machine's first process
    Agent,
    /// The engine
    Dockerd,
    /// containerd
    Containerd,
    /// The Linux kernel
    Kernel,
    /// The serial console, with the messages from before the first process
    Console,
}

#[derive(Debug, Args)]
pub(crate) struct MachineShell {
    /// Command to run instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct MachineOptions {
    /// Virtual CPUs
    #[arg(long, value_name = "N")]
    pub(crate) cpus: Option<u32>,
    /// Memory, for example 2g or 1536m
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// Size of the disk, for example 64g; it takes space only as it fills, and never shrinks
    #[arg(long, value_name = "SIZE")]
    pub(crate) disk: Option<String>,
    /// Driver
    #[arg(long, value_enum, value_name = "DRIVER")]
    pub(crate) driver: Option<Driver>,
}

/// What runs the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Driver {
    /// The best driver of this system
    Automatic,
    /// QEMU
    Qemu,
    /// Apple's Virtualization framework
    Vz,
    /// Microsoft's Hyper-V
    HyperV,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// A shell that can complete our command line.
#[expect(clippy::enum_variant_names, reason = "PowerShell is called that")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// Bash: put it into ~/.local/share/bash-completion/completions/slipway
    Bash,
    /// Zsh: put it into a directory of $fpath, as _slipway
    Zsh,
    /// Fish: put it into ~/.config/fish/completions/slipway.fish
    Fish,
    /// PowerShell: add it to $PROFILE
    #[value(name = "powershell")]
    PowerShell,
}

/// A number of lines.
fn lines(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a number of lines"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn help(path: &[&str]) -> String {
        let mut command = Arguments::command().term_width(100);
        command.build();
        let mut command = &mut command;
        for name in path {
            command = command.find_subcommand_mut(name).expect("a command");
        }
        command.render_long_help().to_string()
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_is_complete() {
        insta::assert_snapshot!("help", help(&[]));
        for name in ["run", "ps", "logs", "stats", "rm", "use", "machine"] {
            insta::assert_snapshot!(format!("help-{name}"), help(&[name]));
        }
    }

    #[test]
    fn verbose_is_v_in_front_of_the_command_and_volume_after_run() {
        let parse = |line: &[&str]| Arguments::try_parse_from(line).expect("a line");
        let line = parse(&["slipway", "-v", "run", "nginx", "-v", "data:/data"]);
        assert_eq!(line.global.verbose, 1);
        let Command::Run(run) = line.command else {
            panic!("it is run")
        };
        assert_eq!(run.volume, ["data:/data"]);
        assert_eq!(
            parse(&["slipway", "run", "nginx", "--verbose"])
                .global
                .verbose,
            1
        );
        assert_eq!(parse(&["slipway", "ps", "-v"]).global.verbose, 1);
        assert!(parse(&["slipway", "run", "nginx", "--json"]).global.json);
    }

    #[test]
    fn the_command_comes_after_two_dashes() {
        let line = [
            "slipway", "run", "busybox", "-p", "80", "--", "sh", "-c", "ls -l",
        ];
        let Command::Run(run) = Arguments::try_parse_from(line).expect("a line").command else {
            panic!("it is run")
        };
        assert_eq!(run.command, ["sh", "-c", "ls -l"]);
        assert_eq!(run.publish, ["80"]);
    }
}
