//! What may pass between the machine and the computer it runs on: nothing that was not asked for over the link.

use std::io::Write;
use std::time::Duration;

use crate::children::{Children, Ended};
use crate::error::{Doing, Error, Result};
use crate::network::{ADDRESS, NAMESERVER, PREFIX};

const PATIENCE: Duration = Duration::from_secs(30);

/// The rules, for `nft -f`.
///
/// The gateway of user-mode networking is the host's own loopback: no container may reach the programs that trust it.
fn rules() -> String {
    let network = format!("{ADDRESS}/{PREFIX}");
    format!(
        "table inet slipway {{
  chain to_host {{
    ip daddr {NAMESERVER} udp dport 53 accept
    ip daddr {NAMESERVER} tcp dport 53 accept
    drop
  }}
  chain input {{
    type filter hook input priority -10; policy accept;
    iifname \"eth0\" ct state new drop
  }}
  chain output {{
    type filter hook output priority -10; policy accept;
    oifname \"eth0\" ip daddr {network} jump to_host
  }}
  chain forward {{
    type filter hook forward priority -10; policy accept;
    iifname \"eth0\" ct state new drop
    oifname \"eth0\" ip daddr {network} jump to_host
  }}
}}
"
    )
}

/// Sets the rules, all or none.
pub(crate) async fn set_up(children: &Children) -> Result<()> {
    let (reader, mut writer) = std::io::pipe().doing(|| "A pipe could not be made".into())?;
    // Fits into a pipe's buffer.
    writer
        .write_all(rules().as_bytes())
        .doing(|| "The firewall's rules could not be handed over".into())?;
    drop(writer);
    let input = std::os::fd::OwnedFd::from(reader).into();
    match children
        .run_with_input("/usr/sbin/nft", &["-f", "-"], Some(input), PATIENCE)
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
        let rules = rules();
        assert!(rules.contains("ip daddr 10.0.2.15/24 jump to_host"));
        assert!(rules.len() < 4096);
    }
}
