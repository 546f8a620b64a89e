//! The sample images: built from Debian packages once, and kept as a registry's storage in the cache.
//!
//! They behave like their namesakes on Docker Hub as far as Slipway can tell: the same ports, volumes, variables,
//! users, entry points and messages. `nginx`, `redis` and `postgres` are manifest lists, as on Docker Hub; their arm64
//! entries have no content that could run. `nginx:latest` comes from a newer Debian than `nginx:1.22`, so going from
//! one to the other is a real upgrade.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    Result,
    error::At,
    layer::Layer,
    rootfs::{self, Rootfs},
    storage::{Image, Storage, hex},
};

/// Every reference that the registry has, as it is given to `docker pull`. Some are there under the tag that the
/// bundled catalog runs, with the version that Debian has.
pub const REFERENCES: &[&str] = &[
    "nginx:latest",
    "nginx:1.28",
    "nginx:1.26",
    "nginx:1.22",
    "redis:latest",
    "redis:8",
    "redis:7",
    "postgres:latest",
    "postgres:17",
    "postgres:15",
    "slipway/busybox:latest",
    "slipway/flood:latest",
    "slipway/tty:latest",
    "slipway/exit1:latest",
    "slipway/oom:latest",
    "slipway/webapp:latest",
    ARM64_ONLY,
];

/// The image that says it is for linux/arm64 and nothing else.
pub const ARM64_ONLY: &str = "slipway/arm64only:latest";

/// The references that can run here.
pub fn runnable() -> impl Iterator<Item = &'static str> {
    REFERENCES
        .iter()
        .copied()
        .filter(|reference| *reference != ARM64_ONLY)
}

/// Builds what is missing of the cache and returns the directory of the registry's storage.
///
/// Parallel callers, in this process or another, wait for the one that builds.
pub fn storage() -> Result<PathBuf> {
    static KEY: OnceLock<String> = OnceLock::new();
    let cache = cache_dir();
    let storage = cache.join(format!("samples-{}", KEY.get_or_init(recipe_hash)));
    if storage.exists() {
        return Ok(storage);
    }
    fs::create_dir_all(&cache).at("create", &cache)?;
    let path = cache.join("lock");
    let lock = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .at("open", &path)?;
    lock.lock().at("lock", &path)?;
    if storage.exists() {
        return Ok(storage);
    }
    // What earlier recipes and interrupted builds left. A registry that still serves an old one keeps what it has
    // open; the lock is held, so nobody builds.
    for entry in fs::read_dir(&cache).at("list", &cache)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "building" || (name.starts_with("samples-") && is_old(&entry.path())) {
            fs::remove_dir_all(entry.path()).at("remove", &entry.path())?;
        }
    }
    eprintln!(
        "testkit: building the sample images in {}, once",
        cache.display()
    );
    let building = cache.join("building");
    build(&building)?;
    fs::rename(building.join("storage"), &storage).at("rename", &building)?;
    fs::remove_dir_all(&building).at("remove", &building)?;
    Ok(storage)
}

/// `SLIPWAY_TESTKIT_CACHE`, or `target/testkit` of the workspace that this crate was built in.
pub fn cache_dir() -> PathBuf {
    match std::env::var_os("SLIPWAY_TESTKIT_CACHE") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/testkit"),
    }
}

