//! What the shared library says of itself to the linker.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // The number changes only when the ABI breaks.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libwxsub.so.1");
        // Threads of the system's resolver may outlive a call, and thread-locals the last one: never unmap.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        if std::env::var("PROFILE").as_deref() == Ok("release") {
            // The profile's own strip leaves the symbols of the C objects.
            println!("cargo:rustc-cdylib-link-arg=-Wl,--strip-all");
        }
        link_by_soname();
    }
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("windows")
        && std::env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("gnu")
        && std::env::var("PROFILE").as_deref() == Ok("release")
    {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--strip-all");
    }
}

/// A program linked with `-Ltarget/debug -lwxsub` looks for libwxsub.so.1 when it starts, which cargo does not make.
#[cfg(unix)]
fn link_by_soname() {
    use std::path::Path;

    let out = std::env::var("OUT_DIR").unwrap_or_default();
    // target/PROFILE/build/wxsub-HASH/out
    if let Some(profile) = Path::new(&out).ancestors().nth(3) {
        for folder in [profile.to_owned(), profile.join("deps")] {
            // Already there from an earlier build, or not to be had: then the program's linker says what is missing.
            let _ = std::os::unix::fs::symlink("libwxsub.so", folder.join("libwxsub.so.1"));
        }
    }
}

#[cfg(not(unix))]
fn link_by_soname() {}
