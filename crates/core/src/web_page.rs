//! Which published ports are web pages, and at which path.

use slipway_catalog::{Catalog, Entry};
use slipway_engine::{Port, Protocol};

use crate::view;

/// Ports of well-known services that do not speak HTTP. No browser is offered for them.
const NOT_WEB: [u16; 26] = [
    21, 22, 25, 53, 110, 143, 389, 465, 587, 636, 993, 995, 1025, 1433, 1521, 1883, 3306, 4222,
    5432, 5672, 6379, 7687, 9042, 9092, 11211, 27017,
];

/// The URL of a published port; `None` if it is not published or not a web page.
pub(crate) fn url(port: &Port, entry: Option<&Entry>, engine_host: &str) -> Option<String> {
    let host_port = port.host_port?;
    if port.protocol != Protocol::Tcp || !is_reachable(port, engine_host) {
        return None;
    }
    let host = match port.host_ip {
        Some(ip) if !ip.is_unspecified() => match ip {
            std::net::IpAddr::V4(ip) => ip.to_string(),
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        },
        _ if engine_host.contains(':') => format!("[{engine_host}]"),
        _ => engine_host.to_owned(),
    };
    let known = entry.and_then(|entry| {
        entry
            .ports
            .iter()
            .find(|known| known.number == port.container_port)
    });
    match known {
        Some(known) if known.web => {
            let scheme = if known.https { "https" } else { "http" };
            let path = if known.path == "/" { "" } else { &known.path };
            Some(format!("{scheme}://{host}:{host_port}{path}"))
        }
        Some(_) => None,
        None if NOT_WEB.contains(&port.container_port) => None,
        None => {
            let scheme = if matches!(port.container_port, 443 | 8443 | 9443) {
                "https"
            } else {
                "http"
            };
            Some(format!("{scheme}://{host}:{host_port}"))
        }
    }
}

/// Whether this computer can connect to a published port: a loopback address on another computer is out of reach.
pub(crate) fn is_reachable(port: &Port, engine_host: &str) -> bool {
    port.host_ip.is_none_or(|ip| !ip.is_loopback()) || view::is_local_host(engine_host)
}

/// The catalog entry of an image, by the reference that the engine reports.
pub(crate) fn entry_of_image(image: &str) -> Option<&'static Entry> {
    let reference = image.parse().ok()?;
    Catalog::bundled().entry_for_image(&reference)
}
