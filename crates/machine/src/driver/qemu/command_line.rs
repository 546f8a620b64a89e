//! QEMU's command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use slipway_api::machine::Accelerator;

use super::process::Program;
use crate::VmSpec;

/// The paths of QEMU's sockets.
#[derive(Debug, Clone)]
pub(super) struct Sockets {
    /// QMP.
    pub(super) qmp: PathBuf,
    /// The link to the guest agent.
    pub(super) link: PathBuf,
    pub(super) networks: Networks,
}

/// The sockets that carry network frames.
#[derive(Debug, Clone)]
pub(super) struct Networks {
    /// The network of published ports.
    pub(super) ports: PathBuf,
    /// The network of the engine.
    pub(super) engine: PathBuf,
}

impl Sockets {
    pub(super) fn in_dir(runtime: &Path) -> Self {
        Self {
            qmp: runtime.join("qmp.sock"),
            link: runtime.join("link.sock"),
            networks: Networks {
                ports: runtime.join("ports.sock"),
                engine: runtime.join("calls.sock"),
            },
        }
    }
}

/// Builds an argument list. Commas in option values are doubled, as QEMU requires.
#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn flag(&mut self, name: &str) {
        self.0.push(name.into());
    }

    fn pair(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.push(name.into());
        self.0.push(value.into());
    }
}

/// A path as the value of a QEMU option.
fn quoted(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

/// QEMU locks the disk, even where it would not by itself (macOS). On Windows it refuses the option, and no other
/// process can open the file for writing.
const LOCKING: &str = if cfg!(windows) {
    ""
} else {
    ",file.locking=on"
};

/// Options that take away what QEMU does not need at run time and an attacker who escaped the guest would: other
/// programs, more privileges, obsolete system calls.
pub(super) const SANDBOX: [&str; 2] = [
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
];

/// The full command line for `spec`.
pub(super) fn machine(
    program: &Program,
    spec: &VmSpec,
    accelerator: Accelerator,
    sockets: &Sockets,
) -> Vec<OsString> {
    let mut arguments = base(program, spec, accelerator, spec.memory_mb, spec.cpus);
    arguments.pair("-kernel", spec.image.kernel());
    arguments.pair("-initrd", spec.image.initrd());
    // The last console named becomes `/dev/console`.
    arguments.pair(
        "-append",
        format!(
            "{} {}console={}",
            spec.image.command_line,
            kernel_words(&spec.image.arch, accelerator),
            console(&spec.image.arch)
        ),
    );
    // Opened for appending, because the log is cut while QEMU has it open.
    arguments.pair(
        "-chardev",
        format!(
            "file,id=console,append=on,path={}",
            quoted(&spec.console_log)
        ),
    );
    arguments.pair("-serial", "chardev:console");
    arguments.pair(
        "-blockdev",
        format!(
            "driver=raw,node-name=root,read-only=on,file.driver=file,file.filename={}",
            quoted(&spec.image.root())
        ),
    );
    arguments.pair("-device", "virtio-blk-pci,drive=root,serial=root");
    // Writes go to the host's page cache; a guest flush syncs to disk, and a guest trim punches holes.
    arguments.pair(
        "-blockdev",
        format!(
            "driver=raw,node-name=data,discard=unmap,detect-zeroes=unmap,file.driver=file,file.discard=unmap{LOCKING},file.filename={}",
            quoted(&spec.data_disk)
        ),
    );
    // A failed write pauses the machine and is retried; reported to the guest, it would mean data loss.
    arguments.pair(
        "-device",
        "virtio-blk-pci,drive=data,serial=data,werror=stop",
    );
    // The guest needs no IPv6 here, and IPv6 packets to the gateway would reach the host's own ::1.
    arguments.pair("-netdev", "user,id=net,ipv6=off");
    arguments.pair("-device", "virtio-net-pci,netdev=net,romfile=");
    if program.has_streams() {
        // The guest tells the interfaces apart by their order.
        let networks = &sockets.networks;
        for (id, socket) in [("ports", &networks.ports), ("engine", &networks.engine)] {
            arguments.pair(
                "-netdev",
                format!(
                    "stream,id={id},server=on,addr.type=unix,addr.path={}",
                    quoted(socket)
                ),
            );
            arguments.pair(
                "-device",
                format!(
                    "virtio-net-pci,netdev={id},romfile=,host_mtu={}{}",
                    slipway_link::guest_network::MTU,
                    in_place(accelerator)
                ),
            );
        }
    }
    arguments.pair("-device", "virtio-rng-pci");
    arguments.pair(
        "-chardev",
        format!(
            "socket,id=link,path={},server=on,wait=off",
            quoted(&sockets.link)
        ),
    );
    arguments.pair(
        "-device",
        format!("virtio-serial-pci,max_ports=2{}", in_place(accelerator)),
    );
    arguments.pair(
        "-device",
        "virtserialport,chardev=link,name=slipway.link,nr=1",
    );
    qmp(&mut arguments, sockets);
    arguments.0
}

/// A machine that only runs the kernel until it finds no root file system, to test an accelerator.
pub(super) fn probe(
    program: &Program,
    spec: &VmSpec,
    accelerator: Accelerator,
    console_log: &Path,
    sockets: &Sockets,
) -> Vec<OsString> {
    let mut arguments = base(program, spec, accelerator, 256, 1);
    arguments.pair("-kernel", spec.image.kernel());
    arguments.pair(
        "-append",
        format!("console={} panic=-1", console(&spec.image.arch)),
    );
    arguments.pair("-serial", format!("file:{}", quoted(console_log)));
    qmp(&mut arguments, sockets);
    arguments.0
}

fn base(
    program: &Program,
    spec: &VmSpec,
    accelerator: Accelerator,
    memory_mb: u32,
    cpus: u32,
) -> Arguments {
    let mut arguments = Arguments::default();
    if program.sandbox {
        arguments.pair(SANDBOX[0], SANDBOX[1]);
    }
    for flag in ["-nodefaults", "-no-user-config", "-no-reboot"] {
        arguments.flag(flag);
    }
    arguments.pair("-display", "none");
    arguments.pair("-name", "slipway");
    // Sharing directories needs memory that another process can map.
    let memory = if cfg!(target_os = "linux") {
        format!("memory-backend-memfd,id=memory,size={memory_mb}M,share=on")
    } else {
        format!("memory-backend-ram,id=memory,size={memory_mb}M")
    };
    arguments.pair("-object", memory);
    let board = if spec.image.arch == "arm64" {
        "virt"
    } else {
        "q35"
    };
    arguments.pair("-M", format!("{board},memory-backend=memory"));
    arguments.pair("-m", format!("{memory_mb}M"));
    // Emulated CPUs without a shared cache, as the guest sees it: Linux then keeps two programs that wait for each
    // other on one CPU. Otherwise each wake-up is an inter-processor interrupt, for which an emulated CPU waits for
    // QEMU's global lock.
    let topology = match accelerator {
        Accelerator::Tcg => format!("{cpus},sockets={cpus},cores=1,threads=1"),
        _ => cpus.to_string(),
    };
    arguments.pair("-smp", topology);
    let tcg = if program.has_safe_threads() {
        "tcg,thread=multi"
    } else {
        "tcg,thread=single"
    };
    let (accelerator, cpu) = match accelerator {
        Accelerator::Kvm => ("kvm", "host"),
        Accelerator::Hvf => ("hvf", "host"),
        // Windows' hypervisor has no `host` CPU model.
        Accelerator::Whpx => ("whpx,kernel-irqchip=off", "max"),
        // An emulated string instruction copies any number of bytes in one step. With these features, Linux would copy
        // byte by byte.
        Accelerator::Tcg if spec.image.arch == "amd64" => (tcg, "max,erms=off,fsrm=off"),
        Accelerator::Tcg => (tcg, "max"),
    };
    arguments.pair("-accel", accelerator);
    arguments.pair("-cpu", cpu);
    arguments
}

fn qmp(arguments: &mut Arguments, sockets: &Sockets) {
    arguments.pair(
        "-qmp",
        format!("unix:{},server=on,wait=off", quoted(&sockets.qmp)),
    );
}

/// Handle device writes of an emulated CPU in place, because waking QEMU's main thread takes longer.
fn in_place(accelerator: Accelerator) -> &'static str {
    match accelerator {
        Accelerator::Tcg => ",ioeventfd=off",
        _ => "",
    }
}

