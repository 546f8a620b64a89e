//! The private Podman: the Docker API on a socket, and nothing left afterwards.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use slipway_testkit::Podman;

#[test]
fn podman_runs_nginx() {
    let podman = Podman::start().expect("podman starts");
    podman
        .load_sample("nginx:1.22")
        .expect("the sample is pulled");
    let docker = |arguments: &[&str]| {
        let mut command = Command::new("docker");
        let output = command
            .env("DOCKER_HOST", podman.host())
            .args(arguments)
            .output()
            .expect("docker runs");
        assert!(
            output.status.success(),
            "docker {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    };
    assert!(
        docker(&["version", "-f", "{{.Server.Version}}"])
            .starts_with(|it: char| it.is_ascii_digit())
    );
    docker(&["pull", "docker.io/slipway/busybox"]);
    docker(&[
        "run",
        "-d",
        "--name",
        "web",
        "-p",
        "127.0.0.1:18443:80",
        "docker.io/library/nginx:1.22",
    ]);
    let deadline = Instant::now() + Duration::from_secs(20);
    let page = || {
        Command::new("curl")
            .args(["-s", "http://127.0.0.1:18443/"])
            .output()
            .expect("curl runs")
            .stdout
    };
    while !String::from_utf8_lossy(&page()).contains("Welcome to nginx!") {
        assert!(Instant::now() < deadline, "nginx does not answer");
        std::thread::sleep(Duration::from_millis(20));
    }
    let run = podman
        .socket()
        .parent()
        .expect("a run directory")
        .to_owned();
    drop(podman);
    assert!(!run.exists());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts can be read");
    assert!(!mounts.contains(&run.display().to_string()));
    let rules = Command::new("iptables-save")
        .output()
        .expect("iptables-save runs")
        .stdout;
    let id = run
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    assert!(
        !String::from_utf8_lossy(&rules).contains(&id),
        "packet filter rules are left"
    );
    assert!(
        !Path::new("/var/lib/cni/networks")
            .join(format!("testkit-{id}"))
            .exists()
    );
}
