//! The command line.

#![expect(clippy::doc_markdown, reason = "these comments are what --help prints")]

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use slipway_api::container::RestartPolicy;

/// Run containers from a terminal or a script.
///
/// The same as Slipway's window does, on the same engine: Docker, Podman, or any other that speaks Docker's API.
#[derive(Debug, Parser)]
#[command(
    name = "slipway",
    version,
    after_help = "\
Exit codes: 0 done, 1 failed, 2 the command line cannot be used, 3 no engine, or none that answers or may be used, 130 cancelled. \
`slipway machine shell` exits with the code of what it ran.

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
    /// Use this engine: a name of `slipway engines`, or an address such as unix:///run/docker.sock
    #[arg(
        long,
        global = true,
        env = "SLIPWAY_ENGINE",
        hide_env_values = true,
        value_name = "NAME|ADDRESS"
    )]
    pub(crate) engine: Option<String>,
    /// Say on standard error what is going on, and causes of errors; twice for more
    // `slipway run -v` is a volume, as with docker: the short form is for in front of the command only.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// No colours (so does NO_COLOR in the environment)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Look for something to run in the catalog
    Search(Search),
    /// Run an image or a catalog entry, and wait until it answers
    Run(Box<Run>),
    /// List containers
    Ps(Ps),
    /// Show everything about a container
    Inspect(Inspect),
    /// Show the ports of a container and where they are reached
    Ports(One),
    /// Start containers
    Start(Many),
    /// Stop containers
    Stop(Many),
    /// Stop containers and start them again
    Restart(Many),
    /// Freeze containers
    Pause(Many),
    /// Let frozen containers go on
    Unpause(Many),
    /// Kill containers at once
    Kill(Many),
    /// Remove containers; running ones are killed first, volumes stay
    Rm(Remove),
    /// Give a container another name
    Rename(Rename),
    /// Show the log of a container
    Logs(Logs),
    /// Show what containers use
    Stats(Stats),
    /// Pull an image
    Pull(Pull),
    /// List images, or show one in full
    Images(Images),
    /// Remove images, or all that no container uses
    Rmi(RemoveImages),
    /// List the engines found on this computer, and show which one is in use
    Engines,
    /// Choose the engine to use, in the window as well
    Use(Use),
    /// Slipway's machine: a Linux virtual machine with an engine
    #[command(subcommand)]
    Machine(Machine),
    /// Show or change settings; `slipway machine settings` has those of the machine
    Settings(Settings),
    /// Check everything that running containers needs
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
    /// Taken for docker's sake: running containers are removed anyway
    #[arg(short, long, hide = true)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words to look for; without any, everything is listed, the recommended first
    pub(crate) words: Vec<String>,
    /// Only this category, for example `databases`
    #[arg(long)]
    pub(crate) category: Option<String>,
    /// Where to look
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
  slipway run nginx                              a catalog entry, on a free port, until it answers
  slipway run postgres --name db -e POSTGRES_DB=shop
  slipway run nginx:1.27 -p 8080:80 -v ./site:/usr/share/nginx/html:ro
  slipway run ghcr.io/org/app:2 -p none --memory 512m --restart unless-stopped
  slipway run busybox -- sleep 60

What the catalog or the image knows (ports, volumes, variables, generated passwords) is filled in; options go on top. \
Ports are published on 127.0.0.1 unless -p names an address. A host port that is given and taken is an error; others \
move to a free one. Ctrl-C undoes what was done; twice, it quits at once.

