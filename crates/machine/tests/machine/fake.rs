//! A driver whose virtual machine is a task: it speaks the real link protocol, and its engine is a few canned answers
//! of dockerd.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use slipway_api::machine::{Accelerator, AcceleratorView, MachineDriver};
use slipway_link::{
    DiskState, DockerState, GuestEvent, GuestLink, GuestNews, GuestStats, LinkStream, Phase,
    RefusalKind, Reply, Request, Responder, Secret, Wire, pump,
};
use slipway_machine::{
    Capabilities, Driver, DriverState, Drivers, GuestPort, MachineError, VmSpec, VmStream,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

/// The faults to inject, and what the test can observe.
#[derive(Default)]
pub(crate) struct Faults {
    /// How many starts end before the guest says anything.
    pub(crate) dead_starts: AtomicU32,
    /// How many starts hang before the guest says anything, with reports of the guest's kernel on its console.
    pub(crate) stalled_starts: AtomicU32,
    /// The boot hangs before the engine.
    pub(crate) hangs: AtomicBool,
    /// The guest never finishes its shutdown.
    pub(crate) stays: AtomicBool,
    /// The guest no longer reads its link.
    pub(crate) frozen: AtomicBool,
    /// The guest's disk belongs to another program.
    pub(crate) foreign_disk: AtomicBool,
    /// The guest's engine does not start, although its disk is fine.
    pub(crate) failed_boot: AtomicBool,
    /// The guest's disk is damaged, until it is repaired.
    pub(crate) damaged_disk: AtomicBool,
    /// The damage cannot be repaired.
    pub(crate) beyond_repair: AtomicBool,
    /// The networks exist, but nothing answers on them.
    pub(crate) networks: AtomicBool,
    /// How often a virtual machine was started.
    pub(crate) starts: AtomicU32,
    /// How often a guest was asked to power itself off.
    pub(crate) power_offs: AtomicU32,
}

/// The driver.
pub(crate) struct Fake {
    pub(crate) faults: Arc<Faults>,
    state: watch::Sender<DriverState>,
    machine: Mutex<Option<Machine>>,
    /// The guest's ends of the networks that were joined.
    pub(crate) networks: Mutex<Vec<DuplexStream>>,
    news: broadcast::Sender<GuestEvent>,
    /// What `GET /containers/<id>/json` answers.
    pub(crate) containers: Arc<Mutex<BTreeMap<String, Value>>>,
    events: broadcast::Sender<Value>,
}

struct Machine {
    /// Its guest never says anything.
    stalls: bool,
    secret: Arc<tokio::sync::Mutex<Option<Secret>>>,
    links: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            faults: Arc::default(),
            state: watch::Sender::new(DriverState::Off),
            machine: Mutex::new(None),
            networks: Mutex::default(),
            news: broadcast::Sender::new(64),
            containers: Arc::default(),
            events: broadcast::Sender::new(64),
        })
    }

    /// The driver for the supervisor.
    pub(crate) fn drivers(self: &Arc<Self>) -> Drivers {
        let fake = self.clone();
        Box::new(move |_| Ok(fake.clone()))
    }

    /// Ends the virtual machine.
    pub(crate) fn die(&self) {
        self.end();
        self.state.send_replace(DriverState::Ended {
            reason: "it was killed".to_owned(),
            by_guest: false,
        });
    }

    /// Sends an event of the guest.
    pub(crate) fn say(&self, event: GuestEvent) {
        let _ = self.news.send(event);
    }

    /// Sends an event of the engine about a container.
    pub(crate) fn container_event(&self, action: &str, id: &str) {
        let _ = self.events.send(
            json!({"Type": "container", "Action": action, "Actor": {"ID": id, "Attributes": {}}}),
        );
    }

    /// Makes its disk unwritable.
    pub(crate) fn pause(&self) {
        self.state.send_replace(DriverState::Paused {
            reason: "this computer's disk is full".to_owned(),
        });
    }

    /// Cuts every link, as a restart of the agent would.
    pub(crate) fn cut_links(&self) {
        if let Some(machine) = self.machine.lock().expect("no panic").as_ref() {
            for link in machine.links.lock().expect("no panic").drain(..) {
                link.abort();
            }
        }
    }

    fn end(&self) {
        self.cut_links();
        self.machine.lock().expect("no panic").take();
    }
}

