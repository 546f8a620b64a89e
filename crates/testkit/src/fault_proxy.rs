//! A proxy in front of an engine or a registry that misbehaves on request.

use std::{
    fs,
    net::{SocketAddr, TcpListener as StdTcpListener},
    os::unix::net::UnixListener as StdUnixListener,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixListener, UnixStream, tcp, unix},
    sync::{Mutex as AsyncMutex, oneshot, watch},
};

use crate::{
    Engine, Error, Result,
    error::At,
    registry::free_address,
    request_log::{Request, RequestReader},
    run_dir::RunDir,
};

/// What the proxy does to the bytes that pass it. Bytes are counted per connection in the direction of the client,
/// from the moment when the fault is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// Holds each chunk of an answer back for that long.
    Delay(Duration),
    /// Lets that many bytes of answers through, then nothing in either direction. Connections stay open, new ones are
    /// accepted, and what was held back flows on when the fault is lifted.
    StallAfter(u64),
    /// Lets that many bytes of answers through, then cuts the connection: with a RST on TCP. 0 cuts at once.
    ResetAfter(u64),
    /// Writes answers in pieces of that many bytes, with a pause between them so that they arrive as such.
    Split(usize),
    /// Holds answers to that many bytes per second on each connection.
    Throttle(u64),
    /// Answers the next bytes of the client with bytes that are no HTTP, and closes.
    Garbage,
    /// Answers each request with 200 and a JSON document that is cut off.
    HttpGarbage,
    /// Answers each request with 200 and a JSON text that never ends.
    Endless,
    /// Never answers a request with this in its `METHOD /path?query`, and passes all others.
    Unanswered(&'static str),
    /// Refuses new connections and cuts those that are open, as if the engine had died.
    Refuse,
}

const GARBAGE: &[u8] =
    b"\x16\x03\x01\x02\x00\xff\xfe\x00garbage\x00\x80\x81not http at all\r\n\r\n\x1b[2J";
