//! One QEMU process, tied to the life of ours.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::command_line;
use crate::{DiskLock, MachineError, bounded_log, lease};

/// Bytes read from the end of QEMU's output, register dumps included.
const MAX_READ: u64 = 64 << 10;

/// Bytes kept from the end of QEMU's output.
const MAX_WORDS: usize = 1000;

/// Limit of lines of QEMU's output in an error.
const MAX_LINES: usize = 4;

/// Timeout for `--version`.
const VERSION_DEADLINE: Duration = Duration::from_secs(10);

/// A QEMU process. Killed when dropped.
pub(super) struct QemuProcess {
    slot: Arc<Mutex<Slot>>,
    started: watch::Receiver<Option<Result<(), Arc<io::Error>>>>,
    /// The exit status, once it has ended.
    ended: watch::Receiver<Option<String>>,
    program: PathBuf,
    record: PathBuf,
}

/// The state of the process. After it was reaped, its pid may belong to another process.
enum Slot {
    NotYet,
    Running(Child),
    /// It was reaped, or must not be started any more.
    Gone,
}

impl QemuProcess {
    /// Starts QEMU. Its output goes to `log`; `runtime` gets a record of the process, so that the next owner can clean
    /// up after a crash of ours. QEMU holds `disk_lock` as its input, which it does not read.
    pub(super) fn spawn(
        program: &Path,
        arguments: Vec<OsString>,
        log: &Path,
        runtime: &Path,
        disk_lock: Option<&DiskLock>,
    ) -> Result<Self, MachineError> {
        let output = bounded_log::begin(log).map_err(MachineError::file("Creating", log))?;
        let errors = output
            .try_clone()
            .map_err(MachineError::file("Creating", log))?;
        let input = match disk_lock {
            Some(lock) => Stdio::from(lock.copy().map_err(|source| unusable(program, source))?),
            None => Stdio::null(),
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(input)
            .stdout(output)
            .stderr(errors)
            .current_dir(runtime);
        die_with_parent(&mut command);

        let slot = Arc::new(Mutex::new(Slot::NotYet));
        let (ended_sender, ended) = watch::channel(None);
        let (started_sender, started) = watch::channel(None);
        let held = slot.clone();
        let log = log.to_owned();
        let record_in = runtime.to_owned();
        let disk_lock = disk_lock.cloned();
        // For the kernel, the parent is the thread that spawned the child, so this thread must live as long as the
        // child.
        std::thread::Builder::new()
            .name("qemu".to_owned())
            .spawn(move || {
                let started = start(&held, &mut command, &record_in, disk_lock.as_ref());
                // The command holds a copy of the lock.
                drop((command, disk_lock));
                let runs = matches!(started, Ok(true));
                started_sender.send_replace(Some(started.map(drop).map_err(Arc::new)));
                let how = if runs {
                    describe(&wait(&held), &log)
                } else {
                    "QEMU was not started".to_owned()
                };
                ended_sender.send_replace(Some(how));
            })
            .map_err(|source| unusable(program, source))?;
        Ok(Self {
            slot,
            started,
            ended,
            program: program.to_owned(),
            record: lease::record_path(runtime),
        })
    }

    /// Waits until it has started.
    pub(super) async fn started(&self) -> Result<(), MachineError> {
        let mut started = self.started.clone();
        let outcome = match started.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            Err(_) => None,
        };
        match outcome {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                Err(MachineError::NoQemu {
                    program: self.program.display().to_string(),
                })
            }
            Some(Err(error)) => Err(unusable(&self.program, io::Error::other(error))),
            None => Err(unusable(
                &self.program,
                io::Error::other("the thread that starts it has died"),
            )),
        }
    }

    /// Waits until it has ended; returns the exit status.
    pub(super) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(how) => how.clone().unwrap_or_default(),
            Err(_) => "QEMU is gone".to_owned(),
        }
    }

    /// Kills it and waits until it is gone.
    pub(super) async fn kill(&self) {
        self.signal();
        self.ended().await;
        let _ = std::fs::remove_file(&self.record);
    }

    fn signal(&self) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *slot {
            Slot::Running(child) => {
                let _ = child.kill();
            }
            // Its thread has not spawned it yet and will see that it must not.
            slot @ Slot::NotYet => *slot = Slot::Gone,
            Slot::Gone => {}
        }
    }
}

impl Drop for QemuProcess {
    fn drop(&mut self) {
        self.signal();
    }
}

