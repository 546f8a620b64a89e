//! The control socket of `slipwayd`: one request a line, answers a line each, both JSON.
//!
//! Only this user can reach it: the directory and the mode of the socket restrict access, and the peer's user id is
//! checked.

use std::sync::Arc;
use std::time::Duration;

use slipway_api::machine::{MachineAnswer, MachineRequest};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::sync::watch;

use crate::local_socket::{LocalListener, SocketPath};
use crate::{MachineError, MachineHandle};

/// The longest line that either side accepts.
pub(crate) const MAX_LINE: u64 = 1 << 20;

/// Timeout for a client's request. A connection without a request would keep `slipwayd` alive.
const REQUEST_DEADLINE: Duration = Duration::from_mins(1);

/// Interval at which a stream without news says [`MachineAnswer::Alive`].
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Silence on a stream after which a client gives up: several heartbeats.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);

/// Limit of concurrent clients.
const MAX_CLIENTS: usize = 256;

/// The control socket.
pub struct ControlSocket {
    clients: watch::Sender<usize>,
    listener: LocalListener,
    path: SocketPath,
}

/// Counts one client for as long as it is held.
struct Client(watch::Sender<usize>);

impl Drop for Client {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl ControlSocket {
    /// Starts listening. The caller must hold the machine's lease.
    pub fn listen(path: &std::path::Path) -> Result<Self, MachineError> {
        Ok(Self {
            clients: watch::Sender::new(0),
            listener: LocalListener::listen(path)?,
            path: SocketPath::new(path),
        })
    }

    /// The number of clients, as it changes.
    pub fn clients(&self) -> watch::Receiver<usize> {
        self.clients.subscribe()
    }

    /// Waits until the socket's path is gone and clients can no longer connect: the runtime directory is removed with
    /// the user's last session, which processes can survive.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        self.path.lost()
    }

