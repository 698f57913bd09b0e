//! What an ELF file says of itself: for which machine, and whether it needs others to run.
//!
//! Reads the header and the program headers, which is all that a kernel reads (System V ABI,
//! chapters 4 and 5).

use std::fmt;

use crate::image::Platform;

/// An executable that can run in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executable {
    /// What it runs on.
    pub platform: Platform,
    /// What it needs to run.
    pub linkage: Linkage,
    /// Where the last octet that is loaded ends.
    loaded: usize,
}

/// What an executable needs to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linkage {
    /// Nothing but a kernel.
    Static,
    /// An interpreter, which finds its libraries.
    Dynamic {
        /// Its absolute path.
        interpreter: String,
    },
}

/// Why a file cannot run in a container.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUsable {
    /// No ELF file: another system's.
    #[error("it is no program for Linux (no ELF file)")]
    NotElf,
    /// Not 64 bits, or big-endian.
    #[error("it is no 64-bit little-endian program")]
    OtherClass,
    /// A machine whose Docker name is not known.
    #[error("it is for a machine that is not known (ELF machine {0})")]
    OtherMachine(u16),
    /// A part of the file that the header promises is not there.
    #[error("it is damaged: {0} lies beyond its end")]
    Truncated(Part),
}

/// A part of an ELF file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The header.
    Header,
    /// A program header.
    ProgramHeader,
    /// The octets of a segment.
    Segment,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "the header",
            Self::ProgramHeader => "a program header",
            Self::Segment => "a segment",
        })
    }
}

const LOAD: u32 = 1;
const INTERPRETER: u32 = 3;
/// Where the header tells of sections: offset, then entry size, count and index of names.
const SECTION_OFFSET: std::ops::Range<usize> = 0x28..0x30;
const SECTION_COUNTS: std::ops::Range<usize> = 0x3a..0x40;

impl Executable {
    /// Reads an ELF file.
    ///
    /// # Errors
    /// When it is none that can run in a container.
    pub fn parse(file: &[u8]) -> Result<Self, NotUsable> {
        if !file.starts_with(b"\x7fELF") {
            return Err(NotUsable::NotElf);
        }
        if file.get(4..6) != Some(&[2, 1]) {
            return Err(NotUsable::OtherClass);
        }
        let header = Fields { file, part: Part::Header };
        let architecture = match header.u16(0x12)? {
            62 => "amd64",
            183 => "arm64",
            243 => "riscv64",
            other => return Err(NotUsable::OtherMachine(other)),
        };
        let (first, size, count) = (header.at(0x20)?, header.u16(0x36)?, header.u16(0x38)?);
        let mut loaded = 0x40;
        let mut linkage = Linkage::Static;
        for index in 0..usize::from(count) {
            let start = index
                .checked_mul(usize::from(size))
                .and_then(|offset| offset.checked_add(first))
                .ok_or(NotUsable::Truncated(Part::ProgramHeader))?;
            loaded = loaded.max(start.saturating_add(usize::from(size)));
            let header = Fields { file, part: Part::ProgramHeader };
            let segment = segment(file, header.at(start + 0x08)?, header.at(start + 0x20)?)?;
            match header.u32(start)? {
                LOAD => loaded = loaded.max(segment.end),
                INTERPRETER => {
                    let path = file[segment].split(|octet| *octet == 0).next().unwrap_or_default();
                    let interpreter = String::from_utf8_lossy(path).into_owned();
                    linkage = Linkage::Dynamic { interpreter };
                }
                _ => {}
            }
        }
        let platform = Platform {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            variant: String::new(),
        };
        Ok(Self { platform, linkage, loaded })
    }

    /// The file without what is never loaded: names of symbols and debug information, which are
    /// more than half of a debug build.
    pub fn without_sections(&self, file: &[u8]) -> Vec<u8> {
        let mut kept = file[..self.loaded.min(file.len())].to_vec();
        kept[SECTION_OFFSET].fill(0);
        kept[SECTION_COUNTS].fill(0);
        kept
    }
}

fn segment(file: &[u8], offset: usize, size: usize) -> Result<std::ops::Range<usize>, NotUsable> {
    match offset.checked_add(size) {
        Some(end) if end <= file.len() => Ok(offset..end),
        _ => Err(NotUsable::Truncated(Part::Segment)),
    }
}

/// Numbers in a part of a file.
struct Fields<'a> {
    file: &'a [u8],
    part: Part,
}

impl Fields<'_> {
    fn octets<const N: usize>(&self, offset: usize) -> Result<[u8; N], NotUsable> {
        offset
            .checked_add(N)
            .and_then(|end| self.file.get(offset..end))
            .and_then(|octets| octets.try_into().ok())
            .ok_or(NotUsable::Truncated(self.part))
    }

    fn u16(&self, offset: usize) -> Result<u16, NotUsable> {
        self.octets(offset).map(u16::from_le_bytes)
    }

    fn u32(&self, offset: usize) -> Result<u32, NotUsable> {
        self.octets(offset).map(u32::from_le_bytes)
    }

    /// A position or size in the file; one that no machine can have lies beyond the end.
    fn at(&self, offset: usize) -> Result<usize, NotUsable> {
        let value = self.octets(offset).map(u64::from_le_bytes)?;
        usize::try_from(value).map_err(|_| NotUsable::Truncated(self.part))
    }
}
