//! Access to the guest agent that stays valid while links are lost and made again.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use slipway_link::guest_network::ENGINE;
use slipway_link::{GuestStats, HostLink, LinkStream, RefusalKind, Reply, Request, Secret};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::guest_network::{self, GuestNetwork};
use crate::{Driver, GuestPort, MachineError};

/// How long a stream may wait for a link that is being re-established.
const LINK_PATIENCE: Duration = Duration::from_secs(10);

/// The guest as seen by those who open streams to it. Clones share the state.
#[derive(Clone)]
pub(crate) struct Guest {
    link: watch::Sender<Option<Arc<HostLink>>>,
    /// Whether dockerd answers.
    docker: watch::Sender<bool>,
    networks: Arc<Mutex<Networks>>,
}

/// The direct networks into the guest, if the driver has them.
#[derive(Default)]
struct Networks {
    ports: Option<GuestNetwork>,
    engine: Option<GuestNetwork>,
    /// The guest has confirmed that dockerd is the one listening on the engine's network.
    engine_is_there: bool,
}

/// A connection to dockerd.
pub(crate) enum DockerStream {
    Network(guest_network::Connection),
    Link(LinkStream),
}

impl DockerStream {
    /// Copies bytes in both directions until both have ended.
    pub(crate) async fn carry(
        self,
        reader: impl AsyncRead + Unpin,
        writer: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        match self {
            Self::Network(connection) => connection.carry(reader, writer).await,
            Self::Link(link) => slipway_link::pump(link, reader, writer).await.map(drop),
        }
    }
}

impl Guest {
    /// No guest yet.
    pub(crate) fn new() -> Self {
        Self {
            link: watch::Sender::new(None),
            docker: watch::Sender::new(false),
            networks: Arc::default(),
        }
    }

    /// A guest at the other end of `link`.
    #[cfg(test)]
    pub(crate) fn of(link: HostLink) -> Self {
        let guest = Self::new();
        guest.link.send_replace(Some(Arc::new(link)));
        guest
    }

    /// Makes a link and publishes it.
    pub(crate) async fn connect(
        &self,
        driver: &dyn Driver,
        secret: &Secret,
        within: Duration,
    ) -> Result<Arc<HostLink>, MachineError> {
        let stream = driver
            .connect(GuestPort::Link)
            .await
            .map_err(MachineError::link)?;
        let link = HostLink::connect_within(stream, secret, within)
            .await
            .map_err(MachineError::link)?;
        let link = Arc::new(link);
        self.join_networks(driver).await;
        self.link.send_replace(Some(link.clone()));
        Ok(link)
    }

    /// Joins the networks that are not joined yet. One that has ended and cannot be joined again stays marked as ended.
    async fn join_networks(&self, driver: &dyn Driver) {
        let missing = |network: Option<GuestNetwork>| network.is_none_or(|it| it.is_over());
        if missing(self.port_network())
            && let Some(network) = join(driver, GuestPort::PortNetwork).await
        {
            self.networks().ports = Some(network);
        }
        if missing(self.engine_network())
            && let Some(network) = join(driver, GuestPort::EngineNetwork).await
        {
            self.networks().engine = Some(network);
        }
    }

    /// Rejoins networks that have ended while the guest is still running.
    pub(crate) async fn rejoin_networks(&self, driver: &dyn Driver) {
        let over = |network: Option<GuestNetwork>| network.is_some_and(|it| it.is_over());
        if over(self.port_network()) || over(self.engine_network()) {
            tracing::warn!("a network with the guest has ended; it is joined again");
            self.join_networks(driver).await;
        }
    }

    fn networks(&self) -> MutexGuard<'_, Networks> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The network of published ports, if there is one.
    pub(crate) fn port_network(&self) -> Option<GuestNetwork> {
        self.networks().ports.clone()
    }

    /// The engine's network, if there is one.
    fn engine_network(&self) -> Option<GuestNetwork> {
        self.networks().engine.clone()
    }

    /// Records that dockerd listens on the engine's network. Before that, another process in the guest might.
    pub(crate) fn use_engine_network(&self) {
        self.networks().engine_is_there = true;
    }

    /// The current link, if there is one.
    pub(crate) fn link_now(&self) -> Option<Arc<HostLink>> {
        self.link.borrow().clone()
    }

    /// The link, as soon as there is one.
    pub(crate) async fn link(&self, patience: Duration) -> Result<Arc<HostLink>, MachineError> {
        let mut link = self.link.subscribe();
        let found = tokio::time::timeout(patience, link.wait_for(Option::is_some)).await;
        match found {
            Ok(Ok(link)) => link.clone(),
            _ => None,
        }
        .ok_or_else(|| MachineError::link("there is no link to it"))
    }

    /// The guest is gone.
    pub(crate) fn clear(&self) {
        self.link.send_replace(None);
        self.docker.send_replace(false);
        *self.networks() = Networks::default();
    }

    /// Sets whether dockerd answers.
    pub(crate) fn set_docker(&self, up: bool) {
        self.docker
            .send_if_modified(|now| std::mem::replace(now, up) != up);
    }