/// Starts it unless it was cancelled; returns whether it runs. A kill comes before or after this, never in between.
fn start(
    slot: &Mutex<Slot>,
    command: &mut Command,
    runtime: &Path,
    disk_lock: Option<&DiskLock>,
) -> io::Result<bool> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(*slot, Slot::Gone) {
        return Ok(false);
    }
    let child = command.spawn()?;
    lease::record_process(runtime, child.id());
    if let Some(Err(error)) = disk_lock.map(|lock| lock.write_down(child.id())) {
        tracing::debug!(%error, "who uses the disk cannot be written down");
    }
    *slot = Slot::Running(child);
    Ok(true)
}

fn unusable(program: &Path, source: io::Error) -> MachineError {
    MachineError::QemuUnusable {
        program: program.display().to_string(),
        source,
    }
}

/// Waits without holding the lock, so that it can be killed meanwhile. It is reaped with the lock held, so that a kill
/// can never hit another process that reuses the pid.
#[cfg(unix)]
fn wait(slot: &Mutex<Slot>) -> io::Result<ExitStatus> {
    use rustix::io::Errno;
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let id = match &*slot.lock().unwrap_or_else(PoisonError::into_inner) {
        Slot::Running(child) => Pid::from_raw(child.id().cast_signed()),
        Slot::NotYet | Slot::Gone => None,
    };
    if let Some(pid) = id {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(pid), options).is_err_and(|error| error == Errno::INTR) {}
    }
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    match std::mem::replace(&mut *slot, Slot::Gone) {
        Slot::Running(mut child) => child.wait(),
        Slot::NotYet | Slot::Gone => Err(io::ErrorKind::NotFound.into()),
    }
}

#[cfg(not(unix))]
fn wait(slot: &Mutex<Slot>) -> io::Result<ExitStatus> {
    loop {
        {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let Slot::Running(child) = &mut *slot else {
                return Err(io::ErrorKind::NotFound.into());
            };
            if let Some(status) = child.try_wait()? {
                *slot = Slot::Gone;
                return Ok(status);
            }
        }
        // Windows uses a handle for this, which `Child` does not expose.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The exit status in words, with QEMU's last output.
fn describe(how: &io::Result<ExitStatus>, log: &Path) -> String {
    let how = match how {
        Ok(status) if status.success() => "QEMU ended".to_owned(),
        Ok(status) => format!("QEMU ended ({status})"),
        Err(error) => format!("QEMU is gone ({error})"),
    };
    let words = last_words(log);
    if words.is_empty() {
        how
    } else {
        format!("{how} and said: {words}")
    }
}

/// The end of QEMU's output, on one line.
pub(super) fn last_words(log: &Path) -> String {
    let text = bounded_log::tail(log, MAX_READ).unwrap_or_default();
    end_of(&String::from_utf8_lossy(&text))
}

/// The last few lines of text. The processor's registers, which QEMU prints after some errors, are left out.
fn end_of(text: &str) -> String {
    let mut lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !is_register(line))
        .collect();
    lines.dedup();
    let words = lines[lines.len().saturating_sub(MAX_LINES)..].join("; ");
    words
        .chars()
        .filter(|letter| !letter.is_control())
        .take(MAX_WORDS)
        .collect()
}

/// Whether a line is part of a register dump: `EAX=00000000 EBX=…`, `ES =0000 …`, `Code=…`, `extra data[0]: …`.
fn is_register(line: &str) -> bool {
    if line.starts_with("extra data[") {
        return true;
    }
    line.split_once('=').is_some_and(|(name, _)| {
        let name = name.trim_end();
        (1..=6).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// An installed QEMU that runs.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// Its version, such as `10.0.2`.
    pub(super) version: String,
    /// Whether it supports `-sandbox`. Not every QEMU is built with it.
    pub(super) sandbox: bool,
}

impl Program {
    /// An unknown QEMU, which was not probed.
    pub(super) fn unknown(path: PathBuf) -> Self {
        Self {
            path,
            version: String::new(),
            sandbox: false,
        }
    }

    /// Whether it can carry network frames over a socket: from 7.2 on.
    pub(super) fn has_streams(&self) -> bool {
        self.is_at_least((7, 2))
    }

    /// Whether emulated processors can each have a thread: from 8.1 on.
    ///
    /// Linux changes its own code while it runs, for example when the first container starts. Before 8.1, QEMU could
    /// translate such code while another processor was changing it, and the guest's kernel panicked (QEMU's commit
    /// deba78709ae8, "accel/tcg: Always lock pages before translation").
    pub(super) fn has_safe_threads(&self) -> bool {
        self.is_at_least((8, 1))
    }

    fn is_at_least(&self, version: (u32, u32)) -> bool {
        let mut numbers = self.version.split('.').map_while(|part| part.parse().ok());
        let own = (numbers.next(), numbers.next());
        own >= (Some(version.0), Some(version.1))
    }

    /// Probes its version and abilities.
    pub(super) async fn ask(path: PathBuf) -> Result<Self, MachineError> {
        if cfg!(target_os = "linux")
            && let Ok(version) = version(&path, &command_line::SANDBOX).await
        {
            return Ok(Self {
                path,
                version,
                sandbox: true,
            });
        }
        Ok(Self {
            version: version(&path, &[]).await?,
            ..Self::unknown(path)
        })
    }
}

/// QEMU's version. Fails if it does not accept these arguments or does not run at all.
async fn version(program: &Path, arguments: &[&str]) -> Result<String, MachineError> {
    let mut command = tokio::process::Command::new(program);
    command
        .args(arguments)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = match tokio::time::timeout(VERSION_DEADLINE, command.output()).await {
        Ok(output) => output.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => MachineError::NoQemu {
                program: program.display().to_string(),
            },
            _ => unusable(program, source),
        })?,
        Err(_) => return Err(unusable(program, io::ErrorKind::TimedOut.into())),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text
        .split_once("version ")
        .and_then(|(_, rest)| rest.split_ascii_whitespace().next());
    match version {
        Some(version) if output.status.success() => Ok(version.to_owned()),
        _ => {
            let words = String::from_utf8_lossy(&output.stderr);
            let words: String = words
                .chars()
                .filter(|c| !c.is_control())
                .take(MAX_WORDS)
                .collect();
            Err(unusable(program, io::Error::other(words)))
        }
    }
}

/// Makes the kernel kill the process when ours ends, however that happens.
#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;

    use rustix::process::{Signal, getppid, set_parent_process_death_signal, umask};

    let parent = rustix::process::getpid();
    let prepare = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // Our process may have ended before that was set.
        if getppid() != Some(parent) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // Its sockets are for this user only.
        umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
        // Ctrl-C or the end of a session is meant for us: we stop the guest in order, while QEMU would cut its power.
        block([libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT])
    };
    // SAFETY: between fork and exec only async-signal-safe system calls are made (prctl, getppid, umask, sigprocmask);
    // nothing is allocated and no lock is taken.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(prepare);
    }
}

