//! A real registry on a loopback port, which serves the sample images.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::{fs::symlink, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::{
    Error, Fault, FaultProxy, Result, command::spawn_error, error::At, run_dir::RunDir, samples,
    wait,
};

/// A Distribution registry without a login, with every sample image in it under the name that it has on Docker Hub
/// (`library/nginx` and so on), so it can stand in for Docker Hub as an engine's mirror.
///
/// It has a storage of its own: what a test pushes or deletes is gone with it and never reaches the cache. Clients see
/// it through a [`FaultProxy`], so a pull can be slowed down or cut in its middle.
#[derive(Debug)]
pub struct Registry {
    proxy: FaultProxy,
    origin: SocketAddr,
    child: Child,
    _run: RunDir,
}

impl Registry {
    /// Starts a registry with the sample images. The first one on a machine builds them, which takes a minute or two.
    pub fn start() -> Result<Self> {
        Self::serve(Some(&samples::storage()?))
    }

    /// Starts an empty registry.
    pub fn empty() -> Result<Self> {
        Self::serve(None)
    }

    /// Like [`start`](Self::start), with answers held to `bytes_per_second` on each connection.
    pub fn throttled(bytes_per_second: u64) -> Result<Self> {
        let registry = Self::start()?;
        registry.set(Fault::Throttle(bytes_per_second));
        Ok(registry)
    }

    fn serve(content: Option<&Path>) -> Result<Self> {
        let run = RunDir::create()?;
        let storage = run.join("storage");
        fs::create_dir(&storage).at("create", &storage)?;
        if let Some(content) = content {
            mirror(content, &storage)?;
        }
        let log = run.join("registry.log");
        let config = run.join("registry.yml");
        // Another process may take the port between choosing and binding it; then the registry ends at once.
        let mut attempts = 0;
        let (child, origin) = loop {
            attempts += 1;
            let origin = free_address().at("find a port for", &config)?;
            fs::write(&config, configuration(&storage, origin)).at("write", &config)?;
            let out = File::create(&log).at("create", &log)?;
            let err = out.try_clone().at("open", &log)?;
            let mut command = Command::new("docker-registry");
            command
                .arg("serve")
                .arg(&config)
                .stdin(Stdio::null())
                .stdout(out)
                .stderr(err)
                .process_group(0);
            let mut child = command
                .spawn()
                .map_err(|source| spawn_error(&command, "docker-registry", source))?;
            match wait::until_ready("docker-registry", &mut child, &log, || {
                wait::serves(origin, "/v2/")
            }) {
                Ok(()) => break (child, origin),
                Err(Error::NotReady { log, .. })
                    if attempts < 5 && log.contains("address already in use") => {}
                Err(error) => {
                    let _ = child.kill().and_then(|()| child.wait());
                    return Err(error);
                }
            }
        };
        let proxy = FaultProxy::tcp(&format!("tcp://{origin}"))?;
        Ok(Self {
            proxy,
            origin,
            child,
            _run: run,
        })
    }

    /// `127.0.0.1:PORT`, as it is written in front of an image name.
    pub fn address(&self) -> String {
        self.proxy.address()
    }

    /// `http://127.0.0.1:PORT`, as `--registry-mirror` wants it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// `127.0.0.1:PORT` of the registry itself, without the proxy.
    pub fn origin(&self) -> String {
        self.origin.to_string()
    }

    /// Makes the registry misbehave from now on, on connections that are open as well.
    pub fn set(&self, fault: Fault) {
        self.proxy.set(fault);
    }

    /// The proxy that clients go through, for its request log.
    pub fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn configuration(storage: &Path, address: SocketAddr) -> String {
    format!(
        "version: 0.1\n\
         log: {{level: warn, accesslog: {{disabled: true}}}}\n\
         storage:\n  filesystem: {{rootdirectory: '{}'}}\n  delete: {{enabled: true}}\n  \
         cache: {{blobdescriptor: inmemory}}\n  maintenance: {{uploadpurging: {{enabled: false}}}}\n\
         http: {{addr: '{address}', relativeurls: true}}\n",
        storage.display()
    )
}

/// Copies a registry's storage. Blobs, which never change, become symbolic links; the links between names and digests,
/// which a push rewrites in place, are copied.
fn mirror(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).at("list", from)? {
        let entry = entry.at("list", from)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            fs::create_dir(&target).at("create", &target)?;
            mirror(&source, &target)?;
        } else if entry.file_name() == "data" {
            symlink(&source, &target).at("link", &target)?;
        } else {
            fs::copy(&source, &target).at("copy", &target)?;
        }
    }
    Ok(())
}