/// `library/nginx:latest` for `nginx`: the name on a registry that is not Docker Hub.
pub(crate) fn repository_and_tag(reference: &str) -> String {
    let (name, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
    if name.contains('/') {
        format!("{name}:{tag}")
    } else {
        format!("library/{name}:{tag}")
    }
}

/// Another checkout may share the cache directory: storages in use are touched neither by it nor by us for a day.
fn is_old(path: &Path) -> bool {
    let changed = fs::metadata(path).map(|it| it.ctime()).unwrap_or_default();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    now.saturating_sub(changed.unsigned_abs()) > 24 * 60 * 60
}

const BASE_SCRIPT: &str = include_str!("../images/base.sh");
const NGINX_SCRIPT: &str = include_str!("../images/nginx.sh");
const REDIS_SCRIPT: &str = include_str!("../images/redis.sh");
const POSTGRES_SCRIPT: &str = include_str!("../images/postgres.sh");
/// A program for arm64 as far as its header goes, which is as far as another kernel reads.
const FOREIGN_SCRIPT: &str = r"mkdir -p bin
{ printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\267\000\001\000\000\000'; head -c 256 /dev/zero; } > bin/sh
chmod 755 bin/sh
";
const BUSYBOX_SCRIPT: &str = include_str!("../images/busybox.sh");
const PROGRAMS_SCRIPT: &str = include_str!("../images/programs.sh");

/// Everything that decides what the images are, except Debian's package versions.
fn recipe_hash() -> String {
    let mut hash = Sha256::new();
    for part in [
        BASE_SCRIPT,
        NGINX_SCRIPT,
        REDIS_SCRIPT,
        POSTGRES_SCRIPT,
        BUSYBOX_SCRIPT,
        PROGRAMS_SCRIPT,
        include_str!("samples.rs"),
        include_str!("rootfs.rs"),
        include_str!("layer.rs"),
        include_str!("storage.rs"),
        std::env::consts::ARCH,
    ] {
        hash.update(part);
        hash.update([0]);
    }
    hex(&hash.finalize()[..8])
}

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn build(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).at("create", dir)?;
    let storage = Storage::create(dir.join("storage"))?;
    std::thread::scope(|scope| {
        // Two at a time: unpacking is bound by the CPU.
        let bookworm = scope.spawn(|| -> Result<()> {
            let base = Rootfs::base(dir, "bookworm", BASE_SCRIPT)?;
            redis(&storage, &base)?;
            postgres(&storage, &base)?;
            nginx(&storage, &base, "1.22", &["1.22"])
        });
        let rest = scope.spawn(|| -> Result<()> {
            samples_of_our_own(&storage, dir)?;
            let base = Rootfs::base(dir, "trixie", BASE_SCRIPT)?;
            nginx(&storage, &base, "1.26", &["latest", "1.28", "1.26"])
        });
        bookworm.join().expect("a build does not panic")?;
        rest.join().expect("a build does not panic")
    })
}

fn nginx(storage: &Storage, base: &Rootfs, version: &str, tags: &[&str]) -> Result<()> {
    let packages = base.with("nginx", &["nginx", "curl"])?;
    let config = json!({
        "Env": [PATH, format!("NGINX_VERSION={version}"), "PKG_RELEASE=1"],
        "Entrypoint": ["/docker-entrypoint.sh"],
        "Cmd": ["nginx", "-g", "daemon off;"],
        "ExposedPorts": {"80/tcp": {}},
        "StopSignal": "SIGQUIT",
        "Labels": {"maintainer": "NGINX Docker Maintainers <docker-maint@nginx.com>"},
    });
    let layers = [
        base.layer(),
        packages.layer(),
        packages.changes("nginx", NGINX_SCRIPT)?,
    ];
    storage.add_official("nginx", tags, &Image::here(config, &layers))
}

fn redis(storage: &Storage, base: &Rootfs) -> Result<()> {
    let packages = base.with("redis", &["redis-server"])?;
    let config = json!({
        "Env": [PATH, "REDIS_VERSION=7.0.15"],
        "Entrypoint": ["docker-entrypoint.sh"],
        "Cmd": ["redis-server"],
        "ExposedPorts": {"6379/tcp": {}},
        "Volumes": {"/data": {}},
        "WorkingDir": "/data",
        "Healthcheck": healthcheck("redis-cli ping | grep -q PONG"),
    });
    let layers = [
        base.layer(),
        packages.layer(),
        packages.changes("redis", REDIS_SCRIPT)?,
    ];
    storage.add_official(
        "redis",
        &["latest", "8", "7"],
        &Image::here(config, &layers),
    )
}

fn postgres(storage: &Storage, base: &Rootfs) -> Result<()> {
    let packages = base.with("postgres", &["postgresql-15"])?;
    let config = json!({
        "Env": [
            // Before /usr/bin, where Debian has wrappers of the same names that want Perl.
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
            "PG_MAJOR=15",
            "PGDATA=/var/lib/postgresql/data",
        ],
        "Entrypoint": ["docker-entrypoint.sh"],
        "Cmd": ["postgres"],
        "ExposedPorts": {"5432/tcp": {}},
        "Volumes": {"/var/lib/postgresql/data": {}},
        "StopSignal": "SIGINT",
        "Healthcheck": healthcheck("pg_isready -q -h 127.0.0.1 -U \"${POSTGRES_USER:-postgres}\""),
    });
    let layers = [
        base.layer(),
        packages.layer(),
        packages.changes("postgres", POSTGRES_SCRIPT)?,
    ];
    storage.add_official(
        "postgres",
        &["latest", "17", "15"],
        &Image::here(config, &layers),
    )
}

/// Quick, so that tests need not wait: every 2 s, unhealthy after three failures.
fn healthcheck(command: &str) -> Value {
    let second = 1_000_000_000_u64;
    json!({"Test": ["CMD-SHELL", command], "Interval": 2 * second, "Timeout": 3 * second, "Retries": 3})
}

fn samples_of_our_own(storage: &Storage, dir: &Path) -> Result<()> {
    let busybox = rootfs::scripted(dir, "busybox", BUSYBOX_SCRIPT)?;
    let programs = rootfs::scripted(dir, "programs", PROGRAMS_SCRIPT)?;
    let add = |name: &str, layers: &[Layer], mut config: Value| {
        match config["Env"].as_array_mut() {
            Some(env) => env.push(PATH.into()),
            None => config["Env"] = json!([PATH]),
        }
        storage.add(
            &format!("slipway/{name}"),
            "latest",
            &Image::here(config, layers),
        )
    };
    let both = [busybox.clone(), programs];
    add("busybox", &both[..1], json!({"Cmd": ["sh"]}))?;
    add(
        "flood",
        &both,
        json!({"Cmd": ["flood"], "Env": ["RATE=10", "LINES=0", "WIDTH=80"]}),
    )?;
    add(
        "tty",
        &both,
        json!({"Cmd": ["tty-demo"], "Env": ["TERM=xterm-256color"]}),
    )?;
    let complaint =
        "echo 'starting up'; echo 'error: no configuration found in /etc/app.conf' >&2; exit 1";
    add("exit1", &both[..1], json!({"Cmd": ["sh", "-c", complaint]}))?;
    add("oom", &both, json!({"Cmd": ["oom"]}))?;
    let webapp = json!({"Cmd": ["webapp"], "Env": ["DELAY=0"], "ExposedPorts": {"8080/tcp": {}}});
    add("webapp", &both, webapp)?;
    let foreign = rootfs::scripted(dir, "foreign", FOREIGN_SCRIPT)?;
    let arm64 = Image::arm64(json!({"Cmd": ["sh"], "Env": [PATH]}), &[foreign]);
    storage.add("slipway/arm64only", "latest", &arm64)
}
