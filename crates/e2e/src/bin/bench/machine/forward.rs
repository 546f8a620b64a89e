//! Connections into the guest: how fast many bytes go, and how soon one comes back.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::PEER_PORT;
use super::debian::Debian;
use super::ours::Ours;
use super::way::{Connection, Way};
use crate::report::{Figure, Goal, Series, Unit};

const ROUNDS: usize = 7;
const BULK: usize = 24 << 20;
const ROUND_TRIPS: usize = 200;
/// The engine unpacks and packs what it is sent and asked for.
const API_ROUNDS: usize = 5;
const API_BULK: usize = 16 << 20;
const API_CALLS: usize = 60;
const PATIENCE: Duration = Duration::from_mins(2);

const NAME: &str = "peer";

/// What was measured, for each way.
pub(super) struct Forwards {
    slipway: Measured,
    hostfwd: Measured,
    ssh: Measured,
}

struct Measured {
    /// From this computer to the container, MB/s.
    there: Series,
    /// And from the container.
    back: Series,
    /// One byte there and back, ms. Each sample is the middle between the guest's processors of the median of many.
    round_trip: Series,
    engine_there: Series,
    engine_back: Series,
    engine_call: Series,
}

struct Contender<'a> {
    docker: &'a dyn Fn() -> Result<Command>,
    engine: Way,
    peer: Way,
    measured: Measured,
}

/// Measures the three ways in turn.
pub(super) fn measure(ours: &Ours, debian: &Debian, peer: &Path) -> Result<Forwards> {
    let (our_docker, debian_docker) = (|| ours.docker(), || Ok(debian.docker()));
    run_peer(&our_docker, peer)?;
    run_peer(&debian_docker, peer)?;
    let address = said(debian.docker().args([
        "inspect",
        "--format",
        "{{.NetworkSettings.IPAddress}}",
        NAME,
    ]))?;
    let directory = tempfile::tempdir()?;
    let ssh = debian.forward_by_ssh(&address, directory.path())?;
    let mut contenders = [
        Contender::new("Slipway", &our_docker, ours.engine(), Way::Port(PEER_PORT)),
        Contender::new("hostfwd", &debian_docker, debian.engine(), debian.peer()),
        Contender::new(
            "`ssh -L`",
            &debian_docker,
            ssh.engine.clone(),
            ssh.peer.clone(),
        ),
    ];
    let archive = archive()?;
    for contender in &contenders {
        wait_for(&contender.peer)?;
        // The first is not counted.
        upload(&contender.engine, &archive)?;
    }
    for round in 0..ROUNDS {
        for place in 0..contenders.len() {
            let contender = &mut contenders[(round + place) % 3];
            let round_trip = contender.round_trip()?;
            let (way, measured) = (&contender.peer, &mut contender.measured);
            measured.round_trip.push(round_trip);
            measured.there.push(there(way)?);
            measured.back.push(back(way)?);
            if round < API_ROUNDS {
                let engine = &contender.engine;
                measured.engine_call.push(call(engine)?);
                measured.engine_there.push(upload(engine, &archive)?);
                measured.engine_back.push(download(engine)?);
            }
        }
    }
    let [slipway, hostfwd, ssh] = contenders.map(|contender| contender.measured);
    Ok(Forwards {
        slipway,
        hostfwd,
        ssh,
    })
}

impl<'a> Contender<'a> {
    fn new(what: &str, docker: &'a dyn Fn() -> Result<Command>, engine: Way, peer: Way) -> Self {
        let series = || Series::new(what);
        Self {
            docker,
            engine,
            peer,
            measured: Measured {
                there: series(),
                back: series(),
                round_trip: series(),
                engine_there: series(),
                engine_back: series(),
                engine_call: series(),
            },
        }
    }

