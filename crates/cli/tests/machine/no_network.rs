//! A computer without a network.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Removes every network but the loopback from this thread and its children.
pub(crate) fn leave_the_network() {
    let mut holder = Command::new("unshare")
        .args([
            "--net",
            "sh",
            "-c",
            "ip link set lo up && echo up && exec cat",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("unshare");
    let mut up = [0; 3];
    let mut said = holder.stdout.take().expect("a pipe");
    std::io::Read::read_exact(&mut said, &mut up).expect("a network of its own; it takes root");
    let namespace = File::open(format!("/proc/{}/ns/net", holder.id())).expect("readable");
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("it takes root");
    drop(holder.stdin.take());
    assert!(holder.wait().expect("it ends").success());
    let links = std::fs::read_to_string("/proc/thread-self/net/dev").expect("readable");
    let links: Vec<_> = links.lines().skip(2).collect();
    assert!(
        links.len() == 1 && links[0].trim().starts_with("lo:"),
        "{links:?}"
    );
}
