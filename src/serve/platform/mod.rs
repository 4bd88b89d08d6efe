//! Everything that differs between operating systems. Linux is tested; macOS is kept compiling and does without what it
//! cannot know.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
pub use linux::{MemoryMeter, kill_marked, peak_memory_bytes, port_holder};
#[cfg(not(target_os = "linux"))]
pub use other::{MemoryMeter, kill_marked, peak_memory_bytes, port_holder};