/// Blocks signals in this thread and in the program it executes.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn block(signals: [libc::c_int; 4]) -> io::Result<()> {
    // SAFETY: the set lives on this stack, is made empty before it is used, and outlives the calls.
    let blocked = unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut())
    };
    if blocked == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// On other systems QEMU may outlive a crash of this process; the next owner of the machine reports it, see
/// [`crate::Lease`].
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, kept: &str) {
        assert_eq!(end_of(output), kept);
    }

    /// QEMU's output where KVM is there and does not run a guest, and where it is missing.
    #[test]
    fn the_registers_are_not_part_of_what_qemu_says() {
        check(
            "KVM internal error. Suberror: 1\n\
             extra data[0]: 0x0000000000000000\n\
             extra data[1]: 0x0000000000000400\n\
             emulation failure\n\
             RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000000\n\
             R8 =0000000000000000 R9 =0000000000000000 R10=0000000000000000 R11=0000000000000000\n\
             RIP=000000000009fc4d RFL=00010246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\n\
             ES =0018 0000000000000000 ffffffff 00c09300 DPL=0 DS   [-WA]\n\
             GDT=     00000000000a0000 0000002f\n\
             CR0=80000011 CR2=0000000000000000 CR3=0000000001c06000 CR4=000000a0\n\
             DR6=00000000ffff0ff0 DR7=0000000000000400\n\
             EFER=0000000000000500\n\
             FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80\n\
             XMM00=0000000000000000 0000000000000000 XMM01=0000000000000000 0000000000000000\n\
             Code=00 00 <ff> 00\n",
            "KVM internal error. Suberror: 1; emulation failure",
        );
        let missing = "Could not access KVM kernel module: Permission denied\n\
                       qemu-system-x86_64: failed to initialize kvm: Permission denied\n";
        check(
            missing,
            "Could not access KVM kernel module: Permission denied; \
             qemu-system-x86_64: failed to initialize kvm: Permission denied",
        );
        check(
            "qemu: -cpu host,x=on: wrong\n",
            "qemu: -cpu host,x=on: wrong",
        );
        check("1\n2\n2\n3\n4\n5\n", "2; 3; 4; 5");
    }
}
