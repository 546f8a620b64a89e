//! Client for `slipwayd`, used by the window and the `slipway` command. Starts `slipwayd` when it is not running.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use slipway_api::machine::{
    MachineAnswer, MachineLogSource, MachineRequest, MachineSettings, MachineView,
};
use slipway_link::{ShellInput, ShellOutput};
use tokio::io::{BufReader, ReadHalf, WriteHalf};

use crate::control::{SILENCE, read_line, read_message, write_line, write_message};
use crate::{MachineError, MachinePaths, VmStream, lease};

/// How long `slipwayd` may take to listen after it was started.
const SPAWN_DEADLINE: Duration = Duration::from_secs(10);

/// How long the machine's owner may be silent: it may still be starting, or shutting down.
const SILENCE_DEADLINE: Duration = Duration::from_secs(2);

/// Timeout for an answer that takes `slipwayd` no work.
const ANSWER_DEADLINE: Duration = Duration::from_secs(15);

/// Timeout for reclaiming space and for stopping the machine.
const WORK_DEADLINE: Duration = Duration::from_mins(15);

type Reader = BufReader<ReadHalf<Box<dyn VmStream>>>;
type Writer = WriteHalf<Box<dyn VmStream>>;

/// Client for `slipwayd`. Each call opens its own connection, so a restart of `slipwayd` needs no handling.
#[derive(Debug, Clone)]
pub struct MachineClient {
    paths: MachinePaths,
    program: Option<PathBuf>,
}

impl MachineClient {
    /// A client of the machine at `paths`. Starts nothing until the first request.
    pub fn new(paths: MachinePaths) -> Self {
        Self {
            paths,
            program: None,
        }
    }

    /// A client of this user's machine.
    pub fn of_user() -> Result<Self, MachineError> {
        Ok(Self::new(MachinePaths::of_user()?))
    }

    /// Starts this program instead of the `slipwayd` beside ours.
    #[must_use]
    pub fn with_program(mut self, program: PathBuf) -> Self {
        self.program = Some(program);
        self
    }

    /// Where the machine's files and sockets are.
    pub fn paths(&self) -> &MachinePaths {
        &self.paths
    }

    /// Whether `slipwayd` is running and answers.
    pub async fn is_running(&self) -> bool {
        matches!(self.reach().await, Ok(Some(_)))
    }

    /// The current status of the machine.
    pub async fn status(&self) -> Result<MachineView, MachineError> {
        match self.ask(&MachineRequest::Status, ANSWER_DEADLINE).await? {
            MachineAnswer::Status { machine } => Ok(*machine),
            other => Err(unexpected(&other)),
        }
    }

    /// The status now and after each change.
    pub async fn watch(&self) -> Result<MachineWatch, MachineError> {
        let (reader, writer) = self.open(&MachineRequest::Watch).await?;
        Ok(MachineWatch {
            reader,
            _writer: writer,
            line: Vec::new(),
        })
    }

    /// Like [`Self::watch`], for a `slipwayd` that is already running; `None` if there is none. Starts nothing.
    pub async fn watch_running(&self) -> Result<Option<MachineWatch>, MachineError> {
        let Some(stream) = self.reach().await? else {
            return Ok(None);
        };
        let (reader, mut writer) = tokio::io::split(stream);
        // It may be shutting down right now.
        if write_line(&mut writer, &MachineRequest::Watch)
            .await
            .is_err()
        {
            return Ok(None);
        }
        Ok(Some(MachineWatch {
            reader: BufReader::new(reader),
            _writer: writer,
            line: Vec::new(),
        }))
    }

    /// The current status from a `slipwayd` that is already running; `None` if there is none. Starts nothing.
    pub async fn status_running(&self) -> Result<Option<MachineView>, MachineError> {
        let Some(stream) = self.reach().await? else {
            return Ok(None);
        };
        match ask(stream, &MachineRequest::Status, ANSWER_DEADLINE).await {
            Ok(MachineAnswer::Status { machine }) => Ok(Some(*machine)),
            Ok(other) => Err(unexpected(&other)),
            // No answer because it shut down, unless it is still there.
            Err(error) => match self.reach().await? {
                None => Ok(None),
                Some(_) => Err(error),
            },
        }
    }