    /// Whether dockerd answers, as it changes.
    pub(crate) fn docker_up(&self) -> watch::Receiver<bool> {
        self.docker.subscribe()
    }

    async fn open(&self, request: &Request) -> Result<(Reply, LinkStream), MachineError> {
        self.open_within(request, request.patience()).await
    }

    async fn open_within(
        &self,
        request: &Request,
        deadline: Duration,
    ) -> Result<(Reply, LinkStream), MachineError> {
        let link = self.link(LINK_PATIENCE).await?;
        let mut links = self.link.subscribe();
        let replaced = links.wait_for(|now| !matches!(now, Some(now) if Arc::ptr_eq(now, &link)));
        // A stale reference to the old link would keep the guest's port occupied for the next one.
        tokio::select! {
            opened = link.open_within(request, deadline) => opened.map_err(|error| match error {
                // It answers, so a restart would not help.
                slipway_link::Error::Refused(refusal) if refusal.kind == RefusalKind::Failed => {
                    MachineError::InGuest { what: words(&refusal.message) }
                }
                error => MachineError::link(error),
            }),
            _ = replaced => Err(MachineError::link("its link is being made anew")),
        }
    }

    /// Drops the link, so that another can be made.
    pub(crate) fn hang_up(&self) {
        self.link.send_replace(None);
    }

    /// Connects to dockerd: over its network, or over the link if there is no network or nothing answers there.
    ///
    /// While dockerd restarts, the network holds the connection for it, where the link would refuse it.
    pub(crate) async fn docker(&self) -> Result<DockerStream, MachineError> {
        let is_there = self.networks().engine_is_there;
        if let Some(network) = self.engine_network().filter(|_| is_there) {
            match network.connect(ENGINE).await {
                Ok(connection) => return Ok(DockerStream::Network(connection)),
                Err(error) => tracing::debug!(%error, "the engine is not reached over its network"),
            }
        }
        self.docker_over_the_link().await.map(DockerStream::Link)
    }

    /// Connects to dockerd over the link, which reports why it cannot.
    pub(crate) async fn docker_over_the_link(&self) -> Result<LinkStream, MachineError> {
        Ok(self.open(&Request::Docker).await?.1)
    }

    /// A TCP connection made in the guest.
    pub(crate) async fn dial_tcp(&self, address: SocketAddr) -> Result<LinkStream, MachineError> {
        Ok(self.open(&Request::DialTcp { address }).await?.1)
    }

    /// A UDP socket in the guest that exchanges datagrams with one address.
    pub(crate) async fn dial_udp(&self, address: SocketAddr) -> Result<LinkStream, MachineError> {
        Ok(self.open(&Request::DialUdp { address }).await?.1)
    }

    /// The guest's resource use.
    pub(crate) async fn stats(&self) -> Result<GuestStats, MachineError> {
        match self.open(&Request::Stats).await?.0 {
            Reply::Stats(stats) => Ok(stats),
            _ => Err(MachineError::link(
                "it answers something else than was asked",
            )),
        }
    }

    /// Trims unused blocks of the data disk.
    pub(crate) async fn trim(&self) -> Result<(), MachineError> {
        self.open(&Request::Trim).await.map(drop)
    }

    /// Repairs the data disk, which is the file `disk` and is not mounted; returns the output of e2fsck.
    pub(crate) async fn repair(&self, disk: PathBuf) -> Result<String, MachineError> {
        let request = Request::RepairDisk;
        let link = self.link(LINK_PATIENCE).await?;
        match link.open_within(&request, request.patience()).await {
            Ok((Reply::Repaired { report }, _)) => Ok(report),
            Ok(_) => Err(MachineError::link(
                "it answers something else than was asked",
            )),
            Err(slipway_link::Error::Refused(refusal)) => Err(MachineError::DiskBroken {
                reason: words(&refusal.message),
                repairable: false,
                disk,
            }),
            Err(error) => Err(MachineError::link(error)),
        }
    }

    /// Any other request.
    pub(crate) async fn ask(&self, request: &Request) -> Result<(Reply, LinkStream), MachineError> {
        self.open(request).await
    }

    /// Whether the agent answers in time.
    pub(crate) async fn ping(&self, deadline: Duration) -> Result<(), MachineError> {
        self.open_within(&Request::Ping, deadline).await.map(drop)
    }
}

async fn join(driver: &dyn Driver, port: GuestPort) -> Option<GuestNetwork> {
    match driver.connect(port).await {
        Ok(stream) => Some(GuestNetwork::new(stream)),
        Err(error) => {
            tracing::info!(?port, %error, "what would go there goes over the link");
            None
        }
    }
}

/// Text from the guest, limited in length and without control characters.
pub(crate) fn words(text: &str) -> String {
    const MAX: usize = 500;
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(MAX)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Now, in nanoseconds since 1970.
pub(crate) fn now_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_nanos()).ok())
        .unwrap_or_default()
}

/// Now, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    now_ns() / 1_000_000
}

/// A random secret for one boot.
pub(crate) fn new_secret() -> Result<Secret, MachineError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(MachineError::link)?;
    Ok(Secret::new(bytes))
}