    /// One byte there and back, with the far end on each of the guest's processors.
    ///
    /// Waking one processor from the other takes a fifth as long as all the rest. Left alone, the far end stays for minutes
    /// on the processor that hears of frames, or on the other, and this would tell which.
    fn round_trip(&self) -> Result<f64> {
        let mut docker = (self.docker)()?;
        let count: u32 = said(docker.args(["info", "--format", "{{.NCPU}}"]))?.parse()?;
        let mut sum = 0.0;
        for processor in 0..count {
            self.hold(&processor.to_string())?;
            sum += round_trips(&self.peer, ROUND_TRIPS)?.median();
        }
        self.hold(&format!("0-{}", count - 1))?;
        Ok(sum / f64::from(count))
    }

    fn hold(&self, processors: &str) -> Result<()> {
        let mut docker = (self.docker)()?;
        said(docker.args(["update", "--cpuset-cpus", processors, NAME])).map(drop)
    }
}

/// Makes an image of the far end and runs it.
fn run_peer(docker: &dyn Fn() -> Result<Command>, peer: &Path) -> Result<()> {
    let directory = tempfile::tempdir()?;
    std::fs::copy(peer, directory.path().join("peer"))?;
    let tar = Command::new("tar")
        .args([
            "--create",
            "--owner=0",
            "--group=0",
            "--mode=755",
            "--directory",
        ])
        .arg(directory.path())
        .arg("peer")
        .output()?;
    ensure!(tar.status.success(), "tar failed");
    let mut import = docker()?
        .args(["import", "--change", "ENTRYPOINT [\"/peer\"]", "-", NAME])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("the docker command is not installed")?;
    if let Some(mut input) = import.stdin.take() {
        input.write_all(&tar.stdout)?;
    }
    ensure!(import.wait()?.success(), "docker import failed");
    let port = PEER_PORT.to_string();
    let publish = format!("{port}:{port}");
    said(docker()?.args([
        "run",
        "--detach",
        "--init",
        "--name",
        NAME,
        "--publish",
        &publish,
        NAME,
        "serve",
        &port,
    ]))?;
    Ok(())
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn wait_for(peer: &Way) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while round_trips(peer, 1).is_err() {
        ensure!(
            Instant::now() < deadline,
            "the far end is not reached by {peer:?}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn round_trips(way: &Way, count: usize) -> Result<Series> {
    let mut stream = way.connect()?;
    stream.write_all(b"e")?;
    let mut times = Series::new("");
    for _ in 0..count {
        let began = Instant::now();
        stream.write_all(b"x")?;
        stream.read_exact(&mut [0])?;
        times.push(milliseconds(began));
    }
    Ok(times)
}

fn there(way: &Way) -> Result<f64> {
    let block = vec![7; 64 * 1024];
    let mut stream = way.connect()?;
    let began = Instant::now();
    stream.write_all(b"r")?;
    for _ in 0..BULK / block.len() {
        stream.write_all(&block)?;
    }
    stream.finish()?;
    let mut taken = [0; 8];
    stream.read_exact(&mut taken)?;
    ensure!(u64::from_le_bytes(taken) == BULK as u64, "bytes were lost");
    Ok(megabytes_per_second(BULK, began))
}

fn back(way: &Way) -> Result<f64> {
    let mut stream = way.connect()?;
    let began = Instant::now();
    stream.write_all(b"s")?;
    stream.write_all(&(BULK as u64).to_le_bytes())?;
    ensure!(drain(&mut stream)? == BULK, "bytes were lost");
    Ok(megabytes_per_second(BULK, began))
}

fn drain(stream: &mut Box<dyn Connection>) -> Result<usize> {
    let mut buffer = vec![0; 256 * 1024];
    let mut taken = 0;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(taken),
            count => taken += count,
        }
    }
}

