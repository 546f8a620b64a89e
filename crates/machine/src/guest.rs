//! The way to the guest's agent, which stays the same while links come and go.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use slipway_link::{GuestStats, HostLink, LinkStream, RefusalKind, Reply, Request, Secret};
use tokio::sync::watch;

use crate::port_network::PortNetwork;
use crate::{Driver, GuestPort, MachineError};

/// How long a stream may wait for a link that is being made again.
const LINK_PATIENCE: Duration = Duration::from_secs(10);

/// What is known of the guest for those who open streams to it. Clones see the same.
#[derive(Clone)]
pub(crate) struct Guest {
    link: watch::Sender<Option<Arc<HostLink>>>,
    /// Whether dockerd answers.
    docker: watch::Sender<bool>,
    /// The quicker way to its ports, where the driver has it.
    network: Arc<Mutex<Option<PortNetwork>>>,
}

impl Guest {
    /// No guest yet.
    pub(crate) fn new() -> Self {
        Self {
            link: watch::Sender::new(None),
            docker: watch::Sender::new(false),
            network: Arc::default(),
        }
    }

    /// A guest at the other end of `link`.
    #[cfg(test)]
    pub(crate) fn of(link: HostLink) -> Self {
        let guest = Self::new();
        guest.link.send_replace(Some(Arc::new(link)));
        guest
    }

    /// Makes a link and lets everybody use it.
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
        if self.port_network().is_none_or(|network| network.is_over()) {
            self.join_port_network(driver).await;
        }
        self.link.send_replace(Some(link.clone()));
        Ok(link)
    }

    async fn join_port_network(&self, driver: &dyn Driver) {
        let network = match driver.connect(GuestPort::PortNetwork).await {
            Ok(stream) => Some(PortNetwork::new(stream)),
            Err(error) => {
                tracing::info!(%error, "published ports go over the link");
                None
            }
        };
        *self.network.lock().unwrap_or_else(PoisonError::into_inner) = network;
    }

    /// The network of published ports, where there is one.
    pub(crate) fn port_network(&self) -> Option<PortNetwork> {
        let network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        network.clone()
    }

    /// The link of now, if there is one.
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

    /// There is no guest any more.
    pub(crate) fn clear(&self) {
        self.link.send_replace(None);
        self.docker.send_replace(false);
        *self.network.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Says whether dockerd answers.
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
        // Whoever holds on to a link that was given up keeps the guest's port from being used for the next one.
        tokio::select! {
            opened = link.open_within(request, deadline) => opened.map_err(|error| match error {
                // It answers, so a restart would mend nothing.
                slipway_link::Error::Refused(refusal) if refusal.kind == RefusalKind::Failed => {
                    MachineError::InGuest { what: words(&refusal.message) }
                }
                error => MachineError::link(error),
            }),
            _ = replaced => Err(MachineError::link("its link is being made anew")),
        }
    }

    /// Lets go of the link, so that another can be made.
    pub(crate) fn hang_up(&self) {
        self.link.send_replace(None);
    }

    /// A connection to dockerd.
    pub(crate) async fn docker(&self) -> Result<LinkStream, MachineError> {
        Ok(self.open(&Request::Docker).await?.1)
    }

    /// A TCP connection made in the guest.
    pub(crate) async fn dial_tcp(&self, address: SocketAddr) -> Result<LinkStream, MachineError> {
        Ok(self.open(&Request::DialTcp { address }).await?.1)
    }

    /// Datagrams to and from an address, sent in the guest.
    pub(crate) async fn dial_udp(&self, address: SocketAddr) -> Result<LinkStream, MachineError> {
        Ok(self.open(&Request::DialUdp { address }).await?.1)
    }

    /// What the guest uses.
    pub(crate) async fn stats(&self) -> Result<GuestStats, MachineError> {
        match self.open(&Request::Stats).await?.0 {
            Reply::Stats(stats) => Ok(stats),
            _ => Err(MachineError::link(
                "it answers something else than was asked",
            )),
        }
    }

    /// Gives unused blocks of the data disk back.
    pub(crate) async fn trim(&self) -> Result<(), MachineError> {
        self.open(&Request::Trim).await.map(drop)
    }

    /// Repairs the data disk, which is the file `disk` and is not mounted; what e2fsck says.
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

/// Words of the guest, of a length that can be shown and without control characters.
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

/// A secret for one boot.
pub(crate) fn new_secret() -> Result<Secret, MachineError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(MachineError::link)?;
    Ok(Secret::new(bytes))
}
