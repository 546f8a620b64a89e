//! Serves the host's requests over the link.

use std::io::{self, Read};
use std::time::Duration;

use slipway_link::{GuestLink, LinkStream, RefusalKind, Reply, Request, Responder, Secret, Wire};
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::log::Log;
use crate::machine::Machine;
use crate::port::{self, Port};
use crate::watched::Watched;
use crate::{clock, data_disk, dial, power, shell, stats};

const TRIM_PATIENCE: Duration = Duration::from_mins(10);

/// Accepts hosts on the port, one after the other, for ever.
pub(crate) async fn serve(machine: Machine) {
    let mut secret: Option<Secret> = None;
    let path = loop {
        match port::find() {
            Some(path) => break path,
            None => sleep(Duration::from_millis(2)).await,
        }
    };
    loop {
        match Port::open(&path) {
            Ok(port) => {
                let mut wire = Wire::new(port);
                // The wire is lost only when the port fails; then it is opened again.
                while let Some(next) = one_link(&machine, wire, &mut secret).await {
                    wire = next;
                }
            }
            Err(error) => machine
                .news
                .log(&format!("{} cannot be opened: {error}", path.display())),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Serves one host, from its handshake to its end.
async fn one_link(machine: &Machine, wire: Wire, secret: &mut Option<Secret>) -> Option<Wire> {
    let link = match GuestLink::accept(wire, secret).await {
        Ok(link) => link,
        Err((error, wire)) => {
            machine.news.log(&format!("No link: {error}"));
            return matches!(error, slipway_link::Error::Ended(_)).then_some(wire);
        }
    };
    while let Some((request, responder)) = link.next().await {
        spawn_local(answer(machine.clone(), request, responder));
    }
    if let Some(ended) = link.ended() {
        machine.news.log(&format!("The host's link ended: {ended}"));
    }
    link.into_wire()
}

async fn answer(machine: Machine, request: Request, responder: Responder) {
    match request {
        Request::Docker => dial::docker(&machine, responder).await,
        Request::DialTcp { address } => dial::tcp(address, responder).await,
        Request::DialUdp { address } => dial::udp(address, responder).await,
        Request::Events => {
            let stream = responder.accept(Reply::Connected);
            let _ = tell_news(&machine, &stream).await;
        }
        Request::Ping => {
            let uptime_ms = clock::since_kernel_start_ms();
            responder.reply(Reply::Pong { uptime_ms });
        }
        Request::Clock { unix_time_ns } => match clock::set(unix_time_ns, &machine.news) {
            Ok(reply) => responder.reply(reply),
            Err(error) => responder.refuse(RefusalKind::Failed, error.to_string()),
        },
        Request::Stats => {
            let stats = stats::read(machine.data_mounted.get());
            responder.reply(Reply::Stats(stats));
        }
        Request::Log { source, follow } => {
            let stream = responder.accept(Reply::Connected);
            let _ = match machine.log_of(source) {
                Some(log) => tell_log(log, follow, stream).await,
                None => tell_kernel_log(follow, stream).await,
            };
        }
        Request::Trim => trim(&machine, responder).await,
        Request::Shell {
            command,
            columns,
            rows,
        } => {
            let wanted = shell::Wanted {
                command,
                columns,
                rows,
            };
            shell::run(&machine, wanted, responder).await;
        }
        Request::RestartDocker => {
            if machine.dockerd_runs.get() {
                machine.end_dockerd.notify_one();
                responder.reply(Reply::Done);
            } else {
                responder.refuse(RefusalKind::NotReady, "Docker has not been started yet");
            }
        }
        Request::RepairDisk => repair(&machine, responder).await,
        Request::PowerOff => {
            responder.reply(Reply::Done);
            power::off(&machine).await;
        }
    }
}

async fn tell_news(machine: &Machine, stream: &LinkStream) -> io::Result<()> {
    let mut next = 0;
    loop {
        let more = machine.news.more();
        for (number, news) in machine.news.since(next) {
            stream.send(&news).await?;
            next = number + 1;
        }
        // The host ends the stream when it has read enough.
        tokio::select! {
            () = more => {}
            said = stream.receive_bytes() => {
                if said?.is_none() {
                    return stream.finish();
                }
            }
        }
    }
}

async fn tell_log(log: &Log, follow: bool, mut stream: LinkStream) -> io::Result<()> {
    const CHUNK: usize = 16 * 1024;
    let mut from = 0;
    loop {
        let more = log.more();
        let (bytes, until) = log.read(from, CHUNK);
        from = until;
        if !bytes.is_empty() {
            stream.write_all(&bytes).await?;
        } else if follow {
            tokio::select! {
                () = more => {}
                said = stream.receive_bytes() => {
                    if said?.is_none() {
                        return stream.finish();
                    }
                }
            }
        } else {
            return stream.finish();
        }
    }
}

async fn tell_kernel_log(follow: bool, mut stream: LinkStream) -> io::Result<()> {
    let kernel = Watched::new(std::fs::File::open("/dev/kmsg")?)?;
    let mut record = vec![0; 8 * 1024];
    loop {
        // A non-blocking read returns what is already there.
        let read = match kernel.file().read(&mut record) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !follow => {
                return stream.finish();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::select! {
                read = kernel.read(&mut record) => read,
                said = stream.receive_bytes() => {
                    if said?.is_none() {
                        return stream.finish();
                    }
                    continue;
                }
            },
            read => read,
        };
        match read {
            Ok(count) => {
                if let Some(line) = kernel_line(&record[..count]) {
                    stream.write_all(line.as_bytes()).await?;
                }
            }
            // The message was overwritten before it was read; the next read returns the oldest one left.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => return Err(error),
        }
    }
}

/// `priority,number,microseconds,flags;words`, followed by lines of properties, which are dropped.
fn kernel_line(record: &[u8]) -> Option<String> {
    let record = String::from_utf8_lossy(record);
    let (head, words) = record.split_once(';')?;
    let microseconds: u64 = head.split(',').nth(2)?.parse().ok()?;
    let words = words.lines().next().unwrap_or_default();
    let (seconds, rest) = (microseconds / 1_000_000, microseconds % 1_000_000);
    Some(format!("{seconds:6}.{:03} {words}\n", rest / 1000))
}

async fn trim(machine: &Machine, responder: Responder) {
    if !machine.data_mounted.get() {
        return responder.refuse(RefusalKind::NotReady, "The data disk is not in use");
    }
    let trimmed = machine
        .children
        .run_ok(
            "/usr/bin/busybox",
            &["fstrim", "-v", "/data"],
            TRIM_PATIENCE,
        )
        .await;
    match trimmed.map(|output| trimmed_bytes(&output)) {
        Ok(Some(bytes)) => responder.reply(Reply::Trimmed { bytes }),
        Ok(None) => responder.refuse(RefusalKind::Failed, "fstrim did not say what it did"),
        Err(error) => responder.refuse(RefusalKind::Failed, error.to_string()),
    }
}

/// Output of busybox: `/data: 1234 bytes trimmed`.
fn trimmed_bytes(output: &str) -> Option<u64> {
    let (_, rest) = output.rsplit_once(": ")?;
    rest.split_whitespace().next()?.parse().ok()
}

async fn repair(machine: &Machine, responder: Responder) {
    if machine.data_mounted.get() || machine.stopping.get() {
        return responder.refuse(
            RefusalKind::NotReady,
            "The data disk is in use and needs no repair",
        );
    }
    match data_disk::repair(&machine.children).await {
        Ok(report) => {
            responder.reply(Reply::Repaired { report });
            machine.try_disk_again.notify_one();
        }
        Err(unusable) => responder.refuse(RefusalKind::Failed, unusable.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fstrim_says_is_understood() {
        assert_eq!(
            trimmed_bytes("/data: 123456789 bytes trimmed"),
            Some(123_456_789)
        );
        assert_eq!(trimmed_bytes("fstrim: /data: FITRIM: not supported"), None);
        assert_eq!(trimmed_bytes(""), None);
    }

    #[test]
    fn the_kernels_records_become_lines() {
        let record = b"6,339,5140900,-;NET: Registered protocol family 10\n SUBSYSTEM=net\n";
        assert_eq!(
            kernel_line(record).unwrap(),
            "     5.140 NET: Registered protocol family 10\n"
        );
        for strange in [&b""[..], b";", b"1,2;x", b"\xff\xfe;\xff", b"1,2,x,-;y"] {
            assert_eq!(kernel_line(strange), None);
        }
    }
}