/// A call on a connection that is open already.
fn call(engine: &Way) -> Result<f64> {
    let mut stream = engine.connect()?;
    let mut times = Series::new("");
    let mut buffer = [0; 4096];
    for _ in 0..API_CALLS {
        let began = Instant::now();
        stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nOK") {
            let count = stream.read(&mut buffer)?;
            ensure!(count > 0, "the engine hung up");
            answer.extend_from_slice(&buffer[..count]);
        }
        times.push(milliseconds(began));
    }
    Ok(times.median())
}

fn archive() -> Result<Vec<u8>> {
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("bulk"), vec![7; API_BULK])?;
    let tar = Command::new("tar")
        .args(["--create", "--owner=0", "--group=0", "--directory"])
        .arg(directory.path())
        .arg("bulk")
        .output()?;
    ensure!(tar.status.success(), "tar failed");
    Ok(tar.stdout)
}

/// Puts a file into the container.
fn upload(engine: &Way, archive: &[u8]) -> Result<f64> {
    let mut stream = engine.connect()?;
    let began = Instant::now();
    write!(
        stream,
        "PUT /v1.41/containers/{NAME}/archive?path=/ HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\
         Content-Type: application/x-tar\r\nContent-Length: {}\r\n\r\n",
        archive.len()
    )?;
    stream.write_all(archive)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    ensure!(
        answer.starts_with(b"HTTP/1.1 200"),
        "the engine did not take a file: {}",
        String::from_utf8_lossy(&answer)
    );
    Ok(megabytes_per_second(archive.len(), began))
}

/// Takes it out again.
fn download(engine: &Way) -> Result<f64> {
    let mut stream = engine.connect()?;
    let began = Instant::now();
    write!(
        stream,
        "GET /v1.41/containers/{NAME}/archive?path=/bulk HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
    )?;
    let taken = drain(&mut stream)?;
    ensure!(
        taken > API_BULK,
        "the engine sent only {taken} bytes of a file"
    );
    Ok(megabytes_per_second(taken, began))
}

fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "a few million bytes")]
fn megabytes_per_second(bytes: usize, began: Instant) -> f64 {
    bytes as f64 / began.elapsed().as_secs_f64() / 1e6
}

impl Forwards {
    /// Each against the better of the two others.
    pub(super) fn figures(&self) -> Vec<Figure> {
        let fast = |what: &str, of: fn(&Measured) -> &Series| {
            let (hostfwd, ssh) = (of(&self.hostfwd), of(&self.ssh));
            let (better, worse) = if hostfwd.median() >= ssh.median() {
                (hostfwd, ssh)
            } else {
                (ssh, hostfwd)
            };
            self.pair(
                what,
                Unit::MegabytesPerSecond,
                of,
                better,
                worse,
                Goal::AtLeast(1.0),
            )
        };
        let soon = |what: &str, of: fn(&Measured) -> &Series| {
            let (hostfwd, ssh) = (of(&self.hostfwd), of(&self.ssh));
            let (better, worse) = if hostfwd.median() <= ssh.median() {
                (hostfwd, ssh)
            } else {
                (ssh, hostfwd)
            };
            self.pair(
                what,
                Unit::Milliseconds,
                of,
                better,
                worse,
                Goal::AtMost(1.2),
            )
        };
        [
            fast("published port, to the container", |it| &it.there),
            fast("published port, from the container", |it| &it.back),
            soon("published port, one byte there and back", |it| {
                &it.round_trip
            }),
            fast("engine, a file into a container", |it| &it.engine_there),
            fast("engine, a file out of a container", |it| &it.engine_back),
            soon("engine, `/_ping` on an open connection", |it| {
                &it.engine_call
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn pair(
        &self,
        what: &str,
        unit: Unit,
        of: fn(&Measured) -> &Series,
        better: &Series,
        worse: &Series,
        goal: Goal,
    ) -> [Figure; 2] {
        let ours = of(&self.slipway);
        [
            Figure::ratio(what, unit, ours.clone(), better.clone(), Some(goal)),
            Figure::ratio("the same", unit, ours.clone(), worse.clone(), None),
        ]
    }
}
