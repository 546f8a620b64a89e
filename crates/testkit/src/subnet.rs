//! A bridge and a subnet that nothing else on this host uses.

use std::{fs, net::Ipv4Addr, path::Path, process::Command};

use crate::{Error, Result, command::run, error::At, run_dir};

/// One engine's addresses: a `/18`, of which the first `/21` belongs to the default bridge and the second half to the
/// networks that tests create.
#[derive(Debug)]
pub(crate) struct Subnet {
    pub(crate) bridge: String,
    base: Ipv4Addr,
}

const MASK: u32 = u32::MAX << 14;
const POOLS: &str = "10.224.0.0/12 and 172.24.0.0/13";

impl Subnet {
    /// Takes a free subnet and makes its bridge, with an address if the engine wants to find one there. The reaper of
    /// `run_dir` gives both back.
    pub(crate) fn claim(run_dir: &Path, with_address: bool) -> Result<Self> {
        let _lock = run_dir::lock()?;
        let routes =
            fs::read_to_string("/proc/net/route").at("read", Path::new("/proc/net/route"))?;
        let pools = [
            (Ipv4Addr::new(10, 224, 0, 0), 64),
            (Ipv4Addr::new(172, 24, 0, 0), 32),
        ];
        let bases = pools
            .iter()
            .flat_map(|(first, count)| (0..*count).map(|index| first.to_bits() + (index << 14)));
        for (index, base) in bases.enumerate() {
            let bridge = format!("swtk{index}");
            if is_routed(&routes, base) || Path::new("/sys/class/net").join(&bridge).exists() {
                continue;
            }
            let subnet = Self {
                bridge,
                base: Ipv4Addr::from_bits(base),
            };
            subnet.make(run_dir, with_address)?;
            return Ok(subnet);
        }
        Err(Error::NoSubnet { pools: POOLS })
    }

    fn make(&self, run_dir: &Path, with_address: bool) -> Result<()> {
        // On record first: whatever of the rest gets done can then be undone.
        let record = run_dir.join("network");
        let [a, b, c, _] = self.base.octets();
        let prefix = format!(
            "{a}[.]{b}[.]({})[.]",
            (c..=c + 63)
                .map(|c| c.to_string())
                .collect::<Vec<_>>()
                .join("|")
        );
        fs::write(
            &record,
            format!("{} {} {prefix}\n", self.bridge, self.all()),
        )
        .at("write", &record)?;
        let batch = run_dir.join("bridge.ip");
        let bridge = &self.bridge;
        let address = if with_address {
            format!("addr add {} dev {bridge}\n", self.bridge_address())
        } else {
            String::new()
        };
        let lines = format!("link add {bridge} type bridge\n{address}link set {bridge} up\n");
        fs::write(&batch, lines).at("write", &batch)?;
        run(Command::new("ip").arg("-batch").arg(&batch), "iproute2")?;

        // The engine runs with --iptables=false, because a starting dockerd empties the DOCKER chains of all others.
        // Two plain rules do what tests need of them: traffic inside of the pool passes a FORWARD policy of DROP, which
        // the user's own Docker sets, and traffic out of it is masqueraded. Without iptables there is no such policy.
        fs::write(run_dir.join("iptables"), "").at("write", &run_dir.join("iptables"))?;
        let all = self.all();
        for rule in [
            vec!["-I", "FORWARD", "-s", &all, "-d", &all, "-j", "ACCEPT"],
            vec![
                "-t",
                "nat",
                "-I",
                "POSTROUTING",
                "-s",
                &all,
                "!",
                "-d",
                &all,
                "-j",
                "MASQUERADE",
            ],
        ] {
            if let Err(error) = run(Command::new("iptables").arg("-w").args(rule), "iptables") {
                eprintln!("testkit: containers may be unable to reach each other: {error}");
            }
        }
        Ok(())
    }

    /// Everything that belongs to this engine, `10.224.0.0/18`.
    pub(crate) fn all(&self) -> String {
        format!("{}/18", self.base)
    }

    /// What `--default-address-pool` wants: 32 networks of 256 addresses.
    pub(crate) fn pool(&self) -> String {
        format!(
            "base={}/19,size=24",
            Ipv4Addr::from_bits(self.base.to_bits() + (1 << 13))
        )
    }

    /// The default network's part, `10.224.0.0/21`.
    pub(crate) fn default_network(&self) -> String {
        format!("{}/21", self.base)
    }

    fn bridge_address(&self) -> String {
        format!("{}/21", Ipv4Addr::from_bits(self.base.to_bits() + 1))
    }
}

/// Whether a route other than the default one leads into the `/18` at `base`. `routes` is `/proc/net/route`, whose
/// numbers are in network order seen as native integers.
fn is_routed(routes: &str, base: u32) -> bool {
    routes.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace();
        let (Some(destination), Some(mask)) = (number(fields.nth(1)), number(fields.nth(5))) else {
            return false;
        };
        let common = mask & MASK;
        mask != 0 && destination & common == base & common
    })
}

fn number(field: Option<&str>) -> Option<u32> {
    Some(u32::from_be_bytes(
        u32::from_str_radix(field?, 16).ok()?.to_ne_bytes(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(route: &str, base: [u8; 4], routed: bool) {
        let table =
            format!("Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n{route}\n");
        assert_eq!(
            is_routed(&table, u32::from_be_bytes(base)),
            routed,
            "{route}"
        );
    }

    #[test]
    fn routes_that_overlap() {
        check(
            "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
            [10, 224, 0, 0],
            false,
        );
        check(
            "tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0",
            [10, 224, 64, 0],
            true,
        );
        check(
            "br0\t0001E00A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
            [10, 224, 0, 0],
            true,
        );
        check(
            "br0\t0041E00A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
            [10, 224, 0, 0],
            false,
        );
    }
}