/// Whether a fault that happens a number of times happens now.
fn one_less(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}

impl Driver for Fake {
    fn kind(&self) -> MachineDriver {
        MachineDriver::Qemu
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn prepare<'a>(
        &'a self,
        _spec: &'a VmSpec,
        tell: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<AcceleratorView, MachineError>> {
        tell("Looking around");
        Box::pin(async {
            Ok(AcceleratorView {
                name: Accelerator::Kvm,
                reason: None,
                hint: None,
                detail: None,
            })
        })
    }

    fn start<'a>(&'a self, spec: &'a VmSpec) -> BoxFuture<'a, Result<(), MachineError>> {
        Box::pin(async {
            self.end();
            self.faults.starts.fetch_add(1, Ordering::SeqCst);
            if one_less(&self.faults.dead_starts) {
                self.die();
                return Ok(());
            }
            let stalls = one_less(&self.faults.stalled_starts);
            let report = "[   21.3] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n";
            let console = if stalls {
                report.repeat(2)
            } else {
                String::new()
            };
            std::fs::write(&spec.console_log, console).expect("a console");
            *self.machine.lock().expect("no panic") = Some(Machine {
                stalls,
                secret: Arc::default(),
                links: Arc::default(),
            });
            self.state.send_replace(DriverState::Running);
            Ok(())
        })
    }

    fn connect(&self, port: GuestPort) -> BoxFuture<'static, io::Result<Box<dyn VmStream>>> {
        if port != GuestPort::Link && !self.faults.networks.load(Ordering::SeqCst) {
            return Box::pin(async { Err(io::ErrorKind::Unsupported.into()) });
        }
        let machine = self.machine.lock().expect("no panic");
        let Some(machine) = machine.as_ref() else {
            return Box::pin(async { Err(io::ErrorKind::NotConnected.into()) });
        };
        let (host, guest) = tokio::io::duplex(64 * 1024);
        if port != GuestPort::Link {
            self.networks.lock().expect("no panic").push(guest);
            return Box::pin(async move { Ok(Box::new(host) as Box<dyn VmStream>) });
        }
        let stalls = machine.stalls;
        let agent = Agent {
            faults: self.faults.clone(),
            secret: machine.secret.clone(),
            state: self.state.clone(),
            news: self.news.clone(),
            containers: self.containers.clone(),
            events: self.events.clone(),
        };
        let link = tokio::spawn(async move {
            if stalls {
                std::future::pending::<()>().await;
            }
            agent.serve(guest).await;
        });
        machine.links.lock().expect("no panic").push(link);
        Box::pin(async move { Ok(Box::new(host) as Box<dyn VmStream>) })
    }

    fn request_stop(&self) -> BoxFuture<'_, Result<(), MachineError>> {
        let deaf = [&self.faults.stays, &self.faults.frozen];
        let deaf = deaf.iter().any(|fault| fault.load(Ordering::SeqCst));
        if self.state.borrow().is_up() && !deaf {
            self.state.send_replace(DriverState::Ended {
                reason: "it was powered off".to_owned(),
                by_guest: true,
            });
        }
        Box::pin(async { Ok(()) })
    }

    fn resume(&self) -> BoxFuture<'_, Result<(), MachineError>> {
        self.state.send_replace(DriverState::Running);
        Box::pin(async { Ok(()) })
    }

    fn kill(&self) -> BoxFuture<'_, ()> {
        self.end();
        self.state.send_replace(DriverState::Off);
        Box::pin(async {})
    }

    fn events(&self) -> watch::Receiver<DriverState> {
        self.state.subscribe()
    }

    fn boot_failed(&self, _spec: &VmSpec, _reason: &str) -> bool {
        false
    }
}

/// The guest's end.
#[derive(Clone)]
struct Agent {
    faults: Arc<Faults>,
    secret: Arc<tokio::sync::Mutex<Option<Secret>>>,
    state: watch::Sender<DriverState>,
    news: broadcast::Sender<GuestEvent>,
    containers: Arc<Mutex<BTreeMap<String, Value>>>,
    events: broadcast::Sender<Value>,
}

impl Agent {
    async fn serve(self, stream: DuplexStream) {
        while self.faults.frozen.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut secret = self.secret.lock().await;
        let accepted = GuestLink::accept(Wire::new(stream), &mut secret).await;
        drop(secret);
        let Ok(link) = accepted else { return };
        let mut tasks = tokio::task::JoinSet::new();
        while let Some((request, responder)) = link.next().await {
            while self.faults.frozen.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tasks.spawn(self.clone().answer(request, responder));
        }
    }