    /// Starts the machine. Returns once the start is under way.
    pub async fn start(&self) -> Result<(), MachineError> {
        self.done(&MachineRequest::Start).await
    }

    /// Stops the machine. Returns once the stop is under way.
    pub async fn stop(&self) -> Result<(), MachineError> {
        self.done(&MachineRequest::Stop).await
    }

    /// Powers the machine off without waiting for its containers. Returns once that is under way.
    pub async fn switch_off(&self) -> Result<(), MachineError> {
        self.done(&MachineRequest::SwitchOff).await
    }

    /// Stops and starts the machine. Returns once that is under way.
    pub async fn restart(&self) -> Result<(), MachineError> {
        self.done(&MachineRequest::Restart).await
    }

    /// Deletes the machine with all its data. Returns once that is under way.
    pub async fn delete(&self) -> Result<(), MachineError> {
        self.done(&MachineRequest::Delete).await
    }

    /// Starts the machine and repairs its disk if that is damaged. Returns once the start is under way.
    pub async fn repair(&self) -> Result<(), MachineError> {
        self.done(&MachineRequest::Repair).await
    }

    /// The settings.
    pub async fn settings(&self) -> Result<MachineSettings, MachineError> {
        match self
            .ask(&MachineRequest::SettingsGet, ANSWER_DEADLINE)
            .await?
        {
            MachineAnswer::Settings { settings } => Ok(settings),
            other => Err(unexpected(&other)),
        }
    }

    /// Changes the settings.
    pub async fn set_settings(&self, settings: MachineSettings) -> Result<(), MachineError> {
        self.done(&MachineRequest::SettingsSet { settings }).await
    }

    /// Gives unused disk space back to this computer; returns the bytes freed.
    pub async fn reclaim(&self) -> Result<u64, MachineError> {
        match self.ask(&MachineRequest::Reclaim, WORK_DEADLINE).await? {
            MachineAnswer::Reclaimed { bytes } => Ok(bytes),
            other => Err(unexpected(&other)),
        }
    }

    /// A log.
    pub async fn log(
        &self,
        source: MachineLogSource,
        follow: bool,
    ) -> Result<LogText, MachineError> {
        let (reader, writer) = self.open(&MachineRequest::Log { source, follow }).await?;
        Ok(LogText {
            reader,
            _writer: writer,
        })
    }

    /// A shell in the machine.
    pub async fn shell(
        &self,
        command: Option<Vec<String>>,
        columns: u16,
        rows: u16,
    ) -> Result<Shell, MachineError> {
        let request = MachineRequest::Shell {
            command,
            columns,
            rows,
        };
        let (mut reader, writer) = self.open(&request).await?;
        match read_answer(&mut reader, ANSWER_DEADLINE).await? {
            MachineAnswer::Done => Ok(Shell { reader, writer }),
            other => Err(unexpected(&other)),
        }
    }