With --json, the container is printed as `slipway ps --json` has it, with url, ready, note and notices.")]
pub(crate) struct Run {
    /// A catalog entry such as `postgres`, or an image such as `nginx:1.27`
    pub(crate) image: String,
    /// Name of the container; without it, a free name is used
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Publish a port: [[ADDRESS:]HOST_PORT:]PORT[/udp], or `none` for no ports but those given
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
    /// First run the services that the image needs, such as a database, on a network that both share; services that run already are used
    #[arg(long)]
    pub(crate) with_needed: bool,
    /// Where no engine answers, start Slipway's machine without asking
    #[arg(long, env = "SLIPWAY_START_MACHINE", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) start_machine: bool,
    /// Command and arguments, instead of the image's own
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Say on standard error what is going on (-v only in front of `run`)
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
    /// Stopped ones too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Only ids, one a line
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Name or id of the container
    pub(crate) container: String,
    /// Everything that the engine tells, as it tells it (JSON)
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// Name or id of the container
    pub(crate) container: String,
    /// Its new name
    #[arg(value_name = "NAME")]
    pub(crate) new_name: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  slipway logs web               everything
  slipway logs web -f --tail 20  the last lines, and those to come
  slipway logs web --since 10m --grep '(?i)error|warn'
  slipway logs web --export web.log

Standard output of the container goes to standard output, its standard error to standard error. On a terminal colours \
are kept and all other escapes are taken out; elsewhere every line is passed as it is. Times without a zone are UTC.

With --json there is one array of {\"at\",\"stderr\",\"text\",\"partial\"}; with --json -f one such object a line.")]
pub(crate) struct Logs {
    /// Name or id of the container
    pub(crate) container: String,
    /// Go on with new lines until the container ends
    #[arg(short, long, conflicts_with = "export")]
    pub(crate) follow: bool,
    /// Begin so many lines before the end
    #[arg(short = 'n', long, value_name = "LINES", allow_negative_numbers = true)]
    pub(crate) tail: Option<u64>,
    /// Only lines from this time on: 10m, 2h30m, 2026-05-04, 2026-05-04T10:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only lines before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Put the time in front of each line
    #[arg(short, long)]
    pub(crate) timestamps: bool,
    /// Only lines that match this regular expression (of those that the other options leave)
    #[arg(long, value_name = "REGEX")]
    pub(crate) grep: Option<String>,
    /// Write the log to a file, which appears when it is complete
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
On a terminal the table is refreshed every second until Ctrl-C, with --json as one array a line. Elsewhere, and with \
--no-stream, there is one measurement, which takes about a second.")]
pub(crate) struct Stats {
    /// Names or ids of the containers; all running ones without any
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
    /// Show everything about this image, by tag or id
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
    /// With --unused: do not ask
    #[arg(short, long, requires = "unused")]
    pub(crate) yes: bool,
    /// Remove an image that has more tags, or that stopped containers use
    #[arg(short, long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Use {
    /// A name of `slipway engines`, or an address
    pub(crate) name: Option<String>,
    /// The one that the docker command would use; another that answers, where that does not and nobody chose it
    #[arg(long)]
    pub(crate) default: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// A setting; all of them when left out
    #[arg(value_enum)]
    pub(crate) key: Option<Setting>,
    /// Its new value: for `engine` a name of `slipway engines`, an address, or `automatic`
    #[arg(requires = "key")]
    pub(crate) value: Option<String>,
}

/// A setting that the window and the command share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Setting {
    /// The engine to use
    Engine,
}

/// What to do with the machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Machine {
    /// Show its state
    Status,
    /// Start it and wait until its engine responds; the first start creates it
    Start,
    /// Stop its containers, then the machine
    Stop(StopMachine),
    /// Stop it, then start it
    Restart,
    /// Delete it with everything in it: containers, images, volumes
    Delete(DeleteMachine),
    /// Show one of its logs
    Log(MachineLog),
    /// Open a shell in it, for diagnosis; exits with the exit code of the command
    Shell(MachineShell),
    /// Start it, and repair its disk if that is damaged
    Repair,
    /// Return the space of removed images and volumes to this computer
    Reclaim,
    /// Show its settings, or change the given ones
    Settings(MachineOptions),
}

#[derive(Debug, Args)]
pub(crate) struct StopMachine {
    /// Switch it off without waiting for its containers, even while it is stopping
    #[arg(long)]
    pub(crate) now: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteMachine {
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MachineLog {
    /// Which log
    #[arg(value_enum, default_value_t = MachinePart::Host)]
    pub(crate) source: MachinePart,
    /// Go on with what comes
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
    /// What the engine runs containers with
    Containerd,
    /// Linux
    Kernel,
    /// The serial console: what came before the first process
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
    /// What runs it
    #[arg(long, value_enum, value_name = "DRIVER")]
    pub(crate) driver: Option<Driver>,
}

/// What runs the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Driver {
    /// The best that this system has
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