    async fn answer(self, request: Request, responder: Responder) {
        match request {
            Request::Ping => responder.reply(Reply::Pong { uptime_ms: 1 }),
            Request::Clock { .. } => responder.reply(Reply::Clock {
                offset_ns: 0,
                stepped: false,
            }),
            Request::Stats => responder.reply(Reply::Stats(GuestStats {
                memory_total: 2000,
                memory_available: 500,
                ..GuestStats::default()
            })),
            Request::Trim => responder.reply(Reply::Trimmed { bytes: 0 }),
            Request::Events => {
                let news = self.news.subscribe();
                let stream = responder.accept(Reply::Connected);
                self.tell(&stream, news).await;
            }
            Request::Docker => engine(responder.accept(Reply::Connected), self).await,
            Request::DialTcp { address } => match tokio::net::TcpStream::connect(really(address))
                .await
            {
                Ok(socket) => {
                    let (reader, writer) = socket.into_split();
                    let _ = pump(responder.accept(Reply::Connected), reader, writer).await;
                }
                Err(error) => responder.refuse(RefusalKind::ConnectionRefused, error.to_string()),
            },
            Request::DialUdp { address } => {
                let socket = tokio::net::UdpSocket::bind(if address.is_ipv4() {
                    "0.0.0.0:0"
                } else {
                    "[::]:0"
                })
                .await
                .expect("a free port");
                socket.connect(really(address)).await.expect("an address");
                let stream = responder.accept(Reply::Connected);
                let mut buffer = vec![0; 65_536];
                loop {
                    tokio::select! {
                        sent = stream.receive_bytes() => match sent {
                            Ok(Some(datagram)) => { let _ = socket.send(&datagram).await; }
                            _ => return,
                        },
                        Ok(size) = socket.recv(&mut buffer) => {
                            let _ = stream.send_bytes(&buffer[..size]).await;
                        }
                    }
                }
            }
            Request::RepairDisk if self.faults.beyond_repair.load(Ordering::SeqCst) => {
                responder.refuse(RefusalKind::Failed, "e2fsck gave up");
            }
            Request::RepairDisk => {
                self.faults.damaged_disk.store(false, Ordering::SeqCst);
                responder.reply(Reply::Repaired {
                    report: "Pass 1\nPass 2".to_owned(),
                });
                for event in mounted() {
                    let _ = self.news.send(event);
                }
            }
            Request::RestartDocker => {
                responder.reply(Reply::Done);
            }
            Request::PowerOff => {
                self.faults.power_offs.fetch_add(1, Ordering::SeqCst);
                responder.reply(Reply::Done);
                let _ = self.news.send(GuestEvent::PoweringOff);
                if self.faults.stays.load(Ordering::SeqCst) {
                    return;
                }
                self.state.send_replace(DriverState::Ended {
                    reason: "it was powered off".to_owned(),
                    by_guest: true,
                });
            }
            Request::Log { .. } => {
                let mut stream = responder.accept(Reply::Connected);
                let _ = stream.write_all("größe\n".as_bytes()).await;
                let _ = stream.shutdown().await;
            }
            Request::Shell { .. } => responder.refuse(RefusalKind::Unknown, "not here"),
        }
    }

    async fn tell(&self, stream: &LinkStream, mut news: broadcast::Receiver<GuestEvent>) {
        let mut boot = vec![GuestEvent::Phase { phase: Phase::Link }];
        if self.faults.failed_boot.load(Ordering::SeqCst) {
            boot.push(GuestEvent::Failed {
                reason: "/tmp could not be mounted".to_owned(),
            });
        } else if self.faults.foreign_disk.load(Ordering::SeqCst) {
            boot.push(GuestEvent::Disk {
                state: DiskState::Broken {
                    reason: "it holds a file system of another program".to_owned(),
                    repairable: false,
                },
            });
        } else if self.faults.damaged_disk.load(Ordering::SeqCst) {
            boot.push(GuestEvent::Disk {
                state: DiskState::Broken {
                    reason: "its file system is damaged".to_owned(),
                    repairable: true,
                },
            });
        } else if !self.faults.hangs.load(Ordering::SeqCst) {
            boot.extend(mounted());
        }
        for event in boot {
            let _ = stream.send(&GuestNews { at_ms: 1, event }).await;
        }
        while let Ok(event) = news.recv().await {
            let _ = stream.send(&GuestNews { at_ms: 2, event }).await;
        }
    }
}