    /// Serves clients for as long as it is polled. A request for shutdown notifies `shutdown` and is answered once the
    /// machine has stopped.
    pub async fn serve(self, machine: MachineHandle, shutdown: Arc<tokio::sync::Notify>) {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let room = connections.len() < MAX_CLIENTS;
            tokio::select! {
                accepted = self.listener.accept(), if room => match accepted {
                    Ok((reader, writer)) => {
                        self.clients.send_modify(|count| *count += 1);
                        let client = Client(self.clients.clone());
                        let conversation = Conversation {
                            reader: BufReader::new(reader),
                            writer,
                            machine: machine.clone(),
                            shutdown: shutdown.clone(),
                        };
                        connections.spawn(async move {
                            if let Err(error) = conversation.serve().await {
                                tracing::debug!(%error, "a client is gone");
                            }
                            drop(client);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the control socket does not accept");
                        crate::port_forward::after_accept_error().await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// Serves one client.
struct Conversation<R, W> {
    reader: BufReader<R>,
    writer: W,
    machine: MachineHandle,
    shutdown: Arc<tokio::sync::Notify>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Conversation<R, W> {
    async fn serve(mut self) -> std::io::Result<()> {
        loop {
            let line = tokio::time::timeout(REQUEST_DEADLINE, read_line(&mut self.reader)).await;
            let Ok(Some(line)) = line.unwrap_or(Ok(None)) else {
                return Ok(());
            };
            let request = match serde_json::from_slice(&line) {
                Ok(request) => request,
                Err(error) => {
                    let error = MachineError::Setting {
                        what: format!("slipwayd does not understand the request: {error}"),
                        hint: "Use the `slipway` of the same version".to_owned(),
                    };
                    self.answer(&refused(&error)).await?;
                    continue;
                }
            };
            match request {
                MachineRequest::Watch => return self.watch().await,
                MachineRequest::Log { source, follow } => {
                    match self.machine.log(source, follow).await {
                        Ok(log) => return self.log(log).await,
                        Err(error) => self.answer(&refused(&error)).await?,
                    }
                }
                MachineRequest::Shell {
                    command,
                    columns,
                    rows,
                } => match self.machine.shell(command, columns, rows).await {
                    Ok(shell) => {
                        self.answer(&MachineAnswer::Done).await?;
                        return self.shell(shell).await;
                    }
                    Err(error) => self.answer(&refused(&error)).await?,
                },
                request => {
                    let answer = self.plain(request).await;
                    self.answer(&answer).await?;
                }
            }
        }
    }

    async fn plain(&mut self, request: MachineRequest) -> MachineAnswer {
        let machine = &self.machine;
        let done = match request {
            MachineRequest::Status => {
                return MachineAnswer::Status {
                    machine: Box::new(machine.now()),
                };
            }
            MachineRequest::SettingsGet => {
                return MachineAnswer::Settings {
                    settings: machine.now().settings,
                };
            }
            MachineRequest::Reclaim => {
                return match machine.reclaim().await {
                    Ok(bytes) => MachineAnswer::Reclaimed { bytes },
                    Err(error) => refused(&error),
                };
            }
            MachineRequest::Start => machine.start().await,
            MachineRequest::Stop => machine.stop().await,
            MachineRequest::SwitchOff => machine.switch_off().await,
            MachineRequest::Restart => machine.restart().await,
            MachineRequest::Delete => machine.delete().await,
            MachineRequest::Repair => machine.repair().await,
            MachineRequest::SettingsSet { settings } => machine.set_settings(settings).await,
            MachineRequest::Shutdown => {
                let done = machine.shutdown().await;
                self.shutdown.notify_one();
                done
            }
            // These two take over the connection.
            MachineRequest::Watch | MachineRequest::Log { .. } | MachineRequest::Shell { .. } => {
                Ok(())
            }
        };
        match done {
            Ok(()) => MachineAnswer::Done,
            Err(error) => refused(&error),
        }
    }

    async fn watch(mut self) -> std::io::Result<()> {
        let (mut view, _watching) = self.machine.watch();
        view.mark_changed();
        loop {
            // All arms are cancel safe.
            tokio::select! {
                changed = view.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    view.borrow_and_update();
                    let machine = Box::new(self.machine.now());
                    let answer = MachineAnswer::Status { machine };
                    write_line(&mut self.writer, &answer).await?;
                }
                // Any further input ends the stream.
                _ = self.reader.read_u8() => return Ok(()),
                () = tokio::time::sleep(HEARTBEAT) => self.answer(&MachineAnswer::Alive).await?,
            }
        }
    }

    async fn log(mut self, mut log: crate::MachineLog) -> std::io::Result<()> {
        // A chunk may end in the middle of a character.
        let mut rest = Vec::new();
        loop {
            let next = log.next();
            tokio::pin!(next);
            // The read goes on over heartbeats, so it need not be cancel safe.
            let piece = loop {
                tokio::select! {
                    piece = &mut next => break piece?,
                    _ = self.reader.read_u8() => return Ok(()),
                    () = tokio::time::sleep(HEARTBEAT) => {
                        write_line(&mut self.writer, &MachineAnswer::Alive).await?;
                    }
                }
            };
            let end = piece.is_none();
            rest.extend(piece.unwrap_or_default());
            let cut = if end {
                rest.len()
            } else {
                whole_characters(&rest)
            };
            let text = String::from_utf8_lossy(&rest[..cut]).into_owned();
            rest.drain(..cut);
            if !text.is_empty() {
                self.answer(&MachineAnswer::Log { text }).await?;
            }
            if end {
                return self.answer(&MachineAnswer::Done).await;
            }
        }
    }

    /// Forwards length-prefixed messages in both directions.
    async fn shell(mut self, shell: slipway_link::LinkStream) -> std::io::Result<()> {
        let shell = &shell;
        let (reader, writer) = (&mut self.reader, &mut self.writer);
        let input = async move {
            while let Some(message) = read_message(reader).await? {
                shell.send_bytes(&message).await?;
            }
            shell.finish()
        };
        let output = async move {
            while let Some(message) = shell.receive_bytes().await? {
                write_message(writer, &message).await?;
            }
            std::io::Result::Ok(())
        };
        tokio::pin!(input, output);
        tokio::select! {
            // The client is gone.
            ended = &mut input => ended,
            ended = &mut output => ended,
        }
    }

    async fn answer(&mut self, answer: &MachineAnswer) -> std::io::Result<()> {
        write_line(&mut self.writer, answer).await
    }
}

fn refused(error: &MachineError) -> MachineAnswer {
    MachineAnswer::Refused {
        reason: error.to_api(),
    }
}

/// Length of the prefix that ends on a character boundary; invalid bytes in the middle count as complete.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => {
            // Invalid in the middle: not UTF-8. At the end, it may be an incomplete character.
            let tail = bytes.len().saturating_sub(3);
            (tail..bytes.len())
                .find(|&at| bytes[at] >= 0xC0)
                .filter(|&at| {
                    std::str::from_utf8(&bytes[at..]).is_err_and(|e| e.error_len().is_none())
                })
                .unwrap_or(bytes.len())
        }
    }
}

/// Reads a line of limited length, without its terminator; `None` at the end of the stream.
pub(crate) async fn read_line(
    reader: &mut (impl tokio::io::AsyncBufRead + Unpin),
) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut line).await?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(std::io::ErrorKind::InvalidData.into()),
    }
}

/// Writes a JSON document and a newline.
pub(crate) async fn write_line(
    writer: &mut (impl AsyncWrite + Unpin),
    document: &impl serde::Serialize,
) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(document)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    writer.flush().await
}

