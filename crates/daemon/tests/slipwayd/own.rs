//! A `slipwayd` with its own directories.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use slipway_api::machine::{DockerState, MachineState, MachineView};
use slipway_machine::{GuestImage, MachineClient, MachinePaths, ShellOutput};

/// Timeout of a boot on an emulated processor, on a computer that is busy with other work too.
const PATIENCE: Duration = Duration::from_mins(5);

/// The path of the image for this computer; `None` after reporting that there is none.
pub(crate) fn image() -> Option<PathBuf> {
    let named = std::env::var_os("SLIPWAY_GUEST_IMAGE").map(PathBuf::from);
    match GuestImage::find(named.as_deref()) {
        Ok(image) => Some(image),
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "{error}: run `cargo xtask guest-image`"
            );
            eprintln!("NOT TESTED: {error}, run `cargo xtask guest-image`");
            None
        }
    }
}

/// Directories of one test, and a client of the machine there. Dropping it ends everything that runs there.
pub(crate) struct Own {
    pub(crate) paths: MachinePaths,
    pub(crate) client: MachineClient,
    root: tempfile::TempDir,
}

impl Own {
    pub(crate) fn new(image: &Path) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let paths = MachinePaths {
            // As `MachinePaths::of_user` derives them from the variables that a client sets.
            data: root.path().join("data/slipway"),
            runtime: root.path().join("run/slipway"),
            docker_config: Some(root.path().join("docker")),
            image: Some(image.to_owned()),
        };
        Self {
            client: client(&paths),
            paths,
            root,
        }
    }

    /// `slipwayd` as a command, for a test that starts it itself.
    pub(crate) fn command(&self) -> Command {
        self.command_with(&[])
    }

    /// `slipwayd`, started through another command.
    pub(crate) fn command_with(&self, before: &[&str]) -> Command {
        let words = [before, &[env!("CARGO_BIN_EXE_slipwayd")]].concat();
        let mut command = Command::new(words[0]);
        self.with_places(command.args(&words[1..]));
        command.stdin(Stdio::null());
        command
    }

    /// Makes a command of Slipway's find our machine.
    pub(crate) fn with_places<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("XDG_DATA_HOME", self.root.path().join("data"))
            .env("XDG_RUNTIME_DIR", self.root.path().join("run"))
            .env("DOCKER_CONFIG", self.root.path().join("docker"))
            .env(
                "SLIPWAY_GUEST_IMAGE",
                self.paths.image.as_deref().expect("one"),
            )
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Waits for a state; a broken machine fails the test.
    pub(crate) async fn wait(
        &self,
        what: &str,
        wanted: impl Fn(&MachineView) -> bool,
    ) -> MachineView {
        let mut watch = self.client.watch().await.expect("slipwayd");
        let found = async {
            loop {
                let view = watch.next().await.expect("slipwayd lives");
                if wanted(&view) {
                    return view;
                }
                if let MachineState::Broken { reason, .. } = &view.state {
                    panic!("not {what}: {reason:?}\n{}", self.log());
                }
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(view) => view,
            Err(late) => panic!("not {what} ({late})\n{}", self.log()),
        }
    }

    pub(crate) async fn running(&self) -> MachineView {
        self.wait("running", |view| {
            matches!(
                view.state,
                MachineState::Running {
                    docker: DockerState::Running { .. },
                    ..
                }
            )
        })
        .await
    }

    pub(crate) async fn state(&self, state: MachineState) -> MachineView {
        let what = format!("{state:?}");
        self.wait(&what, |view| view.state == state).await
    }

    pub(crate) async fn broken(&self) -> slipway_api::ApiError {
        let view = self
            .wait("broken", |view| {
                matches!(view.state, MachineState::Broken { .. })
            })
            .await;
        match view.state {
            MachineState::Broken { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    /// The logs of `slipwayd` and the console, for a failure message.
    pub(crate) fn log(&self) -> String {
        let tail = |path: PathBuf| {
            let text = std::fs::read(path).unwrap_or_default();
            String::from_utf8_lossy(&text[text.len().saturating_sub(6000)..]).into_owned()
        };
        format!(
            "slipwayd.log:\n{}\nconsole.log:\n{}",
            tail(self.paths.daemon_log()),
            tail(self.paths.console_log())
        )
    }

    /// Makes a command find the machine's context.
    pub(crate) fn with_context<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("DOCKER_CONFIG", self.root.path().join("docker"))
            .env_remove("DOCKER_HOST")
    }

    /// The docker command with the machine's engine, found by its context.
    pub(crate) fn docker_command(&self) -> Command {
        let mut command = Command::new("docker");
        self.with_context(command.args(["--context", "slipway"]));
        command
    }

    /// Runs the docker command to its end.
    pub(crate) fn docker(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .docker_command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the docker command");
        let mut stdin = child.stdin.take().expect("piped");
        let input = input.to_owned();
        // Its output is read meanwhile.
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().expect("it ends");
        let _ = writer.join().expect("no panic");
        output
    }

    pub(crate) fn docker_ok(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = self.docker(arguments, input);
        assert!(
            output.status.success(),
            "docker {arguments:?}: {}\n{}",
            String::from_utf8_lossy(&output.stderr),
            self.log()
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs the docker command with arguments that contain no spaces.
    pub(crate) fn docker_line(&self, line: &str) -> String {
        let arguments: Vec<&str> = line.split_ascii_whitespace().collect();
        self.docker_ok(&arguments, b"")
    }

    /// Creates the image `tiny` in the machine's engine: the guest's own busybox, read through a shell.
    pub(crate) async fn make_tiny_image(&self) {
        let busybox = self
            .bytes_from_the_machine(&["busybox", "cat", "/bin/busybox"])
            .await;
        assert!(busybox.starts_with(b"\x7fELF"), "{} bytes", busybox.len());
        self.import(
            "tiny",
            &[
                ("bin/busybox", &busybox),
                ("bin/sh", &busybox),
                ("www/index.html", b"from the machine\n"),
                ("data/of-the-image", b""),
            ],
        );
    }

    /// Creates an image of executable files.
    pub(crate) fn import(&self, name: &str, files: &[(&str, &[u8])]) {
        let tree = tempfile::tempdir_in(self.root()).expect("writable");
        for (path, bytes) in files {
            let path = tree.path().join(path);
            std::fs::create_dir_all(path.parent().expect("below")).expect("writable");
            std::fs::write(&path, bytes).expect("writable");
            make_executable(&path);
        }
        make_executable(tree.path());
        let tar = Command::new("tar")
            .args(["-c", "--owner=0", "--group=0", "-C"])
            .arg(tree.path())
            .arg(".")
            .output()
            .expect("tar");
        assert!(tar.status.success());
        self.docker_ok(&["import", "-", name], &tar.stdout);
    }

    /// The output of a command in the machine, which must succeed.
    pub(crate) async fn in_the_machine(&self, command: &[&str]) -> String {
        let bytes = self.bytes_from_the_machine(command).await;
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    async fn bytes_from_the_machine(&self, command: &[&str]) -> Vec<u8> {
        let words = command.iter().map(|word| (*word).to_owned()).collect();
        let shell = self.client.shell(Some(words), 0, 0).await.expect("a shell");
        let (_keys, mut screen) = shell.split();
        let mut printed = Vec::new();
        loop {
            match screen.next().await.expect("readable") {
                Some(ShellOutput::Bytes(bytes)) => printed.extend(bytes),
                Some(ShellOutput::ErrorBytes(bytes)) => {
                    eprintln!("{}", String::from_utf8_lossy(&bytes));
                }
                Some(ShellOutput::Exit { code }) => {
                    assert_eq!(code, 0, "{command:?}");
                    return printed;
                }
                None => panic!("{command:?} was cut off"),
            }
        }
    }

    /// Waits until a container's log has these words.
    pub(crate) fn until_it_says(&self, container: &str, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.docker_ok(&["logs", container], b"").contains(words) {
            assert!(Instant::now() < deadline, "{container} never says {words}");
        }
    }

    /// The process that owns the machine.
    pub(crate) fn daemon_pid(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.paths.lock()).ok()?;
        let pid = text.lines().next()?.parse().ok()?;
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name.trim() == "slipwayd").then_some(pid)
    }

    /// QEMU's process.
    pub(crate) fn qemu_pid(&self) -> Option<u32> {
        self.processes()
            .into_iter()
            .find(|(_, line)| line.contains("qemu-system"))
            .map(|(pid, _)| pid)
    }

    /// Processes with one of our paths on their command line.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let wanted = self.root.path().to_string_lossy().into_owned();
        std::fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|process| {
                let pid = process.file_name().to_str()?.parse().ok()?;
                let line = std::fs::read(process.path().join("cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                line.contains(&wanted).then_some((pid, line))
            })
            .collect()
    }

    /// Waits until none of our processes is left.
    pub(crate) fn nothing_runs(&self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.processes().is_empty() || self.daemon_pid().is_some() {
            assert!(
                Instant::now() < deadline,
                "{:?} {:?}",
                self.processes(),
                self.daemon_pid()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // QEMU ends with it.
        if let Some(pid) = self.daemon_pid() {
            // It may be ending just now.
            let _ = Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .output();
        }
    }
}

pub(crate) fn client(paths: &MachinePaths) -> MachineClient {
    MachineClient::new(paths.clone()).with_program(env!("CARGO_BIN_EXE_slipwayd").into())
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("ours");
}

/// The answer of a web server, once it answers.
pub(crate) fn get(port: u16) -> String {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let ask = || -> std::io::Result<String> {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        match ask() {
            Ok(text) if !text.is_empty() => return text,
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Compiles a C program statically, because the container has no libraries.
pub(crate) fn compile(source: &Path, program: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let status = Command::new("cc")
        .args(["-O2", "-static", "-Wall", "-Werror", "-o"])
        .args([program, &source])
        .status()
        .expect("cc");
    assert!(status.success());
}

/// The warnings that contain this word.
pub(crate) fn warnings_about(view: &MachineView, word: &str) -> Vec<String> {
    let found = view
        .warnings
        .iter()
        .filter(|warning| warning.contains(word));
    found.cloned().collect()
}
