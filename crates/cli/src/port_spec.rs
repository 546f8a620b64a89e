//! Ports to publish, in the syntax of `docker run -p`.

use std::net::IpAddr;

use slipway_api::ApiError;
use slipway_api::run::PortPlan;

use crate::failure::invalid;

/// A `-p` of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PortSpec {
    /// `none`: publish only the ports that are given explicitly.
    None,
    /// A port to publish.
    Publish(PortPlan),
}

const EXAMPLES: &str = "Write for example 8080:80, 127.0.0.1:8080:80 or 5353:53/udp";

/// Parses `[[ADDRESS:]HOST_PORT:]PORT[/PROTOCOL]` or `none`. An IPv6 address is in brackets.
///
/// An explicit host port is fixed: it is an error if it is taken. Without one, a free port is chosen.
pub(crate) fn parse(text: &str) -> Result<PortSpec, ApiError> {
    let wrong = |why: &str| invalid(format!("`{text}` cannot be published: {why}"), EXAMPLES);
    let spec = text.trim();
    if spec.eq_ignore_ascii_case("none") {
        return Ok(PortSpec::None);
    }
    let (spec, protocol) = match spec.split_once('/') {
        None => (spec, "tcp".to_owned()),
        Some((spec, protocol)) => {
            let protocol = protocol.to_ascii_lowercase();
            if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
                return Err(wrong("the protocol is one of tcp, udp and sctp"));
            }
            (spec, protocol)
        }
    };
    let (host_ip, ports) = if let Some(bracketed) = spec.strip_prefix('[') {
        let (ip, ports) = bracketed
            .split_once("]:")
            .ok_or_else(|| wrong("after the bracket come the ports, as in [::1]:8080:80"))?;
        (Some(ip), ports)
    } else {
        match spec.match_indices(':').collect::<Vec<_>>()[..] {
            [] | [_] => (None, spec),
            [(first, _), _] => (Some(&spec[..first]), &spec[first + 1..]),
            _ => {
                return Err(wrong(
                    "an IPv6 address stands in brackets, as in [::1]:8080:80",
                ));
            }
        }
    };
    let (host_port, container_port) = match ports.split_once(':') {
        Some((host_port, container_port)) => (Some(host_port), container_port),
        // An address without a host port means a free port at that address, as in `127.0.0.1::80`.
        None if host_ip.is_some() => return Err(wrong("the port of the container is missing")),
        None => (None, ports),
    };
    if container_port.contains(':') {
        return Err(wrong("there is one colon too many"));
    }
    let number = |port: &str, whose: &str| -> Result<u32, ApiError> {
        if port.contains('-') && port.chars().all(|c| c.is_ascii_digit() || c == '-') {
            return Err(invalid(
                format!("`{text}` is a range of ports, which Slipway does not take"),
                "Give one -p for each port",
            ));
        }
        if port.is_empty() {
            return Err(wrong(&format!("the {whose} port is missing")));
        }
        if !port.chars().all(|c| c.is_ascii_digit()) {
            return Err(wrong(&format!("`{port}` is not a valid port")));
        }
        match port.parse::<u16>() {
            Ok(number @ 1..) => Ok(number.into()),
            _ => Err(invalid(
                format!("{port} is not a valid {whose} port"),
                "Ports go from 1 to 65535",
            )),
        }
    };
    let host_ip = match host_ip {
        None | Some("") => None,
        Some("localhost") => Some("127.0.0.1".to_owned()),
        Some(ip) => Some(
            ip.parse::<IpAddr>()
                .map_err(|_| wrong(&format!("`{ip}` is no IP address")))?
                .to_string(),
        ),
    };
    let host_port = host_port
        .filter(|port| !port.is_empty())
        .map(|port| number(port, "host"))
        .transpose()?;
    Ok(PortSpec::Publish(PortPlan {
        container_port: number(container_port, "container")?,
        protocol,
        host_ip,
        fixed: host_port.is_some(),
        host_port,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `Ok` is address, host port, container port, protocol; `Err` a part of the message or hint.
    fn check(text: &str, wanted: Result<(&str, u32, u32, &str), &str>) {
        match (parse(text), wanted) {
            (Ok(PortSpec::Publish(port)), Ok((ip, host_port, container_port, protocol))) => {
                assert_eq!(port.host_ip.as_deref().unwrap_or_default(), ip, "{text}");
                assert_eq!(port.host_port.unwrap_or_default(), host_port, "{text}");
                assert_eq!(port.container_port, container_port, "{text}");
                assert_eq!(port.protocol, protocol, "{text}");
                assert_eq!(port.fixed, host_port != 0, "{text}");
            }
            (Err(error), Err(part)) => {
                let told = format!("{} {}", error.message, error.hint.unwrap_or_default());
                assert!(told.contains(part), "{text}: {told}");
            }
            (result, _) => panic!("{text}: {result:?}"),
        }
    }

    #[test]
    fn dockers_syntax_is_read() {
        check("80", Ok(("", 0, 80, "tcp")));
        check("8080:80", Ok(("", 8080, 80, "tcp")));
        check("8080:80/udp", Ok(("", 8080, 80, "udp")));
        check("53/UDP", Ok(("", 0, 53, "udp")));
        check("127.0.0.1:8080:80/udp", Ok(("127.0.0.1", 8080, 80, "udp")));
        check("0.0.0.0:8080:80", Ok(("0.0.0.0", 8080, 80, "tcp")));
        check("localhost:8080:80", Ok(("127.0.0.1", 8080, 80, "tcp")));
        check("127.0.0.1::80", Ok(("127.0.0.1", 0, 80, "tcp")));
        check("[::1]:8080:80", Ok(("::1", 8080, 80, "tcp")));
        check("[::]::80", Ok(("::", 0, 80, "tcp")));
        check(":80", Ok(("", 0, 80, "tcp")));
        check("::80", Ok(("", 0, 80, "tcp")));
        assert_eq!(parse("none").expect("read"), PortSpec::None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        check("8000-8010:80", Err("range"));
        check("8000-8010:8000-8010", Err("one -p for each"));
        check("80-90", Err("range"));
        check("0", Err("0 is not a valid container port"));
        check("0:80", Err("0 is not a valid host port"));
        check("8080:0", Err("Ports go from 1 to 65535"));
        check("70000:80", Err("70000 is not a valid host port"));
        check("99999999999:80", Err("Ports go from 1 to 65535"));
        check("8080:", Err("container port is missing"));
        check("", Err("container port is missing"));
        check("http", Err("`http` is not a valid port"));
        check("+80", Err("`+80` is not a valid port"));
        check("80/http", Err("tcp, udp and sctp"));
        check("::1:8080:80", Err("brackets"));
        check("[::1]", Err("after the bracket"));
        check("[::1]:80", Err("port of the container is missing"));
        check("[::1]:8080:80:90", Err("colon too many"));
        check("example.com:8080:80", Err("`example.com` is no IP address"));
        check("1.2.3.4:8080:80:90", Err("brackets"));
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(text in "[0-9a-z:./\\[\\]-]{0,24}") {
            if let Ok(PortSpec::Publish(port)) = parse(&text) {
                prop_assert!((1..=65535).contains(&port.container_port));
                prop_assert!(port.host_port.is_none_or(|port| (1..=65535).contains(&port)));
            }
        }

        #[test]
        fn what_is_well_formed_is_read(
            ip in proptest::option::of(any::<IpAddr>()), host_port in 1_u32..=65535,
            container_port in 1_u32..=65535, udp in any::<bool>()
        ) {
            let protocol = if udp { "udp" } else { "tcp" };
            let address = match ip {
                Some(IpAddr::V6(ip)) => format!("[{ip}]:"),
                Some(ip) => format!("{ip}:"),
                None => String::new(),
            };
            let wanted = PortPlan {
                container_port, protocol: protocol.to_owned(), host_ip: ip.map(|ip| ip.to_string()),
                host_port: Some(host_port), fixed: true,
            };
            let spec = parse(&format!("{address}{host_port}:{container_port}/{protocol}"));
            prop_assert_eq!(spec.ok(), Some(PortSpec::Publish(wanted)));
        }
    }
}
