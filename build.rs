//! What the shared library says of itself to the linker.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // The number changes only when the ABI breaks.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libwxsub.so.1");
        // Threads of the system's resolver may outlive a call, and thread-locals the last one: never unmap.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
