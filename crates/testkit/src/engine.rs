//! The engine that a test talks to: a private dockerd, or the one that `SLIPWAY_TEST_ENGINE` names.

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::{
    Error, Registry, Result,
    command::{run, spawn_error},
    error::At,
    run_dir::RunDir,
    samples,
    subnet::Subnet,
    wait,
};

/// How a private engine is started. `Engine::options()` has the defaults.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    live_restore: bool,
    without_registry: bool,
    arguments: Vec<String>,
}

impl EngineOptions {
    /// Containers keep running while the engine is down.
    #[must_use]
    pub fn live_restore(mut self) -> Self {
        self.live_restore = true;
        self
    }

    /// No registry: the engine has no image, and nowhere to get one from.
    #[must_use]
    pub fn without_registry(mut self) -> Self {
        self.without_registry = true;
        self
    }

    /// One more argument for dockerd, such as `--debug`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Starts the engine and waits until it answers. `SLIPWAY_TEST_ENGINE` is not looked at: who asks for options
    /// needs an engine that has them.
    pub fn start(self) -> Result<Engine> {
        let registry = if self.without_registry {
            None
        } else {
            Some(Registry::start()?)
        };
        let private = PrivateDockerd::start(&self, registry.as_ref())?;
        Ok(Engine {
            socket: private.run.join("docker.sock"),
            private: Some(private),
            registry,
        })
    }
}

/// An engine for tests. Dropping it ends everything that it started, containers included; so does the end of the
/// test process, whatever its cause.
#[derive(Debug)]
pub struct Engine {
    socket: PathBuf,
    // Declared, and so dropped, before the registry that it pulls from.
    private: Option<PrivateDockerd>,
    registry: Option<Registry>,
}

impl Engine {
    /// Starts a private dockerd with a registry behind it, or takes the engine that `SLIPWAY_TEST_ENGINE` names.
    pub fn start() -> Result<Self> {
        match std::env::var("SLIPWAY_TEST_ENGINE") {
            Ok(host) if !host.is_empty() => Self::existing(&host),
            _ => Self::options().start(),
        }
    }

    /// An engine that runs already, at `unix:///path`. It is not ours: it cannot be killed, and gets the samples by
    /// [`load_samples`](Self::load_samples) only, because it does not know the registry as its mirror.
    pub fn existing(host: &str) -> Result<Self> {
        let Some(path) = host.strip_prefix("unix://") else {
            return Err(Error::Address {
                host: host.to_owned(),
            });
        };
        Ok(Self {
            socket: path.into(),
            private: None,
            registry: Some(Registry::start()?),
        })
    }

    /// A private dockerd that differs from the usual one.
    pub fn options() -> EngineOptions {
        EngineOptions::default()
    }

    /// The path of the API's socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// `unix:///path`, as `DOCKER_HOST` wants it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The registry that the engine pulls from. An engine that is not ours does not know it as a mirror.
    ///
    /// # Panics
    /// If the engine was started without a registry.
    pub fn registry(&self) -> &Registry {
        self.registry
            .as_ref()
            .expect("this engine was started without a registry")
    }

    /// dockerd's process id; `None` while it is dead or if it is not ours.
    pub fn pid(&self) -> Option<u32> {
        self.private.as_ref()?.dockerd.as_ref().map(Child::id)
    }

    /// What dockerd logged so far.
    pub fn log(&self) -> String {
        let path = self.private.as_ref().map(|it| it.run.join("dockerd.log"));
        path.and_then(|path| fs::read_to_string(path).ok())
            .unwrap_or_default()
    }

    /// Whether the API answers now.
    pub fn pings(&self) -> bool {
        wait::pings(&self.socket)
    }

    /// Kills dockerd with SIGKILL, as a crash would: containerd, the shims and the containers stay.
    pub fn kill9(&mut self) -> Result<()> {
        self.ours("kill it")?.end(Signal::KILL)
    }

    /// Stops dockerd with SIGTERM and waits for its end: containers are stopped first, unless it restores them.
    pub fn stop(&mut self) -> Result<()> {
        self.ours("stop it")?.end(Signal::TERM)
    }

    /// Starts dockerd again on the same data and socket, and waits until it answers.
    pub fn start_again(&mut self) -> Result<()> {
        self.ours("start it")?.start_dockerd()
    }