/// Reads a length-prefixed message; `None` at the end of the stream.
pub(crate) async fn read_message(
    reader: &mut (impl AsyncRead + Unpin),
) -> std::io::Result<Option<Vec<u8>>> {
    let length = match reader.read_u32_le().await {
        Ok(length) => length as usize,
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > slipway_link::MAX_MESSAGE {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length];
    reader.read_exact(&mut message).await?;
    Ok(Some(message))
}

/// Writes a length-prefixed message.
pub(crate) async fn write_message(
    writer: &mut (impl AsyncWrite + Unpin),
    message: &[u8],
) -> std::io::Result<()> {
    let length = u32::try_from(message.len()).map_err(std::io::Error::other)?;
    writer.write_u32_le(length).await?;
    writer.write_all(message).await?;
    writer.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_cut() {
        let text = "grüße".as_bytes();
        assert_eq!(whole_characters(text), text.len());
        assert_eq!(whole_characters(&text[..3]), 2);
        assert_eq!(whole_characters(b"\xff\xffab\xc3"), 4);
        assert_eq!(whole_characters(b"\xff\xff"), 2);
        assert_eq!(whole_characters(b""), 0);
    }

    /// A machine that does nothing for an hour, as its client sees it.
    #[cfg(unix)]
    #[tokio::test(start_paused = true)]
    async fn streams_without_news_show_that_slipwayd_lives() {
        use slipway_api::machine::MachineLogSource;

        use crate::{Lease, MachineClient, MachinePaths, Supervisor};

        let root = tempfile::tempdir().unwrap();
        let paths = MachinePaths {
            data: root.path().join("data"),
            runtime: root.path().join("run"),
            docker_config: None,
            image: None,
        };
        let lease = Lease::take(&paths).unwrap();
        let (_supervisor, handle) = Supervisor::new(
            lease,
            paths.clone(),
            Box::new(|_| panic!("it is not started")),
        );
        let socket = ControlSocket::listen(&paths.daemon_socket()).unwrap();
        let serving = tokio::spawn(socket.serve(handle, Arc::default()));
        std::fs::write(paths.daemon_log(), "a line\n").unwrap();
        let client = MachineClient::new(paths);
        let mut watch = client.watch().await.unwrap();
        watch.next().await.unwrap();
        let mut log = client.log(MachineLogSource::Host, true).await.unwrap();
        assert_eq!(log.next().await.unwrap().unwrap(), "a line\n");
        let hour = Duration::from_hours(1);
        let (watched, logged) = tokio::join!(
            tokio::time::timeout(hour, watch.next()),
            tokio::time::timeout(hour, log.next()),
        );
        assert!(watched.is_err() && logged.is_err());

        // One that hangs is noticed.
        serving.abort();
        assert!(serving.await.is_err());
        assert!(watch.next().await.is_err());
    }

    #[tokio::test]
    async fn a_line_is_limited() {
        let flood = vec![b'x'; usize::try_from(MAX_LINE).unwrap() + 1];
        assert!(read_line(&mut BufReader::new(&flood[..])).await.is_err());
        let mut lines = BufReader::new(&b"a\n\nb"[..]);
        assert_eq!(read_line(&mut lines).await.unwrap().unwrap(), b"a");
        assert_eq!(read_line(&mut lines).await.unwrap().unwrap(), b"");
        assert!(read_line(&mut lines).await.is_err());
    }
}