/// The events of a guest whose disk can be used.
fn mounted() -> [GuestEvent; 2] {
    [
        GuestEvent::Disk {
            state: DiskState::Mounted,
        },
        GuestEvent::Docker {
            state: DockerState::Running,
        },
    ]
}

/// The addresses of the fake's containers.
pub(crate) const WITHIN: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

/// The fake's containers listen at another address of this computer.
pub(crate) const REALLY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77));

fn really(address: SocketAddr) -> SocketAddr {
    assert_eq!(address.ip(), WITHIN);
    SocketAddr::new(REALLY, address.port())
}

/// A container that publishes `ports`, as `(port within, "tcp" or "udp", asked address, port of the host)`.
pub(crate) fn container(id: &str, ports: &[(u16, &str, &str, u16)]) -> Value {
    let mut asked = serde_json::Map::new();
    let mut held = serde_json::Map::new();
    for (within, protocol, ip, port) in ports {
        let key = format!("{within}/{protocol}");
        let held_ip = if ip.is_empty() { "0.0.0.0" } else { ip };
        asked.insert(
            key.clone(),
            json!([{"HostIp": ip, "HostPort": port.to_string()}]),
        );
        held.insert(
            key,
            json!([{"HostIp": held_ip, "HostPort": port.to_string()}]),
        );
    }
    json!({
        "Id": id, "Name": format!("/{id}"), "State": {"Status": "running", "Running": true},
        "Config": {"Image": "i"}, "HostConfig": {"PortBindings": asked},
        "NetworkSettings": {"Ports": held, "Networks": {"bridge": {"IPAddress": WITHIN.to_string(), "Gateway": "192.0.2.1"}}},
    })
}

/// A container with this in its answer cannot be inspected.
pub(crate) const INSPECT_FAILS: &str = "a fault of the engine";
/// The inspect of a container that is this never ends.
pub(crate) const INSPECT_HANGS: &str = "hangs";

/// Answers as dockerd does, one request after another.
async fn engine(mut stream: LinkStream, agent: Agent) {
    let mut head = Vec::new();
    loop {
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        head.clear();
        let path = text.split(' ').nth(1).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let path = path
            .strip_prefix("/v")
            .and_then(|rest| rest.find('/').map(|at| &rest[at..]))
            .filter(|_| !path.starts_with("/version"))
            .unwrap_or(path);
        let body = match path {
            "/version" => {
                json!({"Version": "26.1.5", "ApiVersion": "1.45", "MinAPIVersion": "1.24"})
            }
            "/info" => json!({"NCPU": 2}),
            "/_ping" => json!("OK"),
            "/events" => {
                let mut events = agent.events.subscribe();
                let begun = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
                if stream.write_all(begun.as_bytes()).await.is_err() {
                    return;
                }
                while let Ok(event) = events.recv().await {
                    let line = format!("{event}\n");
                    let chunk = format!("{:x}\r\n{line}\r\n", line.len());
                    if stream.write_all(chunk.as_bytes()).await.is_err() {
                        return;
                    }
                }
                return;
            }
            "/containers/json" => {
                let containers = agent.containers.lock().expect("no panic");
                let list = containers
                    .keys()
                    .map(|id| json!({"Id": id, "Names": [format!("/{id}")], "State": "running"}));
                Value::Array(list.collect())
            }
            other => {
                let id = other.split('/').nth(2).unwrap_or_default();
                let found = agent.containers.lock().expect("no panic").get(id).cloned();
                if found == Some(json!(INSPECT_HANGS)) {
                    return std::future::pending().await;
                }
                found.unwrap_or_else(|| json!({"message": "no such container"}))
            }
        }
        .to_string();
        let status = if body.contains("no such container") {
            "404 Not Found"
        } else if body.contains(INSPECT_FAILS) {
            "500 Internal Server Error"
        } else {
            "200 OK"
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// An address of this computer that nothing listens at.
pub(crate) fn free_address(ip: &str) -> SocketAddr {
    std::net::TcpListener::bind((ip.parse::<IpAddr>().expect("an address"), 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
}