/// Kernel arguments in addition to the image's own, with a trailing space.
fn kernel_words(arch: &str, accelerator: Accelerator) -> &'static str {
    match (accelerator, arch) {
        // Mitigations against speculative execution only cost time on an emulated CPU. And on a busy computer, Linux
        // would judge the clock of emulated CPUs unstable and switch to one that is read under QEMU's global lock.
        (Accelerator::Tcg, "amd64") => "mitigations=off tsc=reliable ",
        (Accelerator::Tcg, _) => "mitigations=off ",
        _ => "",
    }
}

/// The kernel's name for the serial console.
fn console(arch: &str) -> &'static str {
    if arch == "arm64" { "ttyAMA0" } else { "ttyS0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_a_path_is_no_option() {
        assert_eq!(quoted(Path::new("/a,b=c/x")), "/a,,b=c/x");
    }

    #[test]
    fn the_console_is_appended_to_so_that_it_can_be_cut() {
        let directory = tempfile::tempdir().unwrap();
        let spec = VmSpec {
            image: crate::GuestImage {
                directory: "/image".into(),
                arch: "amd64".to_owned(),
                kernel_version: String::new(),
                command_line: String::new(),
            },
            data_disk: "/data.raw".into(),
            disk_lock: crate::DiskLock::take(&crate::MachinePaths {
                data: directory.path().to_owned(),
                runtime: directory.path().to_owned(),
                docker_config: None,
                image: None,
            })
            .unwrap(),
            cpus: 1,
            memory_mb: 512,
            accelerator: None,
            runtime: "/run/a,b".into(),
            console_log: "/run/a,b/console.log".into(),
        };
        let program = Program::unknown("qemu".into());
        let sockets = Sockets::in_dir(&spec.runtime);
        let arguments = machine(&program, &spec, Accelerator::Tcg, &sockets);
        let console = "file,id=console,append=on,path=/run/a,,b/console.log";
        let pair = |name: &str, value: &str| {
            let mut pairs = arguments.windows(2);
            pairs.any(|pair| pair[0] == name && pair[1] == value)
        };
        assert!(pair("-chardev", console), "{arguments:?}");
        assert!(pair("-serial", "chardev:console"), "{arguments:?}");
    }
}