const BROKEN_JSON: &str = r#"{"Id":"4f66ad9c","Names":["/web"],"State":"runn"#;
/// The length is not announced: the answer is over when the connection is.
const ENDLESS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[\"";

/// A proxy on a Unix socket or a loopback port. It runs on a thread of its own, so synchronous and asynchronous tests
/// can use it. Dropping it cuts all connections.
#[derive(Debug)]
pub struct FaultProxy {
    listen: Listen,
    shared: Arc<Shared>,
    fault: watch::Sender<(u64, Fault)>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _run: Option<RunDir>,
}

#[derive(Debug, Clone)]
enum Listen {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

#[derive(Debug, Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    open: AtomicUsize,
    /// The last fault that the listener has acted on.
    applied: Mutex<u64>,
    applied_changed: Condvar,
}

impl FaultProxy {
    /// A proxy on a Unix socket in front of an engine.
    pub fn in_front_of(engine: &Engine) -> Result<Self> {
        Self::unix(&engine.host())
    }

    /// A proxy on a fresh Unix socket in front of `unix://path` or `tcp://host:port`.
    pub fn unix(upstream: &str) -> Result<Self> {
        let run = RunDir::create()?;
        let path = run.join("proxy.sock");
        Self::start(Listen::Unix(path), upstream, Some(run))
    }

    /// A proxy on a free loopback port in front of `unix://path` or `tcp://host:port`.
    pub fn tcp(upstream: &str) -> Result<Self> {
        let address = free_address().at("find a port for", Path::new("127.0.0.1"))?;
        Self::start(Listen::Tcp(address), upstream, None)
    }

    fn start(listen: Listen, upstream: &str, run: Option<RunDir>) -> Result<Self> {
        let upstream = match (
            upstream.strip_prefix("unix://"),
            upstream.strip_prefix("tcp://"),
        ) {
            (Some(path), _) => Listen::Unix(path.into()),
            (_, Some(address)) => Listen::Tcp(address.parse().map_err(|_| Error::Address {
                host: upstream.to_owned(),
            })?),
            _ => {
                return Err(Error::Address {
                    host: upstream.to_owned(),
                });
            }
        };
        // Bound here, so that clients can connect, and errors be returned, before the thread runs.
        let first = match &listen {
            Listen::Unix(path) => Bound::Unix(StdUnixListener::bind(path).at("listen on", path)?),
            Listen::Tcp(address) => Bound::Tcp(
                StdTcpListener::bind(address).at("listen on", Path::new(&address.to_string()))?,
            ),
        };
        let (fault, seen) = watch::channel((0, Fault::Pass));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::new(Shared::default());
        let acceptor = Acceptor {
            listen: listen.clone(),
            upstream: Arc::new(upstream),
            fault: seen,
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::Builder::new()
            .name("fault-proxy".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.expect("a tokio runtime can be built");
                runtime.block_on(async {
                    tokio::select! {
                        outcome = acceptor.run(first) => eprintln!("testkit: the fault proxy ended: {outcome:?}"),
                        _ = stopped => {}
                    }
                });
            })
            .at("start a thread for", Path::new("fault-proxy"))?;
        Ok(Self {
            listen,
            shared,
            fault,
            stop: Some(stop),
            thread: Some(thread),
            _run: run,
        })
    }

    /// Switches to another fault. When this returns, the proxy accepts or refuses connections accordingly.
    ///
    /// # Panics
    /// If the proxy's thread is gone.
    pub fn set(&self, fault: Fault) {
        let epoch = {
            let mut epoch = 0;
            self.fault.send_modify(|current| {
                epoch = current.0 + 1;
                *current = (epoch, fault);
            });
            epoch
        };
        let applied = lock(&self.shared.applied);
        let wait = self.shared.applied_changed.wait_timeout_while(
            applied,
            Duration::from_secs(10),
            |it| *it < epoch,
        );
        let (applied, _) = wait.unwrap_or_else(PoisonError::into_inner);
        assert!(*applied >= epoch, "the fault proxy does not react");
    }

    /// `unix:///path` or `tcp://127.0.0.1:port`, as `DOCKER_HOST` wants it.
    pub fn host(&self) -> String {
        match &self.listen {
            Listen::Unix(path) => format!("unix://{}", path.display()),
            Listen::Tcp(address) => format!("tcp://{address}"),
        }
    }

    /// The socket's path, or `127.0.0.1:port`.
    pub fn address(&self) -> String {
        match &self.listen {
            Listen::Unix(path) => path.display().to_string(),
            Listen::Tcp(address) => address.to_string(),
        }
    }

    /// Every request since the start or the last [`clear`](Self::clear), in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// How many of these requests have `part` in `METHOD /path?query`.
    pub fn count(&self, part: &str) -> usize {
        lock(&self.shared.requests)
            .iter()
            .filter(|request| request.to_string().contains(part))
            .count()
    }

    /// Forgets the requests seen so far.
    pub fn clear(&self) {
        lock(&self.shared.requests).clear();
    }

    /// How many client connections are open now.
    pub fn connections(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Bound {
    Unix(StdUnixListener),
    Tcp(StdTcpListener),
}

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    fn take_over(bound: Bound) -> std::io::Result<Self> {
        Ok(match bound {
            Bound::Unix(listener) => {
                listener.set_nonblocking(true)?;
                Self::Unix(UnixListener::from_std(listener)?)
            }
            Bound::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Self::Tcp(TcpListener::from_std(listener)?)
            }
        })
    }

    async fn bind(listen: &Listen) -> std::io::Result<Self> {
        Ok(match listen {
            Listen::Unix(path) => {
                let _ = fs::remove_file(path);
                Self::Unix(UnixListener::bind(path)?)
            }
            Listen::Tcp(address) => Self::Tcp(TcpListener::bind(address).await?),
        })
    }

    async fn accept(&self) -> std::io::Result<(Reader, Writer)> {
        Ok(match self {
            Self::Unix(listener) => split_unix(listener.accept().await?.0),
            Self::Tcp(listener) => split_tcp(listener.accept().await?.0),
        })
    }
}

type Reader = Box<dyn AsyncRead + Send + Unpin>;

enum Writer {
    Unix(unix::OwnedWriteHalf),
    Tcp(tcp::OwnedWriteHalf),
}

impl Writer {
    fn stream(&mut self) -> &mut (dyn AsyncWrite + Send + Unpin) {
        match self {
            Self::Unix(stream) => stream,
            Self::Tcp(stream) => stream,
        }
    }

    /// Closes with a RST instead of a FIN once the other half is gone. Unix sockets know no such thing.
    fn reset(self) {
        if let Self::Tcp(stream) = self {
            let _ = stream.as_ref().set_zero_linger();
            // A drop would send a FIN first.
            stream.forget();
        }
    }
}

fn split_unix(stream: UnixStream) -> (Reader, Writer) {
    let (reader, writer) = stream.into_split();
    (Box::new(reader), Writer::Unix(writer))
}

fn split_tcp(stream: TcpStream) -> (Reader, Writer) {
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    (Box::new(reader), Writer::Tcp(writer))
}

/// Owns the listening socket: there while connections are accepted, closed while they are refused.
struct Acceptor {
    listen: Listen,
    upstream: Arc<Listen>,
    fault: watch::Receiver<(u64, Fault)>,
    shared: Arc<Shared>,
}

impl Acceptor {
    async fn run(mut self, first: Bound) -> std::io::Result<()> {
        let mut listener = Some(Listener::take_over(first)?);
        loop {
            let (epoch, fault) = *self.fault.borrow_and_update();
            if fault == Fault::Refuse {
                listener = None;
            } else if listener.is_none() {
                listener = Some(Listener::bind(&self.listen).await?);
            }
            *lock(&self.shared.applied) = epoch;
            self.shared.applied_changed.notify_all();
            let Some(listener) = &listener else {
                if self.fault.changed().await.is_err() {
                    return Ok(());
                }
                continue;
            };
            tokio::select! {
                changed = self.fault.changed() => if changed.is_err() {
                    return Ok(());
                },
                accepted = listener.accept() => if let Ok((reader, writer)) = accepted {
                    let upstream = Arc::clone(&self.upstream);
                    let open = Open::count(&self.shared);
                    let fault = self.fault.clone();
                    tokio::spawn(async move {
                        if let Ok(engine) = connect(&upstream).await {
                            Connection::run((reader, writer), engine, fault, &open.0).await;
                        }
                    });
                },
            }
        }
    }
}

async fn connect(upstream: &Listen) -> std::io::Result<(Reader, Writer)> {
    Ok(match upstream {
        Listen::Unix(path) => split_unix(UnixStream::connect(path).await?),
        Listen::Tcp(address) => split_tcp(TcpStream::connect(address).await?),
    })
}

struct Open(Arc<Shared>);

impl Open {
    fn count(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// State shared by the two directions of a connection.
struct Connection<'a> {
    /// Answers of the engine and injected garbage both go here.
    client: AsyncMutex<Writer>,
    requests: Mutex<RequestReader>,
    sent: Mutex<Sent>,
    /// It ends with a RST.
    reset: AtomicBool,
    shared: &'a Shared,
}

/// Bytes sent to the client since the fault with that number was set.
#[derive(Default)]
struct Sent {
    epoch: u64,
    bytes: u64,
}

/// The connection is over: nothing of it is forwarded any more.
struct Cut;

impl Connection<'_> {
    async fn run(
        client: (Reader, Writer),
        engine: (Reader, Writer),
        fault: watch::Receiver<(u64, Fault)>,
        shared: &Shared,
    ) {
        let connection = Connection {
            client: AsyncMutex::new(client.1),
            requests: Mutex::default(),
            sent: Mutex::default(),
            reset: AtomicBool::new(false),
            shared,
        };
        tokio::select! {
            () = connection.requests_up(client.0, engine.1, fault.clone()) => {}
            () = connection.answers_down(engine.0, fault) => {}
        }
        if connection.reset.into_inner() {
            connection.client.into_inner().reset();
        }
    }

    async fn requests_up(
        &self,
        mut client: Reader,
        mut engine: Writer,
        mut fault: watch::Receiver<(u64, Fault)>,
    ) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let Ok(count) = client.read(&mut buffer).await else {
                return;
            };
            if count == 0 {
                // The client may close its half and go on reading, as `docker attach` does.
                let _ = engine.stream().shutdown().await;
                return std::future::pending().await;
            }
            let requests = lock(&self.requests).read(&buffer[..count]);
            let heads = requests.len();
            let asks_for = |part| requests.iter().any(|it| it.to_string().contains(part));
            let is_unanswered =
                matches!(fault.borrow().1, Fault::Unanswered(part) if asks_for(part));
            lock(&self.shared.requests).extend(requests);
            if is_unanswered {
                return std::future::pending().await;
            }
            if self.is_stalled(&fault) {
                while self.is_stalled(&fault) {
                    if fault.changed().await.is_err() {
                        return;
                    }
                }
            }
            let current = fault.borrow_and_update().1;
            match current {
                Fault::Refuse => return,
                Fault::Garbage => {
                    let _ = self.client.lock().await.stream().write_all(GARBAGE).await;
                    return;
                }
                Fault::HttpGarbage => {
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BROKEN_JSON}",
                        BROKEN_JSON.len()
                    );
                    if self
                        .client
                        .lock()
                        .await
                        .stream()
                        .write_all(answer.repeat(heads).as_bytes())
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
                Fault::Endless => {
                    let piece = vec![b'x'; 64 * 1024];
                    let mut client = self.client.lock().await;
                    let mut next = ENDLESS.as_bytes();
                    while client.stream().write_all(next).await.is_ok() {
                        next = &piece;
                    }
                    return;
                }
                _ => {
                    if engine.stream().write_all(&buffer[..count]).await.is_err() {
                        // The engine may have answered before it closed: let the other direction deliver that.
                        return std::future::pending().await;
                    }
                }
            }
        }
    }

    async fn answers_down(&self, mut engine: Reader, mut fault: watch::Receiver<(u64, Fault)>) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            tokio::select! {
                // A fault that cuts does so on idle connections too.
                biased;
                changed = fault.changed() => if changed.is_err() || self.cuts_at_once(&fault) {
                    return;
                },
                read = engine.read(&mut buffer) => {
                    let Ok(count) = read else { return };
                    if count == 0 {
                        return;
                    }
                    lock(&self.requests).response(&buffer[..count]);
                    // A receiver of its own, so that a change which `send` sees is seen here as well.
                    if self.send(&buffer[..count], fault.clone()).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Writes an answer's bytes in the manner of the current fault, which may change on the way.
    async fn send(
        &self,
        mut rest: &[u8],
        mut fault: watch::Receiver<(u64, Fault)>,
    ) -> Result<(), Cut> {
        while !rest.is_empty() {
            let (epoch, current) = *fault.borrow_and_update();
            let sent = self.sent_since(epoch);
            let left =
                |limit: u64| usize::try_from(limit.saturating_sub(sent)).unwrap_or(usize::MAX);
            let (piece, pause) = match current {
                Fault::Unanswered(_) | Fault::Pass | Fault::HttpGarbage | Fault::Endless => {
                    (rest.len(), None)
                }
                Fault::Delay(delay) => {
                    if let Ok(changed) = tokio::time::timeout(delay, fault.changed()).await {
                        changed.map_err(|_| Cut)?;
                        continue;
                    }
                    (rest.len(), None)
                }
                Fault::StallAfter(limit) | Fault::ResetAfter(limit) => (left(limit), None),
                Fault::Split(size) => (size.max(1), None),
                Fault::Throttle(rate) => {
                    let rate = rate.max(1);
                    let piece = usize::try_from(rate / 50)
                        .unwrap_or(usize::MAX)
                        .clamp(1, rest.len());
                    let nanoseconds = piece as u64 * 1_000_000_000 / rate;
                    (piece, Some(Duration::from_nanos(nanoseconds)))
                }
                Fault::Garbage => {
                    let _ = self.client.lock().await.stream().write_all(GARBAGE).await;
                    return Err(Cut);
                }
                Fault::Refuse => return Err(Cut),
            };
            let piece = piece.min(rest.len());
            if piece == 0 {
                if matches!(current, Fault::ResetAfter(_)) {
                    self.reset.store(true, Ordering::SeqCst);
                    return Err(Cut);
                }
                fault.changed().await.map_err(|_| Cut)?;
                continue;
            }
            let (now, later) = rest.split_at(piece);
            rest = later;
            self.client
                .lock()
                .await
                .stream()
                .write_all(now)
                .await
                .map_err(|_| Cut)?;
            lock(&self.sent).bytes += piece as u64;
            if matches!(current, Fault::Split(_)) {
                // Shorter than tokio's timer can do; this thread has nothing else to do that matters.
                std::thread::sleep(Duration::from_micros(20));
                tokio::task::yield_now().await;
            }
            if let Some(pause) = pause {
                let _ = tokio::time::timeout(pause, fault.changed()).await;
            }
        }
        Ok(())
    }

    fn cuts_at_once(&self, fault: &watch::Receiver<(u64, Fault)>) -> bool {
        let current = fault.borrow().1;
        let reset = current == Fault::ResetAfter(0);
        self.reset.fetch_or(reset, Ordering::SeqCst);
        reset || current == Fault::Refuse
    }

    fn is_stalled(&self, fault: &watch::Receiver<(u64, Fault)>) -> bool {
        let (epoch, current) = *fault.borrow();
        matches!(current, Fault::StallAfter(limit) if self.sent_since(epoch) >= limit)
    }

    fn sent_since(&self, epoch: u64) -> u64 {
        let mut sent = lock(&self.sent);
        if sent.epoch != epoch {
            *sent = Sent { epoch, bytes: 0 };
        }
        sent.bytes
    }
}
