//! QEMU's command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use slipway_api::machine::Accelerator;

use super::process::Program;
use crate::VmSpec;

/// QEMU's sockets.
#[derive(Debug, Clone)]
pub(super) struct Sockets {
    /// Control.
    pub(super) qmp: PathBuf,
    /// The link.
    pub(super) link: PathBuf,
    pub(super) networks: Networks,
}

/// The sockets for frames.
#[derive(Debug, Clone)]
pub(super) struct Networks {
    /// Those of published ports.
    pub(super) ports: PathBuf,
    /// Those of the calls to the engine.
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

/// Arguments as they are gathered. A value of QEMU's own small language has its commas doubled.
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

/// A path within an option of QEMU.
fn quoted(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

/// What QEMU has no use for once it runs, and a guest that broke into it would: other programs, more rights, old system calls.
pub(super) const SANDBOX: [&str; 2] = [
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
];

/// Everything that makes QEMU the machine of `spec`.
pub(super) fn machine(
    program: &Program,
    spec: &VmSpec,
    accelerator: Accelerator,
    sockets: &Sockets,
) -> Vec<OsString> {
    let mut arguments = base(program, spec, accelerator, spec.memory_mb, spec.cpus);
    arguments.pair("-kernel", spec.image.kernel());
    arguments.pair("-initrd", spec.image.initrd());
    // The last console that it is told is the kernel's own.
    arguments.pair(
        "-append",
        format!(
            "{} {}console={}",
            spec.image.command_line,
            kernel_words(&spec.image.arch, accelerator),
            console(&spec.image.arch)
        ),
    );
    // Appended to, because it is cut while QEMU has it open.
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
    // Writes go to the host's page cache, flushes of the guest to the disk, and what the guest trims is punched out.
    arguments.pair(
        "-blockdev",
        format!(
            "driver=raw,node-name=data,discard=unmap,detect-zeroes=unmap,file.driver=file,file.discard=unmap,file.filename={}",
            quoted(&spec.data_disk)
        ),
    );
    // A write that fails is kept and tried again rather than told to the guest, which could only lose it.
    arguments.pair(
        "-device",
        "virtio-blk-pci,drive=data,serial=data,werror=stop",
    );
    // The guest has no use for IPv6 here, and what it sent to the gateway would reach this computer's own ::1.
    arguments.pair("-netdev", "user,id=net,ipv6=off");
    arguments.pair("-device", "virtio-net-pci,netdev=net,romfile=");
    if program.has_streams() {
        // The guest tells them apart by their order.
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

/// A machine that does nothing but run the kernel until it finds no root: what shows whether an accelerator works.
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
    // Memory that another process can map is what sharing directories takes.
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
    // Emulated processors that do not seem to share a cache: Linux then leaves two programs that wait for each other on
    // one of them. Waking another is an interrupt, and to send one an emulated processor waits for a lock of QEMU's.
    let topology = match accelerator {
        Accelerator::Tcg => format!("{cpus},sockets={cpus},cores=1,threads=1"),
        _ => cpus.to_string(),
    };
    arguments.pair("-smp", topology);
    let (accelerator, cpu) = match accelerator {
        Accelerator::Kvm => ("kvm", "host"),
        Accelerator::Hvf => ("hvf", "host"),
        // Windows' hypervisor has no `host` model.
        Accelerator::Whpx => ("whpx,kernel-irqchip=off", "max"),
        // Emulated string instructions move as much in a step as they are told to. With these features Linux would
        // copy byte by byte.
        Accelerator::Tcg if spec.image.arch == "amd64" => {
            ("tcg,thread=multi", "max,erms=off,fsrm=off")
        }
        Accelerator::Tcg => ("tcg,thread=multi", "max"),
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

/// An emulated processor that has something for a device does it in place. To wake QEMU's main thread takes longer.
fn in_place(accelerator: Accelerator) -> &'static str {
    match accelerator {
        Accelerator::Tcg => ",ioeventfd=off",
        _ => "",
    }
}

/// What the kernel is told beyond the image's own words, with a space after it.
fn kernel_words(arch: &str, accelerator: Accelerator) -> &'static str {
    match (accelerator, arch) {
        // What hardens a processor against speculation does nothing on an emulated one but cost time. And when the
        // computer is busy, Linux would take the clock of emulated processors for broken and go over to one that is
        // read through QEMU's lock.
        (Accelerator::Tcg, "amd64") => "mitigations=off tsc=reliable ",
        (Accelerator::Tcg, _) => "mitigations=off ",
        _ => "",
    }
}

/// The kernel's name of the serial console.
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
        let spec = VmSpec {
            image: crate::GuestImage {
                directory: "/image".into(),
                arch: "amd64".to_owned(),
                kernel_version: String::new(),
                command_line: String::new(),
            },
            data_disk: "/data.raw".into(),
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