    /// Freezes dockerd with SIGSTOP: connections are accepted by the kernel and nothing answers.
    ///
    /// It waits until every thread is stopped: one that still runs can answer once more.
    pub fn stop_signal(&self) -> Result<()> {
        self.signal("freeze it", Signal::STOP)?;
        let Some(private) = &self.private else {
            return Ok(());
        };
        let Some(child) = &private.dockerd else {
            return Ok(());
        };
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(child)), stopped)
            .map(|_status| ())
            .map_err(io::Error::from)
            .at("freeze", &private.run.join("docker.pid"))
    }

    /// Lets a frozen dockerd continue.
    pub fn cont_signal(&self) -> Result<()> {
        self.signal("continue it", Signal::CONT)
    }

    /// Runs the `docker` CLI against this engine, with a configuration of its own.
    ///
    /// # Panics
    /// If there is no `docker` program.
    #[track_caller]
    pub fn docker(&self, arguments: &[&str]) -> Output {
        let mut command = self.docker_command();
        command.args(arguments).stdin(Stdio::null());
        command
            .output()
            .unwrap_or_else(|error| panic!("{}", spawn_error(&command, "docker.io", error)))
    }

    /// Runs the `docker` CLI and returns its standard output without the last newline.
    ///
    /// # Panics
    /// If the command fails.
    #[track_caller]
    pub fn docker_ok(&self, arguments: &[&str]) -> String {
        let output = self.docker(arguments);
        assert!(
            output.status.success(),
            "docker {} failed ({}):\n{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    /// The `docker` CLI aimed at this engine, for tests that want to spawn it themselves.
    pub fn docker_command(&self) -> Command {
        let mut command = Command::new("docker");
        command
            .env("DOCKER_HOST", self.host())
            .env_remove("DOCKER_CONTEXT")
            .env_remove("DOCKER_API_VERSION");
        // An empty configuration: no credentials, contexts or proxies of the user's. A directory that is not there
        // will do, and nothing is written into it.
        command.env("DOCKER_CONFIG", self.socket.with_file_name("docker-config"));
        command
    }

    /// Pulls one sample image and gives it its usual name (`nginx:latest`).
    pub fn load_sample(&self, reference: &str) -> Result<()> {
        if self.private.is_some() {
            run(
                self.docker_command().args(["pull", "--quiet", reference]),
                "docker.io",
            )?;
            return Ok(());
        }
        let remote = format!(
            "{}/{}",
            self.registry().origin(),
            samples::repository_and_tag(reference)
        );
        for arguments in [
            vec!["pull", "--quiet", &remote],
            vec!["tag", &remote, reference],
            vec!["rmi", &remote],
        ] {
            run(self.docker_command().args(arguments), "docker.io")?;
        }
        Ok(())
    }

    /// Pulls all sample images that can run on this machine.
    pub fn load_samples(&self) -> Result<()> {
        std::thread::scope(|scope| {
            let pulls: Vec<_> = samples::runnable()
                .map(|reference| scope.spawn(move || self.load_sample(reference)))
                .collect();
            pulls
                .into_iter()
                .try_for_each(|pull| pull.join().expect("a pull does not panic"))
        })
    }

    fn ours(&mut self, action: &'static str) -> Result<&mut PrivateDockerd> {
        self.private.as_mut().ok_or(Error::NotOurs { action })
    }

    fn signal(&self, action: &'static str, signal: Signal) -> Result<()> {
        let private = self.private.as_ref().ok_or(Error::NotOurs { action })?;
        match &private.dockerd {
            Some(child) => send(child, signal).at("signal", &private.run.join("docker.pid")),
            None => Ok(()),
        }
    }
}

/// dockerd with a containerd of its own. dockerd would otherwise take the system's containerd where there is one, and
/// share its containers' namespace with the user's Docker.
#[derive(Debug)]
struct PrivateDockerd {
    dockerd: Option<Child>,
    containerd: Child,
    arguments: Vec<String>,
    run: RunDir,
}

impl PrivateDockerd {
    fn start(options: &EngineOptions, registry: Option<&Registry>) -> Result<Self> {
        let run = RunDir::create()?;
        let subnet = Subnet::claim(run.path(), true)?;
        let containerd = start_containerd(&run)?;
        let at = |name: &str| run.join(name).display().to_string();
        let config = run.join("daemon.json");
        fs::write(&config, "{}").at("write", &config)?;
        let mut arguments: Vec<String> = [
            ("config-file", at("daemon.json")),
            ("data-root", at("data")),
            ("exec-root", at("exec")),
            ("pidfile", at("docker.pid")),
            ("host", format!("unix://{}", at("docker.sock"))),
            ("containerd", at("containerd.sock")),
            ("bridge", subnet.bridge.clone()),
            ("default-address-pool", subnet.pool()),
            ("iptables", "false".into()),
            ("ip6tables", "false".into()),
            ("exec-opt", "native.cgroupdriver=cgroupfs".into()),
            ("cgroup-parent", format!("/slipway-testkit/{}", run.id())),
        ]
        .into_iter()
        .map(|(name, value)| format!("--{name}={value}"))
        .collect();
        if let Some(registry) = registry {
            arguments.push(format!("--registry-mirror={}", registry.url()));
        }
        if options.live_restore {
            arguments.push("--live-restore".into());
        }
        arguments.extend(options.arguments.iter().cloned());
        let mut this = Self {
            dockerd: None,
            containerd,
            arguments,
            run,
        };
        if options
            .arguments
            .iter()
            .any(|argument| argument.starts_with("--storage-driver"))
        {
            this.start_dockerd()?;
            return Ok(this);
        }
        this.arguments.push("--storage-driver=overlay2".into());
        match this.start_dockerd() {
            Err(Error::NotReady { log, .. }) if log.contains("overlay") => {
                eprintln!(
                    "testkit: overlay2 does not work here, falling back to vfs, which is slow:\n{log}"
                );
                this.arguments.pop();
                this.arguments.push("--storage-driver=vfs".into());
                this.start_dockerd()?;
            }
            outcome => outcome?,
        }
        Ok(this)
    }

    fn start_dockerd(&mut self) -> Result<()> {
        if self.dockerd.is_some() {
            return Ok(());
        }
        // Left behind by SIGKILL: by the time of the next start another process may have that id.
        let _ = fs::remove_file(self.run.join("docker.pid"));
        let mut command = daemon("dockerd");
        command.args(&self.arguments);
        let mut child = spawn_daemon(&mut command, &self.run.join("dockerd.log"), "docker.io")?;
        let socket = self.run.join("docker.sock");
        if let Err(error) =
            wait::until_ready("dockerd", &mut child, &self.run.join("dockerd.log"), || {
                wait::pings(&socket)
            })
        {
            let _ = child.kill().and_then(|()| child.wait());
            return Err(error);
        }
        self.dockerd = Some(child);
        Ok(())
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let path = self.run.join("docker.pid");
        if let Some(mut child) = self.dockerd.take() {
            send(&child, signal).at("signal", &path)?;
            child.wait().at("wait for", &path)?;
        }
        Ok(())
    }
}

impl Drop for PrivateDockerd {
    fn drop(&mut self) {
        // The reaper kills the rest of the run; these two are our children, so we have to collect them.
        for child in self.dockerd.iter_mut().chain([&mut self.containerd]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start_containerd(run: &RunDir) -> Result<Child> {
    let config = run.join("containerd.toml");
    let path = |name: &str| run.join(name).display().to_string();
    // The plug-ins that are off are not needed by dockerd, and each costs time or a warning.
    let text = format!(
        "version = 2\nroot = '{}'\nstate = '{}'\n\
         disabled_plugins = ['io.containerd.grpc.v1.cri', 'io.containerd.snapshotter.v1.aufs', \
         'io.containerd.snapshotter.v1.btrfs', 'io.containerd.snapshotter.v1.devmapper', \
         'io.containerd.snapshotter.v1.zfs', 'io.containerd.internal.v1.opt']\n\
         [grpc]\naddress = '{}'\n",
        path("containerd/root"),
        path("containerd/state"),
        path("containerd.sock"),
    );
    fs::write(&config, text).at("write", &config)?;
    let log = run.join("containerd.log");
    let mut command = daemon("containerd");
    command.arg("--config").arg(&config);
    let mut child = spawn_daemon(&mut command, &log, "containerd")?;
    let socket = run.join("containerd.sock");
    if let Err(error) = wait::until_ready("containerd", &mut child, &log, || wait::listens(&socket))
    {
        let _ = child.kill().and_then(|()| child.wait());
        return Err(error);
    }
    Ok(child)
}

/// A program of the engine: that of the directory which `SLIPWAY_TEST_DOCKERD` names, if it has one, else the one that is
/// installed. The directory also comes first where daemons look for their own helpers.
fn daemon(name: &str) -> Command {
    let Some(directory) = std::env::var_os("SLIPWAY_TEST_DOCKERD").filter(|it| !it.is_empty())
    else {
        return Command::new(name);
    };
    let directory = PathBuf::from(directory);
    let own = directory.join(name);
    let mut command = if own.exists() {
        Command::new(own)
    } else {
        Command::new(name)
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::iter::once(directory).chain(std::env::split_paths(&path));
    if let Ok(path) = std::env::join_paths(places) {
        command.env("PATH", path);
    }
    command
}

/// Starts a daemon in a process group of its own, so that Ctrl-C ends the test and leaves the daemons to the reaper.
pub(crate) fn spawn_daemon(
    command: &mut Command,
    log: &Path,
    package: &'static str,
) -> Result<Child> {
    let out = File::options()
        .create(true)
        .append(true)
        .open(log)
        .at("open", log)?;
    let err = out.try_clone().at("open", log)?;
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .process_group(0);
    command
        .spawn()
        .map_err(|source| spawn_error(command, package, source))
}

fn send(child: &Child, signal: Signal) -> std::io::Result<()> {
    // A child that nobody waited for keeps its id, so this cannot hit another process.
    kill_process(Pid::from_child(child), signal).map_err(Into::into)
}
