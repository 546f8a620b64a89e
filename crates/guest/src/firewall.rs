//! The firewall between the machine and the host computer: blocks everything that was not requested over the link.

use std::io::Write;
use std::time::Duration;

use crate::children::{Children, Ended};
use crate::error::{Doing, Error, Result};
use slipway_link::guest_network;

use crate::network::{ADDRESS, NAMESERVER, OUTWARD, PORTS, PREFIX};
use crate::uplink::{REAL, Uplink};

const PATIENCE: Duration = Duration::from_secs(30);

/// The rules of the machine's network, for `nft -f`. `output` rejects connections of ordinary sockets at once; what gets
/// past it is dropped by [`leaving`].
///
/// The network of published ports carries only incoming connections and needs no address translation, so it bypasses
/// connection tracking.
fn rules() -> String {
    let network = format!("{ADDRESS}/{PREFIX}");
    let host = guest_network::HOST;
    format!(
        "table inet slipway {{
  chain to_host {{
    ip daddr {NAMESERVER} udp dport 53 accept
    ip daddr {NAMESERVER} tcp dport 53 accept
    drop
  }}
  chain input {{
    type filter hook input priority -10; policy accept;
    iifname \"{OUTWARD}\" ct state new drop
    iifname \"{PORTS}\" drop
  }}
  chain output {{
    type filter hook output priority -10; policy accept;
    oifname \"{OUTWARD}\" ip daddr {network} jump to_host
    oifname \"{PORTS}\" drop
  }}
  chain forward {{
    type filter hook forward priority -10; policy accept;
    iifname \"{OUTWARD}\" ct state new drop
    oifname \"{PORTS}\" tcp flags & (syn | ack) == syn drop
    oifname \"{PORTS}\" meta l4proto != tcp drop
  }}
  chain ports {{
    type filter hook prerouting priority raw; policy accept;
    iifname \"{PORTS}\" notrack
    ip daddr {host} notrack
  }}
}}
"
    )
}

/// The rules for what leaves, in the namespace of the outward interface.
///
/// The gateway of user-mode networking is the host's own loopback, and so is every address that belongs to no other
/// computer: containers must not reach services that trust the loopback. Packets are filtered where they leave, because
/// a container in the machine's network can send frames of its own.
fn leaving() -> String {
    let network = format!("{ADDRESS}/{PREFIX}");
    format!(
        "table netdev slipway {{
  chain leaving {{
    type filter hook egress device \"{REAL}\" priority 0; policy drop;
    ether type arp accept
    ip daddr {NAMESERVER} udp dport 53 accept
    ip daddr {NAMESERVER} tcp dport 53 accept
    ip daddr {{ 0.0.0.0/8, {network}, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3 }} drop
    ip saddr {ADDRESS} accept
  }}
}}
"
    )
}

/// Applies the rules of the machine's network, atomically.
pub(crate) async fn set_up(children: &Children) -> Result<()> {
    apply(children, &["/usr/sbin/nft", "-f", "-"], &rules()).await
}

/// Applies the rules for what leaves through the uplink.
pub(crate) async fn guard(children: &Children, uplink: &Uplink) -> Result<()> {
    let namespace = format!("--net={}", uplink.path());
    let inside = ["/usr/bin/nsenter", &namespace, "/usr/sbin/nft", "-f", "-"];
    apply(children, &inside, &leaving()).await
}

async fn apply(children: &Children, line: &[&str], rules: &str) -> Result<()> {
    let (reader, mut writer) = std::io::pipe().doing(|| "A pipe could not be made".into())?;
    // Fits into a pipe's buffer.
    writer
        .write_all(rules.as_bytes())
        .doing(|| "The firewall's rules could not be handed over".into())?;
    drop(writer);
    let input = std::os::fd::OwnedFd::from(reader).into();
    let (program, arguments) = line.split_first().unwrap_or((&"", &[]));
    match children
        .run_with_input(program, arguments, Some(input), PATIENCE)
        .await?
    {
        (Ended::Exit(0), _) => Ok(()),
        (how, output) => Err(Error::Failed {
            program: "nft".into(),
            how: how.to_string(),
            output,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_name_the_network_and_fit_into_a_pipe() {
        assert!(rules().contains("ip daddr 10.0.2.15/24 jump to_host"));
        assert!(leaving().contains("{ 0.0.0.0/8, 10.0.2.15/24, "));
        assert!(rules().len() < 4096 && leaving().len() < 4096);
    }
}
