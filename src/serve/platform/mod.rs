//! Everything that differs between operating systems. Linux is tested; macOS is kept compiling and does without what it
//! cannot know.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
pub use linux::{
    Member, Memory, MemoryMeter, MountNamespace, O_DIRECTORY, count_marked, kill_marked, kill_members, named_pipe,
    port_holder, receive_descriptor, unmap_start,
};
#[cfg(not(target_os = "linux"))]
pub use other::{
    Member, Memory, MemoryMeter, MountNamespace, O_DIRECTORY, count_marked, kill_marked, kill_members, named_pipe,
    port_holder, receive_descriptor, unmap_start,
};