    /// Stops the machine and shuts `slipwayd` down. Does not start one that is not running.
    pub async fn shutdown(&self) -> Result<(), MachineError> {
        let Some(stream) = self.reach().await? else {
            return Ok(());
        };
        match ask(stream, &MachineRequest::Shutdown, WORK_DEADLINE).await? {
            MachineAnswer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn done(&self, request: &MachineRequest) -> Result<(), MachineError> {
        match self.ask(request, ANSWER_DEADLINE).await? {
            MachineAnswer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn ask(
        &self,
        request: &MachineRequest,
        deadline: Duration,
    ) -> Result<MachineAnswer, MachineError> {
        ask(self.connect_or_start().await?, request, deadline).await
    }

    async fn open(&self, request: &MachineRequest) -> Result<(Reader, Writer), MachineError> {
        send(self.connect_or_start().await?, request).await
    }

    /// Connects, and refuses a `slipwayd` that owns another data directory: the socket alone does not say which machine
    /// it belongs to.
    fn if_ours(&self, stream: Box<dyn VmStream>) -> Result<Box<dyn VmStream>, MachineError> {
        match lease::another_owner(&self.paths) {
            None => Ok(stream),
            Some(another) => Err(another),
        }
    }

    /// Connects to the `slipwayd` of our data directory; `None` if the machine has no owner. An owner that does not
    /// listen, or that has another data directory, is an error that names it.
    async fn reach(&self) -> Result<Option<Box<dyn VmStream>>, MachineError> {
        let path = self.paths.daemon_socket();
        let began = Instant::now();
        loop {
            if let Ok(stream) = connect(&path).await {
                return self.if_ours(stream).map(Some);
            }
            match lease::in_the_way(&self.paths) {
                None => return Ok(None),
                Some(error) if began.elapsed() >= SILENCE_DEADLINE => return Err(error),
                Some(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn connect_or_start(&self) -> Result<Box<dyn VmStream>, MachineError> {
        if let Some(stream) = self.reach().await? {
            return Ok(stream);
        }
        let path = self.paths.daemon_socket();
        let mut child = self.spawn()?;
        let start = async {
            loop {
                match connect(&path).await {
                    Ok(stream) => return self.if_ours(stream),
                    // Two may start at the same time: the first one wins, and ours exits.
                    Err(error) if is_not_yet(&error) => {}
                    Err(error) => return Err(MachineError::file("Connecting to", &path)(error)),
                }
                match child.try_wait() {
                    Ok(Some(status)) if !status.success() => {
                        return Err(MachineError::NoDaemon {
                            reason: format!(
                                "ended at once ({status}){}",
                                last_line(&self.paths.daemon_log())
                            ),
                        });
                    }
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(SPAWN_DEADLINE, start)
            .await
            .unwrap_or_else(|_| {
                let silent = MachineError::NoDaemon {
                    reason: "does not listen".to_owned(),
                };
                Err(lease::in_the_way(&self.paths).unwrap_or(silent))
            })
    }

    /// Starts `slipwayd` detached: it survives this process and gets no input from our terminal.
    fn spawn(&self) -> Result<tokio::process::Child, MachineError> {
        let program = match &self.program {
            Some(program) => program.clone(),
            None => beside_us()?,
        };
        self.paths.create()?;
        let mut command = tokio::process::Command::new(&program);
        command
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .current_dir("/");
        self.paths.hand_on(&mut command);
        // It starts a session of its own, which the leader of a process group could not do.
        command.spawn().map_err(|error| MachineError::NoDaemon {
            reason: format!("cannot be started from {}: {error}", program.display()),
        })
    }
}

/// A stream of machine status.
pub struct MachineWatch {
    reader: Reader,
    _writer: Writer,
    line: Vec<u8>,
}

impl MachineWatch {
    /// The next status. An error means that `slipwayd` is gone or hangs. Cancel safe.
    pub async fn next(&mut self) -> Result<MachineView, MachineError> {
        loop {
            match self.answer().await? {
                MachineAnswer::Status { machine } => return Ok(*machine),
                MachineAnswer::Alive => {}
                other => return Err(unexpected(&other)),
            }
        }
    }

    async fn answer(&mut self) -> Result<MachineAnswer, MachineError> {
        use tokio::io::AsyncBufReadExt as _;
        // Unlike `read_line`, this keeps what it has read when it is dropped midway.
        loop {
            let before = self.line.len();
            let read = self.reader.read_until(b'\n', &mut self.line);
            let count = tokio::time::timeout(SILENCE, read)
                .await
                .map_err(no_answer)?
                .map_err(no_answer)?;
            if self.line.last() == Some(&b'\n') {
                break;
            }
            if count == 0 || self.line.len() == before {
                return Err(MachineError::NoDaemon {
                    reason: "has ended".to_owned(),
                });
            }
        }
        read_document(&std::mem::take(&mut self.line))
    }
}

/// A stream of log chunks.
pub struct LogText {
    reader: Reader,
    _writer: Writer,
}

impl LogText {
    /// The next chunk; `None` at the end. Not cancel safe.
    pub async fn next(&mut self) -> Result<Option<String>, MachineError> {
        loop {
            let line = tokio::time::timeout(SILENCE, read_line(&mut self.reader))
                .await
                .map_err(no_answer)?
                .map_err(no_answer)?;
            let Some(line) = line else { return Ok(None) };
            match read_document(&line)? {
                MachineAnswer::Log { text } => return Ok(Some(text)),
                MachineAnswer::Done => return Ok(None),
                MachineAnswer::Alive => {}
                other => return Err(unexpected(&other)),
            }
        }
    }
}

/// A shell in the machine. Dropping it ends the shell.
pub struct Shell {
    reader: Reader,
    writer: Writer,
}

/// Input of a shell.
pub struct ShellKeys(Writer);

/// Output of a shell.
pub struct ShellScreen(Reader);

impl Shell {
    /// Splits the shell into both directions, for concurrent use.
    pub fn split(self) -> (ShellKeys, ShellScreen) {
        (ShellKeys(self.writer), ShellScreen(self.reader))
    }
}

impl ShellKeys {
    /// Sends input or a new terminal size.
    pub async fn send(&mut self, input: &ShellInput) -> Result<(), MachineError> {
        write_message(&mut self.0, &input.encode())
            .await
            .map_err(no_answer)
    }
}

impl ShellScreen {
    /// The next output or the exit status; `None` if the connection was lost.
    pub async fn next(&mut self) -> Result<Option<ShellOutput>, MachineError> {
        loop {
            match read_message(&mut self.0).await.map_err(no_answer)? {
                None => return Ok(None),
                Some(message) => {
                    if let Some(output) = ShellOutput::decode(&message) {
                        return Ok(Some(output));
                    }
                }
            }
        }
    }
}

async fn send(
    stream: Box<dyn VmStream>,
    request: &MachineRequest,
) -> Result<(Reader, Writer), MachineError> {
    let (reader, mut writer) = tokio::io::split(stream);
    write_line(&mut writer, request).await.map_err(no_answer)?;
    Ok((BufReader::new(reader), writer))
}

async fn ask(
    stream: Box<dyn VmStream>,
    request: &MachineRequest,
    deadline: Duration,
) -> Result<MachineAnswer, MachineError> {
    let (mut reader, _writer) = send(stream, request).await?;
    read_answer(&mut reader, deadline).await
}

async fn read_answer(
    reader: &mut Reader,
    deadline: Duration,
) -> Result<MachineAnswer, MachineError> {
    let line = tokio::time::timeout(deadline, read_line(reader))
        .await
        .map_err(no_answer)?
        .map_err(no_answer)?;
    let line = line.ok_or_else(|| MachineError::NoDaemon {
        reason: "has ended".to_owned(),
    })?;
    read_document(&line)
}

fn read_document(line: &[u8]) -> Result<MachineAnswer, MachineError> {
    match serde_json::from_slice(line) {
        Ok(MachineAnswer::Refused { reason }) => Err(MachineError::Daemon(reason)),
        Ok(answer) => Ok(answer),
        Err(error) => Err(MachineError::NoDaemon {
            reason: format!("says what cannot be understood: {error}"),
        }),
    }
}

fn no_answer(error: impl std::fmt::Display) -> MachineError {
    MachineError::NoDaemon {
        reason: format!("is not responding: {error}"),
    }
}

fn unexpected(answer: &MachineAnswer) -> MachineError {
    tracing::debug!(?answer, "an answer to something else");
    MachineError::NoDaemon {
        reason: "answers something else than was asked".to_owned(),
    }
}

/// `slipwayd` beside this program, or in the build directory for a test.
fn beside_us() -> Result<PathBuf, MachineError> {
    let name = if cfg!(windows) {
        "slipwayd.exe"
    } else {
        "slipwayd"
    };
    let program = std::env::current_exe().map_err(|error| MachineError::NoDaemon {
        reason: format!("cannot be looked for: {error}"),
    })?;
    let directory = program.parent().unwrap_or(Path::new("/"));
    let beside = directory.join(name);
    let above = directory.join("..").join(name);
    if cfg!(debug_assertions) && !beside.is_file() && above.is_file() {
        return Ok(above);
    }
    Ok(beside)
}

/// The last line of the log, for an error message.
fn last_line(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(2048)..]);
    let line = text.lines().last().unwrap_or_default();
    let line: String = line
        .chars()
        .filter(|letter| !letter.is_control())
        .take(500)
        .collect();
    if line.is_empty() {
        line
    } else {
        format!(": {line}")
    }
}

fn is_not_yet(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
    )
}

#[cfg(unix)]
async fn connect(path: &Path) -> std::io::Result<Box<dyn VmStream>> {
    Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
}

/// On Windows this becomes a named pipe, together with the Windows driver.
#[cfg(not(unix))]
async fn connect(_path: &Path) -> std::io::Result<Box<dyn VmStream>> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::Lease;

    fn paths(root: &Path, data: &str) -> MachinePaths {
        MachinePaths {
            data: root.join(data),
            runtime: root.join("run"),
            docker_config: None,
            image: None,
        }
    }

    /// A client that cannot start anything.
    fn client(paths: &MachinePaths) -> MachineClient {
        MachineClient::new(paths.clone()).with_program("/nowhere/slipwayd".into())
    }

    #[tokio::test]
    async fn nothing_is_asked_of_the_slipwayd_of_other_data() {
        let root = tempfile::tempdir().unwrap();
        let theirs = paths(root.path(), "data");
        let _lease = Lease::take(&theirs).unwrap();
        let listener = tokio::net::UnixListener::bind(theirs.daemon_socket()).unwrap();
        assert!(client(&theirs).is_running().await);
        listener.accept().await.unwrap();

        let ours = paths(root.path(), "other-data");
        let client = client(&ours);
        let refused = |error: MachineError| {
            let message = error.to_string();
            for data in [&theirs.data, &ours.data] {
                let data = data.display().to_string();
                assert!(message.contains(&data), "{message}");
            }
            assert!(error.hint().unwrap().contains("XDG_RUNTIME_DIR"));
        };
        refused(client.delete().await.unwrap_err());
        refused(client.status_running().await.unwrap_err());
        refused(client.watch_running().await.err().unwrap());
        refused(client.watch().await.err().unwrap());
        refused(client.shutdown().await.unwrap_err());
        let log = client.log(MachineLogSource::Host, false).await;
        refused(log.err().unwrap());
        assert!(!client.is_running().await);
        // The connection carried no request.
        while let Ok(connected) =
            tokio::time::timeout(Duration::from_millis(100), listener.accept()).await
        {
            use tokio::io::AsyncReadExt as _;
            let mut said = String::new();
            let (mut stream, _) = connected.unwrap();
            stream.read_to_string(&mut said).await.unwrap();
            assert_eq!(said, "");
        }
    }

    #[tokio::test]
    async fn an_owner_without_a_socket_is_told_at_once_and_how_to_end_it() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path(), "data");
        let client = client(&paths);
        assert!(client.status_running().await.unwrap().is_none());
        let lease = Lease::take(&paths).unwrap();
        // As after a logout, which removes the runtime directory with its sockets.
        std::fs::remove_dir_all(&paths.runtime).unwrap();
        let kill = format!("kill {}", std::process::id());
        let told = |error: MachineError| {
            assert!(matches!(error, MachineError::Unheard { .. }), "{error}");
            assert!(error.hint().unwrap().contains(&kill), "{error:?}");
        };
        let began = Instant::now();
        told(client.start().await.unwrap_err());
        assert!(began.elapsed() < SPAWN_DEADLINE / 2);
        told(client.status_running().await.unwrap_err());
        told(client.shutdown().await.unwrap_err());
        drop(lease);
        assert!(client.status_running().await.unwrap().is_none());
    }

    /// A `slipwayd` that was stopped in a debugger, or waits for a disk that does not answer.
    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path(), "data");
        let _lease = Lease::take(&paths).unwrap();
        let _listener = tokio::net::UnixListener::bind(paths.daemon_socket()).unwrap();
        let client = client(&paths);
        let mut watch = client.watch().await.unwrap();
        let hangs = |error: MachineError| {
            assert!(matches!(error, MachineError::NoDaemon { .. }), "{error}");
        };
        hangs(watch.next().await.unwrap_err());
        let mut log = client.log(MachineLogSource::Host, true).await.unwrap();
        hangs(log.next().await.unwrap_err());
    }

    #[tokio::test]
    async fn one_that_is_about_to_listen_is_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path(), "data");
        let _lease = Lease::take(&paths).unwrap();
        let client = client(&paths);
        let (running, listener) = tokio::join!(client.is_running(), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            tokio::net::UnixListener::bind(paths.daemon_socket())
        });
        assert!(running);
        listener.unwrap();
    }
}
