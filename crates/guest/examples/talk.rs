#![allow(warnings)]
use slipway_link::*;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let stream = loop {
        match UnixStream::connect(&args[0]).await {
            Ok(s) => break s,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let link = HostLink::connect_within(stream, &Secret::new([7; 32]), Duration::from_secs(120))
        .await
        .unwrap();
    let started = Instant::now();
    match args[1].as_str() {
        "events" => {
            let until = args.get(2).cloned().unwrap_or_default();
            let (_, s) = link.open(&Request::Events).await.unwrap();
            while let Some(n) = s.receive::<GuestNews>().await.unwrap() {
                println!("{:6} {:?}", n.at_ms, n.event);
                let text = format!("{:?}", n.event);
                if !until.is_empty() && text.contains(&until) {
                    break;
                }
            }
        }
        "log" => {
            let source = match args[2].as_str() {
                "agent" => LogSource::Agent,
                "dockerd" => LogSource::Dockerd,
                "containerd" => LogSource::Containerd,
                _ => LogSource::Kernel,
            };
            let (_, mut s) = link
                .open(&Request::Log {
                    source,
                    follow: false,
                })
                .await
                .unwrap();
            let mut t = Vec::new();
            s.read_to_end(&mut t).await.unwrap();
            println!("{}", String::from_utf8_lossy(&t));
        }
        "ask" => {
            let request = match args[2].as_str() {
                "ping" => Request::Ping,
                "stats" => Request::Stats,
                "trim" => Request::Trim,
                "off" => Request::PowerOff,
                "restart" => Request::RestartDocker,
                "repair" => Request::RepairDisk,
                "clock" => Request::Clock {
                    unix_time_ns: std::time::SystemTime::now()
                        .duration_since(std::time::UNIX_EPOCH)
                        .unwrap()
                        .as_nanos() as u64,
                },
                _ => panic!(),
            };
            println!("{:?}", link.open(&request).await.map(|r| r.0));
            if args[2] == "off" {
                println!("{:?}", link.closed().await);
            }
            println!("{:?}", started.elapsed());
        }
        "sh" | "tty" => {
            let tty = args[1] == "tty";
            let (_, s) = link
                .open(&Request::Shell {
                    command: Some(vec![
                        "/usr/bin/busybox".into(),
                        "sh".into(),
                        "-c".into(),
                        args[2].clone(),
                    ]),
                    columns: if tty { 100 } else { 0 },
                    rows: if tty { 30 } else { 0 },
                })
                .await
                .unwrap();
            s.send_bytes(&ShellInput::End.encode()).await.unwrap();
            while let Some(m) = s.receive_bytes().await.unwrap() {
                match ShellOutput::decode(&m).unwrap() {
                    ShellOutput::Bytes(b) | ShellOutput::ErrorBytes(b) => {
                        std::io::Write::write_all(&mut std::io::stdout(), &b).unwrap();
                    }
                    ShellOutput::Exit { code } => println!("exit {code}"),
                }
            }
        }
        "proxy" => {
            let link = std::sync::Arc::new(link);
            let _ = std::fs::remove_file(&args[2]);
            let l = tokio::net::UnixListener::bind(&args[2]).unwrap();
            loop {
                let (c, _) = l.accept().await.unwrap();
                let link = link.clone();
                tokio::spawn(async move {
                    let (_, s) = match link.open(&Request::Docker).await {
                        Ok(x) => x,
                        Err(e) => {
                            eprintln!("{e}");
                            return;
                        }
                    };
                    let (r, w) = c.into_split();
                    if let Err(e) = pump(s, r, w).await {
                        eprintln!("{e}");
                    }
                });
            }
        }
        "tcp" => {
            let link = std::sync::Arc::new(link);
            let l = tokio::net::TcpListener::bind(&args[2]).await.unwrap();
            let address: std::net::SocketAddr = args[3].parse().unwrap();
            loop {
                let (c, _) = l.accept().await.unwrap();
                c.set_nodelay(true).unwrap();
                let link = link.clone();
                tokio::spawn(async move {
                    let (_, s) = match link.open(&Request::DialTcp { address }).await {
                        Ok(x) => x,
                        Err(e) => {
                            eprintln!("{e}");
                            return;
                        }
                    };
                    let (r, w) = c.into_split();
                    if let Err(e) = pump(s, r, w).await {
                        eprintln!("{e}");
                    }
                });
            }
        }
        _ => panic!(),
    }
}
