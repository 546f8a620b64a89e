//! What is on a display, read from the memory that its X server draws into: the window is not asked and not slowed.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use slipway_e2e::Display;
use tempfile::TempDir;

use crate::x11::{Toplevel, Windows};

/// How often the picture is looked at.
const LOOK: Duration = Duration::from_millis(4);
/// Every so manieth line of the picture is looked at.
const STEP: usize = 8;
/// A picture that does not change for so long stays as it is.
const QUIET: Duration = Duration::from_secs(2);
/// No window takes longer than this.
const PATIENCE: Duration = Duration::from_secs(30);
/// A part counts as drawn when this share of its lines is not of one colour. A spinner or a word is far less, rows of
/// text are far more.
const DRAWN: f64 = 0.2;

/// A display whose picture can be read.
pub(crate) struct Screen {
    pub(crate) display: Display,
    file: PathBuf,
    _directory: TempDir,
}

/// A part of a window, in pixels from its corner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Screen {
    pub(crate) fn start() -> Result<Self> {
        // In memory, so that no disk is written to while a window draws.
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            tempfile::tempdir_in(memory)?
        } else {
            tempfile::tempdir()?
        };
        let display = Display::with_picture_in(directory.path())?;
        Ok(Self {
            display,
            file: directory.path().join("Xvfb_screen0"),
            _directory: directory,
        })
    }

    /// Waits until a part of the window is drawn and has come to rest, and says when it was drawn. `None` is the whole
    /// window.
    pub(crate) fn wait_until_drawn(&self, part: Option<Part>) -> Result<Instant> {
        let started = Instant::now();
        let windows = Windows::of(&self.display)?;
        let window = loop {
            if let Some(window) = windows.toplevel()? {
                break window;
            }
            ensure!(started.elapsed() < PATIENCE, "no window appeared");
            std::thread::sleep(LOOK);
        };
        let picture = Picture::open(&self.file, window, part)?;
        let mut first = None;
        let mut last = Vec::new();
        let mut changed = Instant::now();
        loop {
            let now = Instant::now();
            let lines = picture.read()?;
            if lines != last {
                changed = now;
                last = lines;
                if first.is_none() && picture.is_drawn(&last) {
                    first = Some(now);
                }
            }
            if let Some(first) = first
                && changed.elapsed() > QUIET
            {
                ensure!(picture.is_drawn(&last), "the window went blank again");
                return Ok(first);
            }
            if started.elapsed() > PATIENCE {
                bail!("the window did not come to rest, or shows nothing");
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Where some lines of a window are in the file that the X server draws into (an X window dump).
struct Picture {
    file: File,
    /// Start of each line that is looked at.
    lines: Vec<u64>,
    bytes_per_line: usize,
    bytes_per_pixel: usize,
}

impl Picture {
    fn open(path: &Path, window: Toplevel, part: Option<Part>) -> Result<Self> {
        let file = File::open(path)
            .with_context(|| format!("the picture of the display, {}", path.display()))?;
        let field = |number: u64| -> Result<usize> {
            let mut bytes = [0; 4];
            file.read_exact_at(&mut bytes, number * 4)?;
            Ok(usize::try_from(u32::from_be_bytes(bytes))?)
        };
        let header = field(0)?;
        let (screen_width, screen_height) = (field(4)?, field(5)?);
        let (bits, stride, colors) = (field(11)?, field(12)?, field(19)?);
        ensure!(
            field(1)? == 7 && bits == 32,
            "no X window dump that is known"
        );
        let part = part.unwrap_or(Part {
            x: 0,
            y: 0,
            width: window.width,
            height: window.height,
        });
        let left = (window.x + part.x).min(screen_width);
        let right = (left + part.width)
            .min(window.x + window.width)
            .min(screen_width);
        let top = (window.y + part.y).min(screen_height);
        let bottom = (top + part.height)
            .min(window.y + window.height)
            .min(screen_height);
        ensure!(
            right > left && bottom > top,
            "the part lies outside of the window"
        );
        let start = header + colors * 12;
        let lines = (top..bottom)
            .step_by(STEP)
            .map(|y| u64::try_from(start + y * stride + left * 4))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            file,
            lines,
            bytes_per_line: (right - left) * 4,
            bytes_per_pixel: 4,
        })
    }

    fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.lines.len() * self.bytes_per_line];
        for (line, at) in bytes.chunks_exact_mut(self.bytes_per_line).zip(&self.lines) {
            self.file.read_exact_at(line, *at)?;
        }
        Ok(bytes)
    }

    #[expect(clippy::cast_precision_loss, reason = "a few hundred lines")]
    fn is_drawn(&self, bytes: &[u8]) -> bool {
        let many_coloured = bytes
            .chunks_exact(self.bytes_per_line)
            .filter(|line| {
                let mut pixels = line.chunks_exact(self.bytes_per_pixel);
                let first = pixels.next();
                pixels.any(|pixel| Some(pixel) != first)
            })
            .count();
        many_coloured as f64 / self.lines.len() as f64 >= DRAWN
    }
}
