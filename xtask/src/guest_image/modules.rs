//! The kernel, and the few of its modules that the machine needs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::agent::Agent;
use super::cpio::Cpio;
use super::recipe::{Recipe, sorted};
use super::root::Root;
use super::tools::Tools;
use crate::arch::Arch;
use crate::shell;

/// Directory of modules in a package and in the root.
const MODULES: &str = "usr/lib/modules";

/// Lists of depmod that something in the guest reads; the others are for programs that it does not have.
const LISTS: &[&str] = &[
    "modules.dep",
    "modules.alias",
    "modules.softdep",
    "modules.symbols",
];

/// Lists that a package has and depmod reads.
const GIVEN: &[&str] = &[
    "modules.builtin",
    "modules.builtin.modinfo",
    "modules.order",
];

/// A kernel in unpacked packages.
pub(super) struct Kernel {
    tree: PathBuf,
    version: String,
    /// Module by its name, as a path below the directory of the version.
    modules: BTreeMap<String, PathBuf>,
    builtin: Vec<String>,
}

/// A module, ready to be loaded.
struct Module {
    path: PathBuf,
    content: Vec<u8>,
}

impl Kernel {
    pub(super) fn find(tree: &Path) -> Result<Self> {
        let versions = sorted(&tree.join(MODULES))?;
        let [directory] = &versions[..] else {
            bail!(
                "the packages have {} kernels where one is needed",
                versions.len()
            );
        };
        let version = directory
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut modules = BTreeMap::new();
        collect(directory, &directory.join("kernel"), &mut modules)?;
        let builtin = fs::read_to_string(directory.join("modules.builtin"))?
            .lines()
            .filter_map(|path| name(Path::new(path)))
            .collect();
        Ok(Self {
            tree: tree.to_owned(),
            version,
            modules,
            builtin,
        })
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn image(&self) -> PathBuf {
        self.tree
            .join("boot")
            .join(format!("vmlinuz-{}", self.version))
    }

    fn directory(&self) -> PathBuf {
        Path::new(MODULES).join(&self.version)
    }

    /// Installs the root's modules and their dependency lists.
    pub(super) fn lay_modules(
        &self,
        recipe: &Recipe,
        arch: Arch,
        tools: &Tools,
        root: &mut Root,
    ) -> Result<()> {
        let wanted = recipe.modules("root", arch);
        let directory = self.directory();
        let here = root.directory().join(&directory);
        fs::create_dir_all(&here)?;
        for module in self.with_dependencies(tools, &wanted)? {
            let to = here.join(module.path.with_extension(""));
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            fs::write(to, module.content)?;
            root.note(&directory.join(&module.path));
        }
        for list in GIVEN {
            fs::copy(self.tree.join(&directory).join(list), here.join(list))?;
        }
        shell::output(
            tools
                .command("depmod")?
                .arg("--basedir")
                .arg(root.directory())
                .arg(&self.version),
        )?;
        for path in sorted(&here)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_file() && !LISTS.contains(&&*name) && name != "modules.builtin" {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// The initial root: the agent, and the modules it needs to find the real root.
    pub(super) fn initrd(
        &self,
        recipe: &Recipe,
        arch: Arch,
        tools: &Tools,
        agent: &Agent,
    ) -> Result<Vec<u8>> {
        let mut cpio = Cpio::default();
        for directory in ["dev", "modules", "proc", "root", "run", "sys"] {
            cpio.directory(directory);
        }
        // The kernel opens it for the first process before that can mount anything.
        cpio.character_device("dev/console", 5, 1);
        cpio.program("init", &agent.content()?);
        let mut order = String::new();
        for module in self.with_dependencies(tools, &recipe.modules("initrd", arch))? {
            let file = module.path.with_extension("");
            let file = file.file_name().unwrap_or_default().to_string_lossy();
            cpio.file(&format!("modules/{file}"), &module.content);
            order.push_str(&file);
            order.push('\n');
        }
        cpio.file("modules/order", order.as_bytes());
        Ok(cpio.finish())
    }

    /// These modules with all of their dependencies, dependencies first.
    fn with_dependencies(&self, tools: &Tools, wanted: &[String]) -> Result<Vec<Module>> {
        let mut loaded: Vec<Module> = Vec::new();
        for name in wanted {
            self.add(tools, name, &mut loaded)?;
        }
        Ok(loaded)
    }

    fn add(&self, tools: &Tools, name: &str, loaded: &mut Vec<Module>) -> Result<()> {
        if self.builtin.iter().any(|builtin| builtin == name) {
            return Ok(());
        }
        let path = self.modules.get(name).with_context(|| {
            format!(
                "the kernel {} has no module {name}: see modules.txt",
                self.version
            )
        })?;
        if loaded.iter().any(|module| module.path == *path) {
            return Ok(());
        }
        let content = tools.unxz(&self.tree.join(self.directory()).join(path))?;
        for dependency in dependencies(&content) {
            self.add(tools, &dependency, loaded)?;
        }
        loaded.push(Module {
            path: path.clone(),
            content,
        });
        Ok(())
    }
}

/// The dependencies in a module's own metadata.
fn dependencies(content: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = content.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let value = content[at + KEY.len()..]
        .split(|&byte| byte == 0)
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(value)
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect()
}

fn collect(base: &Path, directory: &Path, modules: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for path in sorted(directory)? {
        if path.is_dir() {
            collect(base, &path, modules)?;
        } else if let Some(name) = name(&path) {
            modules.insert(name, path.strip_prefix(base)?.to_owned());
        }
    }
    Ok(())
}

/// A module's name: `nf-log.ko.xz` is `nf_log`.
fn name(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let name = file
        .strip_suffix(".xz")
        .unwrap_or(file)
        .strip_suffix(".ko")?;
    Some(name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_says_what_it_depends_on() {
        let content = b"\x7fELF..\0license=GPL\0depends=nf-tables,x_tables\0retpoline=Y\0";
        assert_eq!(dependencies(content), ["nf_tables", "x_tables"]);
        assert!(dependencies(b"..\0depends=\0name=a\0").is_empty());
        assert!(dependencies(b"").is_empty());
    }

    #[test]
    fn modules_go_by_names_without_dashes() {
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(name(Path::new(path)).as_deref(), expected);
        };
        check("kernel/net/nf-log.ko.xz", Some("nf_log"));
        check("kernel/fs/ext4/ext4.ko", Some("ext4"));
        check("modules.dep", None);
    }
}
