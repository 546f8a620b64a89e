//! A thousand containers on an engine, as somebody has who never tidies up.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Value, json};
use slipway_testkit::Engine;

/// How many containers there are.
pub(crate) const CONTAINERS: usize = 1_000;
/// So many of them run.
const RUNNING: usize = 5;
const IMAGE: &str = "slipway/busybox:latest";
const AT_A_TIME: usize = 8;
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes them. One in ten belongs to a stack, all publish a port and have a few labels.
pub(crate) fn populate(engine: &Engine) -> Result<()> {
    engine.load_sample(IMAGE)?;
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_A_TIME)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= CONTAINERS {
                            return Ok(());
                        }
                        create(engine.socket(), number)?;
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?)
    })?;
    for number in 0..RUNNING {
        engine.docker_ok(&["start", &name(number)]);
    }
    Ok(())
}

/// The name of the container with this number. The first few run.
pub(crate) fn name(number: usize) -> String {
    format!("container-{number:04}")
}

fn create(socket: &Path, number: usize) -> Result<()> {
    let mut labels = json!({
        "org.opencontainers.image.title": "sample",
        "org.opencontainers.image.version": format!("1.{number}"),
    });
    if number.is_multiple_of(10) {
        labels["com.docker.compose.project"] = json!(format!("stack-{}", number / 100));
        labels["com.docker.compose.service"] = json!(format!("service-{number}"));
    }
    let body = json!({
        "Image": IMAGE,
        "Cmd": ["sleep", "infinity"],
        "Env": ["MODE=production", format!("NUMBER={number}")],
        "Labels": labels,
        "ExposedPorts": { "80/tcp": {} },
        "HostConfig": { "PortBindings": { "80/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "" }] } },
    });
    let path = format!("/containers/create?name={}", name(number));
    let (status, answer) = post(socket, &path, &body)?;
    ensure!(status == 201, "creating a container: {status} {answer}");
    Ok(())
}

fn post(socket: &Path, path: &str, body: &Value) -> Result<(u16, String)> {
    let body = body.to_string();
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer
        .split_ascii_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok())
        .context("the engine does not answer in HTTP")?;
    Ok((status, answer))
}
