//! A private Podman that serves the Docker API.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Resource, getrlimit};

use crate::{
    Registry, Result,
    command::{run as run_command, spawn_error},
    engine::spawn_daemon,
    error::At,
    run_dir::RunDir,
    samples,
    subnet::Subnet,
    wait,
};

/// `podman system service` with storage, state and a network of its own, for tests of compatibility.
///
/// Docker Hub's names lead to its registry, so `docker.io/library/nginx` can be pulled. Dropping it removes its
/// containers.
#[derive(Debug)]
pub struct Podman {
    service: Child,
    socket: PathBuf,
    run: RunDir,
    registry: Registry,
}

impl Podman {
    /// Starts the service and waits until it answers.
    pub fn start() -> Result<Self> {
        let registry = Registry::start()?;
        let run = RunDir::create()?;
        let subnet = Subnet::claim(run.path(), false)?;
        let network = format!("testkit-{}", run.id());
        configure(&run, &registry, "podman")?;
        // The network that is configured as the default cannot be created, so it becomes the default afterwards.
        let create = [
            "network",
            "create",
            "--subnet",
            &subnet.default_network(),
            &network,
        ];
        run_command(podman(run.path()).args(create), "podman")?;
        use_bridge(&run.join("networks"), &subnet.bridge)?;
        configure(&run, &registry, &network)?;
        let undo = run.join("undo.sh");
        let script = format!(
            "export CONTAINERS_CONF='{0}/containers.conf'\n\
             podman {1} rm --force --all --time 0\npodman {1} network rm --force {network}\n",
            run.path().display(),
            globals(run.path()).join(" "),
        );
        fs::write(&undo, script).at("write", &undo)?;

        let socket = run.join("podman.sock");
        let log = run.join("podman.log");
        let mut command = podman(run.path());
        command
            .args(["system", "service", "--time=0"])
            .arg(format!("unix://{}", socket.display()));
        let mut service = spawn_daemon(&mut command, &log, "podman")?;
        if let Err(error) = wait::until_ready("podman", &mut service, &log, || wait::pings(&socket))
        {
            let _ = service.kill().and_then(|()| service.wait());
            return Err(error);
        }
        Ok(Self {
            service,
            socket,
            run,
            registry,
        })
    }

    /// The path of the API's socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// `unix:///path`, as `DOCKER_HOST` wants it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The service's process id.
    pub fn pid(&self) -> u32 {
        self.service.id()
    }

    /// The registry that stands in for `docker.io`.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Runs the `podman` CLI on the same storage.
    ///
    /// # Panics
    /// If there is no `podman` program.
    #[track_caller]
    pub fn podman(&self, arguments: &[&str]) -> Output {
        let mut command = podman(self.run.path());
        command.args(arguments).stdin(Stdio::null());
        command
            .output()
            .unwrap_or_else(|error| panic!("{}", spawn_error(&command, "podman", error)))
    }

    /// Pulls one sample image under its full name (`docker.io/library/nginx:latest`).
    pub fn load_sample(&self, reference: &str) -> Result<()> {
        let name = format!("docker.io/{}", samples::repository_and_tag(reference));
        run_command(
            podman(self.run.path()).args(["pull", "--quiet", &name]),
            "podman",
        )
        .map(drop)
    }

    /// Pulls all sample images that can run on this machine.
    pub fn load_samples(&self) -> Result<()> {
        samples::runnable().try_for_each(|reference| self.load_sample(reference))
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

fn podman(run: &Path) -> Command {
    let mut command = Command::new("podman");
    command.args(globals(run)).current_dir("/");
    command.env("CONTAINERS_CONF", run.join("containers.conf"));
    command.env("CONTAINERS_REGISTRIES_CONF", run.join("registries.conf"));
    command
}

fn globals(run: &Path) -> Vec<String> {
    let path = |name: &str| run.join(name).display().to_string();
    vec![
        format!("--root={}", path("root")),
        format!("--runroot={}", path("runroot")),
        "--storage-driver=overlay".into(),
    ]
}

fn configure(run: &RunDir, registry: &Registry, network: &str) -> Result<()> {
    let path = |name: &str| run.join(name).display().to_string();
    // By default Podman gives containers more than root may have everywhere, and more than its own service has left.
    let limit = |resource| {
        getrlimit(resource)
            .maximum
            .map_or(1 << 14, |limit| limit.min(1 << 14))
    };
    let (files, processes) = (limit(Resource::Nofile), limit(Resource::Nproc));
    let containers = format!(
        "[network]\ndefault_network = '{network}'\nnetwork_config_dir = '{}'\n\
         [containers]\ndefault_ulimits = ['nofile={files}:{files}', 'nproc={processes}:{processes}']\n\
         [engine]\ncgroup_manager = 'cgroupfs'\nevents_logger = 'file'\ntmp_dir = '{}'\nlock_type = 'file'\n",
        path("networks"),
        path("tmp"),
    );
    let file = run.join("containers.conf");
    fs::write(&file, containers).at("write", &file)?;
    let registries = format!(
        "unqualified-search-registries = ['docker.io']\n\
         [[registry]]\nprefix = 'docker.io'\nlocation = '{}'\ninsecure = true\n",
        registry.address()
    );
    let file = run.join("registries.conf");
    fs::write(&file, registries).at("write", &file)
}

/// Podman names bridges `cni-podman1` (CNI) or `podman1` (Netavark) with only its own configuration in view, so two
/// private ones would share it.
fn use_bridge(networks: &Path, bridge: &str) -> Result<()> {
    for entry in fs::read_dir(networks).at("list", networks)?.flatten() {
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|it| it == "conflist" || it == "json")
        {
            let text = fs::read_to_string(&path).at("read", &path)?;
            let bridge = format!("\"{bridge}\"");
            let text = text
                .replace("\"cni-podman1\"", &bridge)
                .replace("\"podman1\"", &bridge);
            fs::write(&path, text).at("write", &path)?;
        }
    }
    Ok(())
}
