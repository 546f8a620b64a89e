use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use slipway_engine::{Address, Connection, Dialer, Endpoint, Engine, TlsMaterial};
use tokio::io::{AsyncRead, AsyncWrite, Join, join};

use crate::support::{connect, dockerd, endpoint, kind};

fn openssl(dir: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .output()
        .expect("openssl is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A test certificate authority, and certificates for a server on 127.0.0.1 and a client.
fn make_certificates(dir: &Path) {
    for ca in ["ca", "other"] {
        let subject = format!("/CN={ca}");
        openssl(
            dir,
            &[
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                &subject,
                "-keyout",
                &format!("{ca}-key.pem"),
                "-out",
                &format!("{ca}.pem"),
            ],
        );
    }
    std::fs::write(
        dir.join("server.ext"),
        "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
    )
    .unwrap();
    std::fs::write(dir.join("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    for name in ["server", "client"] {
        let (key, csr) = (format!("{name}-key.pem"), format!("{name}.csr"));
        openssl(
            dir,
            &[
                "req",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-subj",
                &format!("/CN={name}"),
                "-keyout",
                &key,
                "-out",
                &csr,
            ],
        );
        openssl(
            dir,
            &[
                "x509",
                "-req",
                "-in",
                &csr,
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca-key.pem",
                "-CAcreateserial",
                "-days",
                "2",
                "-extfile",
                &format!("{name}.ext"),
                "-out",
                &format!("{name}.pem"),
            ],
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates() {
    let dir = tempfile::tempdir().unwrap();
    make_certificates(dir.path());
    let path = |name: &str| dir.path().join(name);
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let options = slipway_testkit::Engine::options()
        .without_registry()
        .argument(format!("--host=tcp://127.0.0.1:{port}"))
        .argument("--tlsverify")
        .argument(format!("--tlscacert={}", path("ca.pem").display()))
        .argument(format!("--tlscert={}", path("server.pem").display()))
        .argument(format!("--tlskey={}", path("server-key.pem").display()));
    let dockerd = tokio::task::spawn_blocking(|| options.start().unwrap())
        .await
        .unwrap();

    let good = TlsMaterial {
        ca: Some(path("ca.pem")),
        cert: Some(path("client.pem")),
        key: Some(path("client-key.pem")),
        skip_verify: false,
    };
    let at = |tls: Option<TlsMaterial>, host: &str| {
        Endpoint::at(Address::Tcp {
            host: host.to_owned(),
            port,
            tls,
        })
    };
    let engine = Engine::connect(&at(Some(good.clone()), "127.0.0.1"))
        .await
        .unwrap();
    assert!(engine.list_images().await.unwrap().is_empty());
    let unverified = TlsMaterial {
        ca: None,
        skip_verify: true,
        ..good.clone()
    };
    Engine::connect(&at(Some(unverified), "localhost"))
        .await
        .unwrap();

    let wrong_ca = TlsMaterial {
        ca: Some(path("other.pem")),
        ..good.clone()
    };
    let system_ca = TlsMaterial {
        ca: None,
        ..good.clone()
    };
    let no_certificate = TlsMaterial {
        cert: None,
        key: None,
        ..good.clone()
    };
    let missing_file = TlsMaterial {
        cert: Some(path("none.pem")),
        ..good.clone()
    };
    for (tls, host, expected) in [
        (Some(wrong_ca), "127.0.0.1", "Tls"),
        (Some(system_ca), "127.0.0.1", "Tls"),
        (Some(no_certificate), "127.0.0.1", "Tls"),
        (Some(good), "localhost", "Tls"),
        (None, "127.0.0.1", "Tls"),
        (Some(missing_file), "127.0.0.1", "InvalidConfiguration"),
    ] {
        let error = Engine::connect(&at(tls.clone(), host)).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{tls:?} {host}: {error:?}");
        println!("{error}");
    }
    drop(dockerd);
}

/// The standard streams of a program; dropping them ends it.
struct Program {
    _child: tokio::process::Child,
    streams: Join<tokio::process::ChildStdout, tokio::process::ChildStdin>,
}

impl AsyncRead for Program {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.streams).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Program {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.streams).poll_write(cx, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.streams).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.streams).poll_shutdown(cx)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialer_of_ones_own() {
    connect().await;
    let host = dockerd().host();
    // The command that ssh runs on the remote side.
    let dialer: Dialer = Arc::new(move || {
        let host = host.clone();
        Box::pin(async move {
            let mut child = tokio::process::Command::new("docker")
                .args(["-H", &host, "system", "dial-stdio"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            let streams = join(child.stdout.take().unwrap(), child.stdin.take().unwrap());
            Ok(Box::new(Program {
                _child: child,
                streams,
            }) as Box<dyn Connection>)
        })
    });
    let engine = Engine::connect_with(&endpoint("ssh://elsewhere"), dialer)
        .await
        .unwrap();
    assert!(!engine.list_images().await.unwrap().is_empty());
    assert_eq!(crate::events::whole_life(&engine, "dialed").await.len(), 4);
}
